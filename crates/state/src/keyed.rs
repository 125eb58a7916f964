//! Declaring keyed states.

use std::any::Any;
use std::marker::PhantomData;
use std::sync::Arc;

use alluvium_model::typed::{StateKey, StateType};
use alluvium_model::{StateKind, StateSchema, TimeDomain};

use crate::handle::{Aggregate, AggregatingState, ListState, MapState, ReducingState, Timers, ValueState};
use crate::memory::{self, Slot, SlotOptions};
use crate::{BackendOptions, KeyedBackend};

/// Name of the table of event-time timers.
pub const EVENT_TIMERS: &str = "_timer_state/event_user-timers";
/// Name of the table of processing-time timers.
pub const PROCESSING_TIMERS: &str = "_timer_state/processing_user-timers";

/// What may be chosen for a state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct StateOptions {
    /// Time to live in milliseconds of processing time after creation or the last write.
    pub ttl_ms: Option<u64>,
}

impl StateOptions {
    /// Sets the time to live.
    pub fn ttl_ms(ttl_ms: u64) -> Self {
        StateOptions { ttl_ms: Some(ttl_ms) }
    }
}

type MakeSlot = Box<dyn FnOnce(SlotOptions) -> Box<dyn Slot> + Send>;

/// The keyed states of an operator, as declared: it gives handles out and makes the backend.
///
/// The same declarations, in whatever order, find the same state again: by name.
///
/// # Panics
/// Declaring panics when a name is used twice, is empty, or is one of the timers': a mistake of the
/// job that every run shows at once.
pub struct KeyedStates<K> {
    schemas: Vec<Arc<StateSchema>>,
    slots: Vec<MakeSlot>,
    timers: Option<Timers>,
    key: PhantomData<fn() -> K>,
}

impl<K: StateKey> KeyedStates<K> {
    /// Starts without states.
    pub fn new() -> Self {
        const { assert!(!K::NULLABLE, "a key is never null; wrap an option in a tuple or struct") };
        KeyedStates { schemas: Vec::new(), slots: Vec::new(), timers: None, key: PhantomData }
    }

    /// Declares one value per key.
    pub fn value<V: StateType>(&mut self, name: &str) -> ValueState<V> {
        self.value_with(name, StateOptions::default())
    }

    /// Declares one value per key, with options.
    pub fn value_with<V: StateType>(&mut self, name: &str, options: StateOptions) -> ValueState<V> {
        ValueState::new(self.single::<V>(name, StateKind::Value, options))
    }

    /// Declares a list per key.
    pub fn list<T: StateType>(&mut self, name: &str) -> ListState<T> {
        self.list_with(name, StateOptions::default())
    }

    /// Declares a list per key, with options; each element has its own time of last access.
    pub fn list_with<T: StateType>(&mut self, name: &str, options: StateOptions) -> ListState<T> {
        let schema = self.schema(name, StateKind::List, options).with_value(T::element_type());
        ListState::new(self.push(schema, memory::list::<K, T>))
    }

    /// Declares a map per key.
    pub fn map<E: StateKey, V: StateType>(&mut self, name: &str) -> MapState<E, V> {
        self.map_with(name, StateOptions::default())
    }

    /// Declares a map per key, with options; each entry has its own time of last access.
    pub fn map_with<E: StateKey, V: StateType>(
        &mut self,
        name: &str,
        options: StateOptions,
    ) -> MapState<E, V> {
        const { assert!(!E::NULLABLE, "a map key is never null; wrap an option in a tuple or struct") };
        let schema = self
            .schema(name, StateKind::Map, options)
            .with_map_key(E::logical_type())
            .with_value(V::element_type());
        MapState::new(self.push(schema, memory::map::<K, E, V>))
    }

    /// Declares one value per key into which others are folded.
    pub fn reducing<V: StateType>(&mut self, name: &str, reduce: fn(&V, &V) -> V) -> ReducingState<V> {
        self.reducing_with(name, reduce, StateOptions::default())
    }

