//! Logical types in Arrow: fields, and single values out of and into columns.
//!
//! The Arrow type depends on the logical type alone (Spec: TYPE-1 to TYPE-28). Batches stay in
//! Arrow; the functions for single values serve look-ups, JSON and tests.

mod build;

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::*;
use arrow_array::{Array, ArrowPrimitiveType};
use arrow_schema::{DataType, Field, Fields, TimeUnit as ArrowUnit};

pub use build::column_of;

use crate::canonical;
use crate::{ElementType, Error, LogicalType, Result, Side, TimeUnit, Value, big};

/// Key of the metadata that carries a field id, as the Parquet library reads and writes it.
pub const FIELD_ID: &str = "PARQUET:field_id";

/// Tag of a raw cell whose bytes only a serializer understands.
const RAW_OPAQUE: u8 = 0x00;
/// Tag of a raw cell whose logical value exists but has no Arrow form.
const RAW_LOGICAL: u8 = 0x01;

/// Returns the Arrow type that stores a logical type.
///
/// Spec: TYPE-1 to TYPE-28.
pub fn arrow_type(ty: &LogicalType) -> DataType {
    use LogicalType as T;
    match ty {
        T::Bool => DataType::Boolean,
        T::Int8 => DataType::Int8,
        T::Int16 => DataType::Int16,
        T::Int32 => DataType::Int32,
        T::Int64 => DataType::Int64,
        T::UInt8 => DataType::UInt8,
        T::UInt16 => DataType::UInt16,
        T::UInt32 => DataType::UInt32,
        T::UInt64 => DataType::UInt64,
        T::Float32 => DataType::Float32,
        T::Float64 => DataType::Float64,
        T::String | T::Enum(_) | T::BigInteger | T::BigDecimal => DataType::Utf8,
        T::Bytes | T::Opaque { .. } => DataType::Binary,
        T::Date => DataType::Date32,
        T::Time(TimeUnit::Milli) => DataType::Time32(ArrowUnit::Millisecond),
        T::Time(unit) => DataType::Time64(arrow_unit(*unit)),
        T::Timestamp { unit, utc } => DataType::Timestamp(arrow_unit(*unit), utc.then(|| "UTC".into())),
        T::Decimal { precision, scale } => DataType::Decimal128(*precision, *scale),
        T::List(element) => DataType::List(Arc::new(element_field("element", element))),
        T::Set(element) => DataType::List(Arc::new(arrow_field("element", element, false))),
        T::Map(key, value) => {
            let entries = Fields::from(vec![arrow_field("key", key, false), element_field("value", value)]);
            DataType::Map(Arc::new(Field::new("entries", DataType::Struct(entries), false)), false)
        }
        T::Struct(_) | T::Tuple(_) => DataType::Struct(struct_fields(ty)),
        T::TimeWindow => DataType::Struct(Fields::from(vec![
            Field::new("start", DataType::Int64, false),
            Field::new("end", DataType::Int64, false),
        ])),
        T::Either(left, right) => DataType::Struct(Fields::from(vec![
            Field::new("side", DataType::Utf8, false),
            arrow_field("left", &left.ty, true),
            arrow_field("right", &right.ty, true),
        ])),
    }
}

/// Returns the Arrow field of a column.
pub fn arrow_field(name: &str, ty: &LogicalType, nullable: bool) -> Field {
    Field::new(name, arrow_type(ty), nullable)
}

fn element_field(name: &str, element: &ElementType) -> Field {
    arrow_field(name, &element.ty, element.nullable)
}

/// Returns the Arrow fields of a struct or tuple, with field ids in their metadata.
pub(crate) fn struct_fields(ty: &LogicalType) -> Fields {
    let with_id = |field: Field, id: u32| field.with_metadata([(FIELD_ID.to_owned(), id.to_string())].into());
    match ty {
        LogicalType::Struct(fields) => {
            fields.fields.iter().map(|f| with_id(element_field(&f.name, &f.ty), f.id)).collect()
        }
        LogicalType::Tuple(types) => types
            .iter()
            .enumerate()
            .map(|(i, t)| with_id(element_field(&format!("f{i}"), t), i as u32 + 1))
            .collect(),
        _ => Fields::empty(),
    }
}

pub(crate) fn arrow_unit(unit: TimeUnit) -> ArrowUnit {
    match unit {
        TimeUnit::Milli => ArrowUnit::Millisecond,
        TimeUnit::Micro => ArrowUnit::Microsecond,
        TimeUnit::Nano => ArrowUnit::Nanosecond,
    }
}

