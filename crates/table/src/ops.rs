//! Operations and the columns that they leave empty.

use alluvium_model::{Op, Role};
use arrow_array::cast::AsArray;
use arrow_array::types::UInt8Type;
use arrow_array::{Array, RecordBatch};

/// What a delete leaves null, and a clear too.
const VALUES: [Role; 3] = [Role::Value, Role::ValueRaw, Role::LastAccess];
/// What a clear leaves null besides.
const ENTRIES: [Role; 4] = [Role::MapKey, Role::MapKeyRaw, Role::ListPos, Role::Timestamp];

/// A rule that rows break, and how.
pub(crate) struct Broken {
    pub(crate) rule: &'static str,
    pub(crate) column: &'static str,
    pub(crate) found: String,
}

/// Returns what is wrong with the operations of rows, if anything.
///
/// Spec: RUN-4, RUN-5.
pub(crate) fn broken(rows: &RecordBatch) -> Option<Broken> {
    let ops = rows.column_by_name(Role::Op.name())?.as_primitive_opt::<UInt8Type>()?.values().clone();
    if let Some(op) = ops.iter().find(|op| Op::from_byte(**op).is_none()) {
        return Some(Broken { rule: "RUN-4", column: Role::Op.name(), found: format!("operation {op}") });
    }
    let not_null = |roles: &[Role], least: Op| {
        roles.iter().find_map(|role| {
            let column =
                rows.column_by_name(role.name()).filter(|column| column.null_count() < column.len())?;
            let row =
                ops.iter().enumerate().position(|(row, op)| *op >= least as u8 && column.is_valid(row))?;
            let found = format!("row {row} of a batch is no put and not null");
            Some(Broken { rule: "RUN-5", column: role.name(), found })
        })
    };
    if ops.iter().all(|op| *op == Op::Put as u8) {
        return None;
    }
    not_null(&VALUES, Op::Delete).or_else(|| not_null(&ENTRIES, Op::Clear))
}
