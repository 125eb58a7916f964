//! Canonical bytes: injective, prefix-free and, where a type has a natural order, in that order.
//!
//! Keys are compared, placed and hashed by these bytes. They are never stored in table files.
//!
//! ```
//! use alluvium_model::{LogicalType, Value, canonical};
//!
//! let bytes = |n| {
//!     let mut out = Vec::new();
//!     canonical::encode(&Value::Int(n), &LogicalType::Int32, &mut out).map(|()| out)
//! };
//! assert_eq!(bytes(1)?, [0x80, 0, 0, 1]);
//! assert!(bytes(-1)? < bytes(1)?);
//! # Ok::<(), alluvium_model::Error>(())
//! ```
//!
//! Spec: CANON-1 to CANON-21.

mod decode;

pub use decode::{decode, decode_element};

use crate::{ElementType, Error, LogicalType, Result, TimeUnit, Value, big};

/// First byte of the canonical bytes of an opaque value.
pub const OPAQUE: u8 = 0xFF;

/// Marks a null in a place that may be null, and the end of a list, set or map.
pub(crate) const ABSENT: u8 = 0x00;
/// Marks a value in a place that may be null, an element of a list, and the start of a struct.
pub(crate) const PRESENT: u8 = 0x01;

/// First byte of a negative big integer or decimal; the bytes behind it are inverted.
pub(crate) const NEGATIVE: u8 = 0x00;
/// First byte of any other big integer.
pub(crate) const NOT_NEGATIVE: u8 = 0x01;
/// First byte of a big decimal that is zero.
pub(crate) const ZERO: u8 = 0x01;
/// First byte of a positive big decimal.
pub(crate) const POSITIVE: u8 = 0x02;

/// Appends the canonical bytes of a value that is not null.
///
/// # Errors
/// [`Error::Mismatch`] when the value is not of the type; `out` may then hold a part of it.
///
/// Spec: CANON-1 to CANON-21.
pub fn encode(value: &Value, ty: &LogicalType, out: &mut Vec<u8>) -> Result<()> {
    use LogicalType as T;
    match (ty, value) {
        (_, Value::Opaque { serializer, bytes }) if ty.allows_opaque_rows() => {
            push_opaque(serializer, bytes, out);
        }
        (T::Bool, Value::Bool(v)) => out.push(u8::from(*v)),
        (
            T::Int8 | T::Int16 | T::Int32 | T::Int64 | T::Date | T::Time(_) | T::Timestamp { .. },
            Value::Int(v),
        ) => {
            push_int(*v, ty, out)?;
        }
        (T::UInt8, Value::UInt(v)) => out.push(u8::try_from(*v).map_err(|_| range(ty, v))?),
        (T::UInt16, Value::UInt(v)) => push(&u16::try_from(*v).map_err(|_| range(ty, v))?.to_be_bytes(), out),
        (T::UInt32, Value::UInt(v)) => push(&u32::try_from(*v).map_err(|_| range(ty, v))?.to_be_bytes(), out),
        (T::UInt64, Value::UInt(v)) => push(&v.to_be_bytes(), out),
        (T::Float32, Value::Float32(v)) => push_f32(*v, out),
        (T::Float64, Value::Float64(v)) => push_f64(*v, out),
        (T::String, Value::String(v)) => push_escaped(v.as_bytes(), out),
        (T::String, Value::Wtf8(v)) | (T::Bytes, Value::Bytes(v)) => push_escaped(v, out),
        (T::Decimal { .. }, Value::Decimal(v)) => push(&(*v as u128 ^ (1 << 127)).to_be_bytes(), out),
        (T::BigInteger, Value::BigInteger(v)) => {
            let (negative, magnitude) = big::integer_parts(v).ok_or_else(|| mismatch(ty, value))?;
            let start = out.len();
            push(&(magnitude.len() as u32).to_be_bytes(), out);
            push(&magnitude, out);
            push_signed(negative, start, out);
        }
        (T::BigDecimal, Value::BigDecimal { unscaled, scale }) => {
            if !big::is_integer(unscaled) {
                return Err(mismatch(ty, value));
            }
            push_big_decimal(unscaled, *scale, out);
        }
        (T::Either(left, right), Value::Either(side, value)) => {
            out.push(side.of(ABSENT, PRESENT));
            encode_element(value, side.of(left, right), out)?;
        }
        (T::List(element), Value::List(values)) => {
            for value in values {
                out.push(PRESENT);
                encode_element(value, element, out)?;
            }
            out.push(ABSENT);
        }
        (T::Set(element), Value::List(values)) => {
            push_sorted(values, out, |value, out| encode(value, element, out))?;
        }
        (T::Map(key_type, value_type), Value::Map(entries)) => {
            push_sorted(entries, out, |(key, value), out| {
                encode(key, key_type, out)?;
                encode_element(value, value_type, out)
            })?;
        }
        (T::Struct(fields), Value::Struct(values)) if fields.fields.len() == values.len() => {
            out.push(PRESENT);
            for (field, value) in fields.fields.iter().zip(values) {
                encode_element(value, &field.ty, out)?;
            }
        }
        (T::Tuple(types), Value::Struct(values)) if types.len() == values.len() => {
            out.push(PRESENT);
            for (ty, value) in types.iter().zip(values) {
                encode_element(value, ty, out)?;
            }
        }
        (T::Enum(symbols), Value::Enum(v)) if (*v as usize) < symbols.symbols.len() => {
            push(&v.to_be_bytes(), out)
        }
        (T::TimeWindow, Value::Window { start, end }) => {
            push_i64(*start, out);
            push_i64(*end, out);
        }
        _ => return Err(mismatch(ty, value)),
    }
    Ok(())
}

