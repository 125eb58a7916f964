//! Rows of batches as single values, and a small merge of delta rows.

use std::collections::BTreeMap;
use std::sync::Arc;

use alluvium_model::column::value_at;
use alluvium_model::{ElementType, Op, Role, Row, RowBatch, RowBatchBuilder, StateKind, StateSchema};

/// The live rows of a state by (key group, sort key).
pub type Merged = BTreeMap<(u16, Vec<u8>), Row>;

/// Reads a batch, checking that it ascends.
pub fn rows_of(batch: &RowBatch) -> Vec<(Vec<u8>, Row)> {
    let schema = batch.schema();
    let cell = |role: Role, ty: Option<&ElementType>, row: usize| match (batch.column(role), ty) {
        (Some(column), Some(ty)) => value_at(column, &ty.ty, row).unwrap(),
        _ => alluvium_model::Value::Null,
    };
    let int = |role: Role, row: usize| batch.int64s(role).map_or(0, |column| column[row]);
    let key = schema.key.clone().map(ElementType::required);
    let map_key = schema.map_key.clone().map(ElementType::required);
    let rows = (0..batch.len()).map(|row| {
        let wanted = Row {
            op: batch.op(row),
            key_group: batch.key_group(row),
            key: cell(Role::Key, key.as_ref(), row),
            map_key: cell(Role::MapKey, map_key.as_ref(), row),
            position: int(Role::ListPos, row) + int(Role::Timestamp, row),
            value: cell(Role::Value, schema.value.as_ref(), row),
            last_access: schema
                .ttl_ms
                .filter(|_| batch.op(row) == Op::Put)
                .map(|_| int(Role::LastAccess, row)),
            ..Row::default()
        };
        assert_eq!(batch.sort_key(row), wanted.sort_key(schema).unwrap());
        (batch.sort_key(row).to_vec(), wanted)
    });
    let rows: Vec<_> = rows.collect();
    let place = |(sort_key, row): &(Vec<u8>, Row)| (row.key_group, sort_key.clone());
    assert!(rows.is_sorted_by(|a, b| place(a) < place(b)), "rows ascend");
    rows
}

/// Applies delta rows to the live rows of a state.
pub fn merge(live: &mut Merged, delta: &[(Vec<u8>, Row)]) {
    for (sort_key, row) in delta {
        let group = row.key_group.0;
        match row.op {
            Op::Put => {
                live.insert((group, sort_key.clone()), row.clone());
            }
            Op::Delete => {
                live.remove(&(group, sort_key.clone()));
            }
            // Entries of the key begin with the same bytes, then 0x01 instead of 0x00.
            Op::Clear => {
                let key = &sort_key[..sort_key.len() - 1];
                live.retain(|(g, s), _| *g != group || s.strip_prefix(key).is_none_or(|rest| rest[0] != 1));
            }
        }
    }
}

/// Returns live rows as batches of at most so many rows, lists renumbered, as a restore gives them.
pub fn batches(schema: &Arc<StateSchema>, live: &Merged, batch_rows: usize) -> Vec<RowBatch> {
    let mut builder = RowBatchBuilder::new(Arc::clone(schema), false);
    for (position, row) in (0..).zip(live.values()) {
        let position = if schema.kind == StateKind::List { position } else { row.position };
        builder.push(Row { position, ..row.clone() }).unwrap();
    }
    let batch = builder.finish().unwrap();
    let starts = (0..batch.len()).step_by(batch_rows);
    starts.map(|start| batch.slice(start, batch_rows.min(batch.len() - start))).collect()
}
