//! Random programs on the real runtime, against ordered maps.
//!
//! A [`Program`] is a script of operations on keyed state and of what happens meanwhile:
//! checkpoints, aborts, crashes, restores, stops and changes of parallelism. [`run`] runs it under
//! the seeded scheduler over a memory store; [`check`] compares what sinks committed and what
//! snapshots hold with an oracle, and digests across parallelism and layout. The clock is the
//! program's: it stands still within a phase, so that expiry does not depend on the schedule.

mod job;
mod oracle;
mod program;
mod read;
mod run;
mod shrink;
mod world;

use std::collections::BTreeMap;

pub use alluvium_runtime::planted::Bug;
pub use program::{Action, Op, Phase, Program, SPLITS, TTL_MS};
pub use run::{Outcome, Tally, run};
pub use shrink::{Failure, shrink};

/// What the job writes: key, time, and the state of the key after that.
pub type Line = (i64, i64, String);

/// Runs the program of a seed, disturbed and undisturbed at parallelism 1, 2 and 3.
///
/// # Errors
/// The smallest program found that fails, and how.
pub fn check(seed: u64) -> Result<Outcome, Box<Failure>> {
    let program = Program::of_seed(seed);
    let outcome = run(&program).map_err(|reason| Box::new(shrink(&program, reason)))?;
    let mut digests = outcome.digests.clone();
    for parallelism in 1..=3 {
        let calm = program.undisturbed(parallelism);
        let undisturbed = run(&calm).map_err(|reason| Box::new(shrink(&calm, reason)))?;
        for (phase, found) in undisturbed.digests {
            let expected = digests.entry(phase).or_insert_with(|| found.clone());
            if *expected != found {
                let reason = format!(
                    "digests after phase {phase} at parallelism {parallelism}: {found:?} instead of {expected:?}"
                );
                return Err(Box::new(Failure { program: calm, reason }));
            }
        }
    }
    Ok(outcome)
}

/// Runs with a bug planted on this thread.
#[cfg(debug_assertions)]
pub fn with_bug<T>(bug: Bug, run: impl FnOnce() -> T) -> T {
    alluvium_runtime::planted::plant(Some(bug));
    let result = run();
    alluvium_runtime::planted::plant(None);
    result
}

/// When the clock of a program starts.
const START_MS: i64 = 1_356_998_400_000;

/// The rows of states as text, by name of the state.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct StateRows {
    states: BTreeMap<String, Vec<String>>,
}

impl StateRows {
    fn add(&mut self, state: &str, row: String) {
        let rows = self.states.entry(state.to_owned()).or_default();
        let at = rows.partition_point(|other| *other < row);
        rows.insert(at, row);
    }

    /// Says where this differs from what is expected.
    fn difference(&self, expected: &StateRows) -> Option<String> {
        let names: Vec<&String> = self.states.keys().chain(expected.states.keys()).collect();
        let empty = Vec::new();
        for name in names {
            let found = self.states.get(name).unwrap_or(&empty);
            let wanted = expected.states.get(name).unwrap_or(&empty);
            if found != wanted {
                let extra: Vec<_> = found.iter().filter(|row| !wanted.contains(row)).collect();
                let missing: Vec<_> = wanted.iter().filter(|row| !found.contains(row)).collect();
                return Some(format!("state {name}: extra {extra:?}, missing {missing:?}"));
            }
        }
        None
    }
}

fn line_text(value: Option<i64>, map: &[(i64, i64)], list: &[i64], total: Option<i64>) -> String {
    format!("{value:?} {map:?} {list:?} {total:?}")
}
