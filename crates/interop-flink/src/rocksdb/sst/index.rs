//! The index of a table: for each data block a key at or behind its last, and where the block is.

use super::super::coding::Cursor;
use super::super::key::TRAILER as KEY_TRAILER;
use super::block::{Block, Entries, Framing};
use super::footer::{Handle, TRAILER};
use super::properties::{IndexKind, Properties};
use crate::Result;

/// How the entries of index blocks are encoded.
#[derive(Debug, Clone, Copy)]
struct Form {
    framing: Framing,
    user_keys: bool,
}

/// A place in an index of one or two levels. Blocks of the lower level are fetched as they are
/// reached.
#[derive(Debug)]
pub(crate) struct IndexCursor {
    top: IndexEntries,
    /// The part of a partitioned index that is being read.
    part: Option<IndexEntries>,
    partitioned: bool,
}

#[derive(Debug)]
struct IndexEntries {
    entries: Entries,
    form: Form,
    handle: Handle,
}

impl IndexCursor {
    /// Stands before the first entry of an index whose upper block is `top`.
    pub(super) fn new(top: Block, properties: &Properties) -> Self {
        let first_key = properties.index == IndexKind::FirstKey;
        let framing = match properties.index_has_differences {
            true => Framing::Handles { first_key },
            false => Framing::Sized,
        };
        let form = Form { framing, user_keys: properties.index_has_user_keys };
        let partitioned = properties.index == IndexKind::Partitioned;
        IndexCursor { top: IndexEntries::new(top, form), part: None, partitioned }
    }

    /// Goes to the first data block that can hold `from` or a later key; `fetch` reads index blocks.
    pub(crate) fn seek(
        &mut self,
        from: Option<&[u8]>,
        mut fetch: impl FnMut(Handle) -> Result<Block>,
    ) -> Result<bool> {
        self.part = None;
        if !self.top.seek(from)? {
            return Ok(false);
        }
        if !self.partitioned {
            return Ok(true);
        }
        let block = fetch(self.top.handle)?;
        let part = self.part.insert(IndexEntries::new(block, self.top.form));
        if part.seek(from)? { Ok(true) } else { self.advance(fetch) }
    }

    /// Goes to the next data block, if there is one.
    pub(crate) fn advance(&mut self, mut fetch: impl FnMut(Handle) -> Result<Block>) -> Result<bool> {
        loop {
            if let Some(part) = &mut self.part
                && part.advance()?
            {
                return Ok(true);
            }
            if !self.top.advance()? {
                return Ok(false);
            }
            if !self.partitioned {
                return Ok(true);
            }
            let block = fetch(self.top.handle)?;
            self.part = Some(IndexEntries::new(block, self.top.form));
        }
    }

    /// Returns where the data block is.
    pub(crate) fn handle(&self) -> Handle {
        self.part.as_ref().unwrap_or(&self.top).handle
    }

    /// Returns a user key at or behind the last of the data block, and not behind the next block.
    pub(crate) fn separator(&self) -> &[u8] {
        self.part.as_ref().unwrap_or(&self.top).separator()
    }
}

impl IndexEntries {
    fn new(block: Block, form: Form) -> Self {
        IndexEntries { entries: Entries::new(block, form.framing), form, handle: Handle::default() }
    }

    /// Goes to the first entry at or behind `from`. Sizes are differences, so that no entry behind a
    /// whole key can be passed over undecoded.
    fn seek(&mut self, from: Option<&[u8]>) -> Result<bool> {
        let user_keys = self.form.user_keys;
        let below = |key: &[u8]| from.is_some_and(|from| user_part(key, user_keys) < from);
        self.entries.seek_restart(below)?;
        while self.advance()? {
            if !below(self.entries.key()) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn advance(&mut self) -> Result<bool> {
        if !self.entries.advance()? {
            return Ok(false);
        }
        let at = self.entries.value_offset();
        let mut cursor = Cursor::new(self.entries.value(), at, "index entry");
        self.handle = if self.form.framing == Framing::Sized || self.entries.is_whole() {
            Handle::read(&mut cursor)?
        } else {
            let previous = self.handle;
            let size = previous.size.checked_add_signed(cursor.signed()?);
            let offset = previous.offset.checked_add(previous.size).and_then(|end| end.checked_add(TRAILER));
            match (offset, size) {
                (Some(offset), Some(size)) => Handle { offset, size },
                _ => return Err(cursor.malformed_at(at, "a block behind the one before", "none")),
            }
        };
        Ok(true)
    }

    fn separator(&self) -> &[u8] {
        user_part(self.entries.key(), self.form.user_keys)
    }
}

/// Returns the user key of a separator.
fn user_part(key: &[u8], user_keys: bool) -> &[u8] {
    match user_keys {
        true => key,
        false => key.get(..key.len().saturating_sub(KEY_TRAILER)).unwrap_or_default(),
    }
}
