use std::collections::BTreeSet;
use std::sync::Arc;

use alluvium_dataflow::{AnyBatch, MIN_TIME, lowest_watermark};

use crate::channel::{Barrier, Channel, Element};
use crate::planted::{Bug, is_planted};

/// The inputs of a task: one channel per upstream subtask and edge.
///
/// **Owns** the order in which channels are read, their watermarks and the alignment of barriers:
/// a channel that delivered the barrier is not read again until every other has. **Does not own**
/// what happens to records, or whether a checkpoint is still wanted.
pub(crate) struct Gate {
    inputs: Vec<InputChannel>,
    next: usize,
    aligning: Option<Arc<Barrier>>,
    /// Barriers up to this checkpoint are dropped: it is done.
    settled: u64,
    /// Later checkpoints that were aborted: their barriers are dropped too.
    aborted: BTreeSet<u64>,
    watermark_ms: i64,
    ended: bool,
}

struct InputChannel {
    /// Which input of the task's first operator it feeds.
    input: usize,
    channel: Arc<Channel>,
    watermark_ms: i64,
    blocked: bool,
    ended: bool,
}

/// What the gate lets through.
#[derive(Debug)]
pub(crate) enum Arrival {
    Records {
        input: usize,
        batch: AnyBatch,
    },
    /// The lowest watermark of all channels has risen to this.
    Watermark(i64),
    /// Every channel has delivered this barrier.
    Aligned(Arc<Barrier>),
    /// Every channel has ended.
    Ended,
}

impl Gate {
    /// Reads channels, each with the number of the input that it feeds.
    pub(crate) fn new(channels: Vec<(usize, Arc<Channel>)>) -> Self {
        let open = |(input, channel)| {
            let watermark_ms = MIN_TIME;
            InputChannel { input, channel, watermark_ms, blocked: false, ended: false }
        };
        Gate {
            inputs: channels.into_iter().map(open).collect(),
            next: 0,
            aligning: None,
            settled: 0,
            aborted: BTreeSet::new(),
            watermark_ms: MIN_TIME,
            ended: false,
        }
    }

    /// Returns what arrived next, or nothing while every channel is empty or blocked.
    pub(crate) fn next(&mut self) -> Option<Arrival> {
        let mut empty = 0;
        while empty < self.inputs.len() {
            let at = self.next % self.inputs.len();
            self.next = at + 1;
            let input = &mut self.inputs[at];
            let Some(element) = (if input.blocked { None } else { input.channel.pop() }) else {
                empty += 1;
                continue;
            };
            empty = 0;
            if let Some(arrival) = self.accept(at, element) {
                return Some(arrival);
            }
        }
        None
    }

    /// Forgets the alignment of a checkpoint that was aborted, and its barriers yet to come.
    pub(crate) fn abort(&mut self, checkpoint_id: u64) {
        if checkpoint_id > self.settled {
            self.aborted.insert(checkpoint_id);
        }
        if self.aligning.as_ref().is_some_and(|b| b.checkpoint_id == checkpoint_id) {
            self.unblock();
        }
    }

    fn accept(&mut self, at: usize, element: Element) -> Option<Arrival> {
        match element {
            Element::Batch(_) if self.aligning.is_some() && is_planted(Bug::RecordLostInAlignment) => None,
            Element::Batch(batch) => Some(Arrival::Records { input: self.inputs[at].input, batch }),
            Element::Watermark(watermark_ms) => {
                let input = &mut self.inputs[at];
                input.watermark_ms = input.watermark_ms.max(watermark_ms);
                let lowest = lowest_watermark(self.inputs.iter().map(|i| i.watermark_ms));
                let rises = lowest > self.watermark_ms;
                self.watermark_ms = lowest;
                rises.then_some(Arrival::Watermark(lowest))
            }
            Element::Barrier(barrier) => self.align(at, barrier),
            Element::End => {
                self.inputs[at].ended = true;
                let all = self.inputs.iter().all(|i| i.ended);
                (all && !std::mem::replace(&mut self.ended, all)).then_some(Arrival::Ended)
            }
        }
    }

    fn align(&mut self, at: usize, barrier: Arc<Barrier>) -> Option<Arrival> {
        if barrier.checkpoint_id <= self.settled || self.aborted.contains(&barrier.checkpoint_id) {
            return None;
        }
        match &self.aligning {
            Some(current) if current.checkpoint_id > barrier.checkpoint_id => return None,
            Some(current) if current.checkpoint_id == barrier.checkpoint_id => {}
            // A newer one overtakes an alignment whose checkpoint was given up.
            _ => {
                self.unblock();
                self.aligning = Some(Arc::clone(&barrier));
            }
        }
        self.inputs[at].blocked = true;
        if !self.inputs.iter().all(|i| i.blocked) {
            return None;
        }
        self.unblock();
        self.settled = barrier.checkpoint_id;
        self.aborted.retain(|aborted| *aborted > barrier.checkpoint_id);
        Some(Arrival::Aligned(barrier))
    }

    fn unblock(&mut self) {
        self.aligning = None;
        for input in &mut self.inputs {
            input.blocked = false;
        }
    }
}

#[cfg(test)]
mod tests;
