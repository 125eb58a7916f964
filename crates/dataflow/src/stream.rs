use std::cell::RefCell;
use std::marker::PhantomData;
use std::rc::Rc;
use std::sync::Arc;

use alluvium_model::OperatorUid;
use alluvium_model::typed::StateKey;

use crate::connected::Connected;
use crate::graph::{Instance, NodeRole};
use crate::job::{Draft, DraftInput, DraftNode, assemble};
use crate::keyed::{Declare, HashPartitioner, KeyedAdaptor, KeyedProcess};
use crate::process::ProcessAdaptor;
use crate::sink::SinkAdaptor;
use crate::source::SourceAdaptor;
use crate::stateless::Stateless;
use crate::{
    Batch, Data, DeclareProcess, Declared, Error, Exchange, Job, OperatorResult, OutputTag, Process, Sink,
    Source, SubtaskInfo,
};

/// Describes a job: sources, what happens to their records, and sinks.
///
/// Nothing runs while a job is built; [`JobBuilder::build`] gives a [`Job`] that can be described
/// or handed to a runtime.
#[derive(Clone)]
pub struct JobBuilder {
    draft: Rc<RefCell<Draft>>,
}

impl JobBuilder {
    /// Starts a job of a name.
    pub fn new(name: impl Into<String>) -> Self {
        JobBuilder { draft: Rc::new(RefCell::new(Draft::new(name.into()))) }
    }

    /// Adds a source.
    pub fn source<S: Source>(&self, source: S) -> Stream<S::Out> {
        let source = Arc::new(source);
        let node = DraftNode::new(NodeRole::Source, SourceAdaptor::<S>::declared(), Vec::new(), move |_| {
            Instance::stateless(SourceAdaptor::new(Arc::clone(&source)))
        });
        Stream::of(&self.draft, node)
    }

    /// Checks the job and returns it.
    ///
    /// # Errors
    /// [`Error`] with what is wrong: a uid or a state name given twice, an undeclared side output,
    /// a parallelism out of bounds, no source.
    pub fn build(&self) -> Result<Job, Error> {
        assemble(&self.draft.borrow())
    }
}

/// The records that an operator, a side output or a union of them writes.
pub struct Stream<T> {
    draft: Rc<RefCell<Draft>>,
    origins: Vec<DraftInput>,
    records: PhantomData<fn() -> T>,
}

impl<T> Clone for Stream<T> {
    fn clone(&self) -> Self {
        Stream { draft: Rc::clone(&self.draft), origins: self.origins.clone(), records: PhantomData }
    }
}

impl<T: Data> Stream<T> {
    pub(crate) fn of(draft: &Rc<RefCell<Draft>>, node: DraftNode) -> Self {
        let origin =
            DraftInput { from: draft.borrow_mut().add(node), tag: None, exchange: Exchange::Forward };
        Stream { draft: Rc::clone(draft), origins: vec![origin], records: PhantomData }
    }

    fn then<U: Data>(
        &self,
        role: NodeRole,
        declared: Declared,
        make: impl Fn() -> Instance + Send + Sync + 'static,
    ) -> Stream<U> {
        let node = DraftNode::new(role, declared, self.origins.clone(), move |_| make());
        Stream::of(&self.draft, node)
    }

    /// Turns each record into another.
    pub fn map<U: Data>(&self, f: impl Fn(T) -> U + Clone + Send + Sync + 'static) -> Stream<U> {
        self.then(NodeRole::Map, Declared::default(), move || {
            let f = f.clone();
            let each = move |batch: Batch<T>| {
                let mut out = Batch::new();
                out.extend(batch.into_iter().map(|(record, time)| (f(record), time)));
                out
            };
            Instance::stateless(Stateless::new(each))
        })
    }

    /// Keeps the records for which the predicate holds.
    pub fn filter(&self, keep: impl Fn(&T) -> bool + Clone + Send + Sync + 'static) -> Stream<T> {
        self.then(NodeRole::Filter, Declared::default(), move || {
            let keep = keep.clone();
            let each = move |batch: Batch<T>| {
                let mut out = Batch::new();
                out.extend(batch.into_iter().filter(|(record, _)| keep(record)));
                out
            };
            Instance::stateless(Stateless::new(each))
        })
    }

