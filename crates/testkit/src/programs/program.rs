use alluvium_env::{Random, SeededRandom};

/// Splits of the source, whatever the parallelism.
pub const SPLITS: usize = 4;
/// Time to live of list elements, by the program's clock.
pub const TTL_MS: i64 = 50;
/// Longest delay of a processing-time timer.
pub(super) const DELAY_MOST_MS: i64 = 60;

/// What one record does to the state of its key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Op {
    /// Nothing; stands where a smaller program has lost an operation.
    Nothing,
    /// Sets the value.
    Put(i64),
    /// Removes the value.
    Delete,
    /// Sets an entry of the map.
    PutEntry(i64, i64),
    /// Removes an entry of the map.
    DeleteEntry(i64),
    /// Clears the map.
    ClearMap,
    /// Appends to the list, whose elements expire.
    Append(i64),
    /// Replaces the list.
    Replace(i64, i64),
    /// Clears the list.
    ClearList,
    /// Adds to the reducing state.
    Add(i64),
    /// Clears the reducing state.
    ClearTotal,
    /// Registers an event-time timer so many steps ahead, with a number to apply.
    Timer(i64, i64),
    /// Deletes the earliest of those timers.
    DeleteTimer,
    /// Registers a processing-time timer so many milliseconds ahead.
    Alarm(i64),
}

/// What happens to the run while records flow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// The scheduler takes so many steps.
    Steps(u64),
    /// A checkpoint is asked for; nobody waits for it.
    Checkpoint,
    /// A savepoint is asked for; nobody waits for it.
    Savepoint {
        /// Whether runs are copied as they are.
        native: bool,
    },
    /// Everything but the store is lost.
    Crash,
    /// The same, so many steps after every task has done its part of a checkpoint.
    CrashAtManifest(u64),
    /// A savepoint is taken, everything but the store is lost, and the job starts from it.
    SavepointAndCrash {
        /// Whether runs are copied as they are.
        native: bool,
    },
    /// The job is stopped with a savepoint and starts from it.
    Stop {
        /// Whether runs are copied as they are.
        native: bool,
    },
}

/// A stretch of a program during which the clock stands still.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Phase {
    /// The program's clock, in milliseconds after its start.
    pub now_ms: i64,
    /// How many records of each split have been released by its end.
    pub released: [usize; SPLITS],
    /// What happens meanwhile.
    pub actions: Vec<Action>,
    /// Whether snapshots are taken at its end, when everything released has been processed.
    pub cut: bool,
}

/// A random program: records, and what happens while they are processed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Program {
    /// The seed that it and its schedule follow from.
    pub seed: u64,
    /// Key and operation of every record, by split; times ascend through all splits.
    pub splits: Vec<Vec<(i64, Op)>>,
    /// Phases; at the end of the last the input ends.
    pub phases: Vec<Phase>,
    /// Parallelism of each process that runs the job, in turn.
    pub parallelism: Vec<u32>,
    /// One store call in so many fails; none when 0.
    pub faults: u64,
    /// Milliseconds after which a checkpoint is aborted.
    pub timeout_ms: u64,
    /// Batches that a queue between two tasks holds.
    pub capacity: usize,
}

impl Program {
    /// Draws a program from a seed.
    pub fn of_seed(seed: u64) -> Self {
        let random = SeededRandom::new(seed ^ 0x616C_6C75_7669_756D);
        let each = 12 + pick(&random, 30) as usize;
        let keys = 1 + pick(&random, 7);
        let record = || (pick(&random, keys), op(&random));
        let splits: Vec<Vec<_>> = (0..SPLITS).map(|_| (0..each).map(|_| record()).collect()).collect();
        let count = 2 + pick(&random, 4) as usize;
        let mut released = [0; SPLITS];
        let mut now_ms = 0;
        let mut phases = Vec::new();
        for phase in 0..count {
            for split in &mut released {
                // Every phase moves every split, so that its watermark says where it ends.
                let target = each * (phase + 1) / count;
                let early = pick(&random, 3) as usize;
                *split = if phase + 1 == count { each } else { target.saturating_sub(early).max(*split + 1) };
            }
            phases.push(Phase { now_ms, released, actions: actions(&random), cut: random.below(3) > 0 });
            now_ms += 1 + pick(&random, 40);
        }
        Program {
            seed,
            splits,
            phases,
            parallelism: (0..8).map(|_| 1 + random.below(3) as u32).collect(),
            faults: [0, 0, 0, 60, 150][random.below(5) as usize],
            timeout_ms: [1_000_000, 1_000_000, 200, 40][random.below(4) as usize],
            capacity: 1 + random.below(6) as usize,
        }
    }

    /// Returns the same records and phases with nothing but cuts happening, at one parallelism.
    pub fn undisturbed(&self, parallelism: u32) -> Self {
        let calm = |phase: &Phase| Phase { actions: Vec::new(), cut: true, ..phase.clone() };
        Program {
            phases: self.phases.iter().map(calm).collect(),
            parallelism: vec![parallelism],
            faults: 0,
            timeout_ms: 1_000_000,
            ..self.clone()
        }
    }

    /// Returns the event time of a record.
    pub fn time_of(split: usize, index: usize) -> i64 {
        2 * (index * SPLITS + split) as i64 + 2
    }

    /// Returns the watermark at the end of a phase.
    pub fn watermark_after(&self, phase: usize) -> i64 {
        if phase + 1 == self.phases.len() {
            return i64::MAX;
        }
        let released = self.phases[phase].released.iter().enumerate();
        let watermark = |(split, read): (usize, &usize)| match *read {
            0 => i64::MIN,
            read if read == self.splits[split].len() => i64::MAX,
            read => Program::time_of(split, read - 1) - 1,
        };
        released.map(watermark).min().unwrap_or(i64::MAX)
    }
}

fn pick(random: &SeededRandom, bound: i64) -> i64 {
    random.below(bound as u64) as i64
}

fn op(random: &SeededRandom) -> Op {
    match random.below(20) {
        0..2 => Op::Put(pick(random, 100)),
        2 => Op::Delete,
        3..6 => Op::PutEntry(pick(random, 5), pick(random, 100)),
        6..8 => Op::DeleteEntry(pick(random, 5)),
        8 => Op::ClearMap,
        9..12 => Op::Append(pick(random, 100)),
        12 => Op::Replace(pick(random, 100), pick(random, 100)),
        13 => Op::ClearList,
        14 => Op::Add(pick(random, 100)),
        15 => Op::ClearTotal,
        16..18 => Op::Timer(pick(random, 30), pick(random, 100)),
        18 => Op::DeleteTimer,
        _ => Op::Alarm(1 + pick(random, DELAY_MOST_MS)),
    }
}

fn actions(random: &SeededRandom) -> Vec<Action> {
    let count = random.below(7);
    let mut actions = Vec::new();
    for _ in 0..count {
        actions.push(Action::Steps(random.below(400)));
        actions.push(action(random));
    }
    actions
}

fn action(random: &SeededRandom) -> Action {
    let native = random.below(2) == 0;
    match random.below(14) {
        0..7 => Action::Checkpoint,
        7 => Action::Savepoint { native },
        8..10 => Action::Crash,
        10..12 => Action::CrashAtManifest(random.below(40)),
        12 => Action::SavepointAndCrash { native },
        _ => Action::Stop { native },
    }
}
