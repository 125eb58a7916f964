use alluvium_model::ErrorKind;
use thiserror::Error;

/// Errors of state restored from rows.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Error {
    /// Rows that do not fit the declared state.
    #[error("state {state}: {found}")]
    Rows {
        /// Name of the state.
        state: String,
        /// What is wrong with the rows.
        found: String,
    },
    /// A row whose key or value is known only as bytes of some serializer.
    #[error("state {state}: a row holds opaque bytes, which typed state cannot take")]
    Opaque {
        /// Name of the state.
        state: String,
    },
    /// A slot or state name that was never declared.
    #[error("no state {name} is declared")]
    Unknown {
        /// Its name or slot.
        name: String,
    },
    /// An error of types or columns.
    #[error("state {state}")]
    Model {
        /// Name of the state.
        state: String,
        /// The cause.
        #[source]
        cause: alluvium_model::Error,
    },
}

impl Error {
    /// Returns what a caller can do about it.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Error::Rows { .. } => ErrorKind::Corrupt,
            Error::Opaque { .. } => ErrorKind::Unsupported,
            Error::Unknown { .. } => ErrorKind::Input,
            Error::Model { cause, .. } => cause.kind(),
        }
    }

    pub(crate) fn model(state: &str) -> impl Fn(alluvium_model::Error) -> Error + '_ {
        move |cause| Error::Model { state: state.to_owned(), cause }
    }
}

/// A result of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;
