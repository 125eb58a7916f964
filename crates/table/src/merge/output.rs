use std::sync::Arc;

use alluvium_model::{Role, RowBatch, StateSchema};
use arrow_array::cast::AsArray;
use arrow_array::{
    Array, ArrayRef, ArrowPrimitiveType, BinaryArray, PrimitiveArray, RecordBatch, RecordBatchOptions,
    downcast_primitive,
};
use arrow_buffer::{Buffer, OffsetBuffer, ScalarBuffer};
use arrow_schema::{DataType, SchemaRef};
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
    sources_max: usize,
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

impl Output {
    pub(super) fn new(schema: Arc<StateSchema>, deltas: bool, batch_rows: usize, sources_max: usize) -> Self {
        Output {
            arrow: schema.arrow_schema(deltas),
            roles: schema.roles(deltas),
            schema,
            deltas,
            batch_rows: batch_rows.max(1),
            sources_max,
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
        self.full = alone || self.rows >= self.batch_rows || self.sources.len() >= self.sources_max;
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
        let keys = self.gather_keys()?;
        let options = RecordBatchOptions::new().with_row_count(Some(self.rows));
        let rows = RecordBatch::try_new_with_options(Arc::clone(&self.arrow), columns, &options)
            .map_err(|e| odd(e.to_string()))?;
        self.picks.clear();
        self.sources.clear();
        self.rows = 0;
        Ok(Some(RowBatch::new(Arc::clone(&self.schema), self.deltas, rows, keys)?))
    }

    /// Copies picked sort keys piece by piece.
    fn gather_keys(&self) -> Result<BinaryArray> {
        if let ([only], [source]) = (self.picks.as_slice(), self.sources.as_slice()) {
            return Ok(source.keys.slice(only.start, only.len));
        }
        let missing = || odd("a sort key that is not there".into());
        let mut offsets = Vec::with_capacity(self.rows + 1);
        let mut bytes = Vec::new();
        offsets.push(0);
        for pick in &self.picks {
            let keys = &self.sources.get(pick.source).ok_or_else(missing)?.keys;
            let ends = keys.value_offsets().get(pick.start..=pick.start + pick.len).ok_or_else(missing)?;
            let (Some(first), Some(last)) = (ends.first(), ends.last()) else { return Err(missing()) };
            let at = offsets.last().copied().unwrap_or(0);
            let piece = keys.value_data().get(*first as usize..*last as usize).ok_or_else(missing)?;
            bytes.extend_from_slice(piece);
            i32::try_from(bytes.len()).map_err(|_| odd("2 GiB of sort keys".into()))?;
            offsets.extend(ends.iter().skip(1).map(|end| end - first + at));
        }
        let offsets = OffsetBuffer::new(ScalarBuffer::from(offsets));
        Ok(BinaryArray::try_new(offsets, Buffer::from_vec(bytes), None)?)
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
        let (all, picks, rows) = (arrays.as_slice(), self.picks.as_slice(), self.rows);
        let of_numbers = downcast_primitive! {
            arrays.first().map_or(&DataType::Null, |array| array.data_type()) => (numbers_of, all, picks, rows),
            _ => None
        };
        if let Some(numbers) = of_numbers {
            return Ok(numbers);
        }
        let mut indices = Vec::with_capacity(self.rows);
        for pick in &self.picks {
            indices.extend((pick.start..pick.start + pick.len).map(|row| (pick.source, row)));
        }
        Ok(interleave(&arrays, &indices)?)
    }
}

macro_rules! numbers_of {
    ($number:ty, $arrays:expr, $picks:expr, $rows:expr) => {
        numbers::<$number>($arrays, $picks, $rows)
    };
}
use numbers_of;

/// Copies picked numbers piece by piece, if none is null.
fn numbers<T: ArrowPrimitiveType>(arrays: &[&dyn Array], picks: &[Pick], rows: usize) -> Option<ArrayRef> {
    let arrays: Vec<&PrimitiveArray<T>> =
        arrays.iter().map(|array| array.as_primitive_opt()).collect::<Option<_>>()?;
    if arrays.iter().any(|array| array.null_count() > 0) {
        return None;
    }
    let mut values: Vec<T::Native> = Vec::with_capacity(rows);
    for pick in picks {
        values.extend_from_slice(arrays.get(pick.source)?.values().get(pick.start..pick.start + pick.len)?);
    }
    let data_type = arrays.first()?.data_type().clone();
    Some(Arc::new(PrimitiveArray::<T>::new(values.into(), None).with_data_type(data_type)))
}

fn odd(found: String) -> Error {
    Error::malformed("rows", rule::COLUMNS, found)
}