/// Appends a null marker where the place may be null and, unless null, the canonical bytes.
///
/// # Errors
/// [`Error::Mismatch`] as for [`encode`], and for a null where none may stand.
///
/// Spec: CANON-10.
pub fn encode_element(value: &Value, ty: &ElementType, out: &mut Vec<u8>) -> Result<()> {
    match (ty.nullable, value) {
        (true, Value::Null) => out.push(ABSENT),
        (true, _) => {
            out.push(PRESENT);
            encode(value, &ty.ty, out)?;
        }
        (false, _) => encode(value, &ty.ty, out)?,
    }
    Ok(())
}

/// Returns the canonical bytes of a value that is not null.
///
/// # Errors
/// As for [`encode`].
pub fn to_bytes(value: &Value, ty: &LogicalType) -> Result<Vec<u8>> {
    let mut out = Vec::new();
    encode(value, ty, &mut out)?;
    Ok(out)
}

/// Appends a signed integer: big-endian with its sign flipped, in 8 bytes.
#[inline]
pub fn push_i64(value: i64, out: &mut Vec<u8>) {
    push(&((value as u64) ^ (1 << 63)).to_be_bytes(), out);
}

/// Appends a signed integer: big-endian with its sign flipped, in 4 bytes.
#[inline]
pub fn push_i32(value: i32, out: &mut Vec<u8>) {
    push(&((value as u32) ^ (1 << 31)).to_be_bytes(), out);
}

/// Inverts the bytes from `start` on if they are of a negative number and puts its sign in front:
/// 00, or 01 from zero on.
fn push_signed(negative: bool, start: usize, out: &mut Vec<u8>) {
    if negative {
        out.iter_mut().skip(start).for_each(|byte| *byte = !*byte);
    }
    out.insert(start, if negative { NEGATIVE } else { NOT_NEGATIVE });
}

/// Appends sign, position of the point and digits, in the order of numbers; then the scale.
fn push_big_decimal(unscaled: &str, scale: i32, out: &mut Vec<u8>) {
    let digits = unscaled.trim_start_matches('-');
    let start = out.len();
    match digits.trim_end_matches('0') {
        "" => out.push(ZERO),
        leading => {
            push_i64(digits.len() as i64 - i64::from(scale), out);
            push(leading.as_bytes(), out);
            out.push(0x00);
            let negative = digits.len() != unscaled.len();
            push_signed(negative, start, out);
            if let (false, Some(sign)) = (negative, out.get_mut(start)) {
                *sign = POSITIVE;
            }
        }
    }
    push_i32(scale, out);
}

