use std::collections::VecDeque;
use std::sync::Arc;

use alluvium_dataflow::{AnyBatch, Exchange};
use alluvium_model::MaxParallelism;

use crate::channel::{Channel, Element};

/// What a task writes to others, over all its edges.
///
/// What does not fit into the queues waits here, in order; while anything waits, the task
/// processes nothing.
#[derive(Default)]
pub(crate) struct TaskOutput {
    edges: Vec<OutEdge>,
    waiting: VecDeque<(Arc<Channel>, Element)>,
}

/// An edge as seen by one subtask that writes to it.
pub(crate) struct OutEdge {
    /// Position in the plan.
    pub(crate) edge: usize,
    pub(crate) exchange: Exchange,
    pub(crate) max_parallelism: MaxParallelism,
    /// One per subtask of the reader; of a forward edge only one.
    pub(crate) channels: Vec<Arc<Channel>>,
    /// Next channel of a rebalanced edge.
    pub(crate) next: usize,
}

impl TaskOutput {
    pub(crate) fn new(edges: Vec<OutEdge>) -> Self {
        TaskOutput { edges, waiting: VecDeque::new() }
    }

    /// Sends what waits; returns whether nothing is left.
    pub(crate) fn flush(&mut self) -> bool {
        while let Some((channel, element)) = self.waiting.pop_front() {
            if let Err(element) = channel.push(element) {
                self.waiting.push_front((channel, element));
                return false;
            }
        }
        true
    }

    /// Sends a batch over an edge.
    pub(crate) fn write(&mut self, edge: usize, batch: AnyBatch) {
        let Some(edge) = self.edges.iter_mut().find(|e| e.edge == edge) else { return };
        match &edge.exchange {
            Exchange::Hash(_) if edge.channels.len() == 1 => {
                self.waiting.push_back((Arc::clone(&edge.channels[0]), Element::Batch(batch)));
            }
            Exchange::Hash(partitioner) => {
                let parts = partitioner.partition(batch, edge.max_parallelism, edge.channels.len() as u32);
                for (subtask, part) in parts {
                    self.waiting
                        .push_back((Arc::clone(&edge.channels[subtask as usize]), Element::Batch(part)));
                }
            }
            Exchange::Broadcast => {
                for channel in &edge.channels {
                    self.waiting.push_back((Arc::clone(channel), Element::Batch(batch.clone())));
                }
            }
            Exchange::Forward | Exchange::Rebalance => {
                let channel = &edge.channels[edge.next % edge.channels.len()];
                edge.next = (edge.next + 1) % edge.channels.len();
                self.waiting.push_back((Arc::clone(channel), Element::Batch(batch)));
            }
        }
    }

    /// Sends a watermark, a barrier or the end to every reader.
    pub(crate) fn send_all(&mut self, element: &Element) {
        for channel in self.edges.iter().flat_map(|e| &e.channels) {
            self.waiting.push_back((Arc::clone(channel), element.clone()));
        }
    }
}
