use std::sync::Mutex;

/// Shares a number of records a second among the subtasks of a source.
///
/// What was not read in time is lost but for a tenth of a second, so that a source that was held
/// up does not catch up in a burst.
#[derive(Debug)]
pub(crate) struct Limiter {
    per_second: u64,
    state: Mutex<Bucket>,
}

#[derive(Debug)]
struct Bucket {
    /// Records that may be read now, in billionths.
    tokens: u128,
    filled_ns: u64,
}

impl Limiter {
    pub(crate) fn new(per_second: u64, now_ns: u64) -> Self {
        Limiter { per_second: per_second.max(1), state: Mutex::new(Bucket { tokens: 0, filled_ns: now_ns }) }
    }

    /// Takes leave to read at most `wanted` records; or returns when one may be read.
    pub(crate) fn take(&self, wanted: usize, now_ns: u64) -> Result<usize, u64> {
        let mut bucket = self.state.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        let elapsed = u128::from(now_ns.saturating_sub(bucket.filled_ns));
        let burst = u128::from(self.per_second.div_ceil(10)) * SECOND;
        bucket.tokens = (bucket.tokens + elapsed * u128::from(self.per_second)).min(burst.max(SECOND));
        bucket.filled_ns = now_ns;
        let whole = usize::try_from(bucket.tokens / SECOND).unwrap_or(usize::MAX).min(wanted);
        if whole == 0 {
            let missing = (SECOND - bucket.tokens).div_ceil(u128::from(self.per_second));
            return Err(now_ns.saturating_add(u64::try_from(missing).unwrap_or(u64::MAX)));
        }
        bucket.tokens -= whole as u128 * SECOND;
        Ok(whole)
    }

    /// Gives back what was not read.
    pub(crate) fn give_back(&self, unread: usize) {
        let mut bucket = self.state.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        bucket.tokens += unread as u128 * SECOND;
    }
}

const SECOND: u128 = 1_000_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_lets_as_many_records_through_as_asked_for() {
        let limiter = Limiter::new(100, 0);
        let mut read = 0;
        let mut now_ns = 0;
        while now_ns < 1_000_000_000 {
            match limiter.take(7, now_ns) {
                Ok(n) => read += n,
                Err(until) => now_ns = until,
            }
        }
        assert!((95..=100).contains(&read), "{read}");
    }
}
