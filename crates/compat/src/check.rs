use std::borrow::Cow;

use alluvium_model::OperatorId;

use crate::contract::{Contract, Engine, OperatorContract};
use crate::finding::{Finding, Severity};
use crate::flink;
use crate::pairing::pair;
use crate::partial::told_by_both;
use crate::report::{Overall, Report, StateVerdict, Verdict};
use crate::rules::*;
use crate::states;
use crate::suggestion::Suggestion;

/// Compares the side that wrote state with the side that is to read it.
///
/// Operators are paired by id, states by name. The rules are those of the new side's engine. A contract
/// against itself finds nothing.
///
/// What a side does not tell (`states_complete`, an unknown type) is not checked, and the report says so.
pub fn check(old: &Contract, new: &Contract) -> Report {
    let told = told_by_both(old, new);
    let (old, new) = told.as_ref().map_or((old, new), |told| (&told.old, &told.new));
    let count = |side: &Contract| side.operators.iter().map(|operator| operator.states.len()).sum();
    let mut run = Run::default();
    run.states.reserve(count(new));
    match new.engine {
        Engine::Flink { .. } => flink::check(&mut run, old, new),
        Engine::Alluvium => run.sides(&with_states(old), &with_states(new)),
    }
    for (id, state) in told.iter().flat_map(|told| &told.not_checked) {
        run.not_checked(new, *id, state);
    }
    run.finish()
}

/// Leaves out operators without state, of which Flink's side tells too.
fn with_states(side: &Contract) -> Cow<'_, Contract> {
    if side.operators.iter().all(|operator| !operator.states.is_empty()) {
        return Cow::Borrowed(side);
    }
    let mut side = side.clone();
    side.operators.retain(|operator| !operator.states.is_empty());
    Cow::Owned(side)
}

/// Stands for the state of a coordinator where states are listed.
const COORDINATOR: &str = "$coordinator";

#[derive(Default)]
pub(crate) struct Run {
    pub(crate) findings: Vec<Finding>,
    pub(crate) states: Vec<StateVerdict>,
    refused: bool,
}

impl Run {
    /// Compares two sides by our own rules.
    fn sides(&mut self, old: &Contract, new: &Contract) {
        let pairs = pair(old, new);
        for (old, new) in &pairs.same {
            self.operator(old, new);
        }
        for (old, new) in &pairs.renamed {
            self.renamed(old, new, true);
        }
        for (old, similar) in &pairs.removed {
            self.removed(old, *similar);
        }
        for new in &pairs.added {
            self.added(new, true);
        }
    }

    fn operator(&mut self, old: &OperatorContract, new: &OperatorContract) {
        if old.uid.is_some() && new.uid.is_none() {
            self.uid_missing(new);
        }
        self.key(old, new);
        self.parallelism(old, new);
        states::compare(self, old, new);
    }

    fn key(&mut self, old: &OperatorContract, new: &OperatorContract) {
        let (Some(before), Some(now)) = (old.key_group_function, new.key_group_function) else { return };
        if before != now && old.key == new.key {
            self.refuse(
                Finding::new(&KEY002, new.label())
                    .fact("old", before.name())
                    .fact("new", now.name())
                    .sees(format!("keys are placed by {}, were placed by {}", now.name(), before.name()))
                    .consequence("a key would be looked for in another key group than the one that holds it")
                    .fix(format!("declare the key-group function {} for this operator", before.name())),
            );
        }
    }

    fn parallelism(&mut self, old: &OperatorContract, new: &OperatorContract) {
        let keyed = |o: &OperatorContract| o.key.is_some();
        if old.max_parallelism != new.max_parallelism && keyed(old) && keyed(new) {
            self.refuse(
                Finding::new(&PAR001, new.label())
                    .fact("old", old.max_parallelism)
                    .fact("new", new.max_parallelism)
                    .suggest(Suggestion::SetMaxParallelism {
                        operator: new.label(),
                        max_parallelism: old.max_parallelism,
                    })
                    .sees(format!("{} key groups, were {}", new.max_parallelism, old.max_parallelism))
                    .consequence("every key would lie in another key group: the restore is refused")
                    .fix(format!("set max_parallelism({}) on this operator", old.max_parallelism)),
            );
        }
        let unchanged = (old.parallelism, old.max_parallelism) == (new.parallelism, new.max_parallelism);
        if new.parallelism > old.max_parallelism && keyed(old) && !unchanged {
            self.refuse(
                Finding::new(&PAR002, new.label())
                    .fact("parallelism", new.parallelism)
                    .fact("max_parallelism", old.max_parallelism)
                    .sees(format!("parallelism {} over {} key groups", new.parallelism, old.max_parallelism))
                    .consequence("some subtasks would own no key group: the restore is refused")
                    .fix(format!("lower the parallelism to {} or less", old.max_parallelism)),
            );
        }
    }

