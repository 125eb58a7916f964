//! Reading big-endian bytes from outside: every length is checked before it is believed.

use crate::{Error, Result};

/// A place in bytes from outside. Offsets in errors are those of the whole file or stream.
#[derive(Debug, Clone)]
pub struct Input<'a> {
    bytes: &'a [u8],
    position: usize,
    base: u64,
}

macro_rules! big_endian {
    ($($name:ident $ty:ty: $doc:literal;)*) => {$(
        #[doc = $doc]
        ///
        /// # Errors
        /// [`Error::Truncated`].
        pub fn $name(&mut self, section: &'static str) -> Result<$ty> {
            let (bytes, _) = self.rest().split_first_chunk().ok_or_else(|| {
                self.truncated(section, size_of::<$ty>() as u64)
            })?;
            let value = <$ty>::from_be_bytes(*bytes);
            self.position += size_of::<$ty>();
            Ok(value)
        }
    )*};
}

impl<'a> Input<'a> {
    /// Starts at the first byte.
    pub fn new(bytes: &'a [u8]) -> Self {
        Input { bytes, position: 0, base: 0 }
    }

    /// Starts at the first byte of a piece that lies at `base` in its file or stream.
    pub fn at(bytes: &'a [u8], base: u64) -> Self {
        Input { bytes, position: 0, base }
    }

    /// Returns the offset of the next byte in the file or stream.
    pub fn offset(&self) -> u64 {
        self.base + self.position as u64
    }

    /// Returns the number of bytes consumed since the start.
    pub fn consumed(&self) -> usize {
        self.position
    }

