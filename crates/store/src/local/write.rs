use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;

use super::modified_ms;
use crate::{Error, ObjectPath, ObjectWriter, Pending, Result};

/// A file under a temporary name beside its own.
#[derive(Debug)]
pub(super) struct LocalWriter {
    file: File,
    temporary: PathBuf,
    wanted: PathBuf,
    path: ObjectPath,
}

impl LocalWriter {
    pub(super) fn start(wanted: PathBuf, path: ObjectPath) -> Result<Self> {
        let dir = wanted.parent().ok_or_else(|| Error::NotAnObject { path: path.to_string() })?;
        let mut missing = 0;
        loop {
            make_dirs(dir)?;
            let temporary = dir.join(temporary_name());
            match OpenOptions::new().write(true).create_new(true).open(&temporary) {
                Ok(file) => return Ok(LocalWriter { file, temporary, wanted, path }),
                Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {}
                // A delete may have removed the directory that it left empty.
                Err(e) if e.kind() == io::ErrorKind::NotFound && missing < 100 => missing += 1,
                Err(e) => return Err(Error::io("create", &path, e)),
            }
        }
    }

    pub(super) fn append(&mut self, bytes: &[u8]) -> Result<()> {
        self.file.write_all(bytes).map_err(|e| Error::io("write", &self.path, e))
    }

    /// Syncs the file, gives it its own name if that is free, and syncs the directory.
    pub(super) fn publish(self) -> Result<()> {
        self.file.sync_all().map_err(|e| Error::io("sync", &self.path, e))?;
        fs::hard_link(&self.temporary, &self.wanted).map_err(|e| Error::io("create", &self.path, e))?;
        let _ = fs::remove_file(&self.temporary);
        sync_parent(&self.wanted)
    }
}

impl Drop for LocalWriter {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.temporary);
    }
}

impl ObjectWriter for LocalWriter {
    fn write(&mut self, bytes: Bytes) -> Pending<'_, ()> {
        Box::pin(async move { self.append(&bytes) })
    }

    fn finish(self: Box<Self>) -> Pending<'static, ()> {
        Box::pin(async move { self.publish() })
    }
}

/// Makes a directory and its parents; each new one is durable in its parent.
pub(super) fn make_dirs(dir: &Path) -> Result<()> {
    if dir.is_dir() {
        return Ok(());
    }
    if let Some(parent) = dir.parent() {
        make_dirs(parent)?;
    }
    match fs::create_dir(dir) {
        Ok(()) => sync_parent(dir),
        Err(e) if e.kind() == io::ErrorKind::AlreadyExists && dir.is_dir() => Ok(()),
        // Its parent was empty and has just been removed by a delete.
        Err(e) if e.kind() == io::ErrorKind::NotFound && dir.parent().is_some_and(|p| !p.is_dir()) => {
            make_dirs(dir)
        }
        Err(e) => Err(Error::io("create", dir.display(), e)),
    }
}

/// Makes the entry of a file or directory durable.
pub(super) fn sync_parent(path: &Path) -> Result<()> {
    let Some(parent) = path.parent() else { return Ok(()) };
    let synced = File::open(parent).and_then(|dir| dir.sync_all());
    synced.map_err(|e| Error::io("sync", parent.display(), e))
}

/// Removes temporary files last written before a moment.
pub(super) fn sweep(dir: &Path, before_ms: i64) -> Result<u64> {
    let mut removed = 0;
    for item in super::read_dir(dir)? {
        let Ok(metadata) = item.metadata() else { continue };
        let temporary = item.file_name().to_str().is_some_and(is_temporary);
        if metadata.is_dir() {
            removed += sweep(&item.path(), before_ms)?;
        } else if temporary && modified_ms(&metadata) < before_ms && fs::remove_file(item.path()).is_ok() {
            removed += 1;
        }
    }
    Ok(removed)
}

fn temporary_name() -> String {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    format!("{TEMPORARY}{}-{}", process::id(), COUNT.fetch_add(1, Ordering::Relaxed))
}

pub(super) fn is_temporary(name: &str) -> bool {
    name.starts_with(TEMPORARY)
}

const TEMPORARY: &str = ".alluvium-unfinished-";
