use std::collections::VecDeque;
use std::sync::Arc;

use alluvium_model::evolution::Projection;
use alluvium_model::source::RowStream;
use alluvium_model::{KeyGroup, KeyGroupRange, RowBatch, Scan, SnapshotSource, StateKind, StateSchema};
use serde_json::{Map, Value as Json};

use crate::error::Result;
use crate::filter::{broadcast_entry, key_of, prefix_of};
use crate::line::{Printer, line_key};
use crate::{Filter, Line, Target};

/// Returns the lines of a state in canonical order, as `cat` prints them.
///
/// A list is one line with an array (its `last_access`, if any, is an array beside it); a map has
/// a line per entry. Holds one batch of rows and one line.
///
/// # Errors
/// [`crate::Error::BadKey`] and [`crate::Error::BadFilter`] for a filter that does not fit the
/// state; what the source could not read. The iterator itself yields the errors of later rows and
/// goes on behind damage where the source can.
pub fn lines<'a>(source: &'a dyn SnapshotSource, target: &Target<'_>, filter: &Filter) -> Result<Lines<'a>> {
    let schema = &target.table.schema;
    let id = target.operator.id;
    let mut prefix = filter.prefix.as_deref().map(|text| prefix_of(target, text)).transpose()?;
    let mut exact = None;
    let rows = match &filter.key {
        Some(text) if schema.kind == StateKind::Broadcast => {
            let entry = broadcast_entry(target, &key_of(target, text, "--key")?)?;
            let narrow = prefix.replace(entry.clone());
            exact = narrow.filter(|wanted| !entry.starts_with(wanted));
            Rows::Stream(source.scan(&scan_of(id, schema, filter, prefix.clone()))?)
        }
        Some(text) => {
            let key = key_of(target, text, "--key")?;
            Rows::Batches(source.lookup(id, &schema.name, &key)?.into())
        }
        None => Rows::Stream(source.scan(&scan_of(id, schema, filter, prefix.clone()))?),
    };
    let mut lines = Lines::new(rows, Arc::clone(schema));
    lines.wanted = Wanted {
        key_groups: filter.key_groups,
        prefix,
        after: filter.after.clone(),
        nothing: exact.is_some(),
    };
    lines.left = filter.limit;
    Ok(lines)
}

fn scan_of(
    id: alluvium_model::OperatorId,
    schema: &StateSchema,
    filter: &Filter,
    prefix: Option<Vec<u8>>,
) -> Scan {
    let mut scan = Scan::all(id, &schema.name);
    scan.key_groups = filter.key_groups;
    scan.prefix = prefix;
    scan.after = filter.after.clone();
    if let Some(limit) = filter.limit {
        scan.batch_rows = scan.batch_rows.min(usize::try_from(limit).unwrap_or(usize::MAX).max(LEAST_BATCH));
    }
    scan
}

const LEAST_BATCH: usize = 64;

/// Looks one key up: its lines, none when it has no row. In broadcast state the key is the map
/// key.
///
/// # Errors
/// [`crate::Error::BadKey`] for a text that is no key of the state, [`crate::Error::BadFilter`]
/// for a state without keys; what the source could not read.
pub fn get(source: &dyn SnapshotSource, target: &Target<'_>, key: &str) -> Result<Vec<Line>> {
    let filter = Filter { key: Some(key.to_owned()), ..Filter::default() };
    lines(source, target, &filter)?.collect()
}

/// The lines of a state; see [`lines`].
pub struct Lines<'a> {
    rows: Rows<'a>,
    schema: Arc<StateSchema>,
    printer: Printer,
    projection: Option<Projection>,
    batch: Option<RowBatch>,
    row: usize,
    list: Option<OpenList>,
    wanted: Wanted,
    left: Option<u64>,
    elements: u64,
}

enum Rows<'a> {
    Stream(Box<dyn RowStream + Send + 'a>),
    Batches(VecDeque<RowBatch>),
}

#[derive(Debug, Default)]
struct Wanted {
    key_groups: Option<KeyGroupRange>,
    prefix: Option<Vec<u8>>,
    after: Option<(KeyGroup, Vec<u8>)>,
    nothing: bool,
}

impl Wanted {
    fn holds(&self, group: KeyGroup, sort_key: &[u8]) -> bool {
        !self.nothing
            && self.key_groups.is_none_or(|range| range.contains(group))
            && self.prefix.as_ref().is_none_or(|prefix| sort_key.starts_with(prefix))
            && self.after.as_ref().is_none_or(|(after, key)| (group, sort_key) > (*after, key.as_slice()))
    }
}

