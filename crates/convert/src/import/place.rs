use std::sync::Arc;

use alluvium_model::{KeyGroup, KeyGroupFunction, MaxParallelism, Row, StateSchema, canonical};
use alluvium_snapshot::OperatorSpec;

use crate::error::{BadRow, Result};

/// Finds the key group of rows of one state.
pub(crate) struct Placer {
    function: KeyGroupFunction,
    max: MaxParallelism,
    schema: Arc<StateSchema>,
}

impl Placer {
    pub(crate) fn new(operator: &OperatorSpec, schema: &Arc<StateSchema>) -> Result<Self> {
        let max = MaxParallelism::new(operator.max_parallelism)?;
        Ok(Placer { function: operator.key_group_function, max, schema: Arc::clone(schema) })
    }

    /// Returns the key group of a row's key; the one that the row holds is checked, and trusted
    /// where the function is not known.
    pub(crate) fn place(&self, row: &Row, held: Option<u64>) -> Result<KeyGroup, BadRow> {
        let Some(key_type) = &self.schema.key else { return Ok(KeyGroup(0)) };
        let bytes = canonical::to_bytes(&row.key, key_type)?;
        let placed = self.function.place(&row.key, key_type, &bytes, self.max);
        let group = match (placed, held) {
            (Ok(group), None) => return Ok(group),
            (Ok(group), Some(held)) if u64::from(group.0) == held => return Ok(group),
            (Ok(group), Some(found)) => return Err(BadRow::KeyGroup { wanted: group.0, found }),
            (Err(_), Some(held)) if held < u64::from(self.max.get()) => u16::try_from(held).ok(),
            (Err(error), _) => return Err(error.into()),
        };
        group.map(KeyGroup).ok_or(BadRow::Missing("key_group"))
    }
}
