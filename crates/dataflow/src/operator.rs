use std::sync::Arc;

use alluvium_env::Ids;
use alluvium_model::{KeyGroupFunction, LogicalType, StateSchema, TimeDomain, Value};
use alluvium_state::KeyedBackend;

use crate::{AnyBatch, MAX_TIME, OperatorResult, Outputs};

/// What a subtask is told of its place when it opens.
#[derive(Debug, Clone)]
pub struct SubtaskInfo {
    /// Its index, from 0.
    pub subtask: u32,
    /// Number of subtasks.
    pub parallelism: u32,
    /// Attempt of the job.
    pub attempt: u64,
    /// Names the root of the job, in hex digits: attempts are numbered within it.
    pub owner: Arc<str>,
    /// Ids that no other subtask and no other attempt gets.
    pub ids: Arc<dyn Ids>,
}

/// What an operator may reach while it runs. It has no clock, thread, randomness or I/O of its own.
pub struct Host<'a> {
    /// Keyed state, if the operator is keyed.
    pub keyed: Option<&'a mut dyn KeyedBackend>,
    /// Where it writes.
    pub outputs: &'a mut Outputs,
    /// Event time that has passed: no more records at or before it are expected.
    pub watermark_ms: i64,
    /// Processing time.
    pub now_ms: i64,
}

/// An operator with its record types hidden: what a host drives.
///
/// Every call may write to [`Host::outputs`]. Calls never block.
pub trait Operator: Send {
    /// Takes its place, before any state is restored.
    ///
    /// # Errors
    /// What keeps it from starting; the task fails.
    fn open(&mut self, info: &SubtaskInfo) -> OperatorResult {
        let _ = info;
        Ok(())
    }

    /// Processes a batch of its input.
    ///
    /// # Errors
    /// What went wrong; the task fails.
    fn process_batch(&mut self, batch: AnyBatch, host: &mut Host<'_>) -> OperatorResult;

    /// Processes a batch of one of its inputs, by its place in [`crate::Node::inputs`]. Operators whose
    /// inputs are all of one kind need not tell them apart.
    ///
    /// # Errors
    /// What went wrong; the task fails.
    fn process_input(&mut self, input: usize, batch: AnyBatch, host: &mut Host<'_>) -> OperatorResult {
        let _ = input;
        self.process_batch(batch, host)
    }

    /// Fires timers that are due at `until_ms`, in time order, at most `budget` of them. Returns
    /// whether none is left.
    ///
    /// # Errors
    /// What went wrong; the task fails.
    fn fire(
        &mut self,
        domain: TimeDomain,
        until_ms: i64,
        budget: usize,
        host: &mut Host<'_>,
    ) -> OperatorResult<bool> {
        let _ = (domain, until_ms, budget, host);
        Ok(true)
    }

    /// Returns the whole contents of its operator-state tables, as (table, elements), for tables
    /// that may have changed since the last call.
    ///
    /// # Errors
    /// What went wrong; the task fails.
    fn operator_state(&mut self) -> OperatorResult<Vec<(usize, Vec<Element>)>> {
        Ok(Vec::new())
    }

    /// Takes the elements of an operator-state table that fall to this subtask at restore.
    ///
    /// # Errors
    /// What does not fit; the restore fails.
    fn restore(&mut self, table: usize, elements: Vec<Element>) -> OperatorResult {
        let _ = (table, elements);
        Ok(())
    }

    /// Returns the part of a source, if this is one.
    fn as_source(&mut self) -> Option<&mut dyn SourceOperator> {
        None
    }

    /// Returns the part of a sink, if this is one.
    fn as_sink(&mut self) -> Option<&mut dyn SinkOperator> {
        None
    }
}

/// An element of operator state.
#[derive(Debug, Clone, PartialEq)]
pub struct Element {
    /// Key of a broadcast state's entry; [`Value::Null`] elsewhere.
    pub map_key: Value,
    /// The value.
    pub value: Value,
}

impl Element {
    /// Wraps an element of a list.
    pub fn of(value: Value) -> Self {
        Element { map_key: Value::Null, value }
    }
}

/// What a source found when it was asked to read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReadStatus {
    /// Records were written, more may follow at once.
    More,
    /// Nothing to read now.
    Idle,
    /// Nothing will ever follow.
    End,
}

/// The part of an operator that reads from outside.
pub trait SourceOperator {
    /// Starts reading where restored positions, or else the beginning, say.
    ///
    /// # Errors
    /// What cannot be opened; the task fails.
    fn start(&mut self) -> OperatorResult;

    /// Reads at most `budget` records into the main output.
    ///
    /// # Errors
    /// What cannot be read; the task fails.
    fn read(&mut self, budget: usize, host: &mut Host<'_>) -> OperatorResult<ReadStatus>;

    /// Returns the watermark: [`crate::MIN_TIME`] before the first record, [`MAX_TIME`] behind the last.
    fn watermark_ms(&self) -> i64;
}

/// The part of an operator that writes to the outside in two phases.
pub trait SinkOperator {
    /// Ends the epoch of a checkpoint: what was written since the last call becomes pending.
    ///
    /// # Errors
    /// What cannot be staged; the task fails.
    fn pre_commit(&mut self, checkpoint_id: u64) -> OperatorResult;

    /// Commits what is pending of checkpoints up to this one; returns how many transactions.
    ///
    /// # Errors
    /// What cannot be committed; the task fails and commits again after recovery.
    fn commit(&mut self, checkpoint_id: u64) -> OperatorResult<usize>;

    /// Commits or aborts every restored transaction, before the first record.
    ///
    /// # Errors
    /// What cannot be committed; the restore fails.
    fn settle(&mut self, commit: bool) -> OperatorResult<usize>;

    /// Discards what the job has staged before and no retained snapshot names; `named` are the pending
    /// transactions of all of them. Returns how many.
    ///
    /// # Errors
    /// What cannot be discarded; the restore fails.
    fn discard_orphans(&mut self, named: &[Element]) -> OperatorResult<usize>;
}

/// What an operator declares when the graph is built.
#[derive(Debug, Clone, Default)]
pub struct Declared {
    /// Type of its key, if it is keyed.
    pub key: Option<LogicalType>,
    /// How its keys are placed, if it is keyed.
    pub key_group_function: Option<KeyGroupFunction>,
    /// Its keyed states, by slot of its backend.
    pub keyed: Vec<Arc<StateSchema>>,
    /// Its operator states, by table.
    pub operator: Vec<Arc<StateSchema>>,
    /// Its side outputs.
    pub outputs: Vec<Arc<str>>,
}

impl Declared {
    /// Returns all states: keyed ones by slot, then operator states by table.
    pub fn states(&self) -> impl Iterator<Item = &Arc<StateSchema>> {
        self.keyed.iter().chain(&self.operator)
    }

    /// Returns whether there is any state.
    pub fn is_stateful(&self) -> bool {
        !self.keyed.is_empty() || !self.operator.is_empty()
    }
}

/// Returns the lowest of watermarks; [`MAX_TIME`] of none.
pub fn lowest_watermark(watermarks: impl IntoIterator<Item = i64>) -> i64 {
    watermarks.into_iter().min().unwrap_or(MAX_TIME)
}
