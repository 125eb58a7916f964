//! Rules of the specification that readers name in errors.

/// Layout of a file.
pub(crate) const FILE: &str = "FILE-1";
/// Columns of a file.
pub(crate) const COLUMNS: &str = "TABLE-3";
/// Key-value metadata.
pub(crate) const METADATA: &str = "FILE-3";
/// Index of key groups.
pub(crate) const INDEX: &str = "FILE-4";
/// Size of row groups.
pub(crate) const SIZES: &str = "FILE-5";
/// Page locations.
pub(crate) const PAGES: &str = "FILE-6";
/// Numbers against the file.
pub(crate) const NUMBERS: &str = "FILE-7";
/// Canonical digests of a base run.
pub(crate) const LIVE: &str = "FILE-8";
/// Order of rows.
pub(crate) const ORDER: &str = "ORDER-1";
/// Rows of one entry.
pub(crate) const UNIQUE: &str = "ORDER-5";
