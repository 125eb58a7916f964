//! Restored rows, left in their columns until they are written.

use std::hash::BuildHasher;
use std::ops::Range;

use alluvium_model::typed::{ColumnReader, StateKey, StateType, key_group};
use alluvium_model::{MaxParallelism, Role, RowBatch};
use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_array::{Array, Int64Array};
use foldhash::fast::FixedState;
use hashbrown::HashTable;

use super::layers::Current;
use super::words::Words;
use crate::{Error, Result};

/// The rows of one state after a restore, found by key through row numbers.
///
/// The rows of a key lie together, in the order of their entries. `E` is the type of map keys;
/// states without them have no such column.
pub(super) struct Columnar<K: StateKey, E: StateType, V: StateType> {
    batches: Vec<Batch<K, E, V>>,
    /// Number of the first row of each batch.
    starts: Vec<u32>,
    rows: u32,
    /// Whether a key may have more than one row.
    grouped: bool,
    /// Number of the first row of each key, and the number of rows; only if grouped.
    heads: Vec<u32>,
    /// Number of rows by key group.
    group_rows: Vec<usize>,
    max_parallelism: MaxParallelism,
    /// Finds keys in place of the index, where keys are words in order.
    words: Option<Words>,
    /// Positions in `heads`, or rows: one table per key group. Rows come by key group, so that the table
    /// being filled stays in the cache.
    index: Vec<HashTable<u32>>,
}

struct Batch<K: StateKey, E: StateType, V: StateType> {
    keys: K::Reader,
    entries: Option<E::Reader>,
    values: V::Reader,
    stamps: Option<Int64Array>,
}

impl<K: StateKey, E: StateType, V: StateType> Columnar<K, E, V> {
    pub(super) fn new(grouped: bool, max_parallelism: MaxParallelism) -> Self {
        Columnar {
            batches: Vec::new(),
            starts: Vec::new(),
            rows: 0,
            grouped,
            heads: Vec::new(),
            group_rows: Vec::new(),
            max_parallelism,
            words: K::OF_WORD.map(|_| Words::default()),
            index: Vec::new(),
        }
    }

    /// Takes a batch that is behind all earlier ones in canonical order.
    pub(super) fn push(&mut self, rows: &RowBatch) -> Result<()> {
        let name = &rows.schema().name;
        let odd = |found: String| Error::Rows { state: name.clone(), found };
        let failed = Error::model(name);
        let column = |role: Role| {
            let column = rows.column(role).ok_or_else(|| odd(format!("no column {}", role.name())))?;
            match column.null_count() {
                0 => Ok(column),
                _ if role == Role::Value && V::NULLABLE => Ok(column),
                _ if has_raw(rows, role) => Err(Error::Opaque { state: name.clone() }),
                nulls => Err(odd(format!("{nulls} nulls in column {}", role.name()))),
            }
        };
        let entries = match rows.schema().map_key {
            Some(_) => Some(E::Reader::open(column(Role::MapKey)?).map_err(&failed)?),
            None => None,
        };
        if V::NULLABLE && has_raw(rows, Role::Value) {
            return Err(Error::Opaque { state: name.clone() });
        }
        let stamps = rows.column(Role::LastAccess).and_then(|column| column.as_primitive_opt::<Int64Type>());
        let batch = Batch {
            keys: K::Reader::open(column(Role::Key)?).map_err(&failed)?,
            entries,
            values: V::Reader::open(column(Role::Value)?).map_err(&failed)?,
            stamps: stamps.cloned(),
        };
        let total = u32::try_from(rows.len()).ok().and_then(|len| self.rows.checked_add(len));
        self.starts.push(self.rows);
        self.rows = total.ok_or_else(|| odd("more than 4294967295 rows in one subtask".into()))?;
        self.batches.push(batch);
        self.push_words(rows);
        for same in rows.key_groups().unwrap_or_default().chunk_by(|a, b| a == b) {
            let group = same.first().copied().map_or(0, usize::from);
            self.group_rows.resize(self.group_rows.len().max(group + 1), 0);
            self.group_rows[group] += same.len();
        }
        Ok(())
    }

    /// Notes the words of the keys of the newest batch; gives up on words at a row that is out of order or
    /// not in the key group of its key.
    fn push_words(&mut self, rows: &RowBatch) {
        let (Some(words), Some(batch), Some(groups)) =
            (&mut self.words, self.batches.last(), rows.key_groups())
        else {
            return self.words = None;
        };
        let (mut at, mut row) = (0, self.rows - groups.len() as u32);
        let mut fits = true;
        for same in groups.chunk_by(|a, b| a == b) {
            let group = same.first().copied().unwrap_or(0);
            let keys = (at..at + same.len()).map(|offset| batch.keys.get(offset));
            let place = |key: K| key_group(&key, self.max_parallelism).0;
            fits &= keys.clone().fold(true, |fits, key| fits & (place(key) == group));
            let keys = keys.map(|key| key.word());
            fits &= match self.grouped {
                false => words.extend(group, keys),
                true => keys.zip(row..).all(|(word, row)| {
                    let known = words.last == Some((group, word));
                    if !known {
                        self.heads.push(row);
                    }
                    known || words.extend(group, std::iter::once(word))
                }),
            };
            (at, row) = (at + same.len(), row + same.len() as u32);
        }
        if !fits {
            self.heads.clear();
            self.words = None;
        }
    }

