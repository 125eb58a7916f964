use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex};

use alluvium_dataflow::testing::{Collected, VecSource};
use alluvium_dataflow::{
    Declare, Job, JobBuilder, KeyedContext, KeyedProcess, MAX_TIME, OperatorError, OperatorResult, Timer,
};
use alluvium_env::{Clock, Env, SimulatedClock};
use alluvium_model::ErrorKind;
use alluvium_runtime::{
    CheckpointConfig, Error, JobHandle, Places, RestartStrategy, Restore, RunConfig, Runtime,
    SeededScheduler, SteppedStore,
};
use alluvium_state::{MapState, Timers, ValueState};
use alluvium_store::{MemoryStore, ObjectPath, Store, SubStore};

/// A record: key and amount.
pub(crate) type Paid = (i64, i64);
/// What the job writes: key, event time, running total at that time; at the end the count.
pub(crate) type Line = (i64, i64, i64);

/// Applies payments in the order of event time and gives the running total with each.
struct Totals {
    total: ValueState<i64>,
    count: ValueState<i64>,
    waiting: MapState<(i64, i64), i64>,
    timers: Timers,
    bomb: Option<Bomb>,
}

/// Panics once at a key's record, in a world that outlives tasks.
#[derive(Clone)]
pub(crate) struct Bomb {
    left: Arc<Mutex<HashMap<i64, u32>>>,
}

impl Bomb {
    pub(crate) fn at(keys: &[(i64, u32)]) -> Self {
        Bomb { left: Arc::new(Mutex::new(keys.iter().copied().collect())) }
    }

    fn tick(&self, key: i64) -> OperatorResult {
        let mut left = self.left.lock().unwrap();
        let Some(n) = left.get_mut(&key) else { return Ok(()) };
        if *n == 0 {
            left.remove(&key);
            return Err(OperatorError::new(ErrorKind::Retry, "a bomb went off"));
        }
        *n -= 1;
        Ok(())
    }
}

impl KeyedProcess for Totals {
    type Key = i64;
    type In = Paid;
    type Out = Line;

    fn process(&mut self, (key, amount): Paid, ctx: &mut KeyedContext<'_, i64, Line>) -> OperatorResult {
        if let Some(bomb) = &self.bomb {
            bomb.tick(key)?;
        }
        let time = ctx.time_ms();
        self.waiting.put(ctx, (time, amount), amount);
        self.timers.register_event(ctx, time);
        self.timers.register_event(ctx, MAX_TIME);
        Ok(())
    }

    fn on_timer(&mut self, timer: Timer, ctx: &mut KeyedContext<'_, i64, Line>) -> OperatorResult {
        let key = *ctx.key();
        if timer.timestamp == MAX_TIME {
            let count = self.count.get(ctx).unwrap_or(0);
            ctx.emit((key, MAX_TIME, count));
            return Ok(());
        }
        while let Some((at, amount)) = self.waiting.first(ctx) {
            if at.0 > timer.timestamp {
                break;
            }
            self.waiting.remove(ctx, &at);
            let total = self.total.get(ctx).unwrap_or(0) + amount;
            self.total.set(ctx, total);
            let count = self.count.get(ctx).unwrap_or(0) + 1;
            self.count.set(ctx, count);
            ctx.emit((key, at.0, total));
        }
        Ok(())
    }
}

/// Makes records in splits, each in the order of event time.
pub(crate) fn payments(splits: usize, each: usize, keys: i64) -> Vec<Vec<(Paid, i64)>> {
    let record = |s: usize, i: usize| {
        let n = (i * splits + s) as i64;
        (((n * 7919) % keys, n % 97 + 1), n)
    };
    (0..splits).map(|s| (0..each).map(|i| record(s, i)).collect()).collect()
}

pub(crate) fn totals_job(
    input: Vec<Vec<(Paid, i64)>>,
    out: &Collected<Line>,
    rate: Option<u64>,
    bomb: Option<Bomb>,
) -> Job {
    let builder = JobBuilder::new("totals");
    builder
        .source(VecSource::of_splits(input))
        .uid("payments")
        .rate(rate)
        .key_by(|(key, _): &Paid| *key)
        .process(move |states: &mut Declare<i64>| Totals {
            total: states.value("total"),
            count: states.value("count"),
            waiting: states.map("waiting"),
            timers: states.timers(),
            bomb: bomb.clone(),
        })
        .uid("totals")
        .sink(out.sink())
        .uid("lines");
    builder.build().unwrap()
}

