//! Rows of a word for a word, hashed in registers: their bytes never lie in memory.

/// The 24 bytes of a put in a run: operation, key group (4 bytes), sort key (9), kind and value (9), 0x00;
/// as little-endian words. The row as a live one is the same without the operation.
///
/// Spec: ROWHASH-2, ROWHASH-9.
pub(super) struct Pair([u64; 3]);

impl Pair {
    #[inline]
    pub(super) fn new(group: u16, [a, b, c, d, e, f, g, h, mark]: &[u8; 9], kind: u8, value: u64) -> Self {
        let key = u64::from_le_bytes([*a, *b, *c, *d, *e, *f, *g, *h]);
        let (group, value) = (u64::from(group.swap_bytes()), value.swap_bytes());
        let middle = key >> 24 | u64::from(*mark) << 40 | u64::from(kind) << 48 | value << 56;
        Pair([group << 24 | key << 40, middle, value >> 8])
    }

    /// Returns the hash of the row in its run.
    #[inline]
    pub(super) fn hash(&self) -> u128 {
        let Pair([a, b, c]) = *self;
        xxh3(24, [a, b], [b, c])
    }

    /// Returns the hash of the row as a live one.
    #[inline]
    pub(super) fn live_hash(&self) -> u128 {
        let Pair([a, b, c]) = *self;
        xxh3(23, [a >> 8 | b << 56, b >> 8 | c << 56], [b, c])
    }
}

const PRIME_1: u64 = 0x9E37_79B1_85EB_CA87;
const PRIME_2: u64 = 0xC2B2_AE3D_27D4_EB4F;
const PRIME_4: u64 = 0x85EB_CA77_C2B2_AE63;
/// The first 32 bytes of xxh3's secret.
const SECRET: [u64; 4] =
    [0xBE4B_A423_396C_FEB8, 0x1CAD_21F7_2C81_017C, 0xDB97_9083_E96D_D4DE, 0x1F67_B3B7_A4A4_4072];

/// Returns xxh3-128, seed 0, of 17 to 32 bytes: of the first 16 and the last 16 of them.
#[inline]
fn xxh3(length: u64, [a, b]: [u64; 2], [c, d]: [u64; 2]) -> u128 {
    let low = length.wrapping_mul(PRIME_1).wrapping_add(fold(a ^ SECRET[0], b ^ SECRET[1]));
    let low = low ^ c.wrapping_add(d);
    let high = fold(c ^ SECRET[2], d ^ SECRET[3]) ^ a.wrapping_add(b);
    let mixed = low.wrapping_mul(PRIME_1).wrapping_add(high.wrapping_mul(PRIME_4));
    let upper = avalanche(mixed.wrapping_add(length.wrapping_mul(PRIME_2))).wrapping_neg();
    u128::from(upper) << 64 | u128::from(avalanche(low.wrapping_add(high)))
}

#[inline]
fn fold(a: u64, b: u64) -> u64 {
    let product = u128::from(a).wrapping_mul(u128::from(b));
    product as u64 ^ (product >> 64) as u64
}

#[inline]
fn avalanche(mut word: u64) -> u64 {
    word = (word ^ (word >> 37)).wrapping_mul(0x1656_6791_9E37_79F9);
    word ^ (word >> 32)
}

#[cfg(test)]
mod tests {
    use xxhash_rust::xxh3::xxh3_128;

    use super::*;
    use crate::spec;

    #[test]
    fn hashes_are_those_of_the_bytes() {
        spec!("ROWHASH-2");
        for n in 0..1000u64 {
            let word = |salt: u64| (n + salt).wrapping_mul(PRIME_2).rotate_left((n % 64) as u32);
            let (key, value, group) = (word(1).to_be_bytes(), word(2), (word(3) >> 49) as u16);
            let [a, b, c, d, e, f, g, h] = key;
            let row = Pair::new(group, &[a, b, c, d, e, f, g, h, 1], 2, value);
            let [high, low] = group.to_be_bytes();
            let mut bytes = vec![0, 0, 0, high, low];
            bytes.extend(key.into_iter().chain([1, 2]).chain(value.to_be_bytes()).chain([0]));
            assert_eq!(row.hash(), xxh3_128(&bytes), "{bytes:?}");
            assert_eq!(row.live_hash(), xxh3_128(&bytes[1..]), "{bytes:?}");
        }
    }
}
