//! Whether a snapshot is a savepoint or a checkpoint, and of which job.

use crate::metadata::{KeyedHandle, Metadata, SavepointFormat, SnapshotType, StreamHandle};

/// What a snapshot is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SnapshotKind {
    /// A savepoint, with the layout of its keyed state if the metadata says it (from version 4).
    Savepoint(Option<SavepointFormat>),
    /// A checkpoint.
    Checkpoint,
}

/// Tells the kind: by the properties; before version 4 by the names of files and by the handles.
pub(super) fn kind(metadata: &Metadata, file: &str) -> SnapshotKind {
    if let Some(properties) = &metadata.properties {
        match &properties.snapshot_type {
            SnapshotType::Savepoint { format, .. } => return SnapshotKind::Savepoint(Some(*format)),
            SnapshotType::Checkpoint { .. } => return SnapshotKind::Checkpoint,
            SnapshotType::Other { .. } => {}
        }
    }
    let mut names = file.rsplit('/');
    let (name, folder) = (names.next().unwrap_or_default(), names.next().unwrap_or_default());
    let by_name = if name.starts_with("checkpoint_metadata") || checkpoint_number(folder).is_some() {
        Some(SnapshotKind::Checkpoint)
    } else if name.starts_with("savepoint-") || folder.starts_with("savepoint-") {
        Some(SnapshotKind::Savepoint(None))
    } else {
        None
    };
    by_name.unwrap_or_else(|| by_handles(metadata))
}

/// Only checkpoints have incremental state and records in flight before version 4, and only their
/// files lie in folders named `chk-<n>`.
fn by_handles(metadata: &Metadata) -> SnapshotKind {
    let mut is_checkpoint = false;
    for subtask in metadata.operators.iter().flat_map(|operator| &operator.subtasks) {
        let incremental =
            subtask.managed_keyed.iter().any(|keyed| matches!(**keyed, KeyedHandle::Incremental { .. }));
        let in_flight = !subtask.input_channels.is_empty() || !subtask.output_channels.is_empty();
        is_checkpoint |= incremental || in_flight;
    }
    metadata.for_each_stream(|_, _, _, stream| {
        let folder = stream.path().and_then(|path| path.rsplit('/').nth(1));
        is_checkpoint |= folder.is_some_and(|folder| checkpoint_number(folder).is_some());
    });
    if is_checkpoint { SnapshotKind::Checkpoint } else { SnapshotKind::Savepoint(None) }
}

/// Returns the job's id from the path of the metadata, or else from the first recorded path.
pub(super) fn job_id(metadata: &Metadata, file: &str) -> Option<String> {
    let mut found = job_id_in(file);
    metadata.for_each_stream(|_, _, _, stream| {
        if let (None, StreamHandle::File { path, .. } | StreamHandle::Segment { path, .. }) = (&found, stream)
        {
            found = job_id_in(path);
        }
    });
    found
}

fn job_id_in(path: &str) -> Option<String> {
    path.split('/').find(|name| is_job_id(name)).map(Into::into)
}

/// Returns whether a name is that of a job: 32 hex digits.
pub(super) fn is_job_id(name: &str) -> bool {
    name.len() == 32 && name.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// Returns the number of a checkpoint's folder, `chk-<n>`.
pub(super) fn checkpoint_number(name: &str) -> Option<u64> {
    name.strip_prefix("chk-")?.parse().ok()
}
