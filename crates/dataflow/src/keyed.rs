use std::any::Any;
use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;

use alluvium_model::typed::{StateKey, StateType, key_group, key_group_function};
use alluvium_model::{ErrorKind, MaxParallelism, TimeDomain};
use alluvium_state::{
    BackendOptions, BroadcastState, KeyedBackend, KeyedStates, Native, OperatorListState, OperatorStates,
    Reply, Request, StateHost,
};

use crate::operator_states::{changed, restore};
use crate::stream::KeyFn;
use crate::{
    AnyBatch, Batch, Data, Declared, Element, Host, MAIN, Operator, OperatorError, OperatorResult, OutputTag,
    Outputs, Partitioner,
};

/// Processes records with state and timers of their key.
///
/// All state that lives beyond a call is in handles that the factory declared; fields hold only
/// handles and configuration.
pub trait KeyedProcess: Send + 'static {
    /// Type of the key.
    type Key: StateKey;
    /// What it reads.
    type In: Data;
    /// What it writes to its main output.
    type Out: Data;

    /// Processes a record of the current key.
    ///
    /// # Errors
    /// What went wrong; the task fails.
    fn process(
        &mut self,
        record: Self::In,
        ctx: &mut KeyedContext<'_, Self::Key, Self::Out>,
    ) -> OperatorResult;

    /// Handles a timer of the current key that has come due. Timers fire in time order; an
    /// event-time timer when the watermark reaches it.
    ///
    /// # Errors
    /// What went wrong; the task fails.
    fn on_timer(&mut self, timer: Timer, ctx: &mut KeyedContext<'_, Self::Key, Self::Out>) -> OperatorResult {
        let _ = (timer, ctx);
        Ok(())
    }

    /// Processes a batch, record by record unless overridden. An override makes each record's key
    /// the current one with [`BatchContext::record`].
    ///
    /// # Errors
    /// What went wrong; the task fails.
    fn process_batch(
        &mut self,
        batch: Batch<Self::In>,
        ctx: &mut BatchContext<'_, Self::Key, Self::In, Self::Out>,
    ) -> OperatorResult {
        for (record, time_ms) in batch {
            let mut ctx = ctx.record(&record, time_ms);
            self.process(record, &mut ctx)?;
        }
        Ok(())
    }
}

/// A timer that has come due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timer {
    /// The time that it waited for.
    pub domain: TimeDomain,
    /// When it was due, in milliseconds.
    pub timestamp: i64,
}

/// Declares states, timers and side outputs of a keyed process function when the graph is built.
///
/// States of keys and timers are declared through [`KeyedStates`], to which this dereferences; state
/// of the subtask, whatever the key, is declared here.
pub struct Declare<K> {
    states: KeyedStates<K>,
    operator: OperatorStates,
    outputs: Vec<Arc<str>>,
}

impl<K: StateKey> Declare<K> {
    pub(crate) fn new() -> Self {
        Declare { states: KeyedStates::new(), operator: OperatorStates::new(), outputs: Vec::new() }
    }

    /// Declares a list of the subtask; at a restore all lists are dealt out round robin.
    pub fn operator_list<T: StateType>(&mut self, name: &str) -> OperatorListState<T> {
        self.operator.list(name)
    }

    /// Declares a list of the subtask; at a restore each subtask gets all of them, one after another.
    pub fn union_list<T: StateType>(&mut self, name: &str) -> OperatorListState<T> {
        self.operator.union(name)
    }

    /// Declares a map that all subtasks hold alike. Only
    /// [`KeyedBroadcastProcess::process_broadcast`](crate::KeyedBroadcastProcess::process_broadcast) may
    /// change it.
    pub fn broadcast<E: StateKey, V: StateType>(&mut self, name: &str) -> BroadcastState<E, V> {
        self.operator.broadcast(name)
    }

    /// Declares a side output.
    pub fn side_output<T: Data>(&mut self, tag: &OutputTag<T>) {
        self.outputs.push(tag.name().into());
    }

