use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Int64Type, UInt8Type, UInt16Type};
use arrow_array::{Array, ArrayRef, BinaryArray, RecordBatch};

use crate::{Error, KeyGroup, Result, Role, StateSchema};

mod builder;

pub use builder::{Original, Originals, Row, RowBatchBuilder};

/// What a row of a delta run does.
///
/// Spec: RUN-4.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Op {
    /// Sets the entry.
    Put = 0,
    /// Removes the entry.
    Delete = 1,
    /// Removes every entry of its (key group, key, namespace) in older runs.
    Clear = 2,
}

impl Op {
    /// Returns the operation of a stored byte.
    pub fn from_byte(byte: u8) -> Option<Self> {
        [Op::Put, Op::Delete, Op::Clear].into_iter().find(|op| *op as u8 == byte)
    }
}

/// Returns whether bytes come before others; most differ in the first 8.
#[inline]
fn is_below(a: &[u8], b: &[u8]) -> bool {
    match (a.first_chunk(), b.first_chunk()) {
        (Some(x), Some(y)) if x != y => u64::from_be_bytes(*x) < u64::from_be_bytes(*y),
        _ => a < b,
    }
}

/// Rows of one table, in canonical order: the unit in which state travels.
///
/// Columns are those of [`StateSchema::roles`] in that order. Beside them goes the **sort key** of
/// each row, computed once by the producer and never stored: key ‖ namespace ‖ 0x00 for a clear,
/// or ‖ 0x01 ‖ entry, in canonical bytes; for operator state 0x01 ‖ entry. Rows ascend by
/// (key group, sort key), bytes compared unsigned; no two rows are equal in both.
///
/// Spec: ORDER-1 to ORDER-5.
#[derive(Debug, Clone)]
pub struct RowBatch {
    schema: Arc<StateSchema>,
    rows: RecordBatch,
    sort_key: BinaryArray,
    deltas: bool,
    places: Places,
}

/// The position of each role's column.
#[derive(Debug, Clone, Copy)]
struct Places([u8; ROLES]);

const ROLES: usize = Role::LastAccess as usize + 1;

impl Places {
    fn new(roles: &[Role]) -> Self {
        let mut places = [u8::MAX; ROLES];
        for (position, role) in (0..).zip(roles) {
            places[*role as usize] = position;
        }
        Places(places)
    }

    fn of(self, role: Role) -> usize {
        self.0[role as usize].into()
    }
}

impl RowBatch {
    /// Wraps columns and their sort keys.
    ///
    /// # Errors
    /// [`Error::Layout`] when the columns are not those of the schema or the lengths differ. The
    /// order of the rows is the producer's promise and checked by readers of files.
    pub fn new(
        schema: Arc<StateSchema>,
        deltas: bool,
        rows: RecordBatch,
        sort_key: BinaryArray,
    ) -> Result<Self> {
        let roles = schema.roles(deltas);
        let wrong = |column: &str, found: String| Error::Layout {
            state: schema.name.clone(),
            column: column.to_owned(),
            found,
        };
        if rows.num_columns() != roles.len() {
            return Err(wrong("*", format!("{} columns instead of {}", rows.num_columns(), roles.len())));
        }
        for (field, role) in rows.schema().fields().iter().zip(&roles) {
            if field.name() != role.name() {
                return Err(wrong(role.name(), format!("column {} in its place", field.name())));
            }
        }
        if sort_key.len() != rows.num_rows() {
            return Err(wrong(
                "sort_key",
                format!("{} sort keys for {} rows", sort_key.len(), rows.num_rows()),
            ));
        }
        let places = Places::new(&roles);
        Ok(RowBatch { schema, rows, sort_key, deltas, places })
    }

    /// Returns the schema of the state.
    pub fn schema(&self) -> &Arc<StateSchema> {
        &self.schema
    }

    /// Returns the columns, without the sort key.
    pub fn rows(&self) -> &RecordBatch {
        &self.rows
    }

    /// Returns the number of rows.
    pub fn len(&self) -> usize {
        self.rows.num_rows()
    }

    /// Returns whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns whether the rows have operations.
    pub fn has_ops(&self) -> bool {
        self.deltas
    }

    /// Returns the column of a role, if the table has it.
    pub fn column(&self, role: Role) -> Option<&ArrayRef> {
        self.rows.columns().get(self.places.of(role))
    }

