use std::collections::HashMap;

use alluvium_dataflow::{Exchange, Job, Node};
use alluvium_model::{KeyGroupRange, MaxParallelism, OperatorId};

use crate::Error;

/// A job cut into vertices: chains of operators that run in one task without queues between them.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) job: Job,
    /// One per node of the job.
    pub(crate) nodes: Vec<PlannedNode>,
    pub(crate) vertices: Vec<Vertex>,
    /// Edges between vertices.
    pub(crate) edges: Vec<Edge>,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct PlannedNode {
    pub(crate) parallelism: u32,
    pub(crate) max_parallelism: MaxParallelism,
    pub(crate) vertex: usize,
    /// Position in the vertex's chain.
    pub(crate) position: usize,
}

impl PlannedNode {
    pub(crate) fn range_of(&self, subtask: u32) -> KeyGroupRange {
        self.max_parallelism.range_of(subtask, self.parallelism)
    }
}

#[derive(Debug)]
pub(crate) struct Vertex {
    pub(crate) name: String,
    pub(crate) parallelism: u32,
    /// Its operators, each behind the one that feeds it.
    pub(crate) chain: Vec<usize>,
}

#[derive(Debug)]
pub(crate) struct Edge {
    pub(crate) from_node: usize,
    pub(crate) from_output: usize,
    pub(crate) to_vertex: usize,
    /// Which input of the reader it is.
    pub(crate) input: usize,
    pub(crate) exchange: Exchange,
    /// Key groups of the reader, which place its records.
    pub(crate) max_parallelism: MaxParallelism,
}

/// Where an output goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Route {
    /// To an operator of the same chain, by position.
    Chained(usize),
    /// Over an edge, by position.
    Edge(usize),
}

impl Plan {
    /// Cuts a job; `restored` gives the number of key groups that operators have in a snapshot.
    pub(crate) fn new(
        job: &Job,
        parallelism: u32,
        restored: &HashMap<OperatorId, u32>,
    ) -> Result<Self, Error> {
        let mut plan = Plan { job: job.clone(), nodes: Vec::new(), vertices: Vec::new(), edges: Vec::new() };
        for (position, node) in job.nodes().iter().enumerate() {
            let planned = plan.place(position, node, parallelism, restored)?;
            plan.nodes.push(planned);
        }
        plan.connect();
        for vertex in &mut plan.vertices {
            let names = vertex.chain.iter().map(|n| job.nodes()[*n].name.as_str());
            vertex.name = names.collect::<Vec<_>>().join(" -> ");
        }
        Ok(plan)
    }

    fn place(
        &mut self,
        position: usize,
        node: &Node,
        default: u32,
        restored: &HashMap<OperatorId, u32>,
    ) -> Result<PlannedNode, Error> {
        let most = node.max_parallelism.or_else(|| restored.get(&node.id).copied());
        let parallelism = node.parallelism.unwrap_or_else(|| default.min(most.unwrap_or(u32::MAX))).max(1);
        let max_parallelism = match most {
            Some(most) => MaxParallelism::new(most).map_err(Error::model)?,
            None => MaxParallelism::default_for(parallelism),
        };
        if parallelism > max_parallelism.get() {
            return Err(Error::Parallelism {
                operator: node.name.clone(),
                found: parallelism,
                most: max_parallelism.get(),
            });
        }
        let vertex = match self.chained_to(node, parallelism) {
            Some(vertex) => vertex,
            None => {
                self.vertices.push(Vertex { name: String::new(), parallelism, chain: Vec::new() });
                self.vertices.len() - 1
            }
        };
        let chain = &mut self.vertices[vertex].chain;
        chain.push(position);
        Ok(PlannedNode { parallelism, max_parallelism, vertex, position: chain.len() - 1 })
    }

    /// Returns the vertex whose chain the node continues: that of its only input, if records need
    /// not change their subtask.
    fn chained_to(&self, node: &Node, parallelism: u32) -> Option<usize> {
        let [input] = node.inputs.as_slice() else { return None };
        let from = &self.nodes[input.from];
        (matches!(input.exchange, Exchange::Forward) && from.parallelism == parallelism)
            .then_some(from.vertex)
    }

    fn connect(&mut self) {
        for (to, node) in self.job.nodes().iter().enumerate() {
            if self.nodes[to].position > 0 {
                continue;
            }
            for (position, input) in node.inputs.iter().enumerate() {
                let same = self.nodes[input.from].parallelism == self.nodes[to].parallelism;
                let exchange = match &input.exchange {
                    Exchange::Forward if !same => Exchange::Rebalance,
                    other => other.clone(),
                };
                self.edges.push(Edge {
                    from_node: input.from,
                    from_output: input.output,
                    to_vertex: self.nodes[to].vertex,
                    input: position,
                    exchange,
                    max_parallelism: self.nodes[to].max_parallelism,
                });
            }
        }
    }

    /// Returns where each output of a node goes.
    pub(crate) fn routes(&self, node: usize) -> Vec<Vec<Route>> {
        let outputs = 1 + self.job.nodes()[node].declared.outputs.len();
        let mut routes = vec![Vec::new(); outputs];
        for (to, reader) in self.job.nodes().iter().enumerate() {
            let planned = &self.nodes[to];
            for input in reader.inputs.iter().filter(|i| i.from == node && planned.position > 0) {
                routes[input.output].push(Route::Chained(planned.position));
            }
        }
        for (i, edge) in self.edges.iter().enumerate().filter(|(_, e)| e.from_node == node) {
            routes[edge.from_output].push(Route::Edge(i));
        }
        routes
    }

    /// Returns every task as (vertex, subtask).
    pub(crate) fn tasks(&self) -> Vec<TaskId> {
        let of =
            |(vertex, v): (usize, &Vertex)| (0..v.parallelism).map(move |subtask| TaskId { vertex, subtask });
        self.vertices.iter().enumerate().flat_map(of).collect()
    }

    /// Returns whether a vertex reads from outside.
    pub(crate) fn is_source(&self, vertex: usize) -> bool {
        let head = self.vertices[vertex].chain.first();
        head.is_some_and(|head| self.job.nodes()[*head].inputs.is_empty())
    }
}

/// A subtask of a vertex.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct TaskId {
    pub(crate) vertex: usize,
    pub(crate) subtask: u32,
}