    pub(crate) fn declared(&self) -> Declared {
        Declared {
            key: Some(K::logical_type()),
            key_group_function: Some(key_group_function::<K>()),
            keyed: self.states.schemas().to_vec(),
            operator: self.operator.schemas(),
            outputs: self.outputs.clone(),
        }
    }

    pub(crate) fn into_parts(self, options: BackendOptions) -> (Box<dyn KeyedBackend>, OperatorStates) {
        (self.states.into_backend(options), self.operator)
    }
}

impl<K> Deref for Declare<K> {
    type Target = KeyedStates<K>;

    fn deref(&self) -> &KeyedStates<K> {
        &self.states
    }
}

impl<K> DerefMut for Declare<K> {
    fn deref_mut(&mut self) -> &mut KeyedStates<K> {
        &mut self.states
    }
}

/// What a keyed process function reaches while it handles a record or a timer.
///
/// It is the [`StateHost`] that handles take: `self.visits.get(ctx)`.
pub struct KeyedContext<'a, K, U> {
    host: &'a mut dyn StateHost,
    operator: &'a mut OperatorStates,
    main: &'a mut Batch<U>,
    outputs: &'a mut Outputs,
    time_ms: i64,
    watermark_ms: i64,
    key: PhantomData<fn() -> K>,
}

impl<K: StateKey, U: Data> KeyedContext<'_, K, U> {
    /// Returns the current key.
    pub fn key(&self) -> &K {
        self.host.current_key().downcast_ref().expect("the backend holds keys of the declared type")
    }

    /// Returns the event time of the record, or the timestamp of the timer.
    pub fn time_ms(&self) -> i64 {
        self.time_ms
    }

    /// Returns the watermark.
    pub fn watermark_ms(&self) -> i64 {
        self.watermark_ms
    }

    /// Returns the processing time, which stands still within a batch.
    pub fn now_ms(&self) -> i64 {
        self.host.now_ms()
    }

    /// Returns the operator states, to be read through their handles.
    pub fn operator_states(&self) -> &OperatorStates {
        self.operator
    }

    /// Returns the operator states, to be changed through their handles; broadcast state is only read
    /// here.
    pub fn operator_states_mut(&mut self) -> &mut OperatorStates {
        self.operator
    }

    /// Writes a record to the main output at the time of what is being handled.
    pub fn emit(&mut self, record: U) {
        self.main.push(record, self.time_ms);
    }

    /// Writes a record to the main output at another event time.
    pub fn emit_at(&mut self, record: U, time_ms: i64) {
        self.main.push(record, time_ms);
    }

    /// Writes a record to a side output.
    ///
    /// # Panics
    /// When the tag was not declared.
    pub fn side_output<T: Data>(&mut self, tag: &OutputTag<T>, record: T) {
        self.outputs.write_side(tag, record, self.time_ms);
    }
}

impl<K, U> StateHost for KeyedContext<'_, K, U> {
    fn native(&mut self, slot: usize) -> Option<Native<'_>> {
        self.host.native(slot)
    }

    fn exchange(&mut self, slot: usize, request: Request) -> Reply {
        self.host.exchange(slot, request)
    }

    fn now_ms(&self) -> i64 {
        self.host.now_ms()
    }

    fn current_key(&self) -> &dyn Any {
        self.host.current_key()
    }
}

/// What a keyed process function reaches while it handles a batch.
pub struct BatchContext<'a, K, T, U> {
    backend: &'a mut dyn KeyedBackend,
    operator: &'a mut OperatorStates,
    key: &'a dyn Fn(&T) -> K,
    max_parallelism: MaxParallelism,
    main: &'a mut Batch<U>,
    outputs: &'a mut Outputs,
    watermark_ms: i64,
}

impl<K: StateKey, T: Data, U: Data> BatchContext<'_, K, T, U> {
    /// Makes the key of a record the current one and returns what is needed to handle it.
    pub fn record(&mut self, record: &T, time_ms: i64) -> KeyedContext<'_, K, U> {
        let key = (self.key)(record);
        let group = key_group(&key, self.max_parallelism);
        self.backend.set_current_key(&key, group);
        KeyedContext {
            host: self.backend.host(),
            operator: self.operator,
            main: self.main,
            outputs: self.outputs,
            time_ms,
            watermark_ms: self.watermark_ms,
            key: PhantomData,
        }
    }
}

