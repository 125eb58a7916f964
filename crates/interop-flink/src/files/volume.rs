//! File systems and buckets, read only.

use std::fmt;
use std::fs::{self, File, Metadata};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;

use super::uri::Uri;
use crate::{Error, InMemory, ReadAt, Result};

/// Files up to this size are read once and whole.
const SMALL: u64 = 64 << 10;

/// A tree of files that snapshots may refer to by absolute paths.
///
/// Paths are names joined by `/` from the root, without `.` and `..`; the root is empty.
pub trait Volume: fmt::Debug + Send + Sync {
    /// Returns the path of a URI, or none when it is of another volume.
    fn path_of(&self, uri: &Uri) -> Option<String>;

    /// Returns the path of what a person names: a URI, or where the volume has them a path of the
    /// operating system, relative ones included.
    ///
    /// # Errors
    /// [`Error::Missing`]; what [`Uri::parse`] refuses; [`Error::Unsupported`] for another volume.
    fn path_given(&self, text: &str) -> Result<String>;

    /// Returns the URI or path of a file for people.
    fn shown(&self, path: &str) -> String;

    /// Returns the length of a regular file; none when there is no such file.
    ///
    /// # Errors
    /// Faults of the medium; what is neither file nor folder.
    fn size(&self, path: &str) -> Result<Option<u64>>;

    /// Returns the length of a regular file that lies in a folder, symbolic links followed; none
    /// when there is no such file.
    ///
    /// # Errors
    /// As for [`Volume::size`]; a link that leads out of the folder.
    fn size_within(&self, path: &str, folder: &str) -> Result<Option<u64>>;

    /// Opens a regular file, which errors call `name`.
    ///
    /// # Errors
    /// [`Error::Missing`]; faults of the medium; what is no file.
    fn open(&self, path: &str, name: &str) -> Result<Arc<dyn ReadAt>>;

    /// Lists a folder by name; one that does not exist is empty.
    ///
    /// # Errors
    /// Faults of the medium.
    fn list(&self, folder: &str) -> Result<Vec<Entry>>;
}

/// What a folder holds.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Entry {
    /// Its name in the folder.
    pub name: String,
    /// Whether it is a folder.
    pub is_folder: bool,
}

/// The file system of this machine.
#[derive(Debug, Clone, Copy, Default)]
pub struct LocalVolume;

impl LocalVolume {
    fn real(path: &str) -> PathBuf {
        PathBuf::from(format!("/{path}"))
    }

    /// Looks at what a path leads to; none when there is nothing or a folder.
    fn look(path: &str) -> Result<Option<Metadata>> {
        match fs::metadata(Self::real(path)) {
            Ok(metadata) if metadata.is_file() => Ok(Some(metadata)),
            Ok(metadata) if metadata.is_dir() => Ok(None),
            Ok(_) => Err(alluvium_store::Error::NotAnObject { path: format!("/{path}") }.into()),
            Err(error) if is_absence(&error) => Ok(None),
            Err(error) => Err(fault("look at", path, error)),
        }
    }
}

impl Volume for LocalVolume {
    fn path_of(&self, uri: &Uri) -> Option<String> {
        let here = uri.scheme() == "file" && matches!(uri.authority(), "" | "localhost");
        here.then(|| uri.names().join("/"))
    }

    fn path_given(&self, text: &str) -> Result<String> {
        if let Some(path) = Uri::parse(text).ok().filter(|_| text.starts_with("file:")) {
            return self.path_of(&path).ok_or_else(|| path.unreachable());
        }
        match fs::canonicalize(text) {
            Ok(path) => match path.to_str() {
                Some(path) => Ok(path.trim_start_matches('/').to_owned()),
                None => {
                    Err(Error::Unsupported { section: "path", offset: 0, what: format!("{text} (no UTF-8)") })
                }
            },
            Err(error) if is_absence(&error) => match Uri::parse(text) {
                Ok(uri) if uri.scheme() != "file" => Err(uri.unreachable()),
                _ => Err(Error::Missing { path: text.into() }),
            },
            Err(error) => Err(fault("look at", text, error)),
        }
    }

    fn shown(&self, path: &str) -> String {
        format!("/{path}")
    }

    fn size(&self, path: &str) -> Result<Option<u64>> {
        Ok(Self::look(path)?.map(|metadata| metadata.len()))
    }

    fn size_within(&self, path: &str, folder: &str) -> Result<Option<u64>> {
        let Some(metadata) = Self::look(path)? else { return Ok(None) };
        let real = |path| fs::canonicalize(Self::real(path)).map_err(|error| fault("look at", path, error));
        if !real(path)?.starts_with(real(folder)?) {
            return Err(alluvium_store::Error::Escapes { path: format!("/{path}") }.into());
        }
        Ok(Some(metadata.len()))
    }

    fn open(&self, path: &str, name: &str) -> Result<Arc<dyn ReadAt>> {
        // Looked at first: opening a pipe would wait for a writer.
        let Some(metadata) = Self::look(path)? else { return Err(Error::Missing { path: name.into() }) };
        let file = File::open(Self::real(path)).map_err(|error| fault("open", path, error))?;
        let file = LocalFile { name: name.into(), path: path.into(), len: metadata.len(), file };
        if file.len > SMALL {
            return Ok(Arc::new(file));
        }
        let bytes = file.read_from(0, SMALL)?;
        Ok(Arc::new(InMemory::new(name, bytes)))
    }

    fn list(&self, folder: &str) -> Result<Vec<Entry>> {
        let items = match fs::read_dir(Self::real(folder)) {
            Ok(items) => items,
            Err(error) if is_absence(&error) => return Ok(Vec::new()),
            Err(error) => return Err(fault("list", folder, error)),
        };
        let mut entries = Vec::new();
        for item in items {
            let item = item.map_err(|error| fault("list", folder, error))?;
            let is_folder = fs::metadata(item.path()).is_ok_and(|metadata| metadata.is_dir());
            // Flink writes no name that is not text.
            if let Ok(name) = item.file_name().into_string() {
                entries.push(Entry { name, is_folder });
            }
        }
        entries.sort();
        Ok(entries)
    }
}

/// A file that stays open while someone reads it.
#[derive(Debug)]
struct LocalFile {
    name: String,
    path: String,
    len: u64,
    file: File,
}

impl ReadAt for LocalFile {
    fn name(&self) -> &str {
        &self.name
    }

    fn len(&self) -> u64 {
        self.len
    }

    fn read_at(&self, offset: u64, len: usize) -> Result<Bytes> {
        let mut buffer = Vec::new();
        self.read_onto(offset, len, &mut buffer)?;
        Ok(buffer.into())
    }

    fn read_onto(&self, offset: u64, len: usize, out: &mut Vec<u8>) -> Result<()> {
        if offset.checked_add(len as u64).is_none_or(|end| end > self.len) {
            return Err(Error::Truncated {
                section: "file",
                offset,
                wanted: len as u64,
                left: self.len.saturating_sub(offset),
            });
        }
        let start = out.len();
        out.resize(start + len, 0);
        let to = out.get_mut(start..).unwrap_or_default();
        self.file.read_exact_at(to, offset).map_err(|error| fault("read", &self.path, error))
    }
}

fn is_absence(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

fn fault(operation: &'static str, path: &str, source: io::Error) -> Error {
    alluvium_store::Error::Io { operation, path: format!("/{path}"), source }.into()
}
