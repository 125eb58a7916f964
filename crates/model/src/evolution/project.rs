use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::*;
use arrow_array::{
    Array, ArrayRef, ArrowPrimitiveType, BinaryArray, Int64Array, ListArray, MapArray, RecordBatch,
    StructArray, new_null_array,
};
use arrow_schema::DataType;

use crate::column::arrow_type;
use crate::{ElementType, Error, LogicalType, Result, Role, RowBatch, StateSchema};

/// How a column of an old type becomes one of a new type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// The same column.
    Keep,
    /// Every number in a wider type.
    Widen,
    /// The elements change.
    List(Box<Change>),
    /// Keys and values change.
    Map(Box<(Change, Change)>),
    /// The sides change.
    Either(Box<(Change, Change)>),
    /// Where each new field comes from.
    Struct(Vec<Source>),
}

/// Where a field of a new struct comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// The old field at a position, changed.
    Field(usize, Change),
    /// Nowhere: it is null in every old row.
    Null,
}

/// How rows of an old schema become rows of a new one.
///
/// Sort keys are kept, because keys never change.
#[derive(Debug, Clone)]
pub struct Projection {
    pub(super) old: Arc<StateSchema>,
    pub(super) new: Arc<StateSchema>,
    pub(super) key: Change,
    pub(super) namespace: Change,
    pub(super) map_key: Change,
    pub(super) value: Change,
    /// Whether values keep their meaning, so that original bytes still stand for them: at most names
    /// and ids of fields differ.
    pub(super) value_kept: bool,
    pub(super) last_access_ms: Option<i64>,
}

impl Projection {
    /// Sets the time of last access that rows get where the old state had no time to live and the
    /// new one has: normally the time of the restore.
    pub fn with_last_access_ms(mut self, last_access_ms: i64) -> Self {
        self.last_access_ms = Some(last_access_ms);
        self
    }

    /// Returns the schema of projected rows.
    pub fn schema(&self) -> &Arc<StateSchema> {
        &self.new
    }

    /// Returns whether rows pass through unchanged.
    pub fn is_identity(&self) -> bool {
        self.old == self.new
    }

    /// Projects one column.
    ///
    /// # Errors
    /// [`Error::Mismatch`] when the column is not of the old type of its role.
    pub fn project_column(&self, role: Role, column: &ArrayRef) -> Result<ArrayRef> {
        match (role, &self.new.key, &self.new.namespace, &self.new.map_key, &self.new.value) {
            (Role::Key, Some(ty), ..) => project(column, &self.key, ty),
            (Role::Namespace, _, Some(ty), ..) => project(column, &self.namespace, ty),
            (Role::MapKey, _, _, Some(ty), _) => project(column, &self.map_key, ty),
            (Role::Value, .., Some(ty)) => project(column, &self.value, &ty.ty),
            _ => Ok(Arc::clone(column)),
        }
    }

    /// Projects a batch; the sort keys and their order stay.
    ///
    /// # Errors
    /// [`Error::Mismatch`] when a row is opaque and the new schema has no place for it or changes
    /// its type, and when a time of last access is needed and none was set; [`Error::Layout`] when
    /// the batch is not of the old schema.
    ///
    /// Spec: EVOL-4.
    pub fn project_batch(&self, batch: &RowBatch) -> Result<RowBatch> {
        if self.is_identity() {
            return Ok(batch.clone());
        }
        self.check_raw(batch)?;
        let deltas = batch.has_ops();
        let columns = self.new.roles(deltas).into_iter().map(|role| self.column(batch, role));
        let columns = columns.collect::<Result<Vec<_>>>()?;
        let rows = RecordBatch::try_new(self.new.arrow_schema(deltas), columns)?;
        RowBatch::new(Arc::clone(&self.new), deltas, rows, batch.sort_keys().clone())
    }

