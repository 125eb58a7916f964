//! Places that may be null.

use std::cmp::Ordering;

use arrow_array::{Array, ArrayRef};
use arrow_buffer::NullBuffer;

use super::{ColumnBuilder, ColumnReader, StateKey, StateType};
use crate::canonical::{ABSENT, PRESENT};
use crate::{LogicalType, Result, Value};

/// Builds a column whose values may be null.
#[derive(Debug)]
pub struct OptionColumn<B>(B);

impl<T: StateType> ColumnBuilder<Option<T>> for OptionColumn<T::Builder> {
    fn with_capacity(rows: usize) -> Self {
        OptionColumn(T::Builder::with_capacity(rows))
    }

    fn push(&mut self, value: &Option<T>) {
        match value {
            Some(value) => self.0.push(value),
            None => self.0.push_null(),
        }
    }

    fn push_null(&mut self) {
        self.0.push_null();
    }

    fn bytes(&self) -> usize {
        self.0.bytes()
    }

    fn finish(&mut self) -> ArrayRef {
        self.0.finish()
    }
}

/// Reads a column whose values may be null.
#[derive(Debug)]
pub struct OptionCells<R> {
    nulls: Option<NullBuffer>,
    values: R,
}

impl<T: StateType> ColumnReader<Option<T>> for OptionCells<T::Reader> {
    fn open(column: &ArrayRef) -> Result<Self> {
        Ok(OptionCells { nulls: column.nulls().cloned(), values: T::Reader::open(column)? })
    }

    fn get(&self, row: usize) -> Option<T> {
        let valid = self.nulls.as_ref().is_none_or(|nulls| nulls.is_valid(row));
        valid.then(|| self.values.get(row))
    }
}

impl<T: StateType> StateType for Option<T> {
    type Builder = OptionColumn<T::Builder>;
    type Reader = OptionCells<T::Reader>;

    const NULLABLE: bool = {
        assert!(!T::NULLABLE, "an option of an option has no form in a table");
        true
    };

    fn logical_type() -> LogicalType {
        T::logical_type()
    }

    fn to_value(&self) -> Value {
        self.as_ref().map_or(Value::Null, T::to_value)
    }

    fn from_value(value: &Value) -> Result<Self> {
        match value {
            Value::Null => Ok(None),
            other => T::from_value(other).map(Some),
        }
    }
}

impl<T: StateKey> StateKey for Option<T> {
    const HAS_JAVA_HASH: bool = T::HAS_JAVA_HASH;

    fn canonical(&self, out: &mut Vec<u8>) {
        match self {
            None => out.push(ABSENT),
            Some(value) => {
                out.push(PRESENT);
                value.canonical(out);
            }
        }
    }

    fn canonical_cmp(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Some(a), Some(b)) => a.canonical_cmp(b),
            (a, b) => a.is_some().cmp(&b.is_some()),
        }
    }

    fn java_hash(&self) -> i32 {
        self.as_ref().map_or(0, T::java_hash)
    }
}
