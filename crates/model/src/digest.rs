//! Canonical digests: equal for equal rows, whatever stores them.
//!
//! The digest of a key group is the number of its live rows and the sum of their hashes modulo
//! 2^128; a row's hash is xxh3-128, seed 0, over its canonical encoding. Backend, parallelism,
//! layout, encoder, an alias rename, an added null field and a lossless widening leave it as it
//! is. It is no security digest.
//!
//! Spec: ROWHASH-1 to ROWHASH-10.

mod form;
mod pair;

use std::collections::BTreeMap;

use arrow_array::Array;
use arrow_array::cast::AsArray;
use xxhash_rust::xxh3::xxh3_128;

use form::Form;
pub use form::push_value_form;

use crate::{Error, KeyGroup, Op, Result, Role, RowBatch, StateKind};

/// Count of rows and the sum of their hashes modulo 2^128.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Digest {
    /// Number of rows.
    pub rows: u64,
    /// Sum of the row hashes.
    pub sum: u128,
}

impl Digest {
    /// Adds one row by its hash.
    #[inline]
    pub fn add(&mut self, hash: u128) {
        self.rows += 1;
        self.sum = self.sum.wrapping_add(hash);
    }

    /// Adds all rows of another digest.
    pub fn merge(&mut self, other: Digest) {
        self.rows += other.rows;
        self.sum = self.sum.wrapping_add(other.sum);
    }
}

/// The digests of one state: by key group, non-empty groups only; operator state under group 0.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TableDigest {
    /// Digest of each non-empty key group.
    pub groups: BTreeMap<KeyGroup, Digest>,
}

impl TableDigest {
    /// Adds the digests of another part of the same state.
    pub fn merge(&mut self, other: &TableDigest) {
        for (group, digest) in &other.groups {
            self.groups.entry(*group).or_default().merge(*digest);
        }
    }

    /// Returns the digest of all groups together.
    pub fn total(&self) -> Digest {
        let mut total = Digest::default();
        self.groups.values().for_each(|digest| total.merge(*digest));
        total
    }
}

/// Hashes rows of one state in canonical order and sums them by key group.
///
/// List ranks are counted across batches, so that one hasher must see a list whole.
#[derive(Debug, Default)]
pub struct RowHasher {
    digest: TableDigest,
    current: Option<(KeyGroup, Digest)>,
    list: Vec<u8>,
    rank: i64,
    buffer: Vec<u8>,
}

impl RowHasher {
    /// Starts without rows.
    pub fn new() -> Self {
        RowHasher::default()
    }

    /// Adds the rows of a batch of live rows.
    ///
    /// # Errors
    /// [`Error::Layout`] for a batch with deletes or clears, or with columns of another type.
    ///
    /// Spec: ROWHASH-2, ROWHASH-4, ROWHASH-6.
    pub fn update(&mut self, batch: &RowBatch) -> Result<()> {
        if batch.ops().is_some_and(|ops| ops.iter().any(|op| *op != Op::Put as u8)) {
            return Err(layout(batch, Role::Op, "deletes among live rows"));
        }
        let kind = batch.schema().kind;
        let values = Values::new(batch)?;
        let groups = batch.key_groups();
        for row in 0..batch.len() {
            let group = KeyGroup(groups.and_then(|groups| groups.get(row)).copied().unwrap_or(0));
            let sort_key = batch.sort_key(row);
            self.buffer.clear();
            self.buffer.extend_from_slice(&u32::from(group.0).to_be_bytes());
            match kind {
                StateKind::List => self.push_ranked(group, sort_key),
                StateKind::OperatorList
                | StateKind::OperatorUnion
                | StateKind::PendingTransactions
                | StateKind::InFlight => self.buffer.push(0x01),
                _ => self.buffer.extend_from_slice(sort_key),
            }
            values.push(row, &mut self.buffer)?;
            self.add(group, xxh3_128(&self.buffer));
        }
        Ok(())
    }

    /// Replaces the list position at the end of a sort key by the element's rank.
    fn push_ranked(&mut self, group: KeyGroup, sort_key: &[u8]) {
        let (list, _) = sort_key.split_at(sort_key.len().saturating_sub(8));
        let same_group = self.current.is_some_and(|(current, _)| current == group);
        if same_group && self.list == list {
            self.rank += 1;
        } else {
            self.rank = 0;
            self.list.clear();
            self.list.extend_from_slice(list);
        }
        self.buffer.extend_from_slice(list);
        crate::canonical::push_i64(self.rank, &mut self.buffer);
    }

