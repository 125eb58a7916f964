mod budget;
mod cursor;
mod heap;
mod live;
mod output;

use std::sync::Arc;

use alluvium_model::evolution::{self, Projection};
use alluvium_model::{KeyGroup, KeyGroupRange, Op, Role, StateKind, StateSchema, canonical};
use bytes::Bytes;

use crate::{Error, MERGE_BYTES_MAX, Need, OpenRun, ReadOptions, Restriction, Result, RunReader, Step, rule};

pub use budget::fan_in;
use budget::{Budget, overlap};
use cursor::{Cursor, compare};
use heap::Heap;
use live::Live;
use output::Output;

/// A run to be merged, as its reference says.
#[derive(Debug, Clone)]
pub struct MergeRun {
    /// Number of bytes.
    pub length: u64,
    /// The schema under which it was written.
    pub schema: Arc<StateSchema>,
    /// Whether its rows have no operations.
    pub base: bool,
    /// The key groups that the reference covers.
    pub clip: KeyGroupRange,
    /// Its sequence range, inclusive.
    pub sequence: (u32, u32),
}

/// What a merge gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MergeOutput {
    /// Live rows: the oldest run is among those merged. Deletes and clears are dropped, list
    /// positions count from 0 and, if there is an `as_of`, rows expired by it are dropped.
    Live {
        /// Time by which rows expire, in milliseconds.
        as_of_ms: Option<i64>,
    },
    /// One delta run in place of adjacent ones: deletes, clears and list positions are kept.
    Delta,
    /// One base run in place of pieces of one base, all of which are merged or some: list positions are
    /// kept and nothing expires.
    Pieces,
}

/// How runs are merged.
#[derive(Debug, Clone)]
pub struct MergeOptions {
    /// What comes out.
    pub output: MergeOutput,
    /// Which rows are read.
    pub restriction: Restriction,
    /// Most rows of a batch.
    pub batch_rows: usize,
    /// Bytes that all windows together may take.
    pub merge_bytes_max: u64,
    /// Time of last access of rows whose schema had no time to live while the newest has one.
    pub last_access_ms: Option<i64>,
    /// Whether batches need sort keys. Without, base runs of disjoint clips are handed through
    /// with empty ones; where rows must be compared it makes no difference.
    pub sort_keys: bool,
}

impl Default for MergeOptions {
    fn default() -> Self {
        MergeOptions {
            output: MergeOutput::Live { as_of_ms: None },
            restriction: Restriction::default(),
            batch_rows: 8192,
            merge_bytes_max: MERGE_BYTES_MAX,
            last_access_ms: None,
            sort_keys: true,
        }
    }
}

/// Merges the runs of one state table.
///
/// **Owns** which row wins, what a clear hides and how live rows are numbered. **Does not own** the
/// choice of runs: whoever merges to [`MergeOutput::Delta`] names runs that are adjacent.
///
/// Rows leave in canonical order. For equal keys the run with the newest sequence range wins; a
/// clear hides the rows of its (key group, key, namespace) in older runs, not those of its own. One
/// ranged read stream per run, opened when the merge comes to its clip. A single base run is handed
/// through without copying.
///
/// Memory: per run that covers a key group and per leaf column a window of pages and the one before it, from which
/// rows wait for their batch: `merge_bytes_max` in all for as many runs as [`fan_in`] says; a page
/// each where there are more. A row larger than that is the only excess.
///
/// Non-keyed tables have one base run per subtask; they are put in order, nothing is hidden.
///
/// Spec: MERGE-1 to MERGE-7, SEQ-2, SEQ-3, CLIP-2, LIST-1, LIST-4, TTL-1.
pub struct Merge {
    keyed: bool,
    runs: Vec<Cursor>,
    /// Runs not yet opened, by descending first key group.
    waiting: Vec<usize>,
    /// Runs whose next batch is to be read.
    empty: Vec<usize>,
    heap: Heap,
    asked: Vec<(usize, usize)>,
    hidden: Option<Hidden>,
    output: Output,
    live: Live,
}

/// What a clear hides.
struct Hidden {
    group: u16,
    prefix: Vec<u8>,
    /// Rows of runs with a sequence below this are hidden.
    sequence: u32,
}

