//! The runtime: tasks, channels, barrier alignment, checkpoints, recovery and rescale.
//!
//! A [`Job`](alluvium_dataflow::Job) becomes tasks: state machines that never block, sleep or
//! spawn. A [`Scheduler`] drives them, the coordinator and all background work; [`ThreadScheduler`]
//! uses threads, [`SeededScheduler`] a single thread under a seed that replays exactly. Time,
//! randomness, ids, storage and scheduling are injected.
//!
//! * start a job: [`Runtime`], [`RunConfig`]
//! * ask and tell a running one: [`JobHandle`]
//! * simulate: [`SeededScheduler`], [`SteppedStore`]
//!
//! ```
//! use std::sync::Arc;
//!
//! use alluvium_dataflow::JobBuilder;
//! use alluvium_dataflow::testing::{Collected, VecSource};
//! use alluvium_runtime::{JobState, RunConfig, Runtime};
//! use alluvium_store::MemoryStore;
//!
//! let out = Collected::new();
//! let builder = JobBuilder::new("doubles");
//! let numbers = builder.source(VecSource::of_splits(vec![vec![(1, 1), (2, 2)]])).uid("numbers");
//! numbers.map(|n: i32| 2 * n).sink(out.sink()).uid("out");
//! let job = Runtime::with_threads(2).start(&builder.build()?, RunConfig::default(), Arc::new(MemoryStore::new()), "memory");
//! assert_eq!(job.wait().state, JobState::Finished);
//! assert_eq!(out.committed(), [2, 4]);
//! # Ok::<(), alluvium_dataflow::Error>(())
//! ```
#![deny(missing_docs)]

mod channel;
mod config;
mod coordinator;
mod error;
mod gate;
mod handle;
mod ledger;
mod limiter;
mod mailbox;
mod plan;
#[doc(hidden)]
pub mod planted;
mod runtime;
mod scheduler;
mod status;
mod task;
mod vertices;

pub use config::{
    CheckpointConfig, ClaimMode, LocalPlaces, PendingMode, Places, RestartStrategy, Restore, RunConfig,
};
pub use error::Error;
pub use handle::JobHandle;
pub use runtime::Runtime;
pub use scheduler::{
    Progress, Scheduler, SeededScheduler, SteppedStore, ThreadScheduler, Unit, UnitId, Work,
};
pub use status::{
    CheckpointHistory, CheckpointState, CheckpointStatus, JobState, JobStatus, OperatorStatus, Refusal,
    SavepointFormat, SnapshotKind, TriggerStatus, VertexStatus,
};
