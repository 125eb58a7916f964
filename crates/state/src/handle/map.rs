use std::marker::PhantomData;
use std::ops::ControlFlow;

use alluvium_model::typed::{StateKey, StateType};

use super::{get, scan, token, typed};
use crate::memory::{MapAccess, access};
use crate::{Request, StateHost};

/// A map per key. No verb but the iterating ones costs more than a look-up, and clearing a map costs
/// the same whatever its size.
pub struct MapState<E, V> {
    slot: usize,
    entry: PhantomData<fn() -> (E, V)>,
}

token!(MapState<E, V>);

impl<E: StateKey, V: StateType> MapState<E, V> {
    pub(crate) fn new(slot: usize) -> Self {
        MapState { slot, entry: PhantomData }
    }

    /// Returns the slot of this state.
    pub fn slot(&self) -> usize {
        self.slot
    }

    /// Returns a copy of an entry's value.
    pub fn get(&self, host: &mut dyn StateHost, entry: &E) -> Option<V> {
        self.with(host, entry, V::clone)
    }

    /// Looks at an entry's value, if there is one, without copying it.
    pub fn with<R>(&self, host: &mut dyn StateHost, entry: &E, look: impl FnOnce(&V) -> R) -> Option<R> {
        let (mut look, mut result) = (Some(look), None);
        let mut visit = |value: &V| result = look.take().map(|look| look(value));
        match host.native(self.slot) {
            Some(native) => access::<dyn MapAccess<E, V>>(native.table).read(native.at, entry, &mut visit),
            None => {
                if let Some(value) = get(host, self.slot, Some(entry.to_value())) {
                    visit(&typed(&value));
                }
            }
        }
        result
    }

    /// Returns whether there is an entry.
    pub fn contains(&self, host: &mut dyn StateHost, entry: &E) -> bool {
        self.with(host, entry, |_| ()).is_some()
    }

    /// Sets an entry.
    pub fn put(&self, host: &mut dyn StateHost, entry: E, value: V) {
        match host.native(self.slot) {
            Some(native) => access::<dyn MapAccess<E, V>>(native.table).put(native.at, entry, value),
            None => {
                host.exchange(
                    self.slot,
                    Request::Put { entry: Some(entry.to_value()), value: value.to_value() },
                );
            }
        }
    }

    /// Changes an entry's value, beginning with `default` where there is none.
    pub fn modify<R>(
        &self,
        host: &mut dyn StateHost,
        entry: E,
        default: impl FnOnce() -> V,
        change: impl FnOnce(&mut V) -> R,
    ) -> R {
        let mut value = self.get(host, &entry).unwrap_or_else(default);
        let result = change(&mut value);
        self.put(host, entry, value);
        result
    }

    /// Removes an entry.
    pub fn remove(&self, host: &mut dyn StateHost, entry: &E) {
        match host.native(self.slot) {
            Some(native) => access::<dyn MapAccess<E, V>>(native.table).remove(native.at, entry),
            None => {
                host.exchange(self.slot, Request::Delete { entry: Some(entry.to_value()) });
            }
        }
    }

    /// Looks at entries in canonical order of their keys until told to break.
    pub fn visit(&self, host: &mut dyn StateHost, mut visit: impl FnMut(&E, &V) -> ControlFlow<()>) {
        match host.native(self.slot) {
            Some(native) => access::<dyn MapAccess<E, V>>(native.table).scan(native.at, &mut visit),
            None => {
                let entries = scan(host, self.slot);
                let _ = entries.iter().try_for_each(|(entry, value)| visit(&typed(entry), &typed(value)));
            }
        }
    }

    /// Looks at every entry in canonical order of their keys.
    pub fn for_each(&self, host: &mut dyn StateHost, mut visit: impl FnMut(&E, &V)) {
        self.visit(host, |entry, value| {
            visit(entry, value);
            ControlFlow::Continue(())
        });
    }

    /// Returns copies of all entries in canonical order of their keys.
    pub fn entries(&self, host: &mut dyn StateHost) -> Vec<(E, V)> {
        let mut entries = Vec::new();
        self.for_each(host, |entry, value| entries.push((entry.clone(), value.clone())));
        entries
    }

    /// Returns an iterator over copies of all entries in canonical order of their keys.
    pub fn iter(&self, host: &mut dyn StateHost) -> impl Iterator<Item = (E, V)> + use<E, V> {
        self.entries(host).into_iter()
    }

    /// Returns a copy of the first entry in canonical order of the keys.
    pub fn first(&self, host: &mut dyn StateHost) -> Option<(E, V)> {
        let mut first = None;
        self.visit(host, |entry, value| {
            first = Some((entry.clone(), value.clone()));
            ControlFlow::Break(())
        });
        first
    }

    /// Returns whether there is no entry.
    pub fn is_empty(&self, host: &mut dyn StateHost) -> bool {
        let mut empty = true;
        self.visit(host, |_, _| {
            empty = false;
            ControlFlow::Break(())
        });
        empty
    }

    /// Removes all entries.
    pub fn clear(&self, host: &mut dyn StateHost) {
        match host.native(self.slot) {
            Some(native) => access::<dyn MapAccess<E, V>>(native.table).clear(native.at),
            None => {
                host.exchange(self.slot, Request::Clear);
            }
        }
    }
}