/// A list whose end was not seen yet.
struct OpenList {
    line: Map<String, Json>,
    values: Vec<Json>,
    last_access: Vec<Json>,
    position: (KeyGroup, Vec<u8>),
}

impl OpenList {
    fn close(mut self) -> Line {
        self.line.insert("value".into(), Json::Array(self.values));
        if self.line.contains_key("last_access") {
            self.line.insert("last_access".into(), Json::Array(self.last_access));
        }
        Line { position: self.position, json: Json::Object(self.line) }
    }
}

impl<'a> Lines<'a> {
    fn new(rows: Rows<'a>, schema: Arc<StateSchema>) -> Self {
        Lines {
            rows,
            printer: Printer::new(Arc::clone(&schema)),
            schema,
            projection: None,
            batch: None,
            row: 0,
            list: None,
            wanted: Wanted::default(),
            left: None,
            elements: 0,
        }
    }

    /// Reads the lines of some key groups, each batch projected to another schema.
    pub(crate) fn projected(
        source: &'a dyn SnapshotSource,
        target: &Target<'_>,
        key_groups: Option<KeyGroupRange>,
        projection: Option<Projection>,
    ) -> Result<Self> {
        let schema = &target.table.schema;
        let scan = Scan { key_groups, ..Scan::all(target.operator.id, &schema.name) };
        let shown = projection.as_ref().map_or(schema, |p| p.schema());
        let mut lines = Lines::new(Rows::Stream(source.scan(&scan)?), Arc::clone(shown));
        lines.projection = projection;
        Ok(lines)
    }

    /// Returns the number of list elements in the lines so far.
    pub fn elements(&self) -> u64 {
        self.elements
    }

    fn next_line(&mut self) -> Result<Option<Line>> {
        loop {
            let Some(batch) = self.batch.take() else {
                match self.next_batch()? {
                    Some(batch) => {
                        self.batch = Some(batch);
                        self.row = 0;
                        continue;
                    }
                    None => return Ok(self.list.take().map(OpenList::close)),
                }
            };
            if self.row >= batch.len() {
                continue;
            }
            let row = self.row;
            self.row += 1;
            let line = self.take_row(&batch, row);
            self.batch = Some(batch);
            if let Some(line) = line? {
                return Ok(Some(line));
            }
        }
    }

    /// Takes a row in; returns a line that is complete now.
    fn take_row(&mut self, batch: &RowBatch, row: usize) -> Result<Option<Line>> {
        let (group, sort_key) = (batch.key_group(row), batch.sort_key(row));
        if !self.wanted.holds(group, sort_key) {
            return Ok(None);
        }
        let position = (group, sort_key.to_vec());
        if self.schema.kind != StateKind::List {
            return Ok(Some(Line { position, json: Json::Object(self.printer.line(batch, row)?) }));
        }
        self.elements += 1;
        let same = |open: &OpenList| {
            open.position.0 == group
                && line_key(StateKind::List, &open.position.1) == line_key(StateKind::List, sort_key)
        };
        let done = if self.list.as_ref().is_some_and(|open| !same(open)) { self.list.take() } else { None };
        let (value, last_access) = self.printer.element(batch, row)?;
        let open = match &mut self.list {
            Some(open) => open,
            none => {
                let line = self.printer.line(batch, row)?;
                none.insert(OpenList {
                    line,
                    values: Vec::new(),
                    last_access: Vec::new(),
                    position: position.clone(),
                })
            }
        };
        open.values.push(value);
        open.last_access.extend(last_access);
        open.position = position;
        Ok(done.map(OpenList::close))
    }

    fn next_batch(&mut self) -> Result<Option<RowBatch>> {
        let batch = match &mut self.rows {
            Rows::Stream(stream) => stream.next_batch()?,
            Rows::Batches(batches) => batches.pop_front(),
        };
        match (&self.projection, batch) {
            (Some(projection), Some(batch)) => Ok(Some(projection.project_batch(&batch)?)),
            (_, batch) => Ok(batch),
        }
    }
}

impl Iterator for Lines<'_> {
    type Item = Result<Line>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.left == Some(0) {
            return None;
        }
        let line = self.next_line().transpose()?;
        if let (Some(left), Ok(_)) = (&mut self.left, &line) {
            *left -= 1;
        }
        Some(line)
    }
}

#[cfg(test)]
mod tests;