    /// Returns the sort key of a row.
    ///
    /// # Panics
    /// When `row` is not below [`RowBatch::len`].
    #[inline]
    pub fn sort_key(&self, row: usize) -> &[u8] {
        self.sort_key.value(row)
    }

    /// Returns all sort keys.
    pub fn sort_keys(&self) -> &BinaryArray {
        &self.sort_key
    }

    /// Returns the first row that does not come behind the row before it; the first row is compared with
    /// `last`.
    ///
    /// Spec: ORDER-1, ORDER-5.
    pub fn first_unordered(&self, last: Option<(KeyGroup, &[u8])>) -> Option<usize> {
        if last.is_none_or(|last| !self.is_empty() && last < (self.key_group(0), self.sort_key(0)))
            && self.words_ascend()
        {
            return None;
        }
        let groups = self.key_groups();
        let group_of = |row: usize| groups.and_then(|groups| groups.get(row)).copied().unwrap_or(0);
        let (offsets, bytes) = (self.sort_key.value_offsets(), self.sort_key.value_data());
        let (mut last_group, mut last) = match last {
            Some((group, key)) => (group.0, key),
            None if self.is_empty() => return None,
            None => (group_of(0), &[][..]),
        };
        for (row, ends) in offsets.windows(2).enumerate() {
            let (group, key) = (group_of(row), &bytes[ends[0] as usize..ends[1] as usize]);
            if group < last_group || (group == last_group && !is_below(last, key)) {
                return Some(row);
            }
            (last_group, last) = (group, key);
        }
        None
    }

    /// Returns whether sort keys are a word and a mark each, and rows ascend by their words alone: what most do.
    fn words_ascend(&self) -> bool {
        let Some(groups) = self.key_groups() else { return false };
        let offsets = self.sort_key.value_offsets();
        let first = offsets.first().copied().unwrap_or(0);
        if !offsets.iter().zip(0..).all(|(end, row)| *end == first + row * 9) {
            return false;
        }
        let bytes = usize::try_from(first).ok().and_then(|first| self.sort_key.value_data().get(first..));
        let words = bytes.unwrap_or_default().as_chunks::<9>().0.iter();
        let mut words =
            words.map(|[a, b, c, d, e, f, g, h, _]| u64::from_be_bytes([*a, *b, *c, *d, *e, *f, *g, *h]));
        let mut last = None;
        groups.chunk_by(|a, b| a == b).all(|same| {
            let mut before = None;
            let ascend = words.by_ref().take(same.len()).fold(true, |ascend, word| {
                let ascends = before.is_none_or(|before| before < word);
                before = Some(word);
                ascend & ascends
            });
            let behind = last < same.first();
            last = same.first();
            ascend && behind
        })
    }

    /// Returns the key groups, one per row; none for operator state.
    pub fn key_groups(&self) -> Option<&[u16]> {
        let column = self.column(Role::KeyGroup)?;
        Some(column.as_primitive_opt::<UInt16Type>()?.values())
    }

    /// Returns the key group of a row; 0 for operator state.
    pub fn key_group(&self, row: usize) -> KeyGroup {
        KeyGroup(self.key_groups().map_or(0, |groups| groups[row]))
    }

    /// Returns the operation of a row; [`Op::Put`] where rows have none.
    pub fn op(&self, row: usize) -> Op {
        self.ops().and_then(|ops| Op::from_byte(ops[row])).unwrap_or(Op::Put)
    }

    /// Returns the operations as stored bytes, one per row.
    pub fn ops(&self) -> Option<&[u8]> {
        let column = self.column(Role::Op)?;
        Some(column.as_primitive_opt::<UInt8Type>()?.values())
    }

    /// Returns a column of 64-bit integers (list positions, timestamps, times of last access).
    pub fn int64s(&self, role: Role) -> Option<&[i64]> {
        let column = self.column(role)?;
        Some(column.as_primitive_opt::<Int64Type>()?.values())
    }

    /// Returns `len` rows from `offset`, without copying.
    pub fn slice(&self, offset: usize, len: usize) -> RowBatch {
        RowBatch {
            schema: Arc::clone(&self.schema),
            rows: self.rows.slice(offset, len),
            sort_key: self.sort_key.slice(offset, len),
            deltas: self.deltas,
            places: self.places,
        }
    }
}
