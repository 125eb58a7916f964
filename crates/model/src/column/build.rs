use std::sync::Arc;

use arrow_array::builder::{BinaryBuilder, BooleanBuilder, PrimitiveBuilder, StringBuilder};
use arrow_array::types::*;
use arrow_array::{ArrayRef, ArrowPrimitiveType, ListArray, MapArray, StructArray};
use arrow_buffer::{NullBuffer, OffsetBuffer};
use arrow_schema::{DataType, Field, Fields};

use super::{arrow_field, arrow_type, element_field, struct_fields};
use crate::canonical::mismatch;
use crate::{ElementType, Error, LogicalType, Result, TimeUnit, Value, big};

/// Builds a column from single values; [`Value::Null`] becomes null, as do opaque values whose
/// bytes belong in the raw column.
///
/// # Errors
/// [`Error::Mismatch`] when a value is not of the type.
pub fn column_of<'a>(values: impl IntoIterator<Item = &'a Value>, ty: &LogicalType) -> Result<ArrayRef> {
    let values: Vec<&Value> = values.into_iter().collect();
    column(&values, ty)
}

fn column(values: &[&Value], ty: &LogicalType) -> Result<ArrayRef> {
    use LogicalType as T;
    match ty {
        T::Bool => {
            let mut builder = BooleanBuilder::with_capacity(values.len());
            for value in values {
                match value {
                    Value::Bool(v) => builder.append_value(*v),
                    other => builder.append_option(absent(other, ty)?),
                }
            }
            Ok(Arc::new(builder.finish()))
        }
        T::Int8 => ints::<Int8Type>(values, ty),
        T::Int16 => ints::<Int16Type>(values, ty),
        T::Int32 => ints::<Int32Type>(values, ty),
        T::Int64 => ints::<Int64Type>(values, ty),
        T::Date => ints::<Date32Type>(values, ty),
        T::Time(TimeUnit::Milli) => ints::<Time32MillisecondType>(values, ty),
        T::Time(TimeUnit::Micro) => ints::<Time64MicrosecondType>(values, ty),
        T::Time(TimeUnit::Nano) => ints::<Time64NanosecondType>(values, ty),
        T::Timestamp { unit: TimeUnit::Milli, .. } => ints::<TimestampMillisecondType>(values, ty),
        T::Timestamp { unit: TimeUnit::Micro, .. } => ints::<TimestampMicrosecondType>(values, ty),
        T::Timestamp { unit: TimeUnit::Nano, .. } => ints::<TimestampNanosecondType>(values, ty),
        T::UInt8 => uints::<UInt8Type>(values, ty),
        T::UInt16 => uints::<UInt16Type>(values, ty),
        T::UInt32 => uints::<UInt32Type>(values, ty),
        T::UInt64 => uints::<UInt64Type>(values, ty),
        T::Float32 => primitives::<Float32Type>(values, ty, |v| match v {
            Value::Float32(v) => Some(*v),
            _ => None,
        }),
        T::Float64 => primitives::<Float64Type>(values, ty, |v| match v {
            Value::Float64(v) => Some(*v),
            _ => None,
        }),
        T::Decimal { .. } => primitives::<Decimal128Type>(values, ty, |v| match v {
            Value::Decimal(v) => Some(*v),
            _ => None,
        }),
        T::String | T::Enum(_) | T::BigInteger | T::BigDecimal => texts(values, ty),
        T::Bytes | T::Opaque { .. } => {
            let mut builder = BinaryBuilder::new();
            for value in values {
                match (ty, value) {
                    (T::Bytes, Value::Bytes(v)) | (T::Opaque { .. }, Value::Opaque { bytes: v, .. }) => {
                        builder.append_value(v);
                    }
                    (_, other) => builder.append_option(absent::<&[u8]>(other, ty)?),
                }
            }
            Ok(Arc::new(builder.finish()))
        }
        T::List(element) => lists(values, ty, &element.ty, element_field("element", element)),
        T::Set(element) => lists(values, ty, element, arrow_field("element", element, false)),
        T::Map(..) => maps(values, ty),
        T::Struct(fields) => structs(values, ty, &fields.fields.iter().map(|f| &f.ty.ty).collect::<Vec<_>>()),
        T::Tuple(types) => structs(values, ty, &types.iter().map(|t| &t.ty).collect::<Vec<_>>()),
        T::Either(left, right) => eithers(values, ty, left, right),
        T::TimeWindow => windows(values, ty),
    }
}

