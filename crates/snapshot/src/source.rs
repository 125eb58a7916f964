use std::ops::ControlFlow;
use std::sync::Arc;

use alluvium_model::digest::TableDigest;
use alluvium_model::source::{Damage, Scan, SourceError, Verified};
use alluvium_model::{
    KeyGroupFunction, KeyGroupRange, MaxParallelism, OperatorId, Origin, RowBatch, RowStream,
    SnapshotDescription, SnapshotSource, StateSchema, Value, canonical,
};
use alluvium_store::block_on;

use crate::{Error, Result, Rows, Snapshot, verify};

/// Live rows, blocking.
struct BlockingRows(Rows);

impl RowStream for BlockingRows {
    fn schema(&self) -> &Arc<StateSchema> {
        self.0.schema()
    }

    fn next_batch(&mut self) -> Result<Option<RowBatch>, SourceError> {
        Ok(block_on(self.0.next())?)
    }
}

impl SnapshotSource for Snapshot {
    fn describe(&self) -> &SnapshotDescription {
        &self.description
    }

    fn scan(&self, scan: &Scan) -> Result<Box<dyn RowStream + Send + '_>, SourceError> {
        Ok(Box::new(BlockingRows(self.rows(scan)?)))
    }

    fn lookup(&self, operator: OperatorId, state: &str, key: &Value) -> Result<Vec<RowBatch>, SourceError> {
        let mut rows = self.rows(&self.key_scan(operator, state, key)?)?;
        let mut found = Vec::new();
        while let Some(batch) = block_on(rows.next())? {
            found.push(batch);
        }
        Ok(found)
    }

    fn digest(&self, operator: OperatorId, state: &str) -> Result<Option<TableDigest>, SourceError> {
        let (_, table) = self.table(operator, state)?;
        Ok(table.digest.clone())
    }

    fn origin(&self) -> Result<Option<Origin>, SourceError> {
        Ok(block_on(self.read_origin())?)
    }

    fn verify(&self, report: &mut dyn FnMut(Damage) -> ControlFlow<()>) -> Result<Verified, SourceError> {
        Ok(block_on(verify::verify(self, report))?)
    }
}

impl Snapshot {
    /// Returns the scan that finds the rows of one key: in its key group where that can be
    /// computed, else in all.
    ///
    /// Spec: KEYGROUP-4.
    fn key_scan(&self, operator: OperatorId, state: &str, key: &Value) -> Result<Scan> {
        let (entry, table) = self.table(operator, state)?;
        let schema = self.schema(table)?;
        let refused = |reason| Error::Refused { place: format!("state {state}"), reason };
        let ty = schema.key.as_ref().ok_or_else(|| refused("operator state has no keys"))?;
        let bytes = canonical::to_bytes(key, ty)?;
        let max = MaxParallelism::new(entry.max_parallelism)?;
        let key_groups = match entry.key_group_function {
            KeyGroupFunction::JavaHash | KeyGroupFunction::CanonicalBytes => {
                let group = u32::from(entry.key_group_function.place(key, ty, &bytes, max)?.0);
                Some(KeyGroupRange::new(group, group + 1))
            }
            _ => None,
        };
        Ok(Scan { key_groups, prefix: Some(bytes), ..Scan::all(operator, state) })
    }
}
