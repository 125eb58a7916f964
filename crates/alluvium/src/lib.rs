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
/// ```
/// use alluvium::State;
/// use alluvium::model::typed::{StateType, canonical_bytes};
///
/// #[derive(State, Clone, PartialEq, Eq, Hash)]
/// #[state(key)]
/// struct Carrier {
///     #[state(alias = "carrier")]
///     code: String,
///     month: i32,
/// }
///
/// assert_eq!(canonical_bytes(&Carrier { code: "A".into(), month: 0 }), b"\x01A\0\0\x80\0\0\0");
/// assert_eq!(Carrier::from_value(&Carrier { code: "A".into(), month: 3 }.to_value())?.month, 3);
/// # Ok::<(), alluvium::model::Error>(())
/// ```
///
/// What has no form in a table is refused where it stands:
///
/// ```compile_fail
/// # use alluvium::State;
/// #[derive(State, Clone)]
/// struct Pair(i64, i64);
/// ```
///
/// ```compile_fail
/// # use alluvium::State;
/// #[derive(State, Clone)]
/// enum Shape { Circle(f64) }
/// ```
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
