//! Rows of a table in canonical order, unit by unit.

use std::collections::VecDeque;
use std::sync::Arc;

use alluvium_model::source::SourceError;
use alluvium_model::{KeyGroup, KeyGroupRange, RowBatch, RowBatchBuilder, RowStream, StateSchema};

use super::describe::chain;
use super::operators::Fault;
use super::read::{Reading, Rows, Unit};
use super::tables::Source;
use crate::Error;
use crate::columns::Pending;

/// Which rows of a table to give out.
#[derive(Debug, Clone, Default)]
pub(super) struct Wanted {
    /// Only rows whose sort key begins with this.
    pub(super) prefix: Option<Vec<u8>>,
    /// Only rows behind this.
    pub(super) after: Option<(KeyGroup, Vec<u8>)>,
    /// Rows may be left out whose key is not serialized to bytes that begin with these.
    pub(super) key: Vec<u8>,
}

impl Wanted {
    fn wants(&self, group: KeyGroup, sort_key: &[u8]) -> bool {
        let prefix = self.prefix.as_ref().is_none_or(|prefix| sort_key.starts_with(prefix));
        let after = self.after.as_ref().is_none_or(|(at, key)| (group, sort_key) > (*at, key));
        prefix && after
    }
}

/// Rows that are not yet given out.
enum Gathered {
    /// Of keyed state, in columns.
    Columns(Box<Pending>),
    /// Of other state, row by row.
    Rows(RowBatchBuilder),
}

impl Gathered {
    fn new(reading: &Reading<'_>) -> Self {
        let schema = &reading.table.schema;
        let columns = reading.columns && matches!(reading.table.source, Source::Keyed(_));
        match Pending::new(schema).filter(|_| columns) {
            Some(pending) => Gathered::Columns(Box::new(pending)),
            None => Gathered::Rows(RowBatchBuilder::new(Arc::clone(schema), false)),
        }
    }

    fn len(&self) -> usize {
        match self {
            Gathered::Columns(pending) => pending.len(),
            Gathered::Rows(rows) => rows.len(),
        }
    }
}

/// Gives out the rows of a table. Holds one unit of it at a time, and as many rows as fit a batch.
pub(super) struct Stream<'a> {
    reading: Reading<'a>,
    units: VecDeque<Unit>,
    wanted: Wanted,
    batch_rows: usize,
    pending: Gathered,
    ready: VecDeque<RowBatch>,
    damages: VecDeque<SourceError>,
}

impl<'a> Stream<'a> {
    /// Starts at the first unit of a range of key groups; operator state counts as key group 0.
    pub(super) fn new(
        reading: Reading<'a>,
        range: Option<KeyGroupRange>,
        wanted: Wanted,
        batch_rows: usize,
    ) -> Self {
        let keyed = reading.table.schema.kind.is_keyed();
        let all = KeyGroupRange::new(0, if keyed { reading.operator.max_parallelism } else { 1 });
        let range = range.map_or(all, |range| range.intersect(all));
        let range = match &wanted.after {
            Some((group, _)) => range.intersect(KeyGroupRange::new(group.0.into(), u32::MAX)),
            None => range,
        };
        let units = if keyed {
            crate::layout::detect::groups_of(range).map(Unit::Group).collect()
        } else if range.is_empty() {
            VecDeque::new()
        } else {
            reading.subtasks().into_iter().map(Unit::Subtask).collect()
        };
        // Who reads on from a position was told before.
        let damages = if wanted.after.is_none() { lost(&reading, range) } else { VecDeque::new() };
        Stream {
            pending: Gathered::new(&reading),
            reading,
            units,
            wanted,
            batch_rows: batch_rows.max(1),
            ready: VecDeque::new(),
            damages,
        }
    }

