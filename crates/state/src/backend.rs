//! What the runtime sees of the place that keeps keyed state.

use std::any::Any;
use std::sync::Arc;

use alluvium_model::{KeyGroup, KeyGroupRange, MaxParallelism, RowBatch, StateSchema, TimeDomain};
use thiserror::Error;

use crate::{Result, StateHost};

/// Where a backend stands among the subtasks of its operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BackendOptions {
    /// Number of key groups of the operator.
    pub max_parallelism: MaxParallelism,
    /// Key groups of this subtask.
    pub key_groups: KeyGroupRange,
    /// Sequence of the first freeze: 1, or one above the maximum of the operator at a restore.
    pub first_sequence: u32,
    /// Seed of the hash tables; random, or fixed under simulation.
    pub hash_seed: u64,
    /// How much of a frozen layer is put in order at a time.
    pub encoding: EncodingSizes,
}

/// How much of a frozen layer is put in order at a time: a part of neighbouring key groups that fits a
/// cache, several parts in one pass over the layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EncodingSizes {
    /// Entries of a part.
    pub part_rows: usize,
    /// Bytes of columns that are filled in one pass; at least one part.
    pub pass_bytes: usize,
    /// Bytes of columns from which a part goes on in another piece, far below the 2 GiB that one can hold.
    pub piece_bytes: usize,
}

impl Default for EncodingSizes {
    /// 32 Ki entries, 256 MiB and 64 MiB.
    fn default() -> Self {
        EncodingSizes { part_rows: 32 << 10, pass_bytes: 256 << 20, piece_bytes: 64 << 20 }
    }
}

impl Default for BackendOptions {
    /// One subtask of 128 key groups that starts afresh.
    fn default() -> Self {
        let max_parallelism = MaxParallelism::default_for(1);
        BackendOptions {
            max_parallelism,
            key_groups: max_parallelism.all(),
            first_sequence: 1,
            hash_seed: 0,
            encoding: EncodingSizes::default(),
        }
    }
}

/// Names a frozen layer of a backend: the sequence of its freeze.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FrozenId(pub u32);

impl FrozenId {
    /// Returns the sequence of the runs made of this layer.
    ///
    /// Spec: SEQ-1.
    pub fn sequence(self) -> u32 {
        self.0
    }
}

/// The layer that a barrier froze: what changed since the freeze before.
#[derive(Clone)]
pub struct Frozen {
    /// Its name, given back to [`KeyedBackend::durable`].
    pub id: FrozenId,
    /// One table per slot that changed, ascending by slot; none when nothing changed.
    pub tables: Vec<Arc<dyn FrozenTable>>,
}

/// Why a freeze was declined: two frozen layers wait to become durable or to be absorbed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("two frozen layers are outstanding; the older, {oldest:?}, is {}", if *durable { "being absorbed" } else { "not durable" })]
pub struct FrozenFull {
    /// The older layer.
    pub oldest: FrozenId,
    /// Whether that one is durable and only waits to be absorbed.
    pub durable: bool,
}

/// The immutable rows of one state in a frozen layer, shared with whoever encodes them.
pub trait FrozenTable: Send + Sync {
    /// Returns the slot of the state.
    fn slot(&self) -> usize;

    /// Returns the schema of the rows.
    fn schema(&self) -> &Arc<StateSchema>;

    /// Returns an upper bound for the number of rows that costs nothing; exact for value states.
    fn rows_hint(&self) -> usize;

    /// Returns the delta rows, with operations, in canonical order, at most `batch_rows` a batch and
    /// never an empty one.
    ///
    /// Sorting happens in this call: make it in the background.
    ///
    /// Spec: RUN-4, RUN-5, ORDER-1.
    fn rows(
        &self,
        batch_rows: usize,
    ) -> Box<dyn Iterator<Item = alluvium_model::Result<RowBatch>> + Send + '_>;
}

/// A timer that is due; its key has become the current key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DueTimer {
    /// Its timestamp in milliseconds.
    pub timestamp: i64,
    /// Key group of its key.
    pub key_group: KeyGroup,
}

/// Memory that is no longer used and may be large: drop it away from the task.
pub type Garbage = Vec<Box<dyn Any + Send>>;

/// The keyed state of one subtask of an operator.
///
/// **Owns** the layers, the live timers and the current key. **Does not own** runs, files or
/// checkpoints: a frozen layer belongs to the task and stays until it is durable, whatever becomes
/// of the checkpoint that froze it.
///
/// Layers, newest first: the active one takes all writes; at most two frozen ones are
/// immutable; the base holds the rest. After a restore the base is columnar at its bottom, and
/// a row is promoted when first written.
pub trait KeyedBackend: StateHost + Send {
    /// Returns this as the host that operators see.
    fn host(&mut self) -> &mut dyn StateHost;

    /// Returns the schemas of the slots.
    fn schemas(&self) -> &[Arc<StateSchema>];

    /// Makes a key the current one.
    ///
    /// # Panics
    /// When `key` is not of the key type declared.
    fn set_current_key(&mut self, key: &dyn Any, group: KeyGroup);

    /// Sets the processing time by which state expires.
    fn set_now(&mut self, now_ms: i64);

    /// Takes what failed in [`StateHost::exchange`] since the last call, if anything did.
    fn take_failure(&mut self) -> Option<crate::Error>;

    /// Freezes the active layer of every slot. The cost depends on the number of slots alone.
    ///
    /// # Errors
    /// [`FrozenFull`] when two frozen layers are outstanding; nothing has changed then.
    fn freeze(&mut self) -> Result<Frozen, FrozenFull>;

    /// Says that every run of a frozen layer is durable. The tables of its [`Frozen`] must be dropped
    /// before it can be absorbed.
    fn durable(&mut self, id: FrozenId);

    /// Moves about `budget` entries of durable frozen layers into the base; returns whether a further call
    /// would move more.
    fn absorb(&mut self, budget: usize) -> bool;

    /// Returns the number of frozen layers that are not yet absorbed.
    fn frozen_layers(&self) -> usize;

    /// Takes memory that has become free in large pieces.
    fn take_garbage(&mut self) -> Garbage;

    /// Takes live rows of a slot, without operations, in canonical order: before the first key is
    /// set, any number of times.
    ///
    /// # Errors
    /// [`crate::Error::Rows`] when they do not fit the slot; [`crate::Error::Opaque`] for opaque rows.
    fn restore(&mut self, slot: usize, rows: RowBatch) -> Result<()>;

    /// Makes restored rows readable. Costs a hash per key.
    ///
    /// # Errors
    /// As for [`KeyedBackend::restore`].
    fn finish_restore(&mut self) -> Result<()>;

    /// Returns the slot of a state.
    fn slot_of(&self, state: &str) -> Option<usize> {
        self.schemas().iter().position(|schema| schema.name == state)
    }

    /// Removes the first timer due at or before a time and makes its key the current one.
    ///
    /// Timers of equal timestamp come in the order of key group and key.
    fn pop_due_timer(&mut self, domain: TimeDomain, until_ms: i64) -> Option<DueTimer>;

    /// Returns the timestamp of the first timer.
    fn next_timer(&mut self, domain: TimeDomain) -> Option<i64>;
}
