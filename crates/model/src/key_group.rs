//! Key groups: how keys are placed, and how groups are shared among subtasks.

mod java_hash;

use std::fmt;

pub use java_hash::java_hash;

use crate::{Error, LogicalType, Result, Value};

/// A key group: the unit in which keyed state is placed and moved, `0..max_parallelism`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct KeyGroup(pub u16);

impl fmt::Display for KeyGroup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The number of key groups of an operator, `1..=32768`; it never changes while state lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MaxParallelism(u32);

impl MaxParallelism {
    /// Largest number of key groups.
    pub const LIMIT: u32 = 32_768;

    /// Wraps a number of key groups.
    ///
    /// # Errors
    /// [`Error::Mismatch`] outside `1..=32768`.
    pub fn new(groups: u32) -> Result<Self> {
        if (1..=Self::LIMIT).contains(&groups) {
            Ok(MaxParallelism(groups))
        } else {
            Err(Error::Mismatch {
                path: "max parallelism".into(),
                wanted: "1 to 32768".into(),
                found: groups.to_string(),
            })
        }
    }

    /// Returns the default for a parallelism: the power of two at or above 1.5 times it, within
    /// 128 and 32768, as Flink's `KeyGroupRangeAssignment`.
    pub fn default_for(parallelism: u32) -> Self {
        let wanted = parallelism.saturating_add(parallelism / 2).clamp(1, Self::LIMIT);
        MaxParallelism(wanted.next_power_of_two().clamp(128, Self::LIMIT))
    }

    /// Returns the number of key groups.
    pub fn get(self) -> u32 {
        self.0
    }

    /// Returns the range that holds every key group.
    pub fn all(self) -> KeyGroupRange {
        KeyGroupRange { start: 0, end: self.0 }
    }

    /// Returns the key group of a 32-bit hash: Flink's murmur mix of it, modulo the groups.
    ///
    /// Spec: KEYGROUP-3.
    #[inline]
    pub fn key_group_of_hash(self, hash: u32) -> KeyGroup {
        let mixed = flink_mix(hash);
        let group = if self.0.is_power_of_two() { mixed & (self.0 - 1) } else { mixed % self.0 };
        KeyGroup(u16::try_from(group).expect("below 32768"))
    }

    /// Returns the key groups of a subtask.
    ///
    /// Spec: KEYGROUP-2.
    pub fn range_of(self, subtask: u32, parallelism: u32) -> KeyGroupRange {
        debug_assert!(subtask < parallelism && parallelism <= self.0);
        KeyGroupRange {
            start: (subtask * self.0).div_ceil(parallelism),
            end: ((subtask + 1) * self.0).div_ceil(parallelism),
        }
    }

    /// Returns the subtask that owns a key group.
    ///
    /// Spec: KEYGROUP-2.
    pub fn subtask_of(self, group: KeyGroup, parallelism: u32) -> u32 {
        u32::from(group.0) * parallelism / self.0
    }
}

/// Returns Flink's mix of a Java hash code (`MathUtils.murmurHash`): never negative.
///
/// Spec: KEYGROUP-3.
#[inline]
pub fn flink_mix(hash: u32) -> u32 {
    let mut c = hash.wrapping_mul(0xCC9E_2D51).rotate_left(15).wrapping_mul(0x1B87_3593);
    c = c.rotate_left(13).wrapping_mul(5).wrapping_add(0xE654_6B64) ^ 4;
    c = (c ^ (c >> 16)).wrapping_mul(0x85EB_CA6B);
    c = (c ^ (c >> 13)).wrapping_mul(0xC2B2_AE35);
    c ^= c >> 16;
    match c as i32 {
        i32::MIN => 0,
        signed => signed.unsigned_abs(),
    }
}

/// A range of key groups, start inclusive, end exclusive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct KeyGroupRange {
    /// First group.
    pub start: u32,
    /// One past the last group.
    pub end: u32,
}

impl KeyGroupRange {
    /// Makes the range `start..end`; empty when `end <= start`.
    pub fn new(start: u32, end: u32) -> Self {
        KeyGroupRange { start, end: end.max(start) }
    }

    /// Returns whether the group lies in the range.
    pub fn contains(self, group: KeyGroup) -> bool {
        (self.start..self.end).contains(&u32::from(group.0))
    }

    /// Returns whether every group of `other` lies in this range.
    pub fn covers(self, other: KeyGroupRange) -> bool {
        other.is_empty() || (self.start <= other.start && other.end <= self.end)
    }

    /// Returns the groups in both ranges, possibly none.
    pub fn intersect(self, other: KeyGroupRange) -> KeyGroupRange {
        KeyGroupRange::new(self.start.max(other.start), self.end.min(other.end))
    }

