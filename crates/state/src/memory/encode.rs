//! Frozen layers as sorted delta rows.

use std::cmp::Ordering;
use std::sync::Arc;

use alluvium_model::typed::{ColumnBuilder, StateKey, StateType, key_group};
use alluvium_model::{KeyGroup, MaxParallelism, Op, Role, RowBatch, StateSchema, canonical};
use arrow_array::builder::Int64Builder;
use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, BinaryArray, RecordBatch, UInt8Array, UInt16Array, UInt32Array};
use arrow_buffer::{Buffer, OffsetBuffer, ScalarBuffer};
use arrow_select::interleave::interleave;
use arrow_select::take::take_arrays;

use super::cell::Cell;
use super::layers::Layer;
use super::places::{DELETE, Place, sort};
use super::slot::SlotOptions;
use crate::{EncodingSizes, FrozenId, FrozenTable};

/// The column that names a row within its key.
pub(super) trait EntryColumn: Send {
    /// Whether there is such a column.
    const SOME: bool = true;

    type Entry<'a>: Copy + Send;

    fn with_capacity(rows: usize) -> Self;
    fn push(&mut self, entry: Option<Self::Entry<'_>>);
    fn canonical(entry: Self::Entry<'_>, out: &mut Vec<u8>);
    fn finish(&mut self) -> Option<ArrayRef>;
}

/// One entry per key.
pub(super) struct NoEntries;

impl EntryColumn for NoEntries {
    const SOME: bool = false;

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
    sizes: EncodingSizes,
    layer: Arc<Layer<K, C>>,
}

impl<K, C> FrozenRows<K, C> {
    pub(super) fn new(options: &SlotOptions, id: FrozenId, layer: Arc<Layer<K, C>>) -> Self {
        FrozenRows {
            slot: options.slot,
            schema: Arc::clone(&options.schema),
            max_parallelism: options.backend.max_parallelism,
            sequence: id.sequence(),
            sizes: options.backend.encoding,
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
        Box::new(Sorted::new(self, batch_rows.max(1)))
    }
}

/// The rows of a layer in canonical order, in batches.
///
/// The entries of a layer lie in the order of their hashes, and to fetch one after the other in the order
/// of their keys would wait for memory at every row. So the layer is read from its beginning to its end, its
/// rows go into the columns of parts by key group, and each part, which fits a cache, is put in order.
///
/// Memory: the columns of the parts of one pass ([`EncodingSizes`](crate::EncodingSizes)), and a batch.
struct Sorted<'a, K: StateKey, C: Encode> {
    of: &'a FrozenRows<K, C>,
    batch_rows: usize,
    parts: usize,
    next_part: usize,
    /// About how many bytes a row takes.
    row_bytes: usize,
    /// Parts that are filled, in order.
    filled: std::vec::IntoIter<Part<K, C>>,
    current: Option<Ordered>,
}

/// Rows of neighbouring key groups, in more than one piece where they are large.
type Part<K, C> = Vec<Columns<K, C>>;

/// Bytes after which a batch ends early.
const BATCH_BYTES: usize = 16 << 20;
/// Entries by which the size of rows is judged.
const SAMPLE: usize = 64;

impl<'a, K: StateKey, C: Encode> Sorted<'a, K, C> {
    fn new(of: &'a FrozenRows<K, C>, batch_rows: usize) -> Self {
        let parts = (of.layer.len() / of.sizes.part_rows).clamp(1, of.max_parallelism.get() as usize);
        let mut sample = Columns::<K, C>::new(SAMPLE, &of.schema);
        for entry in of.layer.iter().take(SAMPLE) {
            entry
                .cell
                .rows(of.sequence)
                .take(SAMPLE)
                .for_each(|row| sample.push(KeyGroup(0), &entry.key, row));
        }
        let row_bytes = sample.bytes() / sample.len().max(1) + 1;
        let (filled, current) = (Vec::new().into_iter(), None);
        Sorted { of, batch_rows, parts, next_part: 0, row_bytes, filled, current }
    }

    /// Fills the next parts in one pass over the layer.
    fn fill(&mut self) -> Vec<Part<K, C>> {
        let FrozenRows { layer, schema, max_parallelism: max, sequence, .. } = self.of;
        let rows = layer.len() / self.parts + layer.len() / self.parts / 16;
        let count = (self.of.sizes.pass_bytes / (rows.max(1) * self.row_bytes)).max(1);
        let first = self.next_part;
        self.next_part = (first + count).min(self.parts);
        let mut filled: Vec<Part<K, C>> = Vec::new();
        filled.resize_with(self.next_part - first, Vec::new);
        let groups = max.get() as usize;
        let parts: Vec<usize> = (0..groups).map(|group| group * self.parts / groups).collect();
        for entry in layer.iter() {
            let group = key_group(&entry.key, *max);
            let part = parts[usize::from(group.0)];
            let Some(pieces) = part.checked_sub(first).and_then(|part| filled.get_mut(part)) else {
                continue;
            };
            for row in entry.cell.rows(*sequence) {
                if pieces.last().is_none_or(|piece| piece.bytes() >= self.of.sizes.piece_bytes) {
                    pieces.push(Columns::new(if pieces.is_empty() { rows } else { 0 }, schema));
                }
                if let Some(piece) = pieces.last_mut() {
                    piece.push(group, &entry.key, row);
                }
            }
        }
        filled
    }
}

impl<K: StateKey, C: Encode> Iterator for Sorted<'_, K, C> {
    type Item = alluvium_model::Result<RowBatch>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(batch) = self.current.as_mut().and_then(Ordered::next) {
                return Some(batch);
            }
            match self.filled.next() {
                Some(part) => match Ordered::new(part, &self.of.schema, self.batch_rows) {
                    Ok(ordered) => self.current = Some(ordered),
                    Err(error) => return Some(Err(error)),
                },
                None if self.next_part < self.parts => self.filled = self.fill().into_iter(),
                None => return None,
            }
        }
    }
}

