//! Records in flight at a restore.
//!
//! An unaligned checkpoint keeps the records between operators with the operator that was to read them, or with the one
//! that wrote them. They go back to the same input or output of that operator, whatever is at its other end now: an
//! operator put in between does not see them, and where channels are not as many, or their bytes are read as
//! other records, the job fails after the restore was accepted. With `-n` those of a dropped operator are lost.
//!
//! Source: `TaskStateAssignment`, `SequentialChannelStateReaderImpl`; Flink 2.3 itself (`tests/oracles/flink-graph`).

use alluvium_model::OperatorId;

use super::release;
use crate::check::Run;
use crate::contract::{Contract, Engine, OperatorContract};
use crate::finding::{Finding, Severity};
use crate::rules::CHK001;

/// Compares what is next to records in flight.
pub(super) fn check(run: &mut Run, old: &Contract, new: &Contract) {
    if !old.operators.iter().any(|operator| operator.in_flight.any()) {
        return;
    }
    let found = |changes: &[String]| {
        let change = changes.join("; ");
        Finding::new(&CHK001, "the snapshot")
            .sees(format!("an unaligned checkpoint with records in flight; {change}"))
            .fact("change", change)
            .fix("stop the old job with a savepoint, and restore that")
    };
    let broken = broken(old, new);
    let doubtful = doubtful(old, new);
    if !broken.is_empty() {
        run.refuse(
            found(&broken).consequence(
                "those records pass by new operators, or the job fails as soon as it reads them",
            ),
        );
    } else if !doubtful.is_empty() {
        let mut finding = found(&doubtful).consequence(
            "if they were on their way between operators that changed, the job fails or they are lost",
        );
        finding.severity = Severity::Warn;
        run.findings.push(finding);
    }
}

/// Tells what has changed right before those that were to read records in flight.
fn broken(old: &Contract, new: &Contract) -> Vec<String> {
    let mut broken = Vec::new();
    for before in old.operators.iter().filter(|operator| operator.in_flight.any()) {
        match find(new, before) {
            None => broken.push(format!("{} gone", before.label())),
            Some(now) if before.in_flight.read => broken.extend(
                new.edges
                    .iter()
                    .filter(|edge| edge.to == now.id)
                    .filter_map(|edge| added(old, new, edge.from))
                    .map(|other| format!("{} new before {}", other.label(), before.label())),
            ),
            Some(_) => {}
        }
    }
    broken
}

/// Tells what may have changed next to records in flight: a snapshot does not hold the edges of its job. Written ones
/// go to whatever reads that output now, which fails where it has another parallelism or reads other records.
fn doubtful(old: &Contract, new: &Contract) -> Vec<String> {
    let gone = old.operators.iter().filter(|operator| find(new, operator).is_none());
    let mut doubtful: Vec<String> = gone.map(|operator| format!("{} gone", operator.label())).collect();
    for before in old.operators.iter().filter(|operator| operator.in_flight.written) {
        let Some(now) = find(new, before) else { continue };
        let behind = new.edges.iter().filter(|edge| edge.from == now.id);
        let behind = behind.filter_map(|edge| added(old, new, edge.to));
        doubtful.extend(behind.map(|other| format!("{} new behind {}", other.label(), before.label())));
    }
    if new.edges.is_empty() {
        let added = new.operators.iter().filter(|operator| !is_in(old, operator));
        doubtful.extend(added.map(|operator| format!("{} new", operator.label())));
    }
    let releases = |side: &Contract| match &side.engine {
        Engine::Flink { version } => version.clone().filter(|text| release::range(text).is_some()),
        Engine::Alluvium => None,
    };
    let upgraded = releases(old).zip(releases(new)).filter(|(old, new)| {
        let apart = |(a, b)| release::range(a).zip(release::range(b)).is_some_and(|(a, b)| a.1 < b.0);
        apart((old, new)) || apart((new, old))
    });
    doubtful.extend(upgraded.map(|(old, new)| format!("Flink {new}, was {old}")));
    doubtful
}

/// Finds the operator of an id, if the old side has no such operator.
fn added<'c>(old: &Contract, new: &'c Contract, id: OperatorId) -> Option<&'c OperatorContract> {
    new.operators.iter().find(|operator| operator.id == id && !is_in(old, operator))
}

