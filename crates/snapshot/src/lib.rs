//! Snapshots in stores: publish, open, read merged, verify, make self-contained, collect.
//!
//! A snapshot is a manifest and the objects it names. This crate joins what `format` says about
//! manifests, what `table` does with the bytes of runs, and what `store` keeps. Everything that
//! does I/O is async and knows no runtime; [`SnapshotSource`](alluvium_model::SnapshotSource)
//! blocks, for people and tools.
//!
//! * a job's root: [`JobRoot`] (claim, publish, latest, pin, collect)
//! * writing runs: [`RunsWriter`], [`write_runs`]; merging them: [`merge_runs`]
//! * opening: [`open_location`], [`Snapshot`]; live rows: [`Rows`]
//! * savepoints: [`write_savepoint`], [`SnapshotWriter`], [`dispose`]
//! * bytes, checked: [`ObjectReader`]
//! * places for crash tests: [`step`]
#![deny(missing_docs)]
#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic))]

mod describe;
mod dispose;
mod error;
mod merge;
mod objects;
mod open;
mod passes;
mod root;
mod rows;
mod runs_writer;
mod savepoint;
mod snapshot;
mod source;
mod step;
mod verify;
mod writer;

pub use alluvium_format as format;
pub use alluvium_store as store;
pub use alluvium_table::MERGE_BYTES_MAX;

pub use dispose::{Disposed, dispose};
pub use error::{Error, Result};
pub use merge::{MergeRequest, merge_runs};
pub use objects::ObjectReader;
pub use open::{Location, locate, open_location};
pub use root::{Attempt, CheckpointEntry, CheckpointName, Collected, JobRoot, Published, Retention};
pub use rows::Rows;
pub use runs_writer::{EncodedRun, RunSpec, RunsWriter, write_runs};
pub use savepoint::{SavepointOptions, write_savepoint};
pub use snapshot::Snapshot;
pub use step::step;
pub use writer::{OperatorSpec, SnapshotWriter};

#[cfg(test)]
mod tests;
