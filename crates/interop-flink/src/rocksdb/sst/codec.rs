//! Undoing the compression of blocks.

use bytes::Bytes;

use super::super::coding::Cursor;
use super::BLOCK_LIMIT;
use crate::{Error, Result};

const SECTION: &str = "compressed block";

/// Decompresses the blocks of one table and keeps what can be used again.
#[derive(Default)]
pub(crate) struct Codec {
    snappy: snap::raw::Decoder,
    zstd: Option<zstd::bulk::Decompressor<'static>>,
}

impl std::fmt::Debug for Codec {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Codec").finish_non_exhaustive()
    }
}

/// What decompression depends on besides the block.
#[derive(Debug, Clone, Copy)]
pub(super) struct Means<'a> {
    pub(super) version: u32,
    pub(super) dictionary: Option<&'a [u8]>,
}

impl Codec {
    /// Returns the bytes of a block that lies at `at` and was compressed by `kind`.
    ///
    /// # Errors
    /// [`Error::Unsupported`] for a compression that is not read, [`Error::TooLarge`] above the limit
    /// of blocks, [`Error::Malformed`].
    pub(super) fn decompress(&mut self, kind: u8, bytes: Bytes, at: u64, means: Means<'_>) -> Result<Bytes> {
        match kind {
            0 => Ok(bytes),
            1 => self.snappy(&bytes, at),
            4 | 5 => lz4(&bytes, at, means),
            // 0x40 is what releases before ZSTD 1.0 called it.
            7 | 0x40 => self.zstd(&bytes, at, means),
            2 => Err(unsupported(at, "zlib")),
            3 => Err(unsupported(at, "bzip2")),
            6 => Err(unsupported(at, "xpress")),
            other => Err(unsupported(at, &format!("compression {other:#04x}"))),
        }
    }

    fn snappy(&mut self, bytes: &[u8], at: u64) -> Result<Bytes> {
        let size = snap::raw::decompress_len(bytes).map_err(|error| malformed(at, "snappy", error))?;
        let mut out = vec![0; allowed(size as u64, at)?];
        self.snappy.decompress(bytes, &mut out).map_err(|error| malformed(at, "snappy", error))?;
        Ok(out.into())
    }

    fn zstd(&mut self, bytes: &[u8], at: u64, means: Means<'_>) -> Result<Bytes> {
        let (size, bytes) = size_first(bytes, at)?;
        let decoder = match &mut self.zstd {
            Some(decoder) => decoder,
            none => {
                let decoder = zstd::bulk::Decompressor::with_dictionary(means.dictionary.unwrap_or_default());
                none.insert(decoder.map_err(|error| malformed(at, "a zstd dictionary", error))?)
            }
        };
        let out = decoder.decompress(bytes, size).map_err(|error| malformed(at, "zstd", error))?;
        exact(out, size, at)
    }
}

fn lz4(bytes: &[u8], at: u64, means: Means<'_>) -> Result<Bytes> {
    let (size, bytes) = match means.version {
        0 | 1 => size_first_fixed(bytes, at)?,
        _ => size_first(bytes, at)?,
    };
    // LZ4 cannot do better than 255 to 1.
    if size / 255 > bytes.len() {
        return Err(malformed(at, "an LZ4 block of its size", size));
    }
    let out = match means.dictionary {
        Some(dictionary) => lz4_flex::block::decompress_with_dict(bytes, size, dictionary),
        None => lz4_flex::block::decompress(bytes, size),
    };
    exact(out.map_err(|error| malformed(at, "LZ4", error))?, size, at)
}

/// Splits off the size in front of a block, a varint.
fn size_first(bytes: &[u8], at: u64) -> Result<(usize, &[u8])> {
    let mut cursor = Cursor::new(bytes, at, SECTION);
    let size = allowed(cursor.varint32()?.into(), at)?;
    let used = usize::try_from(cursor.offset() - at).unwrap_or_default();
    Ok((size, bytes.get(used..).unwrap_or_default()))
}

/// Splits off the size as format versions 0 and 1 have it: the first four of eight bytes.
fn size_first_fixed(bytes: &[u8], at: u64) -> Result<(usize, &[u8])> {
    let mut cursor = Cursor::new(bytes, at, SECTION);
    let size = allowed(cursor.fixed32()?.into(), at)?;
    cursor.fixed32()?;
    Ok((size, bytes.get(8..).unwrap_or_default()))
}

fn allowed(size: u64, offset: u64) -> Result<usize> {
    match usize::try_from(size) {
        Ok(len) if size <= BLOCK_LIMIT => Ok(len),
        _ => Err(Error::TooLarge { section: SECTION, offset, size, limit: BLOCK_LIMIT }),
    }
}

fn exact(out: Vec<u8>, size: usize, at: u64) -> Result<Bytes> {
    match out.len() == size {
        true => Ok(out.into()),
        false => Err(malformed(at, "a block of its size", out.len())),
    }
}

fn unsupported(offset: u64, what: &str) -> Error {
    Error::Unsupported { section: SECTION, offset, what: what.to_owned() }
}

fn malformed(offset: u64, wanted: &'static str, found: impl ToString) -> Error {
    Error::Malformed { section: SECTION, offset, wanted, found: found.to_string() }
}
