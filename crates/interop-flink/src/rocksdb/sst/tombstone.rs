//! Deleted ranges.

use std::cmp::Ordering;

use bytes::Bytes;

use super::super::key::{InternalKey, Kind, SEQUENCE_MAX, sequence};
use super::super::manifest::TableFile;
use super::block::{Block, Entries, Framing};
use crate::{Error, Result};

/// Before every entry of a user key.
const FIRST: u64 = SEQUENCE_MAX << 8 | 0x0F;

/// A range whose older entries are deleted. It reaches no further than the table that holds it,
/// because what lies behind may have been compacted and have lost its sequence numbers since.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Tombstone {
    start: (Bytes, u64),
    end: (Bytes, u64),
    sequence: u64,
}

impl Tombstone {
    /// Decodes the block of deleted ranges of a table, which lies at `offset`. Returns how many it
    /// has, and those that are not empty.
    pub(super) fn decode(
        block: Block,
        offset: u64,
        file: &TableFile,
        global_sequence: Option<u64>,
    ) -> Result<(u64, Vec<Self>)> {
        let mut count = 0;
        let mut tombstones = Vec::new();
        let mut entries = Entries::new(block, Framing::Sized);
        while entries.advance()? {
            let key = InternalKey::read(entries.key(), entries.value_offset())?;
            if Kind::of(key.trailer, offset)? != Kind::RangeDelete {
                return Err(Error::Malformed {
                    section: "deleted ranges",
                    offset: entries.value_offset(),
                    wanted: "a deleted range",
                    found: format!("an entry of type {}", key.trailer & 0xFF),
                });
            }
            let sequence = global_sequence.unwrap_or(sequence(key.trailer));
            tombstones.extend(Self::clipped(key.user, entries.value(), sequence, file));
            count += 1;
        }
        Ok((count, tombstones))
    }

    /// Returns the part of a range that lies within its table, if there is one.
    fn clipped(start: &[u8], end: &[u8], sequence: u64, file: &TableFile) -> Option<Self> {
        let start = InternalKey { user: start, trailer: FIRST }.max(file.smallest());
        let end = InternalKey { user: end, trailer: FIRST }.min(upper_bound(file.largest()));
        let own = |key: InternalKey<'_>| (Bytes::copy_from_slice(key.user), key.trailer);
        (start < end).then(|| Tombstone { start: own(start), end: own(end), sequence })
    }

    /// Returns the sequence number of the deletion if it hides an entry.
    #[inline]
    pub(crate) fn hides(&self, key: InternalKey<'_>) -> bool {
        sequence(key.trailer) < self.sequence && self.borders(key) == Ordering::Equal
    }

    /// Returns whether the range ends before or at a user key.
    pub(crate) fn is_before(&self, user: &[u8]) -> bool {
        *self.end.0 < *user
    }

    pub(crate) fn sequence(&self) -> u64 {
        self.sequence
    }

    /// Compares the range with a key: it lies before, around or behind it.
    fn borders(&self, key: InternalKey<'_>) -> Ordering {
        if key < internal(&self.start) {
            Ordering::Greater
        } else if key < internal(&self.end) {
            Ordering::Equal
        } else {
            Ordering::Less
        }
    }
}

/// Returns what ranges of a table end before. The largest key itself is still covered, unless the
/// table was extended to the end of a range.
fn upper_bound(largest: InternalKey<'_>) -> InternalKey<'_> {
    match sequence(largest.trailer) {
        0 => largest,
        SEQUENCE_MAX if largest.trailer == FIRST => largest,
        above => InternalKey { user: largest.user, trailer: (above - 1) << 8 | 0x18 },
    }
}

fn internal((user, trailer): &(Bytes, u64)) -> InternalKey<'_> {
    InternalKey { user, trailer: *trailer }
}
