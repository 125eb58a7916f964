use alluvium_model::Value;

use super::super::Decoder;
use super::super::basic::{float32, float32_bits, float64, float64_bits, mismatch};
use super::scalar::{decimal_bytes, decimal_from_bytes, fits, timestamp, timestamp_parts};
use super::slots::{Region, pad, put_at};
use super::types::TableType;
use super::{array, map, row};
use crate::{Error, Result};

/// Set in the slot of text and bytes that lie in the slot itself.
const INLINE: u64 = 1 << 63;

/// Most bytes that lie in a slot.
const INLINE_MAX: usize = 7;

impl TableType {
    /// Decodes what is in a slot of a row or array.
    pub(super) fn decode_slot(
        &self,
        region: &mut Region<'_>,
        at: usize,
        width: usize,
        d: &mut Decoder<'_, '_>,
    ) -> Result<Value> {
        let used = self.width();
        d.odd_if(width > used && !region.is_zero(at + used, width - used));
        Ok(match self {
            TableType::Bool => {
                let [byte] = region.array(at)?;
                d.odd_if(byte > 1);
                Value::Bool(byte != 0)
            }
            TableType::Int8 => Value::Int(i8::from_le_bytes(region.array(at)?).into()),
            TableType::Int16 => Value::Int(i16::from_le_bytes(region.array(at)?).into()),
            TableType::Int32 | TableType::Date | TableType::Time => {
                Value::Int(i32::from_le_bytes(region.array(at)?).into())
            }
            TableType::Int64 => Value::Int(i64::from_le_bytes(region.array(at)?)),
            TableType::Float32 => float32(u32::from_le_bytes(region.array(at)?), d),
            TableType::Float64 => float64(u64::from_le_bytes(region.array(at)?), d),
            TableType::Null => {
                d.odd();
                Value::Null
            }
            wide => wide.decode_wide(u64::from_le_bytes(region.array(at)?), region, at, d)?,
        })
    }

    /// Decodes what has a slot of 8 bytes in rows and arrays alike.
    fn decode_wide(
        &self,
        slot: u64,
        region: &mut Region<'_>,
        at: usize,
        d: &mut Decoder<'_, '_>,
    ) -> Result<Value> {
        match self {
            TableType::Decimal { precision, .. } => {
                let unscaled = match precision {
                    ..=18 => Some(i128::from(slot.cast_signed())),
                    _ => decimal_from_bytes(region.item(slot, 16, d)?.0, d),
                };
                let unscaled = unscaled.filter(|unscaled| fits(*unscaled, *precision));
                Ok(unscaled.map_or_else(|| d.untyped(), Value::Decimal))
            }
            TableType::Timestamp { precision: precision @ ..=3, .. } => {
                Ok(timestamp(slot.cast_signed(), 0, *precision, d))
            }
            TableType::Timestamp { precision, .. } => {
                let nanos = (slot & 0xFFFF_FFFF) as u32;
                let (millis, _) = region.item(slot & !0xFFFF_FFFF | 8, 8, d)?;
                let millis = millis.first_chunk().copied().ok_or_else(|| region.truncated(at, 8))?;
                Ok(timestamp(i64::from_le_bytes(millis), nanos.cast_signed(), *precision, d))
            }
            TableType::Text | TableType::Binary => {
                let (bytes, inline) = text_bytes(slot, region, at, d)?;
                d.charge(bytes.len())?;
                d.odd_if(!inline && bytes.len() <= INLINE_MAX);
                Ok(match self {
                    TableType::Binary => Value::Bytes(bytes.to_vec()),
                    _ => match std::str::from_utf8(bytes) {
                        Ok(text) => Value::String(text.to_owned()),
                        Err(_) => d.untyped(),
                    },
                })
            }
            nested => {
                let (bytes, base) = region.item(slot, 0, d)?;
                nested.decode_nested(Region::new(bytes, base), d)
            }
        }
    }

    /// Decodes a nested row, array or map, or keeps what is opaque.
    pub(super) fn decode_nested(&self, region: Region<'_>, d: &mut Decoder<'_, '_>) -> Result<Value> {
        match self {
            TableType::Array(element) => array::decode(element, region, d),
            TableType::Map(types) => map::decode(types, region, d),
            TableType::Row(fields) => row::decode(fields, false, region, d),
            TableType::Opaque(name) => {
                d.charge(region.bytes.len() + name.len())?;
                Ok(Value::Opaque { serializer: name.clone(), bytes: region.bytes.to_vec() })
            }
            _ => Ok(d.untyped()),
        }
    }