/// Accepts what stands for no typed value.
fn absent<T>(value: &Value, ty: &LogicalType) -> Result<Option<T>> {
    match value {
        Value::Null | Value::Opaque { .. } | Value::Wtf8(_) => Ok(None),
        other => Err(mismatch(ty, other)),
    }
}

fn primitives<T: ArrowPrimitiveType>(
    values: &[&Value],
    ty: &LogicalType,
    native: impl Fn(&Value) -> Option<T::Native>,
) -> Result<ArrayRef> {
    let mut builder = PrimitiveBuilder::<T>::with_capacity(values.len()).with_data_type(arrow_type(ty));
    for value in values {
        match native(value) {
            Some(v) => builder.append_value(v),
            None => builder.append_option(absent(value, ty)?),
        }
    }
    Ok(Arc::new(builder.finish()))
}

fn ints<T: ArrowPrimitiveType>(values: &[&Value], ty: &LogicalType) -> Result<ArrayRef>
where
    T::Native: TryFrom<i64>,
{
    in_range(values, ty, |v| match v {
        Value::Int(v) => Some(T::Native::try_from(*v).is_ok()),
        _ => None,
    })?;
    primitives::<T>(values, ty, |v| match v {
        Value::Int(v) => T::Native::try_from(*v).ok(),
        _ => None,
    })
}

fn uints<T: ArrowPrimitiveType>(values: &[&Value], ty: &LogicalType) -> Result<ArrayRef>
where
    T::Native: TryFrom<u64>,
{
    in_range(values, ty, |v| match v {
        Value::UInt(v) => Some(T::Native::try_from(*v).is_ok()),
        _ => None,
    })?;
    primitives::<T>(values, ty, |v| match v {
        Value::UInt(v) => T::Native::try_from(*v).ok(),
        _ => None,
    })
}

fn in_range(values: &[&Value], ty: &LogicalType, fits: impl Fn(&Value) -> Option<bool>) -> Result<()> {
    match values.iter().find(|v| fits(v) == Some(false)) {
        None => Ok(()),
        Some(value) => {
            Err(Error::Mismatch { path: "value".into(), wanted: ty.to_string(), found: format!("{value:?}") })
        }
    }
}

fn texts(values: &[&Value], ty: &LogicalType) -> Result<ArrayRef> {
    let mut builder = StringBuilder::new();
    for value in values {
        match (ty, value) {
            (LogicalType::String, Value::String(v)) => builder.append_value(v),
            (LogicalType::BigInteger, Value::BigInteger(v)) if big::is_integer(v) => builder.append_value(v),
            (LogicalType::BigDecimal, Value::BigDecimal { unscaled, scale }) if big::is_integer(unscaled) => {
                builder.append_value(big::decimal_text(unscaled, *scale));
            }
            (LogicalType::Enum(symbols), Value::Enum(v)) => {
                builder.append_value(symbols.symbols.get(*v as usize).ok_or_else(|| mismatch(ty, value))?);
            }
            (_, other) => builder.append_option(absent::<&str>(other, ty)?),
        }
    }
    Ok(Arc::new(builder.finish()))
}

fn lists(values: &[&Value], ty: &LogicalType, element: &LogicalType, field: Field) -> Result<ArrayRef> {
    let mut inner = Vec::new();
    let mut lengths = Vec::with_capacity(values.len());
    let mut valid = Vec::with_capacity(values.len());
    for value in values {
        let members: &[Value] = match value {
            Value::List(members) => members,
            other => absent(other, ty)?.unwrap_or_default(),
        };
        inner.extend(members.iter());
        lengths.push(members.len());
        valid.push(matches!(value, Value::List(_)));
    }
    let array = ListArray::try_new(
        Arc::new(field),
        OffsetBuffer::from_lengths(lengths),
        column(&inner, element)?,
        nulls(valid),
    )?;
    Ok(Arc::new(array))
}