/// Finds the operator that takes what another one left.
fn find<'c>(new: &'c Contract, old: &OperatorContract) -> Option<&'c OperatorContract> {
    new.operators.iter().find(|operator| operator.finds(old.id))
}

fn is_in(old: &Contract, new: &OperatorContract) -> bool {
    old.operators.iter().any(|operator| new.finds(operator.id))
}

#[cfg(test)]
mod tests {
    use alluvium_model::{OperatorUid, job::job_from_json};
    use serde_json::{Value as Json, json};

    use super::*;
    use crate::{Overall, check};

    /// A job whose operators are named, with the states of records in flight of some.
    fn job(version: &str, operators: &[(&str, &[&str])], edges: &[(&str, &str)]) -> Contract {
        let id = |uid: &str| OperatorUid::new(uid).id().to_string();
        let state =
            |name: &&str| json!({"name": name, "kind": "in-flight", "value_type": {"opaque": "record"}});
        let operators: Vec<Json> = operators
            .iter()
            .map(|(uid, in_flight)| {
                let states: Vec<Json> = in_flight.iter().map(state).collect();
                json!({"uid": uid, "parallelism": 1, "max_parallelism": 8, "states": states})
            })
            .collect();
        let edge = |(from, to): &(&str, &str)| json!({"from": id(from), "to": id(to), "input": 0, "exchange": "hash"});
        let document = json!({
            "description_version": 1,
            "engine": {"name": "flink", "version": version},
            "operators": operators,
            "edges": edges.iter().map(edge).collect::<Vec<_>>(),
        });
        Contract::from(job_from_json(&document).unwrap())
    }

    fn found(old: &Contract, new: &Contract) -> (Overall, Vec<String>) {
        let report = check(old, new);
        let sees = report.findings.iter().filter(|finding| finding.rule.id == "CHK001");
        let changes = sees.map(|finding| finding.sees.split("; ").skip(1).collect::<Vec<_>>().join("; "));
        (report.overall, changes.collect())
    }

    const NONE: &[&str] = &[];

    #[test]
    fn what_stands_next_to_records_in_flight_must_stay() {
        let read = job("2.1 or later", &[("source", NONE), ("reader", &["$input-0"]), ("sink", NONE)], &[]);
        let operators = [("source", NONE), ("reader", NONE), ("sink", NONE), ("new", NONE)];
        let with = |edges| job("2.3.0", &operators, edges);
        let before = with(&[("source", "new"), ("new", "reader"), ("reader", "sink")]);
        assert_eq!(found(&read, &before), (Overall::DoesNotRestore, vec!["new new before reader".into()]));
        let behind = with(&[("source", "reader"), ("reader", "new"), ("new", "sink")]);
        assert_eq!(found(&read, &behind), (Overall::RestoresAsIs, vec![]));
        let written =
            job("2.1 or later", &[("source", NONE), ("reader", &["$output-1"]), ("sink", NONE)], &[]);
        assert_eq!(found(&written, &before).1, [""; 0]);
        assert_eq!(found(&written, &behind), (Overall::RestoresAsIs, vec!["new new behind reader".into()]));
        let without = job("2.3.0", &[("source", NONE), ("sink", NONE)], &[("source", "sink")]);
        assert_eq!(found(&read, &without), (Overall::DoesNotRestore, vec!["reader gone".into()]));
    }

    #[test]
    fn what_is_not_known_of_the_graph_is_told() {
        let old = job("1.18 to 1.20", &[("source", NONE), ("reader", &["$input-0"])], &[]);
        let new = job("1.20.1", &[("source", NONE), ("reader", NONE), ("new", NONE)], &[]);
        assert_eq!(found(&old, &new), (Overall::RestoresAsIs, vec!["new new".into()]));
        let same = |version| job(version, &[("source", NONE), ("reader", NONE)], &[("source", "reader")]);
        assert_eq!(found(&old, &same("1.20.1")), (Overall::RestoresAsIs, vec![]));
        assert_eq!(found(&old, &same("2.3.0")).1, ["Flink 2.3.0, was 1.18 to 1.20"]);
        let renamed = job("1.20.1", &[("first", NONE), ("reader", NONE)], &[("first", "reader")]);
        assert_eq!(found(&old, &renamed).0, Overall::DoesNotRestore);
    }
}
