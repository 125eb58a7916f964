//! Sources and sinks.
//!
//! * [`ParquetSource`]: reads a Parquet file, split by blocks of rows, from any position on
//! * [`FileSink`]: writes text files in two phases; a file appears only with the checkpoint that
//!   covers it
//!
//! Errors are [`OperatorError`](alluvium_dataflow::OperatorError)s: they fail the task, which then
//! recovers.
#![deny(missing_docs)]

mod columns;
mod file_sink;
mod parquet_source;

pub use columns::{Columns, FloatColumn, IntegerColumn, TextColumn};
pub use file_sink::{Csv, FileSink, JsonLines, StagedFile, TextFormat, committed_lines};
pub use parquet_source::{BLOCK_ROWS, ParquetSource, SPLITS};
