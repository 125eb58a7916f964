//! What differs between two snapshots, entry by entry.

mod entries;

use std::ops::ControlFlow;

use alluvium_model::evolution::{self, What};
use alluvium_model::source::OperatorState;
use alluvium_model::{SnapshotSource, StateSchema};
use serde_json::{Map, Value as Json, json};

use crate::error::Result;
use crate::{Target, operator_text};

/// One difference; `left` and `right` are the snapshots in the order given.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Difference {
    /// An operator that only the right snapshot has.
    OperatorAdded {
        /// Its OP text.
        operator: String,
    },
    /// An operator that only the left snapshot has.
    OperatorRemoved {
        /// Its OP text.
        operator: String,
    },
    /// The number of key groups, or how keys are placed, differs.
    PlacementChanged {
        /// Its OP text.
        operator: String,
        /// Key groups and function, left.
        before: String,
        /// Key groups and function, right.
        after: String,
    },
    /// A state that only the right snapshot has.
    StateAdded {
        /// OP text.
        operator: String,
        /// Its name.
        state: String,
    },
    /// A state that only the left snapshot has.
    StateRemoved {
        /// OP text.
        operator: String,
        /// Its name.
        state: String,
    },
    /// Kind or types differ. Entries are compared only when the schemas are compatible.
    SchemaChanged {
        /// OP text.
        operator: String,
        /// State name.
        state: String,
        /// Each difference, as text.
        differences: Vec<String>,
    },
    /// An entry that only one side has, or whose content differs.
    Entry {
        /// OP text.
        operator: String,
        /// State name.
        state: String,
        /// Added, removed or changed.
        change: EntryChange,
        /// The members that identify it.
        identity: Map<String, Json>,
        /// Its value and last access, left; none when added.
        before: Option<Map<String, Json>>,
        /// Its value and last access, right; none when removed.
        after: Option<Map<String, Json>>,
    },
}

/// What happened to an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EntryChange {
    /// Only the right snapshot has it.
    Added,
    /// Only the left snapshot has it.
    Removed,
    /// Both have it, with other content.
    Changed,
}

impl EntryChange {
    /// Returns the word printed.
    pub fn name(self) -> &'static str {
        match self {
            EntryChange::Added => "added",
            EntryChange::Removed => "removed",
            EntryChange::Changed => "changed",
        }
    }
}

impl Difference {
    /// Prints the difference as one line.
    pub fn to_json(&self) -> Json {
        match self {
            Difference::OperatorAdded { operator } => {
                json!({ "what": "operator", "change": "added", "operator": operator })
            }
            Difference::OperatorRemoved { operator } => {
                json!({ "what": "operator", "change": "removed", "operator": operator })
            }
            Difference::PlacementChanged { operator, before, after } => {
                json!({ "what": "placement", "change": "changed", "operator": operator, "before": before, "after": after })
            }
            Difference::StateAdded { operator, state } => {
                json!({ "what": "state", "change": "added", "operator": operator, "state": state })
            }
            Difference::StateRemoved { operator, state } => {
                json!({ "what": "state", "change": "removed", "operator": operator, "state": state })
            }
            Difference::SchemaChanged { operator, state, differences } => {
                json!({ "what": "schema", "change": "changed", "operator": operator, "state": state, "differences": differences })
            }
            Difference::Entry { operator, state, change, identity, before, after } => {
                let mut line = Map::new();
                line.insert("what".into(), "entry".into());
                line.insert("change".into(), change.name().into());
                line.insert("operator".into(), operator.clone().into());
                line.insert("state".into(), state.clone().into());
                line.extend(identity.clone());
                line.insert("before".into(), before.clone().map_or(Json::Null, Json::Object));
                line.insert("after".into(), after.clone().map_or(Json::Null, Json::Object));
                Json::Object(line)
            }
        }
    }
}

/// How much was compared and found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct DiffSummary {
    /// Differences of operators, states, placement and schemas.
    pub structure: u64,
    /// Entries only on the right.
    pub added: u64,
    /// Entries only on the left.
    pub removed: u64,
    /// Entries with other content.
    pub changed: u64,
    /// Entries that are equal, as far as rows were read.
    pub equal: u64,
    /// Key groups that were not read, because their digests are equal.
    pub key_groups_skipped: u64,
    /// Whether the receiver broke off.
    pub stopped: bool,
}

impl DiffSummary {
    /// Returns whether nothing differs.
    pub fn is_equal(&self) -> bool {
        self.structure + self.added + self.removed + self.changed == 0
    }

    /// Prints the summary.
    pub fn to_json(&self) -> Json {
        json!({
            "what": "summary",
            "equal": self.is_equal(),
            "structure": self.structure,
            "added": self.added,
            "removed": self.removed,
            "changed": self.changed,
            "entries_equal": self.equal,
            "key_groups_skipped": self.key_groups_skipped,
            "stopped": self.stopped,
        })
    }
}

