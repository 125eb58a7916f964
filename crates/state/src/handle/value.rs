use std::marker::PhantomData;

use alluvium_model::typed::StateType;

use super::{get, token, typed};
use crate::memory::{ValueAccess, access};
use crate::{Request, StateHost};

/// One value per key.
pub struct ValueState<V> {
    slot: usize,
    value: PhantomData<fn() -> V>,
}

token!(ValueState<V>);

impl<V: StateType> ValueState<V> {
    pub(crate) fn new(slot: usize) -> Self {
        ValueState { slot, value: PhantomData }
    }

    /// Returns the slot of this state.
    pub fn slot(&self) -> usize {
        self.slot
    }

    /// Returns a copy of the value.
    pub fn get(&self, host: &mut dyn StateHost) -> Option<V> {
        self.with(host, V::clone)
    }

    /// Looks at the value, if there is one, without copying it.
    pub fn with<R>(&self, host: &mut dyn StateHost, look: impl FnOnce(&V) -> R) -> Option<R> {
        let (mut look, mut result) = (Some(look), None);
        let mut visit = |value: &V| result = look.take().map(|look| look(value));
        match host.native(self.slot) {
            Some(native) => access::<dyn ValueAccess<V>>(native.table).read(native.at, &mut visit),
            None => {
                if let Some(value) = get(host, self.slot, None) {
                    visit(&typed(&value));
                }
            }
        }
        result
    }

    /// Sets the value.
    pub fn set(&self, host: &mut dyn StateHost, value: V) {
        match host.native(self.slot) {
            Some(native) => access::<dyn ValueAccess<V>>(native.table).set(native.at, value),
            None => {
                host.exchange(self.slot, Request::Put { entry: None, value: value.to_value() });
            }
        }
    }

    /// Changes the value in place, beginning with `default` where there is none.
    pub fn modify<R>(
        &self,
        host: &mut dyn StateHost,
        default: impl FnOnce() -> V,
        change: impl FnOnce(&mut V) -> R,
    ) -> R {
        match host.native(self.slot) {
            Some(native) => {
                let place = access::<dyn ValueAccess<V>>(native.table).place(native.at);
                change(place.get_or_insert_with(default))
            }
            None => {
                let mut value = get(host, self.slot, None).map_or_else(default, |value| typed(&value));
                let result = change(&mut value);
                self.set(host, value);
                result
            }
        }
    }

    /// Removes the value.
    pub fn clear(&self, host: &mut dyn StateHost) {
        match host.native(self.slot) {
            Some(native) => access::<dyn ValueAccess<V>>(native.table).clear(native.at),
            None => {
                host.exchange(self.slot, Request::Clear);
            }
        }
    }
}
