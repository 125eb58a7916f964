use std::sync::Arc;

use alluvium_model::{Role, RowBatch, StateSchema};
use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, BinaryArray, RecordBatch, RecordBatchOptions};
use arrow_schema::SchemaRef;
use arrow_select::concat::concat;
use arrow_select::interleave::interleave;

use super::cursor::Cursor;
use crate::{Error, Result, rule};

/// Rows picked from batches, on their way into an output batch.
pub(super) struct Output {
    schema: Arc<StateSchema>,
    arrow: SchemaRef,
    roles: Vec<Role>,
    deltas: bool,
    batch_rows: usize,
    sources: Vec<Source>,
    picks: Vec<Pick>,
    rows: usize,
    /// Whether what is picked should leave although it is short.
    full: bool,
}

/// A batch from which rows were picked.
struct Source {
    run: usize,
    load: u64,
    columns: Arc<[ArrayRef]>,
    keys: BinaryArray,
}

#[derive(Clone, Copy)]
struct Pick {
    source: usize,
    start: usize,
    len: usize,
}

/// Rows a pick should have on average to be copied as a piece rather than row by row.
const PIECE_ROWS: usize = 16;
/// Most batches that wait for one output batch; where few rows of each survive.
const SOURCES_MAX: usize = 64;

impl Output {
    pub(super) fn new(schema: Arc<StateSchema>, deltas: bool, batch_rows: usize) -> Self {
        Output {
            arrow: schema.arrow_schema(deltas),
            roles: schema.roles(deltas),
            schema,
            deltas,
            batch_rows: batch_rows.max(1),
            sources: Vec::new(),
            picks: Vec::new(),
            rows: 0,
            full: false,
        }
    }

    pub(super) fn deltas(&self) -> bool {
        self.deltas
    }

    /// Returns the columns that sources need, in this order.
    pub(super) fn roles(&self) -> &[Role] {
        &self.roles
    }

    /// Returns how many of `rows` rows should be added now; none when what is picked should leave
    /// first, so that long pieces are handed through without copying.
    pub(super) fn room(&mut self, rows: usize) -> usize {
        if !self.picks.is_empty() && rows >= self.long_piece() {
            self.full = true;
            return 0;
        }
        rows.min(self.batch_rows - self.rows)
    }

    /// Picks the next rows of a run.
    pub(super) fn add(&mut self, cursor: &Cursor, len: usize) {
        let start = cursor.at();
        let source = match self.sources.iter().rposition(|s| s.run == cursor.run && s.load == cursor.load) {
            Some(source) => source,
            None => {
                let (columns, keys) = (Arc::clone(cursor.columns()), cursor.keys().clone());
                self.sources.push(Source { run: cursor.run, load: cursor.load, columns, keys });
                self.sources.len() - 1
            }
        };
        match self.picks.last_mut() {
            Some(last) if last.source == source && last.start + last.len == start => last.len += len,
            _ => self.picks.push(Pick { source, start, len }),
        }
        self.rows += len;
        let alone = self.picks.len() == 1 && self.rows >= self.long_piece();
        self.full = alone || self.rows >= self.batch_rows || self.sources.len() >= SOURCES_MAX;
    }

    fn long_piece(&self) -> usize {
        (self.batch_rows / 4).max(1)
    }

    /// Returns the picked rows if they should leave now.
    pub(super) fn take_full(&mut self) -> Result<Option<RowBatch>> {
        if self.full { self.take_rest() } else { Ok(None) }
    }

    /// Returns the picked rows, if there are any.
    pub(super) fn take_rest(&mut self) -> Result<Option<RowBatch>> {
        self.full = false;
        if self.picks.is_empty() {
            return Ok(None);
        }
        let columns: Vec<ArrayRef> = (0..self.roles.len())
            .map(|i| self.gather(|source| source.columns.get(i).map(|column| column.as_ref())))
            .collect::<Result<_>>()?;
        let keys = self.gather(|source| Some(&source.keys))?;
        let keys =
            keys.as_binary_opt::<i32>().cloned().ok_or_else(|| odd("sort keys of another type".into()))?;
        let options = RecordBatchOptions::new().with_row_count(Some(self.rows));
        let rows = RecordBatch::try_new_with_options(Arc::clone(&self.arrow), columns, &options)
            .map_err(|e| odd(e.to_string()))?;
        self.picks.clear();
        self.sources.clear();
        self.rows = 0;
        Ok(Some(RowBatch::new(Arc::clone(&self.schema), self.deltas, rows, keys)?))
    }

    fn gather<'a>(&'a self, column: impl Fn(&'a Source) -> Option<&'a dyn Array>) -> Result<ArrayRef> {
        let arrays: Vec<&dyn Array> = self.sources.iter().filter_map(column).collect();
        if arrays.len() != self.sources.len() {
            return Err(odd("a column that is not there".into()));
        }
        let pieces = || self.picks.iter().filter_map(|p| Some((*arrays.get(p.source)?, *p)));
        if self.rows >= self.picks.len() * PIECE_ROWS || self.picks.len() == 1 {
            let slices: Vec<ArrayRef> = pieces().map(|(array, p)| array.slice(p.start, p.len)).collect();
            return match slices.as_slice() {
                [only] => Ok(Arc::clone(only)),
                many => Ok(concat(&many.iter().map(|a| a.as_ref()).collect::<Vec<_>>())?),
            };
        }
        let mut indices = Vec::with_capacity(self.rows);
        for pick in &self.picks {
            indices.extend((pick.start..pick.start + pick.len).map(|row| (pick.source, row)));
        }
        Ok(interleave(&arrays, &indices)?)
    }
}

fn odd(found: String) -> Error {
    Error::malformed("rows", rule::COLUMNS, found)
}
