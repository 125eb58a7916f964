use super::super::Decoder;
use crate::{Error, Result};

/// The bytes of one row, array or map, and how far they were found in the order of writing.
pub(super) struct Region<'a> {
    pub(super) bytes: &'a [u8],
    /// Offset of the first byte in the file or stream.
    pub(super) base: u64,
    /// Where the next item behind the slots belongs.
    cursor: usize,
}

impl<'a> Region<'a> {
    pub(super) fn new(bytes: &'a [u8], base: u64) -> Self {
        Region { bytes, base, cursor: 0 }
    }

    /// Sets where the items behind the slots begin.
    ///
    /// # Errors
    /// [`Error::Truncated`] when the bytes end before.
    pub(super) fn items_from(&mut self, fixed: usize) -> Result<()> {
        self.cursor = fixed;
        match self.bytes.get(..fixed) {
            Some(_) => Ok(()),
            None => Err(self.truncated(0, fixed)),
        }
    }

    /// Returns bytes at a place.
    pub(super) fn get(&self, at: usize, len: usize) -> Result<&'a [u8]> {
        let range = at.checked_add(len).map(|end| at..end);
        range.and_then(|range| self.bytes.get(range)).ok_or_else(|| self.truncated(at, len))
    }

    /// Returns so many bytes at a place as an array.
    pub(super) fn array<const N: usize>(&self, at: usize) -> Result<[u8; N]> {
        let bytes = self.get(at, N)?;
        bytes.first_chunk().copied().ok_or_else(|| self.truncated(at, N))
    }

    /// Returns a bit counted from the least significant one of the byte at a place.
    pub(super) fn bit(&self, at: usize, index: usize) -> bool {
        self.bytes.get(at + index / 8).is_some_and(|byte| byte & 1 << (index % 8) != 0)
    }

    /// Returns whether all bytes of a range are zero.
    pub(super) fn is_zero(&self, at: usize, len: usize) -> bool {
        self.get(at, len).is_ok_and(|bytes| bytes.iter().all(|byte| *byte == 0))
    }

    /// Returns the item that a slot points to, which takes `reserved` bytes at least.
    pub(super) fn item(
        &mut self,
        slot: u64,
        reserved: usize,
        d: &mut Decoder<'_, '_>,
    ) -> Result<(&'a [u8], u64)> {
        let (offset, len) = ((slot >> 32) as usize, (slot & 0xFFFF_FFFF) as usize);
        let item = self.get(offset, len)?;
        let end = offset.saturating_add(len.max(reserved).next_multiple_of(8));
        let padded = end.checked_sub(offset + len).is_some_and(|padding| self.is_zero(offset + len, padding));
        d.odd_if(offset != self.cursor || !padded);
        self.cursor = end;
        Ok((item, self.base + offset as u64))
    }

    /// Notes whether anything is left behind the last item.
    pub(super) fn finish(&self, d: &mut Decoder<'_, '_>) {
        d.odd_if(self.cursor != self.bytes.len());
    }

    pub(super) fn truncated(&self, at: usize, wanted: usize) -> Error {
        Error::Truncated {
            section: "binary form",
            offset: self.base.saturating_add(at as u64),
            wanted: wanted as u64,
            left: self.bytes.len().saturating_sub(at) as u64,
        }
    }

    pub(super) fn malformed(&self, at: usize, wanted: &'static str, found: impl ToString) -> Error {
        Error::Malformed {
            section: "binary form",
            offset: self.base.saturating_add(at as u64),
            wanted,
            found: found.to_string(),
        }
    }
}

/// Overwrites bytes that are there already.
pub(super) fn put_at(out: &mut [u8], at: usize, bytes: &[u8]) {
    if let Some(place) = out.get_mut(at..at.saturating_add(bytes.len())) {
        place.copy_from_slice(bytes);
    }
}

/// Sets a bit counted from the least significant one of the byte at a place.
pub(super) fn set_bit(out: &mut [u8], at: usize, index: usize) {
    if let Some(byte) = out.get_mut(at + index / 8) {
        *byte |= 1 << (index % 8);
    }
}

/// Appends zeros so that what began at `start` takes a multiple of 8 bytes.
pub(super) fn pad(start: usize, out: &mut Vec<u8>) {
    let len = out.len().saturating_sub(start);
    out.resize(start + len.next_multiple_of(8), 0);
}
