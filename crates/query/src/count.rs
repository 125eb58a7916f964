use std::collections::BTreeMap;

use alluvium_model::{KeyGroup, Scan, SnapshotSource, StateKind};

use crate::Target;
use crate::error::Result;
use crate::line::line_key;

/// Counts of a state, by reading its rows.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Counts {
    /// Lines that `cat` prints.
    pub entries: u64,
    /// List elements; none for other kinds.
    pub elements: Option<u64>,
    /// Rows of each key group that has any; all under group 0 for operator state.
    pub rows_by_key_group: Vec<(KeyGroup, u64)>,
}

/// Counts the entries of a state. Reads every row, holds one batch.
///
/// # Errors
/// What the source could not read.
pub fn count(source: &dyn SnapshotSource, target: &Target<'_>) -> Result<Counts> {
    let kind = target.table.schema.kind;
    let mut stream = source.scan(&Scan::all(target.operator.id, &target.table.schema.name))?;
    let (mut entries, mut rows) = (0, 0);
    let mut groups: BTreeMap<KeyGroup, u64> = BTreeMap::new();
    let mut last: Option<(KeyGroup, Vec<u8>)> = None;
    while let Some(batch) = stream.next_batch()? {
        rows += batch.len() as u64;
        for row in 0..batch.len() {
            let group = batch.key_group(row);
            *groups.entry(group).or_default() += 1;
            if kind != StateKind::List {
                entries += 1;
                continue;
            }
            let key = line_key(kind, batch.sort_key(row));
            if last.as_ref().is_none_or(|(g, k)| (*g, k.as_slice()) != (group, key)) {
                entries += 1;
                last = Some((group, key.to_vec()));
            }
        }
    }
    let elements = (kind == StateKind::List).then_some(rows);
    Ok(Counts { entries, elements, rows_by_key_group: groups.into_iter().collect() })
}
