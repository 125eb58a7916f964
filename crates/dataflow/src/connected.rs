use std::cell::RefCell;
use std::marker::PhantomData;
use std::rc::Rc;
use std::sync::Arc;

use alluvium_model::typed::StateKey;
use alluvium_model::{ErrorKind, TimeDomain};

use crate::graph::{Instance, NodeRole};
use crate::job::{Draft, DraftInput, DraftNode};
use crate::keyed::{Declare, KeyedAdaptor, KeyedContext, KeyedProcess, Timer};
use crate::process::each_record;
use crate::stream::KeyFn;
use crate::{AnyBatch, Data, Element, Host, Operator, OperatorError, OperatorResult, ProcessContext, Stream};

/// Processes keyed records beside others that every subtask sees: rules, rates, switches.
///
/// Broadcast records change broadcast state, which keyed records and timers only read. The two
/// inputs are in no order to each other.
///
/// ```
/// use alluvium_dataflow::testing::{Collected, VecSource};
/// use alluvium_dataflow::{
///     Declare, JobBuilder, KeyedBroadcastProcess, KeyedContext, OperatorResult, ProcessContext,
/// };
/// use alluvium_state::{BroadcastState, ValueState};
///
/// /// Converts amounts at the rate known last, and sums them per account.
/// struct Convert {
///     rates: BroadcastState<String, i64>,
///     total: ValueState<i64>,
/// }
///
/// impl KeyedBroadcastProcess for Convert {
///     type Key = u64;
///     type In = (u64, String, i64);
///     type Broadcast = (String, i64);
///     type Out = (u64, i64);
///
///     fn process(
///         &mut self,
///         (account, currency, amount): Self::In,
///         ctx: &mut KeyedContext<'_, u64, Self::Out>,
///     ) -> OperatorResult {
///         let rate = self.rates.get(ctx.operator_states(), &currency).copied().unwrap_or(1);
///         let total = self.total.get(ctx).unwrap_or(0) + rate * amount;
///         self.total.set(ctx, total);
///         ctx.emit((account, total));
///         Ok(())
///     }
///
///     fn process_broadcast(
///         &mut self,
///         (currency, rate): Self::Broadcast,
///         ctx: &mut ProcessContext<'_, Self::Out>,
///     ) -> OperatorResult {
///         self.rates.put(ctx.operator_states_mut(), currency, rate);
///         Ok(())
///     }
/// }
///
/// let builder = JobBuilder::new("convert");
/// let rates = builder.source(VecSource::of_splits(vec![vec![(("EUR".to_owned(), 2), 1)]])).uid("rates");
/// let paid = builder.source(VecSource::of_splits(vec![vec![((7, "EUR".to_owned(), 10), 1)]])).uid("paid");
/// paid.key_by(|(account, ..)| *account)
///     .connect(&rates)
///     .process(|declare: &mut Declare<u64>| Convert {
///         rates: declare.broadcast("rates"),
///         total: declare.value("total"),
///     })
///     .uid("convert")
///     .sink(Collected::new().sink())
///     .uid("totals");
/// let edges = builder.build()?.describe(2).edges;
/// assert_eq!((edges[0].exchange.as_str(), edges[1].exchange.as_str()), ("hash", "broadcast"));
/// # Ok::<(), alluvium_dataflow::Error>(())
/// ```
pub trait KeyedBroadcastProcess: Send + 'static {
    /// Type of the key.
    type Key: StateKey;
    /// What it reads by key.
    type In: Data;
    /// What every subtask reads.
    type Broadcast: Data;
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

    /// Processes a record that every subtask gets; there is no current key. All subtasks must change
    /// broadcast state alike, whatever the order of records from different upstream subtasks.
    ///
    /// # Errors
    /// What went wrong; the task fails.
    fn process_broadcast(
        &mut self,
        record: Self::Broadcast,
        ctx: &mut ProcessContext<'_, Self::Out>,
    ) -> OperatorResult;

    /// Handles a timer of the current key that has come due, as [`KeyedProcess::on_timer`].
    ///
    /// # Errors
    /// What went wrong; the task fails.
    fn on_timer(&mut self, timer: Timer, ctx: &mut KeyedContext<'_, Self::Key, Self::Out>) -> OperatorResult {
        let _ = (timer, ctx);
        Ok(())
    }
}

