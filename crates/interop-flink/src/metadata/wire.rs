//! What all versions are made of: counts, names, key-group ranges, bytes.

use alluvium_model::{KeyGroupRange, MaxParallelism};
use bytes::Bytes;

use crate::bytes::{Input, put_utf};
use crate::{Error, Result};

/// Handles may hold handles this deep.
const DEPTH_MAX: u32 = 64;

/// A metadata file being read.
pub(super) struct Source<'a> {
    pub(super) input: Input<'a>,
    whole: &'a Bytes,
    depth: u32,
}

impl<'a> Source<'a> {
    pub(super) fn new(whole: &'a Bytes) -> Self {
        Source { input: Input::new(whole), whole, depth: 0 }
    }

    /// Reads something that may hold others of its kind.
    pub(super) fn nested<T>(&mut self, read: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        if self.depth >= DEPTH_MAX {
            return Err(Error::TooLarge {
                section: "state handle",
                offset: self.input.offset(),
                size: u64::from(self.depth) + 1,
                limit: DEPTH_MAX.into(),
            });
        }
        self.depth += 1;
        let found = read(self);
        self.depth -= 1;
        found
    }

    /// Reads a count and that many things of at least `each` bytes.
    pub(super) fn list<T>(
        &mut self,
        each: usize,
        section: &'static str,
        mut read: impl FnMut(&mut Self) -> Result<T>,
    ) -> Result<Vec<T>> {
        let count = self.input.count(each, section)?;
        let mut list = Vec::new();
        for _ in 0..count {
            list.push(read(self)?);
        }
        Ok(list)
    }

    /// Reads a 32-bit length and that many bytes, which stay where they are.
    pub(super) fn bytes32(&mut self, section: &'static str) -> Result<Bytes> {
        let len = self.input.length(section)?;
        let start = self.input.consumed();
        let taken = self.input.take(len, section)?;
        Ok(self.whole.slice(start..start + taken.len()))
    }

    /// Returns all that is left, and leaves nothing.
    pub(super) fn rest(&mut self, section: &'static str) -> Result<Bytes> {
        let start = self.input.consumed();
        self.input.take(self.input.left(), section)?;
        Ok(self.whole.slice(start..))
    }

    /// Reads a 32-bit number that must not be negative.
    pub(super) fn index(&mut self, section: &'static str) -> Result<u32> {
        let found = self.input.i32(section)?;
        u32::try_from(found)
            .map_err(|_| self.input.malformed(section, "a number that is not negative", found))
    }

    pub(super) fn offsets(&mut self, section: &'static str) -> Result<Vec<i64>> {
        self.list(8, section, |source| source.input.i64(section))
    }

    /// Reads the first key group and the number of key groups.
    pub(super) fn range(&mut self) -> Result<KeyGroupRange> {
        const SECTION: &str = "key-group range";
        let (first, number) = (self.index(SECTION)?, self.index(SECTION)?);
        match first.checked_add(number).filter(|end| *end <= MaxParallelism::LIMIT) {
            Some(end) => Ok(KeyGroupRange::new(first, end)),
            None => {
                let found = format!("{number} from {first}");
                Err(self.input.malformed(SECTION, "key groups below 32768", found))
            }
        }
    }

    /// Reads the first key group and an offset for each key group.
    pub(super) fn key_groups(&mut self) -> Result<(KeyGroupRange, Vec<i64>)> {
        let range = self.range()?;
        if range.len().saturating_mul(8) > self.input.left() {
            return Err(self.input.truncated("key-group offsets", 8 * range.len() as u64));
        }
        let mut offsets = Vec::with_capacity(range.len());
        for _ in 0..range.len() {
            offsets.push(self.input.i64("key-group offsets")?);
        }
        Ok((range, offsets))
    }

    /// Returns the error of a tag that has no meaning at this place.
    pub(super) fn wrong_tag(&self, section: &'static str, wanted: &'static str, found: u8) -> Error {
        self.input.malformed(section, wanted, format!("tag {found}"))
    }
}

/// Appends a count or length.
///
/// # Errors
/// [`Error::TooLarge`] above 2,147,483,647.
pub(super) fn put_count(count: usize, section: &'static str, out: &mut Vec<u8>) -> Result<()> {
    let written = i32::try_from(count).map_err(|_| Error::TooLarge {
        section,
        offset: out.len() as u64,
        size: count as u64,
        limit: i32::MAX.cast_unsigned().into(),
    })?;
    out.extend(written.to_be_bytes());
    Ok(())
}

/// Appends a number that Java has as a signed one.
pub(super) fn put_index(index: u32, section: &'static str, out: &mut Vec<u8>) -> Result<()> {
    put_count(usize::try_from(index).unwrap_or(usize::MAX), section, out)
}

pub(super) fn put_bytes32(bytes: &[u8], section: &'static str, out: &mut Vec<u8>) -> Result<()> {
    put_count(bytes.len(), section, out)?;
    out.extend(bytes);
    Ok(())
}

pub(super) fn put_offsets(offsets: &[i64], section: &'static str, out: &mut Vec<u8>) -> Result<()> {
    put_count(offsets.len(), section, out)?;
    out.extend(offsets.iter().flat_map(|offset| offset.to_be_bytes()));
    Ok(())
}

pub(super) fn put_range(range: KeyGroupRange, out: &mut Vec<u8>) -> Result<()> {
    put_index(range.start, "key-group range", out)?;
    put_count(range.len(), "key-group range", out)
}

/// Appends the first key group and an offset for each key group.
///
/// # Errors
/// [`Error::Malformed`] when there are more or fewer offsets than key groups.
pub(super) fn put_key_groups(range: KeyGroupRange, offsets: &[i64], out: &mut Vec<u8>) -> Result<()> {
    put_range(range, out)?;
    if offsets.len() != range.len() {
        return Err(mismatch("key-group offsets", "one for every key group", offsets.len(), out));
    }
    out.extend(offsets.iter().flat_map(|offset| offset.to_be_bytes()));
    Ok(())
}

/// Appends text that may be absent, as empty.
pub(super) fn put_optional(text: Option<&str>, section: &'static str, out: &mut Vec<u8>) -> Result<()> {
    put_utf(text.unwrap_or_default(), section, out)
}

/// Returns the error of something that the version being written has no place for.
pub(super) fn mismatch(
    section: &'static str,
    wanted: &'static str,
    found: impl ToString,
    out: &[u8],
) -> Error {
    Error::Malformed { section, offset: out.len() as u64, wanted, found: found.to_string() }
}
