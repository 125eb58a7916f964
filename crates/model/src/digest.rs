//! Canonical digests: equal for equal rows, whatever stores them.

use std::collections::BTreeMap;

use crate::{KeyGroup, Result, RowBatch};

/// Count of rows and the sum of their hashes modulo 2^128.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Digest {
    /// Number of rows.
    pub rows: u64,
    /// Sum of the row hashes.
    pub sum: u128,
}

impl Digest {
    /// Adds one row by its hash.
    pub fn add(&mut self, hash: u128) {
        self.rows += 1;
        self.sum = self.sum.wrapping_add(hash);
    }

    /// Adds all rows of another digest.
    pub fn merge(&mut self, other: Digest) {
        self.rows += other.rows;
        self.sum = self.sum.wrapping_add(other.sum);
    }
}

/// The digests of one state: by key group, non-empty groups only; operator state under group 0.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TableDigest {
    /// Digest of each non-empty key group.
    pub groups: BTreeMap<KeyGroup, Digest>,
}

/// Hashes rows of one state in canonical order and sums them by key group.
///
/// List ranks are counted across batches, so that one hasher must see a list whole.
#[derive(Debug, Default)]
pub struct RowHasher {
    digest: TableDigest,
}

impl RowHasher {
    /// Adds the rows of a batch of live rows (no operations).
    pub fn update(&mut self, batch: &RowBatch) -> Result<()> {
        let _ = batch;
        unimplemented!()
    }

    /// Returns the digests.
    pub fn finish(self) -> TableDigest {
        self.digest
    }
}
