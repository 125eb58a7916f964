//! Version edits: what one record of a `MANIFEST` changes (`VersionEdit` of RocksDB).

use bytes::Bytes;

use super::coding::Cursor;
use super::key::InternalKey;
use super::manifest::TableFile;
use crate::{Error, Result};

const SECTION: &str = "version edit";

/// Set in tags that an older reader may skip; their payload has a length.
const SAFE_TO_IGNORE: u32 = 1 << 13;

/// Set in tags of a file that a reader must know.
const MUST_BE_KNOWN: u32 = 1 << 6;

/// The changes of one record. They concern one column family.
#[derive(Debug, Default)]
pub(super) struct Edit {
    pub(super) family: u32,
    pub(super) added_family: Option<String>,
    pub(super) dropped_family: bool,
    pub(super) comparator: Option<String>,
    pub(super) last_sequence: Option<u64>,
    pub(super) deleted: Vec<(u32, u64)>,
    pub(super) added: Vec<TableFile>,
    /// How many records of an atomic group follow this one.
    pub(super) group: Option<u32>,
}

/// The forms in which releases have written an added file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    First,
    Second,
    Third,
    Fourth,
}

impl Edit {
    /// Decodes a record that starts at `offset`.
    ///
    /// # Errors
    /// [`Error::Malformed`], [`Error::Truncated`]; [`Error::Unsupported`] for what changes the
    /// meaning of a database and is not known, or is known and not read, such as blob files.
    pub(super) fn decode(record: &[u8], offset: u64) -> Result<Self> {
        let mut edit = Edit::default();
        let mut cursor = Cursor::new(record, offset, SECTION);
        while !cursor.is_empty() {
            let at = cursor.offset();
            let tag = cursor.varint32()?;
            edit.field(tag, at, &mut cursor)?;
        }
        Ok(edit)
    }

    fn field(&mut self, tag: u32, at: u64, cursor: &mut Cursor<'_>) -> Result<()> {
        match tag {
            1 => self.comparator = Some(cursor.text()?),
            // Numbers of logs and of the next file, which matter to a writer alone.
            2 | 3 | 9 | 10 => drop(cursor.varint64()?),
            4 => self.last_sequence = Some(cursor.varint64()?),
            5 => {
                cursor.varint32()?;
                cursor.prefixed()?;
            }
            6 => self.deleted.push((cursor.varint32()?, cursor.varint64()?)),
            7 => self.added.push(added_file(Form::First, cursor)?),
            100 => self.added.push(added_file(Form::Second, cursor)?),
            102 => self.added.push(added_file(Form::Third, cursor)?),
            103 => self.added.push(added_file(Form::Fourth, cursor)?),
            200 => self.family = cursor.varint32()?,
            201 => self.added_family = Some(cursor.text()?),
            202 => self.dropped_family = true,
            203 => drop(cursor.varint32()?),
            300 => self.group = Some(cursor.varint32()?),
            400 | 401 | 8194 | 8195 => return Err(unsupported(at, "a blob file")),
            // These two of the safe ones have no length.
            8196 | 8197 => return Err(unsupported(at, "a tracked write-ahead log")),
            _ if tag & SAFE_TO_IGNORE != 0 => drop(cursor.prefixed()?),
            _ => return Err(unsupported(at, &format!("tag {tag}"))),
        }
        Ok(())
    }
}

fn added_file(form: Form, cursor: &mut Cursor<'_>) -> Result<TableFile> {
    let level = cursor.varint32()?;
    let number = cursor.varint64()?;
    if form == Form::Third {
        check_path(cursor.offset(), cursor.varint32()?.into())?;
    }
    let size = cursor.varint64()?;
    let smallest = internal_key(cursor)?;
    let largest = internal_key(cursor)?;
    let (smallest_sequence, largest_sequence) = match form {
        Form::First => (0, 0),
        _ => (cursor.varint64()?, cursor.varint64()?),
    };
    let mut file =
        TableFile { level, number, size, smallest, largest, smallest_sequence, largest_sequence, epoch: 0 };
    if form == Form::Fourth {
        custom_fields(&mut file, cursor)?;
    }
    Ok(file)
}

/// Reads tagged fields up to the tag that ends them. Times, temperatures, checksums of files, unique
/// ids and sizes of tails do not change what a table holds and are skipped.
fn custom_fields(file: &mut TableFile, cursor: &mut Cursor<'_>) -> Result<()> {
    loop {
        let at = cursor.offset();
        let tag = cursor.varint32()?;
        if tag == 1 {
            return Ok(());
        }
        let begin = cursor.offset();
        let field = cursor.prefixed()?;
        let mut value = Cursor::new(field, begin, SECTION);
        match tag {
            4 if value.varint64()? != 0 => return Err(unsupported(at, "a value in a blob file")),
            13 => file.epoch = value.varint64()?,
            16 => return Err(unsupported(at, "a table of keys with timestamps")),
            65 => check_path(at, value.u8()?.into())?,
            _ if tag & MUST_BE_KNOWN != 0 => return Err(unsupported(at, &format!("file tag {tag}"))),
            _ => {}
        }
    }
}

/// A database may keep tables under several paths; snapshots have one.
fn check_path(at: u64, path: u64) -> Result<()> {
    match path {
        0..=3 => Ok(()),
        other => Err(unsupported(at, &format!("path {other}"))),
    }
}

fn internal_key(cursor: &mut Cursor<'_>) -> Result<Bytes> {
    let at = cursor.offset();
    let bytes = cursor.prefixed()?;
    InternalKey::read(bytes, at)?;
    Ok(Bytes::copy_from_slice(bytes))
}

fn unsupported(offset: u64, what: &str) -> Error {
    Error::Unsupported { section: SECTION, offset, what: what.to_owned() }
}
