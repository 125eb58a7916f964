//! Map state, layered per entry.

mod merge;

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use alluvium_model::typed::{StateKey, StateType};
use alluvium_model::{RowBatch, Value};

use super::ByCanon;
use super::cell::{Cell, Stamp};
use super::columnar::Columnar;
use super::encode::{CellRow, Encode, FrozenRows, MapKeys};
use super::layers::{Current, Layers};
use super::slot::{Holder, Slot, SlotOptions, Table, current, hold, unfit};
use super::value::ValueCell;
use crate::host::At;
use crate::{Error, FrozenId, FrozenTable, Garbage, Reply, Request, Result};

/// A map per key, whatever the key type.
pub(crate) trait MapAccess<E, V>: Table {
    /// Shows an entry's value, if there is one.
    fn read(&self, at: At<'_>, entry: &E, visit: &mut dyn FnMut(&V));

    fn put(&mut self, at: At<'_>, entry: E, value: V);

    fn remove(&mut self, at: At<'_>, entry: &E);

    /// Shows entries in canonical order of their keys until told to break.
    fn scan(&self, at: At<'_>, visit: &mut dyn FnMut(&E, &V) -> ControlFlow<()>);

    fn clear(&mut self, at: At<'_>);
}

hold!(MapAccess<E: StateKey, V: StateType>);

/// Makes the slot of a map state.
pub(crate) fn map<K: StateKey, E: StateKey, V: StateType>(options: SlotOptions) -> Box<dyn Slot> {
    let table: Box<dyn MapAccess<E, V>> = match options.schema.ttl_ms {
        Some(_) => Box::new(MapTable::<K, E, V, i64>::new(options)),
        None => Box::new(MapTable::<K, E, V, ()>::new(options)),
    };
    Box::new(Holder(table))
}

/// Entries put and removed in a layer, perhaps after a clear.
struct MapCell<E, V, S> {
    cleared: bool,
    entries: BTreeMap<ByCanon<E>, ValueCell<V, S>>,
}

impl<E, V, S> Default for MapCell<E, V, S> {
    fn default() -> Self {
        MapCell { cleared: false, entries: BTreeMap::new() }
    }
}

impl<E: StateKey, V: StateType, S: Stamp> Cell for MapCell<E, V, S> {
    fn weight(&self) -> usize {
        1 + self.entries.len()
    }

    fn absorb_into(
        &mut self,
        base: &mut Self,
        rests: bool,
        budget: &mut usize,
        garbage: &mut Garbage,
    ) -> bool {
        if std::mem::take(&mut self.cleared) {
            let old = std::mem::replace(base, MapCell { cleared: rests, entries: BTreeMap::new() });
            if !old.is_small() {
                garbage.push(Box::new(old));
            }
        }
        // A removal is only worth keeping over rows that may hold the entry.
        let keep_removals = rests && !base.cleared;
        *budget = budget.saturating_sub(1);
        while let Some((entry, cell)) = self.entries.pop_first() {
            if cell.value.is_some() || keep_removals {
                base.entries.insert(entry, cell);
            } else {
                base.entries.remove(&entry);
            }
            *budget = budget.saturating_sub(1);
            if *budget == 0 && !self.entries.is_empty() {
                return false;
            }
        }
        true
    }

    fn prune(&mut self, rests: bool) {
        self.cleared &= rests;
        if !rests || self.cleared {
            self.entries.retain(|_, cell| cell.value.is_some());
        }
    }

    fn is_void(&self, _: bool) -> bool {
        !self.cleared && self.entries.is_empty()
    }
}

impl<E: StateKey, V: StateType, S: Stamp> Encode for MapCell<E, V, S> {
    type Entries = MapKeys<E>;
    type Value = V;

    fn rows(&self, _: u32) -> impl Iterator<Item = CellRow<'_, Self>> + Send {
        let entries = self.entries.iter().map(|(entry, cell)| CellRow {
            op: cell.op(),
            entry: Some(&entry.0),
            value: cell.value.as_ref(),
            last_access: cell.last_access(),
        });
        self.cleared.then(CellRow::clear).into_iter().chain(entries)
    }
}

struct MapTable<K: StateKey, E: StateKey, V: StateType, S> {
    layers: Layers<K, MapCell<E, V, S>>,
    rows: Option<Columnar<K, E, V>>,
    options: SlotOptions,
}

impl<K: StateKey, E: StateKey, V: StateType, S: Stamp> MapTable<K, E, V, S> {
    fn new(options: SlotOptions) -> Self {
        MapTable { layers: Layers::new(options.hasher()), rows: None, options }
    }

    /// Returns the row of an entry in the columns.
    fn restored_row(&self, at: &Current<K>, entry: &E) -> Option<u32> {
        let rows = self.rows.as_ref()?;
        rows.find_entry(rows.find(at)?, entry)
    }

    /// Returns whether the layers below the active one hold an entry, expired or not.
    fn held_below(&self, at: &Current<K>, entry: &E) -> bool {
        for cell in self.layers.cells_below(at) {
            if let Some(found) = cell.entries.get(ByCanon::of(entry)) {
                return found.value.is_some();
            }
            if cell.cleared {
                return false;
            }
        }
        self.restored_row(at, entry).is_some()
    }

    /// Returns whether the layers below the active one may hold any entry.
    fn any_below(&self, at: &Current<K>) -> bool {
        for cell in self.layers.cells_below(at) {
            if !cell.entries.is_empty() {
                return true;
            }
            if cell.cleared {
                return false;
            }
        }
        self.rows.as_ref().is_some_and(|rows| rows.find(at).is_some())
    }
}

impl<K: StateKey, E: StateKey, V: StateType, S: Stamp> MapAccess<E, V> for MapTable<K, E, V, S> {
    fn read(&self, at: At<'_>, entry: &E, visit: &mut dyn FnMut(&V)) {
        let key = current::<K>(at);
        let ttl_ms = self.options.ttl_ms();
        for cell in self.layers.cells(key) {
            if let Some(found) = cell.entries.get(ByCanon::of(entry)) {
                if let Some(value) = found.live(ttl_ms, at.now_ms) {
                    visit(value);
                }
                return;
            }
            if cell.cleared {
                return;
            }
        }
        if let Some((rows, row)) = self.rows.as_ref().zip(self.restored_row(key, entry))
            && rows.last_access(row).is_none_or(|stamp| stamp.live(ttl_ms, at.now_ms))
        {
            visit(&rows.value(row));
        }
    }

    fn put(&mut self, at: At<'_>, entry: E, value: V) {
        let cell = self.layers.write(current::<K>(at), MapCell::default);
        cell.entries.insert(ByCanon(entry), ValueCell::new(Some(value), at.now_ms));
    }

    fn remove(&mut self, at: At<'_>, entry: &E) {
        let key = current::<K>(at);
        let cleared = self.layers.active(key).is_some_and(|cell| cell.cleared);
        if !cleared && self.held_below(key, entry) {
            let cell = self.layers.write(key, MapCell::default);
            cell.entries.insert(ByCanon(entry.clone()), ValueCell::new(None, at.now_ms));
            return;
        }
        let Some(cell) = self.layers.active_mut(key) else { return };
        cell.entries.remove(ByCanon::of(entry));
        if !cell.cleared && cell.entries.is_empty() {
            self.layers.forget(key);
        }
    }

    fn scan(&self, at: At<'_>, visit: &mut dyn FnMut(&E, &V) -> ControlFlow<()>) {
        let key = current::<K>(at);
        let (cells, open) = self.layers.visible(key, |cell| cell.cleared);
        let rows = self.rows.as_ref().filter(|_| open).and_then(|rows| Some((rows, rows.find(key)?)));
        let entries = cells.into_iter().flatten().map(|cell| &cell.entries);
        let _ = merge::scan(entries, rows, self.options.ttl_ms(), at.now_ms, visit);
    }

    fn clear(&mut self, at: At<'_>) {
        let key = current::<K>(at);
        let old = self.layers.forget(key);
        self.layers.discard(old);
        if self.any_below(key) {
            self.layers.write(key, MapCell::default).cleared = true;
        }
    }
}

impl<K: StateKey, E: StateKey, V: StateType, S: Stamp> Table for MapTable<K, E, V, S> {
    fn exchange(&mut self, at: At<'_>, request: Request) -> Result<Reply> {
        let schema = Arc::clone(&self.options.schema);
        let failed = Error::model(&schema.name);
        let typed = |entry: &Value| E::from_value(entry).map_err(&failed);
        match request {
            Request::Get { entry: Some(entry) } => {
                let mut found = None;
                self.read(at, &typed(&entry)?, &mut |value| found = Some(value.to_value()));
                return Ok(Reply::Value(found));
            }
            Request::Put { entry: Some(entry), value } => {
                self.put(at, typed(&entry)?, V::from_value(&value).map_err(&failed)?);
            }
            Request::Delete { entry: Some(entry) } => self.remove(at, &typed(&entry)?),
            Request::Scan => {
                let mut entries = Vec::new();
                self.scan(at, &mut |entry, value| {
                    entries.push((entry.to_value(), value.to_value()));
                    ControlFlow::Continue(())
                });
                return Ok(Reply::Entries(entries));
            }
            Request::Clear => self.clear(at),
            _ => return Err(unfit(&schema)),
        }
        Ok(Reply::Done)
    }

    fn freeze(&mut self, id: FrozenId) -> Option<Arc<dyn FrozenTable>> {
        let layer = self.layers.freeze(id)?;
        Some(Arc::new(FrozenRows::new(&self.options, id, layer)))
    }

    fn absorb(&mut self, id: FrozenId, budget: &mut usize) -> bool {
        let rows = self.rows.as_ref();
        self.layers
            .absorb(id, budget, |key, hash| rows.is_some_and(|rows| rows.find_key(key, hash).is_some()))
    }

    fn take_garbage(&mut self, into: &mut Garbage) {
        into.append(self.layers.garbage());
    }

    fn restore(&mut self, rows: RowBatch) -> Result<()> {
        self.options.check(&rows)?;
        let max_parallelism = self.options.backend.max_parallelism;
        self.rows.get_or_insert_with(|| Columnar::new(true, max_parallelism)).push(&rows)
    }

    fn finish_restore(&mut self) -> Result<()> {
        if let Some(rows) = &mut self.rows {
            rows.finish(&self.options.hasher());
        }
        Ok(())
    }
}
