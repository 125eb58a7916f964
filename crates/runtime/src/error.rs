use alluvium_dataflow::OperatorError;
use alluvium_model::ErrorKind;
use thiserror::Error;

use crate::status::Refusal;

/// Errors of running a job.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Error {
    /// An operator, source or sink that failed.
    #[error("operator {operator}: {source}")]
    Operator {
        /// Name of the operator.
        operator: String,
        /// What went wrong.
        source: OperatorError,
    },
    /// A task or background work that panicked.
    #[error("{what} panicked: {message}")]
    Panic {
        /// What panicked.
        what: String,
        /// What it said.
        message: String,
    },
    /// A snapshot that could not be read or written.
    #[error("{doing}")]
    Snapshot {
        /// What was being done.
        doing: String,
        /// The cause.
        #[source]
        source: Box<alluvium_snapshot::Error>,
    },
    /// State that an operator cannot take.
    #[error("state {state} of operator {operator} cannot be restored: {reason}")]
    DoesNotFit {
        /// Uid or id of the operator.
        operator: String,
        /// Name of the state.
        state: String,
        /// What does not fit.
        reason: String,
    },
    /// State in a snapshot that no operator of the job takes.
    #[error("the snapshot has state that the job does not take: {what}; -n leaves it behind")]
    NotRestored {
        /// Operators, or an operator's states, by name.
        what: String,
    },
    /// A root that already has checkpoints, for a job that is to start from nothing.
    #[error(
        "the root already has checkpoints, the newest {newest}; restore from `latest` or use another root"
    )]
    RootInUse {
        /// The newest one.
        newest: String,
    },
    /// A parallelism above the number of key groups.
    #[error("operator {operator}: parallelism {found} is above its max parallelism {most}")]
    Parallelism {
        /// Name of the operator.
        operator: String,
        /// What was asked for.
        found: u32,
        /// Its max parallelism.
        most: u32,
    },
    /// A newer attempt has claimed the job.
    #[error("attempt {attempt} was superseded by attempt {newer}")]
    Fenced {
        /// This attempt.
        attempt: u64,
        /// The newest one.
        newer: u64,
    },
    /// More checkpoints failed in a row than are tolerated.
    #[error("checkpoint {checkpoint_id} failed: {reason}")]
    Checkpoint {
        /// The last one.
        checkpoint_id: u64,
        /// Why it failed.
        reason: String,
    },
    /// A place that cannot be opened.
    #[error("{place}")]
    Place {
        /// The place.
        place: String,
        /// The cause.
        #[source]
        source: alluvium_store::Error,
    },
    /// An error of types, values or rows.
    #[error(transparent)]
    Model(#[from] alluvium_model::Error),
    /// An error of a state backend.
    #[error("operator {operator}: {source}")]
    State {
        /// Name of the operator.
        operator: String,
        /// What went wrong.
        source: Box<alluvium_state::Error>,
    },
}

impl Error {
    /// Returns what a caller can do about it.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Error::Operator { source, .. } => source.kind(),
            Error::Snapshot { source, .. } => source.kind(),
            Error::Place { source, .. } => source.kind(),
            Error::Model(source) => source.kind(),
            Error::State { source, .. } => source.kind(),
            Error::DoesNotFit { .. } | Error::NotRestored { .. } | Error::RootInUse { .. } => {
                ErrorKind::Input
            }
            Error::Parallelism { .. } => ErrorKind::Input,
            Error::Fenced { .. } => ErrorKind::Conflict,
            Error::Checkpoint { .. } => ErrorKind::Retry,
            Error::Panic { .. } => ErrorKind::Internal,
        }
    }

    /// Returns what a snapshot has against the job, if that is it.
    pub(crate) fn refusal(&self) -> Option<Refusal> {
        match self {
            Error::NotRestored { .. } => Some(Refusal::StateLeft),
            Error::DoesNotFit { .. } => Some(Refusal::StateDoesNotFit),
            _ => None,
        }
    }

    /// Returns whether starting the job again cannot help.
    pub(crate) fn is_final(&self) -> bool {
        matches!(self.kind(), ErrorKind::Input | ErrorKind::Conflict | ErrorKind::Unsupported)
    }

    pub(crate) fn model(error: alluvium_model::Error) -> Self {
        Error::Model(error)
    }

    pub(crate) fn snapshot(doing: impl Into<String>) -> impl FnOnce(alluvium_snapshot::Error) -> Self {
        let doing = doing.into();
        move |source| Error::Snapshot { doing, source: Box::new(source) }
    }

    /// Returns the message with its causes.
    pub(crate) fn chain(&self) -> String {
        let mut text = self.to_string();
        let mut source = std::error::Error::source(self);
        while let Some(cause) = source {
            let cause_text = cause.to_string();
            if !text.ends_with(&cause_text) {
                text.push_str(&format!(": {cause_text}"));
            }
            source = cause.source();
        }
        text
    }
}
