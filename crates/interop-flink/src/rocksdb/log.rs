//! The log format, of which a `MANIFEST` is made: records in blocks of 32 KiB.
//!
//! A record lies in one block or is cut into fragments. Each fragment has a header: masked CRC32C of
//! what follows the length, length (16 bits), type; recyclable types add a log number of 32 bits.

use bytes::Bytes;

use super::checksum::masked_crc;
use super::coding::Cursor;
use crate::{Error, ReadAt, Result};

const BLOCK: u64 = 32 * 1024;
const HEADER: u64 = 7;
const RECYCLABLE_HEADER: u64 = 11;
const RECORD_LIMIT: usize = 64 << 20;
const SECTION: &str = "log record";

/// Reads the records of a log file in order, a block at a time.
#[derive(Debug)]
pub(super) struct LogReader<'a> {
    file: &'a dyn ReadAt,
    position: u64,
    block: Bytes,
    block_start: u64,
}

/// Which piece of a record a fragment is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Piece {
    Full,
    First,
    Middle,
    Last,
}

impl<'a> LogReader<'a> {
    pub(super) fn new(file: &'a dyn ReadAt) -> Self {
        LogReader { file, position: 0, block: Bytes::new(), block_start: 0 }
    }

    /// Reads the next record into `record` and returns its offset, or none at the end.
    ///
    /// # Errors
    /// A wrong checksum or type; a record without its end.
    pub(super) fn next(&mut self, record: &mut Vec<u8>) -> Result<Option<u64>> {
        record.clear();
        let mut start = None;
        loop {
            let offset = self.position;
            let Some((piece, payload)) = self.fragment()? else {
                return match start {
                    None => Ok(None),
                    Some(start) => Err(malformed(start, "the end of a record", "the end of the file")),
                };
            };
            match (piece, start) {
                (Piece::Full | Piece::First, None) => start = Some(offset),
                (Piece::Middle | Piece::Last, Some(_)) => {}
                _ => return Err(malformed(offset, "the next fragment of a record", "another")),
            }
            if record.len() + payload.len() > RECORD_LIMIT {
                let size = (record.len() + payload.len()) as u64;
                return Err(Error::TooLarge { section: SECTION, offset, size, limit: RECORD_LIMIT as u64 });
            }
            record.extend_from_slice(&payload);
            if matches!(piece, Piece::Full | Piece::Last) {
                return Ok(start);
            }
        }
    }

    fn fragment(&mut self) -> Result<Option<(Piece, Bytes)>> {
        let left = BLOCK - self.position % BLOCK;
        if left < HEADER {
            self.position += left;
        }
        self.load()?;
        let at = self.position;
        let begin = usize::try_from(at - self.block_start).unwrap_or(usize::MAX);
        let rest = self.block.get(begin..).unwrap_or_default();
        if rest.iter().all(|byte| *byte == 0) {
            return self.after_zeros(at);
        }
        let mut cursor = Cursor::new(rest, at, SECTION);
        let checksum = cursor.fixed32()?;
        let len = usize::from(cursor.fixed16()?);
        let (recyclable, piece) = piece(at, cursor.u8()?)?;
        let header = if recyclable { 11 } else { 7 };
        if recyclable {
            cursor.fixed32()?;
        }
        cursor.take(len)?;
        let covered = rest.get(6..header + len).unwrap_or_default();
        let computed = masked_crc(covered);
        if computed != checksum {
            let found = format!("{computed:#010x} for {checksum:#010x}");
            return Err(malformed(at, "a record that matches its checksum", found));
        }
        self.position += (header + len) as u64;
        Ok(Some((piece, self.block.slice(begin + header..begin + header + len))))
    }

    /// Zeros fill the end of a block in which no header had room, or follow the last record: space
    /// that was reserved and not used.
    fn after_zeros(&mut self, at: u64) -> Result<Option<(Piece, Bytes)>> {
        let padding = BLOCK - at % BLOCK < RECYCLABLE_HEADER;
        loop {
            self.position = self.block_start + self.block.len() as u64;
            if self.position >= self.file.len() {
                return Ok(None);
            }
            self.load()?;
            if padding {
                return self.fragment();
            }
            if self.block.iter().any(|byte| *byte != 0) {
                return Err(malformed(at, "a record", "zeros"));
            }
        }
    }

    fn load(&mut self) -> Result<()> {
        let end = self.block_start + self.block.len() as u64;
        if self.position >= end && self.position < self.file.len() {
            self.block_start = self.position - self.position % BLOCK;
            let len = BLOCK.min(self.file.len() - self.block_start);
            self.block = self.file.read_at(self.block_start, usize::try_from(len).unwrap_or_default())?;
        }
        Ok(())
    }
}

/// Returns whether a fragment has the longer header, and which piece of a record it is.
fn piece(at: u64, kind: u8) -> Result<(bool, Piece)> {
    Ok(match kind {
        1 => (false, Piece::Full),
        2 => (false, Piece::First),
        3 => (false, Piece::Middle),
        4 => (false, Piece::Last),
        5 => (true, Piece::Full),
        6 => (true, Piece::First),
        7 => (true, Piece::Middle),
        8 => (true, Piece::Last),
        9 => return Err(unsupported(at, "a compressed log")),
        10 | 11 => return Err(unsupported(at, "a log of keys with timestamps")),
        other => return Err(malformed(at, "a type of record", other)),
    })
}

fn unsupported(offset: u64, what: &str) -> Error {
    Error::Unsupported { section: SECTION, offset, what: what.to_owned() }
}

fn malformed(offset: u64, wanted: &'static str, found: impl ToString) -> Error {
    Error::Malformed { section: SECTION, offset, wanted, found: found.to_string() }
}
