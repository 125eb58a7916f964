//! Ordered collections of keys in canonical order, without storing canonical bytes.

use std::borrow::Borrow;
use std::cmp::Ordering;

use alluvium_model::typed::StateKey;

/// A key ordered by its canonical bytes.
#[derive(Debug, Clone)]
pub(crate) struct ByCanon<E>(pub(crate) E);

/// Something that holds a key: lets a borrowed key look up an owned one.
pub(crate) trait Canon<E> {
    fn canon(&self) -> &E;
}

impl<E> Canon<E> for E {
    fn canon(&self) -> &E {
        self
    }
}

impl<E> Canon<E> for ByCanon<E> {
    fn canon(&self) -> &E {
        &self.0
    }
}

impl<E: StateKey> ByCanon<E> {
    /// Wraps a borrowed key for a look-up.
    pub(crate) fn of(key: &E) -> &(dyn Canon<E> + 'static) {
        key
    }
}

impl<E: StateKey> Borrow<dyn Canon<E>> for ByCanon<E> {
    fn borrow(&self) -> &(dyn Canon<E> + 'static) {
        self
    }
}

impl<E: StateKey> PartialEq for dyn Canon<E> {
    fn eq(&self, other: &Self) -> bool {
        self.canon() == other.canon()
    }
}

impl<E: StateKey> Eq for dyn Canon<E> {}

impl<E: StateKey> PartialOrd for dyn Canon<E> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<E: StateKey> Ord for dyn Canon<E> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.canon().canonical_cmp(other.canon())
    }
}

impl<E: StateKey> PartialEq for ByCanon<E> {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

impl<E: StateKey> Eq for ByCanon<E> {}

impl<E: StateKey> PartialOrd for ByCanon<E> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<E: StateKey> Ord for ByCanon<E> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.canonical_cmp(&other.0)
    }
}
