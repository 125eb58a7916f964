use thiserror::Error;

/// What a caller can do about an error; every crate's error maps to one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// A passing fault: the same call may succeed later.
    Retry,
    /// The caller's input names something that is not there or does not fit.
    Input,
    /// An object that must exist does not.
    Missing,
    /// Valid bytes that ask for something this release cannot do.
    Unsupported,
    /// Bytes that break a law of their format.
    Corrupt,
    /// A race was lost, or a newer attempt has taken over.
    Conflict,
    /// Our own mistake.
    Internal,
}

/// Errors of types, values and rows.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Error {
    /// Bytes that break a rule.
    #[error("{what} at byte {offset}: {found} ({rule})")]
    Malformed {
        /// The thing being decoded.
        what: &'static str,
        /// Offset in the given bytes.
        offset: usize,
        /// What was found instead.
        found: String,
        /// Rule of the specification, for example `CANON-3`.
        rule: &'static str,
    },
    /// A cell of a column that no value of its type has.
    #[error("row {row}: {found:?} ({rule})")]
    Cell {
        /// Row of the column.
        row: usize,
        /// What was found.
        found: String,
        /// Rule of the specification, for example `TYPE-26`.
        rule: &'static str,
    },
    /// A value that is not of the wanted type.
    #[error("{path}: wanted {wanted}, found {found}")]
    Mismatch {
        /// Where in the value, for example `value.airport`.
        path: String,
        /// The type wanted.
        wanted: String,
        /// What was found.
        found: String,
    },
    /// A type description that cannot be understood.
    #[error("unknown type {found}")]
    UnknownType {
        /// The text found.
        found: String,
    },
    /// A key-group function that cannot place this key type.
    #[error("key-group function {function} cannot place keys of type {key_type}")]
    CannotPlace {
        /// Name of the function.
        function: &'static str,
        /// The key type.
        key_type: String,
    },
    /// A row batch whose columns do not fit its schema.
    #[error("rows of state {state}: column {column}: {found}")]
    Layout {
        /// Name of the state.
        state: String,
        /// Name of the column.
        column: String,
        /// What is wrong.
        found: String,
    },
    /// An error of the Arrow library.
    #[error(transparent)]
    Arrow(#[from] arrow_schema::ArrowError),
}

impl Error {
    /// Returns the rule that is broken, where one is.
    pub fn rule(&self) -> Option<&'static str> {
        match self {
            Error::Malformed { rule, .. } | Error::Cell { rule, .. } => Some(rule),
            _ => None,
        }
    }

    /// Returns what a caller can do about it.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Error::Malformed { .. } | Error::Cell { .. } | Error::Layout { .. } => ErrorKind::Corrupt,
            Error::Mismatch { .. } => ErrorKind::Input,
            Error::UnknownType { .. } | Error::CannotPlace { .. } => ErrorKind::Unsupported,
            Error::Arrow(_) => ErrorKind::Internal,
        }
    }
}

/// A result of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;
