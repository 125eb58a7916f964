use alluvium_dataflow::{OperatorError, OperatorResult};
use alluvium_model::ErrorKind;
use arrow_array::cast::AsArray;
use arrow_array::types::{
    Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, TimestampMicrosecondType,
    TimestampMillisecondType, TimestampNanosecondType, TimestampSecondType, UInt8Type, UInt16Type,
    UInt32Type,
};
use arrow_array::{Array, ArrayRef, RecordBatch};
use arrow_schema::{DataType, TimeUnit};

/// The columns of some rows of a file, by name, for a function that makes records of them.
pub struct Columns<'a> {
    rows: &'a RecordBatch,
}

impl<'a> Columns<'a> {
    pub(crate) fn new(rows: &'a RecordBatch) -> Self {
        Columns { rows }
    }

    /// Returns the number of rows.
    pub fn len(&self) -> usize {
        self.rows.num_rows()
    }

    /// Returns whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns a column of text.
    ///
    /// # Errors
    /// [`ErrorKind::Input`] when there is no such column or it is of another type; the same for the
    /// other columns.
    pub fn text(&self, name: &str) -> OperatorResult<TextColumn<'a>> {
        let column = self.column(name)?;
        match column.data_type() {
            DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => Ok(TextColumn(column)),
            other => Err(odd(name, "text", other)),
        }
    }

    /// Returns a column of integers of any width up to 64 bits, signed.
    ///
    /// # Errors
    /// As for [`Columns::text`].
    pub fn integer(&self, name: &str) -> OperatorResult<IntegerColumn> {
        let column = self.column(name)?;
        let values = widened(column).ok_or_else(|| odd(name, "integers", column.data_type()))?;
        Ok(IntegerColumn(values))
    }

    /// Returns a column of instants as milliseconds since 1970-01-01T00:00:00Z.
    ///
    /// # Errors
    /// As for [`Columns::text`].
    pub fn timestamp_ms(&self, name: &str) -> OperatorResult<IntegerColumn> {
        let column = self.column(name)?;
        let values = milliseconds(column).ok_or_else(|| odd(name, "timestamps", column.data_type()))?;
        Ok(IntegerColumn(values))
    }

    /// Returns a column of floating-point numbers.
    ///
    /// # Errors
    /// As for [`Columns::text`].
    pub fn float(&self, name: &str) -> OperatorResult<FloatColumn> {
        let column = self.column(name)?;
        let values = if let Some(values) = column.as_primitive_opt::<Float64Type>() {
            values.iter().collect()
        } else if let Some(values) = column.as_primitive_opt::<Float32Type>() {
            values.iter().map(|v| v.map(f64::from)).collect()
        } else {
            return Err(odd(name, "floats", column.data_type()));
        };
        Ok(FloatColumn(values))
    }

    fn column(&self, name: &str) -> OperatorResult<&'a ArrayRef> {
        self.rows
            .column_by_name(name)
            .ok_or_else(|| OperatorError::new(ErrorKind::Input, format!("the file has no column {name}")))
    }
}

/// A column of text.
pub struct TextColumn<'a>(&'a ArrayRef);

impl<'a> TextColumn<'a> {
    /// Returns the text of a row; none where it is null.
    ///
    /// # Panics
    /// When `row` is not below the number of rows.
    pub fn get(&self, row: usize) -> Option<&'a str> {
        if self.0.is_null(row) {
            return None;
        }
        match self.0.data_type() {
            DataType::Utf8 => Some(self.0.as_string::<i32>().value(row)),
            DataType::LargeUtf8 => Some(self.0.as_string::<i64>().value(row)),
            _ => Some(self.0.as_string_view().value(row)),
        }
    }
}

/// A column of integers.
pub struct IntegerColumn(Vec<Option<i64>>);

impl IntegerColumn {
    /// Returns the number of a row; none where it is null or there is no such row.
    pub fn get(&self, row: usize) -> Option<i64> {
        self.0.get(row).copied().flatten()
    }
}

/// A column of floating-point numbers.
pub struct FloatColumn(Vec<Option<f64>>);

impl FloatColumn {
    /// Returns the number of a row; none where it is null or there is no such row.
    pub fn get(&self, row: usize) -> Option<f64> {
        self.0.get(row).copied().flatten()
    }
}

fn odd(name: &str, wanted: &str, found: &DataType) -> OperatorError {
    OperatorError::new(ErrorKind::Input, format!("column {name} of the file: wanted {wanted}, found {found}"))
}

fn widened(column: &ArrayRef) -> Option<Vec<Option<i64>>> {
    macro_rules! values {
        ($ty:ty) => {
            column.as_primitive_opt::<$ty>()?.iter().map(|v| v.map(i64::from)).collect()
        };
    }
    Some(match column.data_type() {
        DataType::Int8 => values!(Int8Type),
        DataType::Int16 => values!(Int16Type),
        DataType::Int32 => values!(Int32Type),
        DataType::Int64 => values!(Int64Type),
        DataType::UInt8 => values!(UInt8Type),
        DataType::UInt16 => values!(UInt16Type),
        DataType::UInt32 => values!(UInt32Type),
        _ => return None,
    })
}

fn milliseconds(column: &ArrayRef) -> Option<Vec<Option<i64>>> {
    macro_rules! values {
        ($ty:ty, $of:expr) => {
            column.as_primitive_opt::<$ty>()?.iter().map(|v| v.map($of)).collect()
        };
    }
    let DataType::Timestamp(unit, _) = column.data_type() else { return None };
    Some(match unit {
        TimeUnit::Second => values!(TimestampSecondType, |v: i64| v.saturating_mul(1000)),
        TimeUnit::Millisecond => values!(TimestampMillisecondType, |v: i64| v),
        TimeUnit::Microsecond => values!(TimestampMicrosecondType, |v: i64| v.div_euclid(1000)),
        TimeUnit::Nanosecond => values!(TimestampNanosecondType, |v: i64| v.div_euclid(1_000_000)),
    })
}
