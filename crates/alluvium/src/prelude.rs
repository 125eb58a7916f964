//! What the file of a job usually names.

pub use alluvium_dataflow::{Job, JobBuilder};
pub use alluvium_derive::State;

pub use crate::JobArgs;
