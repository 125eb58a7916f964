use std::collections::hash_map::RandomState;
use std::fmt::Debug;
use std::hash::{BuildHasher, Hasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Draws random numbers. Not for secrets.
pub trait Random: Debug + Send + Sync {
    /// Returns 64 random bits.
    fn next_u64(&self) -> u64;

    /// Returns a number below `bound`; 0 when `bound` is 0.
    fn below(&self, bound: u64) -> u64 {
        let wide = u128::from(self.next_u64()) * u128::from(bound);
        u64::try_from(wide >> 64).unwrap_or(0)
    }
}

/// Gives ids that no one else gives.
pub trait Ids: Debug + Send + Sync {
    /// Returns a new id: 128 bits as 32 lower-case hex digits.
    fn next(&self) -> String;
}

/// Numbers that follow from a seed (SplitMix64).
#[derive(Debug)]
pub struct SeededRandom {
    state: AtomicU64,
}

impl SeededRandom {
    /// Starts the sequence of a seed.
    pub fn new(seed: u64) -> Self {
        SeededRandom { state: AtomicU64::new(seed) }
    }
}

impl Random for SeededRandom {
    fn next_u64(&self) -> u64 {
        mix(self.state.fetch_add(GAMMA, Ordering::Relaxed).wrapping_add(GAMMA))
    }
}

/// Numbers that differ in every process and for every instance: hasher keys that the standard
/// library seeds from the operating system, over a counter.
#[derive(Debug)]
pub struct SystemRandom {
    keys: RandomState,
    count: AtomicU64,
}

impl SystemRandom {
    /// Draws new keys.
    #[expect(clippy::new_without_default, reason = "drawing randomness is not a default")]
    pub fn new() -> Self {
        SystemRandom { keys: RandomState::new(), count: AtomicU64::new(0) }
    }
}

impl Random for SystemRandom {
    fn next_u64(&self) -> u64 {
        let mut hasher = self.keys.build_hasher();
        hasher.write_u64(self.count.fetch_add(1, Ordering::Relaxed));
        hasher.finish()
    }
}

/// Ids of 128 random bits.
#[derive(Debug)]
pub struct RandomIds {
    random: Arc<dyn Random>,
}

impl RandomIds {
    /// Draws ids from the given numbers.
    pub fn new(random: Arc<dyn Random>) -> Self {
        RandomIds { random }
    }
}

impl Ids for RandomIds {
    fn next(&self) -> String {
        format!("{:016x}{:016x}", self.random.next_u64(), self.random.next_u64())
    }
}

fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

const GAMMA: u64 = 0x9E37_79B9_7F4A_7C15;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounded_numbers_stay_below_their_bound() {
        let random = SeededRandom::new(3);
        assert!((0..1000).all(|_| random.below(7) < 7));
        assert_eq!(random.below(0), 0);
    }

    #[test]
    fn splitmix_gives_its_published_numbers() {
        let random = SeededRandom::new(1_234_567);
        assert_eq!(random.next_u64(), 6_457_827_717_110_365_317);
        assert_eq!(random.next_u64(), 3_203_168_211_198_807_973);
    }
}