    /// Declares one value per key into which others are folded, with options.
    pub fn reducing_with<V: StateType>(
        &mut self,
        name: &str,
        reduce: fn(&V, &V) -> V,
        options: StateOptions,
    ) -> ReducingState<V> {
        ReducingState::new(self.single::<V>(name, StateKind::Reducing, options), reduce)
    }

    /// Declares one accumulator per key.
    pub fn aggregating<A: Aggregate>(&mut self, name: &str) -> AggregatingState<A> {
        self.aggregating_with(name, StateOptions::default())
    }

    /// Declares one accumulator per key, with options.
    pub fn aggregating_with<A: Aggregate>(
        &mut self,
        name: &str,
        options: StateOptions,
    ) -> AggregatingState<A> {
        AggregatingState::new(self.single::<A::Accumulator>(name, StateKind::Aggregating, options))
    }

    /// Declares timers: two tables, [`EVENT_TIMERS`] and [`PROCESSING_TIMERS`]. A second call gives the
    /// same timers.
    pub fn timers(&mut self) -> Timers {
        if let Some(timers) = self.timers {
            return timers;
        }
        let event = self.timer_slot(EVENT_TIMERS, TimeDomain::Event);
        let processing = self.timer_slot(PROCESSING_TIMERS, TimeDomain::Processing);
        *self.timers.insert(Timers::new(event, processing))
    }

    /// Returns the schemas of the states declared so far, by slot.
    pub fn schemas(&self) -> &[Arc<StateSchema>] {
        &self.schemas
    }

    /// Makes the in-memory backend of one subtask.
    pub fn into_backend(self, options: BackendOptions) -> Box<dyn KeyedBackend> {
        let timers = self.timers;
        let make = |(slot, (make, schema)): (usize, (MakeSlot, &Arc<StateSchema>))| {
            make(SlotOptions { slot, schema: Arc::clone(schema), backend: options })
        };
        let slots = self.slots.into_iter().zip(&self.schemas).enumerate().map(make).collect();
        memory::backend::<K>(self.schemas, slots, timers, options)
    }

    fn single<V: StateType>(&mut self, name: &str, kind: StateKind, options: StateOptions) -> usize {
        let schema = self.schema(name, kind, options).with_value(V::element_type());
        self.push(schema, memory::value::<K, V>)
    }

    fn timer_slot(&mut self, name: &str, domain: TimeDomain) -> usize {
        let schema = StateSchema::new(name, StateKind::Timer(domain)).with_key(K::logical_type());
        self.push(schema, memory::timer::<K>)
    }

    fn schema(&self, name: &str, kind: StateKind, options: StateOptions) -> StateSchema {
        assert!(!name.is_empty(), "a state needs a name");
        assert!(!name.starts_with("_timer_state/"), "state name {name} is kept for timers");
        let schema = StateSchema::new(name, kind).with_key(K::logical_type());
        match options.ttl_ms {
            Some(ttl_ms) => schema.with_ttl_ms(ttl_ms),
            None => schema,
        }
    }

    fn push(&mut self, schema: StateSchema, make: fn(SlotOptions) -> Box<dyn Slot>) -> usize {
        assert!(
            self.schemas.iter().all(|s| s.name != schema.name),
            "state {} is declared twice",
            schema.name
        );
        self.schemas.push(Arc::new(schema));
        self.slots.push(Box::new(make));
        self.schemas.len() - 1
    }
}

impl<K: StateKey> Default for KeyedStates<K> {
    fn default() -> Self {
        Self::new()
    }
}

impl dyn crate::StateHost + '_ {
    /// Returns the current key.
    ///
    /// # Panics
    /// When `K` is not the key type declared, or no key was set.
    pub fn key<K: Any>(&self) -> &K {
        self.current_key().downcast_ref().expect("the key type is the one declared")
    }
}
