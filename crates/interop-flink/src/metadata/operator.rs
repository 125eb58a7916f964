//! Operators, their subtasks, and handles of operator state.

use alluvium_model::{OperatorId, OperatorUid};

use super::{ChannelHandle, KeyedHandle, StreamHandle};

/// State of one operator (`org.apache.flink.runtime.checkpoint.OperatorState`); in version 1 of a
/// chain of operators (`TaskState`).
#[derive(Debug, Clone, PartialEq)]
pub struct Operator {
    /// Its id; in version 1 that of the chain's head.
    pub id: OperatorId,
    /// Its uid, from version 5 and if the job gave it one.
    pub uid: Option<OperatorUid>,
    /// Its name, from version 5.
    pub name: Option<String>,
    /// Number of its subtasks.
    pub parallelism: u32,
    /// Number of its key groups.
    pub max_parallelism: u32,
    /// Length of the chain in version 1; elsewhere 1.
    pub chain_length: u32,
    /// State of its coordinator, such as the enumerator of a source; from version 3.
    pub coordinator: Option<StreamHandle>,
    /// Whether all its subtasks had finished; there is no state then.
    pub finished: bool,
    /// Its subtasks that reported; those without state may be absent.
    pub subtasks: Vec<Subtask>,
}

/// State of one subtask (`OperatorSubtaskState`).
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Subtask {
    /// Subtask index, from 0.
    pub index: u32,
    /// Whether it had finished; there is no state then.
    pub finished: bool,
    /// Operator state that the backend wrote; from version 2 one at most.
    pub managed_operator: Vec<OperatorHandle>,
    /// Operator state that the operator wrote by itself; from version 2 one at most.
    pub raw_operator: Vec<OperatorHandle>,
    /// Keyed state that the backend wrote; in version 1 that of the chain's head.
    pub managed_keyed: Option<KeyedHandle>,
    /// Keyed state that the operator wrote by itself, such as timers.
    pub raw_keyed: Option<KeyedHandle>,
    /// Records in flight before it, of an unaligned checkpoint; from version 3.
    pub input_channels: Vec<ChannelHandle>,
    /// Records in flight behind it, of an unaligned checkpoint; from version 3.
    pub output_channels: Vec<ChannelHandle>,
    /// State of the interface `Checkpointed` (1.2 and 1.3): in version 1 an element for every
    /// operator of the chain, in version 2 none or one, later none.
    pub legacy: Vec<Option<StreamHandle>>,
    /// How long the checkpoint took; versions 1 and 2, where writers put −1.
    pub legacy_duration: i64,
}

/// State of an operator that is not keyed (`OperatorStateHandle`).
#[derive(Debug, Clone, PartialEq)]
pub struct OperatorHandle {
    /// Place in the chain of version 1, 0 the tail, `chain_length` − 1 the head; elsewhere 0.
    pub chain_index: u32,
    /// The states by name. Raw state has one, `_default_`.
    pub states: Vec<OperatorState>,
    /// The stream.
    pub stream: StreamHandle,
    /// Where the merged files are (`FileMergingOperatorStreamStateHandle`, tag 17).
    pub merged: Option<MergedDirectories>,
}

/// One state of an [`OperatorHandle`] (`OperatorStateHandle.StateMetaInfo`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OperatorState {
    /// State name.
    pub name: String,
    /// How it is shared among subtasks at a restore.
    pub mode: DistributionMode,
    /// Offset of each element in the stream; broadcast state has one.
    pub offsets: Vec<i64>,
}

/// How operator state is shared among subtasks at a restore (`OperatorStateHandle.Mode`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DistributionMode {
    /// Every element goes to one subtask (0).
    Split,
    /// Every subtask gets all elements (1; up to 1.4 this number is named `BROADCAST`).
    Union,
    /// Every subtask has the same and gets the same (2; from 1.5).
    Broadcast,
}

/// Directories of an operator's merged files (`FileMergingOperatorStreamStateHandle`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MergedDirectories {
    /// Directory of files that a task manager owns, an absolute path as written.
    pub task_owned: String,
    /// Directory of files that the subtask's checkpoints share, an absolute path as written.
    pub shared: String,
    /// Whether there is no state; the handle only keeps the directories alive.
    pub empty: bool,
}
