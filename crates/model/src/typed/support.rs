//! What derived and generic implementations share; not part of the public interface.

use std::sync::Arc;

pub use arrow_array::ArrayRef;
use arrow_array::builder::{NullBufferBuilder, StringBuilder};
use arrow_array::cast::AsArray;
use arrow_array::{Array, StructArray};
use arrow_buffer::NullBuffer;

use super::{ColumnReader, StateType};
use crate::column::struct_fields;
use crate::{EnumType, Error, Field, LogicalType, Result, Value};

/// First canonical byte of a struct.
pub const STRUCT_START: u8 = crate::canonical::PRESENT;

/// An error about a value of the wrong type.
pub fn mismatch<T: StateType>(found: &Value) -> Error {
    crate::canonical::mismatch(&T::logical_type(), found)
}

/// An error about a column of the wrong type.
pub fn wrong_column(wanted: &LogicalType, column: &ArrayRef) -> Error {
    Error::Mismatch {
        path: "column".into(),
        wanted: wanted.to_string(),
        found: column.data_type().to_string(),
    }
}

/// Makes a field of a derived struct.
pub fn field<T: StateType>(id: u32, name: &str, aliases: &[&str]) -> Field {
    let aliases = aliases.iter().map(|alias| (*alias).to_owned()).collect();
    Field { id, name: name.to_owned(), aliases, ty: T::element_type() }
}

/// Which rows of a struct column are not null.
#[derive(Debug)]
pub struct Validity(NullBufferBuilder);

impl Validity {
    /// Starts without rows.
    pub fn with_capacity(rows: usize) -> Self {
        Validity(NullBufferBuilder::new(rows))
    }

    /// Appends a row.
    #[inline]
    pub fn push(&mut self, valid: bool) {
        self.0.append(valid);
    }

    /// Returns the number of rows since the last [`Validity::finish`].
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Returns whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns the nulls, if any, and starts over.
    pub fn finish(&mut self) -> Option<NullBuffer> {
        self.0.finish()
    }
}

/// Joins the columns of a struct or tuple.
pub fn finish_struct(ty: &LogicalType, columns: Vec<ArrayRef>, validity: &mut Validity) -> ArrayRef {
    let rows = validity.len();
    let array = StructArray::try_new_with_length(struct_fields(ty), columns, validity.finish(), rows);
    Arc::new(array.expect("builders of the fields give columns of the types and lengths of the struct"))
}

/// The fields of a struct column, found by name.
#[derive(Debug)]
pub struct StructCells(StructArray);

impl StructCells {
    /// Opens a struct column.
    ///
    /// # Errors
    /// [`Error::Mismatch`] when it is none.
    pub fn open(wanted: &LogicalType, column: &ArrayRef) -> Result<Self> {
        column.as_struct_opt().cloned().map(StructCells).ok_or_else(|| wrong_column(wanted, column))
    }

    /// Opens a field.
    ///
    /// # Errors
    /// [`Error::Mismatch`] when there is none of that name, or it has another type.
    pub fn field<T: StateType>(&self, name: &str) -> Result<T::Reader> {
        let missing = || Error::Mismatch {
            path: name.to_owned(),
            wanted: T::logical_type().to_string(),
            found: "no such field".into(),
        };
        T::Reader::open(self.0.column_by_name(name).ok_or_else(missing)?)
    }
}

/// Returns the parts of a struct or tuple.
///
/// # Errors
/// [`Error::Mismatch`] when the value is none of so many parts.
pub fn parts<T: StateType>(value: &Value, len: usize) -> Result<&[Value]> {
    match value {
        Value::Struct(parts) if parts.len() == len => Ok(parts),
        other => Err(mismatch::<T>(other)),
    }
}

/// Returns the hash code of a Flink tuple from those of its fields.
pub fn tuple_hash(fields: &[i32]) -> i32 {
    let chain = |hash: i32, field: &i32| hash.wrapping_mul(31).wrapping_add(*field);
    fields.split_first().map_or(0, |(first, rest)| rest.iter().fold(*first, chain))
}

/// Returns the sum of widths, if all have one.
pub const fn width(fields: &[Option<usize>]) -> Option<usize> {
    let mut sum = 1;
    let mut i = 0;
    while i < fields.len() {
        match fields[i] {
            Some(width) => sum += width,
            None => return None,
        }
        i += 1;
    }
    Some(sum)
}

/// Returns the type of an enum of these symbols.
pub fn enum_type(symbols: &[&str]) -> LogicalType {
    LogicalType::Enum(EnumType { symbols: symbols.iter().map(|s| (*s).to_owned()).collect() })
}

/// Builds a column of enum symbols.
#[derive(Debug)]
pub struct EnumColumn(StringBuilder);

impl EnumColumn {
    /// Starts a column.
    pub fn with_capacity(rows: usize) -> Self {
        EnumColumn(StringBuilder::with_capacity(rows, rows * 8))
    }

    /// Appends a symbol or a null.
    pub fn push(&mut self, symbol: Option<&str>) {
        self.0.append_option(symbol);
    }

    /// Returns the column.
    pub fn finish(&mut self) -> ArrayRef {
        Arc::new(self.0.finish())
    }
}

/// Returns the position of each row's symbol; 0 where it is null.
///
/// # Errors
/// [`Error::Mismatch`] for a column that is no text, or an unknown symbol.
pub fn ordinals(column: &ArrayRef, symbols: &[&str]) -> Result<Vec<u32>> {
    let wanted = || enum_type(symbols);
    let array = column.as_string_opt::<i32>().ok_or_else(|| wrong_column(&wanted(), column))?;
    let ordinal = |symbol: Option<&str>| match symbol {
        None => Ok(0),
        Some(symbol) => symbols.iter().position(|s| *s == symbol).map(|i| i as u32).ok_or_else(|| {
            Error::Mismatch { path: "enum".into(), wanted: wanted().to_string(), found: symbol.to_owned() }
        }),
    };
    array.iter().map(ordinal).collect()
}
