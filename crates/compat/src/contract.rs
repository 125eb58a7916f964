use std::sync::Arc;

use alluvium_model::job::EdgeDescription;
use alluvium_model::serializer::StateSerializers;
use alluvium_model::{
    EngineDescription, Finished, JobDescription, KeyGroupFunction, LogicalType, OperatorDescription,
    OperatorId, OperatorUid, SnapshotDescription, StateKind, StateSchema,
};

/// What one side promises or holds: operators with the states that matter at a restore.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Contract {
    /// The engine that wrote the state or is to read it. Its rules are those of the new side.
    pub engine: Engine,
    /// Where the engine keeps keyed state, if known: `hashmap`, `rocksdb`, `forst`.
    pub backend: Option<String>,
    /// How a snapshot is laid out: `canonical`, `native`, `incremental`, `changelog`.
    pub layout: Option<String>,
    /// Operators in the order of their description; those of Alluvium only if they have state.
    pub operators: Vec<OperatorContract>,
    /// Who writes to whom; none where the side does not tell.
    pub edges: Vec<EdgeContract>,
}

/// An edge between two operators.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EdgeContract {
    /// Operator that writes.
    pub from: OperatorId,
    /// Operator that reads.
    pub to: OperatorId,
    /// Whether a subtask writes to some subtasks only (`DistributionPattern.POINTWISE`).
    pub pointwise: bool,
}

/// The engine of a side.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Engine {
    /// Alluvium: the rules of [`alluvium_model::evolution`].
    #[default]
    Alluvium,
    /// Flink, and what is known of its release.
    Flink {
        /// Such as `1.20.5` or `1.18 to 1.20`.
        version: Option<String>,
    },
}

impl Engine {
    /// Returns the engine that `--target` names, such as `flink-2.3`; none for other text.
    pub fn target(text: &str) -> Option<Self> {
        let version = text.strip_prefix("flink-")?;
        let is_release =
            version.split('.').all(|part| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit()));
        is_release.then(|| Engine::Flink { version: Some(version.to_owned()) })
    }
}

/// An operator.
#[derive(Debug, Clone, PartialEq)]
pub struct OperatorContract {
    /// Its id: state finds its operator by it.
    pub id: OperatorId,
    /// Its uid, where it has one and the side knows it.
    pub uid: Option<OperatorUid>,
    /// Its display name, where known.
    pub name: Option<String>,
    /// Number of subtasks.
    pub parallelism: u32,
    /// Number of key groups.
    pub max_parallelism: u32,
    /// Whether its author set the number of key groups, where that is known.
    pub max_parallelism_set: Option<bool>,
    /// A second id under which it looks for state (`setUidHash`).
    pub uid_hash: Option<OperatorId>,
    /// Type of its key, if it has keyed state.
    pub key: Option<LogicalType>,
    /// How its keys are placed, if it has keyed state.
    pub key_group_function: Option<KeyGroupFunction>,
    /// Its states.
    pub states: Vec<StateContract>,
    /// Whether these are all that it has.
    pub states_complete: bool,
    /// Records of an unaligned checkpoint that are kept with it.
    pub in_flight: InFlight,
    /// The first operator of its chain, where known.
    pub chain: Option<OperatorId>,
    /// Whether it had read all that it is ever to read.
    pub finished: Finished,
    /// Whether its coordinator has state.
    pub coordinator: bool,
}

/// Records on their way between operators.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct InFlight {
    /// Those that the operator was to read.
    pub read: bool,
    /// Those that it wrote.
    pub written: bool,
}

impl InFlight {
    /// Returns whether there are some.
    pub fn any(self) -> bool {
        self.read || self.written
    }

    fn of(states: &[Arc<StateSchema>]) -> Self {
        let names: Vec<&str> =
            states.iter().filter(|s| s.kind == StateKind::InFlight).map(|s| s.name.as_str()).collect();
        let some = |prefix: &str| names.iter().any(|name| name.starts_with(prefix));
        // Of a name that tells nothing, either may be.
        let unknown = names.iter().any(|name| !name.starts_with("$input-") && !name.starts_with("$output-"));
        InFlight { read: some("$input-") || unknown, written: some("$output-") || unknown }
    }
}

