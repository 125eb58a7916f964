use std::sync::Arc;
use std::sync::atomic::Ordering;

use crate::plan::{Plan, Route};
use crate::status::{OperatorStatus, VertexStatus};
use crate::task::OperatorCounters;

/// The vertices of a plan with their counters, to be shown.
#[derive(Default)]
pub(crate) struct Vertices {
    plan: Option<Arc<Plan>>,
    /// One per node.
    counters: Vec<Arc<OperatorCounters>>,
}

impl Vertices {
    pub(crate) fn new(plan: Arc<Plan>) -> Self {
        let outputs = |node: &alluvium_dataflow::Node| 1 + node.declared.outputs.len();
        let counters = plan.job.nodes().iter().map(|node| OperatorCounters::new(outputs(node))).collect();
        Vertices { plan: Some(plan), counters }
    }

    pub(crate) fn counters(&self, node: usize) -> &Arc<OperatorCounters> {
        &self.counters[node]
    }

    pub(crate) fn status(&self) -> Vec<VertexStatus> {
        let Some(plan) = &self.plan else { return Vec::new() };
        (0..plan.vertices.len()).map(|vertex| self.vertex(plan, vertex)).collect()
    }

    fn vertex(&self, plan: &Plan, vertex: usize) -> VertexStatus {
        let vertex = &plan.vertices[vertex];
        let head = vertex.chain[0];
        let records_in = if plan.job.nodes()[head].inputs.is_empty() {
            0
        } else {
            self.counters[head].records_in.load(Ordering::Relaxed)
        };
        VertexStatus {
            id: plan.job.nodes()[head].id,
            name: vertex.name.clone(),
            parallelism: vertex.parallelism,
            max_parallelism: plan.nodes[head].max_parallelism.get(),
            records_in,
            records_out: vertex.chain.iter().map(|node| self.records_out(plan, *node)).sum(),
            operators: vertex.chain.iter().map(|node| self.operator(plan, *node)).collect(),
        }
    }

    /// Returns the records that a node has written to other vertices or to side outputs.
    fn records_out(&self, plan: &Plan, node: usize) -> u64 {
        let leaves = |output: usize, routes: &[Route]| {
            output > 0 || routes.iter().any(|r| matches!(r, Route::Edge(_)))
        };
        let routes = plan.routes(node);
        let counted = self.counters[node].records_out.iter().enumerate();
        counted.filter(|(i, _)| leaves(*i, &routes[*i])).map(|(_, n)| n.load(Ordering::Relaxed)).sum()
    }

    fn operator(&self, plan: &Plan, node: usize) -> OperatorStatus {
        let described = &plan.job.nodes()[node];
        let counters = &self.counters[node];
        let out = |i: usize| counters.records_out[i].load(Ordering::Relaxed);
        let sides = described.declared.outputs.iter().enumerate();
        OperatorStatus {
            id: described.id,
            uid: described.uid.as_ref().map(ToString::to_string),
            name: described.name.clone(),
            records_in: counters.records_in.load(Ordering::Relaxed),
            records_out: out(0),
            side_outputs: sides.map(|(i, tag)| (tag.to_string(), out(i + 1))).collect(),
        }
    }
}
