//! State of an operator's subtasks rather than of keys.

mod broadcast;
mod list;

use std::any::Any;
use std::sync::Arc;

use alluvium_model::typed::{StateKey, StateType};
use alluvium_model::{StateKind, StateSchema, Value};

pub use broadcast::BroadcastState;
pub use list::OperatorListState;

use crate::{Error, Result};
use broadcast::BroadcastTable;
use list::ListTable;

/// The operator states of one subtask: declared, used, snapshotted and restored here.
///
/// They are written whole whenever they have changed; there are no deltas. What a snapshot holds of
/// all subtasks is dealt out again by whoever restores: split lists round robin, union lists and
/// broadcast state whole to everyone.
///
/// # Panics
/// Declaring panics when a name is used twice or empty. Using a handle panics when it comes from
/// other declarations, and changing broadcast state panics while it is held.
#[derive(Default)]
pub struct OperatorStates {
    tables: Vec<Box<dyn Table>>,
    broadcast_held: bool,
}

/// An element of an operator list, with a null key, or an entry of a broadcast state.
pub type OperatorEntry = (Value, Value);

impl OperatorStates {
    /// Starts without states.
    pub fn new() -> Self {
        Self::default()
    }

    /// Declares a list that is split among the subtasks at a restore: round robin, in the order of
    /// subtask and index.
    pub fn list<T: StateType>(&mut self, name: &str) -> OperatorListState<T> {
        self.any_list(name, StateKind::OperatorList)
    }

    /// Declares a list that every subtask gets whole at a restore: in the order of subtask and index.
    pub fn union<T: StateType>(&mut self, name: &str) -> OperatorListState<T> {
        self.any_list(name, StateKind::OperatorUnion)
    }

    /// Declares a map that every subtask holds alike.
    pub fn broadcast<E: StateKey, V: StateType>(&mut self, name: &str) -> BroadcastState<E, V> {
        const { assert!(!E::NULLABLE, "a map key is never null; wrap an option in a tuple or struct") };
        let schema = StateSchema::new(name, StateKind::Broadcast)
            .with_map_key(E::logical_type())
            .with_value(V::element_type());
        BroadcastState::new(self.push(schema, |schema| Box::new(BroadcastTable::<E, V>::new(schema))))
    }

    /// Returns the schemas of the states declared so far, by slot.
    pub fn schemas(&self) -> Vec<Arc<StateSchema>> {
        self.tables.iter().map(|table| Arc::clone(table.schema())).collect()
    }

    /// Returns the slot of a state.
    pub fn slot_of(&self, state: &str) -> Option<usize> {
        self.tables.iter().position(|table| table.schema().name == state)
    }

    /// Returns, by slot, every state that changed since the last call: whole, lists in their order,
    /// broadcast state in canonical order of its keys.
    pub fn take_changed(&mut self) -> Vec<(usize, Vec<OperatorEntry>)> {
        let tables = self.tables.iter_mut().enumerate();
        tables.filter_map(|(slot, table)| Some((slot, table.take_changed()?))).collect()
    }

    /// Replaces a state by this subtask's part of what a snapshot holds; it counts as changed.
    ///
    /// # Errors
    /// [`Error::Unknown`] for a slot never declared; [`Error::Model`] for values of another type.
    pub fn restore(&mut self, slot: usize, entries: &[OperatorEntry]) -> Result<()> {
        let unknown = || Error::Unknown { name: format!("slot {slot}") };
        self.tables.get_mut(slot).ok_or_else(unknown)?.restore(entries)
    }

    /// Lets broadcast state only be read until [`OperatorStates::release_broadcast`]: who handles
    /// records that not every subtask sees must not change what all of them hold alike.
    pub fn hold_broadcast(&mut self) {
        self.broadcast_held = true;
    }

    /// Lets broadcast state be changed again.
    pub fn release_broadcast(&mut self) {
        self.broadcast_held = false;
    }

    fn any_list<T: StateType>(&mut self, name: &str, kind: StateKind) -> OperatorListState<T> {
        let schema = StateSchema::new(name, kind).with_value(T::element_type());
        OperatorListState::new(self.push(schema, |schema| Box::new(ListTable::<T>::new(schema))))
    }

    fn push(&mut self, schema: StateSchema, make: impl FnOnce(Arc<StateSchema>) -> Box<dyn Table>) -> usize {
        assert!(!schema.name.is_empty(), "a state needs a name");
        assert!(self.slot_of(&schema.name).is_none(), "state {} is declared twice", schema.name);
        self.tables.push(make(Arc::new(schema)));
        self.tables.len() - 1
    }

    fn table<T: 'static>(&self, slot: usize) -> &T {
        let table: Option<&dyn Any> = self.tables.get(slot).map(|table| table.as_any());
        table.and_then(<dyn Any>::downcast_ref).expect("a handle is used with the states that gave it")
    }

    fn table_mut<T: 'static>(&mut self, slot: usize) -> &mut T {
        let table: Option<&mut dyn Any> = self.tables.get_mut(slot).map(|table| table.as_any_mut());
        table.and_then(<dyn Any>::downcast_mut).expect("a handle is used with the states that gave it")
    }
}

/// One operator state, whatever its types.
trait Table: Send {
    fn schema(&self) -> &Arc<StateSchema>;
    fn take_changed(&mut self) -> Option<Vec<OperatorEntry>>;
    fn restore(&mut self, entries: &[OperatorEntry]) -> Result<()>;
    fn as_any(&self) -> &dyn Any;
    fn as_any_mut(&mut self) -> &mut dyn Any;
}
