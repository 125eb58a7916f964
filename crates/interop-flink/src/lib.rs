//! Snapshots of Apache Flink as row streams, without a JVM, user classes or C++.
#![deny(missing_docs)]
#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic))]

pub mod binary_row;
pub mod bytes;
mod columns;
mod error;
pub mod files;
pub mod header;
pub mod java;
mod keyed;
mod layout;
pub mod locate;
pub mod metadata;
mod read_at;
pub mod rocksdb;
pub mod serializer;
pub mod snapshot;
pub mod uids;

pub use error::{Error, Result};
pub use read_at::{InMemory, ReadAt};
