use std::sync::Arc;

use alluvium_model::typed::StateType;
use alluvium_model::{ErrorKind, StateKind, StateSchema};

use crate::{
    AnyBatch, Batch, Data, Declared, Element, Host, MAIN, MAX_TIME, MIN_TIME, Operator, OperatorError,
    OperatorResult, ReadStatus, SourceOperator, SubtaskInfo, lowest_watermark,
};

/// Name of the operator state that holds the positions of a source.
pub const SOURCE_POSITIONS: &str = "source-positions";

/// Reads records from outside, from any position on.
///
/// A source is cut into splits that do not depend on the parallelism. A position is one split and
/// how far it has been read; positions are the elements of the operator state `source-positions`
/// and are shared among the subtasks anew at every restore.
pub trait Source: Send + Sync + 'static {
    /// What it reads.
    type Out: Data;
    /// A split and how far it has been read.
    type Position: StateType + Clone + Send + 'static;

    /// Returns every split at its beginning, always in the same order.
    ///
    /// # Errors
    /// What keeps the source from being read; the job does not start.
    fn splits(&self) -> OperatorResult<Vec<Self::Position>>;

    /// Starts reading a split at a position.
    ///
    /// # Errors
    /// What keeps it from being read; the task fails.
    fn open(&self, position: Self::Position) -> OperatorResult<Box<dyn Split<Self::Out, Self::Position>>>;
}

/// A split being read.
pub trait Split<T, P>: Send {
    /// Appends at most `budget` records with their event times, or none when idle or at the end.
    ///
    /// # Errors
    /// What cannot be read; the task fails.
    fn read(&mut self, budget: usize, records: &mut Batch<T>) -> OperatorResult<ReadStatus>;

    /// Returns the position behind the last record read.
    fn position(&self) -> P;
}

/// Drives the splits of one subtask of a source.
///
/// Reads next the split whose watermark is lowest, so that splits stay together in event time. A
/// split's watermark is its last event time less 1 ms, [`MIN_TIME`] before its first record,
/// [`MAX_TIME`] after its last; the operator's is the lowest of its splits.
pub(crate) struct SourceAdaptor<S: Source> {
    source: Arc<S>,
    info: Option<SubtaskInfo>,
    restored: Option<Vec<S::Position>>,
    splits: Vec<OpenSplit<S>>,
    read_since_snapshot: bool,
}

struct OpenSplit<S: Source> {
    split: Box<dyn Split<S::Out, S::Position>>,
    watermark_ms: i64,
}

impl<S: Source> SourceAdaptor<S> {
    pub(crate) fn new(source: Arc<S>) -> Self {
        SourceAdaptor { source, info: None, restored: None, splits: Vec::new(), read_since_snapshot: true }
    }

    pub(crate) fn declared() -> Declared {
        let schema = StateSchema::new(SOURCE_POSITIONS, StateKind::OperatorList);
        let schema = schema.with_value(S::Position::element_type());
        Declared { operator: vec![Arc::new(schema)], ..Declared::default() }
    }

    fn first_positions(&self) -> OperatorResult<Vec<S::Position>> {
        let info = self.info.as_ref().ok_or_else(not_opened)?;
        let mine = |i: usize| i % info.parallelism as usize == info.subtask as usize;
        let splits = self.source.splits()?.into_iter().enumerate();
        Ok(splits.filter(|(i, _)| mine(*i)).map(|(_, position)| position).collect())
    }

    fn read_split(
        &mut self,
        i: usize,
        budget: usize,
        batch: &mut Batch<S::Out>,
    ) -> OperatorResult<ReadStatus> {
        let split = &mut self.splits[i];
        let status = split.split.read(budget, batch)?;
        if let Some(last) = batch.times().iter().max() {
            split.watermark_ms = split.watermark_ms.max(last.saturating_sub(1));
        }
        if status == ReadStatus::End {
            split.watermark_ms = MAX_TIME;
        }
        Ok(status)
    }
}

impl<S: Source> Operator for SourceAdaptor<S> {
    fn open(&mut self, info: &SubtaskInfo) -> OperatorResult {
        self.info = Some(info.clone());
        Ok(())
    }

    fn process_batch(&mut self, _: AnyBatch, _: &mut Host<'_>) -> OperatorResult {
        Err(OperatorError::new(ErrorKind::Internal, "a source has no input"))
    }

    fn operator_state(&mut self) -> OperatorResult<Vec<(usize, Vec<Element>)>> {
        if !std::mem::take(&mut self.read_since_snapshot) {
            return Ok(Vec::new());
        }
        let positions = self.splits.iter().map(|s| Element::of(s.split.position().to_value()));
        Ok(vec![(0, positions.collect())])
    }

    fn restore(&mut self, _: usize, elements: Vec<Element>) -> OperatorResult {
        let positions = elements.iter().map(|e| S::Position::from_value(&e.value));
        self.restored = Some(positions.collect::<Result<_, _>>()?);
        Ok(())
    }

    fn as_source(&mut self) -> Option<&mut dyn SourceOperator> {
        Some(self)
    }
}

impl<S: Source> SourceOperator for SourceAdaptor<S> {
    fn start(&mut self) -> OperatorResult {
        let positions = match self.restored.take() {
            Some(positions) => positions,
            None => self.first_positions()?,
        };
        for position in positions {
            self.splits.push(OpenSplit { split: self.source.open(position)?, watermark_ms: MIN_TIME });
        }
        Ok(())
    }

    fn read(&mut self, budget: usize, host: &mut Host<'_>) -> OperatorResult<ReadStatus> {
        let mut order: Vec<usize> =
            (0..self.splits.len()).filter(|i| self.splits[*i].watermark_ms != MAX_TIME).collect();
        order.sort_by_key(|i| self.splits[*i].watermark_ms);
        let mut idle = false;
        for i in order {
            let mut batch = Batch::new();
            let status = self.read_split(i, budget, &mut batch)?;
            self.read_since_snapshot |= !batch.is_empty() || status == ReadStatus::End;
            let wrote = !batch.is_empty();
            host.outputs.write(MAIN, batch);
            if wrote || status == ReadStatus::More {
                return Ok(ReadStatus::More);
            }
            idle |= status == ReadStatus::Idle;
        }
        Ok(if idle { ReadStatus::Idle } else { ReadStatus::End })
    }

    fn watermark_ms(&self) -> i64 {
        lowest_watermark(self.splits.iter().map(|s| s.watermark_ms))
    }
}

fn not_opened() -> OperatorError {
    OperatorError::new(ErrorKind::Internal, "a source is opened before it is started")
}
