use std::collections::{BTreeMap, VecDeque};

use alluvium_env::Clock;
use alluvium_model::digest::TableDigest;
use alluvium_runtime::{CheckpointState, JobState, Restore, SavepointFormat, TriggerStatus};

use super::oracle::Oracle;
use super::program::{Action, DELAY_MOST_MS, Program, SPLITS};
use super::read::{self, Digests};
use super::world::{Process, World};
use super::{Line, START_MS};

/// What a run came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// Hash of every choice of the scheduler, over all processes.
    pub trace: u64,
    /// What sinks committed, sorted.
    pub lines: Vec<Line>,
    /// Canonical digests of states by name, at the ends of phases.
    pub digests: BTreeMap<usize, BTreeMap<String, TableDigest>>,
    /// What happened.
    pub tally: Tally,
}

/// Counts what happened, so that a test can tell that it tests something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tally {
    /// Complete checkpoints and savepoints.
    pub completed: u64,
    /// Those that were given up.
    pub aborted: u64,
    /// Times that everything but the store was lost.
    pub crashes: u64,
    /// Processes that started from a checkpoint.
    pub from_checkpoints: u64,
    /// Processes that started from a savepoint.
    pub from_savepoints: u64,
    /// Those of both that changed the parallelism.
    pub rescaled: u64,
    /// Jobs that failed and were started again.
    pub failed: u64,
    /// Snapshots compared with the oracle, of them with runs stacked.
    pub compared: u64,
    /// Compared snapshots that had a table of several runs.
    pub stacked: u64,
    /// Compared snapshots that had a run of several sequences: one that a merge made.
    pub merged: u64,
}

/// Runs a program and compares it with the oracle.
///
/// # Errors
/// What differs, or what failed without a cause.
pub fn run(program: &Program) -> Result<Outcome, String> {
    let mut run = Run {
        program,
        oracle: Oracle::of(program),
        world: World::new(),
        actions: program.phases.iter().map(|phase| phase.actions.iter().copied().collect()).collect(),
        savepoint: None,
        digests: BTreeMap::new(),
        tally: Tally::default(),
        trace: 0,
    };
    let mut parallelism = None;
    for number in 0..PROCESSES_MOST {
        let (phase, restore) = run.newest_cut()?;
        let now = program.parallelism[number % program.parallelism.len()];
        let restored = match restore {
            Restore::From(_) => &mut run.tally.from_savepoints,
            _ => &mut run.tally.from_checkpoints,
        };
        if phase.is_some() {
            *restored += 1;
            run.tally.rescaled += u64::from(parallelism.is_some_and(|before| before != now));
        }
        parallelism = Some(now);
        let process = run.world_at(phase.unwrap_or(0)).start(program, number, restore);
        let ended = run.drive(&process, phase.unwrap_or(0)).map_err(|e| format!("process {number}: {e}"));
        let history = process.handle.checkpoints();
        run.tally.completed += history.completed;
        run.tally.aborted += history.failed;
        run.trace = (run.trace ^ process.scheduler.trace()).wrapping_mul(0x0000_0100_0000_01B3);
        process.scheduler.crash();
        if ended? == Ended::Finished {
            return run.finish();
        }
    }
    Err(format!("not finished after {PROCESSES_MOST} processes"))
}

struct Run<'a> {
    program: &'a Program,
    oracle: Oracle,
    world: World,
    /// What is left to happen, by phase: each happens once, whatever is replayed.
    actions: Vec<VecDeque<Action>>,
    /// Checkpoint id and place of the savepoint to start from, unless a checkpoint is newer.
    savepoint: Option<(u64, String)>,
    digests: BTreeMap<usize, Digests>,
    tally: Tally,
    trace: u64,
}

#[derive(Debug, PartialEq, Eq)]
enum Ended {
    Finished,
    /// The process is gone; another shall start.
    Gone,
}