/// A part whose order is known.
struct Ordered {
    schema: Arc<StateSchema>,
    pieces: Vec<Piece>,
    places: Vec<Place>,
    /// How keys are made, where they are sorted by their word alone.
    words: Option<Words>,
    at: usize,
    batch_rows: usize,
}

/// What makes the columns of keys and sort keys of words.
struct Words {
    /// Bytes of a key.
    width: usize,
    keys: fn(&[Place]) -> ArrayRef,
}

/// Columns in the order of the layer; where places have the words of keys, only those behind the key.
struct Piece {
    rows: Vec<ArrayRef>,
    sort_keys: Option<BinaryArray>,
}

impl Ordered {
    fn new<K: StateKey, C: Encode>(
        mut part: Part<K, C>,
        schema: &Arc<StateSchema>,
        batch_rows: usize,
    ) -> alluvium_model::Result<Self> {
        let bytes: usize = part.iter().map(Columns::bytes).sum();
        let mut places = part.first_mut().map(Columns::places).unwrap_or_default();
        for (piece, number) in part.iter_mut().zip(0..).skip(1) {
            places.extend(piece.places().into_iter().map(|place| Place { piece: number, ..place }));
        }
        let pieces = part.into_iter().map(|piece| piece.finish(schema));
        let pieces = pieces.collect::<alluvium_model::Result<Vec<_>>>()?;
        let words = Columns::<K, C>::WORD.map(|(width, _)| Words { width, keys: keys_of_words::<K> });
        match words {
            Some(_) => sort(&mut places, |_, _| Ordering::Equal),
            None => sort(&mut places, |a, b| sort_key(&pieces, a).cmp(sort_key(&pieces, b))),
        }
        let most = BATCH_BYTES / (bytes / places.len().max(1) + 1);
        let (schema, batch_rows) = (Arc::clone(schema), batch_rows.min(most).max(1));
        Ok(Ordered { schema, pieces, places, words, at: 0, batch_rows })
    }

    fn next(&mut self) -> Option<alluvium_model::Result<RowBatch>> {
        let rest = self.places.get(self.at..).filter(|rest| !rest.is_empty())?;
        let places = rest.get(..self.batch_rows).unwrap_or(rest);
        self.at += places.len();
        Some(self.gather(places))
    }

