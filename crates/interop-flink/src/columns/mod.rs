//! Columns under construction, filled straight from stored bytes.
//!
//! A [`Buffer`] holds the values of one place of a logical type as Arrow will: numbers side by side,
//! texts with their offsets, structs by their fields. Types without such a form here (lists, maps,
//! enums, large numbers) are held as single values and built at the end, like those of the slow path.
//! What is half appended is taken back by [`Buffer::truncate`].

mod finish;
mod sorted;
mod value;

use alluvium_model::{ElementType, LogicalType, TimeUnit, Value, canonical};
use arrow_buffer::{BooleanBufferBuilder, NullBuffer};

pub(crate) use sorted::{Pending, Staged};

/// First byte of the canonical form of a struct, and of what is there where it may be null.
const PRESENT: u8 = 0x01;
/// The canonical form of null where it may stand.
const ABSENT: u8 = 0x00;

/// A column under construction.
#[derive(Debug)]
pub(crate) struct Buffer {
    pub(crate) data: Data,
    nulls: Nulls,
    ty: LogicalType,
}

/// The values of a column; where it is null they hold anything.
#[derive(Debug)]
pub(crate) enum Data {
    Bool(Vec<bool>),
    Int8(Vec<i8>),
    Int16(Vec<i16>),
    Int32(Vec<i32>),
    Int64(Vec<i64>),
    Float32(Vec<f32>),
    Float64(Vec<f64>),
    /// UTF-8.
    Text(Strings),
    Binary(Strings),
    Window(Vec<i64>, Vec<i64>),
    Struct(Vec<Slot>),
    Values(Vec<Value>),
}

/// A field of a struct.
#[derive(Debug)]
pub(crate) struct Slot {
    pub(crate) nullable: bool,
    pub(crate) buffer: Buffer,
}

/// How many values there are, and which of them are null: few, mostly.
#[derive(Debug, Default)]
struct Nulls {
    len: usize,
    /// Rows, ascending.
    rows: Vec<usize>,
}

impl Nulls {
    #[inline]
    fn is_last(&self, row: usize) -> bool {
        self.rows.last() == Some(&row)
    }

    fn finish(&self) -> Option<NullBuffer> {
        if self.rows.is_empty() {
            return None;
        }
        let mut bits = BooleanBufferBuilder::new(self.len);
        bits.append_n(self.len, true);
        self.rows.iter().for_each(|row| bits.set_bit(*row, false));
        Some(NullBuffer::new(bits.finish()))
    }
}

/// Byte strings one behind the other.
#[derive(Debug)]
pub(crate) struct Strings {
    offsets: Vec<i32>,
    pub(crate) bytes: Vec<u8>,
}

impl Strings {
    fn new() -> Self {
        Strings { offsets: vec![0], bytes: Vec::new() }
    }

    /// Ends the string whose bytes were appended; none if there are more than 2 GiB.
    #[inline]
    pub(crate) fn end(&mut self) -> Option<()> {
        self.offsets.push(i32::try_from(self.bytes.len()).ok()?);
        Some(())
    }

    fn get(&self, row: usize) -> Option<&[u8]> {
        let (from, to) = (*self.offsets.get(row)?, *self.offsets.get(row + 1)?);
        self.bytes.get(usize::try_from(from).ok()?..usize::try_from(to).ok()?)
    }

    fn truncate(&mut self, len: usize) {
        self.offsets.truncate(len + 1);
        let end = self.offsets.last().and_then(|end| usize::try_from(*end).ok()).unwrap_or(0);
        self.bytes.truncate(end);
    }
}

impl Buffer {
    /// Starts a column of a type.
    pub(crate) fn new(ty: &LogicalType) -> Self {
        use LogicalType as T;
        let slot = |ty: &ElementType| Slot { nullable: ty.nullable, buffer: Buffer::new(&ty.ty) };
        let data = match ty {
            T::Bool => Data::Bool(Vec::new()),
            T::Int8 => Data::Int8(Vec::new()),
            T::Int16 => Data::Int16(Vec::new()),
            T::Int32 | T::Date | T::Time(TimeUnit::Milli) => Data::Int32(Vec::new()),
            T::Int64 | T::Time(_) | T::Timestamp { .. } => Data::Int64(Vec::new()),
            T::Float32 => Data::Float32(Vec::new()),
            T::Float64 => Data::Float64(Vec::new()),
            T::String => Data::Text(Strings::new()),
            T::Bytes => Data::Binary(Strings::new()),
            T::TimeWindow => Data::Window(Vec::new(), Vec::new()),
            T::Struct(fields) => Data::Struct(fields.fields.iter().map(|field| slot(&field.ty)).collect()),
            T::Tuple(types) => Data::Struct(types.iter().map(slot).collect()),
            _ => Data::Values(Vec::new()),
        };
        Buffer { data, nulls: Nulls::default(), ty: ty.clone() }
    }

