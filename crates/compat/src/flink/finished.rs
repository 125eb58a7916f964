//! Operators that had read all that they are ever to read.
//!
//! A checkpoint says which operators had finished. At a restore Flink refuses a graph in which one that had finished would
//! get records again, and a chain of which a part had; with `-n` too. One that it does not find it starts over, and says nothing:
//! a source reads from its beginning again.
//!
//! Source: `VertexFinishedStateChecker`, `Checkpoints.loadAndValidateCheckpoint`; Flink 2.3 itself
//! (`tests/oracles/flink-graph`).

use std::collections::HashMap;

use alluvium_model::{Finished, OperatorId};

use crate::check::Run;
use crate::contract::{Contract, EdgeContract, OperatorContract};
use crate::finding::{Finding, Severity};
use crate::report::Verdict;
use crate::rules::CHK002;

/// Stands for the end of an operator where states are listed.
const FINISHED: &str = "$finished";

/// Compares what is next to operators that had finished.
pub(super) fn check(run: &mut Run, old: &Contract, new: &Contract) {
    if old.operators.iter().all(|operator| operator.finished == Finished::No) {
        return;
    }
    let graph = Graph::of(old, new);
    let broken = graph.broken();
    if !broken.is_empty() {
        let change = broken.join("; ");
        run.refuse(
            Finding::new(&CHK002, "the snapshot")
                .sees(format!("operators that had finished; {change}"))
                .fact("change", change)
                .consequence(
                    "one that had finished would get records again: the restore is refused, with -n too",
                )
                .fix("keep what stands before them and in their chains, or start them over under other uids"),
        );
    }
    let doubtful = graph.doubtful();
    if broken.is_empty() && !doubtful.is_empty() {
        let change = doubtful.join("; ");
        let mut finding = Finding::new(&CHK002, "the snapshot")
            .sees(format!("operators that had finished; {change}"))
            .fact("change", change)
            .consequence("if it stands before one that had finished, or in its chain, the restore is refused")
            .fix("compare with the job itself, which tells edges and chains");
        finding.severity = Severity::Warn;
        run.findings.push(finding);
    }
    graph.started_over(run);
}

struct Graph<'c> {
    old: &'c Contract,
    new: &'c Contract,
    /// Operators of the new side that had finished.
    finished: HashMap<OperatorId, Finished>,
}

impl<'c> Graph<'c> {
    fn of(old: &'c Contract, new: &'c Contract) -> Self {
        let all = old.operators.iter().filter(|old| old.finished != Finished::No);
        let now = |old: &OperatorContract| new.operators.iter().find(|new| new.finds(old.id));
        let finished = all.filter_map(|old| Some((now(old)?.id, old.finished))).collect();
        Graph { old, new, finished }
    }

    fn finished(&self, new: &OperatorContract) -> Finished {
        self.finished.get(&new.id).copied().unwrap_or_default()
    }

    /// Tells why Flink refuses the graph.
    fn broken(&self) -> Vec<String> {
        let operators = || self.new.operators.iter();
        operators()
            .filter_map(|now| self.chained_to(now))
            .chain(operators().flat_map(|now| self.writers(now)))
            .collect()
    }

    /// Tells which operator of its chain is further than this one.
    fn chained_to(&self, of: &OperatorContract) -> Option<String> {
        let further =
            |other: &&OperatorContract| chained(of, other) && self.finished(other) > self.finished(of);
        let other = self.new.operators.iter().find(further)?;
        Some(format!("{}, which had not, is in the chain of {}", of.label(), other.label()))
    }

    /// Tells which writers are not as far as Flink asks for. Those of the same chain are told apart already.
    fn writers<'a>(&'a self, of: &'a OperatorContract) -> impl Iterator<Item = String> + 'a {
        let finished = self.finished(of);
        let edges = self.new.edges.iter().filter(|edge| edge.to == of.id);
        let writers = edges.filter_map(move |edge| {
            let writer = self.new.operators.iter().find(|other| other.id == edge.from)?;
            let least = least(finished, edge);
            (!chained(of, writer) && self.finished(writer) < least).then_some(writer)
        });
        writers.map(|writer| format!("{}, which had not, writes to {}", writer.label(), of.label()))
    }

