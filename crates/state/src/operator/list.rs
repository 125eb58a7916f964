use std::any::Any;
use std::marker::PhantomData;
use std::sync::Arc;

use alluvium_model::typed::StateType;
use alluvium_model::{StateSchema, Value};

use super::{OperatorEntry, OperatorStates, Table};
use crate::handle::token;
use crate::{Error, Result};

/// A list of a subtask.
pub struct OperatorListState<T> {
    slot: usize,
    element: PhantomData<fn() -> T>,
}

token!(OperatorListState<T>);

impl<T: StateType> OperatorListState<T> {
    pub(crate) fn new(slot: usize) -> Self {
        OperatorListState { slot, element: PhantomData }
    }

    /// Returns the slot of this state.
    pub fn slot(&self) -> usize {
        self.slot
    }

    /// Returns all elements in order.
    pub fn get<'a>(&self, states: &'a OperatorStates) -> &'a [T] {
        &states.table::<ListTable<T>>(self.slot).elements
    }

    /// Appends an element.
    pub fn add(&self, states: &mut OperatorStates, element: T) {
        self.elements(states).push(element);
    }

    /// Replaces the list.
    pub fn update(&self, states: &mut OperatorStates, elements: Vec<T>) {
        *self.elements(states) = elements;
    }

    /// Removes all elements.
    pub fn clear(&self, states: &mut OperatorStates) {
        self.elements(states).clear();
    }

    /// Returns all elements to be changed; the list counts as changed.
    pub fn elements<'a>(&self, states: &'a mut OperatorStates) -> &'a mut Vec<T> {
        let table = states.table_mut::<ListTable<T>>(self.slot);
        table.changed = true;
        &mut table.elements
    }
}

pub(super) struct ListTable<T> {
    schema: Arc<StateSchema>,
    elements: Vec<T>,
    changed: bool,
}

impl<T: StateType> ListTable<T> {
    pub(super) fn new(schema: Arc<StateSchema>) -> Self {
        ListTable { schema, elements: Vec::new(), changed: false }
    }
}

impl<T: StateType> Table for ListTable<T> {
    fn schema(&self) -> &Arc<StateSchema> {
        &self.schema
    }

    fn take_changed(&mut self) -> Option<Vec<OperatorEntry>> {
        let changed = std::mem::take(&mut self.changed);
        changed.then(|| self.elements.iter().map(|element| (Value::Null, element.to_value())).collect())
    }

    fn restore(&mut self, entries: &[OperatorEntry]) -> Result<()> {
        let elements = entries.iter().map(|(_, element)| T::from_value(element));
        self.elements = elements.collect::<Result<_, _>>().map_err(Error::model(&self.schema.name))?;
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