impl Run<'_> {
    fn world_at(&self, phase: usize) -> &World {
        self.world.set_time(self.program.phases[phase].now_ms);
        &self.world
    }

    /// Returns the phase during which the newest cut was made, and how to start from it.
    fn newest_cut(&self) -> Result<(Option<usize>, Restore), String> {
        let latest = self.world.latest()?;
        let newest = latest.as_ref().map_or(0, |(id, _)| *id);
        let (path, restore) = match (&self.savepoint, latest) {
            (Some((id, path)), _) if *id > newest => (path.clone(), Restore::From(path.clone())),
            (_, Some((_, path))) => (path, Restore::Latest),
            (_, None) => return Ok((None, Restore::Latest)),
        };
        let as_of = self.world.open(&path)?.manifest().as_of_ms.unwrap_or(START_MS) - START_MS;
        let phase = self.program.phases.iter().position(|phase| phase.now_ms == as_of);
        Ok((Some(phase.ok_or_else(|| format!("{path} is as of {as_of} ms, when no phase was"))?), restore))
    }

    /// Takes a process through the phases from the one that it was restored in.
    fn drive(&mut self, process: &Process, from: usize) -> Result<Ended, String> {
        for phase in from..self.program.phases.len() {
            let described = &self.program.phases[phase];
            self.world_at(phase);
            if let Some(ended) = self.settle(process)? {
                return Ok(ended);
            }
            process.sluice.release(&described.released);
            while let Some(action) = self.actions[phase].pop_front() {
                if let Some(ended) = self.act(process, action)? {
                    return Ok(ended);
                }
            }
            if phase + 1 == self.program.phases.len() {
                break;
            }
            let quiet = || process.sluice.is_drained() && process.scheduler.is_quiet();
            if let Some(ended) = self.until(process, "processing what was released", quiet)? {
                return Ok(ended);
            }
            if described.cut
                && let Some(ended) = self.compare_at(process, phase)?
            {
                return Ok(ended);
            }
        }
        let ended = self.until(process, "the end", || false)?;
        ended.ok_or_else(|| "no end".to_owned())
    }

    /// Lets processing-time timers fire that are due by the program's clock.
    fn settle(&mut self, process: &Process) -> Result<Option<Ended>, String> {
        let until_ns = process.elapsed.monotonic_ns() + (DELAY_MOST_MS as u64 + 1) * 1_000_000;
        self.until(process, "starting", || {
            process.handle.state() == JobState::Running
                && process.elapsed.monotonic_ns() >= until_ns
                && process.scheduler.is_quiet()
        })
    }

    /// Steps until a condition holds, or the job has ended.
    fn until(
        &mut self,
        process: &Process,
        what: &str,
        mut done: impl FnMut() -> bool,
    ) -> Result<Option<Ended>, String> {
        let ended = || process.handle.state().is_terminal();
        if !process.scheduler.run_until(STEPS_MOST, || ended() || done()) {
            return Err(format!(
                "stuck while {what}: {:?} {:?}",
                process.handle.status(),
                process.handle.checkpoints()
            ));
        }
        match process.handle.state() {
            JobState::Finished => Ok(Some(Ended::Finished)),
            state if state.is_terminal() => {
                self.tally.failed += 1;
                let why = process.handle.status().failure.unwrap_or_default();
                if self.program.faults == 0 { Err(format!("failed: {why}")) } else { Ok(Some(Ended::Gone)) }
            }
            _ => Ok(None),
        }
    }

    fn act(&mut self, process: &Process, action: Action) -> Result<Option<Ended>, String> {
        let format = |native| if native { SavepointFormat::Native } else { SavepointFormat::Canonical };
        match action {
            Action::Steps(steps) => {
                process.scheduler.run_until(steps, || process.handle.state().is_terminal());
                self.until(process, "stepping", || true)
            }
            Action::Checkpoint => {
                process.handle.trigger_checkpoint();
                Ok(None)
            }
            Action::Savepoint { native } => {
                process.handle.trigger_savepoint(Some("saved".into()), format(native));
                Ok(None)
            }
            Action::Crash => {
                self.tally.crashes += 1;
                Ok(Some(Ended::Gone))
            }
            Action::CrashAtManifest(steps) => self.crash_at_manifest(process, steps),
            Action::SavepointAndCrash { native } => {
                let trigger = process.handle.trigger_savepoint(Some("saved".into()), format(native));
                match self.outcome(process, trigger)? {
                    Asked::Done(id, path) => {
                        self.savepoint = Some((id, path));
                        self.tally.crashes += 1;
                        Ok(Some(Ended::Gone))
                    }
                    Asked::Nothing => Ok(None),
                    Asked::Ended(ended) => Ok(Some(ended)),
                }
            }
            Action::Stop { native } => {
                let trigger = process.handle.stop(Some("saved".into()), false, format(native));
                match self.outcome(process, trigger)? {
                    Asked::Done(id, path) => {
                        self.savepoint = Some((id, path));
                        Ok(Some(Ended::Gone))
                    }
                    Asked::Nothing => Ok(None),
                    Asked::Ended(ended) => Ok(Some(ended)),
                }
            }
        }
    }

    /// Crashes while a manifest is on its way, or sinks are told of it.
    fn crash_at_manifest(&mut self, process: &Process, steps: u64) -> Result<Option<Ended>, String> {
        let trigger = process.handle.trigger_checkpoint();
        let near = || {
            let newest = process.handle.checkpoints().entries.into_iter().next();
            let cut =
                newest.is_some_and(|c| c.state == CheckpointState::InProgress && c.tasks_done == c.tasks);
            cut || process.handle.trigger(trigger) != Some(TriggerStatus::InProgress)
        };
        if let Some(ended) = self.until(process, "waiting for a cut", near)? {
            return Ok(Some(ended));
        }
        process.scheduler.run_until(steps, || process.handle.state().is_terminal());
        self.tally.crashes += 1;
        Ok(Some(Ended::Gone))
    }

    /// Waits for what was asked for.
    fn outcome(&mut self, process: &Process, trigger: u64) -> Result<Asked, String> {
        let settled = || process.handle.trigger(trigger) != Some(TriggerStatus::InProgress);
        let ended = self.until(process, "waiting for a snapshot", settled);
        if let Some(TriggerStatus::Completed { checkpoint_id, path }) = process.handle.trigger(trigger) {
            return Ok(Asked::Done(checkpoint_id, path));
        }
        Ok(ended?.map_or(Asked::Nothing, Asked::Ended))
    }

    /// Takes snapshots of every layout of the same cut and compares them.
    fn compare_at(&mut self, process: &Process, phase: usize) -> Result<Option<Ended>, String> {
        let layouts = [None, Some(SavepointFormat::Canonical), Some(SavepointFormat::Native)];
        // Of undisturbed runs, one of each two is taken: their digests meet those of the others.
        let calm = self.program.parallelism.len() == 1;
        let taken = |layout: usize| {
            !calm || !(phase + layout + self.program.parallelism[0] as usize).is_multiple_of(2)
        };
        for (_, layout) in layouts.into_iter().enumerate().filter(|(layout, _)| taken(*layout)) {
            let trigger = match layout {
                None => process.handle.trigger_checkpoint(),
                Some(format) => process.handle.trigger_savepoint(Some("compared".into()), format),
            };
            match self.outcome(process, trigger)? {
                Asked::Done(_, path) => {
                    self.compare(&path, phase).map_err(|e| format!("{path} after phase {phase}: {e}"))?;
                }
                Asked::Nothing if self.is_undisturbed() => {
                    let entries = process.handle.checkpoints().entries;
                    let failed = entries.into_iter().find(|e| e.state == CheckpointState::Failed);
                    return Err(format!("a snapshot was given up: {failed:?}"));
                }
                Asked::Nothing => {}
                Asked::Ended(ended) => return Ok(Some(ended)),
            }
        }
        Ok(None)
    }

    fn is_undisturbed(&self) -> bool {
        self.program.faults == 0 && self.program.timeout_ms >= 1_000_000
    }

    fn compare(&mut self, path: &str, phase: usize) -> Result<(), String> {
        let snapshot = self.world.open(path)?;
        let (rows, digests) = read::read(&snapshot)?;
        if let Some(difference) = rows.difference(&self.oracle.rows[phase]) {
            return Err(difference);
        }
        let tables = || snapshot.manifest().operators.iter().flat_map(|operator| &operator.tables);
        let keyed =
            |runs: &[alluvium_format::RunRef]| runs.iter().filter(|run| run.subtask.is_none()).count();
        self.tally.compared += 1;
        self.tally.stacked += u64::from(tables().any(|table| keyed(&table.runs) > SPLITS));
        let merged = |run: &alluvium_format::RunRef| run.sequence.0 < run.sequence.1;
        self.tally.merged += u64::from(tables().any(|table| table.runs.iter().any(merged)));
        let first = self.digests.entry(phase).or_insert_with(|| digests.clone());
        if *first != digests {
            return Err(format!("digests {digests:?} instead of {first:?}"));
        }
        Ok(())
    }

    fn finish(mut self) -> Result<Outcome, String> {
        let mut lines = self.world.out.committed();
        lines.sort();
        compare_lines(&lines, &self.oracle.lines)?;
        let (_, path) = self.world.latest()?.ok_or("a finished job left no checkpoint")?;
        let last = self.program.phases.len() - 1;
        self.compare(&path, last).map_err(|e| format!("the last checkpoint: {e}"))?;
        Ok(Outcome { trace: self.trace, lines, digests: self.digests, tally: self.tally })
    }
}

enum Asked {
    Done(u64, String),
    Nothing,
    Ended(Ended),
}

/// Says what was lost or doubled.
fn compare_lines(found: &[Line], expected: &[Line]) -> Result<(), String> {
    if found == expected {
        return Ok(());
    }
    let mut counts: BTreeMap<&Line, i64> = BTreeMap::new();
    found.iter().for_each(|line| *counts.entry(line).or_default() += 1);
    expected.iter().for_each(|line| *counts.entry(line).or_default() -= 1);
    let odd: Vec<_> = counts.into_iter().filter(|(_, n)| *n != 0).take(6).collect();
    Err(format!("{} lines instead of {}; too many (+) or too few (-): {odd:?}", found.len(), expected.len()))
}

/// Most steps that anything waited for may take.
const STEPS_MOST: u64 = 400_000;
const PROCESSES_MOST: usize = 60;
