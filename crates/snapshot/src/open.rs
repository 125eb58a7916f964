use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use alluvium_env::Env;
use alluvium_format::{Profile, decode, name};
use alluvium_model::SnapshotSource;
use alluvium_model::source::SourceError;
use alluvium_store::{LocalStore, ObjectPath, Store, block_on};

use crate::{Error, JobRoot, Result, Snapshot};

/// A snapshot found on a local disk.
#[derive(Debug, Clone)]
pub struct Location {
    /// The directory from which its object names are relative.
    pub root: PathBuf,
    /// Its manifest below that directory.
    pub manifest: ObjectPath,
}

impl Location {
    /// Opens it.
    ///
    /// # Errors
    /// As for [`Snapshot::open`].
    pub fn open(&self) -> Result<Snapshot> {
        let store = self.store()?;
        block_on(Snapshot::open(store, &self.manifest))
    }

    /// Returns the store of its root.
    ///
    /// # Errors
    /// Faults of the medium.
    pub fn store(&self) -> Result<Arc<dyn Store>> {
        let store = LocalStore::open(&self.root).map_err(|e| Error::store(self.root.display(), e))?;
        Ok(Arc::new(store))
    }
}

/// Opens a savepoint's directory, a manifest, or a job's root, which stands for its newest complete
/// checkpoint.
///
/// # Errors
/// Of kind `Missing` for a path that does not exist, an empty directory and a directory that is no
/// snapshot; `Corrupt` for a manifest that is cut or damaged; `Unsupported` for a newer version or
/// an unknown required feature.
pub fn open_location(path: impl AsRef<Path>) -> Result<Box<dyn SnapshotSource>, SourceError> {
    let snapshot = locate(path).and_then(|location| location.open())?;
    Ok(Box::new(snapshot))
}

/// Finds the manifest that a path stands for: see [`open_location`].
///
/// # Errors
/// As for [`open_location`].
pub fn locate(path: impl AsRef<Path>) -> Result<Location> {
    let path = path.as_ref();
    let text = path.display().to_string();
    let kind = fs::metadata(path).map_err(|e| match e.kind() {
        std::io::ErrorKind::NotFound => Error::Missing { place: text.clone() },
        _ => Error::Store {
            place: text.clone(),
            source: alluvium_store::Error::Io { operation: "open", path: text.clone(), source: e },
        },
    })?;
    if kind.is_dir() { locate_in_directory(path, text) } else { locate_file(path, text) }
}

fn locate_in_directory(dir: &Path, text: String) -> Result<Location> {
    if dir.join(name::SAVEPOINT_MANIFEST).is_file() {
        let manifest = crate::objects::object_path(name::SAVEPOINT_MANIFEST)?;
        return Ok(Location { root: dir.to_owned(), manifest });
    }
    let not = |found| Error::NotASnapshot { place: text.clone(), found, looked_for: LOOKED_FOR };
    if !["checkpoints", "attempts"].iter().any(|name| dir.join(name).is_dir()) {
        let empty = fs::read_dir(dir).is_ok_and(|mut items| items.next().is_none());
        return Err(not(if empty { "an empty directory" } else { "a directory without any of its files" }));
    }
    let store = LocalStore::open(dir).map_err(|e| Error::store(&text, e))?;
    let root = JobRoot::new(Arc::new(store), Env::system());
    let latest = block_on(root.latest())?.ok_or_else(|| not("a job's root without a complete checkpoint"))?;
    Ok(Location { root: dir.to_owned(), manifest: latest.path()? })
}

/// Finds the root of a manifest by its profile: that of a checkpoint lies one directory above.
fn locate_file(file: &Path, text: String) -> Result<Location> {
    let absolute = fs::canonicalize(file).map_err(|_| Error::Missing { place: text.clone() })?;
    let refused = || Error::Refused { place: text.clone(), reason: "no directory above the manifest" };
    let dir = absolute.parent().ok_or_else(refused)?;
    let name = absolute.file_name().and_then(|name| name.to_str()).ok_or_else(refused)?;
    let path = crate::objects::object_path(name)?;
    let store = LocalStore::open(dir).map_err(|e| Error::store(&text, e))?;
    let size = block_on(store.size(&path)).map_err(|e| Error::store(&text, e))?.unwrap_or(0);
    if size > crate::snapshot::MANIFEST_BUDGET {
        return Err(Error::NotASnapshot {
            place: text,
            found: "a file too large for a manifest",
            looked_for: LOOKED_FOR,
        });
    }
    let bytes = block_on(store.get(&path)).map_err(|e| Error::store(&text, e))?;
    let manifest = decode(&bytes, crate::snapshot::MANIFEST_BUDGET).map_err(|e| Error::manifest(&text, e))?;
    match (manifest.profile, dir.file_name().and_then(|name| name.to_str()), dir.parent()) {
        (Profile::Checkpoint, Some(folder), Some(root)) => {
            let manifest = crate::objects::object_path(&format!("{folder}/{name}"))?;
            Ok(Location { root: root.to_owned(), manifest })
        }
        (Profile::Checkpoint, ..) => Err(refused()),
        (Profile::Savepoint { .. }, ..) => Ok(Location { root: dir.to_owned(), manifest: path }),
    }
}

const LOOKED_FOR: &str = "savepoint.manifest (a savepoint) or checkpoints/*.manifest (a job's root)";