fn maps(values: &[&Value], ty: &LogicalType) -> Result<ArrayRef> {
    let LogicalType::Map(key_type, value_type) = ty else { return Err(mismatch(ty, &Value::Null)) };
    let (mut keys, mut items, mut lengths, mut valid) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for value in values {
        let entries: &[(Value, Value)] = match value {
            Value::Map(entries) => entries,
            other => absent(other, ty)?.unwrap_or_default(),
        };
        keys.extend(entries.iter().map(|(k, _)| k));
        items.extend(entries.iter().map(|(_, v)| v));
        lengths.push(entries.len());
        valid.push(matches!(value, Value::Map(_)));
    }
    let DataType::Map(field, _) = arrow_type(ty) else { return Err(mismatch(ty, &Value::Null)) };
    let DataType::Struct(fields) = field.data_type().clone() else { return Err(mismatch(ty, &Value::Null)) };
    let entries =
        StructArray::try_new(fields, vec![column(&keys, key_type)?, column(&items, &value_type.ty)?], None)?;
    let array = MapArray::try_new(field, OffsetBuffer::from_lengths(lengths), entries, nulls(valid), false)?;
    Ok(Arc::new(array))
}

fn structs(values: &[&Value], ty: &LogicalType, types: &[&LogicalType]) -> Result<ArrayRef> {
    static NULL: Value = Value::Null;
    let mut rows: Vec<Option<&[Value]>> = Vec::with_capacity(values.len());
    for value in values {
        rows.push(match value {
            Value::Struct(parts) if parts.len() == types.len() => Some(parts),
            other => absent(other, ty)?,
        });
    }
    let valid: Vec<bool> = rows.iter().map(Option::is_some).collect();
    let mut columns = Vec::with_capacity(types.len());
    for (i, part_type) in types.iter().enumerate() {
        let parts: Vec<&Value> =
            rows.iter().map(|row| row.and_then(|parts| parts.get(i)).unwrap_or(&NULL)).collect();
        columns.push(column(&parts, part_type)?);
    }
    assemble(struct_fields(ty), columns, valid)
}

fn eithers(values: &[&Value], ty: &LogicalType, left: &ElementType, right: &ElementType) -> Result<ArrayRef> {
    static NULL: Value = Value::Null;
    let DataType::Struct(fields) = arrow_type(ty) else { return Err(mismatch(ty, &Value::Null)) };
    let mut sides = StringBuilder::new();
    let (mut lefts, mut rights, mut valid) = (Vec::new(), Vec::new(), Vec::new());
    for value in values {
        let (side, left_value, right_value) = match value {
            Value::Either(side, inner) => {
                if **inner == Value::Null && !side.of(left, right).nullable {
                    return Err(mismatch(ty, value));
                }
                (Some(side.name()), side.of(inner.as_ref(), &NULL), side.of(&NULL, inner.as_ref()))
            }
            other => (absent::<&str>(other, ty)?, &NULL, &NULL),
        };
        sides.append_option(side);
        lefts.push(left_value);
        rights.push(right_value);
        valid.push(side.is_some());
    }
    let columns =
        vec![Arc::new(sides.finish()) as ArrayRef, column(&lefts, &left.ty)?, column(&rights, &right.ty)?];
    assemble(fields, columns, valid)
}

fn windows(values: &[&Value], ty: &LogicalType) -> Result<ArrayRef> {
    let DataType::Struct(fields) = arrow_type(ty) else { return Err(mismatch(ty, &Value::Null)) };
    let mut valid = Vec::with_capacity(values.len());
    let (mut starts, mut ends) = (Vec::new(), Vec::new());
    for value in values {
        let (start, end) = match value {
            Value::Window { start, end } => (*start, *end),
            other => absent(other, ty)?.unwrap_or_default(),
        };
        valid.push(matches!(value, Value::Window { .. }));
        starts.push(start);
        ends.push(end);
    }
    let column = |values| Arc::new(arrow_array::Int64Array::from_iter_values::<Vec<i64>>(values)) as ArrayRef;
    assemble(fields, vec![column(starts), column(ends)], valid)
}

/// Joins columns into a struct. Where the struct is null its required fields hold whatever their
/// column does at a null; Arrow asks that such nulls be masked by the struct's own.
fn assemble(fields: Fields, columns: Vec<ArrayRef>, valid: Vec<bool>) -> Result<ArrayRef> {
    let len = valid.len();
    Ok(Arc::new(StructArray::try_new_with_length(fields, columns, nulls(valid), len)?))
}

fn nulls(valid: Vec<bool>) -> Option<NullBuffer> {
    Some(NullBuffer::from(valid)).filter(|nulls| nulls.null_count() > 0)
}
