//! Bool, numbers, dates and timestamps.

use std::cmp::Ordering;

use arrow_array::builder::{BooleanBuilder, NullBufferBuilder};
use arrow_array::cast::AsArray;
use arrow_array::types::*;
use arrow_array::{Array, ArrayRef, ArrowPrimitiveType, BooleanArray, PrimitiveArray};
use arrow_buffer::ScalarBuffer;
use std::sync::Arc;

use super::support::{mismatch, wrong_column};
use super::{ColumnBuilder, ColumnReader, StateKey, StateType};
use crate::column::arrow_type;
use crate::key_group::java_hash;
use crate::{LogicalType, Result, Value};

/// An instant: milliseconds since 1970-01-01T00:00:00Z.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Timestamp(pub i64);

/// A day: days since 1970-01-01.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Date(pub i32);

/// A type that Arrow stores as a number of its own width.
pub trait Primitive: StateType {
    /// The Arrow type.
    type Arrow: ArrowPrimitiveType;

    /// Returns the stored number.
    fn to_native(&self) -> <Self::Arrow as ArrowPrimitiveType>::Native;

    /// Wraps a stored number.
    fn of_native(native: <Self::Arrow as ArrowPrimitiveType>::Native) -> Self;
}

/// Builds a column of numbers.
#[derive(Debug)]
pub struct PrimitiveColumn<A: ArrowPrimitiveType> {
    values: Vec<A::Native>,
    nulls: NullBufferBuilder,
}

impl<T: Primitive> ColumnBuilder<T> for PrimitiveColumn<T::Arrow> {
    fn with_capacity(rows: usize) -> Self {
        PrimitiveColumn { values: Vec::with_capacity(rows), nulls: NullBufferBuilder::new(rows) }
    }

    #[inline(always)]
    fn push(&mut self, value: &T) {
        self.values.push(value.to_native());
        self.nulls.append_non_null();
    }

    fn push_null(&mut self) {
        self.values.push(Default::default());
        self.nulls.append_null();
    }

    fn finish(&mut self) -> ArrayRef {
        let values = ScalarBuffer::from(std::mem::take(&mut self.values));
        let array = PrimitiveArray::<T::Arrow>::new(values, self.nulls.finish());
        Arc::new(array.with_data_type(arrow_type(&T::logical_type())))
    }
}

/// Reads a column of numbers.
#[derive(Debug)]
pub struct PrimitiveCells<A: ArrowPrimitiveType>(PrimitiveArray<A>);

impl<T: Primitive> ColumnReader<T> for PrimitiveCells<T::Arrow> {
    fn open(column: &ArrayRef) -> Result<Self> {
        let wanted = T::logical_type();
        match column.as_primitive_opt::<T::Arrow>() {
            Some(array) if *array.data_type() == arrow_type(&wanted) => Ok(PrimitiveCells(array.clone())),
            _ => Err(wrong_column(&wanted, column)),
        }
    }

    #[inline]
    fn get(&self, row: usize) -> T {
        T::of_native(self.0.value(row))
    }
}

macro_rules! number {
    ($rust:ty, $arrow:ty, $logical:expr, $variant:ident, $wide:ty, |$self:ident| $native:expr, $wrap:expr) => {
        impl Primitive for $rust {
            type Arrow = $arrow;

            #[inline]
            fn to_native(&self) -> <$arrow as ArrowPrimitiveType>::Native {
                let $self = self;
                $native
            }

            #[inline]
            fn of_native(native: <$arrow as ArrowPrimitiveType>::Native) -> Self {
                $wrap(native)
            }
        }

        impl StateType for $rust {
            type Builder = PrimitiveColumn<$arrow>;
            type Reader = PrimitiveCells<$arrow>;

            fn logical_type() -> LogicalType {
                $logical
            }

            fn to_value(&self) -> Value {
                Value::$variant(<$wide>::from(self.to_native()))
            }

            fn from_value(value: &Value) -> Result<Self> {
                let native = match value {
                    Value::$variant(v) => narrow(*v),
                    _ => None,
                };
                native.map($wrap).ok_or_else(|| mismatch::<Self>(value))
            }
        }
    };
}

fn narrow<W, N: TryFrom<W>>(wide: W) -> Option<N> {
    N::try_from(wide).ok()
}

fn itself<T>(native: T) -> T {
    native
}

