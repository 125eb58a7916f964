use alluvium_model::{KeyGroup, KeyGroupRange};

use super::canonical::{Frame, is_canonical, prefix_bytes};
use super::feed::Feed;
use crate::{ReadAt, Result};

/// Most key groups that are looked at.
const SAMPLES: usize = 3;

/// The key groups of a stream and where they begin and end.
#[derive(Debug, Clone)]
pub(crate) struct Offsets {
    range: KeyGroupRange,
    starts: Vec<i64>,
    ascending: Vec<u64>,
    end: u64,
}

impl Offsets {
    /// Wraps the offsets of a range; 0 and less stand for key groups that are not there. `end` is
    /// the length of the stream.
    pub(crate) fn new(range: KeyGroupRange, starts: Vec<i64>, end: u64) -> Self {
        let mut ascending: Vec<u64> =
            starts.iter().filter_map(|start| u64::try_from(*start).ok()).filter(|start| *start > 0).collect();
        ascending.sort_unstable();
        ascending.dedup();
        Offsets { range, starts, ascending, end }
    }

    /// Returns the key groups.
    pub(crate) fn range(&self) -> KeyGroupRange {
        self.range
    }

    /// Returns where a key group begins and where what follows it does, or none if it is not there.
    pub(crate) fn of(&self, group: KeyGroup) -> Option<(u64, u64)> {
        let index = u32::from(group.0).checked_sub(self.range.start)?;
        let start = *self.starts.get(usize::try_from(index).ok()?)?;
        let start = u64::try_from(start).ok().filter(|start| *start > 0)?;
        let next = self.ascending.partition_point(|other| *other <= start);
        Some((start, self.ascending.get(next).copied().unwrap_or(self.end).max(start)))
    }

    /// Returns where the first key group begins, which is the length of the header before it.
    pub(crate) fn first(&self) -> Option<u64> {
        self.ascending.first().copied()
    }

    /// Returns whether a key group is marked as empty in the way of canonical files.
    pub(crate) fn has_zero(&self) -> bool {
        self.starts.contains(&0)
    }

    /// Returns the key groups that are there, ascending.
    pub(crate) fn groups(&self) -> impl Iterator<Item = KeyGroup> {
        groups_of(self.range).filter(|group| self.of(*group).is_some())
    }
}

/// Returns the key groups of a range, ascending.
pub(crate) fn groups_of(range: KeyGroupRange) -> impl Iterator<Item = KeyGroup> {
    (range.start..range.end).map_while(|group| u16::try_from(group).ok()).map(KeyGroup)
}

/// Tells a canonical file from a heap-native one where the handle does not: before 1.16 both stand
/// under the same tags.
///
/// Heap files have every key group. Where all are there, the smallest ones are walked by the
/// canonical framing, which no heap key group has: one that fits decides, so that a damaged key
/// group does not change the layout of its file.
///
/// # Errors
/// Faults of the store.
pub(crate) fn is_canonical_file(
    stream: &dyn ReadAt,
    offsets: &Offsets,
    states: u16,
    compressed: bool,
    max_parallelism: u32,
) -> Result<bool> {
    if offsets.has_zero() {
        return Ok(true);
    }
    let mut sizes: Vec<(u64, u64, KeyGroup)> = offsets
        .groups()
        .filter_map(|group| offsets.of(group).map(|(from, to)| (to - from, from, group)))
        .collect();
    sizes.sort_unstable();
    for (size, from, group) in sizes.into_iter().take(SAMPLES) {
        let feed = Feed::of(stream, from, from + size, compressed);
        let frame = Frame { group, prefix: prefix_bytes(max_parallelism), states };
        if is_canonical(feed, &frame)? {
            return Ok(true);
        }
    }
    Ok(false)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::InMemory;

    fn check(bytes: &[u8], offsets: &[i64], canonical: bool) {
        let stream = InMemory::new("s", bytes.to_vec());
        let range = KeyGroupRange::new(0, offsets.len() as u32);
        let offsets = Offsets::new(range, offsets.to_vec(), bytes.len() as u64);
        assert_eq!(is_canonical_file(&stream, &offsets, 1, false, 128).unwrap(), canonical);
    }

    #[test]
    fn a_missing_key_group_means_canonical() {
        check(&[0; 20], &[10, 0], true);
    }

    #[test]
    fn the_framing_decides_where_every_key_group_is_there() {
        let head = [9; 4];
        let canonical = [&head[..], &[0, 0, 0, 0, 0, 1, 0x80, 0, 0, 0, 0, 0xFF, 0xFF]].concat();
        check(&canonical, &[4], true);
        let heap = [&head[..], &[0, 0, 0, 0, 0, 0, 0, 0, 0, 0]].concat();
        check(&heap, &[4], false);
    }

    #[test]
    fn a_damaged_key_group_does_not_change_the_layout() {
        let whole = [0u8, 0, 0, 0, 0, 1, 0x80, 0, 0, 0, 0, 0xFF, 0xFF];
        let mut second = whole;
        second[6] = 0x81;
        let mut broken = whole;
        broken[5] = 200;
        let bytes = [&[9; 4][..], &broken, &second].concat();
        check(&bytes, &[4, 17], true);
    }
}
