use alluvium_model::digest::{RowHasher, TableDigest};
use alluvium_model::{KeyGroup, RowBatch, StateKind};

use crate::Result;

/// What a manifest says of the live rows of a table: canonical digests and number of entries.
///
/// Found from rows, or from digests that runs already have.
///
/// Spec: ROWHASH-1, MAN-10.
pub(crate) struct Summary {
    kind: StateKind,
    hasher: RowHasher,
    runs: TableDigest,
    rows: u64,
    entries: u64,
    last_list: Option<(KeyGroup, Vec<u8>)>,
}

impl Summary {
    pub(crate) fn new(kind: StateKind) -> Self {
        Summary {
            kind,
            hasher: RowHasher::default(),
            runs: TableDigest::default(),
            rows: 0,
            entries: 0,
            last_list: None,
        }
    }

    /// Adds live rows with their sort keys, in canonical order.
    pub(crate) fn update(&mut self, batch: &RowBatch) -> Result<()> {
        self.hasher.update(batch)?;
        self.rows += batch.len() as u64;
        if self.kind == StateKind::List {
            self.count_lists(batch);
        } else {
            self.entries += batch.len() as u64;
        }
        Ok(())
    }

    /// Adds the rows of a run, of which none is hidden, by its canonical digests.
    pub(crate) fn add_run(&mut self, live: &TableDigest) {
        let rows = live.total().rows;
        self.rows += rows;
        self.entries += rows;
        self.runs.merge(live);
    }

    pub(crate) fn rows(&self) -> u64 {
        self.rows
    }

    pub(crate) fn finish(self) -> (TableDigest, u64) {
        let mut digest = self.hasher.finish();
        digest.merge(&self.runs);
        (digest, self.entries)
    }

    /// Counts each (key, namespace) once: the sort key without its mark and 8 bytes of position.
    fn count_lists(&mut self, batch: &RowBatch) {
        for row in 0..batch.len() {
            let (group, key) = (batch.key_group(row), batch.sort_key(row));
            let list = key.get(..key.len().saturating_sub(9)).unwrap_or_default();
            if self.last_list.as_ref().is_none_or(|(g, k)| (*g, k.as_slice()) != (group, list)) {
                self.entries += 1;
                self.last_list = Some((group, list.to_vec()));
            }
        }
    }
}
