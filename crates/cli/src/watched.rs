//! A snapshot that counts the rows read from it, for people who wait.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use alluvium_model::digest::TableDigest;
use alluvium_model::source::{Damage, SourceError, Verified};
use alluvium_model::{
    OperatorId, Origin, RowBatch, RowStream, Scan, SnapshotDescription, SnapshotSource, StateSchema, Value,
};

/// Passes every question on and counts the rows of the answers.
pub(crate) struct Watched {
    source: Box<dyn SnapshotSource>,
    rows: Arc<AtomicU64>,
}

impl Watched {
    /// Counts rows of a snapshot into a number that others may read.
    pub(crate) fn new(source: Box<dyn SnapshotSource>, rows: &Arc<AtomicU64>) -> Self {
        Watched { source, rows: Arc::clone(rows) }
    }
}

impl SnapshotSource for Watched {
    fn describe(&self) -> &SnapshotDescription {
        self.source.describe()
    }

    fn scan(&self, scan: &Scan) -> Result<Box<dyn RowStream + Send + '_>, SourceError> {
        Ok(Box::new(Counted { stream: self.source.scan(scan)?, rows: &self.rows }))
    }

    fn lookup(&self, operator: OperatorId, state: &str, key: &Value) -> Result<Vec<RowBatch>, SourceError> {
        self.source.lookup(operator, state, key)
    }

    fn digest(&self, operator: OperatorId, state: &str) -> Result<Option<TableDigest>, SourceError> {
        self.source.digest(operator, state)
    }

    fn origin(&self) -> Result<Option<Origin>, SourceError> {
        self.source.origin()
    }

    fn verify(&self, report: &mut dyn FnMut(Damage) -> ControlFlow<()>) -> Result<Verified, SourceError> {
        self.source.verify(report)
    }
}

struct Counted<'a> {
    stream: Box<dyn RowStream + Send + 'a>,
    rows: &'a AtomicU64,
}

impl RowStream for Counted<'_> {
    fn schema(&self) -> &Arc<StateSchema> {
        self.stream.schema()
    }

    fn next_batch(&mut self) -> Result<Option<RowBatch>, SourceError> {
        let batch = self.stream.next_batch()?;
        self.rows.fetch_add(batch.as_ref().map_or(0, |batch| batch.len() as u64), Ordering::Relaxed);
        Ok(batch)
    }
}