number!(i8, Int8Type, LogicalType::Int8, Int, i64, |v| *v, itself);
number!(i16, Int16Type, LogicalType::Int16, Int, i64, |v| *v, itself);
number!(i32, Int32Type, LogicalType::Int32, Int, i64, |v| *v, itself);
number!(i64, Int64Type, LogicalType::Int64, Int, i64, |v| *v, itself);
number!(u8, UInt8Type, LogicalType::UInt8, UInt, u64, |v| *v, itself);
number!(u16, UInt16Type, LogicalType::UInt16, UInt, u64, |v| *v, itself);
number!(u32, UInt32Type, LogicalType::UInt32, UInt, u64, |v| *v, itself);
number!(u64, UInt64Type, LogicalType::UInt64, UInt, u64, |v| *v, itself);
number!(f32, Float32Type, LogicalType::Float32, Float32, f32, |v| *v, itself);
number!(f64, Float64Type, LogicalType::Float64, Float64, f64, |v| *v, itself);
number!(Timestamp, TimestampMillisecondType, LogicalType::timestamp_ms(), Int, i64, |v| v.0, Timestamp);
number!(Date, Date32Type, LogicalType::Date, Int, i64, |v| v.0, Date);

macro_rules! integer_key {
    ($rust:ty, $native:ty, $unsigned:ty, $flip:expr, |$self:ident| $inner:expr, $wrap:expr, $java:literal, $hash:expr) => {
        impl StateKey for $rust {
            const WIDTH: Option<usize> = Some(size_of::<$native>());
            const HAS_JAVA_HASH: bool = $java;
            const OF_WORD: Option<fn(u64) -> Self> =
                Some(|word| $wrap((word as $unsigned ^ $flip) as $native));

            #[inline]
            fn canonical(&self, out: &mut Vec<u8>) {
                let $self = self;
                out.extend_from_slice(&(($inner) as $unsigned ^ $flip).to_be_bytes());
            }

            #[inline]
            fn canonical_cmp(&self, other: &Self) -> Ordering {
                self.cmp(other)
            }

            #[inline]
            fn java_hash(&self) -> i32 {
                $hash(self)
            }

            #[inline]
            fn word(&self) -> u64 {
                let $self = self;
                u64::from(($inner) as $unsigned ^ $flip)
            }
        }
    };
}

fn fold(v: i64) -> i32 {
    (v ^ ((v as u64) >> 32) as i64) as i32
}

fn is_set(byte: u8) -> bool {
    byte != 0
}

fn none<T>(_: &T) -> i32 {
    0
}

fn by_value<T: StateType>(key: &T) -> i32 {
    java_hash(&key.to_value(), &T::logical_type()).unwrap_or_default()
}

integer_key!(i8, i8, u8, 1 << 7, |v| *v, itself, true, |v: &i8| i32::from(*v));
integer_key!(i16, i16, u16, 1 << 15, |v| *v, itself, true, |v: &i16| i32::from(*v));
integer_key!(i32, i32, u32, 1 << 31, |v| *v, itself, true, |v: &i32| *v);
integer_key!(i64, i64, u64, 1 << 63, |v| *v, itself, true, |v: &i64| fold(*v));
integer_key!(u8, u8, u8, 0, |v| *v, itself, false, none);
integer_key!(u16, u16, u16, 0, |v| *v, itself, false, none);
integer_key!(u32, u32, u32, 0, |v| *v, itself, false, none);
integer_key!(u64, u64, u64, 0, |v| *v, itself, false, none);
integer_key!(bool, u8, u8, 0, |v| *v, is_set, true, |v: &bool| if *v { 1231 } else { 1237 });
integer_key!(Timestamp, i64, u64, 1 << 63, |v| v.0, Timestamp, true, by_value);
integer_key!(Date, i32, u32, 1 << 31, |v| v.0, Date, true, by_value);

/// Builds a column of bools.
#[derive(Debug)]
pub struct BoolColumn(BooleanBuilder);

impl ColumnBuilder<bool> for BoolColumn {
    fn with_capacity(rows: usize) -> Self {
        BoolColumn(BooleanBuilder::with_capacity(rows))
    }

    fn push(&mut self, value: &bool) {
        self.0.append_value(*value);
    }

    fn push_null(&mut self) {
        self.0.append_null();
    }

    fn finish(&mut self) -> ArrayRef {
        Arc::new(self.0.finish())
    }
}

/// Reads a column of bools.
#[derive(Debug)]
pub struct BoolCells(BooleanArray);

impl ColumnReader<bool> for BoolCells {
    fn open(column: &ArrayRef) -> Result<Self> {
        let array = column.as_boolean_opt().ok_or_else(|| wrong_column(&LogicalType::Bool, column))?;
        Ok(BoolCells(array.clone()))
    }

    fn get(&self, row: usize) -> bool {
        self.0.value(row)
    }
}

impl StateType for bool {
    type Builder = BoolColumn;
    type Reader = BoolCells;

    fn logical_type() -> LogicalType {
        LogicalType::Bool
    }

    fn to_value(&self) -> Value {
        Value::Bool(*self)
    }

    fn from_value(value: &Value) -> Result<Self> {
        match value {
            Value::Bool(v) => Ok(*v),
            other => Err(mismatch::<Self>(other)),
        }
    }
}
