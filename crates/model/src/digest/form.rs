use arrow_array::cast::AsArray;
use arrow_array::types::*;
use arrow_array::{Array, BinaryArray, BooleanArray, ListArray, PrimitiveArray, StringArray, StructArray};
use arrow_buffer::NullBuffer;

use crate::canonical::{self, mismatch};
use crate::column::value_at;
use crate::{LogicalType, Result, TimeUnit, Value};

const NULL: u8 = 0x00;
const BOOL: u8 = 0x01;
const SIGNED: u8 = 0x02;
const UNSIGNED: u8 = 0x03;
const FLOAT: u8 = 0x04;
const STRING: u8 = 0x05;
const BYTES: u8 = 0x06;
const DATE: u8 = 0x07;
const TIME: u8 = 0x08;
const TIMESTAMP: u8 = 0x09;
const DECIMAL: u8 = 0x0A;
const LIST: u8 = 0x0B;
const SET: u8 = 0x0C;
const MAP: u8 = 0x0D;
const STRUCT: u8 = 0x0E;
const ENUM: u8 = 0x0F;
const WINDOW: u8 = 0x10;
const BIG_INTEGER: u8 = 0x11;
const BIG_DECIMAL: u8 = 0x12;
const EITHER: u8 = 0x13;
const OPAQUE: u8 = 0xFF;
const FIELD: u8 = 0x01;
const END: u8 = 0x00;

/// Appends the digest form of a value: (field id, kind, value) in field-id order with null fields
/// skipped, integers widened to 64 bits, floats to binary64, members of sets and maps sorted.
///
/// # Errors
/// [`crate::Error::Mismatch`] when the value is not of the type.
///
/// Spec: ROWHASH-5.
pub fn push_value_form(value: &Value, ty: &LogicalType, out: &mut Vec<u8>) -> Result<()> {
    use LogicalType as T;
    match (ty, value) {
        (_, Value::Null) => out.push(NULL),
        (_, Value::Opaque { serializer, bytes }) => {
            let mut opaque = Vec::new();
            canonical::push_opaque(serializer, bytes, &mut opaque);
            out.push(OPAQUE);
            out.extend_from_slice(opaque.get(1..).unwrap_or_default());
        }
        (T::Bool, Value::Bool(v)) => out.extend([BOOL, u8::from(*v)]),
        (T::Date, Value::Int(v)) => tagged(DATE, &v.to_be_bytes(), out),
        (T::Time(unit), Value::Int(v)) => tagged(TIME, &v.wrapping_mul(nanos(*unit)).to_be_bytes(), out),
        (T::Timestamp { unit, utc }, Value::Int(v)) => {
            out.extend([TIMESTAMP, u8::from(*utc)]);
            out.extend_from_slice(&(i128::from(*v) * i128::from(nanos(*unit))).to_be_bytes());
        }
        (T::Int8 | T::Int16 | T::Int32 | T::Int64, Value::Int(v)) => tagged(SIGNED, &v.to_be_bytes(), out),
        (_, Value::UInt(v)) => tagged(UNSIGNED, &v.to_be_bytes(), out),
        (_, Value::Float32(v)) => push_float(f64::from(*v), out),
        (_, Value::Float64(v)) => push_float(*v, out),
        (_, Value::String(v)) => sized(STRING, v.as_bytes(), out),
        (_, Value::Wtf8(v)) => sized(STRING, v, out),
        (_, Value::Bytes(v)) => sized(BYTES, v, out),
        (T::Decimal { scale, .. }, Value::Decimal(v)) => {
            tagged(DECIMAL, &i32::from(*scale).to_be_bytes(), out);
            out.extend_from_slice(&v.to_be_bytes());
        }
        (_, Value::BigInteger(v)) => sized(BIG_INTEGER, v.as_bytes(), out),
        (_, Value::BigDecimal { unscaled, scale }) => {
            tagged(BIG_DECIMAL, &scale.to_be_bytes(), out);
            out.extend_from_slice(&(unscaled.len() as u32).to_be_bytes());
            out.extend_from_slice(unscaled.as_bytes());
        }
        (T::Either(left, right), Value::Either(side, value)) => {
            out.extend_from_slice(&[EITHER, side.of(0, 1)]);
            push_value_form(value, &side.of(left, right).ty, out)?;
        }
        (T::List(element), Value::List(values)) => {
            tagged(LIST, &(values.len() as u64).to_be_bytes(), out);
            for value in values {
                push_value_form(value, &element.ty, out)?;
            }
        }
        (T::Set(element), Value::List(values)) => {
            tagged(SET, &(values.len() as u64).to_be_bytes(), out);
            sorted(
                values,
                |v| canonical::to_bytes(v, element),
                |v, out| push_value_form(v, element, out),
                out,
            )?;
        }
        (T::Map(key_type, value_type), Value::Map(entries)) => {
            tagged(MAP, &(entries.len() as u64).to_be_bytes(), out);
            let form = |(key, value): &(Value, Value), out: &mut Vec<u8>| {
                push_value_form(key, key_type, out)?;
                push_value_form(value, &value_type.ty, out)
            };
            sorted(entries, |(key, _)| canonical::to_bytes(key, key_type), form, out)?;
        }
        (T::Struct(fields), Value::Struct(values)) if fields.fields.len() == values.len() => {
            let parts = fields.fields.iter().zip(values).map(|(f, v)| (f.id, &f.ty.ty, v));
            push_struct(parts.collect(), out)?;
        }
        (T::Tuple(types), Value::Struct(values)) if types.len() == values.len() => {
            let parts = types.iter().zip(values).zip(1..).map(|((t, v), id)| (id, &t.ty, v));
            push_struct(parts.collect(), out)?;
        }
        (T::Enum(symbols), Value::Enum(v)) => {
            let symbol = symbols.symbols.get(*v as usize).ok_or_else(|| mismatch(ty, value))?;
            sized(ENUM, symbol.as_bytes(), out);
        }
        (T::TimeWindow, Value::Window { start, end }) => {
            tagged(WINDOW, &start.to_be_bytes(), out);
            out.extend_from_slice(&end.to_be_bytes());
        }
        _ => return Err(mismatch(ty, value)),
    }
    Ok(())
}