/// Reads one value of a column; [`Value::Null`] where it is null.
///
/// # Errors
/// [`Error::Mismatch`] when the column is not of the Arrow type of `ty`; [`Error::Cell`] for a
/// symbol that is none of its enum's, a text that is no number and an either without one side.
///
/// # Panics
/// When `row` is not below the length of the column.
pub fn value_at(column: &dyn Array, ty: &LogicalType, row: usize) -> Result<Value> {
    use LogicalType as T;
    if column.is_null(row) {
        return Ok(Value::Null);
    }
    Ok(match ty {
        T::Bool => Value::Bool(column.as_boolean_opt().ok_or_else(|| odd(column, ty))?.value(row)),
        T::Int8 => Value::Int(native::<Int8Type>(column, ty, row)?.into()),
        T::Int16 => Value::Int(native::<Int16Type>(column, ty, row)?.into()),
        T::Int32 => Value::Int(native::<Int32Type>(column, ty, row)?.into()),
        T::Int64 => Value::Int(native::<Int64Type>(column, ty, row)?),
        T::UInt8 => Value::UInt(native::<UInt8Type>(column, ty, row)?.into()),
        T::UInt16 => Value::UInt(native::<UInt16Type>(column, ty, row)?.into()),
        T::UInt32 => Value::UInt(native::<UInt32Type>(column, ty, row)?.into()),
        T::UInt64 => Value::UInt(native::<UInt64Type>(column, ty, row)?),
        T::Float32 => Value::Float32(native::<Float32Type>(column, ty, row)?),
        T::Float64 => Value::Float64(native::<Float64Type>(column, ty, row)?),
        T::Date => Value::Int(native::<Date32Type>(column, ty, row)?.into()),
        T::Time(TimeUnit::Milli) => Value::Int(native::<Time32MillisecondType>(column, ty, row)?.into()),
        T::Time(TimeUnit::Micro) => Value::Int(native::<Time64MicrosecondType>(column, ty, row)?),
        T::Time(TimeUnit::Nano) => Value::Int(native::<Time64NanosecondType>(column, ty, row)?),
        T::Timestamp { unit, .. } => Value::Int(match unit {
            TimeUnit::Milli => native::<TimestampMillisecondType>(column, ty, row)?,
            TimeUnit::Micro => native::<TimestampMicrosecondType>(column, ty, row)?,
            TimeUnit::Nano => native::<TimestampNanosecondType>(column, ty, row)?,
        }),
        T::Decimal { .. } => Value::Decimal(native::<Decimal128Type>(column, ty, row)?),
        T::String => Value::String(text(column, ty, row)?.to_owned()),
        T::Bytes => Value::Bytes(bytes(column, ty, row)?.to_vec()),
        T::Opaque { serializer } => {
            Value::Opaque { serializer: serializer.clone(), bytes: bytes(column, ty, row)?.to_vec() }
        }
        T::Enum(symbols) => {
            let symbol = text(column, ty, row)?;
            let ordinal =
                symbols.symbols.iter().position(|s| s == symbol).ok_or_else(|| no(symbol, "TYPE-21", row))?;
            Value::Enum(ordinal as u32)
        }
        T::BigInteger => {
            let text = text(column, ty, row)?;
            Value::BigInteger(
                Some(text).filter(|t| big::is_integer(t)).ok_or_else(|| no(text, "TYPE-26", row))?.to_owned(),
            )
        }
        T::BigDecimal => {
            let text = text(column, ty, row)?;
            Value::big_decimal(text).ok_or_else(|| no(text, "TYPE-27", row))?
        }
        T::List(element) => Value::List(list(column, ty, &element.ty, row)?),
        T::Set(element) => Value::List(list(column, ty, element, row)?),
        T::Map(key_type, value_type) => {
            let map = column.as_map_opt().ok_or_else(|| odd(column, ty))?;
            let entries = map.value(row);
            let mut pairs = Vec::with_capacity(entries.len());
            for i in 0..entries.len() {
                pairs.push((
                    value_at(entries.column(0), key_type, i)?,
                    value_at(entries.column(1), &value_type.ty, i)?,
                ));
            }
            Value::Map(pairs)
        }
        T::Struct(fields) => fields_at(column, ty, fields.fields.iter().map(|f| &f.ty.ty), row)?,
        T::Tuple(types) => fields_at(column, ty, types.iter().map(|t| &t.ty), row)?,
        T::Either(left, right) => either(column, ty, left, right, row)?,
        T::TimeWindow => {
            let parts =
                column.as_struct_opt().filter(|s| s.num_columns() == 2).ok_or_else(|| odd(column, ty))?;
            let part = |i| native::<Int64Type>(parts.column(i), ty, row);
            Value::Window { start: part(0)?, end: part(1)? }
        }
    })
}

