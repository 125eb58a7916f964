//! Rows, and what they are made of.

use super::*;

pub(super) fn ty(json: Json) -> ElementType {
    types::type_from_json(&json).expect("a type of these pages")
}

pub(super) fn keyed(name: &str, kind: StateKind, key: Json) -> StateSchema {
    StateSchema::new(name, kind).with_key(ty(key).ty)
}

pub(super) fn ready(schema: StateSchema) -> Arc<StateSchema> {
    Arc::new(assign_field_ids(&schema, None))
}

pub(super) fn text(text: &str) -> Value {
    Value::String(text.into())
}

/// Puts a row into the key group of its key.
pub(super) fn at(schema: &StateSchema, row: Row) -> Row {
    let Some(key) = &schema.key else { return row };
    let max = MaxParallelism::new(GROUPS).expect("8 groups");
    let canonical = alluvium_model::canonical::to_bytes(&row.key, key).expect("a key of its type");
    let key_group = function(schema).place(&row.key, key, &canonical, max).unwrap_or(KeyGroup(0));
    Row { key_group, ..row }
}

pub(super) fn function(schema: &StateSchema) -> KeyGroupFunction {
    schema.key.as_ref().map_or(KeyGroupFunction::Stored, KeyGroupFunction::default_for)
}

pub(super) fn batch(schema: &Arc<StateSchema>, deltas: bool, rows: Vec<Row>) -> Result<RowBatch> {
    let mut builder = RowBatchBuilder::new(Arc::clone(schema), deltas);
    for row in rows {
        builder.push(at(schema, row))?;
    }
    Ok(builder.finish()?)
}

pub(super) fn value_row(key: Value, value: Value) -> Row {
    Row { key, value, ..Row::default() }
}

pub(super) fn map_row(op: Op, key: &str, map_key: &str, value: i64) -> Row {
    Row {
        op,
        key: text(key),
        map_key: if op == Op::Clear { Value::Null } else { text(map_key) },
        value: if op == Op::Put { Value::Int(value) } else { Value::Null },
        ..Row::default()
    }
}
