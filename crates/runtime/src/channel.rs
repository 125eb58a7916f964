use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard};

use alluvium_dataflow::AnyBatch;

use crate::scheduler::Bell;

/// What flows between tasks.
#[derive(Debug, Clone)]
pub(crate) enum Element {
    Batch(AnyBatch),
    /// No more records at or before this event time, in milliseconds.
    Watermark(i64),
    Barrier(Arc<Barrier>),
    /// No more records; barriers may follow.
    End,
}

/// Cuts the stream: records before it belong to the checkpoint, records behind it do not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Barrier {
    pub(crate) checkpoint_id: u64,
    pub(crate) cause: Cause,
    /// Processing time by which time to live is judged in this snapshot.
    pub(crate) as_of_ms: i64,
}

/// Why a barrier flows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cause {
    /// A checkpoint: periodic, asked for, or the last one behind the end of input.
    Checkpoint,
    /// A savepoint in mid-run.
    Savepoint,
    /// A savepoint behind which sources read no more; with `drain` the watermark goes to its end
    /// before.
    Stop { drain: bool },
}

/// A bounded queue from one subtask to another.
pub(crate) struct Channel {
    queue: Mutex<VecDeque<Element>>,
    capacity: usize,
    reader: Bell,
    writer: Bell,
}

impl Channel {
    pub(crate) fn new(capacity: usize, writer: Bell, reader: Bell) -> Arc<Self> {
        Arc::new(Channel { queue: Mutex::new(VecDeque::with_capacity(capacity)), capacity, reader, writer })
    }

    /// Appends an element, or gives it back when the queue is full: the reader will then wake the
    /// writer once there is room.
    pub(crate) fn push(&self, element: Element) -> Result<(), Element> {
        let mut queue = self.lock();
        if queue.len() >= self.capacity {
            return Err(element);
        }
        queue.push_back(element);
        let first = queue.len() == 1;
        drop(queue);
        if first {
            self.reader.ring();
        }
        Ok(())
    }

    /// Takes the oldest element.
    pub(crate) fn pop(&self) -> Option<Element> {
        let mut queue = self.lock();
        let was_full = queue.len() >= self.capacity;
        let element = queue.pop_front();
        drop(queue);
        if was_full {
            self.writer.ring();
        }
        element
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Element>> {
        self.queue.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}
