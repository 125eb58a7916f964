//! Checkpoint properties: how a snapshot was asked for.

use bytes::Bytes;

use super::properties_stream;
use super::wire::Source;
use crate::Result;
use crate::bytes::Input;
use crate::java::{self, Object, Value};

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

/// When a checkpoint is kept (`CheckpointRetentionPolicy`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Retention {
    /// On cancellation and on failure.
    OnCancellation,
    /// On failure.
    OnFailure,
    /// Never.
    Never,
}

const SECTION: &str = "checkpoint properties";
const CLASS: &str = "org.apache.flink.runtime.checkpoint.CheckpointProperties";
const SAVEPOINT: &str = "org.apache.flink.runtime.checkpoint.SavepointType";
const CHECKPOINT: &str = "org.apache.flink.runtime.checkpoint.CheckpointType";

impl Properties {
    /// Makes the properties of a savepoint.
    pub fn savepoint(format: SavepointFormat, action: PostCheckpointAction) -> Self {
        let flags = [false, false, false, false, false, true, false];
        let raw = properties_stream::savepoint(format, action, flags);
        Self::of(SnapshotType::Savepoint { format, action }, flags, raw)
    }

    /// Makes the properties of a checkpoint.
    pub fn checkpoint(sharing: SharingFilesStrategy, retention: Retention) -> Self {
        let (cancelled, failed) = match retention {
            Retention::OnCancellation => (false, false),
            Retention::OnFailure => (true, false),
            Retention::Never => (true, true),
        };
        let flags = [cancelled, failed, true, true, cancelled, false, false];
        let raw = properties_stream::checkpoint(sharing, flags);
        Self::of(SnapshotType::Checkpoint { sharing }, flags, raw)
    }

    /// Returns the Java object stream that the metadata holds.
    pub fn as_bytes(&self) -> &Bytes {
        &self.raw
    }

    /// Takes all that is left of a metadata file.
    pub(super) fn read(source: &mut Source<'_>) -> Result<Self> {
        let start = source.input.offset();
        let raw = source.rest(SECTION)?;
        let mut input = Input::at(&raw, start);
        let graph = java::read(&mut input).map_err(|error| error.within(SECTION))?;
        if !input.is_empty() {
            let found = format!("{} bytes more", input.left());
            return Err(input.malformed(SECTION, "the end of the file", found));
        }
        let object = graph.root().as_object().filter(|object| object.class().name() == CLASS);
        let object = object.ok_or_else(|| {
            let found = graph.root().class_name().unwrap_or("null");
            input.malformed(SECTION, "an object of CheckpointProperties", found)
        })?;
        let flag = |name| object.field(CLASS, name).and_then(Value::as_bool).unwrap_or(false);
        let flags = [
            flag("discardCancelled"),
            flag("discardFailed"),
            flag("discardFinished"),
            flag("discardSubsumed"),
            flag("discardSuspended"),
            flag("forced"),
            flag("unclaimed"),
        ];
        Ok(Self::of(snapshot_type(object), flags, raw.clone()))
    }

    fn of(snapshot_type: SnapshotType, flags: [bool; 7], raw: Bytes) -> Self {
        let [cancelled, failed, finished, subsumed, suspended, forced, unclaimed] = flags;
        Properties {
            snapshot_type,
            discard_cancelled: cancelled,
            discard_failed: failed,
            discard_finished: finished,
            discard_subsumed: subsumed,
            discard_suspended: suspended,
            forced,
            unclaimed,
            raw,
        }
    }
}

fn snapshot_type(properties: Object<'_>) -> SnapshotType {
    let value = properties.field(CLASS, "checkpointType").unwrap_or(Value::Null);
    let known = value.as_object().and_then(|object| match object.class().name() {
        SAVEPOINT => Some(SnapshotType::Savepoint {
            format: SavepointFormat::from_name(constant(object, SAVEPOINT, "formatType")?)?,
            action: PostCheckpointAction::from_name(constant(object, SAVEPOINT, "postCheckpointAction")?)?,
        }),
        CHECKPOINT => Some(SnapshotType::Checkpoint {
            sharing: SharingFilesStrategy::from_name(constant(object, CHECKPOINT, "sharingFilesStrategy")?)?,
        }),
        _ => None,
    });
    known.unwrap_or_else(|| SnapshotType::Other { class: value.class_name().unwrap_or("null").into() })
}

fn constant<'g>(object: Object<'g>, class: &str, field: &str) -> Option<&'g str> {
    Some(object.field(class, field)?.as_enum()?.name())
}

impl SavepointFormat {
    /// Returns the name of Flink's constant.
    pub fn name(self) -> &'static str {
        match self {
            SavepointFormat::Canonical => "CANONICAL",
            SavepointFormat::Native => "NATIVE",
        }
    }

    fn from_name(name: &str) -> Option<Self> {
        [SavepointFormat::Canonical, SavepointFormat::Native].into_iter().find(|it| it.name() == name)
    }
}

impl PostCheckpointAction {
    /// Returns the name of Flink's constant.
    pub fn name(self) -> &'static str {
        match self {
            PostCheckpointAction::None => "NONE",
            PostCheckpointAction::Suspend => "SUSPEND",
            PostCheckpointAction::Terminate => "TERMINATE",
        }
    }

    fn from_name(name: &str) -> Option<Self> {
        [PostCheckpointAction::None, PostCheckpointAction::Suspend, PostCheckpointAction::Terminate]
            .into_iter()
            .find(|it| it.name() == name)
    }
}

impl SharingFilesStrategy {
    /// Returns the name of Flink's constant.
    pub fn name(self) -> &'static str {
        match self {
            SharingFilesStrategy::ForwardBackward => "FORWARD_BACKWARD",
            SharingFilesStrategy::Forward => "FORWARD",
            SharingFilesStrategy::NoSharing => "NO_SHARING",
        }
    }

    fn from_name(name: &str) -> Option<Self> {
        [
            SharingFilesStrategy::ForwardBackward,
            SharingFilesStrategy::Forward,
            SharingFilesStrategy::NoSharing,
        ]
        .into_iter()
        .find(|it| it.name() == name)
    }
}
