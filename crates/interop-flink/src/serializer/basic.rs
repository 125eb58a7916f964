use alluvium_model::{ElementType, EnumType, LogicalType, TimeUnit, Value};

use super::text::{self, Text};
use super::{Decoder, numbers, time};
use crate::bytes::{decode_modified_utf8, put_utf};
use crate::{Error, Result};

/// Types without parts. Numbers are big-endian.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Basic {
    Bool,
    Int8,
    Int16,
    Int32,
    Int64,
    /// 64 bits with the sign flipped, so that bytes sort as numbers (`SortedLongSerializer`).
    SortedInt64,
    Float32,
    Float64,
    /// One UTF-16 unit, as text.
    Char,
    String,
    /// Text in Java's modified UTF-8 with a 16-bit length (`DataOutput.writeUTF`).
    ModifiedUtf8,
    /// Text that is never null, with its plain length (`StringValueSerializer`).
    PlainString,
    /// Text of a `StringData`: a 32-bit length and UTF-8.
    Utf8,
    /// A 32-bit length and bytes.
    Bytes,
    BigInteger,
    BigDecimal,
    /// Milliseconds since 1970 (`java.util.Date`, `java.sql.Date`, `java.sql.Time`).
    Millis,
    SqlTimestamp,
    Instant,
    LocalDate,
    LocalTime,
    LocalDateTime,
    TimeWindow,
    /// The void namespace: it says its length is 0 and writes one byte.
    VoidNamespace,
    /// Nothing but null, in so many bytes of zero.
    Null {
        bytes: u8,
    },
    /// The only value of its type, as one fixed byte.
    Single {
        name: &'static str,
        byte: u8,
    },
    /// A `Variant`: lengths of value and metadata, value, metadata. Kept as it is.
    Variant,
}

impl Basic {
    pub(super) fn element_type(self, class: &str) -> ElementType {
        use LogicalType as T;
        let ty = match self {
            Basic::Bool => T::Bool,
            Basic::Int8 => T::Int8,
            Basic::Int16 => T::Int16,
            Basic::Int32 => T::Int32,
            Basic::Int64 | Basic::SortedInt64 => T::Int64,
            Basic::Float32 => T::Float32,
            Basic::Float64 => T::Float64,
            Basic::Char | Basic::String | Basic::ModifiedUtf8 | Basic::PlainString | Basic::Utf8 => T::String,
            Basic::BigInteger => T::BigInteger,
            Basic::BigDecimal => T::BigDecimal,
            Basic::Bytes => T::Bytes,
            Basic::Millis => T::timestamp_ms(),
            Basic::SqlTimestamp | Basic::Instant => T::Timestamp { unit: TimeUnit::Nano, utc: true },
            Basic::LocalDate => T::Date,
            Basic::LocalTime => T::Time(TimeUnit::Nano),
            Basic::LocalDateTime => T::Timestamp { unit: TimeUnit::Nano, utc: false },
            Basic::TimeWindow => T::TimeWindow,
            Basic::VoidNamespace => only("VoidNamespace"),
            Basic::Null { .. } => only("Void"),
            Basic::Single { name, .. } => only(name),
            Basic::Variant => T::Opaque { serializer: class.to_owned() },
        };
        ElementType { ty, nullable: self.is_nullable() }
    }

    fn is_nullable(self) -> bool {
        use Basic::*;
        matches!(
            self,
            String
                | BigInteger
                | BigDecimal
                | Millis
                | SqlTimestamp
                | Instant
                | LocalDate
                | LocalTime
                | LocalDateTime
                | VoidNamespace
                | Null { .. }
        )
    }

    pub(super) fn fixed_length(self) -> Option<usize> {
        match self {
            Basic::VoidNamespace => Some(0),
            Basic::String | Basic::ModifiedUtf8 | Basic::PlainString | Basic::Utf8 => None,
            Basic::BigInteger | Basic::BigDecimal | Basic::Bytes | Basic::Variant => None,
            fixed => Some(fixed.least()),
        }
    }

    /// Returns whether all bytes of the fixed length are a value.
    pub(super) fn takes_any_bytes(self) -> bool {
        use Basic::*;
        matches!(
            self,
            Bool | Int8 | Int16 | Int32 | Int64 | SortedInt64 | Float32 | Float64 | Char | TimeWindow
        )
    }

    /// Returns the least number of bytes of a value.
    pub(super) fn least(self) -> usize {
        match self {
            Basic::Bool | Basic::Int8 | Basic::String | Basic::PlainString => 1,
            Basic::VoidNamespace | Basic::Single { .. } => 1,
            Basic::Int16 | Basic::Char | Basic::ModifiedUtf8 => 2,
            Basic::Int32 | Basic::Float32 | Basic::Utf8 | Basic::Bytes => 4,
            Basic::BigInteger | Basic::BigDecimal => 4,
            Basic::Int64 | Basic::SortedInt64 | Basic::Float64 | Basic::Millis | Basic::Variant => 8,
            Basic::LocalDate => 6,
            Basic::LocalTime => 7,
            Basic::LocalDateTime => 13,
            Basic::SqlTimestamp | Basic::Instant => 12,
            Basic::TimeWindow => 16,
            Basic::Null { bytes } => bytes.into(),
        }
    }

