//! Sort keys of rows read from files, where they are not stored.

use alluvium_model::canonical::{self, push_escaped, push_i32, push_i64};
use alluvium_model::column::value_with_raw;
use alluvium_model::{LogicalType, Role, StateKind, StateSchema};
use arrow_array::cast::AsArray;
use arrow_array::types::{Int32Type, Int64Type, UInt8Type};
use arrow_array::{Array, ArrayRef, BinaryArray, RecordBatch, StringArray};
use arrow_buffer::{Buffer, NullBuffer, OffsetBuffer, ScalarBuffer};

use crate::{Error, Result, rule};

const CLEAR: u8 = 2;
/// Bytes of the sort key of a 64-bit integer alone.
const WORD_KEY: usize = 9;

/// Returns the sort key of every row.
///
/// Spec: ORDER-2 to ORDER-5.
pub(super) fn compute(schema: &StateSchema, rows: &RecordBatch) -> Result<BinaryArray> {
    let columns = Columns::new(schema, rows)?;
    let count = rows.num_rows();
    if let Some(keys) = columns.of_words(count)? {
        return Ok(keys);
    }
    let mut bytes = Vec::with_capacity(count.saturating_mul(columns.width_hint()));
    let mut offsets = Vec::with_capacity(count + 1);
    offsets.push(0i32);
    for row in 0..count {
        columns.push(row, &mut bytes)?;
        offsets.push(i32::try_from(bytes.len()).map_err(|_| odd("2 GiB of sort keys".into()))?);
    }
    let offsets = OffsetBuffer::new(ScalarBuffer::from(offsets));
    Ok(BinaryArray::try_new(offsets, Buffer::from_vec(bytes), None)?)
}

/// Returns empty sort keys for rows whose keys nobody needs.
pub(super) fn none(rows: usize) -> BinaryArray {
    BinaryArray::new(OffsetBuffer::new_zeroed(rows), Buffer::from_vec(Vec::<u8>::new()), None)
}

/// The columns that make up sort keys.
struct Columns<'a> {
    ops: Option<&'a [u8]>,
    parts: Vec<Part<'a>>,
    entry: Vec<Part<'a>>,
}

enum Part<'a> {
    Int64(Option<&'a NullBuffer>, &'a [i64]),
    Int32(Option<&'a NullBuffer>, &'a [i32]),
    /// A subtask: its bits as they are.
    Subtask(&'a [i32]),
    Text(&'a StringArray),
    Any {
        column: &'a dyn Array,
        raw: Option<&'a dyn Array>,
        ty: &'a LogicalType,
    },
}

impl<'a> Columns<'a> {
    fn new(schema: &'a StateSchema, rows: &'a RecordBatch) -> Result<Self> {
        let column = |role: Role| rows.column_by_name(role.name());
        let typed = |role: Role, raw: Role, ty: &'a Option<LogicalType>| {
            let ty = ty.as_ref().ok_or_else(|| odd(format!("no type of column {}", role.name())))?;
            Part::of(need(column(role), role)?, column(raw), ty)
        };
        let mut parts = Vec::with_capacity(2);
        if schema.key.is_some() {
            parts.push(typed(Role::Key, Role::KeyRaw, &schema.key)?);
        }
        if schema.namespace.is_some() {
            parts.push(typed(Role::Namespace, Role::NamespaceRaw, &schema.namespace)?);
        }
        let entry = match schema.kind {
            StateKind::Map | StateKind::Broadcast => {
                vec![typed(Role::MapKey, Role::MapKeyRaw, &schema.map_key)?]
            }
            StateKind::List => vec![Part::int64(need(column(Role::ListPos), Role::ListPos)?)?],
            StateKind::Timer(_) => vec![Part::int64(need(column(Role::Timestamp), Role::Timestamp)?)?],
            StateKind::Value | StateKind::Reducing | StateKind::Aggregating => Vec::new(),
            _ => vec![
                Part::Subtask(int32s(need(column(Role::Subtask), Role::Subtask)?)?),
                Part::int64(need(column(Role::Index), Role::Index)?)?,
            ],
        };
        let ops = column(Role::Op)
            .and_then(|ops| ops.as_primitive_opt::<UInt8Type>())
            .map(|ops| ops.values().as_ref());
        Ok(Columns { ops, parts, entry })
    }

    fn width_hint(&self) -> usize {
        1 + self.parts.iter().chain(&self.entry).map(Part::width_hint).sum::<usize>()
    }

    /// Returns the sort keys of states with one row per key where keys are 64-bit integers, in one go.
    fn of_words(&self, count: usize) -> Result<Option<BinaryArray>> {
        let ([Part::Int64(None, values)], []) = (self.parts.as_slice(), self.entry.as_slice()) else {
            return Ok(None);
        };
        let mut bytes = vec![0; count * WORD_KEY];
        for (key, value) in bytes.chunks_exact_mut(WORD_KEY).zip(values.iter()) {
            let word = ((*value as u64) ^ (1 << 63)).to_be_bytes();
            if let Some((head, mark)) = key.split_first_chunk_mut() {
                *head = word;
                mark.fill(0x01);
            }
        }
        for (key, op) in bytes.chunks_exact_mut(WORD_KEY).zip(self.ops.unwrap_or_default()) {
            if let Some(mark) = key.last_mut().filter(|_| *op == CLEAR) {
                *mark = 0x00;
            }
        }
        let offsets = OffsetBuffer::from_repeated_length(WORD_KEY, count);
        Ok(Some(BinaryArray::try_new(offsets, Buffer::from_vec(bytes), None)?))
    }

    fn push(&self, row: usize, out: &mut Vec<u8>) -> Result<()> {
        for part in &self.parts {
            part.push(row, out)?;
        }
        if self.ops.and_then(|ops| ops.get(row)) == Some(&CLEAR) {
            out.push(0x00);
            return Ok(());
        }
        out.push(0x01);
        self.entry.iter().try_for_each(|part| part.push(row, out))
    }
}

