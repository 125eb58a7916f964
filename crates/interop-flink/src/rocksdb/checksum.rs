//! The checksums of blocks and of log records.

use xxhash_rust::{xxh3, xxh32, xxh64};

/// How the blocks of a table are checked: `ChecksumType` of RocksDB.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Checksum {
    None,
    Crc32c,
    XxHash32,
    XxHash64,
    Xxh3,
}

impl Checksum {
    /// Returns the checksum that a footer names.
    pub(super) fn from_byte(byte: u8) -> Option<Self> {
        Some(match byte {
            0 => Checksum::None,
            1 => Checksum::Crc32c,
            2 => Checksum::XxHash32,
            3 => Checksum::XxHash64,
            4 => Checksum::Xxh3,
            _ => return None,
        })
    }

    /// Returns the checksum of a block together with its compression byte, which comes last.
    #[expect(clippy::cast_possible_truncation, reason = "RocksDB keeps the lower half of 64 bits")]
    pub(super) fn of(self, bytes: &[u8]) -> u32 {
        match self {
            Checksum::None => 0,
            Checksum::Crc32c => masked_crc(bytes),
            Checksum::XxHash32 => xxh32::xxh32(bytes, 0),
            Checksum::XxHash64 => xxh64::xxh64(bytes, 0) as u32,
            Checksum::Xxh3 => match bytes.split_last() {
                Some((last, rest)) => {
                    (xxh3::xxh3_64(rest) as u32) ^ u32::from(*last).wrapping_mul(0x6b90_83d9)
                }
                None => 0,
            },
        }
    }
}

/// Returns the CRC32C of bytes as it is stored: rotated and offset, so that a checksum of bytes that
/// hold checksums stays one.
pub(super) fn masked_crc(bytes: &[u8]) -> u32 {
    crc32c::crc32c(bytes).rotate_right(15).wrapping_add(0xa282_ead8)
}

/// Returns what tables of format version 6 add to a checksum, so that a block in the wrong place or
/// file is noticed. Zero `base` stands for tables without.
#[expect(clippy::cast_possible_truncation, reason = "both halves of the offset are meant")]
pub(super) fn context(base: u32, offset: u64) -> u32 {
    match base {
        0 => 0,
        _ => base ^ (offset as u32).wrapping_add((offset >> 32) as u32),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_masked_crc_is_the_one_of_the_engine() {
        // The first record of a MANIFEST written by RocksDB 5.6: its type, then its payload.
        let record = b"\x01\x01\x1aleveldb.BytewiseComparator";
        assert_eq!(masked_crc(record), 0xf8b8_f956);
    }
}
