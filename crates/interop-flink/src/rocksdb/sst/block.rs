//! Blocks of entries: keys with shared prefixes, then the places where a key is whole.
//!
//! An entry is: shared length, other length, length of the value (varints), the rest of the key, the
//! value. Behind the entries come the restart offsets (32 bits each), an optional hash index that a
//! scan does not need, and one word: the number of restarts and a bit for the hash index.

use std::ops::Range;

use bytes::Bytes;

use super::super::coding::{Cursor, varint64};
use crate::{Error, Result};

const SECTION: &str = "block";
const HASH_INDEX: u32 = 1 << 31;

/// The largest block that can have a hash index.
const HASH_INDEX_LIMIT: usize = 64 * 1024;

/// A block whose frame is checked; its entries are not.
#[derive(Debug, Clone)]
pub(crate) struct Block {
    bytes: Bytes,
    /// Where the entries end and the restarts begin.
    end: usize,
    restarts: usize,
    /// The place of the block in its file, for errors.
    offset: u64,
}

/// How the values of a block are framed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Framing {
    /// Each has a length.
    Sized,
    /// Each is a block handle, or after a shared prefix the difference of two sizes.
    Handles {
        /// The first key of the block follows.
        first_key: bool,
    },
}

impl Block {
    /// Checks the frame of a block that lies at `offset`.
    pub(super) fn new(bytes: Bytes, offset: u64) -> Result<Self> {
        let too_short = || Error::Truncated { section: SECTION, offset, wanted: 4, left: bytes.len() as u64 };
        let (rest, word) = bytes.split_last_chunk::<4>().ok_or_else(too_short)?;
        let word = u32::from_le_bytes(*word);
        let hashed = word & HASH_INDEX != 0 && bytes.len() <= HASH_INDEX_LIMIT;
        let mut tail = 0;
        if hashed {
            let (_, buckets) = rest.split_last_chunk::<2>().ok_or_else(too_short)?;
            tail = usize::from(u16::from_le_bytes(*buckets)) + 2;
        }
        let restarts = if hashed { word & !HASH_INDEX } else { word };
        let restarts = usize::try_from(restarts).unwrap_or(usize::MAX);
        let end = restarts
            .checked_mul(4)
            .and_then(|restarts| restarts.checked_add(tail))
            .and_then(|tail| rest.len().checked_sub(tail));
        match end {
            Some(end) if restarts > 0 || end == 0 => Ok(Block { bytes, end, restarts, offset }),
            _ => Err(Error::Malformed {
                section: SECTION,
                offset,
                wanted: "restarts within the block",
                found: restarts.to_string(),
            }),
        }
    }

    /// Returns the memory it takes.
    pub(crate) fn len(&self) -> usize {
        self.bytes.len()
    }

    fn entries(&self) -> &[u8] {
        self.bytes.get(..self.end).unwrap_or_default()
    }

    /// Returns where an entry with a whole key begins.
    fn restart(&self, index: usize) -> Result<usize> {
        let at = self.end + index * 4;
        let bytes = self.bytes.get(at..at + 4).and_then(|bytes| bytes.try_into().ok()).unwrap_or([0xFF; 4]);
        match usize::try_from(u32::from_le_bytes(bytes)) {
            Ok(restart) if restart < self.end.max(1) => Ok(restart),
            _ => Err(self.malformed(at, "a restart within the entries", "one behind them")),
        }
    }

    fn malformed(&self, at: usize, wanted: &'static str, found: impl ToString) -> Error {
        Error::Malformed {
            section: SECTION,
            offset: self.offset + at as u64,
            wanted,
            found: found.to_string(),
        }
    }
}

/// A place among the entries of a block. Offsets in errors are those of the block in its file plus
/// the place in the decompressed block.
#[derive(Debug)]
pub(crate) struct Entries {
    block: Block,
    framing: Framing,
    next: usize,
    key: Vec<u8>,
    value: Range<usize>,
    shared: usize,
}

/// The lengths in front of an entry.
struct Head {
    shared: usize,
    other: usize,
    value: usize,
    len: usize,
}

impl Entries {
    /// Stands before the first entry.
    pub(super) fn new(block: Block, framing: Framing) -> Self {
        Entries { block, framing, next: 0, key: Vec::new(), value: 0..0, shared: 0 }
    }

    /// Goes to another block.
    pub(super) fn reset(&mut self, block: Block) {
        self.block = block;
        self.next = 0;
        self.key.clear();
    }

    #[inline]
    pub(crate) fn key(&self) -> &[u8] {
        &self.key
    }

