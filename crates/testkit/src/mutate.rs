//! Seeded damage to bytes.

/// Numbers that look random and depend on the seed alone.
#[derive(Debug, Clone)]
pub struct Numbers(u64);

impl Numbers {
    /// Starts a sequence.
    pub fn new(seed: u64) -> Self {
        Numbers(seed)
    }

    /// Returns the next number (splitmix64).
    pub fn next_u64(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// Returns a number below a bound, 0 for a bound of 0.
    pub fn below(&mut self, bound: usize) -> usize {
        (self.next_u64() % (bound.max(1) as u64)) as usize
    }
}

/// Returns `bytes` with one to three mutations: flips, odd bytes, cuts, pieces left out, doubled or
/// taken from `other`, and edits of what may be lengths.
pub fn mutate(bytes: &[u8], other: &[u8], numbers: &mut Numbers) -> Vec<u8> {
    let mut out = bytes.to_vec();
    for _ in 0..=numbers.below(3) {
        one(&mut out, other, numbers);
    }
    out
}

fn one(out: &mut Vec<u8>, other: &[u8], numbers: &mut Numbers) {
    if out.is_empty() {
        out.extend_from_slice(other.get(..numbers.below(other.len())).unwrap_or_default());
        return;
    }
    let at = numbers.below(out.len());
    match numbers.below(8) {
        0 | 1 => out[at] ^= 1 << numbers.below(8),
        2 => out[at] = [0x00, 0x01, 0x7F, 0x80, 0xFE, 0xFF][numbers.below(6)],
        3 => out.truncate(at),
        4 => {
            let end = at + numbers.below((out.len() - at).min(64)) + 1;
            out.drain(at..end.min(out.len()));
        }
        5 => {
            let end = (at + 1 + numbers.below(32)).min(out.len());
            let piece = out[at..end].to_vec();
            out.splice(at..at, piece);
        }
        6 => {
            let from = numbers.below(other.len());
            let piece = other.get(from..(from + numbers.below(200)).min(other.len())).unwrap_or_default();
            let end = (at + numbers.below(piece.len() + 1)).min(out.len());
            out.splice(at..end, piece.iter().copied());
        }
        _ => length_field(out, at, numbers),
    }
}

/// Adds a little to, or replaces, a little-endian number of 2, 4 or 8 bytes.
fn length_field(out: &mut [u8], at: usize, numbers: &mut Numbers) {
    let width = [2, 4, 8][numbers.below(3)];
    let Some(field) = out.get_mut(at..at + width) else { return };
    let mut raw = [0; 8];
    raw[..width].copy_from_slice(field);
    let number = u64::from_le_bytes(raw);
    let changed = match numbers.below(6) {
        0 => number.wrapping_add(1),
        1 => number.wrapping_sub(1),
        2 => 0,
        3 => u64::MAX,
        4 => u64::MAX >> 1,
        _ => number << 1,
    };
    field.copy_from_slice(&changed.to_le_bytes()[..width]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_gives_the_same_damage_again() {
        let damage = |seed| {
            let mut numbers = Numbers::new(seed);
            (0..50).map(|_| mutate(b"some bytes", b"others", &mut numbers)).collect::<Vec<_>>()
        };
        assert_eq!(damage(1), damage(1));
        assert_ne!(damage(1), damage(2));
    }
}
