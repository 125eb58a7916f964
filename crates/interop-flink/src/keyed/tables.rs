//! Keyed state in files of RocksDB or ForSt.

use std::sync::{Arc, Mutex, PoisonError};

use alluvium_model::KeyGroup;

use super::Sink;
use crate::files::Files;
use crate::layout::shape::Shape;
use crate::metadata::StreamHandle;
use crate::rocksdb::Database;
use crate::{Error, Result};

/// The files of one subtask's database, opened when first asked.
#[derive(Debug)]
pub(crate) struct Tables {
    files: Arc<Files>,
    handles: Vec<(String, StreamHandle)>,
    incremental: bool,
    prefix: usize,
    database: Mutex<Option<Arc<Database>>>,
}

impl Tables {
    /// Names the files; `prefix` is the bytes of the key group in front of each key.
    pub(crate) fn new(
        files: Arc<Files>,
        handles: Vec<(String, StreamHandle)>,
        incremental: bool,
        prefix: usize,
    ) -> Self {
        Tables { files, handles, incremental, prefix, database: Mutex::new(None) }
    }

    /// Returns the word for the layout.
    pub(crate) fn layout(&self) -> &'static str {
        if self.incremental { "incremental" } else { "native" }
    }

    /// Opens the database, or returns the one already open.
    pub(crate) fn database(&self) -> Result<Arc<Database>> {
        let mut database = self.database.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(database) = database.as_ref() {
            return Ok(Arc::clone(database));
        }
        let mut files = Vec::with_capacity(self.handles.len());
        for (name, handle) in &self.handles {
            files.push((name.clone(), self.files.open(handle)?));
        }
        let opened = Arc::new(Database::open(files)?);
        *database = Some(Arc::clone(&opened));
        Ok(opened)
    }

    /// Gives out the entries of one state in one key group whose keys begin with `key`.
    pub(crate) fn read(&self, group: KeyGroup, shape: &Shape, key: &[u8], sink: Sink<'_>) -> Result<()> {
        let database = self.database()?;
        if !database.column_families().iter().any(|family| family.name == shape.name) {
            return Ok(());
        }
        let mut from = group.0.to_be_bytes().get(2 - self.prefix..).unwrap_or_default().to_vec();
        if !matches!(shape.kind, alluvium_model::StateKind::Timer(_)) {
            from.extend_from_slice(key);
        }
        let to = behind(&from);
        let mut scan = database.scan(&shape.name, Some(&from), to.as_deref())?;
        while scan.advance()? {
            let key = scan.key().get(self.prefix..).unwrap_or_default();
            if let Err(error) = shape.split(key, scan.value(), 0, &mut |entry| sink(Ok(entry))) {
                sink(Err(Error::within(error, format!("column family {}", shape.name))));
            }
        }
        Ok(())
    }
}

/// Returns the first key behind all that begin with a prefix, or none if there is no such key.
fn behind(prefix: &[u8]) -> Option<Vec<u8>> {
    let mut end = prefix.to_vec();
    while let Some(last) = end.pop() {
        if let Some(next) = last.checked_add(1) {
            end.push(next);
            return Some(end);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_prefix_is_the_next_one() {
        assert_eq!(behind(&[1, 2]), Some(vec![1, 3]));
        assert_eq!(behind(&[1, 0xFF]), Some(vec![2]));
        assert_eq!(behind(&[0xFF, 0xFF]), None);
    }
}
