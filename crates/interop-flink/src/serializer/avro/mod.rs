//! Avro records (`AvroSerializer`), by the schema in the snapshot.
//!
//! Flink does not write Avro's binary encoding: numbers are big-endian of fixed width, text and bytes have
//! 32-bit lengths, enums and unions 32-bit positions. Only the counts of arrays and maps take 7 bits per
//! byte, and a count of zero ends them (`DataOutputEncoder` of flink-avro).

mod schema;
mod skip;
mod types;

use std::mem::size_of;
use std::sync::Arc;

use alluvium_model::{ElementType, Value};

use super::basic::{float32, float32_bits, float64, float64_bits, mismatch, put_bytes};
use super::decoder::Decoder;
use super::snapshot::Reader;
use super::table::{decimal_bytes, decimal_from_bytes, fits};
use super::text;
use crate::{Error, Result};
use schema::Schema;
use types::Type;

/// Records of one schema.
#[derive(Debug, Clone)]
pub(super) struct Avro {
    class: String,
    ty: Type,
    /// The schema's named types, for parts that hold themselves.
    schema: Arc<Schema>,
}

impl Avro {
    /// Reads the payload of a snapshot: the class, unless the version is 1, and the schema.
    ///
    /// None for a schema that is no Avro schema or too large to be compiled.
    pub(super) fn read(r: &mut Reader<'_, '_>, version: i32) -> Result<Option<Self>> {
        let (class, schema) = match version {
            1 => (None, r.input.utf("Avro schema")?),
            2 => (Some(r.input.utf("Avro class")?), r.input.utf("Avro schema")?),
            3 => (Some(long_text(r)?), long_text(r)?),
            other => return Err(r.input.malformed("Avro snapshot version", "1 to 3", other)),
        };
        let avro = Avro::of(class, &schema);
        r.notes.schema = Some(schema);
        Ok(avro)
    }

    /// Compiles a schema; none for text that is no Avro schema or too large a one.
    pub(super) fn of(class: Option<String>, schema: &str) -> Option<Self> {
        let schema = Schema::parse(schema)?;
        let ty = types::compile(&schema)?;
        let class = class.unwrap_or_else(|| schema.root_name().to_owned());
        Some(Avro { class, ty, schema: Arc::new(schema) })
    }

    /// Returns the class of the values.
    pub(super) fn class(&self) -> &str {
        &self.class
    }

    pub(super) fn element_type(&self) -> ElementType {
        self.ty.element_type()
    }

    pub(super) fn least(&self) -> usize {
        self.ty.least()
    }

    pub(super) fn decode(&self, d: &mut Decoder<'_, '_>) -> Result<Value> {
        self.ty.decode(&self.schema, d)
    }

    pub(super) fn encode(&self, value: &Value, out: &mut Vec<u8>) -> Result<()> {
        self.ty.encode(value, out)
    }
}

/// Reads text that may be longer than 64 KiB.
fn long_text(r: &mut Reader<'_, '_>) -> Result<String> {
    match text::decode_nullable(&mut Decoder::new(r.input, false))? {
        Value::String(text) => Ok(text),
        other => Err(r.input.malformed("Avro schema", "text", other.kind_name())),
    }
}

