mod bloom;
mod check;
mod footer;
mod inbox;
mod page;
mod plan;
mod sort_key;
mod window;

use std::ops::Range;
use std::sync::Arc;

use alluvium_model::evolution::Projection;
use alluvium_model::{KeyGroup, RowBatch, StateSchema};
use bytes::Bytes;

use crate::{Error, Need, ReadOptions, Result, RunInfo, Step};

use footer::{Opening, Progress};
use inbox::Inbox;
use plan::{Plan, Segment};
use window::{Body, Window};

/// Reads the rows of one run, or some of them, from ranges of its bytes.
///
/// **Owns** where the rows asked for lie, decoding and every check that one file allows: columns
/// against the schema, index against rows, order, sizes. **Does not own** the bytes, their digests
/// or the sequence of the run: both come with the reference.
///
/// It is resumed step by step: [`RunReader::next`] says which ranges it needs, [`RunReader::supply`]
/// hands them over. First come the end of the file and, for large files, the rest of its metadata;
/// files up to 64 KiB are asked for whole. Then come pages, at most [`ReadOptions::window_pages`] and
/// a dictionary per leaf column at once. A prefix costs a bloom filter (base runs) and a binary
/// search over pages of the key columns.
///
/// Rows leave in canonical order. After an error the reader is done.
///
/// Spec: FILE-1, FILE-3, FILE-4, FILE-7, RUN-4, ORDER-1 to ORDER-5.
pub struct RunReader {
    options: ReadOptions,
    expected: Option<(Arc<StateSchema>, bool)>,
    projection: Option<Arc<Projection>>,
    inbox: Inbox,
    state: State,
    ready: Option<RowBatch>,
    last: Option<(KeyGroup, Vec<u8>)>,
}

enum State {
    Opening(Opening),
    Open(Arc<Body>, Box<Plan>),
    Done(Option<Arc<RunInfo>>),
}

/// What an opened run says of itself and where its pages lie, so that it need not be opened again.
///
/// Memory: the decoded metadata of the file.
#[derive(Clone)]
pub struct OpenRun(Arc<Body>);

impl std::fmt::Debug for OpenRun {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OpenRun").field("info", &self.0.info).finish_non_exhaustive()
    }
}

impl RunReader {
    /// Reads a run of `length` bytes that was written under `schema`, with operations unless it is
    /// a base run.
    pub fn new(length: u64, schema: Arc<StateSchema>, base: bool, options: ReadOptions) -> Self {
        Self::start(length, Some((schema, base)), options)
    }

    /// Reads a run of which nothing is known; it says itself what it is.
    pub fn unknown(length: u64, options: ReadOptions) -> Self {
        Self::start(length, None, options)
    }

    fn start(length: u64, expected: Option<(Arc<StateSchema>, bool)>, mut options: ReadOptions) -> Self {
        let restriction = &options.restriction;
        options.sort_keys |= restriction.prefix.is_some() || restriction.after.is_some();
        options.window_pages = options.window_pages.max(1);
        options.batch_rows = options.batch_rows.max(1);
        RunReader {
            options,
            expected,
            projection: None,
            inbox: Inbox::new(length),
            state: State::Opening(Opening::default()),
            ready: None,
            last: None,
        }
    }

    /// Gives rows the columns of the projection's new schema.
    ///
    /// Spec: EVOL-2, EVOL-4.
    pub fn with_projection(mut self, projection: Arc<Projection>) -> Self {
        self.projection = Some(projection);
        self
    }

    /// Spares opening a run that was opened before, if it was under the same schema. The bytes must be those
    /// that were opened then.
    pub(crate) fn set_opened(&mut self, run: OpenRun) {
        let OpenRun(body) = run;
        let expected = self.expected.as_ref();
        let same = expected.is_some_and(|(schema, base)| *schema == body.schema && *base == body.base);
        if same && matches!(self.state, State::Opening(_)) {
            let plan = Plan::new(&body.info, &self.options.restriction);
            self.state = State::Open(body, Box::new(plan));
        }
    }

    /// Returns the run as opened, while rows are read.
    pub(crate) fn opened(&self) -> Option<OpenRun> {
        match &self.state {
            State::Open(body, _) => Some(OpenRun(Arc::clone(body))),
            _ => None,
        }
    }

    /// Returns what the run says about itself, once it is open.
    pub fn info(&self) -> Option<&Arc<RunInfo>> {
        match &self.state {
            State::Opening(_) => None,
            State::Open(body, _) => Some(&body.info),
            State::Done(info) => info.as_ref(),
        }
    }

    /// Reads metadata only: returns the ranges needed, or none when [`RunReader::info`] is there.
    ///
    /// # Errors
    /// [`Error::Malformed`] for a file that breaks a rule.
    pub fn open(&mut self) -> Result<Option<Vec<Need>>> {
        let State::Opening(opening) = &mut self.state else { return Ok(None) };
        let expected = self.expected.as_ref().map(|(schema, base)| (schema, *base));
        match opening.advance(&mut self.inbox, expected) {
            Ok(Progress::Needs(ranges)) => Ok(Some(needs(ranges))),
            Ok(Progress::Open(body)) => {
                let plan = Plan::new(&body.info, &self.options.restriction);
                self.state = State::Open(Arc::new(*body), Box::new(plan));
                Ok(None)
            }
            Err(error) => {
                self.state = State::Done(None);
                Err(error)
            }
        }
    }

