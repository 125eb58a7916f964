mod properties;
mod size;

use std::sync::Arc;

use alluvium_model::digest::RunHasher;
use alluvium_model::{KeyGroup, Op, RowBatch, StateSchema};
use arrow_array::{Array, RecordBatch};
use arrow_schema::SchemaRef;
use bytes::Bytes;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_writer::ArrowWriterOptions;

use crate::{Error, KeyGroupIndex, Result, RunInfo, RunMeta, RunOptions, ops, rule};

/// Writes the rows of one run as Parquet.
///
/// **Owns** the order check, the digest, the key-group index and where row groups end. **Does not
/// own** where bytes go or how a run is referred to.
///
/// Bytes are ready after each row group; memory is one row group, compressed, and its dictionaries.
/// Equal batches give equal bytes: nothing of the time, the machine or the release is written.
///
/// ```
/// # use std::sync::Arc;
/// use alluvium_model::{ElementType, KeyGroup, LogicalType, Row, RowBatchBuilder, StateKind, StateSchema, Value};
/// use alluvium_table::{RunOptions, RunWriter, read_all};
///
/// let schema = StateSchema::new("visits", StateKind::Value)
///     .with_key(LogicalType::String)
///     .with_value(ElementType::required(LogicalType::Int64));
/// let schema = Arc::new(schema);
/// let mut rows = RowBatchBuilder::new(Arc::clone(&schema), false);
/// rows.push(Row { key_group: KeyGroup(3), key: Value::String("JFK".into()), value: Value::Int(7), ..Row::default() })?;
///
/// let mut writer = RunWriter::new(schema, RunOptions::base((1, 1)))?;
/// writer.write(&rows.finish()?)?;
/// let (bytes, meta) = writer.finish()?;
/// assert_eq!(meta.rows, 1);
/// assert_eq!(read_all(bytes.concat())?.1.first().map(|batch| batch.len()), Some(1));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// Spec: FILE-1 to FILE-6, RUN-1, RUN-2, RUN-4, ROWHASH-9.
pub struct RunWriter {
    schema: Arc<StateSchema>,
    arrow: SchemaRef,
    options: RunOptions,
    parquet: ArrowWriter<Vec<u8>>,
    group_rows: usize,
    group_bytes: u64,
    taken: u64,
    last: Option<(KeyGroup, Vec<u8>)>,
    rows: u64,
    deletes: u64,
    clears: u64,
    key_groups: KeyGroupIndex,
    hasher: RunHasher,
}

impl RunWriter {
    /// Starts a run of a state.
    ///
    /// # Errors
    /// [`Error::Write`] when Parquet cannot hold the schema.
    pub fn new(schema: Arc<StateSchema>, options: RunOptions) -> Result<Self> {
        let arrow = schema.arrow_schema(!options.base);
        let properties = properties::of(&schema, &arrow, &options).map_err(Error::Write)?;
        // The types follow from Parquet's own and from the state's schema; Arrow's would cost half
        // of a small delta run.
        let writer_options =
            ArrowWriterOptions::new().with_properties(properties).with_skip_arrow_metadata(true);
        let parquet = ArrowWriter::try_new_with_options(Vec::new(), Arc::clone(&arrow), writer_options)
            .map_err(Error::Write)?;
        Ok(RunWriter {
            hasher: if options.base { RunHasher::of_base(schema.kind) } else { RunHasher::new() },
            schema,
            arrow,
            options,
            parquet,
            group_rows: 0,
            group_bytes: 0,
            taken: 0,
            last: None,
            rows: 0,
            deletes: 0,
            clears: 0,
            key_groups: KeyGroupIndex::default(),
        })
    }

    /// Adds rows; they ascend strictly within the batch and from batch to batch.
    ///
    /// # Errors
    /// [`Error::OutOfOrder`] for rows out of canonical order, [`Error::Layout`] for rows of another
    /// schema or with nulls where none may stand. The run is then unusable.
    ///
    /// Spec: ORDER-1, ORDER-5, RUN-2, RUN-4, RUN-5.
    pub fn write(&mut self, batch: &RowBatch) -> Result<()> {
        if batch.is_empty() {
            return Ok(());
        }
        self.check_layout(batch)?;
        self.check_order(batch)?;
        self.count(batch);
        self.hasher.update(batch)?;
        self.append(batch.rows())
    }

    /// Returns whether the run has reached `object_bytes_max`, so that rows should go on in
    /// another.
    pub fn should_split(&self) -> bool {
        self.bytes_written() + self.parquet.in_progress_size() as u64 >= self.options.object_bytes_max
    }

    /// Returns the number of rows written.
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// Returns the number of bytes that are ready or were taken.
    pub fn bytes_written(&self) -> u64 {
        self.taken + self.parquet.inner().len() as u64
    }