    /// Copies rows from where they lie.
    fn gather(&self, places: &[Place]) -> alluvium_model::Result<RowBatch> {
        let gathered = gather_columns(&self.pieces, places)?;
        let (columns, sort_keys) = match &self.words {
            Some(words) => {
                let ops = places.iter().map(|place| if place.group < DELETE { Op::Put } else { Op::Delete });
                let ops = UInt8Array::from_iter_values(ops.map(|op| op as u8));
                let groups = UInt16Array::from_iter_values(places.iter().map(|place| place.group & !DELETE));
                let mut columns: Vec<ArrayRef> = vec![Arc::new(ops), Arc::new(groups), (words.keys)(places)];
                columns.extend(gathered);
                (columns, sort_keys_of_words(places, words.width)?)
            }
            None => {
                let keys = self.pieces.iter().filter_map(|piece| piece.sort_keys.as_ref());
                let keys: Vec<&dyn Array> = keys.map(|keys| keys as &dyn Array).collect();
                let rows = places.iter().map(|place| (place.piece.into(), place.row as usize));
                (gathered, interleave(&keys, &rows.collect::<Vec<_>>())?.as_binary().clone())
            }
        };
        let rows = RecordBatch::try_new(self.schema.arrow_schema(true), columns)?;
        RowBatch::new(Arc::clone(&self.schema), true, rows, sort_keys)
    }
}

fn sort_key<'a>(pieces: &'a [Piece], place: &Place) -> &'a [u8] {
    let keys = pieces[usize::from(place.piece)].sort_keys.as_ref();
    keys.map_or(&[], |keys| keys.value(place.row as usize))
}

fn gather_columns(pieces: &[Piece], places: &[Place]) -> alluvium_model::Result<Vec<ArrayRef>> {
    if let [only] = pieces {
        let rows = UInt32Array::from_iter_values(places.iter().map(|place| place.row));
        return Ok(take_arrays(&only.rows, &rows, None)?);
    }
    let rows: Vec<_> = places.iter().map(|place| (place.piece.into(), place.row as usize)).collect();
    let count = pieces.first().map_or(0, |piece| piece.rows.len());
    let column = |at: usize| -> Vec<&dyn Array> { pieces.iter().map(|piece| &*piece.rows[at]).collect() };
    (0..count).map(|at| Ok(interleave(&column(at), &rows)?)).collect()
}

/// Returns the column of keys whose words places have.
fn keys_of_words<K: StateKey>(places: &[Place]) -> ArrayRef {
    let mut keys = K::Builder::with_capacity(places.len());
    if let Some(of_word) = K::OF_WORD {
        places.iter().for_each(|place| keys.push(&of_word(place.word)));
    }
    keys.finish()
}

/// Returns the sort keys of entries without more than a key of `width` bytes.
fn sort_keys_of_words(places: &[Place], width: usize) -> alluvium_model::Result<BinaryArray> {
    let mut bytes = vec![1; places.len() * (width + 1)];
    for (place, key) in places.iter().zip(bytes.chunks_exact_mut(width + 1)) {
        match key.first_chunk_mut() {
            Some(key) => *key = (place.word << (64 - 8 * width)).to_be_bytes(),
            None => key[..width].copy_from_slice(&place.word.to_be_bytes()[8 - width..]),
        }
        key[width] = 1;
    }
    let offsets = OffsetBuffer::from_repeated_length(width + 1, places.len());
    Ok(BinaryArray::try_new(offsets, Buffer::from_vec(bytes), None)?)
}

/// Returns the first bytes of a sort key as a number that compares as they do.
fn word(sort_key: &[u8]) -> u64 {
    if let Some(first) = sort_key.first_chunk() {
        return u64::from_be_bytes(*first);
    }
    let mut first = [0; 8];
    first[..sort_key.len()].copy_from_slice(sort_key);
    u64::from_be_bytes(first)
}

/// The columns of rows while they are built.
struct Columns<K: StateKey, C: Encode> {
    ops: Vec<u8>,
    groups: Vec<u16>,
    /// Keys as numbers with group and operation, which then stand for those columns and for sort keys.
    words: Vec<Place>,
    keys: K::Builder,
    entries: C::Entries,
    values: Option<<C::Value as StateType>::Builder>,
    last_access: Option<Int64Builder>,
    sort_keys: Vec<u8>,
    ends: Vec<i32>,
}

/// Makes a key of its word.
type OfWord<K> = fn(u64) -> K;

impl<K: StateKey, C: Encode> Columns<K, C> {
    /// Bytes of a key, and how it is made of its word, where there is one row per key and its key is at
    /// most a word.
    const WORD: Option<(usize, OfWord<K>)> = match (K::WIDTH, K::OF_WORD) {
        (Some(width), Some(of_word)) if width > 0 && width <= 8 && !C::Entries::SOME => {
            Some((width, of_word))
        }
        _ => None,
    };

