//! Little-endian integers, varints and length prefixes, each checked against the bytes left.

use crate::{Error, Result};

/// A place in bytes of a RocksDB file.
#[derive(Debug, Clone)]
pub(super) struct Cursor<'a> {
    rest: &'a [u8],
    offset: u64,
    section: &'static str,
}

impl<'a> Cursor<'a> {
    /// Starts at bytes that lie at `offset` in their file.
    pub(super) fn new(bytes: &'a [u8], offset: u64, section: &'static str) -> Self {
        Cursor { rest: bytes, offset, section }
    }

    pub(super) fn offset(&self) -> u64 {
        self.offset
    }

    pub(super) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// Takes bytes.
    pub(super) fn take(&mut self, len: usize) -> Result<&'a [u8]> {
        let (taken, rest) = self.rest.split_at_checked(len).ok_or_else(|| self.truncated(len))?;
        self.rest = rest;
        self.offset += len as u64;
        Ok(taken)
    }

    fn chunk<const N: usize>(&mut self) -> Result<[u8; N]> {
        let (chunk, rest) = self.rest.split_first_chunk::<N>().ok_or_else(|| self.truncated(N))?;
        self.rest = rest;
        self.offset += N as u64;
        Ok(*chunk)
    }

    pub(super) fn u8(&mut self) -> Result<u8> {
        self.chunk::<1>().map(u8::from_le_bytes)
    }

    pub(super) fn fixed16(&mut self) -> Result<u16> {
        self.chunk().map(u16::from_le_bytes)
    }

    pub(super) fn fixed32(&mut self) -> Result<u32> {
        self.chunk().map(u32::from_le_bytes)
    }

    pub(super) fn fixed64(&mut self) -> Result<u64> {
        self.chunk().map(u64::from_le_bytes)
    }

    pub(super) fn varint32(&mut self) -> Result<u32> {
        let at = self.offset;
        let value = self.varint64()?;
        u32::try_from(value).map_err(|_| self.malformed_at(at, "a varint of 32 bits", value))
    }

    pub(super) fn varint64(&mut self) -> Result<u64> {
        let Some((value, len)) = varint64(self.rest) else {
            return Err(if self.rest.len() < 10 {
                self.truncated(self.rest.len() + 1)
            } else {
                self.malformed("a varint of 64 bits", "a longer one")
            });
        };
        self.take(len)?;
        Ok(value)
    }

    /// Reads a zigzag varint.
    pub(super) fn signed(&mut self) -> Result<i64> {
        let value = self.varint64()?;
        Ok((value >> 1).cast_signed() ^ -((value & 1).cast_signed()))
    }

    /// Reads a varint length and that many bytes.
    pub(super) fn prefixed(&mut self) -> Result<&'a [u8]> {
        let len = self.varint32()?;
        self.take(usize::try_from(len).unwrap_or(usize::MAX))
    }

    pub(super) fn text(&mut self) -> Result<String> {
        let at = self.offset;
        let bytes = self.prefixed()?;
        String::from_utf8(bytes.to_vec()).map_err(|error| self.malformed_at(at, "UTF-8", error))
    }

    pub(super) fn truncated(&self, wanted: usize) -> Error {
        Error::Truncated {
            section: self.section,
            offset: self.offset,
            wanted: wanted as u64,
            left: self.rest.len() as u64,
        }
    }

    pub(super) fn malformed(&self, wanted: &'static str, found: impl ToString) -> Error {
        self.malformed_at(self.offset, wanted, found)
    }

    pub(super) fn malformed_at(&self, offset: u64, wanted: &'static str, found: impl ToString) -> Error {
        Error::Malformed { section: self.section, offset, wanted, found: found.to_string() }
    }
}

/// Returns a varint at the start of bytes and its length, or none when it does not end in time.
#[inline]
pub(super) fn varint64(bytes: &[u8]) -> Option<(u64, usize)> {
    let mut value = 0;
    for (index, byte) in bytes.iter().take(10).enumerate() {
        if index == 9 && *byte > 1 {
            return None;
        }
        value |= u64::from(byte & 0x7F) << (7 * index);
        if byte & 0x80 == 0 {
            return Some((value, index + 1));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn varints_end_in_time() {
        assert_eq!(varint64(&[0]), Some((0, 1)));
        assert_eq!(varint64(&[0xAC, 0x02, 9]), Some((300, 2)));
        let largest = [0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x01];
        assert_eq!(varint64(&largest), Some((u64::MAX, 10)));
        assert_eq!(varint64(&[0xFF; 10]), None);
        assert_eq!(varint64(&[0x80, 0x80]), None);
        assert!(Cursor::new(&largest, 0, "number").varint32().is_err());
    }

    #[test]
    fn zigzag_reads_both_signs() {
        for (bytes, value) in [([0], 0), ([1], -1), ([2], 1), ([3], -2)] {
            assert_eq!(Cursor::new(&bytes, 0, "delta").signed().unwrap(), value);
        }
    }

    #[test]
    fn a_length_behind_the_end_is_an_error() {
        let error = Cursor::new(&[0xFF, 0xFF, 0x7F, 1], 40, "name").prefixed().unwrap_err();
        assert!(matches!(error, Error::Truncated { offset: 43, left: 1, .. }), "{error}");
    }
}
