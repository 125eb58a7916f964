//! Page headers, read before the Parquet library does: it allocates what they declare.

use crate::{Error, Result, rule};

/// What a page must be.
pub(super) enum PageRule {
    /// A dictionary.
    Dictionary,
    /// Values of a leaf; exactly so many where each row has one.
    Data {
        /// Number of values, if rows and values are one to one.
        values: Option<u64>,
    },
}

/// Most bytes that one byte of zstd can stand for: a block of 128 KiB in four.
const INFLATION_MAX: u64 = 32_768;
/// Largest page, which only a row of its size can make.
const PAGE_BYTES_MAX: u64 = 512 * 1024 * 1024;
/// Most values of a page without bytes: levels alone can stand for many.
const LEVELS_MAX: u64 = 1 << 24;

const DATA_PAGE: i64 = 0;
const DICTIONARY_PAGE: i64 = 2;
const PLAIN: i64 = 0;
const PLAIN_DICTIONARY: i64 = 2;
const RLE: i64 = 3;
const RLE_DICTIONARY: i64 = 8;

/// Checks the header of a page that fills `bytes`.
///
/// Spec: FILE-1, FILE-7.
pub(super) fn check(bytes: &[u8], page: &PageRule) -> Result<()> {
    let mut reader = Thrift { bytes, at: 0 };
    let header = reader.header().ok_or_else(|| odd("a header that cannot be read".into()))?;
    let body = bytes.len().saturating_sub(reader.at) as u64;
    let compressed = u64::try_from(header.compressed).unwrap_or(u64::MAX);
    if compressed != body {
        return Err(odd(format!("{compressed} bytes in a place of {body}")));
    }
    let uncompressed = u64::try_from(header.uncompressed).unwrap_or(u64::MAX);
    if uncompressed > (compressed.saturating_mul(INFLATION_MAX)).min(PAGE_BYTES_MAX) {
        return Err(odd(format!("{compressed} bytes that inflate to {uncompressed}")));
    }
    let values = u64::try_from(header.values).unwrap_or(u64::MAX);
    let fits = match page {
        PageRule::Dictionary => {
            header.kind == DICTIONARY_PAGE
                && matches!(header.encoding, PLAIN | PLAIN_DICTIONARY)
                && values <= uncompressed
        }
        PageRule::Data { values: wanted } => {
            header.kind == DATA_PAGE
                && matches!(header.encoding, PLAIN | PLAIN_DICTIONARY | RLE | RLE_DICTIONARY)
                && wanted.unwrap_or(values) == values
                && values <= LEVELS_MAX + 8 * uncompressed
        }
    };
    if fits {
        Ok(())
    } else {
        Err(odd(format!("a page of kind {}, encoding {}, {values} values", header.kind, header.encoding)))
    }
}

fn odd(found: String) -> Error {
    Error::malformed("page", rule::PAGES, found)
}

#[derive(Default)]
struct Header {
    kind: i64,
    uncompressed: i64,
    compressed: i64,
    values: i64,
    encoding: i64,
}

/// Reads Thrift's compact protocol as far as page headers use it.
struct Thrift<'a> {
    bytes: &'a [u8],
    at: usize,
}

const BOOL_TRUE: u8 = 1;
const BOOL_FALSE: u8 = 2;
const BYTE: u8 = 3;
const I16: u8 = 4;
const I64: u8 = 6;
const DOUBLE: u8 = 7;
const BINARY: u8 = 8;
const STRUCT: u8 = 12;
/// Deeper than any struct in a page header.
const DEPTH_MAX: u32 = 8;

impl Thrift<'_> {
    fn header(&mut self) -> Option<Header> {
        let mut header = Header { kind: -1, uncompressed: -1, compressed: -1, values: -1, encoding: -1 };
        let mut id = 0;
        while let Some((field, ty)) = self.field(&mut id)? {
            match (field, ty) {
                (1, I16..=I64) => header.kind = self.int()?,
                (2, I16..=I64) => header.uncompressed = self.int()?,
                (3, I16..=I64) => header.compressed = self.int()?,
                (5 | 7, STRUCT) => self.inner(&mut header)?,
                (_, ty) => self.skip(ty, 0)?,
            }
        }
        Some(header)
    }

    /// Both kinds of inner header begin with the number of values and the encoding.
    fn inner(&mut self, header: &mut Header) -> Option<()> {
        let mut id = 0;
        while let Some((field, ty)) = self.field(&mut id)? {
            match (field, ty) {
                (1, I16..=I64) => header.values = self.int()?,
                (2, I16..=I64) => header.encoding = self.int()?,
                (_, ty) => self.skip(ty, 1)?,
            }
        }
        Some(())
    }

    /// Returns the next field's id and type; none at the end of the struct.
    fn field(&mut self, id: &mut i64) -> Option<Option<(i64, u8)>> {
        let byte = self.byte()?;
        if byte == 0 {
            return Some(None);
        }
        *id = match byte >> 4 {
            0 => self.int()?,
            delta => id.checked_add(i64::from(delta))?,
        };
        Some(Some((*id, byte & 0x0F)))
    }

    fn skip(&mut self, ty: u8, depth: u32) -> Option<()> {
        match ty {
            BOOL_TRUE | BOOL_FALSE => Some(()),
            BYTE => self.advance(1),
            I16..=I64 => self.int().map(|_| ()),
            DOUBLE => self.advance(8),
            BINARY => {
                let length = usize::try_from(self.varint()?).ok()?;
                self.advance(length)
            }
            STRUCT if depth < DEPTH_MAX => {
                let mut id = 0;
                while let Some((_, ty)) = self.field(&mut id)? {
                    self.skip(ty, depth + 1)?;
                }
                Some(())
            }
            // No page header of ours has lists, sets or maps.
            _ => None,
        }
    }

    fn int(&mut self) -> Option<i64> {
        let raw = self.varint()?;
        Some((raw >> 1) as i64 ^ -((raw & 1) as i64))
    }

    fn varint(&mut self) -> Option<u64> {
        let mut value = 0u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            value |= u64::from(byte & 0x7F).checked_shl(shift)?;
            if byte & 0x80 == 0 {
                return Some(value);
            }
        }
        None
    }

    fn byte(&mut self) -> Option<u8> {
        let byte = self.bytes.get(self.at).copied()?;
        self.at += 1;
        Some(byte)
    }

    fn advance(&mut self, count: usize) -> Option<()> {
        self.at = self.at.checked_add(count).filter(|at| *at <= self.bytes.len())?;
        Some(())
    }
}