    /// Indexes the keys.
    pub(super) fn finish(&mut self, hasher: &FixedState) {
        if self.words.is_some() {
            if self.grouped {
                self.heads.push(self.rows);
            }
            return;
        }
        let room = |group: usize| match self.group_rows.get(group) {
            Some(rows) if !self.grouped => *rows,
            _ => 0,
        };
        let groups = self.max_parallelism.get() as usize;
        self.index = (0..groups).map(|group| HashTable::with_capacity(room(group))).collect();
        let mut scratch: Option<K> = None;
        for number in 0..self.batches.len() {
            let start = self.starts[number];
            let end = self.starts.get(number + 1).copied().unwrap_or(self.rows);
            for row in start..end {
                self.add(number, (row - start) as usize, row, &mut scratch, hasher);
            }
        }
        if self.grouped {
            self.heads.push(self.rows);
        }
    }

    fn add(&mut self, batch: usize, offset: usize, row: u32, scratch: &mut Option<K>, hasher: &FixedState) {
        let keys = &self.batches[batch].keys;
        let key = match scratch {
            Some(key) if self.grouped && keys.matches(offset, key) => return,
            Some(key) => {
                keys.read_into(offset, key);
                &*key
            }
            None => &*scratch.insert(keys.get(offset)),
        };
        let (hash, part) = (hasher.hash_one(key), self.part_of(key));
        let number = if self.grouped { self.heads.len() as u32 } else { row };
        if self.grouped {
            self.heads.push(row);
        }
        let (batches, starts, heads) = (&self.batches, &self.starts, &self.heads);
        self.index[part].insert_unique(hash, number, |number| {
            let row = heads.get(*number as usize).copied().unwrap_or(*number);
            let batch = batch_of(starts, row);
            hasher.hash_one(batches[batch].keys.get((row - starts[batch]) as usize))
        });
    }

    /// Returns the rows of a key.
    pub(super) fn find(&self, at: &Current<K>) -> Option<Range<u32>> {
        self.find_key(&at.key, at.hash)
    }

    /// Returns the rows of a key, given its hash.
    pub(super) fn find_key(&self, key: &K, hash: u64) -> Option<Range<u32>> {
        let head = |number: u32| if self.grouped { self.heads[number as usize] } else { number };
        let number = match &self.words {
            Some(words) => words.find(self.part_of(key), key.word())?,
            None => *self.index.get(self.part_of(key))?.find(hash, |number| {
                let (batch, offset) = self.locate(head(*number));
                batch.keys.matches(offset, key)
            })?,
        };
        let start = head(number);
        let end = if self.grouped { self.heads[number as usize + 1] } else { start + 1 };
        Some(start..end)
    }

    /// Returns which table of the index has the key: by the key itself, whatever its rows say.
    fn part_of(&self, key: &K) -> usize {
        key_group(key, self.max_parallelism).0.into()
    }

    /// Returns the row of an entry among the rows of its key.
    pub(super) fn find_entry(&self, rows: Range<u32>, entry: &E) -> Option<u32>
    where
        E: StateKey,
    {
        let (mut low, mut high) = (rows.start, rows.end);
        while low < high {
            let middle = low + (high - low) / 2;
            match self.entry(middle)?.canonical_cmp(entry) {
                std::cmp::Ordering::Less => low = middle + 1,
                std::cmp::Ordering::Equal => return Some(middle),
                std::cmp::Ordering::Greater => high = middle,
            }
        }
        None
    }

    pub(super) fn entry(&self, row: u32) -> Option<E> {
        let (batch, offset) = self.locate(row);
        batch.entries.as_ref().map(|entries| entries.get(offset))
    }

    pub(super) fn value(&self, row: u32) -> V {
        let (batch, offset) = self.locate(row);
        batch.values.get(offset)
    }

    pub(super) fn last_access(&self, row: u32) -> Option<i64> {
        let (batch, offset) = self.locate(row);
        batch.stamps.as_ref().map(|stamps| stamps.value(offset))
    }

    fn locate(&self, row: u32) -> (&Batch<K, E, V>, usize) {
        let batch = batch_of(&self.starts, row);
        (&self.batches[batch], (row - self.starts[batch]) as usize)
    }
}

fn batch_of(starts: &[u32], row: u32) -> usize {
    starts.partition_point(|start| *start <= row) - 1
}

fn has_raw(rows: &RowBatch, role: Role) -> bool {
    let raw = match role {
        Role::Key => Role::KeyRaw,
        Role::MapKey => Role::MapKeyRaw,
        _ => Role::ValueRaw,
    };
    let Some((raw, typed)) = rows.column(raw).zip(rows.column(role)) else { return false };
    (0..rows.len()).any(|row| raw.is_valid(row) && typed.is_null(row))
}
