use alluvium_model::ErrorKind;
use thiserror::Error;

/// What is wrong with a job as it was described.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Error {
    /// Two operators with one uid.
    #[error("operators {first} and {second} have the same uid {uid}")]
    UidTwice {
        /// The uid.
        uid: String,
        /// Name of the first operator.
        first: String,
        /// Name of the second operator.
        second: String,
    },
    /// Two states of one operator with one name.
    #[error("operator {operator} declares state {state} twice")]
    StateTwice {
        /// Name of the operator.
        operator: String,
        /// Name of the state.
        state: String,
    },
    /// A side output that its operator does not declare.
    #[error("operator {operator} declares no side output {tag}")]
    UnknownOutput {
        /// Name of the operator.
        operator: String,
        /// Name of the output.
        tag: String,
    },
    /// A property set on a stream that several operators write.
    #[error("{property} cannot be set on a union: set it on the streams before")]
    UnionProperty {
        /// The property, for example `uid`.
        property: &'static str,
    },
    /// A number of subtasks or key groups outside its bounds.
    #[error("operator {operator}: {property} {found} is not within 1 to {most}")]
    OutOfBounds {
        /// Name of the operator.
        operator: String,
        /// The property, for example `parallelism`.
        property: &'static str,
        /// What was given.
        found: u32,
        /// Largest allowed.
        most: u32,
    },
    /// A job without a source.
    #[error("job {job} has no source")]
    NoSource {
        /// Name of the job.
        job: String,
    },
    /// An operator that the job does not have.
    #[error("job {job} has no operator with uid {uid}")]
    UnknownOperator {
        /// Name of the job.
        job: String,
        /// The uid asked for.
        uid: String,
    },
}

impl Error {
    /// Returns what a caller can do about it.
    pub fn kind(&self) -> ErrorKind {
        ErrorKind::Input
    }
}

/// A failure of an operator, a source or a sink while the job runs; it fails the task.
#[derive(Debug, Error)]
#[error("{message}")]
pub struct OperatorError {
    kind: ErrorKind,
    message: String,
    #[source]
    cause: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl OperatorError {
    /// Makes an error without a cause.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        OperatorError { kind, message: message.into(), cause: None }
    }

    /// Wraps a cause under a message.
    pub fn because(
        kind: ErrorKind,
        message: impl Into<String>,
        cause: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        OperatorError { kind, message: message.into(), cause: Some(cause.into()) }
    }

    /// Returns what a caller can do about it.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }
}

impl From<alluvium_model::Error> for OperatorError {
    fn from(error: alluvium_model::Error) -> Self {
        OperatorError::because(error.kind(), "state does not have the declared type", error)
    }
}

impl From<alluvium_state::Error> for OperatorError {
    fn from(error: alluvium_state::Error) -> Self {
        OperatorError::because(error.kind(), "operator state cannot be restored", error)
    }
}

/// A result of running an operator.
pub type OperatorResult<T = ()> = std::result::Result<T, OperatorError>;
