use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use alluvium_dataflow::{AnyBatch, Element, Host, Operator, OperatorResult, Outputs, ReadStatus};
use alluvium_model::TimeDomain;
use alluvium_state::{Frozen, FrozenId, Garbage, KeyedBackend};

use crate::Error;
use crate::plan::Route;

/// An operator of a task with its state and where its outputs go.
pub(crate) struct ChainOperator {
    pub(crate) name: String,
    pub(crate) operator: Box<dyn Operator>,
    pub(crate) keyed: Option<Box<dyn KeyedBackend>>,
    pub(crate) outputs: Outputs,
    /// By output.
    pub(crate) routes: Arc<[Vec<Route>]>,
    pub(crate) counters: Arc<OperatorCounters>,
}

/// Records that an operator has read and written, over all its subtasks.
#[derive(Debug, Default)]
pub(crate) struct OperatorCounters {
    pub(crate) records_in: AtomicU64,
    /// By output; 0 is the main one.
    pub(crate) records_out: Vec<AtomicU64>,
}

impl OperatorCounters {
    pub(crate) fn new(outputs: usize) -> Arc<Self> {
        let records_out = (0..outputs).map(|_| AtomicU64::new(0)).collect();
        Arc::new(OperatorCounters { records_in: AtomicU64::new(0), records_out })
    }
}

/// What an operator wrote, by output.
type Written = Vec<(usize, AnyBatch)>;

impl ChainOperator {
    pub(crate) fn process(
        &mut self,
        input: usize,
        batch: AnyBatch,
        watermark_ms: i64,
        now_ms: i64,
    ) -> Result<Written, Error> {
        self.counters.records_in.fetch_add(batch.len() as u64, Ordering::Relaxed);
        self.hosted(watermark_ms, now_ms, |operator, host| operator.process_input(input, batch, host))?;
        Ok(self.take_written())
    }

    pub(crate) fn fire(
        &mut self,
        domain: TimeDomain,
        until_ms: i64,
        budget: usize,
        watermark_ms: i64,
        now_ms: i64,
    ) -> Result<(bool, Written), Error> {
        let fire =
            |operator: &mut dyn Operator, host: &mut Host<'_>| operator.fire(domain, until_ms, budget, host);
        let done = self.hosted(watermark_ms, now_ms, fire)?;
        Ok((done, self.take_written()))
    }

    /// Reads from outside; returns also the source's watermark.
    pub(crate) fn read(
        &mut self,
        budget: usize,
        watermark_ms: i64,
        now_ms: i64,
    ) -> Result<(ReadStatus, Written, i64), Error> {
        let (status, watermark_ms) =
            self.hosted(watermark_ms, now_ms, |operator, host| match operator.as_source() {
                Some(source) => Ok((source.read(budget, host)?, source.watermark_ms())),
                None => Ok((ReadStatus::End, alluvium_dataflow::MAX_TIME)),
            })?;
        Ok((status, self.take_written(), watermark_ms))
    }

    pub(crate) fn pre_commit(&mut self, checkpoint_id: u64) -> Result<(), Error> {
        let result = self.operator.as_sink().map_or(Ok(()), |sink| sink.pre_commit(checkpoint_id));
        result.map_err(|e| self.failed(e))
    }

    /// Commits what a complete checkpoint covers; returns how many transactions.
    pub(crate) fn commit(&mut self, checkpoint_id: u64) -> Result<usize, Error> {
        self.with_sink(|sink| sink.commit(checkpoint_id))
    }

    /// Commits or aborts restored transactions.
    pub(crate) fn settle(&mut self, commit: bool) -> Result<usize, Error> {
        self.with_sink(|sink| sink.settle(commit))
    }

    /// Discards what was staged before and none of these transactions names.
    pub(crate) fn discard_orphans(&mut self, named: &[Element]) -> Result<usize, Error> {
        let result = self.operator.as_sink().map_or(Ok(0), |sink| sink.discard_orphans(named));
        result.map_err(|e| self.failed(e))
    }

    fn with_sink(
        &mut self,
        f: impl FnOnce(&mut dyn alluvium_dataflow::SinkOperator) -> OperatorResult<usize>,
    ) -> Result<usize, Error> {
        let Some(sink) = self.operator.as_sink() else { return Ok(0) };
        alluvium_snapshot::step("before-commit");
        let result = f(sink);
        alluvium_snapshot::step("after-commit");
        result.map_err(|e| self.failed(e))
    }

    pub(crate) fn operator_state(&mut self) -> Result<Vec<(usize, Vec<Element>)>, Error> {
        self.operator.operator_state().map_err(|e| self.failed(e))
    }

    /// Freezes the active layer of keyed state; or says why it cannot.
    ///
    /// A layer that is durable waits for nobody but this task: it is absorbed at once, since a pause is less than
    /// a checkpoint that fails.
    pub(crate) fn freeze(&mut self) -> Result<Option<Frozen>, String> {
        let Some(keyed) = &mut self.keyed else { return Ok(None) };
        let frozen = match keyed.freeze() {
            Err(full) if full.durable => {
                keyed.absorb(usize::MAX);
                keyed.freeze()
            }
            frozen => frozen,
        };
        frozen.map(Some).map_err(|full| format!("{}: {full}", self.name))
    }

    pub(crate) fn durable(&mut self, frozen: FrozenId) {
        if let Some(keyed) = &mut self.keyed {
            keyed.durable(frozen);
        }
    }

    pub(crate) fn absorb(&mut self, budget: usize) -> bool {
        self.keyed.as_mut().is_some_and(|keyed| keyed.absorb(budget))
    }

    pub(crate) fn take_garbage(&mut self) -> Garbage {
        self.keyed.as_mut().map_or_else(Garbage::new, |keyed| keyed.take_garbage())
    }

    pub(crate) fn next_timer(&mut self, domain: TimeDomain) -> Option<i64> {
        self.keyed.as_mut()?.next_timer(domain)
    }

    fn hosted<T>(
        &mut self,
        watermark_ms: i64,
        now_ms: i64,
        f: impl FnOnce(&mut dyn Operator, &mut Host<'_>) -> OperatorResult<T>,
    ) -> Result<T, Error> {
        let keyed: Option<&mut dyn KeyedBackend> = match &mut self.keyed {
            Some(keyed) => {
                keyed.set_now(now_ms);
                Some(&mut **keyed)
            }
            None => None,
        };
        let mut host = Host { keyed, outputs: &mut self.outputs, watermark_ms, now_ms };
        let result = f(&mut *self.operator, &mut host);
        result.map_err(|e| self.failed(e))
    }

    fn take_written(&mut self) -> Written {
        let written = self.outputs.take();
        for (output, batch) in &written {
            if let Some(counter) = self.counters.records_out.get(*output) {
                counter.fetch_add(batch.len() as u64, Ordering::Relaxed);
            }
        }
        written
    }

    fn failed(&self, source: alluvium_dataflow::OperatorError) -> Error {
        Error::Operator { operator: self.name.clone(), source }
    }
}
