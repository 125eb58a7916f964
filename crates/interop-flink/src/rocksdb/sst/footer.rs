//! The footer: the last 48 or 53 bytes of a table, which say how to read the rest.

use super::super::checksum::{Checksum, context};
use super::super::coding::Cursor;
use crate::{Error, Result};

const SECTION: &str = "table footer";

/// Block-based tables of format version 1 and above.
const MAGIC: u64 = 0x88e2_41b7_85f4_cff7;
/// Block-based tables of format version 0.
const LEGACY_MAGIC: u64 = 0xdb47_7524_8b80_fb57;
const PLAIN_MAGICS: [u64; 2] = [0x8242_2296_63bf_9564, 0x4f34_18eb_7a8f_13b8];
const CUCKOO_MAGIC: u64 = 0x9267_89d0_c5f1_7873;

/// In format version 6, where older versions have handles.
const EXTENDED_MAGIC: u32 = 0x007a_003e;

/// Bytes of the longest footer.
pub(super) const FOOTER: u64 = 53;
const LEGACY_FOOTER: usize = 48;

/// Bytes behind a block: its compression and its checksum.
pub(super) const TRAILER: u64 = 5;

/// Where a block is. The size is that of the block without its trailer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Handle {
    pub(crate) offset: u64,
    pub(crate) size: u64,
}

impl Handle {
    pub(super) fn read(cursor: &mut Cursor<'_>) -> Result<Self> {
        Ok(Handle { offset: cursor.varint64()?, size: cursor.varint64()? })
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Footer {
    pub(super) version: u32,
    pub(super) checksum: Checksum,
    pub(super) metaindex: Handle,
    /// None in format version 6, where the metaindex has it.
    pub(super) index: Option<Handle>,
    /// What checksums depend on besides the bytes; zero before format version 6.
    pub(super) context: u32,
}

impl Footer {
    /// Decodes the footer at the end of `tail`, the last bytes of a file of `file_len` bytes.
    ///
    /// # Errors
    /// [`Error::Unsupported`] for other kinds of tables and newer versions; [`Error::Malformed`].
    pub(super) fn decode(tail: &[u8], file_len: u64) -> Result<Self> {
        let Some((_, magic)) = tail.split_last_chunk::<8>().filter(|_| tail.len() >= LEGACY_FOOTER) else {
            let (offset, left) = (0, tail.len() as u64);
            return Err(Error::Truncated { section: SECTION, offset, wanted: LEGACY_FOOTER as u64, left });
        };
        let at = file_len - 8;
        match u64::from_le_bytes(*magic) {
            LEGACY_MAGIC => Self::legacy(last(tail, LEGACY_FOOTER), file_len),
            MAGIC if tail.len() as u64 >= FOOTER => Self::versioned(last(tail, FOOTER as usize), file_len),
            magic if PLAIN_MAGICS.contains(&magic) => Err(unsupported(at, "a plain table")),
            CUCKOO_MAGIC => Err(unsupported(at, "a cuckoo table")),
            other => Err(malformed(at, "the magic number of a block-based table", format!("{other:#018x}"))),
        }
    }

    fn legacy(bytes: &[u8], file_len: u64) -> Result<Self> {
        let mut cursor = Cursor::new(bytes, file_len - LEGACY_FOOTER as u64, SECTION);
        let metaindex = Handle::read(&mut cursor)?;
        let index = Some(Handle::read(&mut cursor)?);
        Ok(Footer { version: 0, checksum: Checksum::Crc32c, metaindex, index, context: 0 })
    }

    fn versioned(bytes: &[u8], file_len: u64) -> Result<Self> {
        let start = file_len - FOOTER;
        let version = Cursor::new(last(bytes, 12), file_len - 12, SECTION).fixed32()?;
        let mut cursor = Cursor::new(bytes, start, SECTION);
        let kind = cursor.u8()?;
        let Some(checksum) = Checksum::from_byte(kind) else {
            return Err(unsupported(start, &format!("checksum {kind}")));
        };
        match version {
            1..=5 => {
                let metaindex = Handle::read(&mut cursor)?;
                let index = Some(Handle::read(&mut cursor)?);
                Ok(Footer { version, checksum, metaindex, index, context: 0 })
            }
            6 => Self::with_context(bytes, checksum, cursor, start),
            other => Err(unsupported(file_len - 12, &format!("a table of format version {other}"))),
        }
    }

    /// Version 6 has a checksum of its own; its metaindex ends where it begins.
    fn with_context(bytes: &[u8], checksum: Checksum, mut cursor: Cursor<'_>, start: u64) -> Result<Self> {
        let magic = cursor.fixed32()?;
        if magic != EXTENDED_MAGIC {
            return Err(malformed(start + 1, "the extended magic number", format!("{magic:#010x}")));
        }
        let stored = cursor.fixed32()?;
        let base = cursor.fixed32()?;
        let size = u64::from(cursor.fixed32()?);
        cursor.take(16)?;
        let reserved = cursor.fixed64()?;
        let mut plain = bytes.to_vec();
        plain.splice(5..9, [0; 4]);
        let computed = checksum.of(&plain).wrapping_add(context(base, start));
        if base == 0 || (checksum != Checksum::None && computed != stored) {
            return Err(malformed(start, "a footer that matches its checksum", format!("{computed:#010x}")));
        }
        if reserved != 0 {
            return Err(unsupported(start, "a feature of a later release"));
        }
        let Some(offset) = start.checked_sub(size + TRAILER) else {
            return Err(malformed(start, "a metaindex within the file", size));
        };
        let metaindex = Handle { offset, size };
        Ok(Footer { version: 6, checksum, metaindex, index: None, context: base })
    }
}

fn last(bytes: &[u8], len: usize) -> &[u8] {
    bytes.len().checked_sub(len).and_then(|start| bytes.get(start..)).unwrap_or_default()
}

fn unsupported(offset: u64, what: &str) -> Error {
    Error::Unsupported { section: SECTION, offset, what: what.to_owned() }
}

fn malformed(offset: u64, wanted: &'static str, found: impl ToString) -> Error {
    Error::Malformed { section: SECTION, offset, wanted, found: found.to_string() }
}
