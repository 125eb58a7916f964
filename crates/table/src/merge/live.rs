use std::sync::Arc;

use alluvium_model::{Role, RowBatch, StateKind, StateSchema};
use arrow_array::cast::AsArray;
use arrow_array::types::{Int64Type, UInt16Type};
use arrow_array::{ArrayRef, BinaryArray, BooleanArray, Int64Array, RecordBatch};
use arrow_buffer::Buffer;
use arrow_select::filter::{filter, filter_record_batch};

use super::MergeOutput;
use crate::{Error, Restriction, Result, rule};

/// What happens to merged rows before they leave: expiry, list ranks, and dropping rows that were
/// read only because others needed them.
pub(super) struct Live {
    /// Rows last accessed at or before this have expired.
    expired_until: Option<i64>,
    renumbers: bool,
    restriction: Restriction,
    list: Option<(u16, Vec<u8>)>,
    rank: i64,
}

/// A list's sort key ends in 0x01 and its position.
const POSITION_BYTES: usize = 8;

impl Live {
    pub(super) fn new(schema: &StateSchema, output: MergeOutput, restriction: Restriction) -> Self {
        let expired_until = match output {
            MergeOutput::Live { as_of_ms: Some(as_of) } => {
                let ttl = schema.ttl_ms.map(|ttl| i64::try_from(ttl).unwrap_or(i64::MAX));
                ttl.and_then(|ttl| as_of.checked_sub(ttl))
            }
            _ => None,
        };
        let renumbers = schema.kind == StateKind::List && matches!(output, MergeOutput::Live { .. });
        Live { expired_until, renumbers, restriction, list: None, rank: 0 }
    }

    /// Returns what is left of a batch, if anything is.
    pub(super) fn apply(&mut self, batch: RowBatch) -> Result<Option<RowBatch>> {
        let mut batch = self.drop_expired(batch)?;
        if self.renumbers {
            batch = self.renumber(batch)?;
        }
        let from = self.restriction.after.as_ref().map_or(0, |(group, key)| {
            partition(&batch, |row_group, row_key| (row_group, row_key) <= (group.0, key.as_slice()))
        });
        batch = batch.slice(from, batch.len() - from);
        if let Some(prefix) = &self.restriction.prefix {
            let keep: BooleanArray =
                (0..batch.len()).map(|row| Some(batch.sort_key(row).starts_with(prefix))).collect();
            batch = filtered(batch, &keep)?;
        }
        Ok(Some(batch).filter(|batch| !batch.is_empty()))
    }

    /// Spec: TTL-1.
    fn drop_expired(&self, batch: RowBatch) -> Result<RowBatch> {
        let Some(until) = self.expired_until else { return Ok(batch) };
        let Some(accessed) = batch.column(Role::LastAccess).and_then(|c| c.as_primitive_opt::<Int64Type>())
        else {
            return Ok(batch);
        };
        let keep: BooleanArray = accessed.iter().map(|at| Some(at.is_none_or(|at| at > until))).collect();
        filtered(batch, &keep)
    }

    /// Spec: LIST-4.
    fn renumber(&mut self, batch: RowBatch) -> Result<RowBatch> {
        let odd = || Error::malformed("rows", rule::ORDER, "a list row without a position");
        let groups = batch.column(Role::KeyGroup).and_then(|c| c.as_primitive_opt::<UInt16Type>()).cloned();
        let keys = batch.sort_keys();
        let offsets = keys.offsets().clone();
        let first = offsets.first().and_then(|o| usize::try_from(*o).ok()).unwrap_or(0);
        let last = offsets.last().and_then(|o| usize::try_from(*o).ok()).unwrap_or(0);
        let mut bytes = keys.value_data().get(first..last).ok_or_else(odd)?.to_vec();
        let mut ranks = Vec::with_capacity(batch.len());
        let mut end = 0;
        for row in 0..batch.len() {
            let group = groups.as_ref().map_or(0, |g| g.value(row));
            let key = keys.value(row);
            let prefix = key
                .get(..key.len().saturating_sub(POSITION_BYTES))
                .filter(|p| !p.is_empty())
                .ok_or_else(odd)?;
            match &mut self.list {
                Some((list_group, list)) if *list_group == group && list == prefix => self.rank += 1,
                list => {
                    *list = Some((group, prefix.to_vec()));
                    self.rank = 0;
                }
            }
            ranks.push(self.rank);
            end += key.len();
            let place = bytes.get_mut(end - POSITION_BYTES..end).ok_or_else(odd)?;
            place.copy_from_slice(&((self.rank as u64) ^ (1 << 63)).to_be_bytes());
        }
        let lengths =
            arrow_buffer::OffsetBuffer::from_lengths((0..batch.len()).map(|row| keys.value(row).len()));
        let keys = BinaryArray::try_new(lengths, Buffer::from_vec(bytes), None)?;
        let ranks: ArrayRef = Arc::new(Int64Array::from(ranks));
        let columns = batch.schema().roles(batch.has_ops()).into_iter().zip(batch.rows().columns());
        let columns =
            columns.map(
                |(role, column)| if role == Role::ListPos { Arc::clone(&ranks) } else { Arc::clone(column) },
            );
        let rows = RecordBatch::try_new(batch.rows().schema(), columns.collect())?;
        Ok(RowBatch::new(Arc::clone(batch.schema()), batch.has_ops(), rows, keys)?)
    }
}

fn partition(batch: &RowBatch, below: impl Fn(u16, &[u8]) -> bool) -> usize {
    let groups = batch.column(Role::KeyGroup).and_then(|c| c.as_primitive_opt::<UInt16Type>());
    let (mut low, mut high) = (0, batch.len());
    while low < high {
        let middle = low + (high - low) / 2;
        let group = groups.map_or(0, |groups| groups.value(middle));
        if below(group, batch.sort_key(middle)) { low = middle + 1 } else { high = middle }
    }
    low
}

fn filtered(batch: RowBatch, keep: &BooleanArray) -> Result<RowBatch> {
    if keep.true_count() == keep.len() {
        return Ok(batch);
    }
    let rows = filter_record_batch(batch.rows(), keep)?;
    let keys = filter(batch.sort_keys(), keep)?;
    let keys = keys.as_binary_opt::<i32>().cloned();
    let keys = keys.ok_or_else(|| Error::malformed("rows", rule::COLUMNS, "sort keys of another type"))?;
    Ok(RowBatch::new(Arc::clone(batch.schema()), batch.has_ops(), rows, keys)?)
}
