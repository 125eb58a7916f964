use std::marker::PhantomData;
use std::sync::Arc;

use crate::{AnyBatch, Batch, Data, Declared, Host, MAIN, Operator, OperatorResult, OutputTag, Outputs};

/// Processes records one by one, without state, to the main output and to side outputs.
pub trait Process: Send + 'static {
    /// What it reads.
    type In: Data;
    /// What it writes to its main output.
    type Out: Data;

    /// Processes a record.
    ///
    /// # Errors
    /// What went wrong; the task fails.
    fn process(&mut self, record: Self::In, ctx: &mut ProcessContext<'_, Self::Out>) -> OperatorResult;
}

/// Declares the side outputs of a [`Process`] when the graph is built.
#[derive(Debug, Default)]
pub struct DeclareOutputs {
    tags: Vec<Arc<str>>,
}

impl DeclareOutputs {
    /// Declares a side output.
    pub fn side_output<T: Data>(&mut self, tag: &OutputTag<T>) {
        self.tags.push(tag.name().into());
    }

    pub(crate) fn declared(self) -> Declared {
        Declared { outputs: self.tags, ..Declared::default() }
    }
}

/// Where a [`Process`] writes.
pub struct ProcessContext<'a, U> {
    main: &'a mut Batch<U>,
    outputs: &'a mut Outputs,
    time_ms: i64,
    watermark_ms: i64,
}

impl<U: Data> ProcessContext<'_, U> {
    /// Returns the event time of the record.
    pub fn time_ms(&self) -> i64 {
        self.time_ms
    }

    /// Returns the watermark.
    pub fn watermark_ms(&self) -> i64 {
        self.watermark_ms
    }

    /// Writes a record to the main output, at the event time of the one processed.
    pub fn emit(&mut self, record: U) {
        self.main.push(record, self.time_ms);
    }

    /// Writes a record to a side output.
    ///
    /// # Panics
    /// When the tag was not declared.
    pub fn side_output<T: Data>(&mut self, tag: &OutputTag<T>, record: T) {
        self.outputs.write_side(tag, record, self.time_ms);
    }
}

pub(crate) struct ProcessAdaptor<P> {
    process: P,
    types: PhantomData<P>,
}

impl<P: Process> ProcessAdaptor<P> {
    pub(crate) fn new(process: P) -> Self {
        ProcessAdaptor { process, types: PhantomData }
    }
}

impl<P: Process> Operator for ProcessAdaptor<P> {
    fn process_batch(&mut self, batch: AnyBatch, host: &mut Host<'_>) -> OperatorResult {
        let mut main = Batch::new();
        for (record, time_ms) in batch.downcast::<P::In>() {
            let watermark_ms = host.watermark_ms;
            let mut ctx = ProcessContext { main: &mut main, outputs: host.outputs, time_ms, watermark_ms };
            self.process.process(record, &mut ctx)?;
        }
        host.outputs.write(MAIN, main);
        Ok(())
    }
}
