use std::cell::Cell;
use std::marker::PhantomData;

use alluvium_model::typed::StateType;

use super::{ValueState, token};
use crate::StateHost;

/// One value per key into which others are folded by a reduce function.
pub struct ReducingState<V> {
    slot: usize,
    reduce: fn(&V, &V) -> V,
}

token!(ReducingState<V>);

impl<V: StateType> ReducingState<V> {
    pub(crate) fn new(slot: usize, reduce: fn(&V, &V) -> V) -> Self {
        ReducingState { slot, reduce }
    }

    /// Returns the slot of this state.
    pub fn slot(&self) -> usize {
        self.slot
    }

    /// Folds a value in: the first is kept as it is, later ones are `reduce(held, value)`.
    pub fn add(&self, host: &mut dyn StateHost, value: V) {
        let state = ValueState::<V>::new(self.slot);
        let value = Cell::new(Some(value));
        let first = || value.take().expect("the default is asked for before the change, and once");
        state.modify(host, first, |held| {
            if let Some(value) = value.take() {
                *held = (self.reduce)(held, &value);
            }
        });
    }

    /// Returns the folded value.
    pub fn get(&self, host: &mut dyn StateHost) -> Option<V> {
        ValueState::new(self.slot).get(host)
    }

    /// Removes the value.
    pub fn clear(&self, host: &mut dyn StateHost) {
        ValueState::<V>::new(self.slot).clear(host);
    }
}

/// How inputs gather in an accumulator, and what comes out of it.
pub trait Aggregate: 'static {
    /// What is added.
    type Input;
    /// What is kept in state.
    type Accumulator: StateType;
    /// What is read.
    type Output;

    /// Returns an accumulator without input.
    fn create() -> Self::Accumulator;

    /// Adds an input.
    fn add(accumulator: &mut Self::Accumulator, input: Self::Input);

    /// Returns the result of an accumulator.
    fn result(accumulator: &Self::Accumulator) -> Self::Output;
}

/// One accumulator per key.
pub struct AggregatingState<A> {
    slot: usize,
    aggregate: PhantomData<fn() -> A>,
}

token!(AggregatingState<A>);

impl<A: Aggregate> AggregatingState<A> {
    pub(crate) fn new(slot: usize) -> Self {
        AggregatingState { slot, aggregate: PhantomData }
    }

    /// Returns the slot of this state.
    pub fn slot(&self) -> usize {
        self.slot
    }

    /// Adds an input to the accumulator.
    pub fn add(&self, host: &mut dyn StateHost, input: A::Input) {
        let state = ValueState::<A::Accumulator>::new(self.slot);
        state.modify(host, A::create, |accumulator| A::add(accumulator, input));
    }

    /// Returns the result, if anything was added.
    pub fn get(&self, host: &mut dyn StateHost) -> Option<A::Output> {
        ValueState::<A::Accumulator>::new(self.slot).with(host, A::result)
    }

    /// Removes the accumulator.
    pub fn clear(&self, host: &mut dyn StateHost) {
        ValueState::<A::Accumulator>::new(self.slot).clear(host);
    }
}
