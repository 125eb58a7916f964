//! A safe reader of the RocksDB files in Flink's snapshots: no C++, nothing written.
//!
//! Incremental checkpoints and native savepoints of the RocksDB and ForSt backends hold, per subtask,
//! the files of one database: `CURRENT`, a `MANIFEST` and the tables (`*.sst`) that it names. There is
//! no write-ahead log, because a snapshot flushes what is in memory. A column family is one state.
//!
//! [`Database::open`] reads `CURRENT` and the `MANIFEST` alone; tables are opened when a
//! [scan](Database::scan) or a [look-up](Database::get) reaches them, block by block, each block
//! verified by its checksum.
//!
//! ```
//! use std::sync::Arc;
//! use alluvium_interop_flink::{InMemory, ReadAt, rocksdb::Database};
//!
//! let files: Vec<(String, Arc<dyn ReadAt>)> = vec![];
//! assert!(Database::open(files).is_err(), "without CURRENT there is no database");
//! ```
//!
//! What is read: tables of format versions 0 to 6 (every one that the engines of Flink 1.3 to 2.3
//! write: 4.11, 5.6, 5.7, FRocksDB 5.17, 6.20 and 8.10), all four checksums, binary, hash and
//! partitioned indexes, blocks that are plain or compressed by Snappy, LZ4 or ZSTD (with or without a
//! dictionary), merge operands of Flink's list states, deletions of keys and of ranges, and the
//! sequence numbers of ingested files. Other compressions, comparators, merge operators, blob files,
//! wide columns and timestamps in keys are refused by name.

mod cache;
mod checksum;
mod coding;
mod database;
mod edit;
mod key;
mod log;
mod manifest;
mod merge;
mod run;
mod sst;
mod verify;

#[cfg(test)]
mod tests;

pub use database::Database;
pub use manifest::{ColumnFamily, TableFile};
pub use merge::{Entry, Scan};
pub use verify::Verified;
