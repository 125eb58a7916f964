use std::collections::HashMap;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use crate::ControlError;

/// What an asynchronous operation came to.
#[derive(Debug, Clone)]
pub(crate) enum Outcome {
    /// A savepoint, or a stop with one.
    Savepoint(Result<String, ControlError>),
    /// A checkpoint.
    Checkpoint(Result<u64, ControlError>),
}

/// Asynchronous operations by request id.
///
/// **Owns** the outcome of each until the server ends. **Does not own** the operation itself: it
/// runs on a thread of its own and reports here.
#[derive(Debug, Default)]
pub(crate) struct Operations {
    by_id: Mutex<HashMap<String, Entry>>,
}

#[derive(Debug, Default)]
struct Entry {
    outcome: Option<Outcome>,
    fetched: bool,
}

/// Whether an operation was begun under an id.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Begun {
    /// It is new.
    New,
    /// The id is known: a client has asked twice for the same operation.
    Known,
}

impl Operations {
    /// Notes that an operation begins.
    pub(crate) fn begin(&self, id: &str) -> Begun {
        let mut by_id = self.lock();
        if by_id.contains_key(id) {
            return Begun::Known;
        }
        by_id.insert(id.to_owned(), Entry::default());
        Begun::New
    }

    /// Notes what it came to.
    pub(crate) fn end(&self, id: &str, outcome: Outcome) {
        self.lock().entry(id.to_owned()).or_default().outcome = Some(outcome);
    }

    /// Returns what is known of an operation: nothing for an unknown id.
    pub(crate) fn fetch(&self, id: &str) -> Option<Option<Outcome>> {
        let mut by_id = self.lock();
        let entry = by_id.get_mut(id)?;
        entry.fetched = entry.outcome.is_some();
        Some(entry.outcome.clone())
    }

    /// Waits until every outcome has been fetched, so that the client of a `stop` learns where
    /// its savepoint lies although the job has ended. Returns after `most` at the latest.
    pub(crate) fn wait_until_fetched(&self, most: Duration) {
        let end = Instant::now() + most;
        while Instant::now() < end && self.lock().values().any(|entry| !entry.fetched) {
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<String, Entry>> {
        self.by_id.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outcome_stays_after_it_was_fetched() {
        let operations = Operations::default();
        assert_eq!(operations.begin("a"), Begun::New);
        assert_eq!(operations.begin("a"), Begun::Known);
        assert!(matches!(operations.fetch("a"), Some(None)));
        operations.end("a", Outcome::Checkpoint(Ok(7)));
        for _ in 0..2 {
            assert!(matches!(operations.fetch("a"), Some(Some(Outcome::Checkpoint(Ok(7))))));
        }
        assert!(operations.fetch("b").is_none());
    }

    #[test]
    fn waiting_ends_when_all_outcomes_are_fetched() {
        let operations = Operations::default();
        operations.begin("a");
        operations.end("a", Outcome::Checkpoint(Ok(7)));
        operations.fetch("a");
        let start = Instant::now();
        operations.wait_until_fetched(Duration::from_secs(60));
        assert!(start.elapsed() < Duration::from_secs(30));
    }
}
