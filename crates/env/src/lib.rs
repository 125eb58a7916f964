//! Time, randomness and ids as injected traits, with real and simulated implementations.
//!
//! Nothing else in the workspace reads a clock or draws a random number: code takes an [`Env`].
//! Under [`Env::simulated`] a run depends on its seed alone.
//!
//! ```
//! use alluvium_env::Env;
//!
//! let (a, b) = (Env::simulated(7), Env::simulated(7));
//! assert_eq!(a.ids.next(), b.ids.next());
//! assert_eq!(a.random.next_u64(), b.random.next_u64());
//! ```
#![deny(missing_docs)]

mod clock;
mod random;

use std::sync::Arc;

pub use clock::{Clock, SimulatedClock, SystemClock};
pub use random::{Ids, Random, RandomIds, SeededRandom, SystemRandom};

/// The time, randomness and ids that a component is given.
#[derive(Debug, Clone)]
pub struct Env {
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Random numbers.
    pub random: Arc<dyn Random>,
    /// Unique ids.
    pub ids: Arc<dyn Ids>,
}

impl Env {
    /// Returns the environment of this process: its clock, and randomness from the operating system.
    pub fn system() -> Self {
        let random: Arc<dyn Random> = Arc::new(SystemRandom::new());
        Env {
            clock: Arc::new(SystemClock::new()),
            ids: Arc::new(RandomIds::new(Arc::clone(&random))),
            random,
        }
    }

    /// Returns an environment in which everything follows from a seed; time starts at 2013-01-01
    /// and moves only when told to.
    pub fn simulated(seed: u64) -> Self {
        Env::simulated_with_clock(seed, Arc::new(SimulatedClock::default()))
    }

    /// Returns an environment that follows from a seed and a clock that the caller moves.
    pub fn simulated_with_clock(seed: u64, clock: Arc<SimulatedClock>) -> Self {
        let ids = RandomIds::new(Arc::new(SeededRandom::new(seed ^ 0x9E37_79B9_7F4A_7C15)));
        Env { clock, random: Arc::new(SeededRandom::new(seed)), ids: Arc::new(ids) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_seed_gives_one_sequence_and_another_seed_another() {
        let draw = |seed| {
            let env = Env::simulated(seed);
            (0..4).map(|_| (env.random.next_u64(), env.ids.next())).collect::<Vec<_>>()
        };
        assert_eq!(draw(1), draw(1));
        assert_ne!(draw(1), draw(2));
    }

    #[test]
    fn ids_are_distinct_and_of_32_hex_digits() {
        let env = Env::system();
        let (a, b) = (env.ids.next(), env.ids.next());
        assert_ne!(a, b);
        assert!(a.len() == 32 && a.bytes().all(|c| c.is_ascii_hexdigit() && !c.is_ascii_uppercase()));
    }
}