    pub(crate) fn uid_missing(&mut self, new: &OperatorContract) {
        self.findings.push(
            Finding::new(&UID001, new.label())
                .sees(format!(
                    "{} states, no uid; its id {} comes from the shape of the graph",
                    new.states.len(),
                    new.id
                ))
                .consequence(
                    "the next change of the graph gives it another id, and its state is not found again",
                )
                .fix("set uid(\"…\") on this operator before its first savepoint"),
        );
    }

    pub(crate) fn renamed(&mut self, old: &OperatorContract, new: &OperatorContract, knows_uids: bool) {
        if new.uid.is_none() && knows_uids {
            self.uid_missing(new);
        }
        let fix = match &old.uid {
            Some(uid) => format!("set uid(\"{uid}\") on it again, or rename the operator in the savepoint"),
            None => format!("give it the id {} again, or rename the operator in the savepoint", old.id),
        };
        let suggestion = Suggestion::take_state(old, new);
        self.findings.push(
            Finding::new(&OPR003, old.label())
                .fact("new", new.id)
                .suggest(suggestion)
                .sees(format!("is gone, while the new operator {} has equal states", new.label()))
                .consequence("its state is not found under the new uid: refused, or lost with -n")
                .fix(fix),
        );
        self.all_lost(old);
        self.all_new(new);
    }

    pub(crate) fn removed(&mut self, old: &OperatorContract, similar: Option<&OperatorContract>) {
        let hint = similar
            .map_or_else(String::new, |new| format!("; {} has some states of the same name", new.label()));
        let names: Vec<&str> = old.states.iter().map(|state| state.schema.name.as_str()).collect();
        self.findings.push(
            Finding::new(&OPR001, old.label())
                .sees(format!("is gone, with its states {}{hint}", names.join(", ")))
                .consequence("its state has no place to go: refused, or lost with -n")
                .fix(
                    "keep the operator, or restore once with --allow-non-restored-state if its state may go",
                ),
        );
        self.all_lost(old);
    }

    /// Of an operator that only its coordinator has state of, such as one that commits for all subtasks.
    pub(crate) fn coordinator_removed(&mut self, old: &OperatorContract) {
        self.findings.push(
            Finding::new(&OPR001, old.label())
                .sees("is gone, with the state of its coordinator")
                .consequence("that state has no place to go: refused, or lost with -n")
                .fix("keep the operator and its uid, or restore once with -n if that state may go"),
        );
        self.verdict(old, COORDINATOR, Verdict::Lost);
    }

    pub(crate) fn added(&mut self, new: &OperatorContract, knows_uids: bool) {
        if new.uid.is_none() && knows_uids {
            self.uid_missing(new);
        }
        let names: Vec<&str> = new.states.iter().map(|state| state.schema.name.as_str()).collect();
        self.findings.push(
            Finding::new(&OPR002, new.label())
                .sees(format!("is new, with its states {}", names.join(", ")))
                .consequence("it starts without state")
                .fix("nothing, if that is wanted"),
        );
        self.all_new(new);
    }

    fn all_lost(&mut self, old: &OperatorContract) {
        old.states.iter().for_each(|state| self.verdict(old, &state.schema.name, Verdict::Lost));
    }

    fn all_new(&mut self, new: &OperatorContract) {
        new.states.iter().for_each(|state| self.verdict(new, &state.schema.name, Verdict::New));
    }

    fn not_checked(&mut self, side: &Contract, id: OperatorId, state: &str) {
        let label = side.operators.iter().find(|operator| operator.id == id).map(OperatorContract::label);
        let operator = label.unwrap_or_else(|| id.to_string());
        self.states.retain(|told| {
            (&told.operator, told.state.as_str()) != (&operator, state) || told.verdict > Verdict::NotChecked
        });
        if self.states.iter().all(|told| (&told.operator, told.state.as_str()) != (&operator, state)) {
            self.states.push(StateVerdict {
                operator,
                state: state.to_owned(),
                verdict: Verdict::NotChecked,
            });
        }
    }

    pub(crate) fn verdict(&mut self, operator: &OperatorContract, state: &str, verdict: Verdict) {
        self.states.push(StateVerdict { operator: operator.label(), state: state.to_owned(), verdict });
    }

    /// Takes in a finding that keeps the whole from being restored.
    pub(crate) fn refuse(&mut self, finding: Finding) {
        self.refused = true;
        self.findings.push(finding);
    }

    fn finish(mut self) -> Report {
        let worst = self.states.iter().map(|state| state.verdict).max();
        let overall = match worst {
            _ if self.refused => Overall::DoesNotRestore,
            Some(Verdict::Incompatible) => Overall::DoesNotRestore,
            Some(Verdict::Lost) => Overall::RestoresWithLoss,
            Some(Verdict::SilentlyLost) => Overall::RestoresSilently,
            Some(Verdict::AfterMigration) => Overall::RestoresAfterMigration,
            _ => Overall::RestoresAsIs,
        };
        self.findings.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
        debug_assert!(
            overall < Overall::RestoresSilently || self.findings.iter().any(|f| f.severity == Severity::Deny)
        );
        Report { findings: self.findings, states: self.states, overall }
    }
}
