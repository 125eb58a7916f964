use std::sync::Arc;

use arrow_array::{ArrayRef, BinaryArray, Int32Array, Int64Array, RecordBatch, UInt8Array, UInt16Array};

use crate::column::column_of;
use crate::{
    ElementType, Error, KeyGroup, LogicalType, Op, Result, Role, RowBatch, StateKind, StateSchema, Value,
    canonical,
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

    fn column(&self, role: Role) -> Result<ArrayRef> {
        let rows = || self.rows.iter().map(|(_, _, row)| row);
        let typed = |ty: Option<&LogicalType>, part: fn(&Row) -> &Value| match ty {
            Some(ty) => column_of(rows().map(part), ty),
            None => column_of(rows().map(part), &LogicalType::Bytes),
        };
        let int64 =
            |part: fn(&Row) -> Option<i64>| Arc::new(Int64Array::from_iter(rows().map(part))) as ArrayRef;
        let opaque = |part: fn(&Row) -> &Value| {
            let cells = rows().map(|row| raw_cell(part(row)));
            Arc::new(BinaryArray::from_iter(cells)) as ArrayRef
        };
        Ok(match role {
            Role::Op => Arc::new(UInt8Array::from_iter_values(rows().map(|row| row.op as u8))),
            Role::KeyGroup => Arc::new(UInt16Array::from_iter_values(rows().map(|row| row.key_group.0))),
            Role::Subtask => Arc::new(Int32Array::from_iter_values(rows().map(|row| row.subtask))),
            Role::Key => typed(self.schema.key.as_ref(), |row| &row.key)?,
            Role::Namespace => typed(self.schema.namespace.as_ref(), |row| &row.namespace)?,
            Role::MapKey => typed(self.schema.map_key.as_ref(), |row| &row.map_key)?,
            Role::Value => typed(self.schema.value.as_ref().map(|v: &ElementType| &v.ty), |row| &row.value)?,
            Role::KeyRaw => opaque(|row| &row.key),
            Role::NamespaceRaw => opaque(|row| &row.namespace),
            Role::MapKeyRaw => opaque(|row| &row.map_key),
            Role::ValueRaw => opaque(|row| &row.value),
            Role::ListPos | Role::Timestamp => int64(|row| (row.op != Op::Clear).then_some(row.position)),
            Role::Index => int64(|row| Some(row.position)),
            Role::LastAccess => int64(|row| row.last_access),
        })
    }
}

fn raw_cell(value: &Value) -> Option<Vec<u8>> {
    match value {
        Value::Opaque { serializer, bytes } => Some(crate::column::raw_opaque(serializer, bytes)),
        Value::Wtf8(_) => crate::column::raw_logical(value, &LogicalType::String, &[]).ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec;

    #[test]
    fn rows_leave_in_canonical_order() {
        spec!("ORDER-1", "ORDER-2", "ORDER-3");
        let schema = Arc::new(
            StateSchema::new("visits", StateKind::Map)
                .with_key(LogicalType::String)
                .with_map_key(LogicalType::String)
                .with_value(ElementType::required(LogicalType::Int64)),
        );
        let mut builder = RowBatchBuilder::new(Arc::clone(&schema), true);
        let row = |group, key: &str, op, airport: &str| Row {
            op,
            key_group: KeyGroup(group),
            key: Value::String(key.into()),
            map_key: if op == Op::Clear { Value::Null } else { Value::String(airport.into()) },
            value: if op == Op::Put { Value::Int(1) } else { Value::Null },
            ..Row::default()
        };
        for row in [
            row(2, "a", Op::Put, "JFK"),
            row(1, "b", Op::Delete, "EWR"),
            row(1, "b", Op::Clear, ""),
            row(1, "a", Op::Put, "x"),
        ] {
            builder.push(row).unwrap();
        }
        let batch = builder.finish().unwrap();
        assert_eq!(batch.key_groups().unwrap(), [1, 1, 1, 2]);
        let ops: Vec<_> = (0..4).map(|row| batch.op(row)).collect();
        assert_eq!(ops, [Op::Put, Op::Clear, Op::Delete, Op::Put]);
        assert_eq!(batch.sort_key(1), b"b\0\0\0");
    }

    #[test]
    fn two_rows_of_one_entry_are_refused() {
        let schema = Arc::new(
            StateSchema::new("s", StateKind::OperatorList)
                .with_value(ElementType::required(LogicalType::Int64)),
        );
        let mut builder = RowBatchBuilder::new(schema, false);
        for _ in 0..2 {
            builder.push(Row { value: Value::Int(1), ..Row::default() }).unwrap();
        }
        assert!(builder.finish().is_err());
    }
}
