//! Flink's own string encoding, for data: a length and UTF-16 units, each 7 bits per byte, low bits
//! first. Units below 0x80 take one byte, surrogates stand alone.

use alluvium_model::Value;

use super::Decoder;
use crate::bytes::Input;
use crate::{Error, Result};

/// Reads text whose length is stored plus one, 0 being null (`StringSerializer`).
pub(super) fn decode_nullable(d: &mut Decoder<'_, '_>) -> Result<Value> {
    match varint(d)? {
        0 => Ok(Value::Null),
        length => units(d, length - 1),
    }
}

/// Reads text whose length is stored as it is (`StringValueSerializer`).
pub(super) fn decode_plain(d: &mut Decoder<'_, '_>) -> Result<Value> {
    let length = varint(d)?;
    units(d, length)
}

/// Reads one UTF-16 unit (`CharSerializer`).
pub(super) fn decode_char(d: &mut Decoder<'_, '_>) -> Result<Value> {
    let unit = d.input.u16("char")?;
    d.charge(4)?;
    let mut text = Wtf8::default();
    text.push(unit);
    Ok(text.finish())
}

/// Appends text with its length plus one; none for null.
pub(super) fn encode_nullable(text: Option<Text<'_>>, out: &mut Vec<u8>) -> Result<()> {
    let Some(text) = text else {
        out.push(0);
        return Ok(());
    };
    encode(text, 1, out)
}

/// Appends text with its length.
pub(super) fn encode_plain(text: Text<'_>, out: &mut Vec<u8>) -> Result<()> {
    encode(text, 0, out)
}

