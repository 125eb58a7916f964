//! Objects under relative paths: ranged read, create-if-absent, list, delete.
//!
//! A [`Store`] is what the rest of Alluvium knows of disks and buckets. An object appears whole and
//! durable, or not at all, and never changes afterwards; that is all that the format assumes.
//!
//! * [`LocalStore`]: a directory
//! * [`MemoryStore`]: for tests and the seeded scheduler
//! * [`SubStore`]: a folder of another store
//! * `FaultyStore` (feature `test-util`): fails, crashes and tears at a chosen operation
//!
//! Calls return boxed futures without a runtime behind them; [`block_on`] drives one on the
//! calling thread.
//!
//! ```
//! use alluvium_store::{MemoryStore, ObjectPath, Store, block_on};
//!
//! let store = MemoryStore::new();
//! let path = ObjectPath::new("objects/a")?;
//! block_on(store.create(&path, b"hello".as_slice().into()))?;
//! assert_eq!(block_on(store.get_ranges(&path, &[1..4]))?, [b"ell".as_slice()]);
//! assert!(block_on(store.create(&path, b"other".as_slice().into())).is_err());
//! # Ok::<(), alluvium_store::Error>(())
//! ```
//!
//! Spec: STORE-1 to STORE-5.
#![deny(missing_docs)]
#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic))]

mod block_on;
mod error;
#[cfg(any(test, feature = "test-util"))]
mod faulty;
mod local;
mod memory;
mod path;
mod sub;

use std::future::Future;
use std::ops::Range;
use std::pin::Pin;

use bytes::Bytes;

pub use block_on::block_on;
pub use error::{Error, Result};
#[cfg(any(test, feature = "test-util"))]
pub use faulty::{Fault, FaultKind, FaultyStore};
pub use local::LocalStore;
pub use memory::MemoryStore;
pub use path::ObjectPath;
pub use sub::SubStore;

/// A call under way.
pub type Pending<'a, T> = Pin<Box<dyn Future<Output = Result<T>> + Send + 'a>>;

/// An object that a listing found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Where it is.
    pub path: ObjectPath,
    /// Its size in bytes.
    pub size: u64,
    /// When it appeared, in milliseconds since 1970 by the clock of the store.
    pub modified_ms: i64,
}

/// Immutable objects under relative paths.
///
/// An object is visible only when all its bytes are durable, and so is the directory entry that
/// leads to it. Reads after a successful create see it.
///
/// Spec: STORE-1 to STORE-5.
pub trait Store: std::fmt::Debug + Send + Sync {
    /// Reads a whole object.
    ///
    /// # Errors
    /// [`Error::Missing`]; faults of the medium.
    fn get<'a>(&'a self, path: &'a ObjectPath) -> Pending<'a, Bytes>;

    /// Reads ranges of an object, one answer per range in the order asked.
    ///
    /// # Errors
    /// [`Error::Missing`]; [`Error::OutOfRange`] when a range ends behind the object.
    fn get_ranges<'a>(&'a self, path: &'a ObjectPath, ranges: &'a [Range<u64>]) -> Pending<'a, Vec<Bytes>>;

    /// Returns the size of an object, `None` when it does not exist.
    ///
    /// # Errors
    /// Faults of the medium.
    fn size<'a>(&'a self, path: &'a ObjectPath) -> Pending<'a, Option<u64>>;

    /// Creates an object, unless one of that path exists.
    ///
    /// # Errors
    /// [`Error::Exists`]. After any other error the object exists whole or not at all.
    fn create<'a>(&'a self, path: &'a ObjectPath, bytes: Bytes) -> Pending<'a, ()>;

    /// Starts an object that is written in pieces and appears when finished.
    ///
    /// # Errors
    /// Faults of the medium.
    fn writer<'a>(&'a self, path: &'a ObjectPath) -> Pending<'a, Box<dyn ObjectWriter>>;

    /// Lists the objects whose path begins with `prefix`, ascending by path; all when it is empty.
    ///
    /// # Errors
    /// Faults of the medium; a folder that does not exist is empty.
    fn list<'a>(&'a self, prefix: &'a str) -> Pending<'a, Vec<Entry>>;

    /// Deletes an object, durably; one that does not exist is no error.
    ///
    /// # Errors
    /// Faults of the medium.
    fn delete<'a>(&'a self, path: &'a ObjectPath) -> Pending<'a, ()>;

    /// Removes what crashed writers left unfinished before a moment; returns how many.
    ///
    /// # Errors
    /// Faults of the medium.
    fn sweep<'a>(&'a self, before_ms: i64) -> Pending<'a, u64> {
        let _ = before_ms;
        Box::pin(std::future::ready(Ok(0)))
    }
}

/// An object being written. Dropped unfinished, it leaves nothing behind.
pub trait ObjectWriter: Send {
    /// Appends bytes.
    ///
    /// # Errors
    /// Faults of the medium; the object cannot be finished afterwards.
    fn write(&mut self, bytes: Bytes) -> Pending<'_, ()>;

    /// Makes the object durable and visible, unless one of its path exists.
    ///
    /// # Errors
    /// [`Error::Exists`]; faults of the medium.
    fn finish(self: Box<Self>) -> Pending<'static, ()>;
}

#[cfg(test)]
mod tests;