    /// Tells what may be refused, where the new side does not tell edges and chains.
    fn doubtful(&self) -> Vec<String> {
        let known = !self.new.edges.is_empty() && self.new.operators.iter().all(|now| now.chain.is_some());
        let added = self.added().filter(|_| !known);
        added.map(|operator| format!("{} new", operator.label())).collect()
    }

    fn added(&self) -> impl Iterator<Item = &OperatorContract> {
        let is_new = |new: &&OperatorContract| !self.old.operators.iter().any(|old| new.finds(old.id));
        self.new.operators.iter().filter(is_new)
    }

    /// Finds operators that had finished and are gone, while a new one that reads from no other stands in for them, or may.
    fn started_over(&self, run: &mut Run) {
        let gone = |old: &&OperatorContract| {
            old.finished == Finished::Fully && !self.new.operators.iter().any(|new| new.finds(old.id))
        };
        let gone = self.old.operators.iter().filter(gone);
        let found: Vec<_> =
            gone.filter_map(|old| self.stand_in(old).map(|(new, certain)| (old, new, certain))).collect();
        let one_is = found.iter().any(|(_, _, certain)| *certain);
        for (old, new, certain) in found.into_iter().filter(|(_, _, certain)| *certain || !one_is) {
            let severity = if certain { Severity::Deny } else { Severity::Warn };
            let starts = "the new one starts over: a source reads all from its beginning again";
            run.findings.push(Finding {
                severity,
                ..Finding::new(&CHK002, old.label())
                    .fact("new", new.id)
                    .sees(format!("had finished and is gone, while {} is new", new.label()))
                    .consequence(match certain {
                        true => format!("the restore succeeds and says nothing; {starts}"),
                        false => format!("if they are the same, {starts}, and the restore says nothing"),
                    })
                    .fix(match &old.uid {
                        Some(uid) => {
                            format!("set uid(\"{uid}\") on it again if it is the same, else waive this")
                        }
                        None => {
                            format!("set setUidHash(\"{}\") on it if it is the same, else waive this", old.id)
                        }
                    })
            });
            if certain {
                run.verdict(old, FINISHED, Verdict::SilentlyLost);
            }
        }
    }

    /// Finds what stands in for an operator that is gone, and whether that is certain: it is by its name, and where the
    /// snapshot holds no names, where the new side tells who reads from whom.
    fn stand_in(&self, old: &OperatorContract) -> Option<(&OperatorContract, bool)> {
        let reads = |new: &OperatorContract| self.new.edges.iter().any(|edge| edge.to == new.id);
        let sources = || self.added().filter(|new| !reads(new));
        let tells = !self.new.edges.is_empty();
        match &old.name {
            Some(_) => {
                let same = sources().find(|new| new.name == old.name).map(|new| (new, true));
                same.or_else(|| sources().next().filter(|_| tells).map(|new| (new, false)))
            }
            None => sources().next().map(|new| (new, tells)),
        }
    }
}

/// Returns how far a writer must be.
fn least(reader: Finished, edge: &EdgeContract) -> Finished {
    match reader {
        Finished::No => Finished::No,
        Finished::Partially if edge.pointwise => Finished::Partially,
        Finished::Partially | Finished::Fully => Finished::Fully,
    }
}

fn chained(a: &OperatorContract, b: &OperatorContract) -> bool {
    a.chain.is_some() && a.chain == b.chain
}

#[cfg(test)]
mod tests {
    use alluvium_model::{OperatorUid, job::job_from_json};
    use serde_json::{Value as Json, json};

    use super::*;
    use crate::contract::StateContract;
    use crate::{Overall, check};

    /// Operators with one more member each, and edges with their exchange.
    fn job(operators: &[(&str, &str, &str)], edges: &[(&str, &str, &str)]) -> Contract {
        let id = |uid: &str| OperatorUid::new(uid).id().to_string();
        let operator = |(uid, member, value): &(&str, &str, &str)| {
            let mut json = json!({"uid": uid, "name": uid, "parallelism": 2, "max_parallelism": 8});
            match *member {
                "" => {}
                "chain" => json["chain"] = id(value).into(),
                member => json[member] = (*value).into(),
            }
            json
        };
        let edge = |(from, to, exchange): &(&str, &str, &str)| json!({"from": id(from), "to": id(to), "input": 0, "exchange": exchange});
        let document = json!({
            "description_version": 1,
            "engine": {"name": "flink", "version": "2.3.0"},
            "operators": operators.iter().map(operator).collect::<Vec<Json>>(),
            "edges": edges.iter().map(edge).collect::<Vec<Json>>(),
        });
        Contract::from(job_from_json(&document).unwrap())
    }