impl<'a> Part<'a> {
    fn of(column: &'a ArrayRef, raw: Option<&'a ArrayRef>, ty: &'a LogicalType) -> Result<Self> {
        if raw.is_none_or(|raw| raw.null_count() == raw.len()) {
            match ty {
                LogicalType::Int64 => return Part::int64(column),
                LogicalType::Int32 => return Ok(Part::Int32(nulls(column), int32s(column)?)),
                LogicalType::String => {
                    return column.as_string_opt::<i32>().map(Part::Text).ok_or_else(|| odd_type(column));
                }
                _ => {}
            }
        }
        Ok(Part::Any { column: column.as_ref(), raw: raw.map(|raw| raw.as_ref()), ty })
    }

    fn int64(column: &'a ArrayRef) -> Result<Self> {
        let values = column.as_primitive_opt::<Int64Type>().ok_or_else(|| odd_type(column))?;
        Ok(Part::Int64(nulls(column), values.values().as_ref()))
    }

    fn width_hint(&self) -> usize {
        match self {
            Part::Int32(..) | Part::Subtask(_) => 4,
            Part::Int64(..) => 8,
            Part::Text(_) | Part::Any { .. } => 16,
        }
    }

    fn push(&self, row: usize, out: &mut Vec<u8>) -> Result<()> {
        let null = || odd(format!("a null in row {row} of a window where a key must be"));
        match self {
            Part::Int64(Some(nulls), _) | Part::Int32(Some(nulls), _) if nulls.is_null(row) => {
                return Err(null());
            }
            Part::Text(column) if column.is_null(row) => return Err(null()),
            Part::Int64(_, values) => push_i64(values.get(row).copied().ok_or_else(null)?, out),
            Part::Int32(_, values) => push_i32(values.get(row).copied().ok_or_else(null)?, out),
            Part::Subtask(values) => {
                out.extend_from_slice(&(values.get(row).copied().ok_or_else(null)? as u32).to_be_bytes());
            }
            Part::Text(column) => push_escaped(column.value(row).as_bytes(), out),
            Part::Any { column, raw, ty } => {
                let value = value_with_raw(*column, *raw, ty, row).map_err(odd_value)?;
                canonical::encode(&value, ty, out).map_err(odd_value)?;
            }
        }
        Ok(())
    }
}

fn need(column: Option<&ArrayRef>, role: Role) -> Result<&ArrayRef> {
    column.ok_or_else(|| odd(format!("no column {}", role.name())))
}

fn int32s(column: &ArrayRef) -> Result<&[i32]> {
    let values = column.as_primitive_opt::<Int32Type>().ok_or_else(|| odd_type(column))?;
    Ok(values.values().as_ref())
}

/// Returns where a column is null, if it is anywhere.
fn nulls(column: &ArrayRef) -> Option<&NullBuffer> {
    column.nulls().filter(|nulls| nulls.null_count() > 0)
}

fn odd_type(column: &ArrayRef) -> Error {
    odd(format!("a column of type {}", column.data_type()))
}

/// Names the rule that a value breaks itself.
fn odd_value(error: alluvium_model::Error) -> Error {
    Error::malformed("rows", error.rule().unwrap_or(rule::COLUMNS), error.to_string())
}

fn odd(found: String) -> Error {
    Error::malformed("rows", rule::COLUMNS, found)
}
