//! Tables: block-based files of sorted entries (`*.sst`).
//!
//! From the start: data blocks, filter, index, dictionary, deleted ranges, properties, metaindex,
//! footer. Every block but the footer ends in a byte that names its compression and a checksum.

mod block;
mod codec;
mod cursor;
mod footer;
mod index;
mod properties;
mod reader;
mod source;
mod tombstone;

pub(super) use block::Block;
pub(super) use codec::Codec;
pub(super) use cursor::{Access, TableCursor};
pub(super) use index::IndexCursor;
pub(super) use reader::Table;
pub(super) use source::Source;
pub(super) use tombstone::Tombstone;

/// The largest block that is read, compressed or not.
pub(super) const BLOCK_LIMIT: u64 = 64 << 20;
