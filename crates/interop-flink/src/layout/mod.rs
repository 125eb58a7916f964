//! How state lies in files: key groups of the heap backend, canonical key groups, RocksDB entries,
//! timers, operator state, changes and records in flight.
//!
//! Each layout gives out entries: slices that are one row's key, namespace, entry and value. Nothing
//! here makes rows or knows a schema.

pub(crate) mod canonical;
pub(crate) mod changes;
pub(crate) mod channels;
pub(crate) mod detect;
pub(crate) mod entry;
pub(crate) mod feed;
pub(crate) mod heap;
pub(crate) mod lists;
pub(crate) mod raw_timers;
pub(crate) mod replay;
pub(crate) mod shape;
