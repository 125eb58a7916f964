//! Table files: state rows in canonical order as ordinary Parquet, and back.
//!
//! A **run** is one table file: the sorted immutable rows of one state, with operations in a delta
//! run and without in a base run. This crate turns batches of rows into the bytes of runs and the
//! bytes of runs into batches, and merges runs on the way. It does no I/O: a reader says which
//! byte ranges it needs and is resumed with them, so that whoever drives it owns every call.
//!
//! * [`RunWriter`]: batches in, bytes out as they become ready
//! * [`RunReader`]: one run, whole or restricted to key groups, a prefix or what follows a position
//! * [`Merge`]: many runs as live rows, or as one delta run
//! * [`read_all`], [`merge_in_memory`]: the same for bytes at hand
//!
//! Files are written and read with bounded memory: a row group while writing, about 192 KiB per
//! leaf column and run while reading. Readers check what they read but not block digests; those are
//! checked below, where bytes come from.
#![deny(missing_docs)]
#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic))]

mod error;
mod index;
mod info;
mod memory;
mod merge;
mod ops;
mod options;
mod reader;
mod rule;
mod step;
#[cfg(test)]
mod testing;
mod writer;

pub use error::{Error, Result};
pub use index::{GroupRows, KeyGroupIndex};
pub use info::{RunInfo, RunMeta};
pub use memory::{drive, drive_merge, merge_in_memory, read_all};
pub use merge::{Merge, MergeOptions, MergeOutput, MergeRun, fan_in};
pub use options::{ReadOptions, Restriction, RunOptions};
pub use reader::{OpenRun, RunReader};
pub use step::{Need, Step};
pub use writer::RunWriter;

/// Number of bytes that a merge may take unless it is told otherwise.
pub const MERGE_BYTES_MAX: u64 = 64 * 1024 * 1024;
/// Number of bytes that a merge holds per run and leaf column: a page and the one before it decoded, and
/// one as it is read.
pub const LEAF_BYTES: u64 = 192 * 1024;
