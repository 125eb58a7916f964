use alluvium_model::source::SourceError;
use alluvium_model::{ErrorKind, LogicalType};
use thiserror::Error as ThisError;

/// Errors of questions.
#[derive(Debug, ThisError)]
#[non_exhaustive]
pub enum Error {
    /// A text that is not of the form OP/STATE.
    #[error("{found:?} is not OP/STATE: the uid or id of an operator, a slash, the name of a state")]
    NoPath {
        /// The text.
        found: String,
    },
    /// An operator that the snapshot does not have.
    #[error("no operator {wanted:?} in this snapshot{}", list(.nearest))]
    NoOperator {
        /// The uid or id asked for.
        wanted: String,
        /// The most similar ones, best first.
        nearest: Vec<String>,
    },
    /// A state that the operator does not have.
    #[error("operator {operator} has no state {wanted:?}{}", list(.nearest))]
    NoState {
        /// The operator.
        operator: String,
        /// The name asked for.
        wanted: String,
        /// The most similar ones, best first.
        nearest: Vec<String>,
    },
    /// A key that is not of the key type.
    #[error("key {found:?} is not of type {key_type}")]
    BadKey {
        /// The text.
        found: String,
        /// The type of the key.
        key_type: LogicalType,
        /// What is wrong with it.
        source: Box<alluvium_model::Error>,
    },
    /// A filter that this state cannot answer.
    #[error("{filter} does not apply to state {state}: {why}")]
    BadFilter {
        /// The filter.
        filter: &'static str,
        /// The state.
        state: String,
        /// What it would need.
        why: &'static str,
    },
    /// A range of key groups that cannot be read.
    #[error("{found:?} is neither a key group nor a range of them (first-last)")]
    BadKeyGroups {
        /// The text.
        found: String,
    },
    /// The snapshot could not be read.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// A value that does not fit its type.
    #[error(transparent)]
    Model(#[from] alluvium_model::Error),
}

impl Error {
    /// Returns what a caller can do about it.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Error::Source(error) => error.kind,
            Error::Model(error) => error.kind(),
            _ => ErrorKind::Input,
        }
    }
}

fn list(nearest: &[String]) -> String {
    match nearest {
        [] => String::new(),
        names => format!("; nearest: {}", names.join(", ")),
    }
}

/// A result of this crate.
pub(crate) type Result<T, E = Error> = std::result::Result<T, E>;
