use std::cmp::Ordering;
use std::sync::Arc;

use alluvium_model::{Op, Role, RowBatch};
use arrow_array::cast::AsArray;
use arrow_array::types::{UInt8Type, UInt16Type};
use arrow_array::{Array, ArrayRef, BinaryArray, UInt8Array};
use arrow_buffer::ScalarBuffer;

use super::positions;
use crate::{Error, Result, RunReader, rule};

/// A run and where the merge stands in it.
pub(super) struct Cursor {
    pub(super) reader: RunReader,
    /// Which run this is.
    pub(super) run: usize,
    /// Whether its rows have no operations.
    pub(super) base: bool,
    /// First key group that its reference covers.
    pub(super) first_group: u32,
    /// Last sequence of its range.
    pub(super) sequence: u32,
    keys: BinaryArray,
    groups: Option<ScalarBuffer<u16>>,
    ops: Option<ScalarBuffer<u8>>,
    columns: Arc<[ArrayRef]>,
    /// Which batch this is, for the output.
    pub(super) load: u64,
    at: usize,
}

/// Compares rows by key group and sort key; most sort keys differ in the first 8 bytes.
#[inline]
pub(super) fn compare((a_group, a): (u16, &[u8]), (b_group, b): (u16, &[u8])) -> Ordering {
    match (a.first_chunk(), b.first_chunk()) {
        _ if a_group != b_group => a_group.cmp(&b_group),
        (Some(x), Some(y)) if x != y => u64::from_be_bytes(*x).cmp(&u64::from_be_bytes(*y)),
        _ => a.cmp(b),
    }
}

impl Cursor {
    pub(super) fn new(reader: RunReader, run: usize, base: bool, first_group: u32, sequence: u32) -> Self {
        Cursor {
            reader,
            run,
            base,
            first_group,
            sequence,
            keys: BinaryArray::new_null(0),
            groups: None,
            ops: None,
            columns: Arc::new([]),
            load: 0,
            at: 0,
        }
    }

    /// Stands at the first row of a batch, whose columns get the order of `roles`.
    pub(super) fn load(&mut self, batch: RowBatch, deltas: bool, roles: &[Role]) -> Result<()> {
        let found = batch.schema().roles(batch.has_ops());
        let count = batch.len();
        let column = |role: Role| batch.column(role);
        self.groups = column(Role::KeyGroup)
            .and_then(|c| c.as_primitive_opt::<UInt16Type>())
            .map(|c| c.values().clone());
        self.ops =
            column(Role::Op).and_then(|c| c.as_primitive_opt::<UInt8Type>()).map(|c| c.values().clone());
        self.columns = positions(roles, &found)
            .into_iter()
            .zip(roles)
            .map(|(position, role)| match (position.and_then(|p| batch.rows().columns().get(p)), role) {
                (Some(column), _) => Ok(Arc::clone(column)),
                (None, Role::Op) if deltas => {
                    Ok(Arc::new(UInt8Array::from_value(Op::Put as u8, count)) as ArrayRef)
                }
                (None, role) => {
                    Err(Error::malformed("rows", rule::COLUMNS, format!("no column {}", role.name())))
                }
            })
            .collect::<Result<_>>()?;
        self.keys = batch.sort_keys().clone();
        self.load += 1;
        self.at = 0;
        Ok(())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.at >= self.keys.len()
    }

    pub(super) fn step(&mut self, rows: usize) {
        self.at += rows;
    }

    pub(super) fn at(&self) -> usize {
        self.at
    }

    pub(super) fn keys(&self) -> &BinaryArray {
        &self.keys
    }

    pub(super) fn columns(&self) -> &Arc<[ArrayRef]> {
        &self.columns
    }

    /// Returns the key group of the next row.
    pub(super) fn group(&self) -> u16 {
        self.head().0
    }

    /// Returns key group and sort key of the next row; the largest there are behind the last.
    #[inline]
    pub(super) fn head(&self) -> (u16, &[u8]) {
        if self.is_empty() { (u16::MAX, &[0xFF; 16]) } else { self.row(self.at) }
    }

    #[inline]
    fn row(&self, row: usize) -> (u16, &[u8]) {
        let group = self.groups.as_ref().and_then(|g| g.get(row).copied()).unwrap_or(0);
        let ends = self.keys.value_offsets().get(row..).and_then(|ends| ends.first_chunk::<2>());
        let key = ends.and_then(|[start, end]| self.keys.value_data().get(*start as usize..*end as usize));
        (group, key.unwrap_or_default())
    }

    /// Returns the operation of the row that lies `ahead`; none in base runs.
    pub(super) fn op(&self, ahead: usize) -> Option<Op> {
        self.ops.as_ref()?.get(self.at + ahead).and_then(|op| Op::from_byte(*op))
    }

    /// Returns how many of the next `most` rows are puts.
    pub(super) fn puts(&self, most: usize) -> usize {
        let rest = self.ops.as_ref().and_then(|ops| ops.get(self.at..self.at + most)).unwrap_or_default();
        rest.iter().position(|op| *op != Op::Put as u8).unwrap_or(rest.len())
    }

    /// Returns how many rows lie before `other`, and before key group `barrier`; at least one.
    pub(super) fn rows_below(&self, other: Option<(u16, &[u8])>, barrier: Option<u32>) -> usize {
        self.leading(self.keys.len() - self.at, |row| {
            let row = self.row(row);
            other.is_none_or(|other| compare(row, other) == Ordering::Less)
                && barrier.is_none_or(|group| u32::from(row.0) < group)
        })
        .max(1)
    }

    /// Returns how many of the next `most` rows lie in the group and begin with the prefix.
    pub(super) fn rows_with(&self, group: u16, prefix: &[u8], most: usize) -> usize {
        self.leading(most, |row| {
            let (row_group, key) = self.row(row);
            row_group == group && key.starts_with(prefix)
        })
        .max(1)
    }

    /// Returns how many of the next `most` rows pass a test that no row passes behind one that
    /// does not; looks near first.
    fn leading(&self, most: usize, passes: impl Fn(usize) -> bool) -> usize {
        if most > 0 && passes(self.at + most - 1) {
            return most;
        }
        let mut step = 1;
        let mut low = 0;
        while low + step < most && passes(self.at + low + step - 1) {
            low += step;
            step *= 2;
        }
        let mut high = (low + step).min(most);
        while low < high {
            let middle = low + (high - low) / 2;
            if passes(self.at + middle) { low = middle + 1 } else { high = middle }
        }
        low
    }
}
