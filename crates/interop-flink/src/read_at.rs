use ::bytes::Bytes;

use crate::{Error, Result};

/// Bytes of a file or stream that can be read by range, wherever they are.
pub trait ReadAt: std::fmt::Debug + Send + Sync {
    /// Returns what to call it in errors: the path as the snapshot has it.
    fn name(&self) -> &str;

    /// Returns its length in bytes.
    fn len(&self) -> u64;

    /// Returns whether it has no bytes.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Reads `len` bytes from `offset`.
    ///
    /// # Errors
    /// [`Error::Truncated`] when the range ends behind the file; faults of the store.
    fn read_at(&self, offset: u64, len: usize) -> Result<Bytes>;

    /// Reads `len` bytes from `offset` and appends them.
    ///
    /// # Errors
    /// As for [`ReadAt::read_at`]; `out` may then be longer.
    fn read_onto(&self, offset: u64, len: usize, out: &mut Vec<u8>) -> Result<()> {
        out.extend_from_slice(&self.read_at(offset, len)?);
        Ok(())
    }

    /// Reads everything from `offset`.
    ///
    /// # Errors
    /// As for [`ReadAt::read_at`]; [`Error::TooLarge`] above `limit` bytes.
    fn read_from(&self, offset: u64, limit: u64) -> Result<Bytes> {
        let size = self.len().saturating_sub(offset);
        match usize::try_from(size) {
            Ok(len) if size <= limit => self.read_at(offset, len),
            _ => Err(Error::TooLarge { section: "file", offset, size, limit }),
        }
    }
}

/// Bytes in memory, such as state that lies inside the metadata.
#[derive(Debug, Clone)]
pub struct InMemory {
    name: String,
    bytes: Bytes,
}

impl InMemory {
    /// Wraps bytes under a name.
    pub fn new(name: impl Into<String>, bytes: impl Into<Bytes>) -> Self {
        InMemory { name: name.into(), bytes: bytes.into() }
    }
}

impl ReadAt for InMemory {
    fn name(&self) -> &str {
        &self.name
    }

    fn len(&self) -> u64 {
        self.bytes.len() as u64
    }

    fn read_at(&self, offset: u64, len: usize) -> Result<Bytes> {
        let end = usize::try_from(offset).ok().and_then(|start| Some(start..start.checked_add(len)?));
        match end.filter(|range| range.end <= self.bytes.len()) {
            Some(range) => Ok(self.bytes.slice(range)),
            None => Err(Error::Truncated {
                section: "file",
                offset,
                wanted: len as u64,
                left: self.len().saturating_sub(offset),
            }),
        }
    }
}
