//! Tables that follow each other: one of level 0, or those of another level.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;

use super::database::Tables;
use super::key::InternalKey;
use super::sst::{Access, TableCursor, Tombstone};
use crate::{Error, Result};

/// What a run needs to open its tables.
#[derive(Debug, Clone)]
pub(super) struct Reach {
    pub(super) tables: Arc<Tables>,
    pub(super) family: usize,
    pub(super) access: Access,
    pub(super) to: Option<Bytes>,
}

/// A place in tables that do not overlap.
#[derive(Debug)]
pub(super) struct Run {
    /// Which files of the column family are still to be opened.
    files: Range<usize>,
    cursor: Option<TableCursor>,
}

impl Run {
    pub(super) fn new(files: Range<usize>) -> Self {
        Run { files, cursor: None }
    }

    /// Goes to the first entry with a user key of at least `from`, if there is one, and adds the
    /// deleted ranges of the tables that were opened.
    pub(super) fn seek(
        &mut self,
        reach: &Reach,
        from: Option<&[u8]>,
        tombstones: &mut Vec<Tombstone>,
    ) -> Result<bool> {
        for index in self.files.by_ref() {
            let table = reach.tables.open(reach.family, index)?;
            tombstones.extend_from_slice(table.tombstones());
            let cache = Arc::clone(reach.tables.cache());
            let cursor = TableCursor::new(table, cache, reach.access, reach.to.clone());
            let mut cursor = cursor.map_err(|error| reach.tables.within(reach.family, index, error))?;
            let found = cursor.seek(from).map_err(|error| reach.tables.within(reach.family, index, error))?;
            self.cursor = Some(cursor);
            if found {
                return Ok(true);
            }
        }
        self.cursor = None;
        Ok(false)
    }

    /// Goes to the next entry, if there is one.
    #[inline]
    pub(super) fn advance(&mut self, reach: &Reach, tombstones: &mut Vec<Tombstone>) -> Result<bool> {
        if let Some(cursor) = &mut self.cursor {
            match cursor.advance() {
                Ok(true) => return Ok(true),
                Ok(false) => {}
                Err(error) => return Err(self.within(error)),
            }
        }
        self.seek(reach, None, tombstones)
    }

    /// Returns the key of the entry.
    #[inline]
    pub(super) fn key(&self) -> InternalKey<'_> {
        self.cursor.as_ref().map_or(InternalKey { user: &[], trailer: 0 }, TableCursor::key)
    }

    /// Returns the value of the entry.
    #[inline]
    pub(super) fn value(&self) -> &[u8] {
        self.cursor.as_ref().map_or(&[], TableCursor::value)
    }

    /// Returns the place of the entry, for errors.
    pub(super) fn offset(&self) -> u64 {
        self.cursor.as_ref().map_or(0, TableCursor::offset)
    }

    /// Returns the name of the merge operator that the table was written with.
    pub(super) fn merge_operator(&self) -> Option<&str> {
        self.cursor.as_ref()?.table().properties().merge_operator.as_deref()
    }

    /// Says in which table an error arose.
    pub(super) fn within(&self, error: Error) -> Error {
        match &self.cursor {
            Some(cursor) => error.within(cursor.table().file().name()),
            None => error,
        }
    }
}