    fn found(old: &Contract, new: &Contract) -> (Overall, Vec<String>) {
        let report = check(old, new);
        let sees = report.findings.iter().filter(|finding| finding.rule.id == "CHK002");
        (
            report.overall,
            sees.map(|finding| format!("{}: {}", finding.severity.name(), finding.sees)).collect(),
        )
    }

    #[test]
    fn a_writer_must_be_as_far_as_its_reader() {
        let now = |exchange| {
            job(
                &[
                    ("source", "chain", "source"),
                    ("between", "chain", "between"),
                    ("parse", "chain", "parse"),
                ],
                &[("source", "between", "forward"), ("between", "parse", exchange)],
            )
        };
        let before = |between, parse| {
            job(
                &[
                    ("source", "finished", "fully"),
                    ("between", "finished", between),
                    ("parse", "finished", parse),
                ],
                &[],
            )
        };
        for (between, parse, exchange, restores) in [
            ("fully", "fully", "hash", true),
            ("partially", "fully", "forward", false),
            ("partially", "partially", "forward", true),
            ("partially", "partially", "rescale", true),
            ("partially", "partially", "hash", false),
            ("fully", "partially", "hash", true),
        ] {
            let (overall, found) = found(&before(between, parse), &now(exchange));
            assert_eq!(overall == Overall::RestoresAsIs, restores, "{between} {parse} {exchange}: {found:?}");
            assert_eq!(found.is_empty(), restores);
        }
    }

    #[test]
    fn a_chain_ends_as_one() {
        let old = job(&[("source", "finished", "fully"), ("sink", "", "")], &[]);
        let with = |chain| {
            job(
                &[("source", "chain", "source"), ("behind", "chain", chain), ("sink", "chain", "sink")],
                &[("source", "behind", "forward"), ("behind", "sink", "hash")],
            )
        };
        assert_eq!(found(&old, &with("behind")), (Overall::RestoresAsIs, vec![]));
        let text = "deny: operators that had finished; behind, which had not, is in the chain of source";
        assert_eq!(found(&old, &with("source")), (Overall::DoesNotRestore, vec![text.into()]));
    }

    #[test]
    fn a_source_that_starts_over_is_told() {
        let old = |name: &str| {
            let mut old = job(&[("archive", "finished", "fully"), ("sink", "", "")], &[]);
            old.operators[0].name = Some(name.to_owned()).filter(|name| !name.is_empty());
            old
        };
        let new =
            job(&[("again", "chain", "again"), ("sink", "chain", "sink")], &[("again", "sink", "hash")]);
        for name in ["again", ""] {
            assert_eq!(found(&old(name), &new).0, Overall::RestoresSilently);
        }
        let text = "warn: had finished and is gone, while again is new";
        assert_eq!(found(&old("archive"), &new), (Overall::RestoresAsIs, vec![text.into()]));
        let without = job(&[("sink", "chain", "sink")], &[]);
        assert_eq!(found(&old(""), &without), (Overall::RestoresAsIs, vec![]));
    }

    #[test]
    fn states_of_what_stays_finished_are_not_new() {
        let old = job(&[("source", "finished", "fully")], &[]);
        let mut new = job(&[("source", "chain", "source")], &[]);
        let state = json!({"name": "splits", "kind": "operator-list", "value_type": "bytes"});
        let schema = alluvium_model::job::schema_from_json(&state).unwrap();
        let state = StateContract { schema: schema.into(), serializers: Default::default() };
        new.operators[0].states.push(state);
        assert_eq!(check(&old, &new).findings, []);
    }

    #[test]
    fn what_is_not_known_of_the_graph_is_told() {
        let old = job(&[("archive", "finished", "fully"), ("sink", "", "")], &[]);
        let new = job(&[("archive", "", ""), ("sink", "", ""), ("new", "", "")], &[]);
        let text = "warn: operators that had finished; new new";
        assert_eq!(found(&old, &new), (Overall::RestoresAsIs, vec![text.into()]));
        let new = job(&[("archive", "", ""), ("sink", "", "")], &[]);
        assert_eq!(found(&old, &new), (Overall::RestoresAsIs, vec![]));
    }
}
