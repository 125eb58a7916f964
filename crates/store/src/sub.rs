use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;

use crate::{Entry, ObjectPath, ObjectWriter, Pending, Result, Store};

/// A folder of another store, as a store of its own.
#[derive(Debug, Clone)]
pub struct SubStore {
    store: Arc<dyn Store>,
    folder: ObjectPath,
}

impl SubStore {
    /// Opens a folder; it needs not exist.
    pub fn new(store: Arc<dyn Store>, folder: ObjectPath) -> Self {
        SubStore { store, folder }
    }

    fn at(&self, path: &ObjectPath) -> Result<ObjectPath> {
        self.folder.join(path.as_str())
    }
}

impl Store for SubStore {
    fn get<'a>(&'a self, path: &'a ObjectPath) -> Pending<'a, Bytes> {
        Box::pin(async move { self.store.get(&self.at(path)?).await })
    }

    fn get_ranges<'a>(&'a self, path: &'a ObjectPath, ranges: &'a [Range<u64>]) -> Pending<'a, Vec<Bytes>> {
        Box::pin(async move { self.store.get_ranges(&self.at(path)?, ranges).await })
    }

    fn size<'a>(&'a self, path: &'a ObjectPath) -> Pending<'a, Option<u64>> {
        Box::pin(async move { self.store.size(&self.at(path)?).await })
    }

    fn create<'a>(&'a self, path: &'a ObjectPath, bytes: Bytes) -> Pending<'a, ()> {
        Box::pin(async move { self.store.create(&self.at(path)?, bytes).await })
    }

    fn writer<'a>(&'a self, path: &'a ObjectPath) -> Pending<'a, Box<dyn ObjectWriter>> {
        Box::pin(async move { self.store.writer(&self.at(path)?).await })
    }

    fn list<'a>(&'a self, prefix: &'a str) -> Pending<'a, Vec<Entry>> {
        Box::pin(async move {
            let folder = format!("{}/", self.folder);
            let found = self.store.list(&format!("{folder}{prefix}")).await?;
            let inside = |entry: Entry| {
                let below = entry.path.as_str().strip_prefix(&folder).unwrap_or_default().to_owned();
                Ok(Entry { path: ObjectPath::new(below)?, ..entry })
            };
            found.into_iter().map(inside).collect()
        })
    }

    fn delete<'a>(&'a self, path: &'a ObjectPath) -> Pending<'a, ()> {
        Box::pin(async move { self.store.delete(&self.at(path)?).await })
    }

    fn sweep<'a>(&'a self, before_ms: i64) -> Pending<'a, u64> {
        self.store.sweep(before_ms)
    }
}
