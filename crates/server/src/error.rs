use std::io;

use alluvium_model::ErrorKind;
use thiserror::Error;

/// Errors of starting a server.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Error {
    /// No port could be had.
    #[error("cannot listen on 127.0.0.1:{port}")]
    Listen {
        /// The port wanted.
        port: u16,
        /// Why not.
        #[source]
        cause: io::Error,
    },
    /// The machinery that answers requests did not start.
    #[error("cannot start the thread that answers requests")]
    Start(#[source] io::Error),
}

impl Error {
    /// Returns what a caller can do about it.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Error::Listen { .. } => ErrorKind::Input,
            Error::Start(_) => ErrorKind::Internal,
        }
    }
}

/// A result of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;
