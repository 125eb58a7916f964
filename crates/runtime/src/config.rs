use std::sync::Arc;

use alluvium_store::{LocalStore, ObjectPath, Store};

use crate::Error;

/// How a job is to be run.
#[derive(Debug, Clone)]
pub struct RunConfig {
    /// Id of the job: kept over restarts from the same root; a new one if none.
    pub job_id: Option<String>,
    /// Number of subtasks of operators that do not say their own.
    pub parallelism: u32,
    /// Where state comes from.
    pub restore: Restore,
    /// What becomes of the snapshot restored from.
    pub claim: ClaimMode,
    /// Whether state that no operator of the job takes is left behind instead of refused.
    pub allow_non_restored_state: bool,
    /// What becomes of the sink transactions that wait in the snapshot restored from.
    pub pending: PendingMode,
    /// When and how snapshots are taken.
    pub checkpoints: CheckpointConfig,
    /// What happens after a failure.
    pub restart: RestartStrategy,
    /// Batches that a queue between two subtasks holds at most.
    pub channel_capacity: usize,
}

impl Default for RunConfig {
    fn default() -> Self {
        RunConfig {
            job_id: None,
            parallelism: 1,
            restore: Restore::None,
            claim: ClaimMode::NoClaim,
            allow_non_restored_state: false,
            pending: PendingMode::Commit,
            checkpoints: CheckpointConfig::default(),
            restart: RestartStrategy::default(),
            channel_capacity: 16,
        }
    }
}

/// Where a job's state comes from when it starts.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Restore {
    /// From nowhere; refused when the root has checkpoints.
    #[default]
    None,
    /// From the newest complete checkpoint of the root, or from nowhere when it has none.
    Latest,
    /// From a savepoint directory, a manifest, or the root of a job.
    From(String),
}

/// What becomes of the snapshot that a job is restored from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ClaimMode {
    /// It stays its owner's: the first checkpoint refers to nothing of it.
    #[default]
    NoClaim,
    /// Checkpoints may refer to its objects until merges have replaced them; nothing of it is deleted.
    Claim,
}

/// What becomes of restored sink transactions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum PendingMode {
    /// They are committed before the first record.
    #[default]
    Commit,
    /// They are discarded, as for a fork of a job that goes on.
    Abort,
}

/// When checkpoints are taken and how many are kept.
#[derive(Debug, Clone)]
pub struct CheckpointConfig {
    /// Milliseconds between the starts of two; never when none.
    pub interval_ms: Option<u64>,
    /// Milliseconds at least from the end of one to the start of the next.
    pub min_pause_ms: u64,
    /// How many may be under way at a time; one while there is a pause between them. A task holds
    /// at most two frozen layers: it declines a third while the first is not durable.
    pub max_concurrent: usize,
    /// Milliseconds after which one is aborted.
    pub timeout_ms: u64,
    /// How many may fail in a row before the job does.
    pub tolerable_failures: u32,
    /// How many complete ones are kept; at least 1.
    pub retain: usize,
    /// Whether they are kept when the job is cancelled.
    pub retain_on_cancel: bool,
    /// Milliseconds for which an object that no manifest names is spared: more than passes between
    /// the appearance of an object and the moment when its task has it on its list.
    pub grace_ms: u64,
}

impl Default for CheckpointConfig {
    fn default() -> Self {
        CheckpointConfig {
            interval_ms: None,
            min_pause_ms: 0,
            max_concurrent: 1,
            timeout_ms: 600_000,
            tolerable_failures: 0,
            retain: 1,
            retain_on_cancel: true,
            grace_ms: 600_000,
        }
    }
}

/// What happens after a task, or more checkpoints than are tolerated, have failed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum RestartStrategy {
    /// The job fails.
    None,
    /// It restarts after a fixed delay, a number of times.
    FixedDelay {
        /// How many times.
        attempts: u32,
        /// Milliseconds before each.
        delay_ms: u64,
    },
    /// It restarts after delays that double, with jitter, and start over after a calm time.
    ExponentialDelay {
        /// First delay in milliseconds.
        initial_ms: u64,
        /// Longest delay in milliseconds.
        most_ms: u64,
        /// Milliseconds without failure after which the delay starts over.
        reset_after_ms: u64,
        /// Largest part of the delay that is added or taken off at random, 0 to 1.
        jitter: f64,
    },
    /// It restarts unless there were too many failures in a span of time.
    FailureRate {
        /// How many failures fail the job.
        failures: u32,
        /// Milliseconds of the span.
        per_ms: u64,
        /// Milliseconds before each restart.
        delay_ms: u64,
    },
}

impl Default for RestartStrategy {
    fn default() -> Self {
        RestartStrategy::ExponentialDelay {
            initial_ms: 1000,
            most_ms: 60_000,
            reset_after_ms: 3_600_000,
            jitter: 0.1,
        }
    }
}

/// Opens the places that people name: savepoint targets and snapshots to restore from.
pub trait Places: Send + Sync {
    /// Opens the folder of a location, making it if it is not there.
    ///
    /// # Errors
    /// What keeps it from being opened.
    fn open(&self, location: &str) -> Result<Arc<dyn Store>, Error>;

    /// Finds the manifest that a location stands for: a savepoint's directory, a manifest, or the
    /// root of a job. Returns the folder that its names are relative to, its path below that, and
    /// how manifests name that folder.
    ///
    /// # Errors
    /// What is not there or is no snapshot.
    fn locate(&self, location: &str) -> Result<(Arc<dyn Store>, ObjectPath, String), Error>;
}

/// Directories of the local file system.
#[derive(Debug, Clone, Copy, Default)]
pub struct LocalPlaces;

impl Places for LocalPlaces {
    fn open(&self, location: &str) -> Result<Arc<dyn Store>, Error> {
        let path = location.strip_prefix("file://").unwrap_or(location);
        let store = LocalStore::create_dir(path)
            .map_err(|source| Error::Place { place: location.to_owned(), source })?;
        Ok(Arc::new(store))
    }

    fn locate(&self, location: &str) -> Result<(Arc<dyn Store>, ObjectPath, String), Error> {
        let path = location.strip_prefix("file://").unwrap_or(location);
        let found = alluvium_snapshot::locate(path).map_err(Error::snapshot(location))?;
        let store = found.store().map_err(Error::snapshot(location))?;
        let absolute = std::path::absolute(&found.root).unwrap_or_else(|_| found.root.clone());
        Ok((store, found.manifest, absolute.display().to_string()))
    }
}
