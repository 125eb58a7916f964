//! Runs effects: the only part that asks a snapshot.
//!
//! Owns: the snapshots, and reading them. Does not own: what is shown, or what is read next.

use std::error::Error as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use alluvium_model::source::SourceError;
use alluvium_model::{ErrorKind, RowBatch, Scan, SnapshotSource, StateKind, StateSchema, Value};

use crate::filter::Filter;
use crate::line::{Item, Line, append_rows};
use crate::msg::{Effect, Msg, Question};
use crate::pages::Cursor;

/// Rows in a batch that is asked for.
const BATCH_ROWS: usize = 256;
/// Rows between two reports of progress.
const PROGRESS_ROWS: u64 = 4096;
/// Most errors in a row before a stream counts as ended.
const DAMAGES_MAX: usize = 16;

/// The snapshots, and the newest ticket that was cancelled.
#[derive(Clone)]
pub(crate) struct Worker {
    sources: Vec<Arc<dyn SnapshotSource>>,
    cancelled: Arc<AtomicU64>,
}

impl Worker {
    pub(crate) fn new(sources: Vec<Arc<dyn SnapshotSource>>) -> Self {
        Worker { sources, cancelled: Arc::default() }
    }

    /// Stops what is being read under this ticket and lower ones; may be called while `run` runs.
    pub(crate) fn cancel(&self, ticket: u64) {
        self.cancelled.fetch_max(ticket, Ordering::Relaxed);
    }

    /// Runs one effect and sends what comes of it.
    pub(crate) fn run(&self, effect: Effect, send: &mut dyn FnMut(Msg)) {
        let Effect::Ask { ticket, snapshot, operator, state, question } = effect else { return };
        let Some(source) = self.sources.get(snapshot) else { return };
        let answer = match question {
            Question::Page { after, lines, filter } => {
                let scan = Scan { after, batch_rows: BATCH_ROWS, ..Scan::all(operator, state) };
                self.read_page(source.as_ref(), scan, &filter, lines, ticket, send)
            }
            Question::Key(key) => {
                look_up(source.as_ref(), operator, &state, &key).map(|lines| Msg::Found { ticket, lines })
            }
        };
        send(answer.unwrap_or_else(|error| Msg::Failed { ticket, message: chain(&error) }));
    }

    fn read_page(
        &self,
        source: &dyn SnapshotSource,
        mut scan: Scan,
        filter: &Filter,
        lines_max: usize,
        ticket: u64,
        send: &mut dyn FnMut(Msg),
    ) -> Result<Msg, SourceError> {
        if let Some(schema) = schema_of(source, &scan) {
            scan.prefix = filter.sort_key_prefix(schema);
        }
        let mut stream = source.scan(&scan)?;
        let schema = Arc::clone(stream.schema());
        let mut page = Page::new(schema, filter, lines_max);
        let (mut damages, mut reported) = (0, 0);
        loop {
            if self.cancelled.load(Ordering::Relaxed) >= ticket {
                return page.cut(ticket);
            }
            let full = match stream.next_batch() {
                Ok(Some(batch)) => {
                    damages = 0;
                    page.take(&batch)
                }
                Ok(None) => {
                    page.close();
                    return Ok(Msg::Page { ticket, lines: page.lines, next: None, cancelled: false });
                }
                Err(error) if error.kind == ErrorKind::Corrupt && damages < DAMAGES_MAX => {
                    damages += 1;
                    page.damage(chain(&error));
                    false
                }
                Err(error) => return Err(error),
            };
            if full {
                return Ok(Msg::Page { ticket, lines: page.lines, next: page.behind, cancelled: false });
            }
            if page.rows >= reported + PROGRESS_ROWS {
                reported = page.rows;
                send(Msg::Progress { ticket, rows: page.rows });
            }
        }
    }
}

/// A page that is being filled.
struct Page<'a> {
    schema: Arc<StateSchema>,
    filter: &'a Filter,
    lines_max: usize,
    lines: Vec<Item>,
    /// A line that may go on, and the position of its newest row.
    open: Option<(Line, Cursor)>,
    /// The position of the newest row of a closed line, whether it passed or not.
    behind: Option<Cursor>,
    rows: u64,
}

impl<'a> Page<'a> {
    fn new(schema: Arc<StateSchema>, filter: &'a Filter, lines_max: usize) -> Self {
        Page { schema, filter, lines_max, lines: Vec::new(), open: None, behind: None, rows: 0 }
    }

    /// Takes rows until the page is full; returns whether it is.
    fn take(&mut self, batch: &RowBatch) -> bool {
        let is_list = self.schema.kind == StateKind::List;
        for row in 0..batch.len() {
            let position = (batch.key_group(row), batch.sort_key(row).to_vec());
            let line = Line::of_row(batch, row);
            self.rows += 1;
            match (&mut self.open, line) {
                (Some((open, end)), Ok(line)) if is_list && open.continues_with(position.0, &position.1) => {
                    open.append(line);
                    *end = position;
                }
                (_, line) => {
                    self.close();
                    if self.lines.len() >= self.lines_max {
                        return true;
                    }
                    match line {
                        Ok(line) => self.open = Some((line, position)),
                        Err(error) => self.damage(error.to_string()),
                    }
                }
            }
        }
        false
    }

    fn close(&mut self) {
        if let Some((line, end)) = self.open.take() {
            self.behind = Some(end);
            let item = Item::Line(line);
            if self.filter.passes(&item, &self.schema) {
                self.lines.push(item);
            }
        }
    }

    fn damage(&mut self, text: String) {
        self.close();
        self.lines.push(Item::Damage(text));
    }

    /// Ends the page where it is. A list that is half read is left to the next page.
    fn cut(self, ticket: u64) -> Result<Msg, SourceError> {
        match self.behind {
            Some(next) => Ok(Msg::Page { ticket, lines: self.lines, next: Some(next), cancelled: true }),
            None => Err(SourceError::new(ErrorKind::Retry, "stopped")),
        }
    }
}

fn look_up(
    source: &dyn SnapshotSource,
    operator: alluvium_model::OperatorId,
    state: &str,
    key: &Value,
) -> Result<Vec<Item>, SourceError> {
    let mut lines = Vec::new();
    for batch in source.lookup(operator, state, key)? {
        append_rows(&batch, &mut lines)
            .map_err(|error| SourceError::because(error.kind(), format!("state {state}"), error))?;
    }
    Ok(lines)
}

fn schema_of<'a>(source: &'a dyn SnapshotSource, scan: &Scan) -> Option<&'a Arc<StateSchema>> {
    let operator = source.describe().operators.iter().find(|o| o.id == scan.operator)?;
    operator.states.iter().map(|table| &table.schema).find(|schema| schema.name == scan.state)
}

/// Returns an error and its causes on one line.
fn chain(error: &SourceError) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text += &format!(": {error}");
        cause = error.source();
    }
    text
}
