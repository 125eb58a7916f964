//! Handles of keyed state (`KeyedStateHandle` and what implements it).

use alluvium_model::{KeyGroup, KeyGroupRange};
use bytes::Bytes;

use super::StreamHandle;

/// Tag of [`KeyedHandle::KeyGroups`] whose content has the canonical layout
/// (`KeyGroupsSavepointStateHandle`).
pub const SAVEPOINT_KEY_GROUPS: u8 = 7;

/// Where the keyed state of one subtask is (`org.apache.flink.runtime.state.KeyedStateHandle`).
#[derive(Debug, Clone, PartialEq)]
pub enum KeyedHandle {
    /// One stream with an offset for every key group (`KeyGroupsStateHandle`; raw keyed state too).
    KeyGroups {
        /// 3 (to 1.14), 12 (from 1.15), or [`SAVEPOINT_KEY_GROUPS`] (canonical savepoints from 1.13).
        tag: u8,
        /// Its key groups.
        range: KeyGroupRange,
        /// Offset of each key group in the stream, in order. No data: 0 in canonical files, −1 in
        /// raw keyed state.
        offsets: Vec<i64>,
        /// The stream.
        stream: StreamHandle,
        /// Identity of the handle, a UUID; in tag 12.
        id: Option<String>,
    },
    /// Files of RocksDB or ForSt (`IncrementalRemoteKeyedStateHandle`, tags 5 and 11).
    Incremental {
        /// 5 (to 1.14) or 11 (from 1.15).
        tag: u8,
        /// Checkpoint that made it.
        checkpoint_id: i64,
        /// Identity of the backend, as written.
        backend: String,
        /// Its key groups.
        range: KeyGroupRange,
        /// Bytes that this checkpoint wrote anew; in tag 11.
        checkpointed_size: Option<i64>,
        /// The header: key serializer and states.
        meta: StreamHandle,
        /// Table files by their name in the database, such as `000015.sst`.
        shared: Vec<(String, StreamHandle)>,
        /// Other files by their name, such as `MANIFEST-000005`, `CURRENT`, `OPTIONS-000013`.
        private: Vec<(String, StreamHandle)>,
        /// Identity of the handle, a UUID; in tag 11.
        id: Option<String>,
    },
    /// A snapshot of the inner backend and the changes since
    /// (`ChangelogStateBackendHandleImpl`, tags 8 and 14).
    Changelog {
        /// 8 (1.15) or 14 (from 1.16).
        tag: u8,
        /// Its key groups.
        range: KeyGroupRange,
        /// Bytes that this checkpoint wrote anew.
        checkpointed_size: i64,
        /// The snapshot of the inner backend.
        materialised: Vec<KeyedHandle>,
        /// The changes since, in the order in which they apply.
        increments: Vec<KeyedHandle>,
        /// Number of the materialisation.
        materialisation_id: i64,
        /// Checkpoint that made it; in tag 14.
        checkpoint_id: Option<i64>,
        /// Identity of the handle, a UUID.
        id: String,
    },
    /// Changes in the metadata itself (`InMemoryChangelogStateHandle`, tag 9).
    ChangelogInMemory {
        /// Its key groups.
        range: KeyGroupRange,
        /// Sequence number of the first change.
        from: i64,
        /// Sequence number behind the last change.
        to: i64,
        /// The changes in order.
        changes: Vec<StateChange>,
        /// Identity of the handle, a UUID.
        id: String,
    },
    /// Changes in files (`ChangelogStateHandleStreamImpl`, tags 10 and 13).
    ChangelogFiles {
        /// 10 (1.15) or 13 (from 1.16).
        tag: u8,
        /// Its key groups.
        range: KeyGroupRange,
        /// In order: offset of a change set in the uncompressed content behind the file's first
        /// byte, and the file.
        streams: Vec<(i64, StreamHandle)>,
        /// Uncompressed bytes of all change sets.
        state_size: i64,
        /// Bytes that this checkpoint wrote anew.
        checkpointed_size: i64,
        /// Identity of the handle, a UUID.
        id: String,
        /// Identity of the changelog storage, such as `filesystem`; in tag 13.
        storage: Option<String>,
    },
}

/// One change in memory (`StateChange`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StateChange {
    /// The key group; none for a change of the state descriptions.
    pub key_group: Option<KeyGroup>,
    /// The change.
    pub change: Bytes,
}

impl KeyedHandle {
    /// Returns its key groups.
    pub fn range(&self) -> KeyGroupRange {
        match self {
            KeyedHandle::KeyGroups { range, .. }
            | KeyedHandle::Incremental { range, .. }
            | KeyedHandle::Changelog { range, .. }
            | KeyedHandle::ChangelogInMemory { range, .. }
            | KeyedHandle::ChangelogFiles { range, .. } => *range,
        }
    }

    /// Returns whether its content is canonical by its tag. Up to 1.12 savepoints have the canonical
    /// layout under tag 3 too, which only the content tells.
    pub fn is_savepoint(&self) -> bool {
        matches!(self, KeyedHandle::KeyGroups { tag: SAVEPOINT_KEY_GROUPS, .. })
    }
}
