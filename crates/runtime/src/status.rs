use alluvium_model::{ErrorKind, OperatorId};

/// Where a job stands; the words are Flink's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum JobState {
    /// It claims its root and reads what it restores.
    Initializing,
    /// Records flow.
    Running,
    /// A task failed; the job will be started anew.
    Restarting,
    /// It was told to cancel and is doing so.
    Cancelling,
    /// It came to its end, or was stopped with a savepoint.
    Finished,
    /// It failed for good.
    Failed,
    /// It was cancelled.
    Canceled,
}

impl JobState {
    /// Returns the word of Flink's REST interface.
    pub fn word(self) -> &'static str {
        match self {
            JobState::Initializing => "INITIALIZING",
            JobState::Running => "RUNNING",
            JobState::Restarting => "RESTARTING",
            JobState::Cancelling => "CANCELLING",
            JobState::Finished => "FINISHED",
            JobState::Failed => "FAILED",
            JobState::Canceled => "CANCELED",
        }
    }

    /// Returns whether it never changes again.
    pub fn is_terminal(self) -> bool {
        matches!(self, JobState::Finished | JobState::Failed | JobState::Canceled)
    }
}

/// A job as it stands now.
#[derive(Debug, Clone)]
pub struct JobStatus {
    /// Its id: 32 hex digits.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Where it stands.
    pub state: JobState,
    /// When it was started, in milliseconds since 1970.
    pub started_ms: i64,
    /// When it came to its end.
    pub ended_ms: Option<i64>,
    /// Its attempt; 0 before it has claimed its root.
    pub attempt: u64,
    /// How often it was restarted in this process.
    pub restarts: u32,
    /// Why it failed, or failed last.
    pub failure: Option<String>,
    /// Of which kind that failure is.
    pub failure_kind: Option<ErrorKind>,
    /// What the snapshot to start from has against the job, if that is why it failed.
    pub refusal: Option<Refusal>,
    /// The snapshot that it was restored from last.
    pub restored_from: Option<String>,
    /// Its vertices, sources first.
    pub vertices: Vec<VertexStatus>,
}

/// Why a job cannot start from a snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// No operator takes some of its state; allowing that is all that is needed.
    StateLeft,
    /// Some of its state does not fit its operator.
    StateDoesNotFit,
}

/// A vertex: operators that run in one task.
#[derive(Debug, Clone)]
pub struct VertexStatus {
    /// Id of its first operator.
    pub id: OperatorId,
    /// Names of its operators, joined by arrows.
    pub name: String,
    /// Number of subtasks.
    pub parallelism: u32,
    /// Number of key groups of its first operator.
    pub max_parallelism: u32,
    /// Records that its first operator has read from others.
    pub records_in: u64,
    /// Records that its operators have written to other vertices or side outputs.
    pub records_out: u64,
    /// Its operators.
    pub operators: Vec<OperatorStatus>,
}

/// An operator and what it has done since the job was last started or restarted.
#[derive(Debug, Clone)]
pub struct OperatorStatus {
    /// Its id.
    pub id: OperatorId,
    /// Its uid, if it has one.
    pub uid: Option<String>,
    /// Its display name.
    pub name: String,
    /// Records read.
    pub records_in: u64,
    /// Records written to the main output.
    pub records_out: u64,
    /// Records written to side outputs, read by someone or not.
    pub side_outputs: Vec<(String, u64)>,
}

/// How a snapshot stands; the words are Flink's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CheckpointState {
    /// Under way.
    InProgress,
    /// Complete and restorable.
    Completed,
    /// Given up.
    Failed,
}

impl CheckpointState {
    /// Returns the word of Flink's REST interface.
    pub fn word(self) -> &'static str {
        match self {
            CheckpointState::InProgress => "IN_PROGRESS",
            CheckpointState::Completed => "COMPLETED",
            CheckpointState::Failed => "FAILED",
        }
    }
}

/// What a snapshot of a running job is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SnapshotKind {
    /// A checkpoint.
    Checkpoint,
    /// A savepoint in mid-run.
    Savepoint,
    /// The savepoint of a stop.
    StopSavepoint,
}

/// A snapshot of a running job, in the history that the job keeps.
#[derive(Debug, Clone)]
pub struct CheckpointStatus {
    /// Its id.
    pub id: u64,
    /// What it is for.
    pub kind: SnapshotKind,
    /// What the files of a savepoint are like; none for a checkpoint.
    pub format: Option<SavepointFormat>,
    /// How it stands.
    pub state: CheckpointState,
    /// When it was triggered, in milliseconds since 1970.
    pub triggered_ms: i64,
    /// Milliseconds from the trigger to its end, or until now.
    pub duration_ms: u64,
    /// Bytes that were written for it.
    pub bytes_written: u64,
    /// Bytes of everything that it refers to.
    pub bytes_referenced: u64,
    /// Tasks that have done their part.
    pub tasks_done: usize,
    /// Tasks in all.
    pub tasks: usize,
    /// Why it was given up.
    pub failure: Option<String>,
    /// Where it is.
    pub path: Option<String>,
    /// Whether retention has removed it.
    pub discarded: bool,
}

/// How the snapshots of a job went.
#[derive(Debug, Clone, Default)]
pub struct CheckpointHistory {
    /// How many were completed since the job was started.
    pub completed: u64,
    /// How many were given up.
    pub failed: u64,
    /// The last ones, newest first.
    pub entries: Vec<CheckpointStatus>,
    /// The checkpoint restored from last, by id and place.
    pub restored: Option<(u64, String)>,
}

/// How something that was asked of a job stands: a checkpoint, a savepoint or a stop.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TriggerStatus {
    /// Under way.
    InProgress,
    /// Done.
    Completed {
        /// Id of the snapshot.
        checkpoint_id: u64,
        /// Where the snapshot is.
        path: String,
    },
    /// It came to nothing.
    Failed {
        /// Why.
        reason: String,
    },
}

/// What a savepoint's files are like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SavepointFormat {
    /// Merged into base runs, one or more files per table.
    #[default]
    Canonical,
    /// The runs as they are.
    Native,
}
