use std::collections::BTreeMap;

use alluvium_model::column::value_at;
use alluvium_model::digest::{RowHasher, TableDigest};
use alluvium_model::source::Scan;
use alluvium_model::{Role, RowBatch, StateKind, Value};
use alluvium_snapshot::Snapshot;
use alluvium_store::block_on;

use super::StateRows;
use super::job::{APPLY, SOURCE};

/// Canonical digests of states, by name.
pub(super) type Digests = BTreeMap<String, TableDigest>;

/// Reads the states of a program from a snapshot, and computes their digests from the rows; the
/// digests that it carries must be those.
pub(super) fn read(snapshot: &Snapshot) -> Result<(StateRows, Digests), String> {
    let (mut rows, mut digests) = (StateRows::default(), Digests::new());
    for operator in &snapshot.manifest().operators {
        if !operator.uid.as_ref().is_some_and(|uid| [SOURCE, APPLY].contains(&uid.as_str())) {
            continue;
        }
        for table in &operator.tables {
            let schema = snapshot.schema(table).map_err(text)?;
            let mut stream = snapshot.rows(&Scan::all(operator.id, schema.name.as_str())).map_err(text)?;
            let mut hasher = RowHasher::new();
            let mut list = (Value::Null, 0);
            while let Some(batch) = block_on(stream.next()).map_err(text)? {
                hasher.update(&batch).map_err(text)?;
                for row in 0..batch.len() {
                    rows.add(&schema.name, row_text(&batch, row, &mut list)?);
                }
            }
            let digest = hasher.finish();
            if let Some(carried) = table.digest.as_ref().filter(|carried| **carried != digest) {
                return Err(format!("state {} carries the digest {carried:?}, not {digest:?}", schema.name));
            }
            if digest != TableDigest::default() {
                digests.insert(schema.name.clone(), digest);
            }
        }
    }
    Ok((rows, digests))
}

fn row_text(batch: &RowBatch, row: usize, list: &mut (Value, i64)) -> Result<String, String> {
    let schema = batch.schema();
    let value = |role, ty| match (batch.column(role), ty) {
        (Some(column), Some(ty)) => value_at(&**column, ty, row).map_err(text),
        _ => Ok(Value::Null),
    };
    let key = value(Role::Key, schema.key.as_ref())?;
    let mut shown = shown(&key);
    if schema.map_key.is_some() {
        shown += &format!(" [{}]", self::shown(&value(Role::MapKey, schema.map_key.as_ref())?));
    }
    if schema.kind == StateKind::List {
        let rank = if list.0 == key { list.1 + 1 } else { 0 };
        *list = (key, rank);
        shown += &format!(" #{rank}");
    }
    if let Some(at) = batch.int64s(Role::Timestamp) {
        shown += &format!(" ^{}", at[row]);
    }
    if let Some(ty) = &schema.value {
        shown += &format!(" = {}", self::shown(&value(Role::Value, Some(&ty.ty))?));
    }
    if let Some(at) = batch.int64s(Role::LastAccess) {
        shown += &format!(" @{}", at[row]);
    }
    Ok(shown)
}

fn shown(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::Int(n) => n.to_string(),
        Value::UInt(n) => n.to_string(),
        Value::Struct(fields) => format!("({})", fields.iter().map(shown).collect::<Vec<_>>().join(", ")),
        other => format!("{other:?}"),
    }
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}