    /// Turns each record into any number of others, at its event time.
    pub fn flat_map<U: Data, I>(&self, f: impl Fn(T) -> I + Clone + Send + Sync + 'static) -> Stream<U>
    where
        I: IntoIterator<Item = U>,
    {
        self.then(NodeRole::FlatMap, Declared::default(), move || {
            let f = f.clone();
            let each = move |batch: Batch<T>| {
                let mut out = Batch::new();
                for (record, time) in batch {
                    out.extend(f(record).into_iter().map(|u| (u, time)));
                }
                out
            };
            Instance::stateless(Stateless::new(each))
        })
    }

    /// Processes records one by one, with operator state and side outputs.
    ///
    /// The factory is called once when the graph is built and once per subtask.
    pub fn process<P>(
        &self,
        factory: impl Fn(&mut DeclareProcess) -> P + Send + Sync + 'static,
    ) -> Stream<P::Out>
    where
        P: Process<In = T>,
    {
        let mut declare = DeclareProcess::default();
        factory(&mut declare);
        self.then(NodeRole::Process, declare.declared(), move || {
            let mut declare = DeclareProcess::default();
            let process = factory(&mut declare);
            Instance::stateless(ProcessAdaptor::new(process, declare.into_states()))
        })
    }

    /// Returns the records of a side output of the operator that writes this stream.
    pub fn side_output<U: Data>(&self, tag: &OutputTag<U>) -> Stream<U> {
        let mut origins = self.origins.clone();
        for origin in &mut origins {
            origin.tag = Some(tag.name().into());
        }
        Stream { draft: Rc::clone(&self.draft), origins, records: PhantomData }
    }

    /// Puts the records of another stream among these, in no particular order.
    pub fn union(&self, other: &Stream<T>) -> Stream<T> {
        let mut origins = self.origins.clone();
        origins.extend(other.origins.iter().cloned());
        Stream { draft: Rc::clone(&self.draft), origins, records: PhantomData }
    }

    /// Shares records among the next operator's subtasks in turn.
    pub fn rebalance(&self) -> Stream<T> {
        self.exchanged(Exchange::Rebalance)
    }

    /// Gives every record to every subtask of the next operator.
    pub fn broadcast(&self) -> Stream<T> {
        self.exchanged(Exchange::Broadcast)
    }

    fn exchanged(&self, exchange: Exchange) -> Stream<T> {
        let mut stream = self.clone();
        for origin in &mut stream.origins {
            origin.exchange = exchange.clone();
        }
        stream
    }

    /// Brings the records of equal keys to one subtask, where keyed state can be held for them.
    pub fn key_by<K: StateKey + Send + 'static>(
        &self,
        key: impl Fn(&T) -> K + Send + Sync + 'static,
    ) -> KeyedStream<K, T> {
        let key: KeyFn<K, T> = Arc::new(key);
        let stream = self.exchanged(Exchange::Hash(Arc::new(HashPartitioner::new(Arc::clone(&key)))));
        KeyedStream { stream, key }
    }

    /// Writes the records to a sink; the factory makes one per subtask.
    pub fn sink<S: Sink<In = T>>(
        &self,
        factory: impl Fn(&SubtaskInfo) -> OperatorResult<S> + Send + Sync + 'static,
    ) -> SinkHandle {
        let make: crate::sink::SinkFactory<S> = Arc::new(factory);
        let written: Stream<()> = self.then(NodeRole::Sink, SinkAdaptor::<S>::declared(), move || {
            Instance::stateless(SinkAdaptor::new(Arc::clone(&make)))
        });
        SinkHandle { written }
    }

    /// Gives the operator its identity: its state is found again by it. Set it on every operator
    /// with state.
    pub fn uid(self, uid: impl Into<String>) -> Self {
        let uid = OperatorUid::new(uid);
        self.set("uid", |node| node.uid = Some(uid))
    }

