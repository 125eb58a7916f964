//! State of an operator's subtasks rather than of keys.

mod broadcast;
mod list;

use std::any::Any;
use std::sync::Arc;

use alluvium_model::typed::{StateKey, StateType};
use alluvium_model::{RowBatch, StateKind, StateSchema};

pub use broadcast::BroadcastState;
pub use list::OperatorListState;

use crate::{Error, Result};
use broadcast::BroadcastTable;
use list::ListTable;

/// The operator states of one subtask: declared, used, snapshotted and restored here.
///
/// They are written whole whenever they have changed; there are no deltas.
///
/// # Panics
/// Declaring panics when a name is used twice or empty. Using a handle panics when it comes from
/// other declarations.
#[derive(Default)]
pub struct OperatorStates {
    tables: Vec<Box<dyn Table>>,
}

/// All rows of one operator state of one subtask.
#[derive(Debug, Clone)]
pub struct OperatorRows {
    /// Slot of the state.
    pub slot: usize,
    /// Its rows, without operations, possibly none.
    pub rows: RowBatch,
}

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

    /// Returns the rows of every state that changed since the last call, whole. Broadcast state is given
    /// by subtask 0 alone.
    ///
    /// # Errors
    /// [`Error::Model`] when two keys of a broadcast state have equal canonical bytes.
    pub fn snapshot(&mut self, subtask: u32) -> Result<Vec<OperatorRows>> {
        let mut changed = Vec::new();
        for (slot, table) in self.tables.iter_mut().enumerate() {
            if let Some(rows) = table.snapshot(subtask)? {
                changed.push(OperatorRows { slot, rows });
            }
        }
        Ok(changed)
    }

    /// Gives a state the rows of all subtasks of the operator, in any order, and takes this
    /// subtask's part.
    ///
    /// # Errors
    /// [`Error::Unknown`] for a slot never declared; [`Error::Rows`] and [`Error::Opaque`] for rows that
    /// do not fit.
    pub fn restore(&mut self, slot: usize, rows: &[RowBatch], subtask: u32, parallelism: u32) -> Result<()> {
        let table =
            self.tables.get_mut(slot).ok_or_else(|| Error::Unknown { name: format!("slot {slot}") })?;
        table.restore(rows, subtask, parallelism)
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
    fn snapshot(&mut self, subtask: u32) -> Result<Option<RowBatch>>;
    fn restore(&mut self, rows: &[RowBatch], subtask: u32, parallelism: u32) -> Result<()>;
    fn as_any(&self) -> &dyn Any;
    fn as_any_mut(&mut self) -> &mut dyn Any;
}

/// Refuses rows of another kind of table.
fn check_rows(schema: &StateSchema, rows: &[RowBatch]) -> Result<()> {
    let odd = |found: &str| Error::Rows { state: schema.name.clone(), found: found.to_owned() };
    for batch in rows {
        if batch.schema().kind != schema.kind {
            return Err(odd(&format!("rows of kind {}", batch.schema().kind.name())));
        }
        if batch.has_ops() {
            return Err(odd("rows with operations"));
        }
    }
    Ok(())
}
