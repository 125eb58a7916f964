use std::collections::BTreeMap;
use std::future::ready;
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use alluvium_env::{Clock, SimulatedClock};
use bytes::Bytes;

use crate::{Entry, Error, ObjectPath, ObjectWriter, Pending, Result, Store};

/// Objects in memory; clones share them.
#[derive(Debug, Clone)]
pub struct MemoryStore {
    objects: Arc<Mutex<Objects>>,
    clock: Arc<dyn Clock>,
}

type Objects = BTreeMap<ObjectPath, (Bytes, i64)>;

impl MemoryStore {
    /// Makes an empty store whose objects all seem to appear at one moment.
    pub fn new() -> Self {
        MemoryStore::with_clock(Arc::new(SimulatedClock::default()))
    }

    /// Makes an empty store whose objects appear at the time of a clock.
    pub fn with_clock(clock: Arc<dyn Clock>) -> Self {
        MemoryStore { objects: Arc::default(), clock }
    }

    /// Replaces the bytes of an object or makes one: what damage on a medium looks like.
    pub fn overwrite(&self, path: &ObjectPath, bytes: Bytes) {
        let now_ms = self.clock.now_ms();
        self.lock().insert(path.clone(), (bytes, now_ms));
    }

    /// Returns a store with the same objects that shares nothing with this one from now on.
    pub fn fork(&self) -> Self {
        let objects = Arc::new(Mutex::new(self.lock().clone()));
        MemoryStore { objects, clock: Arc::clone(&self.clock) }
    }

    fn lock(&self) -> MutexGuard<'_, Objects> {
        self.objects.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn read(&self, path: &ObjectPath) -> Result<Bytes> {
        let objects = self.lock();
        let (bytes, _) = objects.get(path).ok_or_else(|| Error::Missing { path: path.to_string() })?;
        Ok(bytes.clone())
    }

    fn read_ranges(&self, path: &ObjectPath, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        let bytes = self.read(path)?;
        let size = bytes.len() as u64;
        let slice = |range: &Range<u64>| {
            if range.start > range.end || range.end > size {
                return Err(Error::OutOfRange { path: path.to_string(), range: range.clone(), size });
            }
            Ok(bytes.slice(range.start as usize..range.end as usize))
        };
        ranges.iter().map(slice).collect()
    }

    fn put_new(&self, path: &ObjectPath, bytes: Bytes) -> Result<()> {
        let now_ms = self.clock.now_ms();
        let mut objects = self.lock();
        if objects.contains_key(path) {
            return Err(Error::Exists { path: path.to_string() });
        }
        objects.insert(path.clone(), (bytes, now_ms));
        Ok(())
    }
}

impl Default for MemoryStore {
    fn default() -> Self {
        MemoryStore::new()
    }
}

impl Store for MemoryStore {
    fn get<'a>(&'a self, path: &'a ObjectPath) -> Pending<'a, Bytes> {
        Box::pin(async move { self.read(path) })
    }

    fn get_ranges<'a>(&'a self, path: &'a ObjectPath, ranges: &'a [Range<u64>]) -> Pending<'a, Vec<Bytes>> {
        Box::pin(async move { self.read_ranges(path, ranges) })
    }

    fn size<'a>(&'a self, path: &'a ObjectPath) -> Pending<'a, Option<u64>> {
        Box::pin(async move { Ok(self.lock().get(path).map(|(bytes, _)| bytes.len() as u64)) })
    }

    fn create<'a>(&'a self, path: &'a ObjectPath, bytes: Bytes) -> Pending<'a, ()> {
        Box::pin(async move { self.put_new(path, bytes) })
    }

    fn writer<'a>(&'a self, path: &'a ObjectPath) -> Pending<'a, Box<dyn ObjectWriter>> {
        let writer = MemoryWriter { store: self.clone(), path: path.clone(), bytes: Vec::new() };
        Box::pin(async move { Ok(Box::new(writer) as Box<dyn ObjectWriter>) })
    }

    fn list<'a>(&'a self, prefix: &'a str) -> Pending<'a, Vec<Entry>> {
        Box::pin(async move {
            let objects = self.lock();
            let found = objects.iter().filter(|(path, _)| path.as_str().starts_with(prefix));
            Ok(found
                .map(|(path, (bytes, modified_ms))| Entry {
                    path: path.clone(),
                    size: bytes.len() as u64,
                    modified_ms: *modified_ms,
                })
                .collect())
        })
    }

    fn delete<'a>(&'a self, path: &'a ObjectPath) -> Pending<'a, ()> {
        Box::pin(async move {
            self.lock().remove(path);
            Ok(())
        })
    }
}

struct MemoryWriter {
    store: MemoryStore,
    path: ObjectPath,
    bytes: Vec<u8>,
}

impl ObjectWriter for MemoryWriter {
    fn write(&mut self, bytes: Bytes) -> Pending<'_, ()> {
        self.bytes.extend_from_slice(&bytes);
        Box::pin(ready(Ok(())))
    }

    fn finish(self: Box<Self>) -> Pending<'static, ()> {
        Box::pin(async move { self.store.put_new(&self.path, self.bytes.into()) })
    }
}
