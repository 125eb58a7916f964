use std::sync::Arc;

use alluvium_model::column::{arrow_type, column_of};
use arrow_array::types::*;
use arrow_array::*;
use arrow_buffer::{Buffer as Bytes, NullBuffer, OffsetBuffer, ScalarBuffer};
use arrow_schema::{DataType, TimeUnit};

use super::{Buffer, Data, Strings};
use alluvium_model::Result;

impl Buffer {
    /// Returns the column.
    ///
    /// # Errors
    /// What Arrow refuses; nothing, if values went through [`Buffer::push_value`] and the like.
    pub(crate) fn finish(self) -> Result<ArrayRef> {
        let (len, nulls) = (self.nulls.len, self.nulls.finish());
        let ty = arrow_type(&self.ty);
        Ok(match self.data {
            Data::Bool(values) => Arc::new(BooleanArray::new(values.into(), nulls)),
            Data::Int8(values) => primitive::<Int8Type>(values, nulls, ty),
            Data::Int16(values) => primitive::<Int16Type>(values, nulls, ty),
            Data::Int32(values) => match ty {
                DataType::Date32 => primitive::<Date32Type>(values, nulls, ty),
                DataType::Time32(_) => primitive::<Time32MillisecondType>(values, nulls, ty),
                _ => primitive::<Int32Type>(values, nulls, ty),
            },
            Data::Int64(values) => match ty {
                DataType::Time64(TimeUnit::Microsecond) => {
                    primitive::<Time64MicrosecondType>(values, nulls, ty)
                }
                DataType::Time64(_) => primitive::<Time64NanosecondType>(values, nulls, ty),
                DataType::Timestamp(TimeUnit::Millisecond, _) => {
                    primitive::<TimestampMillisecondType>(values, nulls, ty)
                }
                DataType::Timestamp(TimeUnit::Microsecond, _) => {
                    primitive::<TimestampMicrosecondType>(values, nulls, ty)
                }
                DataType::Timestamp(..) => primitive::<TimestampNanosecondType>(values, nulls, ty),
                _ => primitive::<Int64Type>(values, nulls, ty),
            },
            Data::Float32(values) => primitive::<Float32Type>(values, nulls, ty),
            Data::Float64(values) => primitive::<Float64Type>(values, nulls, ty),
            Data::Text(Strings { offsets, bytes }) => {
                Arc::new(StringArray::try_new(offsets_of(offsets), Bytes::from_vec(bytes), nulls)?)
            }
            Data::Binary(Strings { offsets, bytes }) => {
                Arc::new(BinaryArray::try_new(offsets_of(offsets), Bytes::from_vec(bytes), nulls)?)
            }
            Data::Window(starts, ends) => {
                let int64 = |values| primitive::<Int64Type>(values, None, DataType::Int64);
                assemble(ty, vec![int64(starts), int64(ends)], nulls, len)?
            }
            Data::Struct(slots) => {
                let columns = slots.into_iter().map(|slot| slot.buffer.finish()).collect::<Result<_>>()?;
                assemble(ty, columns, nulls, len)?
            }
            Data::Values(values) => column_of(&values, &self.ty)?,
        })
    }
}

fn primitive<T: ArrowPrimitiveType>(
    values: Vec<T::Native>,
    nulls: Option<NullBuffer>,
    ty: DataType,
) -> ArrayRef {
    Arc::new(PrimitiveArray::<T>::new(ScalarBuffer::from(values), nulls).with_data_type(ty))
}

fn offsets_of(offsets: Vec<i32>) -> OffsetBuffer<i32> {
    OffsetBuffer::new(ScalarBuffer::from(offsets))
}

fn assemble(ty: DataType, columns: Vec<ArrayRef>, nulls: Option<NullBuffer>, len: usize) -> Result<ArrayRef> {
    let DataType::Struct(fields) = ty else { return Ok(new_null_array(&ty, len)) };
    Ok(Arc::new(StructArray::try_new_with_length(fields, columns, nulls, len)?))
}
