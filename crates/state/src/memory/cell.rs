//! What a layer keeps for a key.

use crate::Garbage;

/// When a value was last written; `()` for states without a time to live.
pub(super) trait Stamp: Copy + Send + Sync + 'static {
    fn at(now_ms: i64) -> Self;

    fn last_access(self) -> Option<i64>;

    /// Returns whether a value is not yet expired: `last_access + ttl > now`.
    ///
    /// Spec: TTL-1.
    fn live(self, ttl_ms: u64, now_ms: i64) -> bool;
}

impl Stamp for () {
    fn at(_: i64) -> Self {}

    fn last_access(self) -> Option<i64> {
        None
    }

    #[inline]
    fn live(self, _: u64, _: i64) -> bool {
        true
    }
}

impl Stamp for i64 {
    fn at(now_ms: i64) -> Self {
        now_ms
    }

    fn last_access(self) -> Option<i64> {
        Some(self)
    }

    fn live(self, ttl_ms: u64, now_ms: i64) -> bool {
        self.saturating_add_unsigned(ttl_ms) > now_ms
    }
}

/// The changes that a layer holds for one key.
pub(super) trait Cell: Default + Send + Sync + 'static {
    /// Returns how many entries moving this costs.
    fn weight(&self) -> usize;

    /// Returns whether this is so small that it is moved whole whatever the budget.
    fn is_small(&self) -> bool {
        self.weight() <= 64
    }

    /// Puts these changes over those of the base, until the budget is used up; returns whether all are
    /// moved. What was moved is no longer in `self`, and the two together still read as before. `rests` says
    /// whether the key has rows below the base.
    fn absorb_into(
        &mut self,
        base: &mut Self,
        rests: bool,
        budget: &mut usize,
        garbage: &mut Garbage,
    ) -> bool;

    /// Makes these changes those of a base that holds nothing of the key yet.
    fn prune(&mut self, rests: bool);

    /// Returns whether a base need not hold this.
    fn is_void(&self, rests: bool) -> bool;
}
