use alluvium_model::ErrorKind;
use thiserror::Error;

/// Errors of table files.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Error {
    /// Bytes of a file that break a rule.
    #[error("table file: {section}{}{}: {found} ({rule})", place(" row group", .row_group), place(" byte", .offset))]
    Malformed {
        /// The part of the file.
        section: &'static str,
        /// Row group, where it concerns one.
        row_group: Option<u64>,
        /// Offset in the file, where known.
        offset: Option<u64>,
        /// What was found.
        found: String,
        /// Rule of the specification.
        rule: &'static str,
    },
    /// Rows given to a writer that are not in canonical order.
    #[error("row {row} is not above the row before it ({rule})")]
    OutOfOrder {
        /// Position in the run, from 0.
        row: u64,
        /// Rule of the specification.
        rule: &'static str,
    },
    /// Rows given to a writer that do not fit its schema.
    #[error("column {column}: {found}")]
    Layout {
        /// Name of the column.
        column: String,
        /// What is wrong.
        found: String,
    },
    /// Two runs claim one sequence for the same key group.
    #[error(
        "runs {first} and {second} overlap: sequences {first_low}..={first_high} and {second_low}..={second_high} (SEQ-2)"
    )]
    RunsOverlap {
        /// Position of the first run.
        first: usize,
        /// Position of the second run.
        second: usize,
        /// Sequences of the first run.
        first_low: u32,
        /// Last sequence of the first run.
        first_high: u32,
        /// Sequences of the second run.
        second_low: u32,
        /// Last sequence of the second run.
        second_high: u32,
    },
    /// A run whose schema cannot be read through the newest one of its table.
    #[error("rows of state {state} cannot be read through its newest schema: {found} (EVOL-2)")]
    Incompatible {
        /// Name of the state.
        state: String,
        /// Where they differ.
        found: String,
    },
    /// A caller that supplied other bytes than were asked for.
    #[error("{wanted} bytes were asked for, {found} supplied")]
    Supplied {
        /// Number wanted.
        wanted: u64,
        /// Number found.
        found: u64,
    },
    /// An error of the Parquet library while writing.
    #[error("writing Parquet")]
    Write(#[source] parquet::errors::ParquetError),
    /// An error of the Arrow library.
    #[error(transparent)]
    Arrow(#[from] arrow_schema::ArrowError),
    /// An error of the model.
    #[error(transparent)]
    Model(#[from] alluvium_model::Error),
}

fn place(what: &str, number: &Option<u64>) -> String {
    number.map(|n| format!(",{what} {n}")).unwrap_or_default()
}

impl Error {
    /// Returns what a caller can do about it.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Error::Malformed { .. } | Error::RunsOverlap { .. } => ErrorKind::Corrupt,
            Error::Incompatible { .. } => ErrorKind::Unsupported,
            Error::OutOfOrder { .. }
            | Error::Layout { .. }
            | Error::Supplied { .. }
            | Error::Write(_)
            | Error::Arrow(_) => ErrorKind::Internal,
            Error::Model(error) => error.kind(),
        }
    }

    pub(crate) fn malformed(section: &'static str, rule: &'static str, found: impl Into<String>) -> Self {
        Error::Malformed { section, row_group: None, offset: None, found: found.into(), rule }
    }

    pub(crate) fn in_group(self, group: usize) -> Self {
        match self {
            Error::Malformed { section, offset, found, rule, .. } => {
                Error::Malformed { section, row_group: Some(group as u64), offset, found, rule }
            }
            other => other,
        }
    }

    pub(crate) fn at(self, at: u64) -> Self {
        match self {
            Error::Malformed { section, row_group, found, rule, .. } => {
                Error::Malformed { section, row_group, offset: Some(at), found, rule }
            }
            other => other,
        }
    }
}

/// A result of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;
