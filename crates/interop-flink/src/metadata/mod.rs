//! `_metadata`: what a savepoint or checkpoint consists of and where its state lies.
//!
//! [`read`] takes versions 1 to 6 (Flink 1.2 to 2.3) and [`write`] gives the same bytes back. The
//! shapes are those of `org.apache.flink.runtime.checkpoint.metadata.MetadataV1Serializer` to
//! `MetadataV6Serializer`; nothing here opens a file. A state of at most some kilobytes lies in the
//! metadata itself ([`StreamHandle::InMemory`]); all else is a reference.

mod channels;
mod keyed;
mod operator;
mod properties;
mod stream;

use bytes::Bytes;

pub use channels::{Channel, ChannelForm, ChannelHandle};
pub use keyed::{KeyedHandle, SAVEPOINT_KEY_GROUPS, StateChange};
pub use operator::{DistributionMode, MergedDirectories, Operator, OperatorHandle, OperatorState, Subtask};
pub use properties::{PostCheckpointAction, Properties, SavepointFormat, SharingFilesStrategy, SnapshotType};
pub use stream::{Scope, StreamHandle};

/// A savepoint or checkpoint as its `_metadata` describes it.
///
/// Operators, subtasks and names stand in the order of the file, which is none in particular.
#[derive(Debug, Clone, PartialEq)]
pub struct Metadata {
    /// Version of the file, 1 to 6.
    pub version: u32,
    /// Number of the checkpoint within its job; savepoints count too.
    pub checkpoint_id: u64,
    /// State of master hooks; nearly always none.
    pub master_states: Vec<MasterState>,
    /// One for every operator that reported, stateless ones included; in version 1 one for every
    /// chain of operators.
    pub operators: Vec<Operator>,
    /// How the snapshot was asked for; from version 4.
    pub properties: Option<Properties>,
}

/// State that a hook of the job manager added (`MasterTriggerRestoreHook`, `MasterState`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MasterState {
    /// Name of the hook.
    pub name: String,
    /// Version of its serializer.
    pub version: i32,
    /// What it wrote.
    pub payload: Bytes,
}
