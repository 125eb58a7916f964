use std::fmt::Debug;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// Tells the time.
pub trait Clock: Debug + Send + Sync {
    /// Returns milliseconds since 1970-01-01T00:00:00Z. May jump.
    fn now_ms(&self) -> i64;

    /// Returns nanoseconds since some fixed moment of this process. Never goes back.
    fn monotonic_ns(&self) -> u64;
}

/// The clock of the operating system.
#[derive(Debug)]
pub struct SystemClock {
    start: Instant,
}

impl SystemClock {
    /// Starts to count monotonic time now.
    #[expect(clippy::new_without_default, reason = "reading the clock is not a default")]
    pub fn new() -> Self {
        SystemClock { start: Instant::now() }
    }
}

impl Clock for SystemClock {
    fn now_ms(&self) -> i64 {
        match SystemTime::now().duration_since(UNIX_EPOCH) {
            Ok(since) => i64::try_from(since.as_millis()).unwrap_or(i64::MAX),
            Err(before) => i64::try_from(before.duration().as_millis()).map_or(i64::MIN, |ms| -ms),
        }
    }

    fn monotonic_ns(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }
}

/// A clock that stands still until it is moved.
#[derive(Debug)]
pub struct SimulatedClock {
    start_ms: i64,
    elapsed_ns: AtomicU64,
}

impl SimulatedClock {
    /// Starts at a wall-clock time.
    pub fn starting_at(start_ms: i64) -> Self {
        SimulatedClock { start_ms, elapsed_ns: AtomicU64::new(0) }
    }

    /// Moves the time forward by milliseconds.
    pub fn advance_ms(&self, ms: u64) {
        self.advance_ns(ms.saturating_mul(1_000_000));
    }

    /// Moves the time forward by nanoseconds.
    pub fn advance_ns(&self, ns: u64) {
        self.elapsed_ns.fetch_add(ns, Ordering::SeqCst);
    }
}

impl Default for SimulatedClock {
    /// Starts at 2013-01-01T00:00:00Z.
    fn default() -> Self {
        SimulatedClock::starting_at(1_356_998_400_000)
    }
}

impl Clock for SimulatedClock {
    fn now_ms(&self) -> i64 {
        let elapsed_ms = self.monotonic_ns() / 1_000_000;
        self.start_ms.saturating_add(i64::try_from(elapsed_ms).unwrap_or(i64::MAX))
    }

    fn monotonic_ns(&self) -> u64 {
        self.elapsed_ns.load(Ordering::SeqCst)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn simulated_time_moves_only_when_told() {
        let clock = SimulatedClock::starting_at(1000);
        assert_eq!((clock.now_ms(), clock.monotonic_ns()), (1000, 0));
        clock.advance_ms(5);
        clock.advance_ns(999_999);
        assert_eq!((clock.now_ms(), clock.monotonic_ns()), (1005, 5_999_999));
    }

    #[test]
    fn monotonic_time_never_goes_back() {
        let clock = SystemClock::new();
        let first = clock.monotonic_ns();
        assert!(clock.monotonic_ns() >= first && clock.now_ms() > 0);
    }
}