/// Computes what the job must write, sorted.
pub(crate) fn expected(input: &[Vec<(Paid, i64)>]) -> Vec<Line> {
    let mut all: Vec<(i64, Paid)> = input.iter().flatten().map(|(paid, time)| (*time, *paid)).collect();
    all.sort();
    let mut totals: BTreeMap<i64, (i64, i64)> = BTreeMap::new();
    let mut lines = Vec::new();
    for (time, (key, amount)) in all {
        let (total, count) = totals.entry(key).or_default();
        *total += amount;
        *count += 1;
        lines.push((key, time, *total));
    }
    lines.extend(totals.into_iter().map(|(key, (_, count))| (key, MAX_TIME, count)));
    lines.sort();
    lines
}

pub(crate) fn sorted(out: &Collected<Line>) -> Vec<Line> {
    let mut lines = out.committed();
    lines.sort();
    lines
}

pub(crate) fn config(parallelism: u32, interval_ms: u64) -> RunConfig {
    RunConfig {
        parallelism,
        restore: Restore::Latest,
        checkpoints: CheckpointConfig { interval_ms: Some(interval_ms), ..CheckpointConfig::default() },
        restart: RestartStrategy::FixedDelay { attempts: 10, delay_ms: 1 },
        channel_capacity: 4,
        ..RunConfig::default()
    }
}

/// Folders of one memory store.
pub(crate) struct MemoryPlaces(pub(crate) Arc<dyn Store>);

impl Places for MemoryPlaces {
    fn open(&self, location: &str) -> Result<Arc<dyn Store>, Error> {
        Ok(Arc::new(SubStore::new(Arc::clone(&self.0), ObjectPath::new(location).unwrap())))
    }

    fn locate(&self, location: &str) -> Result<(Arc<dyn Store>, ObjectPath, String), Error> {
        let path = ObjectPath::new("savepoint.manifest").unwrap();
        Ok((self.open(location)?, path, location.to_owned()))
    }
}

/// A world under a seed: a store that outlives crashes, and what sinks wrote.
pub(crate) struct World {
    pub(crate) store: Arc<dyn Store>,
    /// The clock of every process and of the store.
    pub(crate) clock: Arc<SimulatedClock>,
    pub(crate) out: Collected<Line>,
    pub(crate) seed: u64,
    /// One store call in so many fails; none when 0.
    pub(crate) faults: u64,
}

impl World {
    pub(crate) fn new(seed: u64) -> Self {
        let clock = Arc::new(SimulatedClock::default());
        let store = Arc::new(MemoryStore::with_clock(Arc::clone(&clock) as Arc<dyn Clock>));
        World { store, clock, out: Collected::new(), seed, faults: 0 }
    }

    /// Starts the job in a new process.
    pub(crate) fn start(
        &self,
        job: &Job,
        config: RunConfig,
        process: u64,
    ) -> (Arc<SeededScheduler>, JobHandle) {
        let clock = Arc::clone(&self.clock);
        let seed = self.seed.wrapping_mul(1000) + process;
        let env = Env::simulated_with_clock(seed, Arc::clone(&clock));
        let scheduler = SeededScheduler::new(seed, clock);
        let stepped = SteppedStore::new(Arc::clone(&self.store), Arc::clone(&env.random));
        let store: Arc<dyn Store> = Arc::new(stepped.failing_one_in(self.faults));
        let root: Arc<dyn Store> =
            Arc::new(SubStore::new(Arc::clone(&store), ObjectPath::new("root").unwrap()));
        let places = Arc::new(MemoryPlaces(store));
        let runtime =
            Runtime::new(Arc::clone(&scheduler) as Arc<dyn alluvium_runtime::Scheduler>, env, places);
        let handle = runtime.start(job, config, root, "root");
        (scheduler, handle)
    }

    /// Runs the job to its end.
    pub(crate) fn finish(&self, job: &Job, config: RunConfig, process: u64) -> JobHandle {
        let (scheduler, handle) = self.start(job, config, process);
        let ended = scheduler.run_until(MOST_STEPS, || handle.state().is_terminal());
        assert!(ended, "seed {}: {:?} {:?}", self.seed, handle.status(), handle.checkpoints());
        handle
    }
}

pub(crate) const MOST_STEPS: u64 = 3_000_000;
