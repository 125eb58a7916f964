//! Reading a table by range: one block at a time, or ahead of a scan.

use std::sync::Arc;

use bytes::Bytes;

use crate::{ReadAt, Result};

/// The first step of reading ahead.
const AHEAD: u64 = 16 * 1024;
/// The largest step of reading ahead, which is what a scan holds per open table.
const AHEAD_LIMIT: u64 = 1 << 20;

/// Bytes of a table around the place that was read last.
#[derive(Debug)]
pub(crate) struct Source {
    file: Arc<dyn ReadAt>,
    window: Bytes,
    start: u64,
    /// Zero when nothing is read ahead.
    ahead: u64,
}

impl Source {
    /// Reads what is asked for and no more.
    pub(crate) fn exact(file: Arc<dyn ReadAt>) -> Self {
        Source { file, window: Bytes::new(), start: 0, ahead: 0 }
    }

    /// Reads more and more ahead as long as ranges follow each other.
    pub(crate) fn ahead(file: Arc<dyn ReadAt>) -> Self {
        Source { ahead: AHEAD, ..Source::exact(file) }
    }

    /// Holds the last `len` bytes of the file.
    pub(super) fn tail(file: Arc<dyn ReadAt>, len: u64) -> Result<Self> {
        let len = len.min(file.len());
        let start = file.len() - len;
        let window = file.read_at(start, usize::try_from(len).unwrap_or(usize::MAX))?;
        Ok(Source { window, start, ..Source::exact(file) })
    }

    /// Returns what is held.
    pub(super) fn window(&self) -> &[u8] {
        &self.window
    }

    /// Reads `len` bytes at `offset`, which lie in the file.
    pub(super) fn read(&mut self, offset: u64, len: usize) -> Result<Bytes> {
        if let Some(bytes) = self.held(offset, len) {
            return Ok(bytes);
        }
        if self.ahead == 0 {
            return self.file.read_at(offset, len);
        }
        let end = self.start + self.window.len() as u64;
        let follows = !self.window.is_empty() && (self.start..=end).contains(&offset);
        self.ahead = if follows { (self.ahead * 4).min(AHEAD_LIMIT) } else { AHEAD };
        let size = self.ahead.max(len as u64).min(self.file.len().saturating_sub(offset));
        self.window = Bytes::new();
        self.window = self.file.read_at(offset, usize::try_from(size).unwrap_or(len).max(len))?;
        self.start = offset;
        Ok(self.window.slice(..len))
    }

    fn held(&self, offset: u64, len: usize) -> Option<Bytes> {
        let from = usize::try_from(offset.checked_sub(self.start)?).ok()?;
        let to = from.checked_add(len).filter(|to| *to <= self.window.len())?;
        Some(self.window.slice(from..to))
    }
}