/// Drives a keyed process function.
pub(crate) struct KeyedAdaptor<P: KeyedProcess> {
    process: P,
    key: KeyFn<P::Key, P::In>,
    max_parallelism: MaxParallelism,
    operator: OperatorStates,
}

impl<P: KeyedProcess> KeyedAdaptor<P> {
    pub(crate) fn new(
        process: P,
        key: KeyFn<P::Key, P::In>,
        max_parallelism: MaxParallelism,
        mut operator: OperatorStates,
    ) -> Self {
        operator.hold_broadcast();
        KeyedAdaptor { process, key, max_parallelism, operator }
    }

    /// Returns what handles a record without a key.
    pub(crate) fn parts(&mut self) -> (&mut P, &mut OperatorStates) {
        (&mut self.process, &mut self.operator)
    }
}

impl<P: KeyedProcess> Operator for KeyedAdaptor<P> {
    fn process_batch(&mut self, batch: AnyBatch, host: &mut Host<'_>) -> OperatorResult {
        let mut main = Batch::new();
        let backend = host.keyed.as_deref_mut().ok_or_else(no_state)?;
        let mut ctx = BatchContext {
            backend,
            operator: &mut self.operator,
            key: &*self.key,
            max_parallelism: self.max_parallelism,
            main: &mut main,
            outputs: host.outputs,
            watermark_ms: host.watermark_ms,
        };
        self.process.process_batch(batch.downcast(), &mut ctx)?;
        host.outputs.write(MAIN, main);
        Ok(())
    }

    fn fire(
        &mut self,
        domain: TimeDomain,
        until_ms: i64,
        budget: usize,
        host: &mut Host<'_>,
    ) -> OperatorResult<bool> {
        let mut main = Batch::new();
        let backend = host.keyed.as_deref_mut().ok_or_else(no_state)?;
        let mut done = false;
        for _ in 0..budget.max(1) {
            let Some(due) = backend.pop_due_timer(domain, until_ms) else {
                done = true;
                break;
            };
            let mut ctx = KeyedContext {
                host: backend.host(),
                operator: &mut self.operator,
                main: &mut main,
                outputs: host.outputs,
                time_ms: due.timestamp,
                watermark_ms: host.watermark_ms,
                key: PhantomData,
            };
            self.process.on_timer(Timer { domain, timestamp: due.timestamp }, &mut ctx)?;
        }
        host.outputs.write(MAIN, main);
        Ok(done)
    }

    fn operator_state(&mut self) -> OperatorResult<Vec<(usize, Vec<Element>)>> {
        Ok(changed(&mut self.operator))
    }

    fn restore(&mut self, table: usize, elements: Vec<Element>) -> OperatorResult {
        restore(&mut self.operator, table, elements)
    }
}

fn no_state() -> OperatorError {
    OperatorError::new(ErrorKind::Internal, "a keyed operator runs with a state backend")
}

/// Shares records by the key groups of their keys.
pub(crate) struct HashPartitioner<K, T> {
    key: KeyFn<K, T>,
}

impl<K, T> HashPartitioner<K, T> {
    pub(crate) fn new(key: KeyFn<K, T>) -> Self {
        HashPartitioner { key }
    }
}

impl<K: StateKey, T: Data> Partitioner for HashPartitioner<K, T> {
    fn partition(&self, batch: AnyBatch, max: MaxParallelism, parallelism: u32) -> Vec<(u32, AnyBatch)> {
        let mut parts: Vec<Batch<T>> = (0..parallelism).map(|_| Batch::new()).collect();
        for (record, time_ms) in batch.downcast::<T>() {
            let group = key_group(&(self.key)(&record), max);
            let subtask = max.subtask_of(group, parallelism);
            parts[subtask as usize].push(record, time_ms);
        }
        let parts = parts.into_iter().zip(0..).filter(|(part, _)| !part.is_empty());
        parts.map(|(part, subtask)| (subtask, AnyBatch::new(part))).collect()
    }
}
