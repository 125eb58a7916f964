//! Internal keys: a user key, a sequence number and what was done.

use std::cmp::Ordering;

use crate::{Error, Result};

/// The largest sequence number of the engine.
pub(super) const SEQUENCE_MAX: u64 = (1 << 56) - 1;

/// Bytes behind the user key.
pub(super) const TRAILER: usize = 8;

/// What an entry of a table does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Delete,
    Value,
    Merge,
    SingleDelete,
    RangeDelete,
}

impl Kind {
    /// Returns the kind that a trailer holds.
    pub(super) fn of(trailer: u64, offset: u64) -> Result<Self> {
        let what = match trailer & 0xFF {
            0x00 => return Ok(Kind::Delete),
            0x01 => return Ok(Kind::Value),
            0x02 => return Ok(Kind::Merge),
            0x07 => return Ok(Kind::SingleDelete),
            0x0F => return Ok(Kind::RangeDelete),
            0x11 => "a value in a blob file".to_owned(),
            0x14 => "a deletion with a timestamp".to_owned(),
            0x16 => "a wide-column entity".to_owned(),
            0x18 => "a value with a preferred sequence".to_owned(),
            other => format!("an entry of type {other:#04x}"),
        };
        Err(Error::Unsupported { section: "internal key", offset, what })
    }
}

/// Returns the sequence number of a trailer.
pub(super) fn sequence(trailer: u64) -> u64 {
    trailer >> 8
}

/// A user key and its trailer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct InternalKey<'a> {
    pub(super) user: &'a [u8],
    pub(super) trailer: u64,
}

impl<'a> InternalKey<'a> {
    /// Splits the bytes of an internal key, or returns none when they are too few.
    #[inline]
    pub(super) fn split(bytes: &'a [u8]) -> Option<Self> {
        let (user, trailer) = bytes.split_last_chunk::<TRAILER>()?;
        Some(InternalKey { user, trailer: u64::from_le_bytes(*trailer) })
    }

    /// Splits the bytes of an internal key found at `offset`.
    pub(super) fn read(bytes: &'a [u8], offset: u64) -> Result<Self> {
        Self::split(bytes).ok_or(Error::Truncated {
            section: "internal key",
            offset,
            wanted: TRAILER as u64,
            left: bytes.len() as u64,
        })
    }
}

impl Ord for InternalKey<'_> {
    /// Orders by user key, bytes unsigned; of one user key the newest comes first.
    #[inline]
    fn cmp(&self, other: &Self) -> Ordering {
        self.user.cmp(other.user).then(other.trailer.cmp(&self.trailer))
    }
}

impl PartialOrd for InternalKey<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