    #[inline]
    pub(crate) fn value(&self) -> &[u8] {
        self.block.bytes.get(self.value.clone()).unwrap_or_default()
    }

    /// Returns whether the key was stored whole.
    pub(super) fn is_whole(&self) -> bool {
        self.shared == 0
    }

    /// Returns the place of the value, for errors.
    pub(crate) fn value_offset(&self) -> u64 {
        self.block.offset + self.value.start as u64
    }

    /// Returns the place of the value in the decompressed block.
    pub(super) fn value_range(&self) -> Range<usize> {
        self.value.clone()
    }

    /// Goes to the next entry, if there is one.
    #[inline]
    pub(crate) fn advance(&mut self) -> Result<bool> {
        let rest = self.block.entries().get(self.next..).unwrap_or_default();
        if rest.is_empty() {
            return Ok(false);
        }
        let head = self.head(rest)?;
        let key = rest.get(head.len..head.len + head.other);
        let Some(key) = key.filter(|_| head.shared <= self.key.len()) else {
            return Err(self.block.malformed(self.next, "a key within the block", head.other));
        };
        self.key.truncate(head.shared);
        self.key.extend_from_slice(key);
        self.shared = head.shared;
        let start = self.next + head.len + head.other;
        let len = match self.framing {
            Framing::Sized => head.value,
            Framing::Handles { first_key } => self.handle_len(start, first_key)?,
        };
        if len > self.block.end - start {
            return Err(self.block.malformed(start, "a value within the block", len));
        }
        self.value = start..start + len;
        self.next = start + len;
        Ok(true)
    }

    #[inline]
    fn head(&self, rest: &[u8]) -> Result<Head> {
        let sized = self.framing == Framing::Sized;
        match rest {
            [shared, other, value, ..] if sized && (shared | other | value) & 0x80 == 0 => Ok(Head {
                shared: usize::from(*shared),
                other: usize::from(*other),
                value: usize::from(*value),
                len: 3,
            }),
            _ => self.long_head(rest, sized),
        }
    }

    fn long_head(&self, rest: &[u8], sized: bool) -> Result<Head> {
        let at = self.block.offset + self.next as u64;
        let mut cursor = Cursor::new(rest, at, SECTION);
        let mut length =
            || -> Result<usize> { Ok(usize::try_from(cursor.varint32()?).unwrap_or(usize::MAX)) };
        let (shared, other) = (length()?, length()?);
        let value = if sized { length()? } else { 0 };
        let len = usize::try_from(cursor.offset() - at).unwrap_or_default();
        if other > rest.len() - len {
            return Err(self.block.malformed(self.next, "a key within the block", other));
        }
        Ok(Head { shared, other, value, len })
    }

    /// Returns the length of a handle, or of a difference, that starts at `start`.
    fn handle_len(&self, start: usize, first_key: bool) -> Result<usize> {
        let bytes = self.block.entries().get(start..).unwrap_or_default();
        let mut len = 0;
        let mut varint = |what: &'static str| -> Result<u64> {
            let rest = bytes.get(len..).unwrap_or_default();
            let (value, used) =
                varint64(rest).ok_or_else(|| self.block.malformed(start + len, what, "none"))?;
            len += used;
            Ok(value)
        };
        varint("a block handle")?;
        if self.shared == 0 {
            varint("a block handle")?;
        }
        let key = if first_key { varint("a first key")? } else { 0 };
        match usize::try_from(key).ok().and_then(|key| len.checked_add(key)) {
            Some(len) if len <= bytes.len() => Ok(len),
            _ => Err(self.block.malformed(start, "a first key within the block", key)),
        }
    }

    /// Goes to the first entry whose key is not `below`, if there is one. `below` holds for a first
    /// part of the entries.
    pub(super) fn seek(&mut self, below: impl Fn(&[u8]) -> bool) -> Result<bool> {
        self.seek_restart(&below)?;
        while self.advance()? {
            if !below(&self.key) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Stands before an entry with a whole key, at or before the first that is not `below` and close
    /// to it.
    pub(super) fn seek_restart(&mut self, below: impl Fn(&[u8]) -> bool) -> Result<()> {
        let (mut low, mut high) = (0, self.block.restarts);
        while low < high {
            let middle = low + (high - low) / 2;
            if self.is_restart_below(middle, &below)? {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        self.key.clear();
        self.next = match low {
            0 => 0,
            above => self.block.restart(above - 1)?,
        };
        Ok(())
    }

    fn is_restart_below(&mut self, index: usize, below: &impl Fn(&[u8]) -> bool) -> Result<bool> {
        self.next = self.block.restart(index)?;
        self.key.clear();
        Ok(self.advance()? && below(&self.key))
    }
}
