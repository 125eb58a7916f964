//! One function per decoder: any bytes in, no panic, bounded memory, and every law asserted where
//! decoding succeeds.
//!
//! The fuzz targets of `fuzz/` call these, and so do the tests with seeded mutations of every
//! fixture.

mod choices;
mod flink;
mod key_bytes;
mod manifest;
mod order;
mod program;
mod table_file;

pub use flink::{Files, flink_database, flink_files, flink_metadata, flink_serializer, flink_snapshot, pack};
pub use key_bytes::key_bytes;
pub use manifest::{framed, manifest, preamble};
pub use program::program;
pub use table_file::table_file;

/// Most bytes that a target may hold while it looks at an input of up to 64 KiB.
///
/// A page of Parquet can declare, and zstd deliver, 32 KiB for each of its bytes; what a file may
/// make of its rows is a small multiple of that.
pub const MEMORY_MAX: usize = 64 << 20;

/// Keeps panics of the Parquet library, which readers catch, from ending a fuzz run.
///
/// The fuzzer aborts in its panic hook; without a hook it aborts on what no reader caught.
pub fn catch_panics() {
    std::panic::set_hook(Box::new(|info| eprintln!("{info}")));
}