fn push_struct(mut parts: Vec<(u32, &LogicalType, &Value)>, out: &mut Vec<u8>) -> Result<()> {
    parts.sort_by_key(|(id, ..)| *id);
    out.push(STRUCT);
    for (id, ty, value) in parts {
        if *value != Value::Null {
            tagged(FIELD, &id.to_be_bytes(), out);
            push_value_form(value, ty, out)?;
        }
    }
    out.push(END);
    Ok(())
}

fn sorted<T>(
    members: &[T],
    key: impl Fn(&T) -> Result<Vec<u8>>,
    form: impl Fn(&T, &mut Vec<u8>) -> Result<()>,
    out: &mut Vec<u8>,
) -> Result<()> {
    let mut keyed = members.iter().map(|m| Ok((key(m)?, m))).collect::<Result<Vec<_>>>()?;
    keyed.sort_by(|a, b| a.0.cmp(&b.0));
    keyed.into_iter().try_for_each(|(_, member)| form(member, out))
}

fn tagged(kind: u8, payload: &[u8], out: &mut Vec<u8>) {
    out.push(kind);
    out.extend_from_slice(payload);
}

#[inline]
fn word(kind: u8, [a, b, c, d, e, f, g, h]: [u8; 8], out: &mut Vec<u8>) {
    out.extend_from_slice(&[kind, a, b, c, d, e, f, g, h]);
}

fn sized(kind: u8, payload: &[u8], out: &mut Vec<u8>) {
    tagged(kind, &(payload.len() as u32).to_be_bytes(), out);
    out.extend_from_slice(payload);
}