    /// Writes a value that is not null into the slot at `at` of what began at `start`, and appends what
    /// does not fit.
    pub(super) fn encode_slot(
        &self,
        value: &Value,
        start: usize,
        at: usize,
        out: &mut Vec<u8>,
    ) -> Result<()> {
        let wrong = || mismatch(&self.ty().to_string(), value);
        match (self, value) {
            (TableType::Bool, Value::Bool(v)) => put_at(out, at, &[u8::from(*v)]),
            (TableType::Int8, Value::Int(v)) => {
                put_at(out, at, &i8::try_from(*v).map_err(|_| wrong())?.to_le_bytes());
            }
            (TableType::Int16, Value::Int(v)) => {
                put_at(out, at, &i16::try_from(*v).map_err(|_| wrong())?.to_le_bytes());
            }
            (TableType::Int32 | TableType::Date | TableType::Time, Value::Int(v)) => {
                put_at(out, at, &i32::try_from(*v).map_err(|_| wrong())?.to_le_bytes());
            }
            (TableType::Int64, Value::Int(v)) => put_at(out, at, &v.to_le_bytes()),
            (TableType::Float32, Value::Float32(v)) => put_at(out, at, &float32_bits(*v).to_le_bytes()),
            (TableType::Float64, Value::Float64(v)) => put_at(out, at, &float64_bits(*v).to_le_bytes()),
            (wide, value) => wide.encode_wide(value, start, at, out)?,
        }
        Ok(())
    }

    fn encode_wide(&self, value: &Value, start: usize, at: usize, out: &mut Vec<u8>) -> Result<()> {
        let wrong = || mismatch(&self.ty().to_string(), value);
        let begin = out.len();
        match (self, value) {
            (TableType::Decimal { precision, .. }, Value::Decimal(v)) if fits(*v, *precision) => {
                if let (..=18, Ok(v)) = (precision, i64::try_from(*v)) {
                    put_at(out, at, &v.to_le_bytes());
                    return Ok(());
                }
                out.extend(decimal_bytes(*v));
                put_item(start, begin, at, out)?;
                out.resize(begin + 16, 0);
                return Ok(());
            }
            (TableType::Timestamp { precision, .. }, Value::Int(v)) => {
                let (millis, nanos) = timestamp_parts(*v, *precision);
                if *precision <= 3 {
                    put_at(out, at, &millis.to_le_bytes());
                    return Ok(());
                }
                out.extend(millis.to_le_bytes());
                return put_slot(start, begin, nanos, at, out);
            }
            (TableType::Text, Value::String(text)) => return put_text(text.as_bytes(), start, at, out),
            (TableType::Binary, Value::Bytes(bytes)) => return put_text(bytes, start, at, out),
            (nested, value) => nested.encode_nested(value, out).ok_or_else(wrong)??,
        }
        put_item(start, begin, at, out)?;
        pad(begin, out);
        Ok(())
    }

    /// Appends a nested row, array or map, or opaque bytes; none for a value of another kind.
    pub(super) fn encode_nested(&self, value: &Value, out: &mut Vec<u8>) -> Option<Result<()>> {
        Some(match (self, value) {
            (TableType::Array(element), Value::List(values)) => array::encode(element, values, out),
            (TableType::Map(types), Value::Map(entries)) => map::encode(types, entries, out),
            (TableType::Row(fields), Value::Struct(values)) => row::encode(fields, false, values, out),
            (TableType::Opaque(_), Value::Opaque { bytes, .. }) => {
                out.extend_from_slice(bytes);
                Ok(())
            }
            _ => return None,
        })
    }
}

fn text_bytes<'a>(
    slot: u64,
    region: &mut Region<'a>,
    at: usize,
    d: &mut Decoder<'_, '_>,
) -> Result<(&'a [u8], bool)> {
    if slot & INLINE == 0 {
        return Ok((region.item(slot, 0, d)?.0, false));
    }
    let len = (slot >> 56 & 0x7F) as usize;
    if len > INLINE_MAX {
        return Err(region.malformed(at, "at most 7 bytes in a slot", len));
    }
    d.odd_if(!region.is_zero(at + len, INLINE_MAX - len));
    Ok((region.get(at, len)?, true))
}

fn put_text(bytes: &[u8], start: usize, at: usize, out: &mut Vec<u8>) -> Result<()> {
    if let (..=INLINE_MAX, Ok(len)) = (bytes.len(), u8::try_from(bytes.len())) {
        put_at(out, at, bytes);
        put_at(out, at + INLINE_MAX, &[0x80 | len]);
        return Ok(());
    }
    let begin = out.len();
    out.extend_from_slice(bytes);
    put_item(start, begin, at, out)?;
    pad(begin, out);
    Ok(())
}

/// Points a slot to what was appended since `begin`.
fn put_item(start: usize, begin: usize, at: usize, out: &mut [u8]) -> Result<()> {
    let len = u32::try_from(out.len() - begin).map_err(|_| too_large(begin, out.len() - begin))?;
    put_slot(start, begin, len, at, out)
}

fn put_slot(start: usize, begin: usize, low: u32, at: usize, out: &mut [u8]) -> Result<()> {
    let offset = begin - start;
    let offset = u32::try_from(offset).map_err(|_| too_large(start, offset))?;
    put_at(out, at, &(u64::from(offset) << 32 | u64::from(low)).to_le_bytes());
    Ok(())
}

fn too_large(offset: usize, size: usize) -> Error {
    Error::TooLarge {
        section: "binary form",
        offset: offset as u64,
        size: size as u64,
        limit: u32::MAX.into(),
    }
}