impl Merge {
    /// Starts a merge; rows get the columns of `schema`, the newest of the table.
    ///
    /// # Errors
    /// [`Error::RunsOverlap`] when two runs claim one sequence for a key group, pieces of one base
    /// aside; [`Error::Incompatible`] when a run cannot be read through the newest schema.
    ///
    /// Spec: SEQ-2, RUN-3, EVOL-2.
    pub fn new(schema: Arc<StateSchema>, runs: Vec<MergeRun>, options: MergeOptions) -> Result<Self> {
        let keyed = schema.kind.is_keyed();
        if keyed {
            check_sequences(&runs)?;
        }
        let overlap = if keyed { overlap(&runs) } else { runs.len() };
        let budget = Budget::new(&schema, overlap, options.merge_bytes_max);
        let restriction = widened(&schema, &options.restriction);
        let pass = !options.sort_keys
            && keyed
            && overlap <= 1
            && schema.kind != StateKind::List
            && runs.iter().all(|run| run.base);
        let read = ReadOptions {
            sort_keys: !pass,
            window_pages: budget.window_pages,
            batch_rows: options.batch_rows,
            restriction,
        };
        let mut cursors = Vec::with_capacity(runs.len());
        for (position, run) in runs.into_iter().enumerate() {
            cursors.push(cursor(position, run, &schema, &read, options.last_access_ms)?);
        }
        let mut waiting: Vec<usize> = (0..cursors.len()).collect();
        waiting.sort_by_key(|i| std::cmp::Reverse(cursors.get(*i).map_or(0, |c| c.first_group)));
        let deltas = options.output == MergeOutput::Delta;
        Ok(Merge {
            keyed,
            runs: cursors,
            waiting,
            empty: Vec::new(),
            heap: Heap::default(),
            asked: Vec::new(),
            hidden: None,
            output: Output::new(Arc::clone(&schema), deltas, options.batch_rows, budget.sources_max),
            live: Live::new(&schema, options.output, options.restriction),
        })
    }

    /// Spares opening a run, given by its position, that was opened before: one of the same bytes, and of
    /// no use unless it has the same schema.
    pub fn set_opened(&mut self, run: usize, opened: OpenRun) {
        if let Some(cursor) = self.runs.get_mut(run) {
            cursor.reader.set_opened(opened);
        }
    }

    /// Returns a run as opened, while its rows are read.
    pub fn opened(&self, run: usize) -> Option<OpenRun> {
        self.runs.get(run)?.reader.opened()
    }

    /// Goes on: asks for ranges, returns rows, or is done.
    ///
    /// # Errors
    /// What a run's reader finds, see [`RunReader::next`].
    #[expect(clippy::should_implement_trait, reason = "it is resumed with bytes, which no iterator is")]
    pub fn next(&mut self) -> Result<Step> {
        loop {
            if let Some(batch) = self.output.take_full()? {
                if let Some(batch) = self.live.apply(batch)? {
                    return Ok(Step::Batch(batch));
                }
                continue;
            }
            let needs = self.fill()?;
            if !needs.is_empty() {
                return Ok(Step::NeedRanges(needs));
            }
            if self.heap.is_empty() {
                let Some(batch) = self.output.take_rest()? else { return Ok(Step::Done) };
                if let Some(batch) = self.live.apply(batch)? {
                    return Ok(Step::Batch(batch));
                }
                continue;
            }
            self.advance()?;
        }
    }

    /// Hands over the bytes of the ranges asked for last, in their order.
    ///
    /// # Errors
    /// [`Error::Supplied`] when they are not as many, or not as long.
    pub fn supply(&mut self, bytes: Vec<Bytes>) -> Result<()> {
        let mut bytes = bytes.into_iter();
        for (run, count) in std::mem::take(&mut self.asked) {
            if let Some(cursor) = self.runs.get_mut(run) {
                cursor.reader.supply(bytes.by_ref().take(count).collect())?;
            }
        }
        Ok(())
    }