fn push_float(v: f64, out: &mut Vec<u8>) {
    word(FLOAT, float_bits(v).to_be_bytes(), out);
}

fn float_bits(v: f64) -> u64 {
    if v.is_nan() { 0x7FF8_0000_0000_0000 } else { v.to_bits() }
}

fn nanos(unit: TimeUnit) -> i64 {
    match unit {
        TimeUnit::Milli => 1_000_000,
        TimeUnit::Micro => 1_000,
        TimeUnit::Nano => 1,
    }
}

/// The digest forms of a column, with its types resolved once for all rows.
pub(super) struct Form<'a> {
    nulls: Option<&'a NullBuffer>,
    cells: Cells<'a>,
}

enum Cells<'a> {
    Bool(&'a BooleanArray),
    Int8(&'a PrimitiveArray<Int8Type>),
    Int16(&'a PrimitiveArray<Int16Type>),
    Int32(&'a PrimitiveArray<Int32Type>),
    Int64(&'a PrimitiveArray<Int64Type>),
    UInt64(&'a PrimitiveArray<UInt64Type>),
    Float64(&'a PrimitiveArray<Float64Type>),
    String(&'a StringArray),
    Bytes(&'a BinaryArray),
    Timestamp(&'a PrimitiveArray<TimestampMillisecondType>, bool),
    List(&'a ListArray, Box<Form<'a>>),
    Struct(Vec<(u32, Form<'a>)>),
    Other(&'a dyn Array, &'a LogicalType),
}

impl<'a> Form<'a> {
    pub(super) fn new(column: &'a dyn Array, ty: &'a LogicalType) -> Result<Self> {
        use LogicalType as T;
        let wrong = || mismatch(ty, &Value::Null);
        let cells = match ty {
            T::Bool => Cells::Bool(column.as_boolean_opt().ok_or_else(wrong)?),
            T::Int8 => Cells::Int8(column.as_primitive_opt().ok_or_else(wrong)?),
            T::Int16 => Cells::Int16(column.as_primitive_opt().ok_or_else(wrong)?),
            T::Int32 => Cells::Int32(column.as_primitive_opt().ok_or_else(wrong)?),
            T::Int64 => Cells::Int64(column.as_primitive_opt().ok_or_else(wrong)?),
            T::UInt64 => Cells::UInt64(column.as_primitive_opt().ok_or_else(wrong)?),
            T::Float64 => Cells::Float64(column.as_primitive_opt().ok_or_else(wrong)?),
            T::String => Cells::String(column.as_string_opt().ok_or_else(wrong)?),
            T::Bytes => Cells::Bytes(column.as_binary_opt().ok_or_else(wrong)?),
            T::Timestamp { unit: TimeUnit::Milli, utc } => {
                Cells::Timestamp(column.as_primitive_opt().ok_or_else(wrong)?, *utc)
            }
            T::List(element) => {
                let list = column.as_list_opt::<i32>().ok_or_else(wrong)?;
                Cells::List(list, Box::new(Form::new(list.values(), &element.ty)?))
            }
            T::Struct(fields) => {
                let types = fields.fields.iter().map(|f| (f.id, &f.ty.ty));
                Form::fields(column.as_struct_opt().ok_or_else(wrong)?, types.collect(), wrong)?
            }
            T::Tuple(types) => {
                let types = types.iter().zip(1..).map(|(t, id)| (id, &t.ty));
                Form::fields(column.as_struct_opt().ok_or_else(wrong)?, types.collect(), wrong)?
            }
            _ => Cells::Other(column, ty),
        };
        Ok(Form { nulls: column.nulls().filter(|nulls| nulls.null_count() > 0), cells })
    }

    fn fields(
        column: &'a StructArray,
        types: Vec<(u32, &'a LogicalType)>,
        wrong: impl Fn() -> crate::Error,
    ) -> Result<Cells<'a>> {
        if column.num_columns() != types.len() {
            return Err(wrong());
        }
        let forms = types.into_iter().zip(column.columns()).map(|((id, ty), c)| Ok((id, Form::new(c, ty)?)));
        let mut forms = forms.collect::<Result<Vec<_>>>()?;
        forms.sort_by_key(|(id, _)| *id);
        Ok(Cells::Struct(forms))
    }

    /// Returns whether every value is there and takes 9 bytes.
    pub(super) fn is_words(&self) -> bool {
        use Cells as C;
        let words = matches!(
            self.cells,
            C::Int8(_) | C::Int16(_) | C::Int32(_) | C::Int64(_) | C::UInt64(_) | C::Float64(_)
        );
        words && self.nulls.is_none()
    }

    /// Returns what all values are and their 64 bits, where all are words.
    pub(super) fn words(&self) -> (u8, Vec<u64>) {
        let signed = |word: i64| word as u64;
        match &self.cells {
            Cells::Int8(a) => (SIGNED, a.values().iter().map(|v| signed((*v).into())).collect()),
            Cells::Int16(a) => (SIGNED, a.values().iter().map(|v| signed((*v).into())).collect()),
            Cells::Int32(a) => (SIGNED, a.values().iter().map(|v| signed((*v).into())).collect()),
            Cells::Int64(a) => (SIGNED, a.values().iter().map(|v| signed(*v)).collect()),
            Cells::UInt64(a) => (UNSIGNED, a.values().to_vec()),
            Cells::Float64(a) => (FLOAT, a.values().iter().map(|v| float_bits(*v)).collect()),
            _ => (NULL, Vec::new()),
        }
    }

    #[inline]
    fn is_null(&self, row: usize) -> bool {
        self.nulls.is_some_and(|nulls| nulls.is_null(row))
    }

    #[inline]
    pub(super) fn push(&self, row: usize, out: &mut Vec<u8>) -> Result<()> {
        if self.is_null(row) {
            out.push(NULL);
            return Ok(());
        }
        match &self.cells {
            Cells::Bool(a) => out.extend_from_slice(&[BOOL, u8::from(a.value(row))]),
            Cells::Int8(a) => word(SIGNED, i64::from(a.value(row)).to_be_bytes(), out),
            Cells::Int16(a) => word(SIGNED, i64::from(a.value(row)).to_be_bytes(), out),
            Cells::Int32(a) => word(SIGNED, i64::from(a.value(row)).to_be_bytes(), out),
            Cells::Int64(a) => word(SIGNED, a.value(row).to_be_bytes(), out),
            Cells::UInt64(a) => word(UNSIGNED, a.value(row).to_be_bytes(), out),
            Cells::Float64(a) => push_float(a.value(row), out),
            Cells::String(a) => sized(STRING, a.value(row).as_bytes(), out),
            Cells::Bytes(a) => sized(BYTES, a.value(row), out),
            Cells::Timestamp(a, utc) => {
                out.extend_from_slice(&[TIMESTAMP, u8::from(*utc)]);
                out.extend_from_slice(&(i128::from(a.value(row)) * 1_000_000).to_be_bytes());
            }
            Cells::List(a, element) => {
                let offsets = a.value_offsets();
                let (start, end) = (offsets[row] as usize, offsets[row + 1] as usize);
                tagged(LIST, &((end - start) as u64).to_be_bytes(), out);
                for i in start..end {
                    element.push(i, out)?;
                }
            }
            Cells::Struct(fields) => {
                out.push(STRUCT);
                for (id, form) in fields {
                    if !form.is_null(row) {
                        let [a, b, c, d] = id.to_be_bytes();
                        out.extend_from_slice(&[FIELD, a, b, c, d]);
                        form.push(row, out)?;
                    }
                }
                out.push(END);
            }
            Cells::Other(a, ty) => push_value_form(&value_at(*a, ty, row)?, ty, out)?,
        }
        Ok(())
    }
}