/// A state: what it is, and Flink's serializers of it where they are known.
#[derive(Debug, Clone, PartialEq)]
pub struct StateContract {
    /// Name, kind and types.
    pub schema: Arc<StateSchema>,
    /// Its serializers.
    pub serializers: StateSerializers,
}

impl OperatorContract {
    /// Returns what people call it: the uid, else the name and id.
    pub fn label(&self) -> String {
        match (&self.uid, &self.name) {
            (Some(uid), _) => uid.to_string(),
            (None, Some(name)) => format!("{name} ({})", self.id),
            (None, None) => self.id.to_string(),
        }
    }

    /// Returns whether the operator takes the state of an id: its own, or its uid hash.
    pub(crate) fn finds(&self, id: OperatorId) -> bool {
        self.id == id || self.uid_hash == Some(id)
    }

    fn of(mut operator: OperatorDescription) -> Self {
        let in_flight = InFlight::of(&operator.states);
        let states = operator.states.into_iter().filter(|schema| !owned_by_runtime(schema.kind));
        let state = |schema: Arc<StateSchema>| {
            let serializers =
                operator.serializers.get_mut(&schema.name).map(std::mem::take).unwrap_or_default();
            StateContract { schema, serializers }
        };
        let states: Vec<StateContract> = states.map(state).collect();
        let is_keyed = states.iter().any(|state| state.schema.kind.is_keyed());
        let key = states.iter().find_map(|state| state.schema.key.clone());
        OperatorContract {
            id: operator.id,
            uid: operator.uid,
            name: Some(operator.name).filter(|name| !name.is_empty()),
            parallelism: operator.parallelism,
            max_parallelism: operator.max_parallelism,
            max_parallelism_set: operator.max_parallelism_set,
            uid_hash: operator.uid_hash,
            key: key.or(operator.key).filter(|_| is_keyed),
            key_group_function: operator.key_group_function.filter(|_| is_keyed),
            states,
            states_complete: operator.states_complete,
            in_flight,
            chain: operator.chain,
            finished: operator.finished,
            coordinator: operator.coordinator,
        }
    }
}

/// Transactions and records in flight are no promise of the job's author.
fn owned_by_runtime(kind: StateKind) -> bool {
    matches!(kind, StateKind::PendingTransactions | StateKind::InFlight)
}

impl From<&JobDescription> for Contract {
    fn from(job: &JobDescription) -> Self {
        Contract::from(job.clone())
    }
}

impl From<JobDescription> for Contract {
    fn from(job: JobDescription) -> Self {
        let engine = job.engine.as_ref().map(Engine::from).unwrap_or_default();
        let edges = job.edges.iter().map(EdgeContract::from).collect();
        let mut operators: Vec<_> = job.operators.into_iter().map(OperatorContract::of).collect();
        if engine == Engine::Alluvium {
            operators.retain(|operator| !operator.states.is_empty());
        }
        Contract { engine, backend: job.backend, layout: job.layout, operators, edges }
    }
}

impl From<&EdgeDescription> for EdgeContract {
    fn from(edge: &EdgeDescription) -> Self {
        let pointwise = matches!(edge.exchange.as_str(), "forward" | "rescale");
        EdgeContract { from: edge.from, to: edge.to, pointwise }
    }
}

impl From<&EngineDescription> for Engine {
    fn from(engine: &EngineDescription) -> Self {
        match engine.name.as_str() {
            "flink" => Engine::Flink { version: engine.version.clone() },
            _ => Engine::Alluvium,
        }
    }
}

impl From<&SnapshotDescription> for Contract {
    fn from(snapshot: &SnapshotDescription) -> Self {
        Contract::from(JobDescription::of_snapshot(snapshot))
    }
}