    /// Gives every run that may hold the next row a batch; returns the ranges missing for that.
    fn fill(&mut self) -> Result<Vec<Need>> {
        let mut needs = Vec::new();
        self.asked.clear();
        loop {
            self.wake();
            if self.empty.is_empty() {
                return Ok(needs);
            }
            for run in std::mem::take(&mut self.empty) {
                let Some(cursor) = self.runs.get_mut(run) else { continue };
                match cursor.reader.next()? {
                    Step::NeedRanges(asked) => {
                        self.asked.push((run, asked.len()));
                        needs.extend(asked.into_iter().map(|need| Need { run, ..need }));
                        self.empty.push(run);
                    }
                    Step::Batch(batch) => {
                        cursor.load(batch, self.output.deltas(), self.output.roles())?;
                        self.heap.push(run, &self.runs);
                    }
                    Step::Done => {}
                }
            }
            if !needs.is_empty() {
                return Ok(needs);
            }
        }
    }

    /// Opens the runs whose clip begins at or before the next row.
    fn wake(&mut self) {
        let idle = self.heap.is_empty() && self.empty.is_empty();
        let reached = match self.heap.top().and_then(|top| self.runs.get(top)) {
            Some(cursor) => Some(u32::from(cursor.group())),
            None => self.waiting.last().filter(|_| idle).map(|next| self.first_group(*next)),
        };
        while let Some(next) = self.waiting.last().copied()
            && reached.is_some_and(|reached| self.first_group(next) <= reached)
        {
            self.waiting.pop();
            self.empty.push(next);
        }
    }

    fn first_group(&self, run: usize) -> u32 {
        self.runs.get(run).map_or(0, |cursor| cursor.first_group)
    }

    /// Takes the next row, or as many as lie before every other run.
    ///
    /// Spec: MERGE-1 to MERGE-6.
    fn advance(&mut self) -> Result<()> {
        if !self.drop_older()? {
            return Ok(());
        }
        let Some(top) = self.heap.top() else { return Ok(()) };
        let barrier = self.waiting.last().map(|next| self.first_group(*next));
        let second = self.heap.second(&self.runs).and_then(|run| self.runs.get(run)).map(Cursor::head);
        let Some(cursor) = self.runs.get(top) else { return Ok(()) };
        let here = cursor.head();
        if self.hidden.as_ref().is_some_and(|hidden| !hidden.covers(here)) {
            self.hidden = None;
        }
        let mut count = cursor.rows_below(second, barrier);
        match &self.hidden {
            Some(hidden) if cursor.sequence < hidden.sequence => {
                let skipped = cursor.rows_with(hidden.group, &hidden.prefix, count);
                return self.step(top, skipped);
            }
            Some(hidden) => count = cursor.rows_with(hidden.group, &hidden.prefix, count),
            None => {}
        }
        let taken = match cursor.op(0) {
            None => count,
            Some(Op::Put) => cursor.puts(count),
            Some(_) => 1,
        };
        let keep = match cursor.op(0) {
            None | Some(Op::Put) => true,
            Some(Op::Delete | Op::Clear) => self.output.deltas(),
        };
        if cursor.op(0) == Some(Op::Clear) {
            let (group, key) = here;
            let prefix = key.split_last().map(|(_, prefix)| prefix.to_vec()).unwrap_or_default();
            self.hidden = Some(Hidden { group, prefix, sequence: cursor.sequence });
        }
        let taken = if keep { self.output.room(taken) } else { taken };
        if keep && taken > 0 {
            self.output.add(cursor, taken);
        }
        self.step(top, taken)
    }

    /// Drops rows of older runs that are equal to the next row; returns whether none is left.
    ///
    /// Spec: MERGE-1.
    fn drop_older(&mut self) -> Result<bool> {
        loop {
            let Some(top) = self.heap.top() else { return Ok(false) };
            let Some(second) = self.heap.second(&self.runs) else { return Ok(true) };
            let (Some(a), Some(b)) = (self.runs.get(top), self.runs.get(second)) else { return Ok(false) };
            if compare(a.head(), b.head()).is_ne() {
                return Ok(true);
            }
            if !self.keyed || (a.base && b.base) {
                return Err(Error::malformed("rows", rule::UNIQUE, "two rows of one entry"));
            }
            self.step(second, 1)?;
            if !self.empty.is_empty() {
                return Ok(false);
            }
        }
    }

