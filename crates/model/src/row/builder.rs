use std::sync::Arc;

use arrow_array::{ArrayRef, BinaryArray, Int32Array, Int64Array, RecordBatch, UInt8Array, UInt16Array};

use crate::column::{self, column_of};
use crate::{
    Error, KeyGroup, LogicalType, Op, Result, Role, RowBatch, StateKind, StateSchema, Value, canonical,
};

/// One row as single values; members that the kind does not have keep their default.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// Operation.
    pub op: Op,
    /// Key group.
    pub key_group: KeyGroup,
    /// Key.
    pub key: Value,
    /// Namespace.
    pub namespace: Value,
    /// Map key.
    pub map_key: Value,
    /// List position, timestamp of a timer, or index of an element of operator state.
    pub position: i64,
    /// Subtask of operator state.
    pub subtask: i32,
    /// Value.
    pub value: Value,
    /// Time of last access in milliseconds.
    pub last_access: Option<i64>,
    /// Original bytes of parts whose value does not encode back to them; they go into the `…_raw`
    /// columns.
    pub originals: Option<Box<Originals>>,
}

/// The original bytes of the parts of a row, where they must be kept beside the typed values.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Originals {
    /// Of the key.
    pub key: Option<Original>,
    /// Of the namespace.
    pub namespace: Option<Original>,
    /// Of the map key.
    pub map_key: Option<Original>,
    /// Of the value.
    pub value: Option<Original>,
}

/// Bytes as an engine stored them, and by which serializer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Original {
    /// Name of the serializer.
    pub serializer: String,
    /// The bytes.
    pub bytes: Vec<u8>,
}

impl Default for Row {
    fn default() -> Self {
        Row {
            op: Op::Put,
            key_group: KeyGroup(0),
            key: Value::Null,
            namespace: Value::Null,
            map_key: Value::Null,
            position: 0,
            subtask: 0,
            value: Value::Null,
            last_access: None,
            originals: None,
        }
    }
}

impl Row {
    /// Returns the sort key of this row in a table.
    ///
    /// # Errors
    /// [`Error::Mismatch`] when a part is not of its type.
    ///
    /// Spec: ORDER-2 to ORDER-4.
    pub fn sort_key(&self, schema: &StateSchema) -> Result<Vec<u8>> {
        let mut out = Vec::with_capacity(24);
        if let Some(key) = &schema.key {
            canonical::encode(&self.key, key, &mut out)?;
        }
        if let Some(namespace) = &schema.namespace {
            canonical::encode(&self.namespace, namespace, &mut out)?;
        }
        if self.op == Op::Clear {
            out.push(0x00);
            return Ok(out);
        }
        out.push(0x01);
        match schema.kind {
            StateKind::Map | StateKind::Broadcast => {
                canonical::encode(&self.map_key, map_key_type(schema)?, &mut out)?;
            }
            StateKind::List | StateKind::Timer(_) => canonical::push_i64(self.position, &mut out),
            StateKind::Value | StateKind::Reducing | StateKind::Aggregating => {}
            StateKind::OperatorList
            | StateKind::OperatorUnion
            | StateKind::PendingTransactions
            | StateKind::InFlight => {
                out.extend_from_slice(&(self.subtask as u32).to_be_bytes());
                canonical::push_i64(self.position, &mut out);
            }
        }
        Ok(out)
    }
}

impl Row {
    /// Returns the value of a typed column and the original bytes to be kept beside it.
    fn part(&self, role: Role) -> (&Value, Option<&Original>) {
        let originals = self.originals.as_deref();
        match role {
            Role::Key => (&self.key, originals.and_then(|o| o.key.as_ref())),
            Role::Namespace => (&self.namespace, originals.and_then(|o| o.namespace.as_ref())),
            Role::MapKey => (&self.map_key, originals.and_then(|o| o.map_key.as_ref())),
            _ => (&self.value, originals.and_then(|o| o.value.as_ref())),
        }
    }
}

fn map_key_type(schema: &StateSchema) -> Result<&LogicalType> {
    schema.map_key.as_ref().ok_or_else(|| Error::Layout {
        state: schema.name.clone(),
        column: Role::MapKey.name().into(),
        found: "no type".into(),
    })
}

/// Builds row batches from single values, computing sort keys: for edges, tests and operator
/// state. The hot paths of state backends build columns directly.
#[derive(Debug)]
pub struct RowBatchBuilder {
    schema: Arc<StateSchema>,
    deltas: bool,
    rows: Vec<(KeyGroup, Vec<u8>, Row)>,
}

impl RowBatchBuilder {
    /// Starts a batch; `deltas` gives it operations.
    pub fn new(schema: Arc<StateSchema>, deltas: bool) -> Self {
        RowBatchBuilder { schema, deltas, rows: Vec::new() }
    }

    /// Adds a row; rows may come in any order.
    ///
    /// # Errors
    /// [`Error::Mismatch`] when the key, namespace or entry is not of its type.
    pub fn push(&mut self, row: Row) -> Result<()> {
        let sort_key = row.sort_key(&self.schema)?;
        self.rows.push((row.key_group, sort_key, row));
        Ok(())
    }

