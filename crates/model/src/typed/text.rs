//! Text and bytes.

use std::cmp::Ordering;
use std::sync::Arc;

use arrow_array::builder::{BinaryBuilder, StringBuilder};
use arrow_array::cast::AsArray;
use arrow_array::{ArrayRef, BinaryArray, StringArray};

use super::support::{mismatch, wrong_column};
use super::{ColumnBuilder, ColumnReader, StateKey, StateType};
use crate::canonical::push_escaped;
use crate::{LogicalType, Result, Value};

/// Bytes as one value, where a `Vec<u8>` is a list of small numbers.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Bytes(pub Vec<u8>);

/// Builds a column of text.
#[derive(Debug)]
pub struct StringColumn(StringBuilder);

impl ColumnBuilder<String> for StringColumn {
    fn with_capacity(rows: usize) -> Self {
        StringColumn(StringBuilder::with_capacity(rows, rows * 8))
    }

    fn push(&mut self, value: &String) {
        self.0.append_value(value);
    }

    fn push_null(&mut self) {
        self.0.append_null();
    }

    fn bytes(&self) -> usize {
        self.0.values_slice().len()
    }

    fn finish(&mut self) -> ArrayRef {
        Arc::new(self.0.finish())
    }
}

/// Reads a column of text.
#[derive(Debug)]
pub struct StringCells(StringArray);

impl ColumnReader<String> for StringCells {
    fn open(column: &ArrayRef) -> Result<Self> {
        let array =
            column.as_string_opt::<i32>().ok_or_else(|| wrong_column(&LogicalType::String, column))?;
        Ok(StringCells(array.clone()))
    }

    fn get(&self, row: usize) -> String {
        self.0.value(row).to_owned()
    }

    fn read_into(&self, row: usize, value: &mut String) {
        value.clear();
        value.push_str(self.0.value(row));
    }

    fn matches(&self, row: usize, value: &String) -> bool {
        self.0.value(row) == value
    }
}

impl StateType for String {
    type Builder = StringColumn;
    type Reader = StringCells;

    fn logical_type() -> LogicalType {
        LogicalType::String
    }

    fn to_value(&self) -> Value {
        Value::String(self.clone())
    }

    fn from_value(value: &Value) -> Result<Self> {
        match value {
            Value::String(v) => Ok(v.clone()),
            other => Err(mismatch::<Self>(other)),
        }
    }
}

impl StateKey for String {
    const HAS_JAVA_HASH: bool = true;

    fn canonical(&self, out: &mut Vec<u8>) {
        push_escaped(self.as_bytes(), out);
    }

    fn canonical_cmp(&self, other: &Self) -> Ordering {
        self.cmp(other)
    }

    fn java_hash(&self) -> i32 {
        self.encode_utf16().fold(0, |hash, unit| i32::wrapping_mul(hash, 31).wrapping_add(i32::from(unit)))
    }
}

/// Builds a column of bytes.
#[derive(Debug)]
pub struct BytesColumn(BinaryBuilder);

impl ColumnBuilder<Bytes> for BytesColumn {
    fn with_capacity(rows: usize) -> Self {
        BytesColumn(BinaryBuilder::with_capacity(rows, rows * 8))
    }

    fn push(&mut self, value: &Bytes) {
        self.0.append_value(&value.0);
    }

    fn push_null(&mut self) {
        self.0.append_null();
    }

    fn bytes(&self) -> usize {
        self.0.values_slice().len()
    }

    fn finish(&mut self) -> ArrayRef {
        Arc::new(self.0.finish())
    }
}

/// Reads a column of bytes.
#[derive(Debug)]
pub struct BytesCells(BinaryArray);

impl ColumnReader<Bytes> for BytesCells {
    fn open(column: &ArrayRef) -> Result<Self> {
        let array = column.as_binary_opt::<i32>().ok_or_else(|| wrong_column(&LogicalType::Bytes, column))?;
        Ok(BytesCells(array.clone()))
    }

    fn get(&self, row: usize) -> Bytes {
        Bytes(self.0.value(row).to_vec())
    }

    fn matches(&self, row: usize, value: &Bytes) -> bool {
        self.0.value(row) == value.0
    }
}

impl StateType for Bytes {
    type Builder = BytesColumn;
    type Reader = BytesCells;

    fn logical_type() -> LogicalType {
        LogicalType::Bytes
    }

    fn to_value(&self) -> Value {
        Value::Bytes(self.0.clone())
    }

    fn from_value(value: &Value) -> Result<Self> {
        match value {
            Value::Bytes(v) => Ok(Bytes(v.clone())),
            other => Err(mismatch::<Self>(other)),
        }
    }
}

impl StateKey for Bytes {
    const HAS_JAVA_HASH: bool = false;

    fn canonical(&self, out: &mut Vec<u8>) {
        push_escaped(&self.0, out);
    }

    fn canonical_cmp(&self, other: &Self) -> Ordering {
        self.cmp(other)
    }

    fn java_hash(&self) -> i32 {
        0
    }
}
