//! A snapshot that counts the rows read from it, for people who wait.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use alluvium_model::source::{Layer, SourceError};
use alluvium_model::{RowBatch, RowStream, Scan, SnapshotSource, StateSchema};

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

impl Layer for Watched {
    fn below(&self) -> &dyn SnapshotSource {
        self.source.as_ref()
    }

    fn stream<'a>(
        &'a self,
        _: &Scan,
        stream: Box<dyn RowStream + Send + 'a>,
    ) -> Box<dyn RowStream + Send + 'a> {
        Box::new(Counted { stream, rows: &self.rows })
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
