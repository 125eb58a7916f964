mod write;

use std::fs::{self, File, Metadata};
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use bytes::Bytes;

use crate::{Entry, Error, ObjectPath, ObjectWriter, Pending, Result, Store};
use write::LocalWriter;

/// A directory as a store.
///
/// Files are written under a temporary name, synced, and then linked to their own name, which
/// fails if that exists; the directory is synced before the call returns. So a file under its own
/// name is whole and stays so over a power cut. Symbolic links are followed only where they stay
/// inside the directory. Futures do their blocking work when polled.
#[derive(Debug, Clone)]
pub struct LocalStore {
    root: PathBuf,
}

impl LocalStore {
    /// Opens an existing directory.
    ///
    /// # Errors
    /// [`Error::Missing`]; [`Error::NotAnObject`] when it is no directory.
    pub fn open(dir: impl AsRef<Path>) -> Result<Self> {
        let dir = dir.as_ref();
        let root = fs::canonicalize(dir).map_err(|e| Error::io("open", dir.display(), e))?;
        if !root.is_dir() {
            return Err(Error::NotAnObject { path: dir.display().to_string() });
        }
        Ok(LocalStore { root })
    }

    /// Opens a directory and makes it if it does not exist.
    ///
    /// # Errors
    /// Faults of the medium.
    pub fn create_dir(dir: impl AsRef<Path>) -> Result<Self> {
        let dir =
            std::path::absolute(dir.as_ref()).map_err(|e| Error::io("open", dir.as_ref().display(), e))?;
        write::make_dirs(&dir)?;
        LocalStore::open(dir)
    }

    /// Returns the directory.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Returns where an object would be, after following links that exist on the way.
    fn locate(&self, path: &ObjectPath) -> Result<PathBuf> {
        let wanted = self.root.join(path.as_str());
        let mut existing = wanted.as_path();
        loop {
            match fs::canonicalize(existing) {
                Ok(real) if real.starts_with(&self.root) => break Ok(wanted),
                Ok(_) => break Err(Error::Escapes { path: path.to_string() }),
                Err(e) if e.kind() == io::ErrorKind::NotFound => match existing.parent() {
                    Some(parent) if fs::symlink_metadata(existing).is_err() => existing = parent,
                    _ => break Err(Error::Escapes { path: path.to_string() }),
                },
                Err(e) => break Err(Error::io("open", path, e)),
            }
        }
    }

    fn open_file(&self, path: &ObjectPath) -> Result<(File, u64)> {
        let file = File::open(self.locate(path)?).map_err(|e| Error::io("open", path, e))?;
        let metadata = file.metadata().map_err(|e| Error::io("open", path, e))?;
        if !metadata.is_file() {
            return Err(Error::NotAnObject { path: path.to_string() });
        }
        Ok((file, metadata.len()))
    }

    fn read_range(file: &File, path: &ObjectPath, range: &Range<u64>, size: u64) -> Result<Bytes> {
        if range.start > range.end || range.end > size {
            return Err(Error::OutOfRange { path: path.to_string(), range: range.clone(), size });
        }
        let mut buffer = vec![0; (range.end - range.start) as usize];
        file.read_exact_at(&mut buffer, range.start).map_err(|e| Error::io("read", path, e))?;
        Ok(buffer.into())
    }

    fn list_now(&self, prefix: &str) -> Result<Vec<Entry>> {
        let mut found = Vec::new();
        let folder = prefix.rsplit_once('/').map_or("", |(folder, _)| folder);
        let start = match folder {
            "" => self.root.clone(),
            folder => self.locate(&ObjectPath::new(folder)?)?,
        };
        self.walk(&start, folder, &mut |entry| {
            if entry.path.as_str().starts_with(prefix) {
                found.push(entry);
            }
        })?;
        found.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(found)
    }

