//! State of stream operators: handles, timers, the backend trait and the layered in-memory backend.
//!
//! A job author declares states on a [`KeyedStates`] while the graph is built and gets **handles**:
//! small typed tokens ([`ValueState`], [`ListState`], [`MapState`], [`ReducingState`],
//! [`AggregatingState`], [`Timers`]). All mutable state is reached through them and a [`StateHost`], which
//! knows the current key; operators hold none of their own. State that belongs to a subtask
//! rather than to a key is in [`OperatorStates`].
//!
//! The runtime drives a [`KeyedBackend`]: it sets the current key, freezes at a barrier, encodes the
//! [`Frozen`] layer in the background, says when it is durable, and lets the backend absorb it
//! in slices. This crate does no I/O, starts no thread, reads no clock and draws no random number.
//!
//! ```
//! use alluvium_state::{BackendOptions, KeyedStates, ValueState};
//! use alluvium_model::typed::key_group;
//!
//! let mut states = KeyedStates::<String>::new();
//! let visits: ValueState<i64> = states.value("visits");
//! let options = BackendOptions::default();
//! let max = options.max_parallelism;
//! let mut backend = states.into_backend(options);
//!
//! let key = "N14228".to_owned();
//! backend.set_current_key(&key, key_group(&key, max));
//! visits.set(backend.host(), 1);
//! visits.modify(backend.host(), || 0, |count| *count += 1);
//! assert_eq!(visits.get(backend.host()), Some(2));
//!
//! let frozen = backend.freeze()?;
//! let rows: usize = frozen.tables[0].rows(1000).map(|batch| batch.map(|rows| rows.len())).sum::<Result<_, _>>()?;
//! assert_eq!(rows, 1);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
#![deny(missing_docs)]

mod backend;
mod error;
mod handle;
mod host;
mod keyed;
mod memory;
mod operator;

pub use backend::{
    BackendOptions, DueTimer, EncodingSizes, Frozen, FrozenFull, FrozenId, FrozenTable, Garbage, KeyedBackend,
};
pub use error::{Error, Result};
pub use handle::{Aggregate, AggregatingState, ListState, MapState, ReducingState, Timers, ValueState};
pub use host::{Native, Reply, Request, StateHost};
pub use keyed::{EVENT_TIMERS, KeyedStates, PROCESSING_TIMERS, StateOptions};
pub use operator::{BroadcastState, OperatorEntry, OperatorListState, OperatorStates};