/// Text of a value: Unicode, or WTF-8 for lone surrogates.
#[derive(Debug, Clone, Copy)]
pub(super) enum Text<'a> {
    Utf8(&'a str),
    Wtf8(&'a [u8]),
}

impl<'a> Text<'a> {
    /// Returns the text of a value, none for other kinds.
    pub(super) fn of(value: &'a Value) -> Option<Self> {
        match value {
            Value::String(text) => Some(Text::Utf8(text)),
            Value::Wtf8(bytes) => Some(Text::Wtf8(bytes)),
            _ => None,
        }
    }

    /// Returns the UTF-16 units.
    pub(super) fn units(self) -> Vec<u16> {
        match self {
            Text::Utf8(text) => text.encode_utf16().collect(),
            Text::Wtf8(bytes) => wtf8_units(bytes),
        }
    }
}

/// Returns the value of UTF-16 units, lone surrogates included.
pub(super) fn from_units(units: impl IntoIterator<Item = u16>) -> Value {
    let mut text = Wtf8::default();
    for unit in units {
        text.push(unit);
    }
    text.finish()
}

fn units(d: &mut Decoder<'_, '_>, length: u32) -> Result<Value> {
    let length = usize::try_from(length).unwrap_or(usize::MAX);
    let Some(least) = d.input.rest().get(..length) else {
        return Err(d.input.truncated("text", length as u64));
    };
    if least.is_ascii() {
        d.charge(length)?;
        let bytes = d.input.take(length, "text")?;
        // All bytes are ASCII, so none is replaced.
        return Ok(Value::String(String::from_utf8_lossy(bytes).into_owned()));
    }
    d.charge(length.saturating_mul(3))?;
    let mut text = Wtf8::with_capacity(length);
    for _ in 0..length {
        let unit = varint(d)?;
        d.odd_if(unit > u16::MAX.into());
        text.push((unit & 0xFFFF) as u16);
    }
    Ok(text.finish())
}

fn encode(text: Text<'_>, plus: u32, out: &mut Vec<u8>) -> Result<()> {
    if let Text::Utf8(text) = text
        && text.is_ascii()
    {
        put_varint(length(text.len(), plus, out)?, out);
        out.extend_from_slice(text.as_bytes());
        return Ok(());
    }
    let units = text.units();
    put_varint(length(units.len(), plus, out)?, out);
    for unit in units {
        put_varint(unit.into(), out);
    }
    Ok(())
}

fn length(units: usize, plus: u32, out: &[u8]) -> Result<u32> {
    i32::try_from(units).ok().and_then(|n| u32::try_from(n).ok()?.checked_add(plus)).ok_or(Error::TooLarge {
        section: "text",
        offset: out.len() as u64,
        size: units as u64,
        limit: i32::MAX as u64,
    })
}

/// Reads 7 bits per byte, low bits first. Longer forms than needed are read, as Flink does.
fn varint(d: &mut Decoder<'_, '_>) -> Result<u32> {
    let first = d.input.u8("text")?;
    if first < 0x80 {
        return Ok(first.into());
    }
    let mut value = u32::from(first & 0x7F);
    for shift in [7, 14, 21, 28] {
        let byte = d.input.u8("text")?;
        let bits = u32::from(byte & 0x7F);
        if shift == 28 && bits > 0x0F {
            break;
        }
        value |= bits << shift;
        if byte < 0x80 {
            d.odd_if(byte == 0);
            return Ok(value);
        }
    }
    Err(malformed(d.input))
}

fn malformed(input: &Input<'_>) -> Error {
    input.malformed("text", "a number of at most 32 bits", "a longer one")
}

fn put_varint(mut value: u32, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push((value & 0x7F) as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Text under construction from UTF-16 units.
#[derive(Debug, Default)]
struct Wtf8 {
    bytes: Vec<u8>,
    high: Option<u16>,
    lone: bool,
}

impl Wtf8 {
    fn with_capacity(units: usize) -> Self {
        Wtf8 { bytes: Vec::with_capacity(units), ..Wtf8::default() }
    }

    fn push(&mut self, unit: u16) {
        match (self.high.take(), unit) {
            (None, 0xD800..=0xDBFF) => self.high = Some(unit),
            (Some(high), 0xDC00..=0xDFFF) => {
                let point = 0x1_0000 + (u32::from(high & 0x3FF) << 10) + u32::from(unit & 0x3FF);
                self.point(point);
            }
            (Some(high), _) => {
                self.lone = true;
                self.point(high.into());
                self.push(unit);
            }
            (None, _) => {
                self.lone |= (0xDC00..=0xDFFF).contains(&unit);
                self.point(unit.into());
            }
        }
    }

    fn point(&mut self, point: u32) {
        let tail = |shift: u32| 0x80 | (point >> shift & 0x3F) as u8;
        match point {
            0..=0x7F => self.bytes.push(point as u8),
            0x80..=0x7FF => self.bytes.extend([0xC0 | (point >> 6) as u8, tail(0)]),
            0x800..=0xFFFF => self.bytes.extend([0xE0 | (point >> 12) as u8, tail(6), tail(0)]),
            _ => self.bytes.extend([0xF0 | (point >> 18) as u8, tail(12), tail(6), tail(0)]),
        }
    }

    fn finish(mut self) -> Value {
        if let Some(high) = self.high.take() {
            self.lone = true;
            self.point(high.into());
        }
        match self.lone {
            true => Value::Wtf8(self.bytes),
            false => match String::from_utf8(self.bytes) {
                Ok(text) => Value::String(text),
                Err(odd) => Value::Wtf8(odd.into_bytes()),
            },
        }
    }
}

fn wtf8_units(bytes: &[u8]) -> Vec<u16> {
    let mut units = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some((first, behind)) = rest.split_first() {
        let (len, start) = match first {
            0x00..=0x7F => (0, u32::from(*first)),
            0xC0..=0xDF => (1, u32::from(first & 0x1F)),
            0xE0..=0xEF => (2, u32::from(first & 0x0F)),
            _ => (3, u32::from(first & 0x07)),
        };
        let (tail, next) = behind.split_at(len.min(behind.len()));
        let point = tail.iter().fold(start, |point, byte| point << 6 | u32::from(byte & 0x3F));
        match point.checked_sub(0x1_0000) {
            Some(high) => {
                units.extend([0xD800 + (high >> 10 & 0x3FF) as u16, 0xDC00 + (high & 0x3FF) as u16])
            }
            None => units.push(point as u16),
        }
        rest = next;
    }
    units
}
