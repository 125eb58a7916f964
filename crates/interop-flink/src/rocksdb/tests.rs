//! Databases written by real engines compared with what an engine reads from them, and made ones.

mod fixtures;
mod made;
mod writer;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::Database;
use crate::{InMemory, ReadAt, Result};

/// The files of a database by name.
type Files = Vec<(String, Vec<u8>)>;

/// Entries by column family.
type Listing = BTreeMap<String, Vec<(Vec<u8>, Vec<u8>)>>;

fn open(files: &Files) -> Result<Database> {
    let file = |(name, bytes): &(String, Vec<u8>)| {
        (name.clone(), Arc::new(InMemory::new(name.clone(), bytes.clone())) as Arc<dyn ReadAt>)
    };
    Database::open(files.iter().map(file).collect())
}

fn list(database: &Database) -> Result<Listing> {
    let mut listing = Listing::new();
    for family in database.column_families() {
        listing.insert(family.name.clone(), entries(database, &family.name, None, None)?);
    }
    Ok(listing)
}

fn entries(
    database: &Database,
    family: &str,
    from: Option<&[u8]>,
    to: Option<&[u8]>,
) -> Result<Vec<(Vec<u8>, Vec<u8>)>> {
    let scan = database.scan(family, from, to)?;
    scan.map(|entry| entry.map(|entry| (entry.key.to_vec(), entry.value.to_vec()))).collect()
}

/// A file that counts what is read from it.
#[derive(Debug)]
struct Counted {
    file: InMemory,
    reads: AtomicUsize,
    bytes: AtomicUsize,
}

impl Counted {
    fn new(name: &str, bytes: Vec<u8>) -> Arc<Self> {
        Arc::new(Counted { file: InMemory::new(name, bytes), reads: 0.into(), bytes: 0.into() })
    }

    /// Returns the reads and bytes since the last call.
    fn take(&self) -> (usize, usize) {
        (self.reads.swap(0, Ordering::Relaxed), self.bytes.swap(0, Ordering::Relaxed))
    }
}

impl ReadAt for Counted {
    fn name(&self) -> &str {
        self.file.name()
    }

    fn len(&self) -> u64 {
        self.file.len()
    }

    fn read_at(&self, offset: u64, len: usize) -> Result<bytes::Bytes> {
        self.reads.fetch_add(1, Ordering::Relaxed);
        self.bytes.fetch_add(len, Ordering::Relaxed);
        self.file.read_at(offset, len)
    }
}
