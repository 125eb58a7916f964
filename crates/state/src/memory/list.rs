//! List state: an append is a blind write to the active layer.

use std::sync::Arc;

use alluvium_model::typed::{StateKey, StateType};
use alluvium_model::{Op, RowBatch};

use super::cell::{Cell, Stamp};
use super::columnar::Columnar;
use super::encode::{CellRow, Encode, FrozenRows, Positions};
use super::layers::{Current, Layers};
use super::slot::{Holder, Slot, SlotOptions, Table, current, hold, unfit};
use crate::host::At;
use crate::{Error, FrozenId, FrozenTable, Garbage, Reply, Request, Result};
use alluvium_model::Value;

/// A list per key, whatever the key type.
pub(crate) trait ListAccess<V>: Table {
    fn append(&mut self, at: At<'_>, element: V);

    /// Shows every element in order.
    fn scan(&self, at: At<'_>, visit: &mut dyn FnMut(&V));

    fn clear(&mut self, at: At<'_>);
}

hold!(ListAccess<V: StateType>);

/// Makes the slot of a list state.
pub(crate) fn list<K: StateKey, V: StateType>(options: SlotOptions) -> Box<dyn Slot> {
    let table: Box<dyn ListAccess<V>> = match options.schema.ttl_ms {
        Some(_) => Box::new(ListTable::<K, V, i64>::new(options)),
        None => Box::new(ListTable::<K, V, ()>::new(options)),
    };
    Box::new(Holder(table))
}

/// Elements appended in a layer, perhaps after a clear.
struct ListCell<V, S> {
    cleared: bool,
    elements: Vec<(V, S)>,
}

impl<V, S> Default for ListCell<V, S> {
    fn default() -> Self {
        ListCell { cleared: false, elements: Vec::new() }
    }
}

impl<V: StateType, S: Stamp> Cell for ListCell<V, S> {
    fn weight(&self) -> usize {
        1 + self.elements.len()
    }

    fn absorb_into(
        &mut self,
        base: &mut Self,
        rests: bool,
        budget: &mut usize,
        garbage: &mut Garbage,
    ) -> bool {
        *budget = budget.saturating_sub(self.weight());
        if self.cleared {
            let old = std::mem::replace(base, ListCell { cleared: rests, elements: Vec::new() });
            if !old.is_small() {
                garbage.push(Box::new(old));
            }
        }
        if base.elements.is_empty() {
            base.elements = std::mem::take(&mut self.elements);
        } else {
            base.elements.append(&mut self.elements);
        }
        true
    }

    fn prune(&mut self, rests: bool) {
        self.cleared &= rests;
    }

    fn is_void(&self, _: bool) -> bool {
        !self.cleared && self.elements.is_empty()
    }
}

impl<V: StateType, S: Stamp> Encode for ListCell<V, S> {
    type Entries = Positions;
    type Value = V;

    /// Positions are the sequence and, below it, the ordinal within this layer.
    ///
    /// Spec: LIST-2.
    fn rows(&self, sequence: u32) -> impl Iterator<Item = CellRow<'_, Self>> + Send {
        let first = i64::from(sequence) << 32;
        let puts = self.elements.iter().zip(first..).map(|((value, stamp), position)| CellRow {
            op: Op::Put,
            entry: Some(position),
            value: Some(value),
            last_access: stamp.last_access(),
        });
        self.cleared.then(CellRow::clear).into_iter().chain(puts)
    }
}

struct ListTable<K: StateKey, V: StateType, S> {
    layers: Layers<K, ListCell<V, S>>,
    rows: Option<Columnar<K, bool, V>>,
    options: SlotOptions,
}

impl<K: StateKey, V: StateType, S: Stamp> ListTable<K, V, S> {
    fn new(options: SlotOptions) -> Self {
        ListTable { layers: Layers::new(options.hasher()), rows: None, options }
    }

    /// Returns whether the layers below the active one may hold elements.
    fn held_below(&self, at: &Current<K>) -> bool {
        for cell in self.layers.cells_below(at) {
            if cell.cleared || !cell.elements.is_empty() {
                return !cell.elements.is_empty();
            }
        }
        self.rows.as_ref().is_some_and(|rows| rows.find(at).is_some())
    }

    fn scan_restored(&self, at: &Current<K>, now_ms: i64, visit: &mut dyn FnMut(&V)) {
        let Some((rows, range)) = self.rows.as_ref().and_then(|rows| Some((rows, rows.find(at)?))) else {
            return;
        };
        for row in range {
            if rows.last_access(row).is_none_or(|stamp| stamp.live(self.options.ttl_ms(), now_ms)) {
                visit(&rows.value(row));
            }
        }
    }
}

impl<K: StateKey, V: StateType, S: Stamp> ListAccess<V> for ListTable<K, V, S> {
    fn append(&mut self, at: At<'_>, element: V) {
        self.layers.write(current::<K>(at), ListCell::default).elements.push((element, S::at(at.now_ms)));
    }

    fn scan(&self, at: At<'_>, visit: &mut dyn FnMut(&V)) {
        let key = current::<K>(at);
        let (cells, open) = self.layers.visible(key, |cell| cell.cleared);
        if open {
            self.scan_restored(key, at.now_ms, visit);
        }
        for cell in cells.into_iter().rev().flatten() {
            for (value, stamp) in &cell.elements {
                if stamp.live(self.options.ttl_ms(), at.now_ms) {
                    visit(value);
                }
            }
        }
    }

    fn clear(&mut self, at: At<'_>) {
        let key = current::<K>(at);
        let old = self.layers.forget(key);
        self.layers.discard(old);
        if self.held_below(key) {
            self.layers.write(key, ListCell::default).cleared = true;
        }
    }
}

impl<K: StateKey, V: StateType, S: Stamp> Table for ListTable<K, V, S> {
    fn exchange(&mut self, at: At<'_>, request: Request) -> Result<Reply> {
        match request {
            Request::Append { value } => {
                let value = V::from_value(&value).map_err(Error::model(&self.options.schema.name))?;
                self.append(at, value);
            }
            Request::Scan => {
                let mut entries = Vec::new();
                self.scan(at, &mut |value| entries.push((Value::Null, value.to_value())));
                return Ok(Reply::Entries(entries));
            }
            Request::Clear => self.clear(at),
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
        self.rows.get_or_insert_with(|| Columnar::new(true, max_parallelism)).push(&rows)
    }

    fn finish_restore(&mut self) -> Result<()> {
        if let Some(rows) = &mut self.rows {
            rows.finish(&self.options.hasher());
        }
        Ok(())
    }
}
