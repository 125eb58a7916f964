use alluvium_model::ErrorKind;
use thiserror::Error;

/// Errors of reading what Apache Flink wrote.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Error {
    /// The bytes end before the thing being read does.
    #[error("{section} at offset {offset}: wanted {wanted} more bytes, found {left}")]
    Truncated {
        /// What was being read, for example `state name`.
        section: &'static str,
        /// Offset in the file or stream.
        offset: u64,
        /// Bytes wanted.
        wanted: u64,
        /// Bytes left.
        left: u64,
    },
    /// Bytes that break a law of Flink's formats.
    #[error("{section} at offset {offset}: wanted {wanted}, found {found}")]
    Malformed {
        /// What was being read.
        section: &'static str,
        /// Offset in the file or stream.
        offset: u64,
        /// What the format asks for.
        wanted: &'static str,
        /// What is there.
        found: String,
    },
    /// Valid bytes of a form that this release does not read.
    #[error("{section} at offset {offset}: {what} cannot be read yet")]
    Unsupported {
        /// What was being read.
        section: &'static str,
        /// Offset in the file or stream.
        offset: u64,
        /// The form found, for example the class of a serializer snapshot.
        what: String,
    },
    /// Something larger than the memory that reading may take.
    #[error("{section} at offset {offset}: {size} bytes exceed the limit of {limit}")]
    TooLarge {
        /// What was being read.
        section: &'static str,
        /// Offset in the file or stream.
        offset: u64,
        /// Bytes it would take.
        size: u64,
        /// Bytes allowed.
        limit: u64,
    },
    /// A file that the snapshot refers to is not there.
    #[error("{path} is missing")]
    Missing {
        /// The path as the snapshot has it.
        path: String,
    },
    /// A request for something that the snapshot does not have.
    #[error("{what} is not in this snapshot")]
    Unknown {
        /// The operator, state or key asked for.
        what: String,
    },
    /// A value in a place without lengths that cannot be decoded, so that nothing behind it in its key
    /// group can be found.
    #[error(
        "entry {entry} of {entries} at offset {offset} cannot be decoded and ends the key group: \
         {left} bytes are left"
    )]
    Undecodable {
        /// The entry, from 0.
        entry: u64,
        /// Number of entries that the state declares in this key group.
        entries: u64,
        /// Offset of the entry: in the file, or in the uncompressed key group.
        offset: u64,
        /// Bytes of the key group from there on.
        left: u64,
        /// Why.
        #[source]
        cause: Box<Error>,
    },
    /// Something that could be several things.
    #[error("{what} may be any of {}", candidates.join(", "))]
    Ambiguous {
        /// What was asked for.
        what: String,
        /// What it may be.
        candidates: Vec<String>,
    },
    /// A fault below, with where it arose: file, operator, state, key group.
    #[error("{place}")]
    In {
        /// Where.
        place: String,
        /// What.
        #[source]
        cause: Box<Error>,
    },
    /// A fault of the store.
    #[error(transparent)]
    Store(#[from] alluvium_store::Error),
    /// Values and rows that do not fit their schema.
    #[error(transparent)]
    Model(#[from] alluvium_model::Error),
}

impl Error {
    /// Returns what a caller can do about it.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Error::Truncated { .. } | Error::Malformed { .. } | Error::Undecodable { .. } => {
                ErrorKind::Corrupt
            }
            Error::Unsupported { .. } | Error::TooLarge { .. } => ErrorKind::Unsupported,
            Error::Missing { .. } => ErrorKind::Missing,
            Error::Unknown { .. } | Error::Ambiguous { .. } => ErrorKind::Input,
            Error::In { cause, .. } => cause.kind(),
            Error::Store(error) => error.kind(),
            Error::Model(error) => error.kind(),
        }
    }

    /// Wraps the error under the place where it arose.
    pub fn within(self, place: impl Into<String>) -> Self {
        Error::In { place: place.into(), cause: Box::new(self) }
    }
}

/// A result of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;
