use std::marker::PhantomData;
use std::sync::Arc;

use alluvium_model::typed::{StateKey, StateType};
use alluvium_state::{BroadcastState, OperatorListState, OperatorStates};

use crate::operator_states::{changed, restore};
use crate::{
    AnyBatch, Batch, Data, Declared, Element, Host, MAIN, Operator, OperatorResult, OutputTag, Outputs,
};

/// Processes records one by one, without keyed state, to the main output and to side outputs.
///
/// What it remembers is operator state: of a subtask, not of a key. At a restore a list is dealt out
/// among the subtasks, a union list is given whole to each, and broadcast state is what subtask 0
/// held.
///
/// ```
/// use alluvium_dataflow::testing::{Collected, VecSource};
/// use alluvium_dataflow::{DeclareProcess, JobBuilder, OperatorResult, Process, ProcessContext};
/// use alluvium_state::OperatorListState;
///
/// /// Passes records on in tens; those that wait for the tenth are in every snapshot.
/// struct Tens {
///     waiting: OperatorListState<i64>,
/// }
///
/// impl Process for Tens {
///     type In = i64;
///     type Out = Vec<i64>;
///
///     fn process(&mut self, record: i64, ctx: &mut ProcessContext<'_, Vec<i64>>) -> OperatorResult {
///         let waiting = self.waiting.elements(ctx.operator_states_mut());
///         waiting.push(record);
///         if waiting.len() == 10 {
///             let ten = std::mem::take(waiting);
///             ctx.emit(ten);
///         }
///         Ok(())
///     }
/// }
///
/// let builder = JobBuilder::new("tens");
/// let numbers = builder.source(VecSource::of_splits(vec![(0..25).map(|n| (n, n)).collect()])).uid("numbers");
/// let tens = numbers.process(|declare: &mut DeclareProcess| Tens { waiting: declare.operator_list("waiting") });
/// tens.uid("tens").sink(Collected::new().sink()).uid("out");
/// let described = builder.build()?.describe(1);
/// assert_eq!(described.operators[1].states[0].kind.name(), "operator-list");
/// # Ok::<(), alluvium_dataflow::Error>(())
/// ```
pub trait Process: Send + 'static {
    /// What it reads.
    type In: Data;
    /// What it writes to its main output.
    type Out: Data;

    /// Processes a record.
    ///
    /// # Errors
    /// What went wrong; the task fails.
    fn process(&mut self, record: Self::In, ctx: &mut ProcessContext<'_, Self::Out>) -> OperatorResult;
}

/// Declares the operator states and side outputs of a [`Process`] when the graph is built.
///
/// # Panics
/// Declaring panics when a name is used twice or is empty.
#[derive(Default)]
pub struct DeclareProcess {
    states: OperatorStates,
    outputs: Vec<Arc<str>>,
}

impl DeclareProcess {
    /// Declares a list of the subtask; at a restore all lists are dealt out round robin.
    pub fn operator_list<T: StateType>(&mut self, name: &str) -> OperatorListState<T> {
        self.states.list(name)
    }

    /// Declares a list of the subtask; at a restore each subtask gets all of them, one after another.
    pub fn union_list<T: StateType>(&mut self, name: &str) -> OperatorListState<T> {
        self.states.union(name)
    }

    /// Declares a map that all subtasks hold alike, because each sees the same records: behind
    /// [`crate::Stream::broadcast`].
    pub fn broadcast<E: StateKey, V: StateType>(&mut self, name: &str) -> BroadcastState<E, V> {
        self.states.broadcast(name)
    }

    /// Declares a side output.
    pub fn side_output<T: Data>(&mut self, tag: &OutputTag<T>) {
        self.outputs.push(tag.name().into());
    }

    pub(crate) fn declared(self) -> Declared {
        Declared { operator: self.states.schemas(), outputs: self.outputs, ..Declared::default() }
    }

    pub(crate) fn into_states(self) -> OperatorStates {
        self.states
    }
}

/// What a [`Process`] reaches while it handles a record.
pub struct ProcessContext<'a, U> {
    main: &'a mut Batch<U>,
    outputs: &'a mut Outputs,
    states: &'a mut OperatorStates,
    time_ms: i64,
    watermark_ms: i64,
}

impl<U: Data> ProcessContext<'_, U> {
    /// Returns the event time of the record.
    pub fn time_ms(&self) -> i64 {
        self.time_ms
    }

    /// Returns the watermark.
    pub fn watermark_ms(&self) -> i64 {
        self.watermark_ms
    }

    /// Returns the operator states, to be read through their handles.
    pub fn operator_states(&self) -> &OperatorStates {
        self.states
    }

    /// Returns the operator states, to be changed through their handles.
    pub fn operator_states_mut(&mut self) -> &mut OperatorStates {
        self.states
    }

    /// Writes a record to the main output, at the event time of the one processed.
    pub fn emit(&mut self, record: U) {
        self.main.push(record, self.time_ms);
    }

    /// Writes a record to a side output.
    ///
    /// # Panics
    /// When the tag was not declared.
    pub fn side_output<T: Data>(&mut self, tag: &OutputTag<T>, record: T) {
        self.outputs.write_side(tag, record, self.time_ms);
    }
}

/// Gives each record of a batch to a function with a context of its own, then writes what it emitted.
pub(crate) fn each_record<T: Data, U: Data>(
    batch: Batch<T>,
    states: &mut OperatorStates,
    host: &mut Host<'_>,
    mut f: impl FnMut(T, &mut ProcessContext<'_, U>) -> OperatorResult,
) -> OperatorResult {
    let mut main = Batch::new();
    let watermark_ms = host.watermark_ms;
    for (record, time_ms) in batch {
        let (main, states) = (&mut main, &mut *states);
        f(record, &mut ProcessContext { main, outputs: host.outputs, states, time_ms, watermark_ms })?;
    }
    host.outputs.write(MAIN, main);
    Ok(())
}

pub(crate) struct ProcessAdaptor<P> {
    process: P,
    states: OperatorStates,
    types: PhantomData<P>,
}

impl<P: Process> ProcessAdaptor<P> {
    pub(crate) fn new(process: P, states: OperatorStates) -> Self {
        ProcessAdaptor { process, states, types: PhantomData }
    }
}

impl<P: Process> Operator for ProcessAdaptor<P> {
    fn process_batch(&mut self, batch: AnyBatch, host: &mut Host<'_>) -> OperatorResult {
        let process = &mut self.process;
        each_record(batch.downcast(), &mut self.states, host, |record, ctx| process.process(record, ctx))
    }

    fn operator_state(&mut self) -> OperatorResult<Vec<(usize, Vec<Element>)>> {
        Ok(changed(&mut self.states))
    }

    fn restore(&mut self, table: usize, elements: Vec<Element>) -> OperatorResult {
        restore(&mut self.states, table, elements)
    }
}
