use std::fmt;
use std::sync::Arc;

use alluvium_model::MaxParallelism;

use crate::AnyBatch;

/// How records go from the subtasks of one operator to those of the next.
#[derive(Clone)]
pub enum Exchange {
    /// To the subtask of the same index; rebalanced when the parallelism differs.
    Forward,
    /// To the subtask that owns the key group of the record's key.
    Hash(Arc<dyn Partitioner>),
    /// In turn, batch by batch.
    Rebalance,
    /// To every subtask.
    Broadcast,
}

impl Exchange {
    /// Returns the word used in job descriptions.
    pub fn word(&self) -> &'static str {
        match self {
            Exchange::Forward => "forward",
            Exchange::Hash(_) => "hash",
            Exchange::Rebalance => "rebalance",
            Exchange::Broadcast => "broadcast",
        }
    }
}

impl fmt::Debug for Exchange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// Shares a batch among subtasks by the key groups of its records.
pub trait Partitioner: Send + Sync {
    /// Returns the parts that are not empty, ascending by subtask; records keep their order.
    fn partition(&self, batch: AnyBatch, max: MaxParallelism, parallelism: u32) -> Vec<(u32, AnyBatch)>;
}
