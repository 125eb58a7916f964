use std::collections::BTreeMap;

use alluvium_model::{ErrorKind, KeyGroup, LogicalType, Role, RowBatch, Scan, SnapshotSource, StateKind};
use arrow_array::Array;
use arrow_array::cast::AsArray;

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
    /// Rows that are bytes, whole or in a part: typed columns hold nothing of it.
    pub opaque_rows: u64,
    /// Parts that could not be read, and whose rows are not counted.
    pub unreadable: u64,
    /// Rows of each key group that has any; all under group 0 for operator state.
    pub rows_by_key_group: Vec<(KeyGroup, u64)>,
}

/// Counts the entries of a state. Reads every row, holds one batch.
///
/// Parts that are damaged or of a kind not known are counted as such, and the rest is read.
///
/// # Errors
/// What the source could not read at all.
pub fn count(source: &dyn SnapshotSource, target: &Target<'_>) -> Result<Counts> {
    let kind = target.table.schema.kind;
    let mut stream = source.scan(&Scan::all(target.operator.id, &target.table.schema.name))?;
    let (mut entries, mut rows) = (0, 0);
    let mut groups: BTreeMap<KeyGroup, u64> = BTreeMap::new();
    let mut last: Option<(KeyGroup, Vec<u8>)> = None;
    let (mut opaque_rows, mut unreadable) = (0, 0);
    loop {
        let batch = match stream.next_batch() {
            Ok(Some(batch)) => batch,
            Ok(None) => break,
            Err(error) if is_damage(error.kind) && unreadable < DAMAGES_MAX => {
                unreadable += 1;
                continue;
            }
            Err(error) => return Err(error.into()),
        };
        opaque_rows += opaque_rows_of(&batch);
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
    let rows_by_key_group = groups.into_iter().collect();
    Ok(Counts { entries, elements, opaque_rows, unreadable, rows_by_key_group })
}

pub(crate) fn is_damage(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::Corrupt | ErrorKind::Unsupported | ErrorKind::Missing)
}

/// After so many damaged parts one that cannot be skipped is assumed.
pub(crate) const DAMAGES_MAX: u64 = 1000;

/// Returns the number of rows of which some part is opaque.
fn opaque_rows_of(batch: &RowBatch) -> u64 {
    let schema = batch.schema();
    let types = [
        (Role::Key, schema.key.as_ref()),
        (Role::Namespace, schema.namespace.as_ref()),
        (Role::MapKey, schema.map_key.as_ref()),
        (Role::Value, schema.value.as_ref().map(|value| &value.ty)),
    ];
    if types.iter().any(|(_, ty)| matches!(ty, Some(LogicalType::Opaque { .. }))) {
        return batch.len() as u64;
    }
    let columns: Vec<_> = types
        .iter()
        .filter_map(|(role, _)| {
            let raw = batch.column(role.raw()?)?.as_binary_opt::<i32>()?;
            Some((batch.column(*role)?, raw))
        })
        .filter(|(_, raw)| raw.null_count() < raw.len())
        .collect();
    let opaque = |row: &usize| {
        columns.iter().any(|(typed, raw)| {
            typed.is_null(*row) && raw.is_valid(*row) && raw.value(*row).first() == Some(&OPAQUE_CELL)
        })
    };
    if columns.is_empty() { 0 } else { (0..batch.len()).filter(opaque).count() as u64 }
}

/// First byte of a raw cell that only a serializer understands.
///
/// Spec: TYPE-25.
const OPAQUE_CELL: u8 = 0x00;