    /// Takes the bytes that are ready, in order; none while the first row group fills.
    ///
    /// # Errors
    /// [`Error::Write`] from the Parquet library.
    pub fn take_bytes(&mut self) -> Result<Vec<Bytes>> {
        self.parquet.sync().map_err(|e| Error::Write(e.into()))?;
        let ready = std::mem::take(self.parquet.inner_mut());
        self.taken += ready.len() as u64;
        Ok(if ready.is_empty() { Vec::new() } else { vec![Bytes::from(ready)] })
    }

    /// Ends the run; returns the rest of its bytes and what is known of it.
    ///
    /// # Errors
    /// [`Error::Write`] from the Parquet library.
    ///
    /// Spec: FILE-3, FILE-4, FILE-8.
    pub fn finish(mut self) -> Result<(Vec<Bytes>, RunMeta)> {
        let (rows_digest, live) = self.hasher.finish();
        let index = self.schema.kind.is_keyed().then_some(&self.key_groups);
        for entry in RunInfo::tail(rows_digest, index, live.as_ref()) {
            self.parquet.append_key_value_metadata(entry);
        }
        self.parquet.finish().map_err(Error::Write)?;
        let rest = std::mem::take(self.parquet.inner_mut());
        let meta = RunMeta {
            rows: self.rows,
            deletes: self.deletes,
            clears: self.clears,
            rows_digest,
            live,
            key_groups: self.key_groups,
            bytes: self.taken + rest.len() as u64,
        };
        Ok((vec![Bytes::from(rest)], meta))
    }

    fn check_layout(&self, batch: &RowBatch) -> Result<()> {
        let wrong = |column: &str, found: String| Error::Layout { column: column.to_owned(), found };
        if batch.has_ops() == self.options.base {
            return Err(wrong("op", format!("present: {}", batch.has_ops())));
        }
        let columns = batch.rows().columns();
        if columns.len() != self.arrow.fields().len() {
            return Err(wrong("*", format!("{} columns", columns.len())));
        }
        for (field, column) in self.arrow.fields().iter().zip(columns) {
            if !field.data_type().equals_datatype(column.data_type()) {
                return Err(wrong(field.name(), column.data_type().to_string()));
            }
            if !field.is_nullable() && column.null_count() > 0 {
                return Err(wrong(field.name(), format!("{} nulls", column.null_count())));
            }
        }
        if let Some(broken) = ops::broken(batch.rows()) {
            return Err(wrong(broken.column, broken.found));
        }
        Ok(())
    }

    fn check_order(&mut self, batch: &RowBatch) -> Result<()> {
        let before = self.last.as_ref().map(|(group, key)| (*group, key.as_slice()));
        let at = |row: usize| (batch.key_group(row), batch.sort_key(row));
        if let Some(row) = batch.first_unordered(before) {
            let before = row.checked_sub(1).map(at).or(before);
            let rule = if before == Some(at(row)) { rule::UNIQUE } else { rule::ORDER };
            return Err(Error::OutOfOrder { row: self.rows + row as u64, rule });
        }
        let (group, key) = at(batch.len() - 1);
        let mut buffer = self.last.take().map(|(_, key)| key).unwrap_or_default();
        buffer.clear();
        buffer.extend_from_slice(key);
        self.last = Some((group, buffer));
        Ok(())
    }

    fn count(&mut self, batch: &RowBatch) {
        let count = |op: Op| {
            batch.ops().unwrap_or_default().iter().filter(|found| **found == op as u8).count() as u64
        };
        self.deletes += count(Op::Delete);
        self.clears += count(Op::Clear);
        for same in batch.key_groups().unwrap_or_default().chunk_by(|a, b| a == b) {
            if let Some(group) = same.first() {
                self.key_groups.push(KeyGroup(*group), same.len() as u64);
            }
        }
        self.rows += batch.len() as u64;
    }

    /// Hands rows to Parquet, ending row groups by size.
    ///
    /// Spec: FILE-5.
    fn append(&mut self, rows: &RecordBatch) -> Result<()> {
        let total = rows.num_rows();
        let row_bytes = size::of_batch(rows).div_ceil(total.max(1) as u64).max(1);
        let mut at = 0;
        while at < total {
            let room = self.options.row_group_rows - self.group_rows;
            let fit = self.options.row_group_bytes.saturating_sub(self.group_bytes) / row_bytes;
            let least = usize::from(self.group_rows == 0);
            let fit = usize::try_from(fit).unwrap_or(usize::MAX).max(least);
            let count = fit.min(room).min(total - at);
            if count > 0 {
                self.parquet.write(&rows.slice(at, count)).map_err(Error::Write)?;
                at += count;
                self.group_rows += count;
                self.group_bytes += count as u64 * row_bytes;
            }
            if count == 0 || count == room || self.group_bytes >= self.options.row_group_bytes {
                self.parquet.flush().map_err(Error::Write)?;
                (self.group_rows, self.group_bytes) = (0, 0);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