    /// Visits every file below a directory; names that are no object path are not ours.
    fn walk(&self, dir: &Path, below: &str, visit: &mut dyn FnMut(Entry)) -> Result<()> {
        for item in read_dir(dir)? {
            let Ok(name) = item.file_name().into_string() else { continue };
            let text = if below.is_empty() { name.clone() } else { format!("{below}/{name}") };
            let Ok(path) = ObjectPath::new(text) else { continue };
            let metadata = match item.metadata() {
                Ok(metadata) => metadata,
                Err(e) if e.kind() == io::ErrorKind::NotFound => continue,
                Err(e) => return Err(Error::io("list", &path, e)),
            };
            if metadata.is_dir() {
                self.walk(&item.path(), path.as_str(), visit)?;
            } else if metadata.is_file() && !write::is_temporary(&name) {
                visit(Entry { path, size: metadata.len(), modified_ms: modified_ms(&metadata) });
            }
        }
        Ok(())
    }

    fn delete_now(&self, path: &ObjectPath) -> Result<()> {
        let file = self.locate(path)?;
        match fs::remove_file(&file) {
            Ok(()) => {
                write::sync_parent(&file)?;
                self.prune(&file)
            }
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(e) => Err(Error::io("delete", path, e)),
        }
    }
}

impl LocalStore {
    /// Removes the directories above a deleted file that are now empty, as a bucket has none.
    fn prune(&self, file: &Path) -> Result<()> {
        for dir in file.ancestors().skip(1).take_while(|dir| *dir != self.root && dir.starts_with(&self.root))
        {
            if fs::remove_dir(dir).is_err() {
                break;
            }
            write::sync_parent(dir)?;
        }
        Ok(())
    }
}

fn read_dir(dir: &Path) -> Result<Vec<fs::DirEntry>> {
    match fs::read_dir(dir) {
        Ok(items) => items.collect::<io::Result<_>>().map_err(|e| Error::io("list", dir.display(), e)),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(e) => Err(Error::io("list", dir.display(), e)),
    }
}

fn modified_ms(metadata: &Metadata) -> i64 {
    let since = metadata.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
    since.and_then(|since| i64::try_from(since.as_millis()).ok()).unwrap_or(0)
}

impl Store for LocalStore {
    fn get<'a>(&'a self, path: &'a ObjectPath) -> Pending<'a, Bytes> {
        Box::pin(async move {
            let (file, size) = self.open_file(path)?;
            Self::read_range(&file, path, &(0..size), size)
        })
    }

    fn get_ranges<'a>(&'a self, path: &'a ObjectPath, ranges: &'a [Range<u64>]) -> Pending<'a, Vec<Bytes>> {
        Box::pin(async move {
            let (file, size) = self.open_file(path)?;
            ranges.iter().map(|range| Self::read_range(&file, path, range, size)).collect()
        })
    }

    fn size<'a>(&'a self, path: &'a ObjectPath) -> Pending<'a, Option<u64>> {
        Box::pin(async move {
            match self.open_file(path) {
                Ok((_, size)) => Ok(Some(size)),
                Err(Error::Missing { .. }) => Ok(None),
                Err(e) => Err(e),
            }
        })
    }

    fn create<'a>(&'a self, path: &'a ObjectPath, bytes: Bytes) -> Pending<'a, ()> {
        Box::pin(async move {
            let mut writer = LocalWriter::start(self.locate(path)?, path.clone())?;
            writer.append(&bytes)?;
            writer.publish()
        })
    }

    fn writer<'a>(&'a self, path: &'a ObjectPath) -> Pending<'a, Box<dyn ObjectWriter>> {
        Box::pin(async move {
            let writer = LocalWriter::start(self.locate(path)?, path.clone())?;
            Ok(Box::new(writer) as Box<dyn ObjectWriter>)
        })
    }

    fn list<'a>(&'a self, prefix: &'a str) -> Pending<'a, Vec<Entry>> {
        Box::pin(async move { self.list_now(prefix) })
    }

    fn delete<'a>(&'a self, path: &'a ObjectPath) -> Pending<'a, ()> {
        Box::pin(async move { self.delete_now(path) })
    }

    fn sweep<'a>(&'a self, before_ms: i64) -> Pending<'a, u64> {
        Box::pin(async move { write::sweep(&self.root, before_ms) })
    }
}