    fn take(&mut self, unit: Unit) -> Result<(), SourceError> {
        if let (Unit::Group(group), Gathered::Columns(pending)) = (unit, &mut self.pending) {
            let wanted = &self.wanted;
            let lost = self.reading.fill(group, &wanted.key, pending);
            let equal = pending.end_group(|sort_key| wanted.wants(group, sort_key));
            let equal = (0..equal).map(|_| twice(group));
            self.report(unit, lost.damages.into_iter().chain(lost.refused).chain(equal));
            return Ok(());
        }
        let Rows { rows, damages } = self.reading.read(unit, &self.wanted.key);
        let schema = Arc::clone(&self.reading.table.schema);
        let mut keyed = Vec::with_capacity(rows.len());
        let mut refused: Vec<Error> = Vec::new();
        for row in rows {
            match row.sort_key(&schema) {
                Ok(sort_key) => keyed.push((sort_key, row)),
                Err(error) => refused.push(error.into()),
            }
        }
        keyed.sort_by(|a, b| a.0.cmp(&b.0));
        keyed.dedup_by(|later, earlier| {
            let again = later.0 == earlier.0;
            if again {
                refused.push(twice(later.1.key_group));
            }
            again
        });
        for (sort_key, row) in keyed {
            if let Gathered::Rows(pending) = &mut self.pending
                && self.wanted.wants(row.key_group, &sort_key)
            {
                pending.push_keyed(sort_key, row);
            }
        }
        self.report(unit, damages.into_iter().chain(refused));
        Ok(())
    }

    /// Reports the first damage of a unit, and how many more there are.
    fn report(&mut self, unit: Unit, mut damages: impl Iterator<Item = Error>) {
        let Some(first) = damages.next() else { return };
        let more = damages.count();
        let mut error = self.error(unit, first);
        if more > 0 {
            error.message.push_str(&format!(" (and {more} more damages here)"));
        }
        self.damages.push_back(error);
    }

    fn error(&self, unit: Unit, error: Error) -> SourceError {
        let place = match unit {
            Unit::Group(group) => format!("key group {group}"),
            Unit::Subtask(subtask) => format!("subtask {subtask}"),
        };
        let (operator, state) = (self.reading.operator.label(), &self.reading.table.schema.name);
        source_error(format!("operator {operator}, state {state}, {place}"), error)
    }

    fn flush(&mut self) -> Result<(), SourceError> {
        let pending = std::mem::replace(&mut self.pending, Gathered::new(&self.reading));
        let batch = match pending {
            Gathered::Columns(pending) => pending.finish(),
            Gathered::Rows(rows) => rows.finish(),
        };
        let batch = batch.map_err(|error| {
            let (operator, state) = (self.reading.operator.label(), &self.reading.table.schema.name);
            source_error(format!("operator {operator}, state {state}"), error.into())
        })?;
        let mut offset = 0;
        while offset < batch.len() {
            let rows = self.batch_rows.min(batch.len() - offset);
            self.ready.push_back(batch.slice(offset, rows));
            offset += rows;
        }
        Ok(())
    }
}

impl RowStream for Stream<'_> {
    fn schema(&self) -> &Arc<StateSchema> {
        &self.reading.table.schema
    }

    fn next_batch(&mut self) -> Result<Option<RowBatch>, SourceError> {
        loop {
            if let Some(error) = self.damages.pop_front() {
                return Err(error);
            }
            if let Some(batch) = self.ready.pop_front() {
                return Ok(Some(batch));
            }
            if self.pending.len() >= self.batch_rows || (self.units.is_empty() && self.pending.len() > 0) {
                self.flush()?;
                continue;
            }
            let Some(unit) = self.units.pop_front() else { return Ok(None) };
            self.take(unit)?;
        }
    }
}

/// Returns why rows of a table in a range of key groups are missing as a whole.
fn lost(reading: &Reading<'_>, range: KeyGroupRange) -> VecDeque<SourceError> {
    let (operator, state) = (reading.operator.label(), &reading.table.schema.name);
    let faults = reading.operator.faults.iter();
    let faults = faults.filter(|fault| fault.lost.concerns(&reading.table.source, range));
    let told = |fault: &Fault| {
        let message = format!("operator {operator}, state {state}, {}: {}", fault.place, chain(&fault.error));
        SourceError::new(fault.error.kind(), message)
    };
    faults.map(told).collect()
}

fn twice(group: KeyGroup) -> Error {
    Error::Malformed {
        section: "entry",
        offset: 0,
        wanted: "every entry once",
        found: format!("one twice in key group {group}"),
    }
}

/// Wraps an error of this room under a place, with its causes in the message's order.
pub(super) fn source_error(place: String, error: Error) -> SourceError {
    SourceError::because(error.kind(), place, error)
}
