use alluvium_model::ErrorKind;
use alluvium_model::source::SourceError;
use thiserror::Error;

/// Errors of snapshots.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Error {
    /// A store that did not do what it was asked.
    #[error("{place}")]
    Store {
        /// What was being read or written.
        place: String,
        /// The cause.
        #[source]
        source: alluvium_store::Error,
    },
    /// A manifest that cannot be read or written.
    #[error("{place}")]
    Manifest {
        /// The manifest.
        place: String,
        /// The cause.
        #[source]
        source: Box<alluvium_format::Error>,
    },
    /// A run that cannot be read or written.
    #[error("{place}")]
    Table {
        /// Operator, state, run and object.
        place: String,
        /// The cause.
        #[source]
        source: alluvium_table::Error,
    },
    /// Bytes of an object that are not those that were written.
    #[error(
        "{object}, blocks {first_block}..{end_block} ({section}): digest {found}, wanted {wanted} ({rule})"
    )]
    Damaged {
        /// The object.
        object: String,
        /// First damaged block of 64 KiB.
        first_block: u64,
        /// One past the last damaged block.
        end_block: u64,
        /// What lies there.
        section: String,
        /// The digest, or the size, that the reference says.
        wanted: Box<str>,
        /// What was found.
        found: Box<str>,
        /// Rule of the specification.
        rule: &'static str,
    },
    /// An object that a manifest names and that is not there.
    #[error("{object} is named by the manifest ({section}) and does not exist (PUB-1)")]
    MissingObject {
        /// The object.
        object: String,
        /// What lies there.
        section: String,
    },
    /// A place that holds no snapshot.
    #[error("{place} is no snapshot: {found}; looked for {looked_for}")]
    NotASnapshot {
        /// The place.
        place: String,
        /// What is there.
        found: &'static str,
        /// What a snapshot would have there.
        looked_for: &'static str,
    },
    /// A place that does not exist.
    #[error("{place} does not exist")]
    Missing {
        /// The place.
        place: String,
    },
    /// An operator or state that the snapshot does not have.
    #[error("the snapshot has no {what} {name:?}")]
    Unknown {
        /// `operator` or `state`.
        what: &'static str,
        /// The name asked for.
        name: String,
    },
    /// A manifest of that name was published by someone else.
    #[error("{place} was published by someone else")]
    Published {
        /// The manifest.
        place: String,
    },
    /// A newer attempt has claimed the job.
    #[error("attempt {attempt} was superseded by attempt {newer} (FENCE-4)")]
    Fenced {
        /// The attempt.
        attempt: u64,
        /// The newest attempt.
        newer: u64,
    },
    /// Something that is refused for the caller's good.
    #[error("{place}: refused: {reason}")]
    Refused {
        /// The place.
        place: String,
        /// Why.
        reason: &'static str,
    },
    /// A file of a job's root that breaks a rule.
    #[error("{place}: {found} ({rule})")]
    Broken {
        /// The file.
        place: String,
        /// What was found.
        found: String,
        /// Rule of the specification.
        rule: &'static str,
    },
    /// A valid snapshot that asks for something this release cannot do.
    #[error("{place}: {what} is not supported")]
    Unsupported {
        /// Where.
        place: String,
        /// What.
        what: &'static str,
    },
    /// An error of values or rows.
    #[error(transparent)]
    Model(#[from] alluvium_model::Error),
}

impl Error {
    /// Returns what a caller can do about it.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Error::Store { source, .. } => source.kind(),
            // What was named as a snapshot and is none cannot be read, whatever else it may be.
            Error::Manifest { source, .. } => match **source {
                alluvium_format::Error::NotAManifest { .. } => ErrorKind::Corrupt,
                _ => source.kind(),
            },
            Error::Table { source, .. } => source.kind(),
            Error::Damaged { .. } | Error::MissingObject { .. } | Error::Broken { .. } => ErrorKind::Corrupt,
            Error::NotASnapshot { .. } | Error::Missing { .. } => ErrorKind::Missing,
            Error::Unknown { .. } | Error::Refused { .. } => ErrorKind::Input,
            Error::Published { .. } | Error::Fenced { .. } => ErrorKind::Conflict,
            Error::Unsupported { .. } => ErrorKind::Unsupported,
            Error::Model(source) => source.kind(),
        }
    }

    /// Returns the rule that is broken, where one is.
    pub fn rule(&self) -> Option<&'static str> {
        match self {
            Error::Manifest { source, .. } => source.rule(),
            Error::Table { source: alluvium_table::Error::Malformed { rule, .. }, .. } => Some(rule),
            Error::Table { source: alluvium_table::Error::OutOfOrder { rule, .. }, .. } => Some(rule),
            Error::Table { source: alluvium_table::Error::RunsOverlap { .. }, .. } => Some("SEQ-2"),
            Error::Model(error) | Error::Table { source: alluvium_table::Error::Model(error), .. } => {
                error.rule()
            }
            Error::Damaged { rule, .. } | Error::Broken { rule, .. } => Some(rule),
            Error::MissingObject { .. } => Some("PUB-1"),
            Error::Fenced { .. } => Some("FENCE-4"),
            _ => None,
        }
    }

    /// Returns whether the place holds nothing that looks like a snapshot of ours: another format may
    /// know it.
    pub fn is_unrecognised(&self) -> bool {
        match self {
            Error::NotASnapshot { .. } => true,
            Error::Manifest { source, .. } => matches!(**source, alluvium_format::Error::NotAManifest { .. }),
            _ => false,
        }
    }

    pub(crate) fn store(place: impl ToString, source: alluvium_store::Error) -> Self {
        Error::Store { place: place.to_string(), source }
    }

    pub(crate) fn manifest(place: impl ToString, source: alluvium_format::Error) -> Self {
        Error::Manifest { place: place.to_string(), source: Box::new(source) }
    }

    pub(crate) fn table(place: impl ToString, source: alluvium_table::Error) -> Self {
        Error::Table { place: place.to_string(), source }
    }

    pub(crate) fn unknown(what: &'static str, name: impl ToString) -> Self {
        Error::Unknown { what, name: name.to_string() }
    }

    /// Returns whether a store says that what was to be created exists.
    pub(crate) fn is_conflict(&self) -> bool {
        self.kind() == ErrorKind::Conflict
    }
}

impl From<Error> for SourceError {
    fn from(error: Error) -> Self {
        use std::error::Error as _;
        let mut message = error.to_string();
        let mut cause = error.source();
        while let Some(inner) = cause {
            let text = inner.to_string();
            if !message.contains(&text) {
                message = format!("{message}: {text}");
            }
            cause = inner.source();
        }
        SourceError { kind: error.kind(), message, cause: Some(Box::new(error)) }
    }
}

/// A result of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;