/// Compares two snapshots and hands every difference to `report`, until it breaks.
///
/// Operators are paired by id, states by name, entries by key. Both sides are streamed in
/// canonical order with one batch each; operator lists, and operators whose keys are placed
/// differently on the two sides, are held in memory instead. Key groups of equal canonical
/// digests are not read where every field id has the same name, or a declared alias, on both
/// sides. Rows that need no more than widening or a field added are compared in the newer schema.
///
/// # Errors
/// What either source could not read.
///
/// Spec: ROWHASH-10.
pub fn diff(
    left: &dyn SnapshotSource,
    right: &dyn SnapshotSource,
    report: &mut dyn FnMut(Difference) -> ControlFlow<()>,
) -> Result<DiffSummary> {
    let mut run = Run { left, right, report, summary: DiffSummary::default() };
    if run.operators()?.is_break() {
        run.summary.stopped = true;
    }
    Ok(run.summary)
}

struct Run<'a> {
    left: &'a dyn SnapshotSource,
    right: &'a dyn SnapshotSource,
    report: &'a mut dyn FnMut(Difference) -> ControlFlow<()>,
    summary: DiffSummary,
}

/// A state that both sides have.
struct Pair<'a> {
    operator: String,
    left: Target<'a>,
    right: Target<'a>,
    /// Whether equal keys lie in equal key groups.
    same_placement: bool,
}

impl<'a> Run<'a> {
    fn operators(&mut self) -> Result<ControlFlow<()>> {
        let (left, right) = (self.left.describe(), self.right.describe());
        for before in &left.operators {
            let operator = operator_text(before);
            let flow = match right.operators.iter().find(|o| o.id == before.id) {
                None => self.structure(Difference::OperatorRemoved { operator }),
                Some(after) => self.states(before, after)?,
            };
            if flow.is_break() {
                return Ok(flow);
            }
        }
        for after in right.operators.iter().filter(|o| left.operators.iter().all(|p| p.id != o.id)) {
            let flow = self.structure(Difference::OperatorAdded { operator: operator_text(after) });
            if flow.is_break() {
                return Ok(flow);
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    fn states(&mut self, before: &'a OperatorState, after: &'a OperatorState) -> Result<ControlFlow<()>> {
        let operator = operator_text(after);
        let placement =
            |o: &OperatorState| format!("{} key groups, {}", o.max_parallelism, o.key_group_function.name());
        let same_placement = placement(before) == placement(after);
        let mut flow = ControlFlow::Continue(());
        if !same_placement {
            let (operator, before, after) = (operator.clone(), placement(before), placement(after));
            flow = self.structure(Difference::PlacementChanged { operator, before, after });
        }
        for table in &before.states {
            if flow.is_break() {
                return Ok(flow);
            }
            let state = table.schema.name.clone();
            flow = match after.states.iter().find(|t| t.schema.name == state) {
                None => self.structure(Difference::StateRemoved { operator: operator.clone(), state }),
                Some(other) => self.state(&Pair {
                    operator: operator.clone(),
                    left: Target { operator: before, table },
                    right: Target { operator: after, table: other },
                    same_placement,
                })?,
            };
        }
        for table in
            after.states.iter().filter(|t| before.states.iter().all(|u| u.schema.name != t.schema.name))
        {
            if flow.is_break() {
                return Ok(flow);
            }
            let state = table.schema.name.clone();
            flow = self.structure(Difference::StateAdded { operator: operator.clone(), state });
        }
        Ok(flow)
    }

    fn state(&mut self, pair: &Pair<'a>) -> Result<ControlFlow<()>> {
        let (old, new) = (&pair.left.table.schema, &pair.right.table.schema);
        let resolution = evolution::resolve(old, new);
        if !resolution.differences.is_empty() {
            let differences = resolution.differences.iter().map(ToString::to_string).collect();
            let (operator, state) = (pair.operator.clone(), old.name.clone());
            let flow = self.structure(Difference::SchemaChanged { operator, state, differences });
            if flow.is_break() || !comparable(old, new) {
                return Ok(flow);
            }
        }
        self.entries(pair)
    }

    fn structure(&mut self, difference: Difference) -> ControlFlow<()> {
        self.summary.structure += 1;
        (self.report)(difference)
    }
}

/// Returns whether entries have keys that can be paired.
fn comparable(old: &StateSchema, new: &StateSchema) -> bool {
    let differences = evolution::resolve(old, new).differences;
    !differences.iter().any(|d| matches!(d.what, What::KindChanged { .. } | What::FixedTypeChanged { .. }))
}

#[cfg(test)]
mod tests;
