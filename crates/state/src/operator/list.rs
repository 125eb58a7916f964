use std::any::Any;
use std::marker::PhantomData;
use std::sync::Arc;

use alluvium_model::column::value_at;
use alluvium_model::typed::StateType;
use alluvium_model::{Role, Row, RowBatch, RowBatchBuilder, StateKind, StateSchema};
use arrow_array::cast::AsArray;
use arrow_array::types::Int32Type;

use super::{OperatorStates, Table, check_rows};
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

    fn rows(&self, subtask: u32) -> alluvium_model::Result<RowBatch> {
        let mut rows = RowBatchBuilder::new(Arc::clone(&self.schema), false);
        for (element, position) in self.elements.iter().zip(0..) {
            rows.push(Row {
                subtask: subtask as i32,
                position,
                value: element.to_value(),
                ..Row::default()
            })?;
        }
        rows.finish()
    }

    /// Returns the elements of a batch with their subtask and index.
    fn read(&self, batch: &RowBatch, into: &mut Vec<(i32, i64, T)>) -> Result<()> {
        let lacks = |role: Role| Error::Rows {
            state: self.schema.name.clone(),
            found: format!("no column {}", role.name()),
        };
        let column = |role: Role| batch.column(role).ok_or_else(|| lacks(role));
        let value = column(Role::Value)?;
        let subtasks =
            column(Role::Subtask)?.as_primitive_opt::<Int32Type>().ok_or_else(|| lacks(Role::Subtask))?;
        let indexes = batch.int64s(Role::Index).ok_or_else(|| lacks(Role::Index))?;
        let opaque = batch.column(Role::ValueRaw);
        for (row, index) in indexes.iter().enumerate() {
            if opaque.is_some_and(|raw| raw.is_valid(row)) && value.is_null(row) {
                return Err(Error::Opaque { state: self.schema.name.clone() });
            }
            let element = value_at(value, &T::logical_type(), row).and_then(|value| T::from_value(&value));
            into.push((subtasks.value(row), *index, element.map_err(Error::model(&self.schema.name))?));
        }
        Ok(())
    }
}

impl<T: StateType> Table for ListTable<T> {
    fn schema(&self) -> &Arc<StateSchema> {
        &self.schema
    }

    fn snapshot(&mut self, subtask: u32) -> Result<Option<RowBatch>> {
        if !std::mem::take(&mut self.changed) {
            return Ok(None);
        }
        self.rows(subtask).map(Some).map_err(Error::model(&self.schema.name))
    }

    fn restore(&mut self, rows: &[RowBatch], subtask: u32, parallelism: u32) -> Result<()> {
        check_rows(&self.schema, rows)?;
        let mut all = Vec::new();
        rows.iter().try_for_each(|batch| self.read(batch, &mut all))?;
        all.sort_by_key(|(subtask, index, _)| (*subtask, *index));
        self.changed = !all.is_empty();
        let elements = all.into_iter().map(|(_, _, element)| element);
        self.elements = match self.schema.kind {
            StateKind::OperatorUnion => elements.collect(),
            _ => elements.skip(subtask as usize).step_by(parallelism.max(1) as usize).collect(),
        };
        Ok(())
    }

    fn as_any(&self) -> &dyn Any {
        self
    }

    fn as_any_mut(&mut self) -> &mut dyn Any {
        self
    }
}