    pub(super) fn decode(self, class: &str, d: &mut Decoder<'_, '_>) -> Result<Value> {
        Ok(match self {
            Basic::Bool => Value::Bool(d.flag()?),
            Basic::Int8 => Value::Int(d.input.i8("byte")?.into()),
            Basic::Int16 => Value::Int(d.input.i16("short")?.into()),
            Basic::Int32 => Value::Int(d.input.i32("int")?.into()),
            Basic::Int64 => Value::Int(d.input.i64("long")?),
            Basic::SortedInt64 => Value::Int(d.input.i64("long")? ^ i64::MIN),
            Basic::Float32 => float32(d.input.u32("float")?, d),
            Basic::Float64 => float64(d.input.u64("double")?, d),
            Basic::Char => text::decode_char(d)?,
            Basic::String => text::decode_nullable(d)?,
            Basic::PlainString => text::decode_plain(d)?,
            Basic::ModifiedUtf8 => modified_utf8(d)?,
            Basic::BigInteger => numbers::decode_integer(d)?,
            Basic::BigDecimal => numbers::decode_decimal(d)?,
            Basic::Utf8 => utf8(d)?,
            Basic::Bytes => {
                let length = d.input.length("bytes")?;
                Value::Bytes(d.take(length, "bytes")?.to_vec())
            }
            Basic::Millis => time::decode_millis(d)?,
            Basic::SqlTimestamp => time::decode_sql_timestamp(d)?,
            Basic::Instant => time::decode_instant(d)?,
            Basic::LocalDate => time::decode_date(d)?,
            Basic::LocalTime => time::decode_time(d)?,
            Basic::LocalDateTime => time::decode_date_time(d)?,
            Basic::TimeWindow => Value::Window { start: d.input.i64("window")?, end: d.input.i64("window")? },
            Basic::VoidNamespace => {
                d.filler(0)?;
                Value::Null
            }
            Basic::Null { bytes } => {
                for _ in 0..bytes {
                    d.filler(0)?;
                }
                Value::Null
            }
            Basic::Single { byte, .. } => {
                d.filler(byte)?;
                Value::Enum(0)
            }
            Basic::Variant => variant(class, d)?,
        })
    }

    pub(super) fn encode(self, value: &Value, out: &mut Vec<u8>) -> Result<()> {
        let wrong = || mismatch(&self.element_type("").ty.to_string(), value);
        match (self, value) {
            (Basic::Bool, Value::Bool(v)) => out.push(u8::from(*v)),
            (Basic::Int8, Value::Int(v)) => out.extend(i8::try_from(*v).map_err(|_| wrong())?.to_be_bytes()),
            (Basic::Int16, Value::Int(v)) => {
                out.extend(i16::try_from(*v).map_err(|_| wrong())?.to_be_bytes())
            }
            (Basic::Int32, Value::Int(v)) => {
                out.extend(i32::try_from(*v).map_err(|_| wrong())?.to_be_bytes())
            }
            (Basic::Int64, Value::Int(v)) => out.extend(v.to_be_bytes()),
            (Basic::SortedInt64, Value::Int(v)) => out.extend((v ^ i64::MIN).to_be_bytes()),
            (Basic::Float32, Value::Float32(v)) => out.extend(float32_bits(*v).to_be_bytes()),
            (Basic::Float64, Value::Float64(v)) => out.extend(float64_bits(*v).to_be_bytes()),
            (Basic::Char, text) => match Text::of(text).map(Text::units).as_deref() {
                Some([unit]) => out.extend(unit.to_be_bytes()),
                _ => return Err(wrong()),
            },
            (Basic::String, Value::Null) => text::encode_nullable(None, out)?,
            (Basic::String, text) => text::encode_nullable(Some(Text::of(text).ok_or_else(wrong)?), out)?,
            (Basic::PlainString, text) => text::encode_plain(Text::of(text).ok_or_else(wrong)?, out)?,
            (Basic::ModifiedUtf8, Value::String(v)) => put_utf(v, "text", out)?,
            (Basic::BigInteger, Value::Null) | (Basic::BigDecimal, Value::Null) => put_count(0, out)?,
            (Basic::BigInteger, Value::BigInteger(v)) => {
                numbers::encode_integer(v, out).ok_or_else(wrong)??;
            }
            (Basic::BigDecimal, Value::BigDecimal { unscaled, scale }) => {
                numbers::encode_decimal(unscaled, *scale, out).ok_or_else(wrong)??;
            }
            (Basic::Utf8, Value::String(v)) => put_bytes(v.as_bytes(), out)?,
            (Basic::Bytes, Value::Bytes(v)) => put_bytes(v, out)?,
            (Basic::TimeWindow, Value::Window { start, end }) => {
                out.extend(start.to_be_bytes());
                out.extend(end.to_be_bytes());
            }
            (Basic::VoidNamespace, Value::Null) => out.push(0),
            (Basic::Null { bytes }, Value::Null) => out.extend(std::iter::repeat_n(0, bytes.into())),
            (Basic::Single { byte, .. }, Value::Enum(0)) => out.push(byte),
            (_, Value::Null) => self.encode_time(None, out).ok_or_else(wrong)?,
            (_, Value::Int(v)) => self.encode_time(Some(*v), out).ok_or_else(wrong)?,
            _ => return Err(wrong()),
        }
        Ok(())
    }