    fn column(&self, batch: &RowBatch, role: Role) -> Result<ArrayRef> {
        let rows = batch.len();
        match (role, batch.column(role)) {
            (Role::ValueRaw, Some(_)) if !self.value_kept => Ok(Arc::new(BinaryArray::new_null(rows))),
            (_, Some(column)) => self.project_column(role, column),
            (Role::KeyRaw | Role::NamespaceRaw | Role::MapKeyRaw | Role::ValueRaw, None) => {
                Ok(Arc::new(BinaryArray::new_null(rows)))
            }
            (Role::LastAccess, None) => {
                let time = self.last_access_ms.ok_or_else(|| Error::Mismatch {
                    path: self.new.name.clone(),
                    wanted: "a time of last access for rows without one".into(),
                    found: "none".into(),
                })?;
                Ok(Arc::new(Int64Array::from_value(time, rows)))
            }
            (role, None) => Err(Error::Layout {
                state: self.old.name.clone(),
                column: role.name().into(),
                found: "no such column".into(),
            }),
        }
    }

    /// Refuses opaque rows that the new schema cannot hold.
    fn check_raw(&self, batch: &RowBatch) -> Result<()> {
        for (raw, typed) in [
            (Role::KeyRaw, Role::Key),
            (Role::NamespaceRaw, Role::Namespace),
            (Role::MapKeyRaw, Role::MapKey),
            (Role::ValueRaw, Role::Value),
        ] {
            let kept = self.new.raw.contains(&raw) && (raw != Role::ValueRaw || self.value_kept);
            let (Some(raw), Some(typed), false) = (batch.column(raw), batch.column(typed), kept) else {
                continue;
            };
            if let Some(row) = (0..batch.len()).find(|row| raw.is_valid(*row) && typed.is_null(*row)) {
                return Err(Error::Mismatch {
                    path: format!("{}, row {row}", self.new.name),
                    wanted: "a typed value".into(),
                    found: "opaque bytes".into(),
                });
            }
        }
        Ok(())
    }
}

/// Applies a change to a column; `ty` is the new type.
pub(super) fn project(column: &ArrayRef, change: &Change, ty: &LogicalType) -> Result<ArrayRef> {
    let odd = || Error::Mismatch {
        path: "column".into(),
        wanted: format!("the old type of {ty}"),
        found: column.data_type().to_string(),
    };
    match (change, ty) {
        (Change::Keep, _) => Ok(Arc::clone(column)),
        (Change::Widen, _) => widen(column, ty).ok_or_else(odd),
        (Change::List(change), LogicalType::List(element)) => {
            list(column, change, &element.ty, ty).ok_or_else(odd)?
        }
        (Change::List(change), LogicalType::Set(element)) => {
            list(column, change, element, ty).ok_or_else(odd)?
        }
        (Change::Map(changes), LogicalType::Map(key, value)) => {
            let map = column.as_map_opt().ok_or_else(odd)?;
            let DataType::Map(field, sorted) = arrow_type(ty) else { return Err(odd()) };
            let DataType::Struct(fields) = field.data_type().clone() else { return Err(odd()) };
            let keys = project(map.keys(), &changes.0, key)?;
            let values = project(map.values(), &changes.1, &value.ty)?;
            let entries = StructArray::try_new(fields, vec![keys, values], None)?;
            Ok(Arc::new(MapArray::try_new(
                field,
                map.offsets().clone(),
                entries,
                map.nulls().cloned(),
                sorted,
            )?))
        }
        (Change::Either(changes), LogicalType::Either(left, right)) => {
            let parts = column.as_struct_opt().filter(|s| s.num_columns() == 3).ok_or_else(odd)?;
            let DataType::Struct(fields) = arrow_type(ty) else { return Err(odd()) };
            let columns = vec![
                Arc::clone(parts.column(0)),
                project(parts.column(1), &changes.0, &left.ty)?,
                project(parts.column(2), &changes.1, &right.ty)?,
            ];
            Ok(Arc::new(StructArray::try_new(fields, columns, parts.nulls().cloned())?))
        }
        (Change::Struct(sources), LogicalType::Struct(fields)) => {
            structure(column, sources, fields.fields.iter().map(|f| &f.ty), ty)
        }
        (Change::Struct(sources), LogicalType::Tuple(parts)) => structure(column, sources, parts.iter(), ty),
        _ => Err(odd()),
    }
}

