//! Conversions between snapshots and the files that other tools read.
//!
//! * [`export`]: a snapshot of any engine to Parquet, JSON lines, CSV or Arrow IPC, one file per
//!   state at `OP/STATE.<extension>` (percent-encoded), with the schemas in `job.json` beside them
//! * [`import`]: such files to a savepoint, either from the schemas alone (bootstrap) or over another
//!   snapshot whose other states are kept (patch)
//! * [`to_savepoint`]: a snapshot of ours to a compacted savepoint
//! * [`copy`]: a snapshot of any engine to a compacted savepoint
//!
//! Every conversion answers with a [`Report`]: what was read, what was written and counted again,
//! and what the target cannot hold ([`Loss`]). All walks are streams of row batches; only an import
//! of rows that are out of order holds a table in memory.
#![deny(missing_docs)]

mod copy;
mod error;
mod export;
mod import;
mod layout;
mod report;
mod tolerant;

pub use copy::copy;
pub use error::Error;
pub use export::export;
pub use import::{ImportPlan, Schemas, import, to_savepoint};
pub use layout::{Format, SCHEMA_FILE, description_of};
pub use report::{Loss, Report, StateReport};
pub use tolerant::Tolerant;

#[cfg(test)]
mod tests;
