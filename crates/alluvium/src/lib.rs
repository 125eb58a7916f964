//! The facade for authors of jobs: everything that a job needs, and a [`main`] that makes a
//! program of it.
//!
//! * write a job: [`prelude`], [`dataflow`], [`state`], `#[derive(State)]`
//! * make a program of it: [`main`]; then `alluvium run PROGRAM`, or the program itself with `run`
//! * find running jobs: [`registry`]
//!
//! The rooms below know nothing of each other; here the store, the backend, the scheduler and the
//! REST API are introduced to the runtime.
#![deny(missing_docs)]

mod args;
mod control;
pub mod duration;
mod entry;
pub mod failure;
pub mod prelude;
pub mod registry;
mod run;

pub use alluvium_connectors as connectors;
pub use alluvium_dataflow as dataflow;
pub use alluvium_derive::State;
pub use alluvium_env as env;
pub use alluvium_model as model;
pub use alluvium_runtime as runtime;
pub use alluvium_server as server;
pub use alluvium_snapshot as snapshot;
pub use alluvium_state as state;
pub use alluvium_store as store;
pub use args::{ClaimMode, Interval, JobArgs, Pending, Restart, RunArgs};
pub use entry::{main, main_from};
