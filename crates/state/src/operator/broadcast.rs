use std::any::Any;
use std::collections::BTreeMap;
use std::marker::PhantomData;
use std::sync::Arc;

use alluvium_model::column::value_at;
use alluvium_model::typed::{StateKey, StateType};
use alluvium_model::{Role, Row, RowBatch, RowBatchBuilder, StateSchema};

use super::{OperatorStates, Table, check_rows};
use crate::handle::token;
use crate::memory::ByCanon;
use crate::{Error, Result};

/// A map that every subtask holds alike, because each sees the same records in the same order.
pub struct BroadcastState<E, V> {
    slot: usize,
    entry: PhantomData<fn() -> (E, V)>,
}

token!(BroadcastState<E, V>);

impl<E: StateKey, V: StateType> BroadcastState<E, V> {
    pub(crate) fn new(slot: usize) -> Self {
        BroadcastState { slot, entry: PhantomData }
    }

    /// Returns the slot of this state.
    pub fn slot(&self) -> usize {
        self.slot
    }

    /// Returns an entry's value.
    pub fn get<'a>(&self, states: &'a OperatorStates, entry: &E) -> Option<&'a V> {
        states.table::<BroadcastTable<E, V>>(self.slot).entries.get(ByCanon::of(entry))
    }

    /// Returns all entries in canonical order of their keys.
    pub fn iter<'a>(
        &self,
        states: &'a OperatorStates,
    ) -> impl Iterator<Item = (&'a E, &'a V)> + use<'a, E, V> {
        states.table::<BroadcastTable<E, V>>(self.slot).entries.iter().map(|(entry, value)| (&entry.0, value))
    }

    /// Sets an entry.
    pub fn put(&self, states: &mut OperatorStates, entry: E, value: V) {
        self.table(states).entries.insert(ByCanon(entry), value);
    }

    /// Removes an entry.
    pub fn remove(&self, states: &mut OperatorStates, entry: &E) -> Option<V> {
        self.table(states).entries.remove(ByCanon::of(entry))
    }

    /// Removes all entries.
    pub fn clear(&self, states: &mut OperatorStates) {
        self.table(states).entries.clear();
    }

    fn table<'a>(&self, states: &'a mut OperatorStates) -> &'a mut BroadcastTable<E, V> {
        let table = states.table_mut::<BroadcastTable<E, V>>(self.slot);
        table.changed = true;
        table
    }
}

pub(super) struct BroadcastTable<E, V> {
    schema: Arc<StateSchema>,
    entries: BTreeMap<ByCanon<E>, V>,
    changed: bool,
}

impl<E: StateKey, V: StateType> BroadcastTable<E, V> {
    pub(super) fn new(schema: Arc<StateSchema>) -> Self {
        BroadcastTable { schema, entries: BTreeMap::new(), changed: false }
    }

    fn rows(&self) -> alluvium_model::Result<RowBatch> {
        let mut rows = RowBatchBuilder::new(Arc::clone(&self.schema), false);
        for (entry, value) in &self.entries {
            rows.push(Row { map_key: entry.0.to_value(), value: value.to_value(), ..Row::default() })?;
        }
        rows.finish()
    }

    fn read(&mut self, batch: &RowBatch) -> Result<()> {
        let name = &self.schema.name;
        let column = |role: Role| {
            let lacks = || Error::Rows { state: name.clone(), found: format!("no column {}", role.name()) };
            batch.column(role).ok_or_else(lacks)
        };
        let (entries, values) = (column(Role::MapKey)?, column(Role::Value)?);
        for row in 0..batch.len() {
            let opaque = |role, column: &arrow_array::ArrayRef| {
                batch.column(role).is_some_and(|raw| raw.is_valid(row)) && column.is_null(row)
            };
            if opaque(Role::MapKeyRaw, entries) || opaque(Role::ValueRaw, values) {
                return Err(Error::Opaque { state: name.clone() });
            }
            let entry = value_at(entries, &E::logical_type(), row).and_then(|value| E::from_value(&value));
            let value = value_at(values, &V::logical_type(), row).and_then(|value| V::from_value(&value));
            let failed = Error::model(name);
            self.entries.insert(ByCanon(entry.map_err(&failed)?), value.map_err(&failed)?);
        }
        Ok(())
    }
}

impl<E: StateKey, V: StateType> Table for BroadcastTable<E, V> {
    fn schema(&self) -> &Arc<StateSchema> {
        &self.schema
    }

    fn snapshot(&mut self, subtask: u32) -> Result<Option<RowBatch>> {
        if !std::mem::take(&mut self.changed) || subtask != 0 {
            return Ok(None);
        }
        self.rows().map(Some).map_err(Error::model(&self.schema.name))
    }

    fn restore(&mut self, rows: &[RowBatch], _subtask: u32, _parallelism: u32) -> Result<()> {
        check_rows(&self.schema, rows)?;
        self.entries.clear();
        rows.iter().try_for_each(|batch| self.read(batch))?;
        self.changed = !self.entries.is_empty();
        Ok(())
    }

    fn as_any(&self) -> &dyn Any {
        self
    }

    fn as_any_mut(&mut self) -> &mut dyn Any {
        self
    }
}
