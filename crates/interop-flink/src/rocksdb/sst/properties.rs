//! The properties of a table: who wrote it and how its index is to be read.

use bytes::Bytes;

use super::super::coding::Cursor;
use super::super::manifest::COMPARATOR;
use super::block::{Block, Entries, Framing};
use crate::{Error, Result};

const SECTION: &str = "table properties";
const GLOBAL_SEQUENCE: &[u8] = b"rocksdb.external_sst_file.global_seqno";

/// How the index of a table is built: `BlockBasedTableOptions::IndexType`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum IndexKind {
    #[default]
    Binary,
    /// A binary index, with a hash index beside it that is not needed.
    Hash,
    Partitioned,
    /// A binary index that has the first key of each block.
    FirstKey,
}

/// What a reader needs of the properties.
#[derive(Debug, Clone, Default)]
pub(crate) struct Properties {
    pub(super) index: IndexKind,
    pub(super) index_has_user_keys: bool,
    pub(super) index_has_differences: bool,
    pub(crate) entries: u64,
    pub(crate) deletions: u64,
    pub(crate) operands: u64,
    pub(crate) merge_operator: Option<String>,
    pub(super) external_version: Option<u32>,
    pub(super) global_sequence: Option<u64>,
}

impl Properties {
    /// Decodes the block of properties that lies at `offset`.
    pub(super) fn decode(block: Block, offset: u64) -> Result<Self> {
        let mut properties = Properties::default();
        let mut entries = Entries::new(block, Framing::Sized);
        while entries.advance()? {
            properties.field(entries.key(), entries.value(), entries.value_offset(), offset)?;
        }
        Ok(properties)
    }

    fn field(&mut self, name: &[u8], value: &[u8], at: u64, block: u64) -> Result<()> {
        let mut value = Cursor::new(value, at, SECTION);
        match name {
            b"rocksdb.block.based.table.index.type" => self.index = index_kind(value.fixed32()?, block)?,
            b"rocksdb.index.key.is.user.key" => self.index_has_user_keys = value.varint64()? != 0,
            b"rocksdb.index.value.is.delta.encoded" => self.index_has_differences = value.varint64()? != 0,
            b"rocksdb.num.entries" => self.entries = value.varint64()?,
            b"rocksdb.deleted.keys" => self.deletions = value.varint64()?,
            b"rocksdb.merge.operands" => self.operands = value.varint64()?,
            b"rocksdb.comparator" => check_comparator(&text(value)?, block)?,
            b"rocksdb.merge.operator" => self.merge_operator = Some(text(value)?),
            b"rocksdb.external_sst_file.version" => self.external_version = Some(value.fixed32()?),
            GLOBAL_SEQUENCE => self.global_sequence = Some(value.fixed64()?),
            b"rocksdb.user.defined.timestamps.persisted" if value.varint64()? == 0 => {
                return Err(unsupported(block, "a table of keys with timestamps"));
            }
            b"rocksdb.udi.is.primary.index" if value.varint64()? != 0 => {
                return Err(unsupported(block, "a table with an index of the user"));
            }
            b"rocksdb.separate.key.value.in.data.block" if value.varint64()? != 0 => {
                return Err(unsupported(block, "a table that keeps values apart"));
            }
            _ => {}
        }
        Ok(())
    }
}

/// Returns the block with the global sequence number set to zero, if it has one: the engine used to
/// write the number into a finished file, without a new checksum.
pub(super) fn without_global_sequence(bytes: &Bytes, offset: u64) -> Result<Option<Vec<u8>>> {
    let len = bytes.len().saturating_sub(1);
    let mut entries = Entries::new(Block::new(bytes.slice(..len), offset)?, Framing::Sized);
    while entries.advance()? {
        if entries.key() == GLOBAL_SEQUENCE {
            let mut copy = bytes.to_vec();
            copy.get_mut(entries.value_range()).unwrap_or_default().fill(0);
            return Ok(Some(copy));
        }
    }
    Ok(None)
}

fn index_kind(kind: u32, at: u64) -> Result<IndexKind> {
    Ok(match kind {
        0 => IndexKind::Binary,
        1 => IndexKind::Hash,
        2 => IndexKind::Partitioned,
        3 => IndexKind::FirstKey,
        other => return Err(unsupported(at, &format!("an index of type {other}"))),
    })
}

/// Release 4.11 wrote the name of the comparator of internal keys, which has that of user keys in it.
fn check_comparator(name: &str, at: u64) -> Result<()> {
    match name.strip_prefix("rocksdb.InternalKeyComparator:").unwrap_or(name) {
        COMPARATOR => Ok(()),
        other => Err(unsupported(at, &format!("the comparator {other}"))),
    }
}

fn text(mut value: Cursor<'_>) -> Result<String> {
    let at = value.offset();
    let mut bytes = Vec::new();
    while !value.is_empty() {
        bytes.push(value.u8()?);
    }
    String::from_utf8(bytes).map_err(|error| value.malformed_at(at, "UTF-8", error))
}

fn unsupported(offset: u64, what: &str) -> Error {
    Error::Unsupported { section: SECTION, offset, what: what.to_owned() }
}