    fn encode_time(self, value: Option<i64>, out: &mut Vec<u8>) -> Option<()> {
        match self {
            Basic::Millis if value == Some(i64::MIN) => return None,
            Basic::Millis => out.extend(value.unwrap_or(i64::MIN).to_be_bytes()),
            Basic::SqlTimestamp => time::encode_sql_timestamp(value, out),
            Basic::Instant => time::encode_instant(value, out),
            Basic::LocalDate => time::encode_date(value, out)?,
            Basic::LocalTime => time::encode_time(value, out)?,
            Basic::LocalDateTime => time::encode_date_time(value, out)?,
            _ => return None,
        }
        Some(())
    }
}

/// Returns the type of which there is one value.
fn only(name: &str) -> LogicalType {
    LogicalType::Enum(EnumType { symbols: vec![name.to_owned()] })
}

/// Returns a binary32. Flink writes every NaN as the same one.
pub(super) fn float32(bits: u32, d: &mut Decoder<'_, '_>) -> Value {
    let value = f32::from_bits(bits);
    d.odd_if(float32_bits(value) != bits);
    Value::Float32(value)
}

/// Returns a binary64. Flink writes every NaN as the same one.
pub(super) fn float64(bits: u64, d: &mut Decoder<'_, '_>) -> Value {
    let value = f64::from_bits(bits);
    d.odd_if(float64_bits(value) != bits);
    Value::Float64(value)
}

pub(super) fn float32_bits(value: f32) -> u32 {
    if value.is_nan() { 0x7FC0_0000 } else { value.to_bits() }
}

pub(super) fn float64_bits(value: f64) -> u64 {
    if value.is_nan() { 0x7FF8_0000_0000_0000 } else { value.to_bits() }
}

fn modified_utf8(d: &mut Decoder<'_, '_>) -> Result<Value> {
    let length = usize::from(d.input.u16("text")?);
    let bytes = d.take(length, "text")?;
    let text = decode_modified_utf8(bytes);
    let mut again = Vec::with_capacity(length + 2);
    match text {
        Some(text) => {
            put_utf(&text, "text", &mut again)?;
            d.odd_if(again.get(2..) != Some(bytes));
            Ok(Value::String(text))
        }
        None => Ok(d.untyped()),
    }
}

fn utf8(d: &mut Decoder<'_, '_>) -> Result<Value> {
    let length = d.input.length("text")?;
    let bytes = d.take(length, "text")?;
    Ok(match std::str::from_utf8(bytes) {
        Ok(text) => Value::String(text.to_owned()),
        Err(_) => d.untyped(),
    })
}

fn variant(class: &str, d: &mut Decoder<'_, '_>) -> Result<Value> {
    let start = d.input.consumed();
    let lengths = d.input.length("variant")?.saturating_add(d.input.length("variant")?);
    d.input.take(lengths, "variant")?;
    d.opaque_since(start, class)
}

/// Returns whether a value is null.
pub(super) fn is_null(value: &Value) -> bool {
    matches!(value, Value::Null)
}

/// Appends a 32-bit length and bytes.
pub(super) fn put_bytes(bytes: &[u8], out: &mut Vec<u8>) -> Result<()> {
    put_count(bytes.len(), out)?;
    out.extend_from_slice(bytes);
    Ok(())
}

/// Appends a 32-bit count.
pub(super) fn put_count(count: usize, out: &mut Vec<u8>) -> Result<()> {
    let limit = i32::MAX as u64;
    let (offset, size) = (out.len() as u64, count as u64);
    let count =
        i32::try_from(count).map_err(|_| Error::TooLarge { section: "value", offset, size, limit })?;
    out.extend(count.to_be_bytes());
    Ok(())
}

/// Returns the error of a value that is not of the serializer's type.
pub(super) fn mismatch(wanted: &str, value: &Value) -> Error {
    let found = match value {
        Value::Int(v) => v.to_string(),
        other => other.kind_name().to_owned(),
    };
    alluvium_model::Error::Mismatch { path: "value".into(), wanted: wanted.to_owned(), found }.into()
}
