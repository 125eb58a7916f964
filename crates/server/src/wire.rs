//! The JSON of the REST API. Field names are Flink's.

pub(crate) mod checkpoints;
pub(crate) mod jobs;
pub(crate) mod operations;
