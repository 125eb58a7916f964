//! What the machine can do without us: plain Parquet, plain files.

use std::fs::File;
use std::io::{Read, Write};
use std::path::Path;

use arrow_array::RecordBatch;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::arrow::arrow_writer::ArrowWriterOptions;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::{BloomFilterProperties, EnabledStatistics, WriterProperties, WriterVersion};
use parquet::schema::types::ColumnPath;

const ROW_GROUP_ROWS: usize = 131_072;

/// Writes sorted columns with the settings of our files; returns the bytes.
pub(crate) fn write_parquet(path: &Path, batches: &[RecordBatch], base: bool) -> anyhow::Result<u64> {
    let Some(first) = batches.first() else { return Ok(0) };
    let options = ArrowWriterOptions::new().with_properties(properties(base)?).with_skip_arrow_metadata(true);
    let mut writer = ArrowWriter::try_new_with_options(File::create(path)?, first.schema(), options)?;
    for batch in batches {
        writer.write(batch)?;
    }
    let file = writer.into_inner()?;
    file.sync_all()?;
    Ok(file.metadata()?.len())
}

fn properties(base: bool) -> anyhow::Result<WriterProperties> {
    let dictionary = |builder: parquet::file::properties::WriterPropertiesBuilder, name: &[&str]| {
        let path = ColumnPath::from(name.iter().map(|part| (*part).to_owned()).collect::<Vec<_>>());
        builder.set_column_dictionary_enabled(path, true)
    };
    let statistics = if base { EnabledStatistics::Page } else { EnabledStatistics::None };
    let mut builder = WriterProperties::builder()
        .set_writer_version(WriterVersion::PARQUET_1_0)
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(1)?))
        .set_max_row_group_row_count(Some(ROW_GROUP_ROWS))
        .set_data_page_size_limit(64 * 1024)
        .set_data_page_row_count_limit(8192)
        .set_dictionary_page_size_limit(64 * 1024)
        .set_dictionary_enabled(false)
        .set_statistics_enabled(statistics);
    builder = dictionary(dictionary(builder, &["key_group"]), &["value", "city"]);
    if base {
        let bloom = BloomFilterProperties::builder()
            .with_fpp(0.05)
            .with_max_ndv(ROW_GROUP_ROWS as u64)
            .try_build()?;
        builder = builder.set_column_bloom_filter_properties(ColumnPath::from("key"), bloom);
    }
    Ok(builder.build())
}

/// Reads every column of Parquet files; returns the rows.
pub(crate) fn read_parquet(paths: &[impl AsRef<Path>]) -> anyhow::Result<u64> {
    let mut rows = 0;
    for path in paths {
        let reader = ParquetRecordBatchReaderBuilder::try_new(File::open(path)?)?.with_batch_size(8192);
        for batch in reader.build()? {
            rows += batch?.num_rows() as u64;
        }
    }
    Ok(rows)
}

/// Writes so many bytes one after the other.
pub(crate) fn write_file(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    let mut file = File::create(path)?;
    for piece in bytes.chunks(1 << 20) {
        file.write_all(piece)?;
    }
    Ok(file.sync_all()?)
}

/// Reads a file from its beginning to its end.
pub(crate) fn read_file(path: &Path) -> anyhow::Result<u64> {
    let (mut file, mut buffer, mut total) = (File::open(path)?, vec![0; 1 << 20], 0);
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(total),
            read => total += read as u64,
        }
    }
}
