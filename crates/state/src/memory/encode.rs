//! Frozen layers as sorted delta rows.

use std::sync::Arc;

use alluvium_model::typed::{ColumnBuilder, StateKey, StateType, key_group};
use alluvium_model::{KeyGroup, MaxParallelism, Op, Role, RowBatch, StateSchema, canonical};
use arrow_array::builder::Int64Builder;
use arrow_array::{ArrayRef, BinaryArray, RecordBatch, UInt8Array, UInt16Array};
use arrow_buffer::{Buffer, OffsetBuffer, ScalarBuffer};

use super::cell::Cell;
use super::layers::{Entry, Layer};
use super::slot::SlotOptions;
use crate::{FrozenId, FrozenTable};

/// The column that names a row within its key.
pub(super) trait EntryColumn: Send {
    type Entry<'a>: Copy + Send;

    fn with_capacity(rows: usize) -> Self;
    fn push(&mut self, entry: Option<Self::Entry<'_>>);
    fn canonical(entry: Self::Entry<'_>, out: &mut Vec<u8>);
    fn finish(&mut self) -> Option<ArrayRef>;
}

/// One entry per key.
pub(super) struct NoEntries;

impl EntryColumn for NoEntries {
    type Entry<'a> = ();

    fn with_capacity(_: usize) -> Self {
        NoEntries
    }

    fn push(&mut self, _: Option<()>) {}

    fn canonical((): (), _: &mut Vec<u8>) {}

    fn finish(&mut self) -> Option<ArrayRef> {
        None
    }
}

/// List positions or timestamps.
pub(super) struct Positions(Int64Builder);

impl EntryColumn for Positions {
    type Entry<'a> = i64;

    fn with_capacity(rows: usize) -> Self {
        Positions(Int64Builder::with_capacity(rows))
    }

    fn push(&mut self, entry: Option<i64>) {
        self.0.append_option(entry);
    }

    fn canonical(entry: i64, out: &mut Vec<u8>) {
        canonical::push_i64(entry, out);
    }

    fn finish(&mut self) -> Option<ArrayRef> {
        Some(Arc::new(self.0.finish()))
    }
}

/// Map keys.
pub(super) struct MapKeys<E: StateType>(E::Builder);

impl<E: StateKey> EntryColumn for MapKeys<E> {
    type Entry<'a> = &'a E;

    fn with_capacity(rows: usize) -> Self {
        MapKeys(E::Builder::with_capacity(rows))
    }

    fn push(&mut self, entry: Option<&E>) {
        match entry {
            Some(entry) => self.0.push(entry),
            None => self.0.push_null(),
        }
    }

    fn canonical(entry: &E, out: &mut Vec<u8>) {
        entry.canonical(out);
    }

    fn finish(&mut self) -> Option<ArrayRef> {
        Some(self.0.finish())
    }
}

/// A cell that becomes rows.
pub(super) trait Encode: Cell {
    type Entries: EntryColumn;
    type Value: StateType;

    /// Returns the rows in canonical order: the clear, if any, then entries.
    fn rows(&self, sequence: u32) -> impl Iterator<Item = CellRow<'_, Self>> + Send;
}

/// A row of a cell.
pub(super) struct CellRow<'a, C: Encode> {
    pub(super) op: Op,
    pub(super) entry: Option<<C::Entries as EntryColumn>::Entry<'a>>,
    pub(super) value: Option<&'a C::Value>,
    pub(super) last_access: Option<i64>,
}

impl<C: Encode> CellRow<'_, C> {
    pub(super) fn clear() -> Self {
        CellRow { op: Op::Clear, entry: None, value: None, last_access: None }
    }
}

/// The rows of one state in a frozen layer.
pub(super) struct FrozenRows<K, C> {
    slot: usize,
    schema: Arc<StateSchema>,
    max_parallelism: MaxParallelism,
    sequence: u32,
    layer: Arc<Layer<K, C>>,
}

impl<K, C> FrozenRows<K, C> {
    pub(super) fn new(options: &SlotOptions, id: FrozenId, layer: Arc<Layer<K, C>>) -> Self {
        FrozenRows {
            slot: options.slot,
            schema: Arc::clone(&options.schema),
            max_parallelism: options.backend.max_parallelism,
            sequence: id.sequence(),
            layer,
        }
    }
}

impl<K: StateKey, C: Encode> FrozenTable for FrozenRows<K, C> {
    fn slot(&self) -> usize {
        self.slot
    }

    fn schema(&self) -> &Arc<StateSchema> {
        &self.schema
    }

    fn rows_hint(&self) -> usize {
        self.layer.len()
    }

    fn rows(
        &self,
        batch_rows: usize,
    ) -> Box<dyn Iterator<Item = alluvium_model::Result<RowBatch>> + Send + '_> {
        let sequence = self.sequence;
        let rows = sorted(&self.layer, self.max_parallelism).into_iter().flat_map(move |placed| {
            let Placed { group, entry, .. } = placed;
            entry.cell.rows(sequence).map(move |row| (group, &entry.key, row))
        });
        Box::new(Batches { schema: &self.schema, rows: rows.peekable(), batch_rows: batch_rows.max(1) })
    }
}

/// An entry with what it is sorted by.
struct Placed<'a, K, C> {
    /// The first canonical bytes, where the key has at most 8.
    word: u64,
    entry: &'a Entry<K, C>,
    group: KeyGroup,
}