    /// Returns the bytes consumed since `from`, a value of [`Input::consumed`].
    pub fn since(&self, from: usize) -> &'a [u8] {
        self.bytes.get(from..self.position).unwrap_or_default()
    }

    /// Returns the bytes not yet consumed.
    pub fn rest(&self) -> &'a [u8] {
        self.bytes.get(self.position..).unwrap_or_default()
    }

    /// Returns the number of bytes not yet consumed.
    pub fn left(&self) -> usize {
        self.rest().len()
    }

    /// Returns whether all bytes are consumed.
    pub fn is_empty(&self) -> bool {
        self.left() == 0
    }

    big_endian! {
        u8 u8: "Reads an unsigned byte.";
        i8 i8: "Reads a signed byte.";
        u16 u16: "Reads an unsigned 16-bit integer.";
        i16 i16: "Reads a signed 16-bit integer.";
        u32 u32: "Reads an unsigned 32-bit integer.";
        i32 i32: "Reads a signed 32-bit integer.";
        u64 u64: "Reads an unsigned 64-bit integer.";
        i64 i64: "Reads a signed 64-bit integer.";
    }

    /// Reads a boolean: zero is false, every other byte is true.
    ///
    /// # Errors
    /// [`Error::Truncated`].
    pub fn bool(&mut self, section: &'static str) -> Result<bool> {
        Ok(self.u8(section)? != 0)
    }

    /// Takes bytes.
    ///
    /// # Errors
    /// [`Error::Truncated`].
    pub fn take(&mut self, len: usize, section: &'static str) -> Result<&'a [u8]> {
        let bytes = self.rest().get(..len).ok_or_else(|| self.truncated(section, len as u64))?;
        self.position += len;
        Ok(bytes)
    }

    /// Reads a 32-bit length and that many bytes.
    ///
    /// # Errors
    /// [`Error::Truncated`]; [`Error::Malformed`] for a negative length.
    pub fn bytes32(&mut self, section: &'static str) -> Result<&'a [u8]> {
        let len = self.length(section)?;
        self.take(len, section)
    }

    /// Reads a 32-bit length or count that must not be negative. It is not yet believed: see
    /// [`Input::count`].
    ///
    /// # Errors
    /// [`Error::Truncated`]; [`Error::Malformed`].
    pub fn length(&mut self, section: &'static str) -> Result<usize> {
        let at = self.offset();
        let found = self.i32(section)?;
        usize::try_from(found).map_err(|_| Error::Malformed {
            section,
            offset: at,
            wanted: "a length that is not negative",
            found: found.to_string(),
        })
    }

    /// Reads a 32-bit count of things that take at least `each` bytes, so that a wrong count ends
    /// here and not in memory.
    ///
    /// # Errors
    /// [`Error::Truncated`]; [`Error::Malformed`] for a negative count.
    pub fn count(&mut self, each: usize, section: &'static str) -> Result<usize> {
        let count = self.length(section)?;
        match count.checked_mul(each) {
            Some(least) if least <= self.left() => Ok(count),
            least => Err(self.truncated(section, least.unwrap_or(usize::MAX) as u64)),
        }
    }

    /// Reads text in Java's modified UTF-8 with its 16-bit length.
    ///
    /// # Errors
    /// [`Error::Truncated`]; [`Error::Malformed`] for other bytes, and for lone surrogates, which
    /// no name has.
    pub fn utf(&mut self, section: &'static str) -> Result<String> {
        let at = self.offset();
        let len = self.u16(section)?;
        let bytes = self.take(len.into(), section)?;
        decode_modified_utf8(bytes).ok_or_else(|| Error::Malformed {
            section,
            offset: at,
            wanted: "modified UTF-8",
            found: format!("{:02x?}", bytes.get(..bytes.len().min(16)).unwrap_or_default()),
        })
    }

    /// Returns the error of bytes that end too early here.
    pub fn truncated(&self, section: &'static str, wanted: u64) -> Error {
        Error::Truncated { section, offset: self.offset(), wanted, left: self.left() as u64 }
    }

    /// Returns the error of a broken law at this place.
    pub fn malformed(&self, section: &'static str, wanted: &'static str, found: impl ToString) -> Error {
        Error::Malformed { section, offset: self.offset(), wanted, found: found.to_string() }
    }
}

/// Returns the text of modified UTF-8, or none for other bytes and for lone surrogates.
pub fn decode_modified_utf8(bytes: &[u8]) -> Option<String> {
    if bytes.iter().all(|byte| matches!(byte, 0x01..=0x7F)) {
        return String::from_utf8(bytes.to_vec()).ok();
    }
    String::from_utf16(&decode_modified_utf16(bytes)?).ok()
}

/// Returns the UTF-16 units of modified UTF-8, lone surrogates included, or none for other bytes.
pub fn decode_modified_utf16(bytes: &[u8]) -> Option<Vec<u16>> {
    let mut units = Vec::with_capacity(bytes.len());
    let mut rest = bytes.iter().copied();
    let more = |rest: &mut dyn Iterator<Item = u8>| {
        rest.next().filter(|byte| byte & 0xC0 == 0x80).map(|byte| u16::from(byte & 0x3F))
    };
    while let Some(first) = rest.next() {
        units.push(match first {
            0x01..=0x7F => u16::from(first),
            0xC0..=0xDF => u16::from(first & 0x1F) << 6 | more(&mut rest)?,
            0xE0..=0xEF => {
                let middle = more(&mut rest)?;
                u16::from(first & 0x0F) << 12 | middle << 6 | more(&mut rest)?
            }
            _ => return None,
        });
    }
    Some(units)
}

/// Appends text in Java's modified UTF-8 with its 16-bit length.
///
/// # Errors
/// [`Error::TooLarge`] above 65,535 bytes.
pub fn put_utf(text: &str, section: &'static str, out: &mut Vec<u8>) -> Result<()> {
    let mut bytes = Vec::with_capacity(text.len());
    for unit in text.encode_utf16() {
        match unit {
            0x01..=0x7F => bytes.push(unit as u8),
            0..=0x7FF => bytes.extend([0xC0 | (unit >> 6) as u8, 0x80 | (unit & 0x3F) as u8]),
            _ => bytes.extend([
                0xE0 | (unit >> 12) as u8,
                0x80 | (unit >> 6 & 0x3F) as u8,
                0x80 | (unit & 0x3F) as u8,
            ]),
        }
    }
    let len = u16::try_from(bytes.len()).map_err(|_| Error::TooLarge {
        section,
        offset: out.len() as u64,
        size: bytes.len() as u64,
        limit: u16::MAX.into(),
    })?;
    out.extend(len.to_be_bytes());
    out.extend(bytes);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_reads_back_from_modified_utf8() {
        for text in ["", "k1", "a\0b", "é中\u{1F600}"] {
            let mut bytes = Vec::new();
            put_utf(text, "name", &mut bytes).unwrap();
            assert_eq!(Input::new(&bytes).utf("name").unwrap(), text);
        }
        let mut nul = Vec::new();
        put_utf("\0", "name", &mut nul).unwrap();
        assert_eq!(nul, [0, 2, 0xC0, 0x80]);
    }

    #[test]
    fn a_count_larger_than_the_bytes_is_refused() {
        let bytes = [0x7F, 0xFF, 0xFF, 0xFF, 0, 0];
        assert!(matches!(Input::new(&bytes).count(1, "operators"), Err(Error::Truncated { .. })));
        assert!(matches!(Input::new(&[0xFF; 4]).length("operators"), Err(Error::Malformed { .. })));
    }
}
