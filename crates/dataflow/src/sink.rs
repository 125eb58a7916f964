use std::collections::VecDeque;
use std::sync::Arc;

use alluvium_model::typed::StateType;
use alluvium_model::{ErrorKind, StateKind, StateSchema};

use crate::{
    AnyBatch, Batch, Data, Declared, Element, Host, Operator, OperatorError, OperatorResult, SinkOperator,
    SubtaskInfo,
};

/// Name of the state that holds the pending transactions of a sink.
pub const PENDING_TRANSACTIONS: &str = "pending-transactions";

/// Writes records to the outside in two phases, so that they appear exactly once.
///
/// What is written between two barriers is staged: invisible, but durable once
/// [`Sink::pre_commit`] has returned. The transactions that it returns are part of the snapshot.
/// They are committed when that checkpoint is complete, and once more at every restore from it.
pub trait Sink: Send + 'static {
    /// What it writes.
    type In: Data;
    /// What is needed to commit or abort staged records in another process; holds their token.
    type Transaction: StateType + Clone + Send + 'static;

    /// Stages records.
    ///
    /// # Errors
    /// What cannot be written; the task fails.
    fn write(&mut self, batch: Batch<Self::In>) -> OperatorResult;

    /// Ends the epoch: makes what was staged since the last call durable and returns it, or
    /// nothing when nothing was staged.
    ///
    /// # Errors
    /// What cannot be made durable; the task fails.
    fn pre_commit(&mut self, checkpoint_id: u64) -> OperatorResult<Vec<Self::Transaction>>;

    /// Makes staged records visible. Called at least once per transaction of a complete
    /// checkpoint: a transaction that is already committed is left as it is.
    ///
    /// # Errors
    /// What cannot be committed; the task fails and commits again after recovery.
    fn commit(&mut self, transaction: &Self::Transaction) -> OperatorResult;

    /// Discards staged records that shall never be visible.
    ///
    /// # Errors
    /// What cannot be discarded.
    fn abort(&mut self, transaction: &Self::Transaction) -> OperatorResult;

    /// Discards whatever this job's root has staged before, in this attempt or an older one, and that
    /// none of these transactions names: those of every snapshot that may still be restored. Returns
    /// how many.
    ///
    /// Called for subtask 0 before any subtask stages anything: what is not named then was staged for
    /// checkpoints that will never be complete. A sink whose staged records vanish by themselves
    /// need not do anything.
    ///
    /// # Errors
    /// What cannot be discarded; the task fails.
    fn discard_orphans(&mut self, named: &[Self::Transaction]) -> OperatorResult<usize> {
        let _ = named;
        Ok(0)
    }
}

/// Makes the sink of a subtask.
pub(crate) type SinkFactory<S> = Arc<dyn Fn(&SubtaskInfo) -> OperatorResult<S> + Send + Sync>;

/// Drives a sink: keeps its pending transactions until their checkpoint is complete.
pub(crate) struct SinkAdaptor<S: Sink> {
    make: SinkFactory<S>,
    sink: Option<S>,
    /// Pending transactions with their checkpoints, oldest first; 0 for restored ones.
    pending: VecDeque<(u64, S::Transaction)>,
    changed: bool,
}

impl<S: Sink> SinkAdaptor<S> {
    pub(crate) fn new(make: SinkFactory<S>) -> Self {
        SinkAdaptor { make, sink: None, pending: VecDeque::new(), changed: false }
    }

    pub(crate) fn declared() -> Declared {
        let schema = StateSchema::new(PENDING_TRANSACTIONS, StateKind::PendingTransactions);
        let schema = schema.with_value(S::Transaction::element_type());
        Declared { operator: vec![Arc::new(schema)], ..Declared::default() }
    }

    fn sink(&mut self) -> OperatorResult<&mut S> {
        self.sink.as_mut().ok_or_else(|| OperatorError::new(ErrorKind::Internal, "a sink is opened first"))
    }
}

impl<S: Sink> Operator for SinkAdaptor<S> {
    fn open(&mut self, info: &SubtaskInfo) -> OperatorResult {
        self.sink = Some((self.make)(info)?);
        Ok(())
    }

    fn process_batch(&mut self, batch: AnyBatch, _: &mut Host<'_>) -> OperatorResult {
        self.sink()?.write(batch.downcast())
    }

    fn operator_state(&mut self) -> OperatorResult<Vec<(usize, Vec<Element>)>> {
        if !std::mem::take(&mut self.changed) {
            return Ok(Vec::new());
        }
        Ok(vec![(0, self.pending.iter().map(|(_, t)| Element::of(t.to_value())).collect())])
    }

    fn restore(&mut self, _: usize, elements: Vec<Element>) -> OperatorResult {
        for element in &elements {
            self.pending.push_back((0, S::Transaction::from_value(&element.value)?));
        }
        self.changed = true;
        Ok(())
    }

    fn as_sink(&mut self) -> Option<&mut dyn SinkOperator> {
        Some(self)
    }
}

impl<S: Sink> SinkOperator for SinkAdaptor<S> {
    fn pre_commit(&mut self, checkpoint_id: u64) -> OperatorResult {
        for transaction in self.sink()?.pre_commit(checkpoint_id)? {
            self.pending.push_back((checkpoint_id, transaction));
            self.changed = true;
        }
        Ok(())
    }

    fn commit(&mut self, checkpoint_id: u64) -> OperatorResult<usize> {
        let mut committed = 0;
        while let Some((id, transaction)) = self.pending.front().cloned() {
            if id > checkpoint_id {
                break;
            }
            self.sink()?.commit(&transaction)?;
            self.pending.pop_front();
            self.changed = true;
            committed += 1;
        }
        Ok(committed)
    }

    fn settle(&mut self, commit: bool) -> OperatorResult<usize> {
        if commit {
            return self.commit(0);
        }
        let aborted: Vec<_> = self.pending.drain(..).collect();
        for (_, transaction) in &aborted {
            self.sink()?.abort(transaction)?;
        }
        self.changed = true;
        Ok(aborted.len())
    }

    fn discard_orphans(&mut self, named: &[Element]) -> OperatorResult<usize> {
        let named = named.iter().map(|element| S::Transaction::from_value(&element.value));
        let named: Vec<S::Transaction> = named.collect::<Result<_, _>>()?;
        self.sink()?.discard_orphans(&named)
    }
}
