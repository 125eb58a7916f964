//! Operator states of process functions as the elements that a host snapshots and restores.

use alluvium_state::OperatorStates;

use crate::{Element, OperatorResult};

pub(crate) fn changed(states: &mut OperatorStates) -> Vec<(usize, Vec<Element>)> {
    let element = |(map_key, value)| Element { map_key, value };
    let changed = states.take_changed().into_iter();
    changed.map(|(table, entries)| (table, entries.into_iter().map(element).collect())).collect()
}

pub(crate) fn restore(states: &mut OperatorStates, table: usize, elements: Vec<Element>) -> OperatorResult {
    let entries: Vec<_> = elements.into_iter().map(|element| (element.map_key, element.value)).collect();
    Ok(states.restore(table, &entries)?)
}
