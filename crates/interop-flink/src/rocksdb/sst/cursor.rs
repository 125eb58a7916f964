//! A place among the entries of a table.

use std::sync::Arc;

use bytes::Bytes;

use super::super::cache::BlockCache;
use super::super::key::{InternalKey, TRAILER};
use super::block::{Block, Entries, Framing};
use super::footer::Handle;
use super::{Codec, IndexCursor, Source, Table};
use crate::{Error, Result};

/// How a table is going to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    /// From some key on; reads ahead.
    Scan,
    /// At one key; reads single blocks and keeps them.
    Point,
}

/// Goes through the entries of a table in order of their internal keys.
#[derive(Debug)]
pub(crate) struct TableCursor {
    blocks: Blocks,
    index: IndexCursor,
    data: Option<Entries>,
    trailer: u64,
    /// Where a scan ends, exclusive.
    to: Option<Bytes>,
}

/// Reads the blocks of a table, those of the index through the cache.
#[derive(Debug)]
struct Blocks {
    table: Arc<Table>,
    source: Source,
    codec: Codec,
    cache: Arc<BlockCache>,
    access: Access,
}

impl Blocks {
    fn index(&mut self, handle: Handle) -> Result<Block> {
        let Blocks { table, source, codec, cache, .. } = self;
        cache.get_or_read(table.description().number, handle.offset, || table.block(source, codec, handle))
    }

    fn data(&mut self, handle: Handle) -> Result<Block> {
        match self.access {
            Access::Point => self.index(handle),
            Access::Scan => self.table.block(&mut self.source, &mut self.codec, handle),
        }
    }
}

impl TableCursor {
    /// Opens the index of a table. Stands before the first entry; [`TableCursor::seek`] comes next.
    pub(crate) fn new(
        table: Arc<Table>,
        cache: Arc<BlockCache>,
        access: Access,
        to: Option<Bytes>,
    ) -> Result<Self> {
        let source = match access {
            Access::Scan => Source::ahead(Arc::clone(table.file())),
            Access::Point => Source::exact(Arc::clone(table.file())),
        };
        let mut blocks = Blocks { table, source, codec: Codec::default(), cache, access };
        let top = blocks.index(blocks.table.index())?;
        let index = blocks.table.index_cursor(top);
        Ok(TableCursor { blocks, index, data: None, trailer: 0, to })
    }

    /// Goes to the first entry with a user key of at least `from`, if there is one.
    pub(crate) fn seek(&mut self, from: Option<&[u8]>) -> Result<bool> {
        let TableCursor { blocks, index, .. } = self;
        if !index.seek(from, |handle| blocks.index(handle))? {
            return Ok(false);
        }
        self.load()?;
        let Some(data) = &mut self.data else { return Ok(false) };
        let found = match from {
            Some(from) => data.seek(|key| user_part(key) < from)?,
            None => data.advance()?,
        };
        self.settle(found)
    }

    /// Goes to the next entry, if there is one before the end of the scan.
    #[inline]
    pub(crate) fn advance(&mut self) -> Result<bool> {
        let Some(data) = &mut self.data else { return Ok(false) };
        let found = data.advance()?;
        self.settle(found)
    }

    /// Takes the entry that was found, or goes on to the next block that has one.
    #[inline]
    fn settle(&mut self, mut found: bool) -> Result<bool> {
        while !found {
            if self.is_last_block() {
                return Ok(false);
            }
            let TableCursor { blocks, index, .. } = self;
            if !index.advance(|handle| blocks.index(handle))? {
                return Ok(false);
            }
            self.load()?;
            found = self.data.as_mut().map_or(Ok(false), Entries::advance)?;
        }
        let Some(data) = &self.data else { return Ok(false) };
        let Some(key) = InternalKey::split(data.key()) else {
            return Err(Error::Truncated {
                section: "internal key",
                offset: data.value_offset(),
                wanted: TRAILER as u64,
                left: data.key().len() as u64,
            });
        };
        self.trailer = match self.blocks.table.global_sequence() {
            Some(sequence) => sequence << 8 | key.trailer & 0xFF,
            None => key.trailer,
        };
        Ok(true)
    }

    /// Returns whether the blocks that follow lie behind the end of the scan.
    fn is_last_block(&self) -> bool {
        self.to.as_ref().is_some_and(|to| self.index.separator() >= to.as_ref())
    }

    fn load(&mut self) -> Result<()> {
        let block = self.blocks.data(self.index.handle())?;
        match &mut self.data {
            Some(data) => data.reset(block),
            none => *none = Some(Entries::new(block, Framing::Sized)),
        }
        Ok(())
    }

    /// Returns the key of the entry.
    #[inline]
    pub(crate) fn key(&self) -> InternalKey<'_> {
        let key = self.data.as_ref().map_or(&[][..], Entries::key);
        InternalKey { user: user_part(key), trailer: self.trailer }
    }

    /// Returns the value of the entry.
    #[inline]
    pub(crate) fn value(&self) -> &[u8] {
        self.data.as_ref().map_or(&[], Entries::value)
    }

    /// Returns the place of the value: that of its block, and how far into it.
    pub(crate) fn offset(&self) -> u64 {
        self.data.as_ref().map_or(0, Entries::value_offset)
    }

    pub(crate) fn table(&self) -> &Table {
        &self.blocks.table
    }
}

#[inline]
fn user_part(key: &[u8]) -> &[u8] {
    key.get(..key.len().saturating_sub(TRAILER)).unwrap_or_default()
}
