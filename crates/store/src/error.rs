use std::io;
use std::ops::Range;

use alluvium_model::ErrorKind;
use thiserror::Error;

/// Errors of stores.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Error {
    /// An object that does not exist.
    #[error("{path} does not exist")]
    Missing {
        /// The object.
        path: String,
    },
    /// An object that exists already.
    #[error("{path} exists already")]
    Exists {
        /// The object.
        path: String,
    },
    /// A path that names nothing inside a store.
    #[error("{path:?} is no path inside a store: {found} (STORE-1)")]
    BadPath {
        /// The text given.
        path: String,
        /// What is wrong with it.
        found: &'static str,
    },
    /// A path that leads out of the store's directory, for example through a symbolic link.
    #[error("{path} leads outside its directory (STORE-1)")]
    Escapes {
        /// The path.
        path: String,
    },
    /// A range that ends behind the object.
    #[error("{path}: bytes {}..{} of {size}", range.start, range.end)]
    OutOfRange {
        /// The object.
        path: String,
        /// The range asked for.
        range: Range<u64>,
        /// Size of the object.
        size: u64,
    },
    /// Something stands where an object should be, for example a directory.
    #[error("{path} is not a file")]
    NotAnObject {
        /// The path.
        path: String,
    },
    /// A fault of the medium.
    #[error("{operation} {path}: {source}")]
    Io {
        /// What was being done.
        operation: &'static str,
        /// The object or directory.
        path: String,
        /// The fault.
        source: io::Error,
    },
    /// A fault that a test asked for.
    #[error("injected fault at operation {at}")]
    Injected {
        /// Number of the operation.
        at: u64,
    },
    /// The store was made to crash by a test and answers no more.
    #[error("crashed at operation {at}")]
    Crashed {
        /// Number of the operation.
        at: u64,
    },
}

impl Error {
    /// Returns what a caller can do about it.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Error::Missing { .. } => ErrorKind::Missing,
            Error::Exists { .. } => ErrorKind::Conflict,
            Error::BadPath { .. } | Error::Escapes { .. } | Error::NotAnObject { .. } => ErrorKind::Input,
            Error::OutOfRange { .. } => ErrorKind::Corrupt,
            Error::Io { source, .. } => match source.kind() {
                io::ErrorKind::PermissionDenied | io::ErrorKind::Unsupported => ErrorKind::Input,
                _ => ErrorKind::Retry,
            },
            Error::Injected { .. } | Error::Crashed { .. } => ErrorKind::Retry,
        }
    }

    pub(crate) fn io(operation: &'static str, path: impl ToString, source: io::Error) -> Self {
        let path = path.to_string();
        match source.kind() {
            io::ErrorKind::NotFound => Error::Missing { path },
            io::ErrorKind::AlreadyExists => Error::Exists { path },
            io::ErrorKind::IsADirectory | io::ErrorKind::NotADirectory => Error::NotAnObject { path },
            _ => Error::Io { operation, path, source },
        }
    }
}

/// A result of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;