fn list(
    column: &ArrayRef,
    change: &Change,
    element: &LogicalType,
    ty: &LogicalType,
) -> Option<Result<ArrayRef>> {
    let list = column.as_list_opt::<i32>()?;
    let DataType::List(field) = arrow_type(ty) else { return None };
    Some(project(list.values(), change, element).and_then(|values| {
        let array = ListArray::try_new(field, list.offsets().clone(), values, list.nulls().cloned())?;
        Ok(Arc::new(array) as ArrayRef)
    }))
}

fn structure<'a>(
    column: &ArrayRef,
    sources: &[Source],
    types: impl Iterator<Item = &'a ElementType>,
    ty: &LogicalType,
) -> Result<ArrayRef> {
    let odd = || Error::Mismatch {
        path: "column".into(),
        wanted: format!("the old type of {ty}"),
        found: column.data_type().to_string(),
    };
    let parts = column.as_struct_opt().ok_or_else(odd)?;
    let DataType::Struct(fields) = arrow_type(ty) else { return Err(odd()) };
    let mut columns = Vec::with_capacity(sources.len());
    for (source, element) in sources.iter().zip(types) {
        columns.push(match source {
            Source::Null => new_null_array(&arrow_type(&element.ty), column.len()),
            Source::Field(position, change) => {
                project(parts.columns().get(*position).ok_or_else(odd)?, change, &element.ty)?
            }
        });
    }
    Ok(Arc::new(StructArray::try_new_with_length(fields, columns, parts.nulls().cloned(), column.len())?))
}

fn widen(column: &ArrayRef, ty: &LogicalType) -> Option<ArrayRef> {
    use DataType as D;
    use LogicalType as T;
    Some(match (column.data_type(), ty) {
        (D::Int8, T::Int16) => wider::<Int8Type, Int16Type>(column)?,
        (D::Int8, T::Int32) => wider::<Int8Type, Int32Type>(column)?,
        (D::Int8, T::Int64) => wider::<Int8Type, Int64Type>(column)?,
        (D::Int16, T::Int32) => wider::<Int16Type, Int32Type>(column)?,
        (D::Int16, T::Int64) => wider::<Int16Type, Int64Type>(column)?,
        (D::Int32, T::Int64) => wider::<Int32Type, Int64Type>(column)?,
        (D::UInt8, T::UInt16) => wider::<UInt8Type, UInt16Type>(column)?,
        (D::UInt8, T::UInt32) => wider::<UInt8Type, UInt32Type>(column)?,
        (D::UInt8, T::UInt64) => wider::<UInt8Type, UInt64Type>(column)?,
        (D::UInt16, T::UInt32) => wider::<UInt16Type, UInt32Type>(column)?,
        (D::UInt16, T::UInt64) => wider::<UInt16Type, UInt64Type>(column)?,
        (D::UInt32, T::UInt64) => wider::<UInt32Type, UInt64Type>(column)?,
        (D::Float32, T::Float64) => wider::<Float32Type, Float64Type>(column)?,
        (D::Decimal128(..), T::Decimal { .. }) => {
            let numbers = column.as_primitive_opt::<Decimal128Type>()?;
            Arc::new(numbers.clone().with_data_type(arrow_type(ty)))
        }
        _ => return None,
    })
}

fn wider<A, B>(column: &ArrayRef) -> Option<ArrayRef>
where
    A: ArrowPrimitiveType,
    B: ArrowPrimitiveType,
    B::Native: From<A::Native>,
{
    Some(Arc::new(column.as_primitive_opt::<A>()?.unary::<_, B>(B::Native::from)))
}