    /// Returns whether the range holds no group.
    pub fn is_empty(self) -> bool {
        self.end <= self.start
    }

    /// Returns the number of groups.
    pub fn len(self) -> usize {
        self.end.saturating_sub(self.start) as usize
    }
}

impl fmt::Display for KeyGroupRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}..{}", self.start, self.end)
    }
}

/// How the key group of a key is found; named per operator, so that state moves without
/// reshuffling.
///
/// Spec: KEYGROUP-4.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum KeyGroupFunction {
    /// `java-hash/1`: Flink's own, over the Java hash code; for key types that Java has.
    JavaHash,
    /// `flink-binary-row/1`: Flink SQL keys.
    FlinkBinaryRow,
    /// `canonical-bytes/1`: murmur3-x86-32 over canonical bytes; for key types Java lacks.
    CanonicalBytes,
    /// `stored`: unknown; the column is trusted and no new key can be placed.
    Stored,
}

impl KeyGroupFunction {
    /// Returns the function that new state with keys of this type uses.
    pub fn default_for(key: &LogicalType) -> Self {
        if java_hash::supports(key) { KeyGroupFunction::JavaHash } else { KeyGroupFunction::CanonicalBytes }
    }

    /// Returns the name written in manifests.
    pub fn name(self) -> &'static str {
        match self {
            KeyGroupFunction::JavaHash => "java-hash/1",
            KeyGroupFunction::FlinkBinaryRow => "flink-binary-row/1",
            KeyGroupFunction::CanonicalBytes => "canonical-bytes/1",
            KeyGroupFunction::Stored => "stored",
        }
    }

    /// Returns the function of a name.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::JavaHash, Self::FlinkBinaryRow, Self::CanonicalBytes, Self::Stored]
            .into_iter()
            .find(|f| f.name() == name)
    }

    /// Returns the key group of a key, given with its canonical bytes.
    ///
    /// # Errors
    /// [`Error::CannotPlace`] when this function does not know the type.
    pub fn place(
        self,
        key: &Value,
        ty: &LogicalType,
        canonical: &[u8],
        max: MaxParallelism,
    ) -> Result<KeyGroup> {
        let refused = || Error::CannotPlace { function: self.name(), key_type: ty.to_string() };
        match self {
            KeyGroupFunction::JavaHash => {
                let hash = java_hash(key, ty).ok_or_else(refused)?;
                Ok(max.key_group_of_hash(hash as u32))
            }
            KeyGroupFunction::CanonicalBytes => Ok(max.key_group_of_hash(canonical_hash(canonical))),
            KeyGroupFunction::FlinkBinaryRow | KeyGroupFunction::Stored => Err(refused()),
        }
    }
}

/// Returns the hash of `canonical-bytes/1`: murmur3-x86-32 over canonical bytes, seed 0.
///
/// Spec: KEYGROUP-6.
pub fn canonical_hash(canonical: &[u8]) -> u32 {
    murmur3::murmur3_32(&mut &canonical[..], 0).expect("reading from a slice cannot fail")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(hash: i32, of_128: u16, of_32768: u16) {
        let max = |n| MaxParallelism::new(n).unwrap();
        assert_eq!(max(128).key_group_of_hash(hash as u32), KeyGroup(of_128));
        assert_eq!(max(32_768).key_group_of_hash(hash as u32), KeyGroup(of_32768));
    }

    #[test]
    fn hashes_are_placed_as_in_flink() {
        check(1231, 77, 11725);
        check(-3, 44, 2220);
        check(42, 29, 28189);
        check(0, 94, 31198);
        check(i32::MIN, 108, 10348);
        check(-494_185_873, 99, 28515);
    }

    #[test]
    fn ranges_of_subtasks_partition_the_groups() {
        for (max, parallelism) in [(128, 1), (128, 3), (7, 7), (32_768, 1000), (128, 127)] {
            let max = MaxParallelism::new(max).unwrap();
            let mut next = 0;
            for subtask in 0..parallelism {
                let range = max.range_of(subtask, parallelism);
                assert_eq!(range.start, next);
                for group in range.start..range.end {
                    assert_eq!(max.subtask_of(KeyGroup(group as u16), parallelism), subtask);
                }
                next = range.end;
            }
            assert_eq!(next, max.get());
        }
    }

    #[test]
    fn default_max_parallelism_is_flinks() {
        assert_eq!(MaxParallelism::default_for(1).get(), 128);
        assert_eq!(MaxParallelism::default_for(100).get(), 256);
        assert_eq!(MaxParallelism::default_for(1_000_000).get(), 32_768);
    }
}
