use std::fmt;

use super::program::{Op, Program};
use super::run;

/// A program that fails, made as small as was found.
pub struct Failure {
    /// The program; its seed is that of the schedule too.
    pub program: Program,
    /// How it fails.
    pub reason: String,
}

impl fmt::Debug for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "seed {}: {}", self.program.seed, self.reason)?;
        let Program { parallelism, faults, timeout_ms, capacity, .. } = &self.program;
        writeln!(
            f,
            "parallelism {parallelism:?}, one fault in {faults}, timeout {timeout_ms} ms, queues of {capacity}"
        )?;
        for phase in &self.program.phases {
            writeln!(
                f,
                "at {} ms, released {:?}, cut {}: {:?}",
                phase.now_ms, phase.released, phase.cut, phase.actions
            )?;
        }
        for (split, records) in self.program.splits.iter().enumerate() {
            let rest = records.iter().enumerate().filter(|(_, (_, op))| *op != Op::Nothing);
            let rest: Vec<_> = rest.map(|(i, (key, op))| (i, key, op)).collect();
            writeln!(f, "split {split}, {} records: {rest:?}", records.len())?;
        }
        Ok(())
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

/// Looks for a smaller program that fails too: fewer operations, actions and faults.
pub fn shrink(program: &Program, reason: String) -> Failure {
    let mut best = Failure { program: program.clone(), reason };
    let mut tries = TRIES_MOST;
    loop {
        let before = best.program.clone();
        for simpler in simpler(&before) {
            let Some(left) = tries.checked_sub(1) else { return best };
            tries = left;
            // Candidates were made from `before`; one that undoes what was gained is passed over.
            if weight(&simpler) < weight(&best.program)
                && let Err(reason) = run(&simpler)
            {
                best = Failure { program: simpler, reason };
                break;
            }
        }
        if best.program == before {
            return best;
        }
    }
}

fn weight(program: &Program) -> usize {
    let ops = program.splits.iter().flatten().filter(|(_, op)| *op != Op::Nothing).count();
    let actions: usize = program.phases.iter().map(|p| 2 * p.actions.len() + usize::from(p.cut)).sum();
    let parallel: u32 = program.parallelism.iter().sum();
    ops + actions + parallel as usize + usize::from(program.faults > 0)
}

/// Returns programs with a part taken out, largest parts first.
fn simpler(program: &Program) -> Vec<Program> {
    let mut found = Vec::new();
    let with = |change: &dyn Fn(&mut Program)| {
        let mut changed = program.clone();
        change(&mut changed);
        changed
    };
    found.push(with(&|p| p.faults = 0));
    for phase in 0..program.phases.len() {
        found.push(with(&|p| p.phases[phase].actions.clear()));
        found.push(with(&|p| p.phases[phase].cut = false));
    }
    let records = program.splits[0].len();
    for pieces in [2, 4, 8, records] {
        for (split, piece) in (0..program.splits.len()).flat_map(|s| (0..pieces).map(move |i| (s, i))) {
            let range = piece * records / pieces..(piece + 1) * records / pieces;
            found.push(with(&|p| {
                p.splits[split][range.clone()].iter_mut().for_each(|(_, op)| *op = Op::Nothing)
            }));
        }
    }
    for phase in 0..program.phases.len() {
        for action in 0..program.phases[phase].actions.len() {
            found.push(with(&|p| {
                p.phases[phase].actions.remove(action);
            }));
        }
    }
    for process in 0..program.parallelism.len() {
        found.push(with(&|p| p.parallelism[process] = 1));
    }
    found
}

/// Most programs that are tried.
const TRIES_MOST: usize = 200;