impl Type {
    fn decode(&self, schema: &Schema, d: &mut Decoder<'_, '_>) -> Result<Value> {
        Ok(match self {
            Type::Null => Value::Null,
            Type::Bool => Value::Bool(d.flag()?),
            Type::Int(_) => Value::Int(d.input.i32("Avro int")?.into()),
            Type::Long(_) => Value::Int(d.input.i64("Avro long")?),
            Type::Float => float32(d.input.u32("Avro float")?, d),
            Type::Double => float64(d.input.u64("Avro double")?, d),
            Type::Bytes => {
                let length = d.input.length("Avro bytes")?;
                Value::Bytes(d.take(length, "Avro bytes")?.to_vec())
            }
            Type::Fixed(length) => Value::Bytes(d.take(*length, "Avro fixed")?.to_vec()),
            Type::Text => decode_text(d)?,
            Type::Decimal { precision, fixed, .. } => decode_decimal(*precision, *fixed, d)?,
            Type::Enum(symbols) => {
                let position = u32::try_from(d.input.i32("Avro enum")?).ok();
                let known = position.filter(|position| (*position as usize) < symbols.len());
                known.map_or_else(|| d.untyped(), Value::Enum)
            }
            Type::Array(element) => {
                let mut values = Vec::new();
                blocks(d, element.least(), 1, |d, count| {
                    values.reserve_exact(count);
                    for _ in 0..count {
                        values.push(element.decode(schema, d)?);
                    }
                    Ok(())
                })?;
                Value::List(values)
            }
            Type::Map(value) => {
                let mut entries = Vec::new();
                blocks(d, value.least().saturating_add(4), 2, |d, count| {
                    entries.reserve_exact(count);
                    for _ in 0..count {
                        entries.push((decode_text(d)?, value.decode(schema, d)?));
                    }
                    Ok(())
                })?;
                Value::Map(entries)
            }
            Type::Record(fields) => {
                let mut values = d.values(fields.len())?;
                for (_, field) in fields {
                    values.push(field.decode(schema, d)?);
                }
                Value::Struct(values)
            }
            Type::Nullable { null, value } => match d.input.i32("Avro union")? {
                position if position == *null => Value::Null,
                position if position == 1 - *null => value.decode(schema, d)?,
                other => return Err(d.input.malformed("Avro union", "0 or 1", other)),
            },
            Type::Union(branches) => {
                let found = d.input.i32("Avro union")?;
                let position = usize::try_from(found).unwrap_or(usize::MAX);
                let branch = branches.get(position);
                let (_, ty) =
                    branch.ok_or_else(|| d.input.malformed("Avro union", "one of its types", found))?;
                let value = ty.decode(schema, d)?;
                types::union_value(branches, position, value, d)?
            }
            Type::Recursive { place, name } => {
                let start = d.input.consumed();
                skip::skip(schema, *place, d)?;
                d.opaque_since(start, name)?
            }
        })
    }

    fn encode(&self, value: &Value, out: &mut Vec<u8>) -> Result<()> {
        let wrong = || mismatch(&self.element_type().ty.to_string(), value);
        match (self, value) {
            (Type::Null, Value::Null) => {}
            (Type::Bool, Value::Bool(v)) => out.push(u8::from(*v)),
            (Type::Int(_), Value::Int(v)) => {
                out.extend(i32::try_from(*v).map_err(|_| wrong())?.to_be_bytes())
            }
            (Type::Long(_), Value::Int(v)) => out.extend(v.to_be_bytes()),
            (Type::Float, Value::Float32(v)) => out.extend(float32_bits(*v).to_be_bytes()),
            (Type::Double, Value::Float64(v)) => out.extend(float64_bits(*v).to_be_bytes()),
            (Type::Bytes, Value::Bytes(v)) => put_bytes(v, out)?,
            (Type::Fixed(length), Value::Bytes(v)) if v.len() == *length => out.extend_from_slice(v),
            (Type::Text, Value::String(v)) => put_bytes(v.as_bytes(), out)?,
            (Type::Decimal { precision, fixed, .. }, Value::Decimal(v)) if fits(*v, *precision) => {
                put_decimal(*v, *fixed, out).ok_or_else(wrong)??;
            }
            (Type::Enum(symbols), Value::Enum(v)) if (*v as usize) < symbols.len() => {
                out.extend(v.to_be_bytes());
            }
            (Type::Array(element), Value::List(values)) => {
                put_blocks(values.len(), out);
                values.iter().try_for_each(|value| element.encode(value, out))?;
                put_end(values.len(), out);
            }
            (Type::Map(ty), Value::Map(entries)) => {
                put_blocks(entries.len(), out);
                for (key, value) in entries {
                    Type::Text.encode(key, out)?;
                    ty.encode(value, out)?;
                }
                put_end(entries.len(), out);
            }
            (Type::Record(fields), Value::Struct(values)) if fields.len() == values.len() => {
                fields.iter().zip(values).try_for_each(|((_, field), value)| field.encode(value, out))?;
            }
            (Type::Nullable { null, .. }, Value::Null) => out.extend(null.to_be_bytes()),
            (Type::Nullable { null, value: ty }, value) => {
                out.extend((1 - null).to_be_bytes());
                ty.encode(value, out)?;
            }
            (Type::Union(branches), value) => {
                let (position, value) = types::union_branch(branches, value).ok_or_else(wrong)?;
                let (_, ty) = branches.get(position).ok_or_else(wrong)?;
                let position = i32::try_from(position).map_err(|_| wrong())?;
                out.extend(position.to_be_bytes());
                ty.encode(value, out)?;
            }
            (Type::Recursive { .. }, Value::Opaque { bytes, .. }) => out.extend_from_slice(bytes),
            _ => return Err(wrong()),
        }
        Ok(())
    }
}

