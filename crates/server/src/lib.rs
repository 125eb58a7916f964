//! The HTTP rim of a running job: the first endpoints of Apache Flink's REST API, with the same
//! paths and JSON field names, so that Flink's own clients and dashboards can ask.
//!
//! [`Server`] answers for one job, given as a [`JobControl`]; it knows nothing of the runtime
//! behind it. It listens on loopback only. tokio lives here and nowhere below.
//!
//! Paths, each with and without the prefix `/v1`:
//!
//! | method and path | answer |
//! |---|---|
//! | `GET /overview`, `GET /config` | this process as a cluster of one |
//! | `GET /jobs`, `/jobs/overview`, `/jobs/:id`, `/jobs/:id/status`, `/jobs/:id/exceptions` | the job |
//! | `PATCH /jobs/:id?mode=cancel` | cancels |
//! | `GET /jobs/:id/checkpoints`, `…/config`, `…/details/:cid` | checkpoints and why any was aborted |
//! | `POST /jobs/:id/checkpoints`, `GET …/checkpoints/:trigger` | one checkpoint now |
//! | `POST /jobs/:id/savepoints`, `POST /jobs/:id/stop`, `GET …/savepoints/:trigger` | savepoints |
//!
//! Asynchronous operations answer 202 with a `request-id`, which is polled. Errors are
//! `{"errors":[…]}`. Unknown times are -1.
//!
//! ```no_run
//! use std::sync::Arc;
//!
//! use alluvium_env::Env;
//! use alluvium_server::{JobControl, Server};
//!
//! fn serve(job: Arc<dyn JobControl>) -> Result<(), alluvium_server::Error> {
//!     let server = Server::start(job, Env::system(), None)?;
//!     eprintln!("{}", server.url());
//!     Ok(())
//! }
//! ```
#![deny(missing_docs)]

mod control;
mod error;
mod handlers;
mod operations;
mod server;
mod summary;
mod wire;

pub use control::{
    CheckpointOutcome, CheckpointReport, CheckpointSettings, CheckpointsReport, ControlError, Counts,
    JobControl, JobReport, JobState, RestoredReport, SavepointRequest, SnapshotType, VertexReport,
};
pub use error::{Error, Result};
pub use server::{DEFAULT_PORT, Server};
