//! What Flink does at a restore: its rules over operators, states and serializers.
//!
//! The rules are those of the side that restores. Without a release they are those of Flink 1: no time to
//! live may be switched, and Kryo is not looked at.

mod avro;
mod findings;
mod finished;
mod in_flight;
mod release;
mod resolve;
mod states;
#[cfg(test)]
mod tests;

use alluvium_model::{Finished, StateKind};

use crate::check::Run;
use crate::contract::{Contract, OperatorContract, StateContract};
use crate::finding::Finding;
use crate::pairing::pair;
use crate::report::Verdict;
use crate::rules::*;
use release::Pack;
use resolve::Engines;

/// Compares the side that wrote state with the side of Flink that is to read it.
pub(crate) fn check(run: &mut Run, old: &Contract, new: &Contract) {
    let (before, now) = (Pack::of(&old.engine), Pack::of(&new.engine));
    let restore = Restore {
        engines: Engines {
            old_kryo: before.as_ref().map(|pack| pack.kryo),
            new_kryo: now.as_ref().map(|pack| pack.kryo),
            ttl_migration: now.as_ref().is_some_and(|pack| pack.ttl_migration),
        },
        on_heap: new.backend.as_deref() == Some("hashmap"),
        knows_uids: new.operators.iter().any(|operator| operator.uid.is_some()),
    };
    if let (Some(before), Some(now)) = (before, now)
        && before.metadata > now.metadata
    {
        run.refuse(
            Finding::new(&VER002, "the snapshot")
                .sees(format!(
                    "metadata of version {}, read are versions up to {}",
                    before.metadata, now.metadata
                ))
                .consequence("the older release does not read the metadata: the restore is refused")
                .fix("restore with the release that wrote it, or a newer one"),
        );
    }
    backend(run, old, new);
    in_flight::check(run, old, new);
    finished::check(run, old, new);
    let pairs = pair(old, new);
    for (old, new) in &pairs.same {
        restore.operator(run, old, new);
    }
    for (old, new) in pairs.renamed.iter().filter(|(old, _)| !old.states.is_empty()) {
        run.renamed(old, new, restore.knows_uids);
    }
    for (old, similar) in pairs.removed.iter().filter(|(old, _)| !old.states.is_empty()) {
        run.removed(old, *similar);
    }
    let gone = pairs.renamed.iter().map(|(old, _)| old).chain(pairs.removed.iter().map(|(old, _)| old));
    for old in gone.filter(|old| old.states.is_empty() && old.coordinator) {
        run.coordinator_removed(old);
    }
    for new in pairs.added.iter().filter(|new| !new.states.is_empty()) {
        run.added(new, restore.knows_uids);
        new.states.iter().for_each(|state| findings::new_kryo(run, new, state));
    }
}

/// Only canonical savepoints can change the backend: others are its own files (`IncrementalRemoteKeyedStateHandle`,
/// `KeyGroupsStateHandle`, which `StateBackend` restores from its own kind only).
fn backend(run: &mut Run, old: &Contract, new: &Contract) {
    let (Some(before), Some(now), Some(layout)) = (&old.backend, &new.backend, &old.layout) else { return };
    if before != now && layout != "canonical" {
        run.refuse(
            Finding::new(&BCK001, "the snapshot")
                .sees(format!("{now}, was {before}, and the snapshot is {layout}"))
                .consequence("the new backend cannot read the files of the old one: the restore fails")
                .fix("take a canonical savepoint with the old backend, and restore that"),
        );
    }
}

/// What the rules depend on.
struct Restore {
    engines: Engines,
    on_heap: bool,
    knows_uids: bool,
}

impl Restore {
    fn operator(&self, run: &mut Run, old: &OperatorContract, new: &OperatorContract) {
        let lost_uid = self.knows_uids && new.uid.is_none() && old.uid.is_some();
        if lost_uid && old.uid.as_ref().is_some_and(|uid| uid.id() != new.id) {
            run.uid_missing(new);
        }
        parallelism(run, old, new);
        if old.finished == Finished::Fully {
            // It stays finished: none of its states is restored, and none starts empty.
            return;
        }
        if inherits(old, new) {
            return inherited(run, old, new);
        }
        self.key(run, old, new);
        self.compare(run, old, new);
    }
}

/// A job vertex takes state of another number of key groups only if its own was not set by hand
/// (`Checkpoints.loadAndValidateCheckpoint`, `VertexParallelismInformation.canRescaleMaxParallelism`).
fn parallelism(run: &mut Run, old: &OperatorContract, new: &OperatorContract) {
    if old.max_parallelism != new.max_parallelism && new.max_parallelism_set != Some(false) {
        run.refuse(
            Finding::new(&PAR001, new.label())
                .sees(format!("{} key groups, were {}", new.max_parallelism, old.max_parallelism))
                .consequence("every key would lie in another key group: the restore is refused, with -n too")
                .fix(format!("setMaxParallelism({}) on this operator, or on the job", old.max_parallelism)),
        );
    }
    let unchanged = (old.parallelism, old.max_parallelism) == (new.parallelism, new.max_parallelism);
    if new.parallelism > old.max_parallelism && !unchanged {
        run.refuse(
            Finding::new(&PAR002, new.label())
                .sees(format!("parallelism {} over {} key groups", new.parallelism, old.max_parallelism))
                .consequence("some subtasks would own no key group: the restore is refused")
                .fix(format!("lower the parallelism to {} or less", old.max_parallelism)),
        );
    }
}

fn is_timer(state: &StateContract) -> bool {
    matches!(state.schema.kind, StateKind::Timer(_))
}

/// Returns whether an operator has only the generated id of another one: nothing else of it is there.
fn inherits(old: &OperatorContract, new: &OperatorContract) -> bool {
    let given =
        |operator: &OperatorContract| operator.uid.as_ref().is_some_and(|uid| uid.id() == operator.id);
    let same_name = old.name.is_some() && old.name == new.name;
    let own = |operator: &OperatorContract| operator.states.iter().any(|state| !is_timer(state));
    let shared = old
        .states
        .iter()
        .filter(|state| !is_timer(state))
        .any(|state| new.states.iter().any(|other| other.schema.name == state.schema.name));
    own(old) && !given(old) && !given(new) && !same_name && !shared
}

fn inherited(run: &mut Run, old: &OperatorContract, new: &OperatorContract) {
    let names: Vec<&str> = old.states.iter().map(|state| state.schema.name.as_str()).collect();
    run.findings.push(
        Finding::new(&OPR004, new.label())
            .sees(format!("has the id of {}, and none of its states {}", old.label(), names.join(", ")))
            .consequence("the restore succeeds and says nothing; the state of the old operator is lost")
            .fix(format!("give every operator a uid, and the old one setUidHash(\"{}\")", old.id)),
    );
    old.states.iter().for_each(|state| run.verdict(old, &state.schema.name, Verdict::SilentlyLost));
    new.states.iter().for_each(|state| run.verdict(new, &state.schema.name, Verdict::New));
}