    fn step(&mut self, run: usize, rows: usize) -> Result<()> {
        let Some(cursor) = self.runs.get_mut(run) else { return Ok(()) };
        cursor.step(rows);
        if cursor.is_empty() {
            self.heap.remove(run, &self.runs);
            self.empty.push(run);
        } else {
            self.heap.moved(run, &self.runs);
        }
        Ok(())
    }
}

impl Hidden {
    fn covers(&self, (group, key): (u16, &[u8])) -> bool {
        group == self.group && key.starts_with(&self.prefix)
    }
}

fn cursor(
    position: usize,
    run: MergeRun,
    schema: &Arc<StateSchema>,
    read: &ReadOptions,
    last_access_ms: Option<i64>,
) -> Result<Cursor> {
    let mut read = read.clone();
    let (base, mut first_group) = (run.base, 0);
    if schema.kind.is_keyed() {
        let range = read.restriction.key_groups.map_or(run.clip, |range| range.intersect(run.clip));
        read.restriction.key_groups = Some(range);
        first_group = run.clip.start;
    }
    let projection = match run.schema == *schema {
        true => None,
        false => Some(projection(&run.schema, schema, last_access_ms)?),
    };
    let mut reader = RunReader::new(run.length, run.schema, run.base, read);
    if let Some(projection) = projection {
        reader = reader.with_projection(projection);
    }
    Ok(Cursor::new(reader, position, base, first_group, run.sequence.1))
}

fn projection(old: &StateSchema, new: &StateSchema, last_access_ms: Option<i64>) -> Result<Arc<Projection>> {
    let resolution = evolution::resolve_by_id(old, new);
    let found = || resolution.reasons().map(ToString::to_string).collect::<Vec<_>>().join("; ");
    let state = || new.name.clone();
    let mut projection = resolution
        .projection
        .clone()
        .ok_or_else(|| Error::Incompatible { state: state(), found: found() })?;
    if let Some(last_access_ms) = last_access_ms {
        projection = projection.with_last_access_ms(last_access_ms);
    }
    Ok(Arc::new(projection))
}

/// Widens a restriction so that the clear of a (key, namespace) is read with any of its entries,
/// and a list from its first element; what was not asked for is dropped behind the merge.
fn widened(schema: &StateSchema, restriction: &Restriction) -> Restriction {
    let cut = |bytes: &Vec<u8>| -> Vec<u8> {
        let length = identity_length(schema, bytes).unwrap_or(bytes.len());
        bytes.get(..length).unwrap_or(bytes).to_vec()
    };
    Restriction {
        key_groups: restriction.key_groups,
        prefix: restriction.prefix.as_ref().map(cut),
        after: restriction.after.as_ref().map(|(group, key): &(KeyGroup, Vec<u8>)| (*group, cut(key))),
    }
}

/// Returns how many bytes of a sort key its key and namespace take, if it has them whole.
fn identity_length(schema: &StateSchema, sort_key: &[u8]) -> Option<usize> {
    let mut at = 0;
    for ty in [&schema.key, &schema.namespace].into_iter().flatten() {
        at += canonical::decode(sort_key.get(at..)?, ty).ok()?.1;
    }
    schema.key.is_some().then_some(at)
}

fn check_sequences(runs: &[MergeRun]) -> Result<()> {
    for (second, b) in runs.iter().enumerate() {
        for (first, a) in runs.iter().enumerate().take(second) {
            let disjoint = a.sequence.1 < b.sequence.0 || b.sequence.1 < a.sequence.0;
            let pieces = a.base && b.base;
            if !disjoint && !pieces && !a.clip.intersect(b.clip).is_empty() {
                return Err(Error::RunsOverlap {
                    first,
                    second,
                    first_low: a.sequence.0,
                    first_high: a.sequence.1,
                    second_low: b.sequence.0,
                    second_high: b.sequence.1,
                });
            }
        }
    }
    Ok(())
}

/// Returns the positions of roles among the columns of a batch.
fn positions(wanted: &[Role], found: &[Role]) -> Vec<Option<usize>> {
    wanted.iter().map(|role| found.iter().position(|r| r == role)).collect()
}

#[cfg(test)]
mod tests;
