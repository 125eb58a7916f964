//! Lists as keys.

use std::cmp::Ordering;

use super::StateKey;
use crate::canonical::{ABSENT, PRESENT};

impl<T: StateKey> StateKey for Vec<T> {
    const HAS_JAVA_HASH: bool = T::HAS_JAVA_HASH;

    fn canonical(&self, out: &mut Vec<u8>) {
        for element in self {
            out.push(PRESENT);
            element.canonical(out);
        }
        out.push(ABSENT);
    }

    fn canonical_cmp(&self, other: &Self) -> Ordering {
        let unequal = self.iter().zip(other).map(|(a, b)| a.canonical_cmp(b)).find(|o| o.is_ne());
        unequal.unwrap_or_else(|| self.len().cmp(&other.len()))
    }

    fn java_hash(&self) -> i32 {
        self.iter().fold(1i32, |hash, element| hash.wrapping_mul(31).wrapping_add(element.java_hash()))
    }
}