    fn new(rows: usize, schema: &StateSchema) -> Self {
        let (words, keys) = if Self::WORD.is_some() { (rows, 0) } else { (0, rows) };
        let mut ends = Vec::with_capacity(keys + 1);
        ends.push(0);
        Columns {
            words: Vec::with_capacity(words),
            ops: Vec::with_capacity(keys),
            groups: Vec::with_capacity(keys),
            keys: K::Builder::with_capacity(keys),
            entries: C::Entries::with_capacity(keys),
            values: schema.value.as_ref().map(|_| <C::Value as StateType>::Builder::with_capacity(rows)),
            last_access: schema.ttl_ms.map(|_| Int64Builder::with_capacity(rows)),
            sort_keys: Vec::with_capacity(keys * (K::WIDTH.unwrap_or(16) + 1)),
            ends,
        }
    }

    fn len(&self) -> usize {
        self.words.len() + self.groups.len()
    }

    #[inline]
    fn push(&mut self, group: KeyGroup, key: &K, row: CellRow<'_, C>) {
        match Self::WORD {
            Some(_) => {
                let mark = if row.op == Op::Put { 0 } else { DELETE };
                let (word, row) = (key.word(), self.words.len() as u32);
                self.words.push(Place { word, row, group: group.0 | mark, piece: 0 });
            }
            None => {
                self.ops.push(row.op as u8);
                self.groups.push(group.0);
                self.keys.push(key);
                self.entries.push(row.entry);
                self.push_sort_key(key, &row);
            }
        }
        if let Some(values) = &mut self.values {
            match row.value {
                Some(value) => values.push(value),
                None => values.push_null(),
            }
        }
        if let Some(times) = &mut self.last_access {
            times.append_option(row.last_access);
        }
    }

    fn push_sort_key(&mut self, key: &K, row: &CellRow<'_, C>) {
        key.canonical(&mut self.sort_keys);
        self.sort_keys.push(u8::from(row.op != Op::Clear));
        if let Some(entry) = row.entry {
            C::Entries::canonical(entry, &mut self.sort_keys);
        }
        let end = i32::try_from(self.sort_keys.len());
        self.ends.push(end.expect("a piece ends long before 2 GiB of sort keys"));
    }

    /// Takes where the rows lie, and what they are sorted by first.
    fn places(&mut self) -> Vec<Place> {
        if Self::WORD.is_some() {
            return std::mem::take(&mut self.words);
        }
        let rows = self.groups.iter().zip(0..).zip(self.ends.windows(2));
        let places = rows.map(|((group, row), ends)| {
            let key = &self.sort_keys[ends[0] as usize..ends[1] as usize];
            Place { word: word(key), row, group: *group, piece: 0 }
        });
        places.collect()
    }

    /// Returns about how many bytes the rows take.
    fn bytes(&self) -> usize {
        let values = self.values.as_ref().map_or(0, ColumnBuilder::bytes);
        let fixed = self.len() * (size_of::<(u8, u16, i32)>() + size_of::<K>() + size_of::<C::Value>());
        fixed + self.keys.bytes() + self.sort_keys.len() + values
    }

    fn finish(mut self, schema: &StateSchema) -> alluvium_model::Result<Piece> {
        let mut rows: Vec<ArrayRef> = Vec::with_capacity(6);
        let rest = if Self::WORD.is_some() { WORD_ROLES } else { 0 };
        for role in schema.roles(true).into_iter().skip(rest) {
            let column: Option<ArrayRef> = match role {
                Role::Op => Some(Arc::new(UInt8Array::from(std::mem::take(&mut self.ops)))),
                Role::KeyGroup => Some(Arc::new(UInt16Array::from(std::mem::take(&mut self.groups)))),
                Role::Key => Some(self.keys.finish()),
                Role::MapKey | Role::ListPos | Role::Timestamp => self.entries.finish(),
                Role::Value => self.values.as_mut().map(ColumnBuilder::finish),
                Role::LastAccess => {
                    self.last_access.as_mut().map(|times| Arc::new(times.finish()) as ArrayRef)
                }
                _ => None,
            };
            rows.extend(column);
        }
        let sort_keys = match Self::WORD {
            Some(_) => None,
            None => {
                let offsets = OffsetBuffer::new(ScalarBuffer::from(self.ends));
                Some(BinaryArray::try_new(offsets, Buffer::from_vec(self.sort_keys), None)?)
            }
        };
        Ok(Piece { rows, sort_keys })
    }
}

/// Operation, key group and key: the columns that are made of words.
const WORD_ROLES: usize = 3;
