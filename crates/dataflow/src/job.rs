use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use alluvium_model::job::EdgeDescription;
use alluvium_model::{Finished, JobDescription, MaxParallelism, OperatorDescription, OperatorUid};
use alluvium_state::BackendOptions;

use crate::graph::{Factory, Input, Instance, Node, NodeRole, generated_id};
use crate::{Declared, Error, Exchange};

/// A job that has been checked: a graph of operators, sources first. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Job {
    name: Arc<str>,
    nodes: Arc<[Node]>,
}

impl Job {
    /// Returns the name of the job.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns its operators in topological order.
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// Returns the operator of a uid, which can be made and hosted without the rest of the graph.
    ///
    /// # Errors
    /// [`Error::UnknownOperator`] when no operator has that uid.
    pub fn operator(&self, uid: &str) -> Result<&Node, Error> {
        let node = self.nodes.iter().find(|n| n.uid.as_ref().is_some_and(|u| u.as_str() == uid));
        node.ok_or_else(|| Error::UnknownOperator { job: self.name.to_string(), uid: uid.to_owned() })
    }

    /// Describes the job as it would run at a default parallelism, without running anything.
    pub fn describe(&self, parallelism: u32) -> JobDescription {
        JobDescription {
            name: self.name.to_string(),
            operators: self.nodes.iter().map(|node| describe_node(node, parallelism)).collect(),
            edges: self.nodes.iter().flat_map(|node| self.describe_inputs(node)).collect(),
            ..JobDescription::default()
        }
    }

    fn describe_inputs(&self, node: &Node) -> Vec<EdgeDescription> {
        let edge = |(i, input): (usize, &Input)| EdgeDescription {
            from: self.nodes[input.from].id,
            to: node.id,
            input: i as u32,
            tag: input.tag.as_ref().map(ToString::to_string),
            exchange: input.exchange.word().to_owned(),
        };
        node.inputs.iter().enumerate().map(edge).collect()
    }
}

fn describe_node(node: &Node, default: u32) -> OperatorDescription {
    let parallelism = node.parallelism.unwrap_or(default);
    let max_default = MaxParallelism::default_for(parallelism).get();
    OperatorDescription {
        id: node.id,
        uid: node.uid.clone(),
        name: node.name.clone(),
        role: node.role.word().to_owned(),
        parallelism,
        max_parallelism: node.max_parallelism.unwrap_or(max_default),
        key: node.declared.key.clone(),
        key_group_function: node.declared.key_group_function,
        states: node.declared.states().cloned().collect(),
        max_parallelism_set: None,
        states_complete: true,
        uid_hash: None,
        chain: None,
        finished: Finished::No,
        coordinator: false,
        serializers: BTreeMap::new(),
    }
}

/// A job while it is being described.
pub(crate) struct Draft {
    name: String,
    nodes: Vec<DraftNode>,
    refused: Vec<Error>,
}

pub(crate) struct DraftNode {
    pub(crate) uid: Option<OperatorUid>,
    pub(crate) name: String,
    pub(crate) parallelism: Option<u32>,
    pub(crate) max_parallelism: Option<u32>,
    pub(crate) rate: Option<u64>,
    role: NodeRole,
    declared: Declared,
    inputs: Vec<DraftInput>,
    factory: Factory,
}

#[derive(Clone)]
pub(crate) struct DraftInput {
    pub(crate) from: usize,
    pub(crate) tag: Option<Arc<str>>,
    pub(crate) exchange: Exchange,
}

impl DraftNode {
    pub(crate) fn new(
        role: NodeRole,
        declared: Declared,
        inputs: Vec<DraftInput>,
        make: impl Fn(BackendOptions) -> Instance + Send + Sync + 'static,
    ) -> Self {
        DraftNode {
            uid: None,
            name: String::new(),
            parallelism: None,
            max_parallelism: None,
            rate: None,
            role,
            declared,
            inputs,
            factory: Arc::new(make),
        }
    }
}

