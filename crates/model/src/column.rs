//! Logical types in Arrow: fields, and single values out of and into columns.

use arrow_array::{Array, ArrayRef};
use arrow_schema::{DataType, Field};

use crate::{LogicalType, Result, Value};

/// Returns the Arrow type that stores a logical type.
pub fn arrow_type(ty: &LogicalType) -> DataType {
    let _ = ty;
    unimplemented!()
}

/// Returns the Arrow field of a column; struct fields carry their ids as `PARQUET:field_id`.
pub fn arrow_field(name: &str, ty: &LogicalType, nullable: bool) -> Field {
    let _ = (name, ty, nullable);
    unimplemented!()
}

/// Reads one value of a column.
pub fn value_at(column: &dyn Array, ty: &LogicalType, row: usize) -> Result<Value> {
    let _ = (column, ty, row);
    unimplemented!()
}

/// Builds a column from single values.
pub fn column_of<'a>(values: impl IntoIterator<Item = &'a Value>, ty: &LogicalType) -> Result<ArrayRef> {
    let _ = (values.into_iter(), ty);
    unimplemented!()
}