/// Appends a binary64 in its total order: −0 before +0, every NaN as one after +∞.
pub fn push_f64(value: f64, out: &mut Vec<u8>) {
    let bits = if value.is_nan() { 0x7FF8_0000_0000_0000 } else { value.to_bits() };
    let ordered = if bits >> 63 == 1 { !bits } else { bits | 1 << 63 };
    push(&ordered.to_be_bytes(), out);
}

/// Appends a binary32 in its total order: −0 before +0, every NaN as one after +∞.
pub fn push_f32(value: f32, out: &mut Vec<u8>) {
    let bits = if value.is_nan() { 0x7FC0_0000 } else { value.to_bits() };
    let ordered = if bits >> 31 == 1 { !bits } else { bits | 1 << 31 };
    push(&ordered.to_be_bytes(), out);
}

/// Appends bytes with 0x00 escaped as 0x00 0xFF, ended by 0x00 0x00.
pub fn push_escaped(bytes: &[u8], out: &mut Vec<u8>) {
    let mut rest = bytes;
    while let Some(zero) = rest.iter().position(|b| *b == 0) {
        let (before, behind) = rest.split_at(zero);
        push(before, out);
        push(&[0x00, 0xFF], out);
        rest = behind.get(1..).unwrap_or_default();
    }
    push(rest, out);
    push(&[0x00, 0x00], out);
}

/// Appends the form of bytes that only a serializer understands.
pub fn push_opaque(serializer: &str, bytes: &[u8], out: &mut Vec<u8>) {
    out.push(OPAQUE);
    push(&(serializer.len() as u32).to_be_bytes(), out);
    push(serializer.as_bytes(), out);
    push_escaped(bytes, out);
}

/// Returns the width in bytes of the canonical form of a signed integer, date or time type.
pub(crate) fn int_width(ty: &LogicalType) -> Option<u32> {
    use LogicalType as T;
    Some(match ty {
        T::Int8 => 1,
        T::Int16 => 2,
        T::Int32 | T::Date | T::Time(TimeUnit::Milli) => 4,
        T::Int64 | T::Time(_) | T::Timestamp { .. } => 8,
        _ => return None,
    })
}

fn push_int(value: i64, ty: &LogicalType, out: &mut Vec<u8>) -> Result<()> {
    let width = int_width(ty).unwrap_or(8);
    let shift = 64 - 8 * width;
    if (value << shift) >> shift != value {
        return Err(range(ty, &value));
    }
    let flipped = (value << shift) as u64 ^ (1 << 63);
    push(flipped.to_be_bytes().get(..width as usize).unwrap_or_default(), out);
    Ok(())
}

fn push_sorted<T>(
    members: &[T],
    out: &mut Vec<u8>,
    mut member: impl FnMut(&T, &mut Vec<u8>) -> Result<()>,
) -> Result<()> {
    let mut encoded = Vec::with_capacity(members.len());
    for value in members {
        let mut bytes = Vec::new();
        member(value, &mut bytes)?;
        encoded.push(bytes);
    }
    encoded.sort_unstable();
    for bytes in encoded {
        out.push(PRESENT);
        push(&bytes, out);
    }
    out.push(ABSENT);
    Ok(())
}

fn push(bytes: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(bytes);
}

pub(crate) fn mismatch(ty: &LogicalType, value: &Value) -> Error {
    Error::Mismatch { path: "value".into(), wanted: ty.to_string(), found: value.kind_name().into() }
}

fn range(ty: &LogicalType, value: &impl ToString) -> Error {
    Error::Mismatch { path: "value".into(), wanted: ty.to_string(), found: value.to_string() }
}

#[cfg(test)]
mod tests;