    #[inline]
    fn add(&mut self, group: KeyGroup, hash: u128) {
        self.add_all(group, Digest { rows: 1, sum: hash });
    }

    #[inline]
    fn add_all(&mut self, group: KeyGroup, rows: Digest) {
        match &mut self.current {
            Some((current, digest)) if *current == group => digest.merge(rows),
            _ => {
                self.close();
                self.current = Some((group, rows));
            }
        }
    }

    fn close(&mut self) {
        if let Some((group, digest)) = self.current.take() {
            self.digest.groups.entry(group).or_default().merge(digest);
        }
    }

    /// Returns the digests.
    pub fn finish(mut self) -> TableDigest {
        self.close();
        self.digest
    }
}

/// Hashes the rows of one run as they are stored: its own digest, and what its rows would be as the live
/// rows of a table.
///
/// Both are found in one pass: in a base run the bytes differ by the operation in front.
#[derive(Debug, Default)]
pub struct RunHasher {
    run: Digest,
    live: Option<RowHasher>,
    buffer: Vec<u8>,
}

impl RunHasher {
    /// Starts without rows, for the run's own digest alone.
    pub fn new() -> Self {
        RunHasher::default()
    }

    /// Starts without rows; a base run of such a table gets canonical digests too.
    ///
    /// Not of a list, whose ranks may go on in another run, and not without key groups.
    pub fn of_base(kind: StateKind) -> Self {
        let live = kind.is_keyed() && kind != StateKind::List;
        RunHasher { live: live.then(RowHasher::new), ..RunHasher::default() }
    }

    /// Adds the rows of a batch: with operations, and with list positions as stored.
    ///
    /// # Errors
    /// [`Error::Layout`] for columns of another type.
    ///
    /// Spec: ROWHASH-9.
    pub fn update(&mut self, batch: &RowBatch) -> Result<()> {
        let values = Values::new(batch)?;
        if let Some(form) = values.words().filter(|_| batch.ops().is_none_or(|ops| ops.iter().all(is_put))) {
            let update = match key_length(batch) {
                Some(5) => Some(Self::update_words::<5> as fn(&mut Self, _, _)),
                Some(9) => Some(Self::update_pairs as fn(&mut Self, _, _)),
                Some(17) => Some(Self::update_words::<17> as fn(&mut Self, _, _)),
                _ => None,
            };
            if let Some(update) = update {
                update(self, batch, form);
                return Ok(());
            }
        }
        let (ops, groups) = (batch.ops(), batch.key_groups());
        let buffer = &mut self.buffer;
        for row in 0..batch.len() {
            let op = ops.and_then(|ops| ops.get(row)).copied().unwrap_or(Op::Put as u8);
            let group = groups.and_then(|groups| groups.get(row)).copied().unwrap_or(0);
            let [g0, g1] = group.to_be_bytes();
            buffer.clear();
            buffer.extend_from_slice(&[op, 0, 0, g0, g1]);
            buffer.extend_from_slice(batch.sort_key(row));
            if op == Op::Put as u8 {
                values.push(row, buffer)?;
            }
            self.run.add(xxh3_128(buffer));
            if let (Some(live), Some(row)) = (&mut self.live, buffer.get(1..)) {
                live.add(KeyGroup(group), xxh3_128(row));
            }
        }
        Ok(())
    }

    /// Adds puts whose sort keys are all `KEY` bytes and whose values are numbers, as most rows are: without
    /// copies of unknown length.
    fn update_words<const KEY: usize>(&mut self, batch: &RowBatch, form: &Form<'_>) {
        let groups = batch.key_groups().unwrap_or_default();
        let (kind, words) = form.words();
        let mut bytes = [0; 64];
        bytes[5 + KEY] = kind;
        for (row, word) in words.into_iter().enumerate() {
            let group = groups.get(row).copied().unwrap_or(0);
            bytes[3..5].copy_from_slice(&group.to_be_bytes());
            if let Some(key) = batch.sort_key(row).first_chunk::<KEY>() {
                bytes[5..5 + KEY].copy_from_slice(key);
            }
            bytes[6 + KEY..14 + KEY].copy_from_slice(&word.to_be_bytes());
            let bytes = &bytes[..15 + KEY];
            self.run.add(xxh3_128(bytes));
            if let Some(live) = &mut self.live {
                live.add(KeyGroup(group), xxh3_128(&bytes[1..]));
            }
        }
    }

