use alluvium_model::ErrorKind;
use thiserror::Error;

/// A running job, as much of it as the REST API shows and steers.
///
/// Reports are cheap copies of what the job knows at the moment. The three operations block until
/// they are done; the server calls each on a thread of its own.
pub trait JobControl: Send + Sync + 'static {
    /// Returns what the job is doing.
    fn job(&self) -> JobReport;

    /// Returns what is known of its checkpoints and savepoints.
    fn checkpoints(&self) -> CheckpointsReport;

    /// Takes a checkpoint now and returns its id.
    ///
    /// # Errors
    /// Why there is none.
    fn checkpoint(&self) -> Result<u64, ControlError>;

    /// Takes a savepoint and returns where it lies.
    ///
    /// # Errors
    /// Why there is none; the job goes on.
    fn savepoint(&self, request: &SavepointRequest) -> Result<String, ControlError>;

    /// Asks the job to stop without a savepoint and returns at once.
    ///
    /// # Errors
    /// When the job has ended already.
    fn cancel(&self) -> Result<(), ControlError>;
}

/// Why an operation on a job failed.
#[derive(Debug, Clone, Error)]
#[error("{message}")]
pub struct ControlError {
    /// What a caller can do about it.
    pub kind: ErrorKind,
    /// The chain of causes as text.
    pub message: String,
}

/// What savepoint is wanted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SavepointRequest {
    /// Directory under which it is to lie; the job's own default if none.
    pub directory: Option<String>,
    /// Whether runs are copied as they are (`NATIVE`) instead of merged.
    pub native: bool,
    /// Whether the job ends with it.
    pub stop: bool,
    /// Whether sources end first and all timers fire; only with `stop`.
    pub drain: bool,
}

/// The state of a job, in Flink's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum JobState {
    /// It has not begun.
    Created,
    /// It reads what it restores.
    Initializing,
    /// It runs.
    Running,
    /// It has failed and its tasks are being stopped.
    Failing,
    /// It has failed for good.
    Failed,
    /// It was told to cancel.
    Cancelling,
    /// It was cancelled.
    Canceled,
    /// It came to its end, or was stopped with a savepoint.
    Finished,
    /// It has failed and will be restored.
    Restarting,
}

impl JobState {
    /// Every state in Flink's order.
    pub const ALL: [JobState; 9] = [
        JobState::Created,
        JobState::Initializing,
        JobState::Running,
        JobState::Failing,
        JobState::Failed,
        JobState::Cancelling,
        JobState::Canceled,
        JobState::Finished,
        JobState::Restarting,
    ];

    /// Returns the word of the REST API.
    pub fn word(self) -> &'static str {
        match self {
            JobState::Created => "CREATED",
            JobState::Initializing => "INITIALIZING",
            JobState::Running => "RUNNING",
            JobState::Failing => "FAILING",
            JobState::Failed => "FAILED",
            JobState::Cancelling => "CANCELLING",
            JobState::Canceled => "CANCELED",
            JobState::Finished => "FINISHED",
            JobState::Restarting => "RESTARTING",
        }
    }

    /// Returns whether the job will never run again.
    pub fn is_terminal(self) -> bool {
        matches!(self, JobState::Failed | JobState::Canceled | JobState::Finished)
    }
}

/// A job and its operators. Times are milliseconds since 1970.
#[derive(Debug, Clone)]
pub struct JobReport {
    /// Id, 32 hex digits.
    pub id: String,
    /// Name.
    pub name: String,
    /// What it is doing.
    pub state: JobState,
    /// When it was started.
    pub start_ms: i64,
    /// When it ended.
    pub end_ms: Option<i64>,
    /// When it last entered each state that it has been in.
    pub state_times: Vec<(JobState, i64)>,
    /// Its operators, sources first.
    pub vertices: Vec<VertexReport>,
    /// Attempt that runs, from 1; more than 1 after a recovery.
    pub attempt: u64,
    /// Why it last failed, and when.
    pub last_failure: Option<(i64, String)>,
}

/// An operator of a job.
#[derive(Debug, Clone)]
pub struct VertexReport {
    /// Operator id, 32 hex digits.
    pub id: String,
    /// Display name.
    pub name: String,
    /// Number of subtasks.
    pub parallelism: u32,
    /// Number of key groups.
    pub max_parallelism: u32,
    /// Records read so far by this attempt.
    pub records_in: u64,
    /// Records written so far by this attempt.
    pub records_out: u64,
}

/// Kind of a snapshot, in Flink's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SnapshotType {
    /// A periodic or asked-for checkpoint.
    Checkpoint,
    /// A savepoint of a job that goes on.
    Savepoint {
        /// Whether its runs were copied as they are.
        native: bool,
    },
    /// The savepoint of a stop.
    StopSavepoint {
        /// Whether its runs were copied as they are.
        native: bool,
    },
}

/// Numbers of checkpoints since the job was started.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Restores from a snapshot.
    pub restored: u64,
    /// Begun.
    pub total: u64,
    /// Still going on.
    pub in_progress: u64,
    /// Complete.
    pub completed: u64,
    /// Aborted.
    pub failed: u64,
}

/// How a checkpoint went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CheckpointOutcome {
    /// Not yet known.
    InProgress,
    /// Its manifest is published.
    Completed {
        /// Where it lies.
        path: String,
        /// Whether retention has dropped it since.
        discarded: bool,
    },
    /// Aborted.
    Failed {
        /// When.
        at_ms: i64,
        /// Why.
        message: String,
    },
}

/// One checkpoint or savepoint.
#[derive(Debug, Clone)]
pub struct CheckpointReport {
    /// Its id.
    pub id: u64,
    /// Checkpoint or savepoint.
    pub kind: SnapshotType,
    /// How it went.
    pub outcome: CheckpointOutcome,
    /// When the barrier was sent.
    pub trigger_ms: i64,
    /// When the last subtask acknowledged.
    pub latest_ack_ms: Option<i64>,
    /// From trigger to completion or abortion.
    pub duration_ms: Option<u64>,
    /// Bytes that it wrote.
    pub bytes_written: u64,
    /// Bytes that it refers to, old and new.
    pub bytes_referenced: u64,
    /// Number of subtasks asked.
    pub subtasks: u32,
    /// Number of subtasks that have acknowledged.
    pub acknowledged: u32,
}

/// The snapshot that the running attempt began with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RestoredReport {
    /// Its checkpoint id.
    pub id: u64,
    /// When it was restored.
    pub at_ms: i64,
    /// Whether it is a savepoint.
    pub savepoint: bool,
    /// Where it lies.
    pub path: Option<String>,
}

/// How checkpoints are made.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CheckpointSettings {
    /// Time between two; none if only on request.
    pub interval_ms: Option<u64>,
    /// Most time for one.
    pub timeout_ms: u64,
    /// Least time between the end of one and the start of the next.
    pub min_pause_ms: u64,
    /// Most at the same time.
    pub max_concurrent: u32,
    /// How many may fail in a row.
    pub tolerable_failed: u32,
    /// Whether cancellation deletes them.
    pub delete_on_cancellation: bool,
}

/// Everything known of checkpoints.
#[derive(Debug, Clone, Default)]
pub struct CheckpointsReport {
    /// Numbers since the start.
    pub counts: Counts,
    /// The most recent ones, newest first.
    pub history: Vec<CheckpointReport>,
    /// What the attempt began with.
    pub restored: Option<RestoredReport>,
    /// How they are made.
    pub settings: CheckpointSettings,
}