fn native<T: ArrowPrimitiveType>(column: &dyn Array, ty: &LogicalType, row: usize) -> Result<T::Native> {
    Ok(column.as_primitive_opt::<T>().ok_or_else(|| odd(column, ty))?.value(row))
}

fn text<'a>(column: &'a dyn Array, ty: &LogicalType, row: usize) -> Result<&'a str> {
    Ok(column.as_string_opt::<i32>().ok_or_else(|| odd(column, ty))?.value(row))
}

fn bytes<'a>(column: &'a dyn Array, ty: &LogicalType, row: usize) -> Result<&'a [u8]> {
    Ok(column.as_binary_opt::<i32>().ok_or_else(|| odd(column, ty))?.value(row))
}

fn list(column: &dyn Array, ty: &LogicalType, element: &LogicalType, row: usize) -> Result<Vec<Value>> {
    let values = column.as_list_opt::<i32>().ok_or_else(|| odd(column, ty))?.value(row);
    (0..values.len()).map(|i| value_at(&values, element, i)).collect()
}

fn fields_at<'a>(
    column: &dyn Array,
    ty: &LogicalType,
    types: impl ExactSizeIterator<Item = &'a LogicalType>,
    row: usize,
) -> Result<Value> {
    let parts =
        column.as_struct_opt().filter(|s| s.num_columns() == types.len()).ok_or_else(|| odd(column, ty))?;
    let values = types.zip(parts.columns()).map(|(ty, column)| value_at(column, ty, row));
    Ok(Value::Struct(values.collect::<Result<_>>()?))
}

fn either(
    column: &dyn Array,
    ty: &LogicalType,
    left: &ElementType,
    right: &ElementType,
    row: usize,
) -> Result<Value> {
    let parts = column.as_struct_opt().filter(|s| s.num_columns() == 3).ok_or_else(|| odd(column, ty))?;
    let name = text(parts.column(0), ty, row)?;
    let side = Side::from_name(name).ok_or_else(|| no(name, "TYPE-28", row))?;
    let (element, chosen, other) =
        side.of((left, parts.column(1), parts.column(2)), (right, parts.column(2), parts.column(1)));
    if other.is_valid(row) || (chosen.is_null(row) && !element.nullable) {
        return Err(no(&format!("{name}, but not {name} alone"), "TYPE-28", row));
    }
    Ok(Value::Either(side, Box::new(value_at(chosen, &element.ty, row)?)))
}

fn no(found: &str, rule: &'static str, row: usize) -> Error {
    let found = found.chars().take(80).collect();
    Error::Cell { row, found, rule }
}

fn odd(column: &dyn Array, ty: &LogicalType) -> Error {
    Error::Mismatch { path: "column".into(), wanted: ty.to_string(), found: column.data_type().to_string() }
}

/// Reads one value of a column that has a raw one beside it.
///
/// Where the typed value is null and the raw cell is set, the row is the logical value of the raw
/// cell or, if it has none, opaque.
///
/// # Errors
/// As for [`value_at`]; [`Error::Malformed`] for a raw cell of no known form.
///
/// Spec: TYPE-25.
pub fn value_with_raw(
    column: &dyn Array,
    raw: Option<&dyn Array>,
    ty: &LogicalType,
    row: usize,
) -> Result<Value> {
    let raw = raw.and_then(|raw| raw.as_binary_opt::<i32>()).filter(|raw| raw.is_valid(row));
    match raw {
        Some(raw) if column.is_null(row) => raw_value(raw.value(row), ty),
        _ => value_at(column, ty, row),
    }
}

/// Checks every cell of a column, and of the raw one beside it, whose bytes may hold no value of the type.
///
/// Costs nothing where each cell of the Arrow type is a value and no raw cell is set.
///
/// # Errors
/// As for [`value_with_raw`]; [`Error::Malformed`] for a raw cell of a logical value beside a typed one.
///
/// Spec: TYPE-21, TYPE-25 to TYPE-28.
pub fn check(column: &dyn Array, raw: Option<&dyn Array>, ty: &LogicalType) -> Result<()> {
    let raw = raw.and_then(|raw| raw.as_binary_opt::<i32>()).filter(|raw| raw.null_count() < raw.len());
    let narrow = is_narrower(ty);
    if raw.is_none() && !narrow {
        return Ok(());
    }
    for row in 0..column.len() {
        match raw.filter(|raw| raw.is_valid(row)) {
            Some(raw) if column.is_null(row) => drop(raw_value(raw.value(row), ty)?),
            Some(raw) => drop(beside(raw.value(row))?),
            None => {}
        }
        if narrow && column.is_valid(row) {
            value_at(column, ty, row)?;
        }
    }
    Ok(())
}