    /// Gives the operator a display name.
    pub fn name(self, name: impl Into<String>) -> Self {
        let name = name.into();
        self.set("name", |node| node.name = name)
    }

    /// Sets the number of subtasks of the operator.
    pub fn parallelism(self, parallelism: u32) -> Self {
        self.set("parallelism", |node| node.parallelism = Some(parallelism))
    }

    /// Sets the number of key groups of the operator: the most subtasks that it can ever have.
    pub fn max_parallelism(self, max_parallelism: u32) -> Self {
        self.set("max parallelism", |node| node.max_parallelism = Some(max_parallelism))
    }

    /// Sets how many records a second the operator reads at most, all subtasks together. Only a
    /// source heeds it.
    pub fn rate(self, records_per_second: Option<u64>) -> Self {
        self.set("rate", |node| node.rate = records_per_second)
    }

    fn set(self, property: &'static str, change: impl FnOnce(&mut DraftNode)) -> Self {
        let mut draft = self.draft.borrow_mut();
        match self.origins.as_slice() {
            [one] => change(draft.node_mut(one.from)),
            _ => draft.refuse(Error::UnionProperty { property }),
        }
        drop(draft);
        self
    }
}

/// Returns the key of a record.
pub(crate) type KeyFn<K, T> = Arc<dyn Fn(&T) -> K + Send + Sync>;

/// Records brought together by their keys.
pub struct KeyedStream<K, T> {
    stream: Stream<T>,
    key: KeyFn<K, T>,
}

impl<K, T> Clone for KeyedStream<K, T> {
    fn clone(&self) -> Self {
        KeyedStream { stream: self.stream.clone(), key: Arc::clone(&self.key) }
    }
}

impl<K: StateKey + Send + 'static, T: Data> KeyedStream<K, T> {
    /// Processes records with keyed state and timers.
    ///
    /// The factory declares states, timers and side outputs, and makes the process function; it
    /// is called once when the graph is built and once per subtask.
    pub fn process<P>(&self, factory: impl Fn(&mut Declare<K>) -> P + Send + Sync + 'static) -> Stream<P::Out>
    where
        P: KeyedProcess<Key = K, In = T>,
    {
        let mut declare = Declare::new();
        factory(&mut declare);
        let key = Arc::clone(&self.key);
        let node = DraftNode::new(
            NodeRole::Process,
            declare.declared(),
            self.stream.origins.clone(),
            move |options| {
                let mut declare = Declare::new();
                let process = factory(&mut declare);
                let (keyed, states) = declare.into_parts(options);
                let adaptor = KeyedAdaptor::new(process, Arc::clone(&key), options.max_parallelism, states);
                Instance { operator: Box::new(adaptor), keyed: Some(keyed) }
            },
        );
        Stream::of(&self.stream.draft, node)
    }

    /// Puts the records of another stream beside these: every subtask gets all of them, to be
    /// handled by a [`KeyedBroadcastProcess`](crate::KeyedBroadcastProcess).
    pub fn connect<U: Data>(&self, broadcast: &Stream<U>) -> Connected<K, T, U> {
        let origins = broadcast.broadcast().origins;
        Connected::new(&self.stream.draft, &self.stream.origins, origins, Arc::clone(&self.key))
    }
}

/// A sink of a job, to be given a uid and a name.
pub struct SinkHandle {
    written: Stream<()>,
}

impl SinkHandle {
    /// Gives the sink its identity: its pending transactions are found again by it.
    pub fn uid(self, uid: impl Into<String>) -> Self {
        SinkHandle { written: self.written.uid(uid) }
    }

    /// Gives the sink a display name.
    pub fn name(self, name: impl Into<String>) -> Self {
        SinkHandle { written: self.written.name(name) }
    }

    /// Sets the number of subtasks of the sink.
    pub fn parallelism(self, parallelism: u32) -> Self {
        SinkHandle { written: self.written.parallelism(parallelism) }
    }
}
