//! Checkpoint properties: how a snapshot was asked for.

use bytes::Bytes;

/// How a snapshot was asked for, and what may be deleted when
/// (`org.apache.flink.runtime.checkpoint.CheckpointProperties`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Properties {
    /// What kind of snapshot it is.
    pub snapshot_type: SnapshotType,
    /// Whether it goes when the job is cancelled.
    pub discard_cancelled: bool,
    /// Whether it goes when the job fails.
    pub discard_failed: bool,
    /// Whether it goes when the job finishes.
    pub discard_finished: bool,
    /// Whether it goes when newer ones are complete.
    pub discard_subsumed: bool,
    /// Whether it goes when the job is suspended.
    pub discard_suspended: bool,
    /// Whether it ran regardless of limits on concurrent checkpoints.
    pub forced: bool,
    /// Whether it belongs to nobody since a restore without claim.
    pub unclaimed: bool,
    /// The Java object stream as read, which is what [`super::write`] writes.
    pub(super) raw: Bytes,
}

/// Kind of a snapshot (`SnapshotType`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SnapshotType {
    /// A savepoint (`SavepointType`).
    Savepoint {
        /// Layout of its keyed state.
        format: SavepointFormat,
        /// What the job did afterwards.
        action: PostCheckpointAction,
    },
    /// A checkpoint (`CheckpointType`).
    Checkpoint {
        /// What it shares with other checkpoints.
        sharing: SharingFilesStrategy,
    },
    /// A kind that this release does not know.
    Other {
        /// Its Java class.
        class: String,
    },
}

/// Layout of a savepoint's keyed state (`SavepointFormatType`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SavepointFormat {
    /// The same for every backend.
    Canonical,
    /// That of the backend.
    Native,
}

/// What a job did after a savepoint (`SavepointType.PostCheckpointAction`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PostCheckpointAction {
    /// It went on.
    None,
    /// It stopped.
    Suspend,
    /// It drained its input and stopped.
    Terminate,
}

/// What a checkpoint shares with other checkpoints (`SnapshotType.SharingFilesStrategy`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SharingFilesStrategy {
    /// It may use files of older ones, and newer ones its files.
    ForwardBackward,
    /// Newer ones may use its files.
    Forward,
    /// Nothing.
    NoSharing,
}
