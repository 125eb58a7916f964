use alluvium_model::ErrorKind;
use thiserror::Error;

/// Errors of manifests and of the objects that they name.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Error {
    /// The bytes do not begin as a manifest does.
    #[error("not an Alluvium manifest: {found} (PRE-2)")]
    NotAManifest {
        /// What stands there instead.
        found: String,
    },
    /// A law is broken.
    #[error("manifest, {section}: wanted {wanted}, found {found} ({rule})")]
    Broken {
        /// Part of the manifest, for example `operator flights, state visits, run 2`.
        section: String,
        /// The rule, for example `SEQ-2`.
        rule: &'static str,
        /// What the rule asks for.
        wanted: String,
        /// What is there.
        found: String,
    },
    /// A version of the format that this release does not read.
    #[error("format version {found} is newer than {known}, the newest that this release reads (PRE-4)")]
    NewerVersion {
        /// The version found.
        found: u16,
        /// The newest version known.
        known: u16,
    },
    /// A feature that this release does not have and without which nothing may be read.
    #[error("the snapshot requires the feature {feature:?}, which this release does not have (FEAT-1)")]
    UnknownFeature {
        /// Name of the feature.
        feature: String,
    },
    /// A manifest larger than the caller's budget.
    #[error("manifest of {size} bytes exceeds the budget of {budget} bytes")]
    OverBudget {
        /// Bytes of the inflated body.
        size: u64,
        /// Bytes allowed.
        budget: u64,
    },
    /// A schema that is none.
    #[error("manifest, {section} is no schema (SCHEMA-1)")]
    Model {
        /// Part of the manifest.
        section: String,
        /// The cause.
        #[source]
        source: alluvium_model::Error,
    },
    /// A request that makes no manifest.
    #[error("cannot write the manifest: {what}")]
    Unwritable {
        /// What is wrong with it.
        what: String,
    },
}

impl Error {
    /// Returns what a caller can do about it.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Error::NotAManifest { .. } | Error::OverBudget { .. } => ErrorKind::Input,
            Error::Broken { .. } => ErrorKind::Corrupt,
            Error::NewerVersion { .. } | Error::UnknownFeature { .. } => ErrorKind::Unsupported,
            Error::Model { source, .. } => match source.kind() {
                ErrorKind::Input => ErrorKind::Corrupt,
                other => other,
            },
            Error::Unwritable { .. } => ErrorKind::Internal,
        }
    }

    /// Returns the rule that is broken, where one is.
    pub fn rule(&self) -> Option<&'static str> {
        match self {
            Error::Broken { rule, .. } => Some(rule),
            Error::NotAManifest { .. } => Some("PRE-2"),
            Error::NewerVersion { .. } => Some("PRE-4"),
            Error::UnknownFeature { .. } => Some("FEAT-1"),
            Error::Model { .. } => Some("SCHEMA-1"),
            _ => None,
        }
    }
}

/// A result of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;
