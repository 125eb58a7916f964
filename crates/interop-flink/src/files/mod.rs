//! The files that a snapshot refers to, wherever the snapshot lies now.
//!
//! A [`Volume`] is a file system or a bucket: [`LocalVolume`], or [`StoreVolume`] over any
//! [`alluvium_store::Store`]. [`Files`] opens what the handles of one snapshot's metadata name:
//! relative ones beside the metadata, absolute ones as written, remapped, or where a moved snapshot
//! has them. [`crate::locate`] makes a `Files` for a path that a person gives.

mod moved;
mod store_volume;
mod survey;
#[cfg(test)]
mod tests;
mod uri;
mod volume;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use bytes::Bytes;

use crate::metadata::StreamHandle;
use crate::{Error, InMemory, ReadAt, Result};
use uri::plain_segments;

pub use store_volume::StoreVolume;
pub use survey::{Survey, WrongLength};
pub use uri::Uri;
pub use volume::{Entry, LocalVolume, Volume};

/// Opens the state files of one snapshot.
///
/// A relative path never leads out of the directory of the metadata, not through `..` and not
/// through a symbolic link. An absolute path is tried under the remaps that a person gave, then as
/// written, then where the snapshot was moved to: a file counts as the one meant when a directory
/// around the metadata holds it under the same last names (at least the file's folder and name; its
/// name alone only directly beside the metadata), and no other file there does. Only regular files
/// are read.
///
/// **Owns** the open files that are in use, once each. **Does not own** what is read from them:
/// nothing is cached but files of at most 64 KiB while someone holds them.
#[derive(Debug)]
pub struct Files {
    home: Arc<dyn Volume>,
    /// Directory of the metadata in `home`.
    base: String,
    others: Vec<Arc<dyn Volume>>,
    /// Prefixes of recorded paths and the folders of `home` that stand for them.
    remaps: Vec<(Uri, String)>,
    learned: Mutex<Vec<(Uri, String)>>,
    open: Mutex<HashMap<String, Weak<dyn ReadAt>>>,
}

/// Where a file is.
struct Found {
    volume: Arc<dyn Volume>,
    path: String,
    len: u64,
}

impl Files {
    /// Opens files of the snapshot whose metadata lies in a folder of a volume; the folder is a path
    /// from the volume's root, empty for the root itself.
    pub fn new(home: Arc<dyn Volume>, base: impl Into<String>) -> Self {
        Files {
            home,
            base: base.into(),
            others: Vec::new(),
            remaps: Vec::new(),
            learned: Mutex::default(),
            open: Mutex::default(),
        }
    }

    /// Returns the folder of the metadata, from the root of its volume.
    pub fn base(&self) -> &str {
        &self.base
    }

    /// Lets absolute paths of another volume be read there, such as those of a bucket when the
    /// metadata lies on a local disk.
    #[must_use]
    pub fn with_volume(mut self, volume: Arc<dyn Volume>) -> Self {
        self.others.push(volume);
        self
    }

    /// Reads recorded paths that are or begin with `old` under `new`, a folder of the metadata's
    /// volume as a path or URI. Earlier remaps win.
    ///
    /// # Errors
    /// [`Error::Malformed`] when `old` is no absolute path or URI; [`Error::Missing`] when there is no
    /// `new`; [`Error::Unsupported`] when it lies on another volume.
    pub fn with_remap(mut self, old: &str, new: &str) -> Result<Self> {
        let old = Uri::parse(old)?;
        let new = self.home.path_given(new)?;
        self.remaps.push((old, new));
        Ok(self)
    }

    /// Opens a stream: bytes in memory, a file, or a piece of a file. Two handles of one file share
    /// it.
    ///
    /// # Errors
    /// [`Error::Missing`] with the path as recorded; [`Error::Ambiguous`] when a moved snapshot has
    /// several files that it may be; [`Error::Unsupported`] for a scheme without a volume;
    /// [`Error::Malformed`] for a path that leads elsewhere and for a segment behind its file.
    pub fn open(&self, stream: &StreamHandle) -> Result<Arc<dyn ReadAt>> {
        match stream {
            StreamHandle::InMemory { name, data } => Ok(Arc::new(InMemory::new(name, data.clone()))),
            StreamHandle::EmptySegment => Ok(Arc::new(InMemory::new("empty segment", Bytes::new()))),
            StreamHandle::KeyGroups { stream, .. } => self.open(stream),
            StreamHandle::Relative { path, .. } | StreamHandle::File { path, .. } => {
                self.open_found(path, &self.find(stream, path)?)
            }
            StreamHandle::Segment { start, size, path, .. } => {
                let file = self.open_found(path, &self.find(stream, path)?)?;
                Ok(Arc::new(Segment::new(file, *start, *size)?))
            }
        }
    }