    /// Adds puts of a word for a word, as those of counters: each row in three registers.
    fn update_pairs(&mut self, batch: &RowBatch, form: &Form<'_>) {
        let (kind, words) = form.words();
        let first = batch.sort_keys().value_offsets().first().and_then(|at| usize::try_from(*at).ok());
        let keys = batch.sort_keys().value_data().get(first.unwrap_or(0)..).unwrap_or_default();
        let none = vec![0; if batch.key_groups().is_some() { 0 } else { batch.len() }];
        let mut rows = keys.as_chunks::<9>().0.iter().zip(words);
        for groups in batch.key_groups().unwrap_or(&none).chunk_by(|a, b| a == b) {
            let group = groups.first().copied().unwrap_or(0);
            let mut live = Digest::default();
            for (key, word) in rows.by_ref().take(groups.len()) {
                let row = pair::Pair::new(group, key, kind, word);
                self.run.add(row.hash());
                if self.live.is_some() {
                    live.add(row.live_hash());
                }
            }
            if let Some(hasher) = &mut self.live {
                hasher.add_all(KeyGroup(group), live);
            }
        }
    }

    /// Returns the run's own digest, and the canonical ones where they were asked for.
    pub fn finish(self) -> (Digest, Option<TableDigest>) {
        (self.run, self.live.map(RowHasher::finish))
    }
}

fn is_put(op: &u8) -> bool {
    *op == Op::Put as u8
}

/// Returns the length of the sort keys, if they all have the same.
fn key_length(batch: &RowBatch) -> Option<usize> {
    let mut lengths = batch.sort_keys().value_offsets().windows(2).map(|ends| ends[1] - ends[0]);
    let first = lengths.next()?;
    lengths.all(|length| length == first).then(|| usize::try_from(first).ok())?
}

/// Value and time of last access of the rows of a batch.
struct Values<'a> {
    form: Option<Form<'a>>,
    raw: Option<&'a arrow_array::BinaryArray>,
    value: Option<(&'a dyn Array, &'a crate::LogicalType)>,
    last_access: Option<&'a [i64]>,
}

impl<'a> Values<'a> {
    fn new(batch: &'a RowBatch) -> Result<Self> {
        let value = batch.column(Role::Value).zip(batch.schema().value.as_ref());
        let value = value.map(|(column, ty)| (column.as_ref() as &dyn Array, &ty.ty));
        let raw = batch.column(Role::ValueRaw).and_then(|column| column.as_binary_opt::<i32>());
        let form = value.map(|(column, ty)| Form::new(column, ty)).transpose()?;
        Ok(Values { form, raw, value, last_access: batch.int64s(Role::LastAccess) })
    }

    /// Returns the form of values if each is a number, and nothing else follows.
    fn words(&self) -> Option<&Form<'a>> {
        let plain = self.raw.is_none() && self.last_access.is_none();
        self.form.as_ref().filter(|form| plain && form.is_words())
    }

    /// Appends the digest form of a row's value, then its time of last access.
    #[inline]
    fn push(&self, row: usize, out: &mut Vec<u8>) -> Result<()> {
        match (&self.form, self.value, self.raw) {
            (_, Some((column, ty)), Some(raw)) if raw.is_valid(row) && column.is_null(row) => {
                push_value_form(&crate::column::value_with_raw(column, Some(raw), ty, row)?, ty, out)?;
            }
            (Some(form), ..) => form.push(row, out)?,
            (None, ..) => {}
        }
        match self.last_access.and_then(|times| times.get(row)) {
            None => out.push(0x00),
            Some(time) => {
                out.push(0x01);
                out.extend_from_slice(&time.to_be_bytes());
            }
        }
        Ok(())
    }
}

fn layout(batch: &RowBatch, role: Role, found: &str) -> Error {
    Error::Layout { state: batch.schema().name.clone(), column: role.name().into(), found: found.into() }
}

#[cfg(test)]
mod tests;
