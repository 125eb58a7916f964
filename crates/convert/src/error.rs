use std::path::{Path, PathBuf};

use alluvium_model::ErrorKind;
use alluvium_model::source::SourceError;
use thiserror::Error as ThisError;

/// Errors of conversions.
#[derive(Debug, ThisError)]
#[non_exhaustive]
pub enum Error {
    /// A file or directory could not be read or written.
    #[error("{path}: {source}", path = .path.display())]
    Io {
        /// The path.
        path: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
    /// The destination exists and is not empty.
    #[error("{path} is not empty", path = .path.display())]
    NotEmpty {
        /// The path.
        path: PathBuf,
    },
    /// A file to import that belongs to no state of the schemas.
    #[error("{path} belongs to no state of the given schemas; it would be at one of: {}", .wanted.join(", "), path = .path.display())]
    UnknownFile {
        /// The path.
        path: PathBuf,
        /// Where files are looked for.
        wanted: Vec<String>,
    },
    /// No file to import was found.
    #[error("{path} holds no .jsonl or .parquet file of a state", path = .path.display())]
    NothingToImport {
        /// The path.
        path: PathBuf,
    },
    /// A row that does not fit the schema of its state.
    #[error("{path}, row {row}: {what}", path = .path.display())]
    BadRow {
        /// The file.
        path: PathBuf,
        /// The line or row, from 1.
        row: u64,
        /// What is wrong.
        what: BadRow,
    },
    /// A column that is missing or of another type.
    #[error("{path}: column {column}: {found}", path = .path.display())]
    BadColumn {
        /// The file.
        path: PathBuf,
        /// The column.
        column: String,
        /// What was found.
        found: String,
    },
    /// What was written holds another number of rows than what was read.
    #[error("{path}: wrote {wanted} and found {found}", path = .path.display())]
    Miscounted {
        /// The file or snapshot.
        path: PathBuf,
        /// Written.
        wanted: u64,
        /// Found.
        found: u64,
    },
    /// A question to the source failed.
    #[error(transparent)]
    Query(Box<alluvium_query::Error>),
    /// The source could not be read.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// The savepoint could not be read or written.
    #[error(transparent)]
    Snapshot(Box<alluvium_snapshot::Error>),
    /// The destination could not be made.
    #[error(transparent)]
    Store(#[from] alluvium_store::Error),
    /// A value that does not fit its type.
    #[error(transparent)]
    Model(#[from] alluvium_model::Error),
    /// A Parquet file could not be read or written.
    #[error("{path}: {source}", path = .path.display())]
    Parquet {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: parquet::errors::ParquetError,
    },
    /// An Arrow batch could not be read, written or cast.
    #[error("{path}: {source}", path = .path.display())]
    Arrow {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: arrow_schema::ArrowError,
    },
}

/// What is wrong with a row.
#[derive(Debug, ThisError)]
#[non_exhaustive]
pub enum BadRow {
    /// Not JSON, or no object.
    #[error("no JSON object")]
    NoObject,
    /// A member that the state does not have.
    #[error("unknown member {0:?}")]
    Unknown(String),
    /// A member that is missing or null.
    #[error("{0} is missing")]
    Missing(&'static str),
    /// A member of the wrong form.
    #[error("{member}: {found}")]
    Odd {
        /// The member.
        member: &'static str,
        /// What was found.
        found: String,
    },
    /// A key group that is not that of the key.
    #[error("key group {found}, while the key lies in {wanted}")]
    KeyGroup {
        /// By the key-group function.
        wanted: u16,
        /// In the row.
        found: u64,
    },
    /// A value that is not of its type.
    #[error(transparent)]
    Value(#[from] alluvium_model::Error),
}

impl Error {
    /// Returns what a caller can do about it.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Error::Io { source, .. } if source.kind() == std::io::ErrorKind::NotFound => ErrorKind::Missing,
            Error::Io { .. } => ErrorKind::Retry,
            Error::NotEmpty { .. } | Error::UnknownFile { .. } | Error::NothingToImport { .. } => {
                ErrorKind::Input
            }
            Error::BadRow { .. } | Error::BadColumn { .. } => ErrorKind::Input,
            Error::Miscounted { .. } => ErrorKind::Internal,
            Error::Query(error) => error.kind(),
            Error::Source(error) => error.kind,
            Error::Snapshot(error) => error.kind(),
            Error::Store(error) => error.kind(),
            Error::Model(error) => error.kind(),
            Error::Parquet { .. } | Error::Arrow { .. } => ErrorKind::Corrupt,
        }
    }

    pub(crate) fn io(path: &Path) -> impl FnOnce(std::io::Error) -> Error {
        let path = path.to_owned();
        move |source| Error::Io { path, source }
    }

    pub(crate) fn parquet(path: &Path) -> impl FnOnce(parquet::errors::ParquetError) -> Error {
        let path = path.to_owned();
        move |source| Error::Parquet { path, source }
    }

    pub(crate) fn arrow(path: &Path) -> impl FnOnce(arrow_schema::ArrowError) -> Error {
        let path = path.to_owned();
        move |source| Error::Arrow { path, source }
    }
}

impl From<alluvium_query::Error> for Error {
    fn from(error: alluvium_query::Error) -> Self {
        Error::Query(Box::new(error))
    }
}

impl From<alluvium_snapshot::Error> for Error {
    fn from(error: alluvium_snapshot::Error) -> Self {
        Error::Snapshot(Box::new(error))
    }
}

/// A result of this crate.
pub(crate) type Result<T, E = Error> = std::result::Result<T, E>;
