//! Placement of SQL keys (`BinaryRowData.hashCode`, `MurmurHashUtils`).

/// Seed of the hash.
const SEED: u32 = 42;

/// Returns the hash code of a binary row, given without its length: Murmur3 32-bit over its
/// little-endian words.
///
/// Bytes behind the last whole word, which rows do not have, are left out.
pub fn hash(row: &[u8]) -> u32 {
    let (words, _) = row.as_chunks::<4>();
    let mixed = words.iter().fold(SEED, |hash, word| {
        let k = u32::from_le_bytes(*word).wrapping_mul(0xCC9E_2D51).rotate_left(15).wrapping_mul(0x1B87_3593);
        (hash ^ k).rotate_left(13).wrapping_mul(5).wrapping_add(0xE654_6B64)
    });
    let h = mixed ^ u32::try_from(row.len()).unwrap_or(u32::MAX);
    let h = (h ^ (h >> 16)).wrapping_mul(0x85EB_CA6B);
    let h = (h ^ (h >> 13)).wrapping_mul(0xC2B2_AE35);
    h ^ (h >> 16)
}