/// Sorts by key group and canonical bytes: first into key groups by counting, then within each.
fn sorted<K: StateKey, C: Encode>(layer: &Layer<K, C>, max: MaxParallelism) -> Vec<Placed<'_, K, C>> {
    let mut placed: Vec<_> = layer
        .iter()
        .map(|entry| Placed { word: entry.key.word(), group: key_group(&entry.key, max), entry })
        .collect();
    let words_decide = K::WIDTH.is_some_and(|width| width <= 8);
    if words_decide {
        placed.sort_unstable_by_key(|p| (p.group, p.word));
    } else {
        placed.sort_unstable_by(|a, b| {
            a.group.cmp(&b.group).then_with(|| a.entry.key.canonical_cmp(&b.entry.key))
        });
    }
    placed
}

struct Batches<'a, I: Iterator> {
    schema: &'a Arc<StateSchema>,
    rows: std::iter::Peekable<I>,
    batch_rows: usize,
}

impl<'a, K, C, I> Iterator for Batches<'a, I>
where
    K: StateKey,
    C: Encode,
    I: Iterator<Item = (KeyGroup, &'a K, CellRow<'a, C>)>,
{
    type Item = alluvium_model::Result<RowBatch>;

    fn next(&mut self) -> Option<Self::Item> {
        self.rows.peek()?;
        let mut batch =
            Columns::<K, C>::new(self.batch_rows.min(self.rows.size_hint().0.max(1024)), self.schema);
        let mut last: Option<&K> = None;
        while batch.groups.len() < self.batch_rows && batch.sort_keys.len() < SORT_KEY_BYTES {
            let Some((group, key, row)) = self.rows.next() else { break };
            let same = last.is_some_and(|last| std::ptr::eq(last, key));
            batch.push(group, key, same, row);
            last = Some(key);
        }
        Some(batch.finish(self.schema))
    }
}

/// Bytes of sort keys after which a batch ends early.
const SORT_KEY_BYTES: usize = 16 << 20;

/// The columns of a batch while it is built.
struct Columns<K: StateKey, C: Encode> {
    ops: Vec<u8>,
    groups: Vec<u16>,
    keys: K::Builder,
    entries: C::Entries,
    values: Option<<C::Value as StateType>::Builder>,
    last_access: Int64Builder,
    sort_keys: Vec<u8>,
    ends: Vec<i32>,
    key_bytes: Vec<u8>,
}

impl<K: StateKey, C: Encode> Columns<K, C> {
    fn new(rows: usize, schema: &StateSchema) -> Self {
        let mut ends = Vec::with_capacity(rows + 1);
        ends.push(0);
        Columns {
            ops: Vec::with_capacity(rows),
            groups: Vec::with_capacity(rows),
            keys: K::Builder::with_capacity(rows),
            entries: C::Entries::with_capacity(rows),
            values: schema.value.as_ref().map(|_| <C::Value as StateType>::Builder::with_capacity(rows)),
            last_access: Int64Builder::with_capacity(if schema.ttl_ms.is_some() { rows } else { 0 }),
            sort_keys: Vec::with_capacity(rows * (K::WIDTH.unwrap_or(16) + 1)),
            ends,
            key_bytes: Vec::new(),
        }
    }

    fn push(&mut self, group: KeyGroup, key: &K, same_key: bool, row: CellRow<'_, C>) {
        if !same_key {
            self.key_bytes.clear();
            key.canonical(&mut self.key_bytes);
        }
        self.ops.push(row.op as u8);
        self.groups.push(group.0);
        self.keys.push(key);
        self.sort_keys.extend_from_slice(&self.key_bytes);
        self.sort_keys.push(u8::from(row.op != Op::Clear));
        self.entries.push(row.entry);
        if let Some(entry) = row.entry {
            C::Entries::canonical(entry, &mut self.sort_keys);
        }
        self.ends
            .push(i32::try_from(self.sort_keys.len()).expect("a batch ends long before 2 GiB of sort keys"));
        if let Some(values) = &mut self.values {
            match row.value {
                Some(value) => values.push(value),
                None => values.push_null(),
            }
        }
        self.last_access.append_option(row.last_access);
    }

    fn finish(mut self, schema: &Arc<StateSchema>) -> alluvium_model::Result<RowBatch> {
        let mut columns: Vec<ArrayRef> = Vec::with_capacity(6);
        for role in schema.roles(true) {
            let column: Option<ArrayRef> = match role {
                Role::Op => Some(Arc::new(UInt8Array::from(std::mem::take(&mut self.ops)))),
                Role::KeyGroup => Some(Arc::new(UInt16Array::from(std::mem::take(&mut self.groups)))),
                Role::Key => Some(self.keys.finish()),
                Role::MapKey | Role::ListPos | Role::Timestamp => self.entries.finish(),
                Role::Value => self.values.as_mut().map(ColumnBuilder::finish),
                Role::LastAccess => Some(Arc::new(self.last_access.finish())),
                _ => None,
            };
            columns.extend(column);
        }
        let rows = RecordBatch::try_new(schema.arrow_schema(true), columns)?;
        let offsets = OffsetBuffer::new(ScalarBuffer::from(self.ends));
        let sort_keys = BinaryArray::try_new(offsets, Buffer::from_vec(self.sort_keys), None)?;
        RowBatch::new(Arc::clone(schema), true, rows, sort_keys)
    }
}
