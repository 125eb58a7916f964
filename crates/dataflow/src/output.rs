use std::marker::PhantomData;
use std::sync::Arc;

use crate::{AnyBatch, Batch, Data};

/// Names a side output and its record type.
///
/// An operator declares its tags when the graph is built. What it writes to a tag that no one reads
/// is counted like the rest, in the operator's status, and then dropped.
pub struct OutputTag<T> {
    name: Arc<str>,
    records: PhantomData<fn() -> T>,
}

impl<T: Data> OutputTag<T> {
    /// Makes a tag of a name, unique within its operator.
    pub fn new(name: &str) -> Self {
        OutputTag { name: name.into(), records: PhantomData }
    }

    /// Returns the name.
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl<T> Clone for OutputTag<T> {
    fn clone(&self) -> Self {
        OutputTag { name: Arc::clone(&self.name), records: PhantomData }
    }
}

impl<T> std::fmt::Debug for OutputTag<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "OutputTag({})", self.name)
    }
}

/// Position of the main output among an operator's outputs.
pub const MAIN: usize = 0;

/// What an operator has written, in order, until its host takes it away.
///
/// Output 0 is the main one; side outputs follow in the order of their declaration.
#[derive(Debug, Default)]
pub struct Outputs {
    tags: Vec<Arc<str>>,
    written: Vec<(usize, AnyBatch)>,
}

impl Outputs {
    /// Makes the outputs of an operator that declares these side outputs.
    pub fn new(tags: impl IntoIterator<Item = Arc<str>>) -> Self {
        Outputs { tags: tags.into_iter().collect(), written: Vec::new() }
    }

    /// Returns the position of a side output.
    pub fn position(&self, tag: &str) -> Option<usize> {
        self.tags.iter().position(|t| **t == *tag).map(|i| i + 1)
    }

    /// Writes a batch; an empty one is dropped.
    pub fn write<T: Data>(&mut self, output: usize, batch: Batch<T>) {
        if !batch.is_empty() {
            self.written.push((output, AnyBatch::new(batch)));
        }
    }

    /// Writes one record to a side output.
    ///
    /// # Panics
    /// When the operator did not declare the tag.
    pub fn write_side<T: Data>(&mut self, tag: &OutputTag<T>, record: T, time_ms: i64) {
        let position = self.position(tag.name());
        let position = position.expect("an operator writes only to side outputs that it declared");
        let mut batch = Batch::new();
        batch.push(record, time_ms);
        self.write(position, batch);
    }

    /// Takes what was written, as (output, batch), in order.
    pub fn take(&mut self) -> Vec<(usize, AnyBatch)> {
        std::mem::take(&mut self.written)
    }
}
