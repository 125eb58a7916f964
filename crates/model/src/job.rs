//! The description of a job: what `describe` answers, what `check` compares, what a lock file
//! and a snapshot hold of the job that they belong to.

mod text;

use std::collections::BTreeMap;
use std::sync::Arc;

pub use text::{job_from, job_from_json, job_to_json, schema_from_json, schema_to_json};

use crate::serializer::StateSerializers;
use crate::source::OperatorState;
use crate::{
    Finished, KeyGroupFunction, LogicalType, OperatorId, OperatorUid, SnapshotDescription, StateSchema,
};

/// A job: its operators in topological order and how they are joined.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct JobDescription {
    /// Name of the job.
    pub name: String,
    /// Operators, sources first.
    pub operators: Vec<OperatorDescription>,
    /// Edges between operators.
    pub edges: Vec<EdgeDescription>,
    /// The engine that runs it; none is Alluvium.
    pub engine: Option<EngineDescription>,
    /// Where the engine keeps keyed state: `hashmap`, `rocksdb`, `forst`. None where it is not known.
    pub backend: Option<String>,
    /// How the state is laid out in a snapshot that this describes: `canonical`, `native`,
    /// `incremental`, `changelog`. None for a job.
    pub layout: Option<String>,
}

/// Stands for a type that a description does not tell, as the serializer of an opaque type.
///
/// Spec: JOB-2.
pub const UNKNOWN_TYPE: &str = "unknown";

/// An engine and its release.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EngineDescription {
    /// `flink`.
    pub name: String,
    /// Its release, such as `1.20.5`, or what is known of it, such as `1.18 to 1.20`.
    pub version: Option<String>,
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
    /// Whether the author set the number of key groups; none where it is not known.
    pub max_parallelism_set: Option<bool>,
    /// Whether `states` are all that it has; false where some cannot be known without running it.
    pub states_complete: bool,
    /// A second id under which it looks for state at a restore: Flink's `setUidHash`.
    pub uid_hash: Option<OperatorId>,
    /// The first operator of its chain, which runs as one task; none where it is not known.
    pub chain: Option<OperatorId>,
    /// Whether it had read all that it is ever to read, when the snapshot was taken that this describes.
    pub finished: Finished,
    /// Whether its coordinator, such as the enumerator of a source, has state.
    pub coordinator: bool,
    /// Flink's serializers of its states by the state's name, where they are known.
    pub serializers: BTreeMap<String, StateSerializers>,
}

impl JobDescription {
    /// Describes a snapshot as a job: what a lock file holds of it.
    pub fn of_snapshot(snapshot: &SnapshotDescription) -> Self {
        let fact = |wanted: &str| {
            let fact = snapshot.facts.iter().find(|(name, _)| *name == wanted);
            fact.and_then(|(_, value)| value.as_str()).map(str::to_owned)
        };
        let flink = snapshot.format == "flink";
        JobDescription {
            name: fact("job_name").unwrap_or_else(|| "snapshot".into()),
            operators: snapshot.operators.iter().map(OperatorDescription::of_state).collect(),
            edges: Vec::new(),
            engine: flink.then(|| EngineDescription { name: "flink".into(), version: fact("flink_version") }),
            backend: snapshot.backend.map(str::to_owned),
            layout: flink.then(|| snapshot.layout.clone()),
        }
    }
}

impl OperatorDescription {
    /// Returns whether the operator takes the state of an id: its own, or its uid hash.
    pub fn finds(&self, id: OperatorId) -> bool {
        self.id == id || self.uid_hash == Some(id)
    }

    fn of_state(operator: &OperatorState) -> Self {
        let known = |table: &&crate::source::StateTable| !table.serializers.is_empty();
        let serializers = operator.states.iter().filter(known);
        OperatorDescription {
            id: operator.id,
            uid: operator.uid.clone(),
            name: operator.name.clone().unwrap_or_default(),
            role: "process".into(),
            parallelism: operator.parallelism,
            max_parallelism: operator.max_parallelism,
            key: operator.states.iter().find_map(|table| table.schema.key.clone()),
            key_group_function: Some(operator.key_group_function),
            states: operator.states.iter().map(|table| Arc::clone(&table.schema)).collect(),
            max_parallelism_set: None,
            states_complete: true,
            uid_hash: None,
            chain: None,
            finished: operator.finished,
            coordinator: operator.coordinator,
            serializers: serializers
                .map(|table| (table.schema.name.clone(), table.serializers.clone()))
                .collect(),
        }
    }
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