/// Keyed records beside records that every subtask gets.
pub struct Connected<K, T, U> {
    draft: Rc<RefCell<Draft>>,
    inputs: Vec<DraftInput>,
    /// How many of the inputs are keyed; the others follow them.
    keyed_inputs: usize,
    key: KeyFn<K, T>,
    broadcast: PhantomData<fn() -> U>,
}

impl<K: StateKey + Send + 'static, T: Data, U: Data> Connected<K, T, U> {
    pub(crate) fn new(
        draft: &Rc<RefCell<Draft>>,
        keyed: &[DraftInput],
        broadcast: Vec<DraftInput>,
        key: KeyFn<K, T>,
    ) -> Self {
        let (mut inputs, keyed_inputs) = (keyed.to_vec(), keyed.len());
        inputs.extend(broadcast);
        Connected { draft: Rc::clone(draft), inputs, keyed_inputs, key, broadcast: PhantomData }
    }

    /// Processes the records of both inputs, with keyed state, timers and operator state.
    ///
    /// The factory is called once when the graph is built and once per subtask.
    pub fn process<P>(&self, factory: impl Fn(&mut Declare<K>) -> P + Send + Sync + 'static) -> Stream<P::Out>
    where
        P: KeyedBroadcastProcess<Key = K, In = T, Broadcast = U>,
    {
        let mut declare = Declare::new();
        factory(&mut declare);
        let (key, keyed_inputs) = (Arc::clone(&self.key), self.keyed_inputs);
        let make = move |options: alluvium_state::BackendOptions| {
            let mut declare = Declare::new();
            let process = KeyedSide(factory(&mut declare));
            let (keyed, states) = declare.into_parts(options);
            let adaptor = KeyedAdaptor::new(process, Arc::clone(&key), options.max_parallelism, states);
            let operator = Box::new(ConnectedAdaptor { adaptor, keyed_inputs });
            Instance { operator, keyed: Some(keyed) }
        };
        let node = DraftNode::new(NodeRole::Process, declare.declared(), self.inputs.clone(), make);
        Stream::of(&self.draft, node)
    }
}

/// The keyed side alone.
struct KeyedSide<P>(P);

impl<P: KeyedBroadcastProcess> KeyedProcess for KeyedSide<P> {
    type Key = P::Key;
    type In = P::In;
    type Out = P::Out;

    fn process(&mut self, record: P::In, ctx: &mut KeyedContext<'_, P::Key, P::Out>) -> OperatorResult {
        self.0.process(record, ctx)
    }

    fn on_timer(&mut self, timer: Timer, ctx: &mut KeyedContext<'_, P::Key, P::Out>) -> OperatorResult {
        self.0.on_timer(timer, ctx)
    }
}

/// Tells the inputs apart by their numbers.
struct ConnectedAdaptor<P: KeyedBroadcastProcess> {
    adaptor: KeyedAdaptor<KeyedSide<P>>,
    keyed_inputs: usize,
}

impl<P: KeyedBroadcastProcess> Operator for ConnectedAdaptor<P> {
    fn process_batch(&mut self, _: AnyBatch, _: &mut Host<'_>) -> OperatorResult {
        Err(OperatorError::new(ErrorKind::Internal, "an operator of two inputs is told which one"))
    }

    fn process_input(&mut self, input: usize, batch: AnyBatch, host: &mut Host<'_>) -> OperatorResult {
        if input < self.keyed_inputs {
            return self.adaptor.process_batch(batch, host);
        }
        let (KeyedSide(process), states) = self.adaptor.parts();
        states.release_broadcast();
        let each = |record, ctx: &mut ProcessContext<'_, P::Out>| process.process_broadcast(record, ctx);
        let result = each_record(batch.downcast(), states, host, each);
        states.hold_broadcast();
        result
    }

    fn fire(
        &mut self,
        domain: TimeDomain,
        until_ms: i64,
        budget: usize,
        host: &mut Host<'_>,
    ) -> OperatorResult<bool> {
        self.adaptor.fire(domain, until_ms, budget, host)
    }

    fn operator_state(&mut self) -> OperatorResult<Vec<(usize, Vec<Element>)>> {
        self.adaptor.operator_state()
    }

    fn restore(&mut self, table: usize, elements: Vec<Element>) -> OperatorResult {
        self.adaptor.restore(table, elements)
    }
}
