use std::any::Any;
use std::collections::BTreeMap;
use std::marker::PhantomData;
use std::sync::Arc;

use alluvium_model::StateSchema;
use alluvium_model::typed::{StateKey, StateType};

use super::{OperatorEntry, OperatorStates, Table};
use crate::handle::token;
use crate::memory::ByCanon;
use crate::{Error, Result};

/// A map that every subtask holds alike, because each makes it of the same records.
///
/// A snapshot holds it once, as subtask 0 has it. Records of several upstream subtasks reach the
/// subtasks in different orders: what is made of them must not depend on it.
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
        assert!(!states.broadcast_held, "broadcast state changes only where broadcast records are processed");
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
}

impl<E: StateKey, V: StateType> Table for BroadcastTable<E, V> {
    fn schema(&self) -> &Arc<StateSchema> {
        &self.schema
    }

    fn take_changed(&mut self) -> Option<Vec<OperatorEntry>> {
        let changed = std::mem::take(&mut self.changed);
        let entry = |(entry, value): (&ByCanon<E>, &V)| (entry.0.to_value(), value.to_value());
        changed.then(|| self.entries.iter().map(entry).collect())
    }

    fn restore(&mut self, entries: &[OperatorEntry]) -> Result<()> {
        let failed = Error::model(&self.schema.name);
        self.entries.clear();
        for (entry, value) in entries {
            let (entry, value) = (E::from_value(entry), V::from_value(value));
            self.entries.insert(ByCanon(entry.map_err(&failed)?), value.map_err(&failed)?);
        }
        self.changed = true;
        Ok(())
    }

    fn as_any(&self) -> &dyn Any {
        self
    }

    fn as_any_mut(&mut self) -> &mut dyn Any {
        self
    }
}
