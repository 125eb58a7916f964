use std::sync::Arc;

use alluvium_model::{
    JobDescription, KeyGroupFunction, LogicalType, OperatorId, OperatorUid, SnapshotDescription, StateKind,
    StateSchema,
};

/// What one side promises or holds: operators with the states that matter at a restore.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Contract {
    /// Operators that have state, in the order of their description.
    pub operators: Vec<OperatorContract>,
}

/// An operator with state.
#[derive(Debug, Clone, PartialEq)]
pub struct OperatorContract {
    /// Its id: state finds its operator by it.
    pub id: OperatorId,
    /// Its uid, where it has one and the side knows it.
    pub uid: Option<OperatorUid>,
    /// Its display name, where known.
    pub name: Option<String>,
    /// Number of subtasks.
    pub parallelism: u32,
    /// Number of key groups.
    pub max_parallelism: u32,
    /// Type of its key, if it has keyed state.
    pub key: Option<LogicalType>,
    /// How its keys are placed, if it has keyed state.
    pub key_group_function: Option<KeyGroupFunction>,
    /// Its states.
    pub states: Vec<Arc<StateSchema>>,
}

impl OperatorContract {
    /// Returns what people call it: the uid, else the name and id.
    pub fn label(&self) -> String {
        match (&self.uid, &self.name) {
            (Some(uid), _) => uid.to_string(),
            (None, Some(name)) => format!("{name} ({})", self.id),
            (None, None) => self.id.to_string(),
        }
    }

    fn of(mut self, states: impl Iterator<Item = Arc<StateSchema>>) -> Option<Self> {
        self.states = states.filter(|state| !owned_by_runtime(state.kind)).collect();
        let keyed = self.states.iter().find_map(|state| state.key.clone());
        self.key = keyed.or(self.key).filter(|_| self.states.iter().any(|state| state.kind.is_keyed()));
        if self.key.is_none() {
            self.key_group_function = None;
        }
        (!self.states.is_empty()).then_some(self)
    }
}

/// Transactions and records in flight are no promise of the job's author.
fn owned_by_runtime(kind: StateKind) -> bool {
    matches!(kind, StateKind::PendingTransactions | StateKind::InFlight)
}

impl From<&JobDescription> for Contract {
    fn from(job: &JobDescription) -> Self {
        let operators = job.operators.iter().filter_map(|operator| {
            OperatorContract {
                id: operator.id,
                uid: operator.uid.clone(),
                name: Some(operator.name.clone()),
                parallelism: operator.parallelism,
                max_parallelism: operator.max_parallelism,
                key: operator.key.clone(),
                key_group_function: operator.key_group_function,
                states: Vec::new(),
            }
            .of(operator.states.iter().cloned())
        });
        Contract { operators: operators.collect() }
    }
}

impl From<&SnapshotDescription> for Contract {
    fn from(snapshot: &SnapshotDescription) -> Self {
        let operators = snapshot.operators.iter().filter_map(|operator| {
            OperatorContract {
                id: operator.id,
                uid: operator.uid.clone(),
                name: operator.name.clone(),
                parallelism: operator.parallelism,
                max_parallelism: operator.max_parallelism,
                key: None,
                key_group_function: Some(operator.key_group_function),
                states: Vec::new(),
            }
            .of(operator.states.iter().map(|table| Arc::clone(&table.schema)))
        });
        Contract { operators: operators.collect() }
    }
}
