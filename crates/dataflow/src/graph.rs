use std::fmt;
use std::sync::Arc;

use alluvium_model::{OperatorId, OperatorUid};
use alluvium_state::{BackendOptions, KeyedBackend};

use crate::{Declared, Exchange, Operator};

/// What a node is, as job descriptions print it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum NodeRole {
    /// Reads from outside.
    Source,
    /// One record to one.
    Map,
    /// Keeps some records.
    Filter,
    /// One record to any number.
    FlatMap,
    /// A process function, keyed or not.
    Process,
    /// Writes to the outside.
    Sink,
}

impl NodeRole {
    /// Returns the word used in job descriptions.
    pub fn word(self) -> &'static str {
        match self {
            NodeRole::Source => "source",
            NodeRole::Map => "map",
            NodeRole::Filter => "filter",
            NodeRole::FlatMap => "flat-map",
            NodeRole::Process => "process",
            NodeRole::Sink => "sink",
        }
    }
}

/// An operator of a job graph.
#[derive(Clone)]
pub struct Node {
    /// Its id: of its uid, else of the shape of the graph before it.
    pub id: OperatorId,
    /// The uid that the author gave.
    pub uid: Option<OperatorUid>,
    /// Display name.
    pub name: String,
    /// What it is.
    pub role: NodeRole,
    /// Number of subtasks, unless the default of the run.
    pub parallelism: Option<u32>,
    /// Number of key groups, unless the default for its parallelism.
    pub max_parallelism: Option<u32>,
    /// Records a second that all its subtasks together read at most; sources only.
    pub rate: Option<u64>,
    /// States and outputs.
    pub declared: Declared,
    /// Where its records come from; input numbers are positions.
    pub inputs: Vec<Input>,
    /// Makes a subtask's operator.
    pub factory: Factory,
}

impl fmt::Debug for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Node").field("name", &self.name).field("uid", &self.uid).finish_non_exhaustive()
    }
}

/// An edge into a node.
#[derive(Debug, Clone)]
pub struct Input {
    /// Position of the node that writes.
    pub from: usize,
    /// Output of that node; 0 is the main one.
    pub output: usize,
    /// Name of the side output, if it is not the main one.
    pub tag: Option<Arc<str>>,
    /// How records are shared among subtasks.
    pub exchange: Exchange,
}

/// Makes the operator of a subtask, whose share of the key groups the options say.
pub type Factory = Arc<dyn Fn(BackendOptions) -> Instance + Send + Sync>;

/// An operator ready to be opened, with the backend that its states live in.
pub struct Instance {
    /// The operator.
    pub operator: Box<dyn Operator>,
    /// Its keyed state, if it is keyed.
    pub keyed: Option<Box<dyn KeyedBackend>>,
}

impl Instance {
    /// Wraps an operator without keyed state.
    pub fn stateless(operator: impl Operator + 'static) -> Self {
        Instance { operator: Box::new(operator), keyed: None }
    }
}

/// Returns the id of an operator without uid: it follows from its place in the graph, what it is
/// and the ids of its inputs, so that it changes when operators are added before it.
pub(crate) fn generated_id(position: usize, role: NodeRole, inputs: &[(OperatorId, &Input)]) -> OperatorId {
    let mut shape = format!("\u{0}shape/{position}/{}", role.word());
    for (id, input) in inputs {
        shape.push_str(&format!("/{id}:{}:{}", input.output, input.exchange.word()));
    }
    OperatorUid::new(shape).id()
}
