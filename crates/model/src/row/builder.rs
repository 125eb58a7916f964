use std::sync::Arc;

use crate::{KeyGroup, Op, Result, RowBatch, StateSchema, Value};

/// Builds row batches from single values, computing sort keys: for edges, tests and operator
/// state. The hot paths of state backends build columns directly.
#[derive(Debug)]
pub struct RowBatchBuilder {
    schema: Arc<StateSchema>,
    deltas: bool,
}

/// One row as single values; members that the kind does not have stay [`Value::Null`] or 0.
#[derive(Debug, Clone)]
pub struct Row {
    /// Operation.
    pub op: Op,
    /// Key group.
    pub key_group: KeyGroup,
    /// Key.
    pub key: Value,
    /// Namespace.
    pub namespace: Value,
    /// Map key.
    pub map_key: Value,
    /// List position, timer timestamp or index.
    pub position: i64,
    /// Subtask of operator state.
    pub subtask: i32,
    /// Value.
    pub value: Value,
    /// Time of last access in milliseconds.
    pub last_access: Option<i64>,
}

impl RowBatchBuilder {
    /// Starts a batch.
    pub fn new(schema: Arc<StateSchema>, deltas: bool) -> Self {
        RowBatchBuilder { schema, deltas }
    }

    /// Adds a row; rows may come in any order.
    pub fn push(&mut self, row: Row) -> Result<()> {
        let _ = row;
        unimplemented!()
    }

    /// Sorts the rows canonically and returns them.
    pub fn finish(self) -> Result<RowBatch> {
        let _ = (self.schema, self.deltas);
        unimplemented!()
    }
}
