use std::collections::VecDeque;
use std::fs::File;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use alluvium_dataflow::{Batch, Data, OperatorError, OperatorResult, ReadStatus, Source, Split};
use alluvium_model::ErrorKind;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder,
    RowSelection,
};

use crate::columns::Columns;

#[cfg(test)]
mod tests;

/// Number of splits of a file, whatever the parallelism.
pub const SPLITS: u32 = 8;

/// Rows in a block; split `s` holds the blocks `b` with `b` mod [`SPLITS`] = `s`.
pub const BLOCK_ROWS: u64 = 1000;

/// Makes records with event times in milliseconds of rows, one per row, in order.
type Decode<T> = Arc<dyn Fn(&Columns<'_>) -> OperatorResult<Vec<(T, i64)>> + Send + Sync>;

/// Reads a Parquet file.
///
/// A file has always [`SPLITS`] splits of blocks of [`BLOCK_ROWS`] rows in turn. A position is
/// (split, rows read within the split), so that reading goes on at any row at any parallelism.
/// Only the columns named are decoded.
///
/// Rows of a split come in file order; a file in time order makes a source in time order. The
/// file must not change while a snapshot has positions in it.
///
/// Owns: reading and decoding. Does not own: the rate, which the job sets on the stream.
pub struct ParquetSource<T> {
    path: PathBuf,
    columns: Arc<[String]>,
    decode: Decode<T>,
}

impl<T: Data> ParquetSource<T> {
    /// Reads these columns of a file and makes a record of each row, with its event time in
    /// milliseconds.
    ///
    /// The function must return one record per row, in order; nothing is read before the job runs.
    pub fn new(
        path: impl Into<PathBuf>,
        columns: impl IntoIterator<Item = impl Into<String>>,
        decode: impl Fn(&Columns<'_>) -> OperatorResult<Vec<(T, i64)>> + Send + Sync + 'static,
    ) -> Self {
        let columns = columns.into_iter().map(Into::into).collect();
        ParquetSource { path: path.into(), columns, decode: Arc::new(decode) }
    }

    fn metadata(&self) -> OperatorResult<(File, ArrowReaderMetadata)> {
        let file = File::open(&self.path).map_err(|error| at(&self.path, error))?;
        let metadata = ArrowReaderMetadata::load(&file, ArrowReaderOptions::default());
        Ok((file, metadata.map_err(|error| at(&self.path, error))?))
    }
}

impl<T: Data> Source for ParquetSource<T> {
    type Out = T;
    type Position = (u32, u64);

    fn splits(&self) -> OperatorResult<Vec<(u32, u64)>> {
        // So that a job with a wrong path does not start.
        self.metadata()?;
        Ok((0..SPLITS).map(|split| (split, 0)).collect())
    }

    fn open(&self, (split, read): (u32, u64)) -> OperatorResult<Box<dyn Split<T, (u32, u64)>>> {
        let (file, metadata) = self.metadata()?;
        let total = u64::try_from(metadata.metadata().file_metadata().num_rows()).unwrap_or(0);
        let blocks = rows_of(split, read, total)
            .ok_or_else(|| misplaced(&self.path, split, read, total))?
            .map(|rows| rows.start as usize..rows.end as usize);
        let selection = RowSelection::from_consecutive_ranges(blocks, total as usize);
        let builder = ParquetRecordBatchReaderBuilder::new_with_metadata(file, metadata);
        let mask = ProjectionMask::columns(builder.parquet_schema(), self.columns.iter().map(String::as_str));
        let reader = builder
            .with_projection(mask)
            .with_row_selection(selection)
            .with_batch_size(BLOCK_ROWS as usize)
            .build()
            .map_err(|error| at(&self.path, error))?;
        let (path, decode) = (self.path.clone(), Arc::clone(&self.decode));
        Ok(Box::new(ParquetSplit { path, reader, decode, decoded: VecDeque::new(), split, read }))
    }
}

/// A split being read: rows are decoded a block at a time.
struct ParquetSplit<T> {
    path: PathBuf,
    reader: ParquetRecordBatchReader,
    decode: Decode<T>,
    decoded: VecDeque<(T, i64)>,
    split: u32,
    read: u64,
}

impl<T: Data> Split<T, (u32, u64)> for ParquetSplit<T> {
    fn read(&mut self, budget: usize, records: &mut Batch<T>) -> OperatorResult<ReadStatus> {
        if self.decoded.is_empty() && !self.decode_next()? {
            return Ok(ReadStatus::End);
        }
        let count = budget.min(self.decoded.len());
        records.extend(self.decoded.drain(..count));
        self.read += count as u64;
        Ok(ReadStatus::More)
    }

    fn position(&self) -> (u32, u64) {
        (self.split, self.read)
    }
}

impl<T: Data> ParquetSplit<T> {
    /// Returns whether there was anything left.
    fn decode_next(&mut self) -> OperatorResult<bool> {
        let Some(rows) = self.reader.next() else { return Ok(false) };
        let rows = rows.map_err(|error| at(&self.path, error))?;
        let records = (self.decode)(&Columns::new(&rows))?;
        if records.len() != rows.num_rows() {
            let found = format!("{} records of {} rows: one each is wanted", records.len(), rows.num_rows());
            return Err(OperatorError::new(ErrorKind::Internal, found));
        }
        self.decoded = records.into();
        Ok(true)
    }
}

/// Returns the rows of a split behind the first `read` of them, by block; none when the split is
/// not one of the file's or shorter than that.
fn rows_of(split: u32, read: u64, total: u64) -> Option<impl Iterator<Item = Range<u64>>> {
    let block = move |b: u64| b * BLOCK_ROWS..total.min((b + 1) * BLOCK_ROWS);
    let blocks = (u64::from(split)..total.div_ceil(BLOCK_ROWS)).step_by(SPLITS as usize).map(block);
    let rows: u64 = blocks.clone().map(|rows| rows.end - rows.start).sum();
    if split >= SPLITS || read > rows {
        return None;
    }
    let mut skip = read;
    Some(blocks.filter_map(move |rows| {
        let skipped = skip.min(rows.end - rows.start);
        skip -= skipped;
        (skipped < rows.end - rows.start).then(|| rows.start + skipped..rows.end)
    }))
}

fn at(path: &Path, error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> OperatorError {
    OperatorError::because(ErrorKind::Input, format!("{} cannot be read", path.display()), error)
}

fn misplaced(path: &Path, split: u32, read: u64, total: u64) -> OperatorError {
    let text = format!("{} has {total} rows: no row {read} of split {split}", path.display());
    OperatorError::new(ErrorKind::Input, text)
}