/// Returns whether the Arrow type of a logical type holds cells that are no values of it.
fn is_narrower(ty: &LogicalType) -> bool {
    use LogicalType as T;
    match ty {
        T::Enum(_) | T::BigInteger | T::BigDecimal | T::Either(..) => true,
        T::List(element) => is_narrower(&element.ty),
        T::Set(element) => is_narrower(element),
        T::Map(key, value) => is_narrower(key) || is_narrower(&value.ty),
        T::Struct(fields) => fields.fields.iter().any(|field| is_narrower(&field.ty.ty)),
        T::Tuple(types) => types.iter().any(|ty| is_narrower(&ty.ty)),
        _ => false,
    }
}

/// Reads a raw cell that stands beside a typed value.
fn beside(cell: &[u8]) -> Result<Value> {
    if cell.first() == Some(&RAW_LOGICAL) {
        let found = "a logical value beside a typed one".to_owned();
        return Err(Error::Malformed { what: "raw cell", offset: 0, found, rule: "TYPE-25" });
    }
    raw_value(cell, &LogicalType::Bytes)
}

fn raw_value(cell: &[u8], ty: &LogicalType) -> Result<Value> {
    let odd = |found: String| Error::Malformed { what: "raw cell", offset: 0, found, rule: "TYPE-25" };
    let (tag, rest) = cell.split_first().ok_or_else(|| odd("nothing".into()))?;
    let (len, rest) = rest.split_first_chunk::<4>().ok_or_else(|| odd("a cut length".into()))?;
    let (head, tail) = rest
        .split_at_checked(u32::from_be_bytes(*len) as usize)
        .ok_or_else(|| odd("a length past the end".into()))?;
    match *tag {
        RAW_OPAQUE => Ok(Value::Opaque {
            serializer: String::from_utf8(head.to_vec()).map_err(|_| odd("a name that is no text".into()))?,
            bytes: tail.to_vec(),
        }),
        RAW_LOGICAL => match canonical::decode(head, ty)? {
            (value, len) if len == head.len() => Ok(value),
            _ => Err(odd("bytes behind the logical value".into())),
        },
        other => Err(odd(format!("tag {other:#04x}"))),
    }
}

/// Returns the raw cell of bytes that only a serializer understands, or that stand beside a typed
/// value which does not encode back to them.
///
/// Spec: TYPE-25.
pub fn raw_opaque(serializer: &str, bytes: &[u8]) -> Vec<u8> {
    raw_cell(RAW_OPAQUE, serializer.as_bytes(), bytes)
}

/// Returns whether a column of the type itself holds a value: text is valid Unicode, and what is
/// opaque is so by its type.
///
/// Spec: TYPE-25.
pub fn holds(value: &Value, ty: &LogicalType) -> bool {
    use LogicalType as T;
    match (ty, value) {
        (_, Value::Wtf8(_)) => false,
        (T::Opaque { serializer }, Value::Opaque { serializer: found, .. }) => serializer == found,
        (_, Value::Opaque { .. }) => false,
        (T::List(element), Value::List(values)) => values.iter().all(|v| holds(v, &element.ty)),
        (T::Set(element), Value::List(values)) => values.iter().all(|v| holds(v, element)),
        (T::Map(key, element), Value::Map(entries)) => {
            entries.iter().all(|(k, v)| holds(k, key) && holds(v, &element.ty))
        }
        (T::Struct(fields), Value::Struct(values)) => {
            fields.fields.iter().zip(values).all(|(f, v)| holds(v, &f.ty.ty))
        }
        (T::Tuple(types), Value::Struct(values)) => types.iter().zip(values).all(|(t, v)| holds(v, &t.ty)),
        (T::Either(left, right), Value::Either(side, value)) => holds(value, &side.of(left, right).ty),
        _ => true,
    }
}

/// Returns the raw cell of a logical value without an Arrow form, with its original bytes.
///
/// # Errors
/// [`Error::Mismatch`] when the value is not of the type.
///
/// Spec: TYPE-25.
pub fn raw_logical(value: &Value, ty: &LogicalType, bytes: &[u8]) -> Result<Vec<u8>> {
    Ok(raw_cell(RAW_LOGICAL, &canonical::to_bytes(value, ty)?, bytes))
}

fn raw_cell(tag: u8, head: &[u8], tail: &[u8]) -> Vec<u8> {
    let mut cell = Vec::with_capacity(5 + head.len() + tail.len());
    cell.push(tag);
    cell.extend_from_slice(&(head.len() as u32).to_be_bytes());
    cell.extend_from_slice(head);
    cell.extend_from_slice(tail);
    cell
}

#[cfg(test)]
mod tests;
