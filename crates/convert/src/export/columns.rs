use std::fs::File;
use std::path::Path;

use alluvium_model::job::schema_to_json;
use alluvium_model::{RowBatch, Scan, SnapshotSource};
use alluvium_query::Target;
use arrow_ipc::reader::FileReader;
use arrow_ipc::writer::FileWriter;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;

use super::Written;
use crate::error::Result;
use crate::{Error, Format};

/// Key of the file metadata that holds the schema of the state.
const STATE: &str = "alluvium.state";

pub(super) fn write(
    source: &dyn SnapshotSource,
    target: &Target<'_>,
    path: &Path,
    format: Format,
) -> Result<Written> {
    let file = File::create_new(path).map_err(Error::io(path))?;
    let (read, written) = match format {
        Format::ArrowIpc => (ipc_file(source, target, file, path)?, ipc_rows(path)?),
        _ => (parquet_file(source, target, file, path)?, parquet_rows(path)?),
    };
    Ok(Written { read, written, original_bytes: false })
}

fn each_batch(
    source: &dyn SnapshotSource,
    target: &Target<'_>,
    mut take: impl FnMut(&RowBatch) -> Result<()>,
) -> Result<u64> {
    let mut stream = source.scan(&Scan::all(target.operator.id, &target.table.schema.name))?;
    let mut rows = 0;
    while let Some(batch) = stream.next_batch()? {
        rows += batch.len() as u64;
        take(&batch)?;
    }
    Ok(rows)
}

fn parquet_file(source: &dyn SnapshotSource, target: &Target<'_>, file: File, path: &Path) -> Result<u64> {
    let schema = &target.table.schema;
    let level = ZstdLevel::try_new(1).map_err(Error::parquet(path))?;
    let state = KeyValue::new(STATE.to_owned(), schema_to_json(schema).to_string());
    let properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(level))
        .set_key_value_metadata(Some(vec![state]))
        .build();
    let mut out = ArrowWriter::try_new(file, schema.arrow_schema(false), Some(properties))
        .map_err(Error::parquet(path))?;
    let rows = each_batch(source, target, |batch| out.write(batch.rows()).map_err(Error::parquet(path)))?;
    out.close().map_err(Error::parquet(path))?;
    Ok(rows)
}

fn parquet_rows(path: &Path) -> Result<u64> {
    let file = File::open(path).map_err(Error::io(path))?;
    let reader = ParquetRecordBatchReaderBuilder::try_new(file).map_err(Error::parquet(path))?;
    Ok(reader.metadata().file_metadata().num_rows().unsigned_abs())
}

fn ipc_file(source: &dyn SnapshotSource, target: &Target<'_>, file: File, path: &Path) -> Result<u64> {
    let schema = target.table.schema.arrow_schema(false);
    let mut out = FileWriter::try_new_buffered(file, &schema).map_err(Error::arrow(path))?;
    let rows = each_batch(source, target, |batch| out.write(batch.rows()).map_err(Error::arrow(path)))?;
    out.finish().map_err(Error::arrow(path))?;
    Ok(rows)
}

fn ipc_rows(path: &Path) -> Result<u64> {
    let file = File::open(path).map_err(Error::io(path))?;
    let reader = FileReader::try_new_buffered(file, None).map_err(Error::arrow(path))?;
    let mut rows = 0;
    for batch in reader {
        rows += batch.map_err(Error::arrow(path))?.num_rows() as u64;
    }
    Ok(rows)
}