    /// Notes that a value was appended to the data.
    #[inline]
    pub(crate) fn valid(&mut self) {
        self.nulls.len += 1;
    }

    /// Returns whether the last value is null.
    #[inline]
    pub(crate) fn last_is_null(&self) -> bool {
        self.nulls.len.checked_sub(1).is_some_and(|last| self.nulls.is_last(last))
    }

    /// Appends a null.
    pub(crate) fn push_null(&mut self) {
        match &mut self.data {
            Data::Bool(values) => values.push(false),
            Data::Int8(values) => values.push(0),
            Data::Int16(values) => values.push(0),
            Data::Int32(values) => values.push(0),
            Data::Int64(values) => values.push(0),
            Data::Float32(values) => values.push(0.0),
            Data::Float64(values) => values.push(0.0),
            Data::Text(values) | Data::Binary(values) => {
                let end = values.offsets.last().copied().unwrap_or(0);
                values.offsets.push(end);
            }
            Data::Window(starts, ends) => {
                starts.push(0);
                ends.push(0);
            }
            Data::Struct(slots) => slots.iter_mut().for_each(|slot| slot.buffer.push_null()),
            Data::Values(values) => values.push(Value::Null),
        }
        self.nulls.rows.push(self.nulls.len);
        self.nulls.len += 1;
    }

    /// Takes back everything behind the first `len` values, and what was half appended.
    pub(crate) fn truncate(&mut self, len: usize) {
        match &mut self.data {
            Data::Bool(values) => values.truncate(len),
            Data::Int8(values) => values.truncate(len),
            Data::Int16(values) => values.truncate(len),
            Data::Int32(values) => values.truncate(len),
            Data::Int64(values) => values.truncate(len),
            Data::Float32(values) => values.truncate(len),
            Data::Float64(values) => values.truncate(len),
            Data::Text(values) | Data::Binary(values) => values.truncate(len),
            Data::Window(starts, ends) => {
                starts.truncate(len);
                ends.truncate(len);
            }
            Data::Struct(slots) => slots.iter_mut().for_each(|slot| slot.buffer.truncate(len)),
            Data::Values(values) => values.truncate(len),
        }
        self.nulls.len = self.nulls.len.min(len);
        let nulls = self.nulls.rows.partition_point(|row| *row < len);
        self.nulls.rows.truncate(nulls);
    }

    /// Appends the canonical bytes of the last value, which is of a row; none for a null, and for what has no
    /// such form.
    ///
    /// Spec: CANON-1 to CANON-21.
    pub(crate) fn canonical(&self, row: usize, out: &mut Vec<u8>) -> Option<()> {
        if self.nulls.is_last(row) {
            return None;
        }
        match &self.data {
            Data::Bool(values) => out.push(u8::from(*values.get(row)?)),
            Data::Int8(values) => out.push(values.get(row)?.cast_unsigned() ^ 0x80),
            Data::Int16(values) => {
                out.extend_from_slice(&(values.get(row)?.cast_unsigned() ^ 0x8000).to_be_bytes());
            }
            Data::Int32(values) => {
                out.extend_from_slice(&(values.get(row)?.cast_unsigned() ^ 1 << 31).to_be_bytes());
            }
            Data::Int64(values) => {
                out.extend_from_slice(&(values.get(row)?.cast_unsigned() ^ 1 << 63).to_be_bytes());
            }
            Data::Float32(values) => canonical::push_f32(*values.get(row)?, out),
            Data::Float64(values) => canonical::push_f64(*values.get(row)?, out),
            Data::Text(values) | Data::Binary(values) => canonical::push_escaped(values.get(row)?, out),
            Data::Window(starts, ends) => {
                canonical::push_i64(*starts.get(row)?, out);
                canonical::push_i64(*ends.get(row)?, out);
            }
            Data::Struct(slots) => {
                out.push(PRESENT);
                for Slot { nullable, buffer } in slots {
                    if *nullable && buffer.nulls.is_last(row) {
                        out.push(ABSENT);
                        continue;
                    }
                    if *nullable {
                        out.push(PRESENT);
                    }
                    buffer.canonical(row, out)?;
                }
            }
            Data::Values(values) => canonical::encode(values.get(row)?, &self.ty, out).ok()?,
        }
        Some(())
    }
}