/// Decodes blocks of elements until a count of zero. Flink writes one block, or none.
fn blocks(
    d: &mut Decoder<'_, '_>,
    least: usize,
    values: usize,
    mut decode: impl FnMut(&mut Decoder<'_, '_>, usize) -> Result<()>,
) -> Result<()> {
    let mut number = 0;
    loop {
        let count = count(d)?;
        d.odd_if(number > 0 && count > 0);
        if count == 0 {
            return Ok(());
        }
        if count.checked_mul(least).is_none_or(|bytes| bytes > d.input.left()) {
            return Err(d.input.truncated("Avro elements", count.saturating_mul(least) as u64));
        }
        d.charge(count.saturating_mul(values * size_of::<Value>()))?;
        decode(d, count)?;
        number += 1;
    }
}

/// Reads a count: 7 bits per byte, low bits first.
fn count(d: &mut Decoder<'_, '_>) -> Result<usize> {
    let mut value = 0u64;
    for shift in (0..63).step_by(7) {
        let byte = d.input.u8("Avro count")?;
        value |= u64::from(byte & 0x7F) << shift;
        if byte < 0x80 {
            d.odd_if(byte == 0 && shift > 0);
            return usize::try_from(value).map_err(|_| d.input.malformed("Avro count", "a count", value));
        }
    }
    Err(d.input.malformed("Avro count", "at most 9 bytes", "more"))
}

fn put_blocks(count: usize, out: &mut Vec<u8>) {
    let mut count = count;
    while count >= 0x80 {
        out.push((count & 0x7F) as u8 | 0x80);
        count >>= 7;
    }
    out.push(count as u8);
}

/// Ends the elements; none need no end.
fn put_end(count: usize, out: &mut Vec<u8>) {
    if count > 0 {
        out.push(0);
    }
}

fn decode_text(d: &mut Decoder<'_, '_>) -> Result<Value> {
    let length = d.input.length("Avro string")?;
    let bytes = d.take(length, "Avro string")?;
    Ok(match std::str::from_utf8(bytes) {
        Ok(text) => Value::String(text.to_owned()),
        Err(_) => d.untyped(),
    })
}

fn decode_decimal(precision: u8, fixed: Option<usize>, d: &mut Decoder<'_, '_>) -> Result<Value> {
    let length = match fixed {
        Some(length) => length,
        None => d.input.length("Avro decimal")?,
    };
    let bytes = d.input.take(length, "Avro decimal")?;
    let value = match fixed {
        None => decimal_from_bytes(bytes, d),
        Some(_) => {
            // A fixed number is filled up with its sign, which is not odd.
            let sign = bytes.first().map_or(0, |first| if first & 0x80 == 0 { 0x00 } else { 0xFF });
            let spare = bytes.len().saturating_sub(16);
            let (front, back) = bytes.split_at(spare);
            let whole = front.iter().all(|byte| *byte == sign);
            let value = fixed_number(back, sign);
            value.filter(|value| whole && (*value < 0) == (sign != 0))
        }
    };
    let value = value.filter(|value| fits(*value, precision));
    Ok(value.map_or_else(|| d.untyped(), Value::Decimal))
}

fn fixed_number(bytes: &[u8], sign: u8) -> Option<i128> {
    let mut wide = [sign; 16];
    let start = wide.len().checked_sub(bytes.len())?;
    wide.get_mut(start..)?.copy_from_slice(bytes);
    Some(i128::from_be_bytes(wide))
}

/// None for a number that does not fit into its fixed length.
fn put_decimal(value: i128, fixed: Option<usize>, out: &mut Vec<u8>) -> Option<Result<()>> {
    let bytes = decimal_bytes(value);
    let Some(length) = fixed else { return Some(put_bytes(&bytes, out)) };
    let spare = length.checked_sub(bytes.len())?;
    out.extend(std::iter::repeat_n(if value < 0 { 0xFF } else { 0 }, spare));
    out.extend(bytes);
    Some(Ok(()))
}

/// Returns the error of a schema that names what it does not define.
fn undefined(d: &Decoder<'_, '_>) -> Error {
    d.input.malformed("Avro schema", "a type that it defines", "another")
}
