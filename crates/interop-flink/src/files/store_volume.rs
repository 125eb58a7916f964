//! A store, such as a bucket, as a volume.

use std::sync::Arc;

use alluvium_store::{ObjectPath, Store, block_on};
use bytes::Bytes;

use super::uri::Uri;
use super::volume::{Entry, Volume};
use crate::{Error, InMemory, ReadAt, Result};

/// Objects up to this size are read once and whole.
const SMALL: u64 = 1 << 20;

/// Schemes that Flink's file systems use for one and the same bucket.
const SAME: [&[&str]; 3] = [&["s3", "s3a", "s3n", "s3p"], &["gs"], &["abfs", "abfss", "wasb", "wasbs"]];

/// A store whose root a URI names. Each read is one request on the calling thread.
#[derive(Debug, Clone)]
pub struct StoreVolume {
    store: Arc<dyn Store>,
    root: Uri,
}

impl StoreVolume {
    /// Wraps a store whose root is a URI such as `s3://bucket/prefix`.
    ///
    /// # Errors
    /// [`Error::Malformed`] for no URI.
    pub fn new(store: Arc<dyn Store>, root: &str) -> Result<Self> {
        Ok(StoreVolume { store, root: Uri::parse(root)? })
    }
}

impl Volume for StoreVolume {
    fn path_of(&self, uri: &Uri) -> Option<String> {
        let (ours, theirs) = (self.root.scheme(), uri.scheme());
        let both = |schemes: &&[&str]| schemes.contains(&ours) && schemes.contains(&theirs);
        if ours != theirs && !SAME.iter().any(both) || self.root.authority() != uri.authority() {
            return None;
        }
        Some(uri.names().strip_prefix(self.root.names())?.join("/"))
    }

    fn path_given(&self, text: &str) -> Result<String> {
        let uri = Uri::parse(text)?;
        self.path_of(&uri).ok_or_else(|| uri.unreachable())
    }

    fn shown(&self, path: &str) -> String {
        format!("{}/{path}", self.root)
    }

    fn size(&self, path: &str) -> Result<Option<u64>> {
        if path.is_empty() {
            return Ok(None);
        }
        Ok(block_on(self.store.size(&ObjectPath::new(path)?))?)
    }

    fn size_within(&self, path: &str, _folder: &str) -> Result<Option<u64>> {
        self.size(path)
    }

    fn open(&self, path: &str, name: &str) -> Result<Arc<dyn ReadAt>> {
        let missing = || Error::Missing { path: name.into() };
        let len = self.size(path)?.ok_or_else(missing)?;
        let path = ObjectPath::new(path)?;
        if len <= SMALL {
            let bytes = block_on(self.store.get(&path))?;
            return Ok(Arc::new(InMemory::new(name, bytes)));
        }
        Ok(Arc::new(Object { name: name.into(), store: Arc::clone(&self.store), path, len }))
    }

    fn list(&self, folder: &str) -> Result<Vec<Entry>> {
        let prefix = if folder.is_empty() { String::new() } else { format!("{folder}/") };
        let mut entries: Vec<Entry> = Vec::new();
        for object in block_on(self.store.list(&prefix))? {
            let Some(below) = object.path.as_str().strip_prefix(&prefix) else { continue };
            let (name, is_folder) = match below.split_once('/') {
                Some((name, _)) => (name, true),
                None => (below, false),
            };
            if entries.last().is_none_or(|last| last.name != name) {
                entries.push(Entry { name: name.into(), is_folder });
            }
        }
        entries.sort();
        entries.dedup();
        Ok(entries)
    }
}

/// An object that is read by range.
#[derive(Debug)]
struct Object {
    name: String,
    store: Arc<dyn Store>,
    path: ObjectPath,
    len: u64,
}

impl ReadAt for Object {
    fn name(&self) -> &str {
        &self.name
    }

    fn len(&self) -> u64 {
        self.len
    }

    fn read_at(&self, offset: u64, len: usize) -> Result<Bytes> {
        let wanted = len as u64;
        let truncated = |left| Error::Truncated { section: "file", offset, wanted, left };
        let end = offset.checked_add(wanted).filter(|end| *end <= self.len);
        let end = end.ok_or_else(|| truncated(self.len.saturating_sub(offset)))?;
        if wanted == 0 {
            return Ok(Bytes::new());
        }
        let mut ranges = block_on(self.store.get_ranges(&self.path, std::slice::from_ref(&(offset..end))))?;
        ranges.pop().filter(|bytes| bytes.len() == len).ok_or_else(|| truncated(0))
    }
}
