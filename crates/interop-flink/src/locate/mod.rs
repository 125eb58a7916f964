//! Recognises a Flink snapshot by its content, whatever a person points at.
//!
//! [`locate`] takes the metadata file itself, or a directory: one with `_metadata` (a savepoint, or a
//! checkpoint `chk-<n>`), one with the metadata files of Flink 1.2 to 1.4, a job's directory with its
//! checkpoints, of which it takes the newest complete one, or a directory with exactly one of these.

mod kind;
mod search;
#[cfg(test)]
mod tests;

use std::path::Path;
use std::sync::Arc;

use crate::files::{Files, LocalVolume, Volume};
use crate::metadata::{self, Metadata};
use crate::{Error, Result};

pub use kind::SnapshotKind;

/// Largest metadata file that is read.
const METADATA_MAX: u64 = 1 << 30;

/// A snapshot that was found: its metadata, and its files to open.
#[derive(Debug)]
pub struct Located {
    /// What its metadata file says.
    pub metadata: Metadata,
    /// Its files.
    pub files: Files,
    /// Savepoint or checkpoint.
    pub kind: SnapshotKind,
    /// The job's id, 32 hex digits, if a path tells it.
    pub job_id: Option<String>,
    /// Where its metadata file lies, for people.
    pub path: String,
}

/// Finds and reads the snapshot that a local path leads to.
///
/// # Errors
/// As for [`locate`].
pub fn locate_local(path: &Path) -> Result<Located> {
    let text = path.to_str().ok_or_else(|| Error::Unsupported {
        section: "path",
        offset: 0,
        what: format!("{} (no UTF-8)", path.display()),
    })?;
    locate(Arc::new(LocalVolume), text)
}

/// Finds and reads the snapshot that a path or URI of a volume leads to.
///
/// # Errors
/// [`Error::Missing`] when there is no such path, or no snapshot of Flink; [`Error::Ambiguous`] with the
/// names when there are several jobs or savepoints; what [`metadata::read`] finds, with the file.
pub fn locate(volume: Arc<dyn Volume>, path: &str) -> Result<Located> {
    match find(volume.as_ref(), path)? {
        Some(file) => open(volume, &file),
        None => Err(Error::Missing { path: format!("a snapshot of Flink in {path}") }),
    }
}

/// Returns whether a path or URI of a volume leads to a snapshot of Flink, and to which metadata
/// file: a path from the volume's root. Reads the first bytes of files only, except for choosing
/// among metadata files of 1.2 to 1.4 in one directory.
///
/// # Errors
/// As for [`locate`], except that no snapshot is no error.
pub fn find(volume: &dyn Volume, path: &str) -> Result<Option<String>> {
    search::metadata_file(volume, &volume.path_given(path)?)
}

/// Reads the snapshot of a metadata file, given from the volume's root.
///
/// # Errors
/// As for [`locate`].
pub fn open(volume: Arc<dyn Volume>, file: &str) -> Result<Located> {
    let shown = volume.shown(file);
    let metadata = read_metadata(volume.as_ref(), file)?;
    let (folder, _) = file.rsplit_once('/').unwrap_or(("", file));
    Ok(Located {
        kind: kind::kind(&metadata, file),
        job_id: kind::job_id(&metadata, file),
        files: Files::new(volume, folder),
        metadata,
        path: shown,
    })
}

fn read_metadata(volume: &dyn Volume, file: &str) -> Result<Metadata> {
    let shown = volume.shown(file);
    let bytes = volume.open(file, &shown)?.read_from(0, METADATA_MAX);
    bytes.and_then(|bytes| metadata::read_shared(&bytes)).map_err(|error| error.within(shown))
}
