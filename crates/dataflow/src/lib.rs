//! What a job author writes: sources, operators, sinks, and the graph that joins them.
//!
//! A job is described with a [`JobBuilder`]; nothing runs while it is built, so that it can also
//! be printed ([`Job::describe`]) and checked. A runtime drives its [`Operator`]s, which know
//! nothing of their host: no thread, clock, randomness or I/O of their own.
//!
//! * the graph: [`JobBuilder`], [`Stream`], [`KeyedStream`], [`OutputTag`]
//! * with state and timers of a key: [`KeyedProcess`], [`Declare`]
//! * with state of a subtask: [`Process`], [`DeclareProcess`]; rules for all keys: [`KeyedBroadcastProcess`]
//! * reading and writing: [`Source`] with [`Split`]s, [`Sink`] in two phases
//! * for tests: [`testing`]
//!
//! ```
//! use alluvium_dataflow::testing::{Collected, VecSource};
//! use alluvium_dataflow::{Declare, JobBuilder, KeyedContext, KeyedProcess, OperatorResult};
//! use alluvium_state::ValueState;
//!
//! struct Count {
//!     seen: ValueState<i64>,
//! }
//!
//! impl KeyedProcess for Count {
//!     type Key = String;
//!     type In = String;
//!     type Out = (String, i64);
//!
//!     fn process(&mut self, word: String, ctx: &mut KeyedContext<'_, String, Self::Out>) -> OperatorResult {
//!         let seen = self.seen.get(ctx).unwrap_or(0) + 1;
//!         self.seen.set(ctx, seen);
//!         ctx.emit((word, seen));
//!         Ok(())
//!     }
//! }
//!
//! let counts = Collected::new();
//! let builder = JobBuilder::new("word-count");
//! builder
//!     .source(VecSource::of_splits(vec![vec![("a".to_owned(), 1), ("b".to_owned(), 2)]]))
//!     .uid("words")
//!     .key_by(|word: &String| word.clone())
//!     .process(|states: &mut Declare<String>| Count { seen: states.value("seen") })
//!     .uid("count")
//!     .sink(counts.sink())
//!     .uid("counts");
//! let job = builder.build()?;
//! assert_eq!(job.describe(2).operators[1].states[0].name, "seen");
//! # Ok::<(), alluvium_dataflow::Error>(())
//! ```
#![deny(missing_docs)]

mod batch;
mod connected;
mod error;
mod exchange;
mod graph;
mod job;
mod keyed;
mod operator;
mod operator_states;
mod output;
mod process;
mod sink;
mod source;
mod stateless;
mod stream;
pub mod testing;

pub use batch::{AnyBatch, Batch, Data, MAX_TIME, MIN_TIME};
pub use connected::{Connected, KeyedBroadcastProcess};
pub use error::{Error, OperatorError, OperatorResult};
pub use exchange::{Exchange, Partitioner};
pub use graph::{Factory, Input, Instance, Node, NodeRole};
pub use job::Job;
pub use keyed::{BatchContext, Declare, KeyedContext, KeyedProcess, Timer};
pub use operator::{
    Declared, Element, Host, Operator, ReadStatus, SinkOperator, SourceOperator, SubtaskInfo,
    lowest_watermark,
};
pub use output::{MAIN, OutputTag, Outputs};
pub use process::{DeclareProcess, Process, ProcessContext};
pub use sink::{PENDING_TRANSACTIONS, Sink};
pub use source::{SOURCE_POSITIONS, Source, Split};
pub use stream::{JobBuilder, KeyedStream, SinkHandle, Stream};

#[cfg(test)]
mod tests;
