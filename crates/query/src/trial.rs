use std::collections::BTreeMap;
use std::sync::Arc;

use alluvium_model::evolution::{Projection, projection};
use alluvium_model::{KeyGroup, LogicalType, RowBatch, Scan, SnapshotSource, StateSchema, canonical};

use crate::Target;
use crate::count::{DAMAGES_MAX, is_damage};
use crate::error::Result;

/// What reading the rows of a state under another schema showed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Trial {
    /// Rows read.
    pub rows: u64,
    /// Distinct keys among them; subtasks for operator state.
    pub keys: u64,
    /// Rows that are no rows of the new schema.
    pub failed: u64,
    /// Parts that could not be read, and whose rows are not counted.
    pub unreadable: u64,
    /// What is wrong with the first failed row or unreadable part.
    pub first_failure: Option<String>,
    /// Rows of each key group that has any; all under group 0 for operator state.
    pub rows_by_key_group: Vec<(KeyGroup, u64)>,
    /// Whether every row was read.
    pub complete: bool,
}

/// Reads a state as a restore under a new schema would: every row is decoded, then becomes one of that schema.
///
/// Without a new schema, or with one to which no rows can be brought, rows are decoded as they are stored.
/// Reads at most `rows_max` rows, to the end of a batch; holds one batch.
///
/// # Errors
/// What the source could not read at all.
pub fn trial(
    source: &dyn SnapshotSource,
    target: &Target<'_>,
    new: Option<&StateSchema>,
    rows_max: Option<u64>,
) -> Result<Trial> {
    let old = &target.table.schema;
    let change = new.and_then(|new| projection(old, new).ok());
    let change = change.map(|change| Arc::new(change.as_ref().clone().with_last_access_ms(0)));
    let mut scan = Scan::all(target.operator.id, &old.name);
    scan.batch_rows = rows_max.map_or(scan.batch_rows, |most| scan.batch_rows.min(most.max(1) as usize));
    let mut stream = source.scan(&scan)?;
    let mut groups: BTreeMap<KeyGroup, u64> = BTreeMap::new();
    let mut trial = Trial::default();
    let mut last: Option<(KeyGroup, Vec<u8>)> = None;
    while rows_max.is_none_or(|most| trial.rows < most) {
        let batch = match stream.next_batch() {
            Ok(Some(batch)) => batch,
            Ok(None) => {
                trial.complete = true;
                break;
            }
            Err(error) if is_damage(error.kind) && trial.unreadable < DAMAGES_MAX => {
                trial.unreadable += 1;
                trial.first_failure.get_or_insert_with(|| error.to_string());
                continue;
            }
            Err(error) => return Err(error.into()),
        };
        trial.rows += batch.len() as u64;
        for row in 0..batch.len() {
            let group = batch.key_group(row);
            *groups.entry(group).or_default() += 1;
            let key = key_bytes(old.key.as_ref(), batch.sort_key(row));
            if last.as_ref().is_none_or(|(g, k)| (*g, k.as_slice()) != (group, key)) {
                trial.keys += 1;
                last = Some((group, key.to_vec()));
            }
        }
        if let Some(change) = &change {
            trial.project(change, &batch);
        }
    }
    trial.rows_by_key_group = groups.into_iter().collect();
    Ok(trial)
}

impl Trial {
    /// Brings a batch to the new schema; where that fails, row by row.
    fn project(&mut self, change: &Projection, batch: &RowBatch) {
        if change.project_batch(batch).is_ok() {
            return;
        }
        for row in 0..batch.len() {
            if let Err(error) = change.project_batch(&batch.slice(row, 1)) {
                self.failed += 1;
                self.first_failure.get_or_insert_with(|| error.to_string());
            }
        }
    }
}

/// Returns the key's part of a sort key: all of it where it is no key of the type.
fn key_bytes<'a>(key: Option<&LogicalType>, sort_key: &'a [u8]) -> &'a [u8] {
    let end = match key {
        Some(ty) => canonical::decode(sort_key, ty).map(|(_, end)| end).ok(),
        None => Some(SUBTASK_BYTES),
    };
    end.and_then(|end| sort_key.get(..end)).unwrap_or(sort_key)
}

/// Bytes of a subtask at the beginning of the sort keys of operator state.
const SUBTASK_BYTES: usize = 4;

#[cfg(test)]
mod tests {
    use alluvium_model::{ElementType, StateKind};

    use super::*;
    use crate::{fake, find};

    #[test]
    fn rows_are_brought_to_a_schema_that_can_take_them() {
        let source = fake::snapshot();
        let target = find(source.describe(), "air%2Fcraft/visits").unwrap();
        let wider = StateSchema::new("visits", StateKind::Map)
            .with_key(LogicalType::String)
            .with_map_key(LogicalType::String)
            .with_value(ElementType::nullable(LogicalType::Int64));
        let all = trial(&source, &target, Some(&wider), None).unwrap();
        assert_eq!((all.rows, all.keys, all.failed, all.complete), (3, 2, 0, true));
        assert_eq!(all.rows_by_key_group, [(KeyGroup(1), 2), (KeyGroup(2), 1)]);
        let sample = trial(&source, &target, Some(&wider), Some(1)).unwrap();
        assert!(!sample.complete && sample.rows < 3);
        let list = find(source.describe(), "air%2Fcraft/rotations").unwrap();
        assert_eq!(trial(&source, &list, None, None).unwrap().keys, 2);
    }
}
