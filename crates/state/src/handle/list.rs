use std::marker::PhantomData;

use alluvium_model::typed::StateType;

use super::{scan, token, typed};
use crate::memory::{ListAccess, access};
use crate::{Request, StateHost};

/// A list per key. Adding is a blind write whose cost does not depend on the length.
pub struct ListState<T> {
    slot: usize,
    element: PhantomData<fn() -> T>,
}

token!(ListState<T>);

impl<T: StateType> ListState<T> {
    pub(crate) fn new(slot: usize) -> Self {
        ListState { slot, element: PhantomData }
    }

    /// Returns the slot of this state.
    pub fn slot(&self) -> usize {
        self.slot
    }

    /// Appends an element.
    pub fn add(&self, host: &mut dyn StateHost, element: T) {
        match host.native(self.slot) {
            Some(native) => access::<dyn ListAccess<T>>(native.table).append(native.at, element),
            None => {
                host.exchange(self.slot, Request::Append { value: element.to_value() });
            }
        }
    }

    /// Appends elements.
    pub fn add_all(&self, host: &mut dyn StateHost, elements: impl IntoIterator<Item = T>) {
        elements.into_iter().for_each(|element| self.add(host, element));
    }

    /// Looks at every element in order.
    pub fn for_each(&self, host: &mut dyn StateHost, mut visit: impl FnMut(&T)) {
        match host.native(self.slot) {
            Some(native) => access::<dyn ListAccess<T>>(native.table).scan(native.at, &mut visit),
            None => scan(host, self.slot).iter().for_each(|(_, element)| visit(&typed(element))),
        }
    }

    /// Returns copies of all elements in order.
    pub fn get(&self, host: &mut dyn StateHost) -> Vec<T> {
        let mut elements = Vec::new();
        self.for_each(host, |element| elements.push(element.clone()));
        elements
    }

    /// Returns an iterator over copies of all elements in order.
    pub fn iter(&self, host: &mut dyn StateHost) -> impl Iterator<Item = T> + use<T> {
        self.get(host).into_iter()
    }

    /// Replaces the list.
    pub fn update(&self, host: &mut dyn StateHost, elements: impl IntoIterator<Item = T>) {
        self.clear(host);
        self.add_all(host, elements);
    }

    /// Removes all elements.
    pub fn clear(&self, host: &mut dyn StateHost) {
        match host.native(self.slot) {
            Some(native) => access::<dyn ListAccess<T>>(native.table).clear(native.at),
            None => {
                host.exchange(self.slot, Request::Clear);
            }
        }
    }
}