    /// Adds a row whose sort key is already known, see [`Row::sort_key`].
    pub fn push_keyed(&mut self, sort_key: Vec<u8>, row: Row) {
        self.rows.push((row.key_group, sort_key, row));
    }

    /// Returns the number of rows added.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Returns whether no row was added.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Sorts the rows canonically and returns them.
    ///
    /// # Errors
    /// [`Error::Mismatch`] when a value is not of its type; [`Error::Layout`] for two rows of one
    /// entry.
    pub fn finish(mut self) -> Result<RowBatch> {
        self.rows.sort_by(|a, b| (a.0, &a.1).cmp(&(b.0, &b.1)));
        if self.rows.windows(2).any(|pair| pair[0].0 == pair[1].0 && pair[0].1 == pair[1].1) {
            return Err(Error::Layout {
                state: self.schema.name.clone(),
                column: "sort_key".into(),
                found: "two rows of one entry".into(),
            });
        }
        let arrow = self.schema.arrow_schema(self.deltas);
        let columns: Result<Vec<ArrayRef>> =
            self.schema.roles(self.deltas).into_iter().map(|role| self.column(role)).collect();
        let options = arrow_array::RecordBatchOptions::new().with_row_count(Some(self.rows.len()));
        let rows = RecordBatch::try_new_with_options(arrow, columns?, &options)?;
        let sort_keys = BinaryArray::from_iter_values(self.rows.iter().map(|(_, sort_key, _)| sort_key));
        RowBatch::new(self.schema, self.deltas, rows, sort_keys)
    }

    fn ty(&self, role: Role) -> Option<&LogicalType> {
        match role {
            Role::Key => self.schema.key.as_ref(),
            Role::Namespace => self.schema.namespace.as_ref(),
            Role::MapKey => self.schema.map_key.as_ref(),
            _ => self.schema.value.as_ref().map(|value| &value.ty),
        }
    }

    /// Builds a typed column; what only the raw column beside it can hold is null in it.
    fn typed(&self, role: Role) -> Result<ArrayRef> {
        static NULL: Value = Value::Null;
        let ty = self.ty(role).unwrap_or(&LogicalType::Bytes);
        let values: Vec<&Value> = self.rows.iter().map(|(_, _, row)| row.part(role).0).collect();
        if values.iter().all(|value| column::holds(value, ty)) {
            return column_of(values, ty);
        }
        if !self.schema.raw.contains(&role.raw().unwrap_or(role)) {
            return Err(Error::Layout {
                state: self.schema.name.clone(),
                column: role.name().into(),
                found: "a value that only a column of original bytes can hold".into(),
            });
        }
        column_of(values.into_iter().map(|value| if column::holds(value, ty) { value } else { &NULL }), ty)
    }

    /// Builds the raw column beside a typed one.
    fn raw(&self, role: Role) -> Result<ArrayRef> {
        let ty = self.ty(role).unwrap_or(&LogicalType::Bytes);
        let cells = self.rows.iter().map(|(_, _, row)| {
            let (value, original) = row.part(role);
            raw_cell(value, original, ty)
        });
        Ok(Arc::new(BinaryArray::from_iter(cells.collect::<Result<Vec<_>>>()?)))
    }

    fn column(&self, role: Role) -> Result<ArrayRef> {
        let rows = || self.rows.iter().map(|(_, _, row)| row);
        let int64 =
            |part: fn(&Row) -> Option<i64>| Arc::new(Int64Array::from_iter(rows().map(part))) as ArrayRef;
        Ok(match role {
            Role::Op => Arc::new(UInt8Array::from_iter_values(rows().map(|row| row.op as u8))),
            Role::KeyGroup => Arc::new(UInt16Array::from_iter_values(rows().map(|row| row.key_group.0))),
            Role::Subtask => Arc::new(Int32Array::from_iter_values(rows().map(|row| row.subtask))),
            Role::Key | Role::Namespace | Role::MapKey | Role::Value => self.typed(role)?,
            Role::KeyRaw => self.raw(Role::Key)?,
            Role::NamespaceRaw => self.raw(Role::Namespace)?,
            Role::MapKeyRaw => self.raw(Role::MapKey)?,
            Role::ValueRaw => self.raw(Role::Value)?,
            Role::ListPos | Role::Timestamp => int64(|row| (row.op != Op::Clear).then_some(row.position)),
            Role::Index => int64(|row| Some(row.position)),
            Role::LastAccess => int64(|row| row.last_access),
        })
    }
}

/// Returns the raw cell of a value, if it needs one.
fn raw_cell(value: &Value, original: Option<&Original>, ty: &LogicalType) -> Result<Option<Vec<u8>>> {
    if column::holds(value, ty) {
        return Ok(original.map(|o| column::raw_opaque(&o.serializer, &o.bytes)));
    }
    Ok(Some(match (value, original) {
        (Value::Opaque { serializer, bytes }, _) => column::raw_opaque(serializer, bytes),
        (_, original) => {
            let bytes = original.map(|o| o.bytes.as_slice()).unwrap_or_default();
            column::raw_logical(value, ty, bytes)?
        }
    }))
}

#[cfg(test)]
mod tests;