impl Draft {
    pub(crate) fn new(name: String) -> Self {
        Draft { name, nodes: Vec::new(), refused: Vec::new() }
    }

    pub(crate) fn add(&mut self, mut node: DraftNode) -> usize {
        node.name = format!("{}-{}", node.role.word(), self.nodes.len());
        self.nodes.push(node);
        self.nodes.len() - 1
    }

    pub(crate) fn node_mut(&mut self, position: usize) -> &mut DraftNode {
        &mut self.nodes[position]
    }

    pub(crate) fn refuse(&mut self, error: Error) {
        self.refused.push(error);
    }
}

/// Checks a draft and gives its operators their ids.
pub(crate) fn assemble(draft: &Draft) -> Result<Job, Error> {
    if let Some(Error::UnionProperty { property }) = draft.refused.first() {
        return Err(Error::UnionProperty { property });
    }
    let mut nodes: Vec<Node> = Vec::with_capacity(draft.nodes.len());
    for (position, node) in draft.nodes.iter().enumerate() {
        check_bounds(node)?;
        check_states(node)?;
        let inputs = node.inputs.iter().map(|i| resolve(&nodes, i)).collect::<Result<Vec<_>, _>>()?;
        let shape: Vec<_> = inputs.iter().map(|i| (nodes[i.from].id, i)).collect();
        let id = match &node.uid {
            Some(uid) => uid.id(),
            None => generated_id(position, node.role, &shape),
        };
        nodes.push(Node {
            id,
            uid: node.uid.clone(),
            name: node.name.clone(),
            role: node.role,
            parallelism: node.parallelism,
            max_parallelism: node.max_parallelism,
            rate: node.rate,
            declared: node.declared.clone(),
            inputs,
            factory: Arc::clone(&node.factory),
        });
    }
    check_uids(&nodes)?;
    if !nodes.iter().any(|n| n.role == NodeRole::Source) {
        return Err(Error::NoSource { job: draft.name.clone() });
    }
    Ok(Job { name: draft.name.as_str().into(), nodes: nodes.into() })
}

fn resolve(nodes: &[Node], input: &DraftInput) -> Result<Input, Error> {
    let from = &nodes[input.from];
    let output = match &input.tag {
        None => 0,
        Some(tag) => {
            let position = from.declared.outputs.iter().position(|t| t == tag);
            let unknown = || Error::UnknownOutput { operator: from.name.clone(), tag: tag.to_string() };
            position.ok_or_else(unknown)? + 1
        }
    };
    Ok(Input { from: input.from, output, tag: input.tag.clone(), exchange: input.exchange.clone() })
}

fn check_bounds(node: &DraftNode) -> Result<(), Error> {
    let check = |property, found: Option<u32>, most| match found {
        Some(found) if found == 0 || found > most => {
            Err(Error::OutOfBounds { operator: node.name.clone(), property, found, most })
        }
        _ => Ok(()),
    };
    check("max parallelism", node.max_parallelism, MaxParallelism::LIMIT)?;
    check("parallelism", node.parallelism, node.max_parallelism.unwrap_or(MaxParallelism::LIMIT))
}

fn check_states(node: &DraftNode) -> Result<(), Error> {
    let mut seen = Vec::new();
    for schema in node.declared.states() {
        if seen.contains(&&schema.name) {
            return Err(Error::StateTwice { operator: node.name.clone(), state: schema.name.clone() });
        }
        seen.push(&schema.name);
    }
    Ok(())
}

fn check_uids(nodes: &[Node]) -> Result<(), Error> {
    let mut seen: HashMap<&OperatorUid, &Node> = HashMap::new();
    for node in nodes {
        let Some(uid) = &node.uid else { continue };
        if let Some(first) = seen.insert(uid, node) {
            return Err(Error::UidTwice {
                uid: uid.to_string(),
                first: first.name.clone(),
                second: node.name.clone(),
            });
        }
    }
    Ok(())
}
