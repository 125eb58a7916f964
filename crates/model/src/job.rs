//! The description of a job: what `describe` answers, what `check` compares, what a lock file
//! and a snapshot hold of the job that they belong to.

mod text;

use std::sync::Arc;

pub use text::{job_from_json, job_to_json, schema_from_json, schema_to_json};

use crate::{KeyGroupFunction, LogicalType, OperatorId, OperatorUid, StateSchema};

/// A job: its operators in topological order and how they are joined.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct JobDescription {
    /// Name of the job.
    pub name: String,
    /// Operators, sources first.
    pub operators: Vec<OperatorDescription>,
    /// Edges between operators.
    pub edges: Vec<EdgeDescription>,
}

/// An operator of a job.
#[derive(Debug, Clone, PartialEq)]
pub struct OperatorDescription {
    /// Its id, from the uid, else from the shape of the graph.
    pub id: OperatorId,
    /// Its uid, if the author gave one.
    pub uid: Option<OperatorUid>,
    /// Its display name.
    pub name: String,
    /// `source`, `map`, `process`, `sink`, ….
    pub role: String,
    /// Number of subtasks.
    pub parallelism: u32,
    /// Number of key groups.
    pub max_parallelism: u32,
    /// Type of its key, if it is keyed.
    pub key: Option<LogicalType>,
    /// How its keys are placed, if it is keyed.
    pub key_group_function: Option<KeyGroupFunction>,
    /// The states it declares.
    pub states: Vec<Arc<StateSchema>>,
}

/// An edge between two operators of a job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EdgeDescription {
    /// Operator that writes.
    pub from: OperatorId,
    /// Operator that reads.
    pub to: OperatorId,
    /// Input of the reader, from 0.
    pub input: u32,
    /// Side output tag, if it is not the main output.
    pub tag: Option<String>,
    /// `forward`, `hash`, `rebalance` or `broadcast`.
    pub exchange: String,
}