    /// Goes on: asks for ranges, returns rows, or is done.
    ///
    /// # Errors
    /// As for [`RunReader::open`]; [`Error::Malformed`] for rows that break a rule;
    /// [`Error::Model`] when a row cannot be projected.
    #[expect(clippy::should_implement_trait, reason = "it is resumed with bytes, which no iterator is")]
    pub fn next(&mut self) -> Result<Step> {
        if let Some(needs) = self.open()? {
            return Ok(Step::NeedRanges(needs));
        }
        let step = self.advance();
        if !matches!(step, Ok(Step::NeedRanges(_) | Step::Batch(_))) {
            self.state = State::Done(self.info().cloned());
            self.inbox.clear();
        }
        step
    }

    /// Hands over the bytes of the ranges asked for last, in their order.
    ///
    /// # Errors
    /// [`Error::Supplied`] when they are not as many, or not as long.
    pub fn supply(&mut self, bytes: Vec<Bytes>) -> Result<()> {
        self.inbox.supply(bytes)
    }

    /// Returns whether no more rows will come.
    pub fn is_done(&self) -> bool {
        matches!(self.state, State::Done(_)) && self.ready.is_none()
    }

    fn advance(&mut self) -> Result<Step> {
        loop {
            if let Some(batch) = self.take_ready() {
                return Ok(Step::Batch(batch));
            }
            let State::Open(body, plan) = &mut self.state else { return Ok(Step::Done) };
            let Some(segment) = plan.current() else { return Ok(Step::Done) };
            if segment.is_searching() {
                if let Some(ranges) = search(body, segment, &mut self.inbox)? {
                    return Ok(Step::NeedRanges(needs(ranges)));
                }
                continue;
            }
            if segment.rows.is_empty() {
                plan.finish_segment();
                continue;
            }
            let window = body.window(segment.ahead(), self.options.window_pages)?;
            let Some(rows) = body.read(&window, false, &mut self.inbox)? else {
                return Ok(Step::NeedRanges(needs(self.inbox.asked())));
            };
            segment.go_on(&window.rows);
            let mut batch = body.finish_batch(&window, rows, self.options.sort_keys)?;
            if self.options.sort_keys {
                check::order(&batch, &mut self.last)?;
            }
            let kept = plan.prefix().map_or(batch.len(), |prefix| leading(&batch, prefix));
            if kept < batch.len() {
                plan.finish_segment();
                batch = batch.slice(0, kept);
            }
            if let Some(projection) = &self.projection {
                batch = projection.project_batch(&batch)?;
            }
            self.ready = Some(batch).filter(|batch| !batch.is_empty());
        }
    }

    fn take_ready(&mut self) -> Option<RowBatch> {
        let batch = self.ready.take()?;
        if batch.len() <= self.options.batch_rows {
            return Some(batch);
        }
        let head = batch.slice(0, self.options.batch_rows);
        self.ready = Some(batch.slice(head.len(), batch.len() - head.len()));
        Some(head)
    }
}

/// Narrows where a segment begins; returns ranges while bytes are missing.
fn search(body: &Body, segment: &mut Segment, inbox: &mut Inbox) -> Result<Option<Vec<Range<u64>>>> {
    if !segment.bloom_checked {
        let Some(rows) = bloom::narrow(body, segment, inbox)? else { return Ok(Some(inbox.asked())) };
        segment.bloom_done(rows);
        return Ok(None);
    }
    let Some(row) = segment.probe() else {
        segment.found();
        return Ok(None);
    };
    let window: Window = body.probe_window(row, &segment.search)?;
    let Some(rows) = body.read(&window, true, inbox)? else { return Ok(Some(inbox.asked())) };
    let keys = body.sort_keys(&rows)?;
    segment.learn(&window.rows, &keys);
    Ok(None)
}

fn leading(batch: &RowBatch, prefix: &[u8]) -> usize {
    (0..batch.len()).find(|row| !batch.sort_key(*row).starts_with(prefix)).unwrap_or(batch.len())
}

fn needs(ranges: Vec<Range<u64>>) -> Vec<Need> {
    ranges.into_iter().map(|range| Need { run: 0, range }).collect()
}

/// Runs code of the Parquet library over bytes from outside.
///
/// Sizes, encodings and places are checked before, yet the library still asserts what it takes for
/// granted of page contents; such a panic is an error of the bytes. What it left behind is dropped.
fn guarded<T>(
    section: &'static str,
    rule: &'static str,
    work: impl FnOnce() -> Result<T, parquet::errors::ParquetError>,
) -> Result<T> {
    match std::panic::catch_unwind(std::panic::AssertUnwindSafe(work)) {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => Err(Error::malformed(section, rule, error.to_string())),
        Err(_) => Err(Error::malformed(section, rule, "bytes that cannot be decoded")),
    }
}

#[cfg(test)]
mod tests;