    fn open_found(&self, recorded: &str, found: &Found) -> Result<Arc<dyn ReadAt>> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(file) = open.get(recorded).and_then(Weak::upgrade) {
            return Ok(file);
        }
        let file = found.volume.open(&found.path, recorded)?;
        if open.len().is_power_of_two() {
            open.retain(|_, file| file.strong_count() > 0);
        }
        open.insert(recorded.to_owned(), Arc::downgrade(&file));
        Ok(file)
    }

    /// Finds the file of a handle that has the path.
    fn find(&self, stream: &StreamHandle, path: &str) -> Result<Found> {
        match stream {
            StreamHandle::Relative { .. } => self.find_relative(path),
            _ => self.find_absolute(path),
        }
    }

    fn find_relative(&self, recorded: &str) -> Result<Found> {
        let path = join(&self.base, &plain_segments(recorded)?);
        match self.home.size_within(&path, &self.base)? {
            Some(len) => Ok(Found { volume: Arc::clone(&self.home), path, len }),
            None => Err(Error::Missing { path: recorded.into() }),
        }
    }

    fn find_absolute(&self, recorded: &str) -> Result<Found> {
        let uri = Uri::parse(recorded)?;
        if let Some(found) = self.find_under(&self.remaps, &uri)? {
            return Ok(found);
        }
        let mut known = false;
        for volume in std::iter::once(&self.home).chain(&self.others) {
            let Some(path) = volume.path_of(&uri) else { continue };
            known = true;
            if let Some(len) = volume.size(&path)? {
                return Ok(Found { volume: Arc::clone(volume), path, len });
            }
        }
        let learned = self.learned.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(found) = self.find_under(&learned, &uri)? {
            return Ok(found);
        }
        match self.find_moved(&uri, recorded)? {
            Some(found) => Ok(found),
            None if known => Err(Error::Missing { path: recorded.into() }),
            None => Err(uri.unreachable()),
        }
    }

    fn find_under(&self, remaps: &[(Uri, String)], uri: &Uri) -> Result<Option<Found>> {
        for (old, new) in remaps {
            let Some(rest) = uri.below(old) else { continue };
            let path = join(new, rest);
            if let Some(len) = self.home.size(&path)? {
                return Ok(Some(Found { volume: Arc::clone(&self.home), path, len }));
            }
        }
        Ok(None)
    }
}

/// A piece of a file.
#[derive(Debug)]
struct Segment {
    file: Arc<dyn ReadAt>,
    start: u64,
    len: u64,
}

impl Segment {
    fn new(file: Arc<dyn ReadAt>, start: i64, len: i64) -> Result<Self> {
        let piece = u64::try_from(start).ok().zip(u64::try_from(len).ok());
        match piece.filter(|(start, len)| start.checked_add(*len).is_some_and(|end| end <= file.len())) {
            Some((start, len)) => Ok(Segment { file, start, len }),
            None => Err(Error::Malformed {
                section: "segment of a state file",
                offset: u64::try_from(start).unwrap_or(0),
                wanted: "a piece of the file",
                found: format!("{len} bytes in a file of {}", file.len()),
            }
            .within(file.name())),
        }
    }
}

impl ReadAt for Segment {
    fn name(&self) -> &str {
        self.file.name()
    }

    fn len(&self) -> u64 {
        self.len
    }

    fn read_at(&self, offset: u64, len: usize) -> Result<Bytes> {
        match offset.checked_add(len as u64).filter(|end| *end <= self.len) {
            Some(_) => self.file.read_at(self.start + offset, len),
            None => Err(Error::Truncated {
                section: "segment of a state file",
                offset,
                wanted: len as u64,
                left: self.len.saturating_sub(offset),
            }),
        }
    }
}

/// Joins a folder, empty for the root, and names below it.
fn join<S: AsRef<str>>(folder: &str, names: &[S]) -> String {
    let mut path = folder.to_owned();
    for name in names {
        if !path.is_empty() {
            path.push('/');
        }
        path.push_str(name.as_ref());
    }
    path
}
