//! Value, reducing and aggregating state.

use std::sync::Arc;

use alluvium_model::typed::{StateKey, StateType};
use alluvium_model::{Op, RowBatch};

use super::cell::{Cell, Stamp};
use super::columnar::Columnar;
use super::encode::{CellRow, Encode, FrozenRows, NoEntries};
use super::layers::{Current, Layers};
use super::slot::{Holder, Slot, SlotOptions, Table, current, hold, unfit};
use crate::host::At;
use crate::{Error, FrozenId, FrozenTable, Garbage, Reply, Request, Result};

/// A value per key, whatever the key type.
pub(crate) trait ValueAccess<V>: Table {
    /// Shows the value, if there is one.
    fn read(&self, at: At<'_>, visit: &mut dyn FnMut(&V));

    /// Returns the place of the value in the active layer; it counts as written.
    fn place(&mut self, at: At<'_>) -> &mut Option<V>;

    fn set(&mut self, at: At<'_>, value: V);

    fn clear(&mut self, at: At<'_>);
}

hold!(ValueAccess<V: StateType>);

/// Makes the slot of a state with one value per key.
pub(crate) fn value<K: StateKey, V: StateType>(options: SlotOptions) -> Box<dyn Slot> {
    let table: Box<dyn ValueAccess<V>> = match options.schema.ttl_ms {
        Some(_) => Box::new(ValueTable::<K, V, i64>::new(options)),
        None => Box::new(ValueTable::<K, V, ()>::new(options)),
    };
    Box::new(Holder(table))
}

/// A value, or the fact that there is none.
pub(super) struct ValueCell<V, S> {
    pub(super) value: Option<V>,
    pub(super) stamp: S,
}

impl<V, S: Stamp> ValueCell<V, S> {
    pub(super) fn new(value: Option<V>, now_ms: i64) -> Self {
        ValueCell { value, stamp: S::at(now_ms) }
    }

    /// Returns the value unless it has expired.
    #[inline]
    pub(super) fn live(&self, ttl_ms: u64, now_ms: i64) -> Option<&V> {
        self.value.as_ref().filter(|_| self.stamp.live(ttl_ms, now_ms))
    }

    pub(super) fn op(&self) -> Op {
        if self.value.is_some() { Op::Put } else { Op::Delete }
    }

    pub(super) fn last_access(&self) -> Option<i64> {
        self.value.as_ref().and_then(|_| self.stamp.last_access())
    }
}

impl<V, S: Stamp> Default for ValueCell<V, S> {
    fn default() -> Self {
        ValueCell::new(None, 0)
    }
}

impl<V: StateType, S: Stamp> Cell for ValueCell<V, S> {
    fn weight(&self) -> usize {
        1
    }

    fn absorb_into(&mut self, base: &mut Self, _: bool, budget: &mut usize, _: &mut Garbage) -> bool {
        *budget = budget.saturating_sub(1);
        *base = std::mem::take(self);
        true
    }

    fn prune(&mut self, _: bool) {}

    fn is_void(&self, rests: bool) -> bool {
        self.value.is_none() && !rests
    }
}

impl<V: StateType, S: Stamp> Encode for ValueCell<V, S> {
    type Entries = NoEntries;
    type Value = V;

    fn rows(&self, _: u32) -> impl Iterator<Item = CellRow<'_, Self>> + Send {
        std::iter::once(CellRow {
            op: self.op(),
            entry: Some(()),
            value: self.value.as_ref(),
            last_access: self.last_access(),
        })
    }
}

struct ValueTable<K: StateKey, V: StateType, S> {
    layers: Layers<K, ValueCell<V, S>>,
    rows: Option<Columnar<K, bool, V>>,
    options: SlotOptions,
}

impl<K: StateKey, V: StateType, S: Stamp> ValueTable<K, V, S> {
    fn new(options: SlotOptions) -> Self {
        ValueTable { layers: Layers::new(options.hasher()), rows: None, options }
    }

    /// Returns the live value of the columns.
    fn restored(&self, at: &Current<K>, now_ms: i64) -> Option<V> {
        let rows = self.rows.as_ref()?;
        let row = rows.find(at)?.start;
        let live = rows.last_access(row).is_none_or(|stamp| stamp.live(self.options.ttl_ms(), now_ms));
        live.then(|| rows.value(row))
    }

    /// Returns whether the layers below the active one hold a value, expired or not.
    fn held_below(&self, at: &Current<K>) -> bool {
        match self.layers.newest_below(at) {
            Some(cell) => cell.value.is_some(),
            None => self.rows.as_ref().is_some_and(|rows| rows.find(at).is_some()),
        }
    }
}

impl<K: StateKey, V: StateType, S: Stamp> ValueAccess<V> for ValueTable<K, V, S> {
    #[inline]
    fn read(&self, at: At<'_>, visit: &mut dyn FnMut(&V)) {
        let key = current::<K>(at);
        match self.layers.newest(key) {
            Some(cell) => {
                if let Some(value) = cell.live(self.options.ttl_ms(), at.now_ms) {
                    visit(value);
                }
            }
            None => {
                if let Some(value) = self.restored(key, at.now_ms) {
                    visit(&value);
                }
            }
        }
    }

    #[inline]
    fn place(&mut self, at: At<'_>) -> &mut Option<V> {
        let key = current::<K>(at);
        let ttl_ms = self.options.ttl_ms();
        let mut below = None;
        if self.layers.active(key).is_none() {
            below = match self.layers.newest_below(key) {
                Some(cell) => cell.live(ttl_ms, at.now_ms).cloned(),
                None => self.restored(key, at.now_ms),
            };
        }
        let cell = self.layers.write(key, || ValueCell::new(below, at.now_ms));
        if !cell.stamp.live(ttl_ms, at.now_ms) {
            cell.value = None;
        }
        cell.stamp = S::at(at.now_ms);
        &mut cell.value
    }

    #[inline]
    fn set(&mut self, at: At<'_>, value: V) {
        let cell = self.layers.write(current::<K>(at), ValueCell::default);
        *cell = ValueCell::new(Some(value), at.now_ms);
    }

    fn clear(&mut self, at: At<'_>) {
        let key = current::<K>(at);
        if self.held_below(key) {
            *self.layers.write(key, ValueCell::default) = ValueCell::new(None, at.now_ms);
        } else {
            self.layers.forget(key);
        }
    }
}

impl<K: StateKey, V: StateType, S: Stamp> Table for ValueTable<K, V, S> {
    fn exchange(&mut self, at: At<'_>, request: Request) -> Result<Reply> {
        match request {
            Request::Get { entry: None } => {
                let mut found = None;
                self.read(at, &mut |value| found = Some(value.to_value()));
                return Ok(Reply::Value(found));
            }
            Request::Put { entry: None, value } => {
                let value = V::from_value(&value).map_err(Error::model(&self.options.schema.name))?;
                self.set(at, value);
            }
            Request::Delete { entry: None } | Request::Clear => self.clear(at),
            _ => return Err(unfit(&self.options.schema)),
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
        self.rows.get_or_insert_with(|| Columnar::new(false, max_parallelism)).push(&rows)
    }

    fn finish_restore(&mut self) -> Result<()> {
        if let Some(rows) = &mut self.rows {
            rows.finish(&self.options.hasher());
        }
        Ok(())
    }
}
