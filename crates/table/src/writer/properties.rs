use alluvium_model::{Role, StateKind, StateSchema};
use arrow_schema::Schema;
use parquet::arrow::ArrowSchemaConverter;
use parquet::basic::{Compression, Type, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::properties::{
    BloomFilterPosition, BloomFilterProperties, EnabledStatistics, WriterProperties, WriterVersion,
};
use parquet::schema::types::ColumnDescriptor;

use crate::{RunInfo, RunOptions};

const CREATED_BY: &str = "alluvium";
/// Dictionaries stop growing here, so that a page read needs little beside it.
const DICTIONARY_BYTES: usize = 64 * 1024;
/// A wrong "perhaps" of a bloom filter costs one page.
const BLOOM_FALSE_POSITIVES: f64 = 0.05;

/// Returns the settings of a run's file.
///
/// Spec: FILE-1, FILE-5, FILE-6.
pub(super) fn of(
    schema: &StateSchema,
    arrow: &Schema,
    options: &RunOptions,
) -> Result<WriterProperties, ParquetError> {
    let statistics = if options.base { EnabledStatistics::Page } else { EnabledStatistics::None };
    let mut builder = WriterProperties::builder()
        .set_writer_version(WriterVersion::PARQUET_1_0)
        .set_created_by(CREATED_BY.to_owned())
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(options.zstd_level)?))
        .set_max_row_group_row_count(None)
        .set_data_page_size_limit(options.page_bytes)
        .set_data_page_row_count_limit(options.page_rows)
        .set_dictionary_page_size_limit(DICTIONARY_BYTES)
        .set_dictionary_enabled(false)
        .set_statistics_enabled(statistics)
        .set_bloom_filter_position(BloomFilterPosition::AfterRowGroup)
        .set_key_value_metadata(Some(RunInfo::head(schema, options.base, options.sequence)));
    for column in ArrowSchemaConverter::new().convert(arrow)?.columns() {
        if wants_dictionary(schema, column) {
            builder = builder.set_column_dictionary_enabled(column.path().clone(), true);
        }
        if options.base && wants_bloom_filter(column) {
            let bloom = BloomFilterProperties::builder()
                .with_fpp(BLOOM_FALSE_POSITIVES)
                .with_max_ndv(options.row_group_rows as u64)
                .try_build()?;
            builder = builder.set_column_bloom_filter_properties(column.path().clone(), bloom);
        }
    }
    Ok(builder.build())
}

fn wants_dictionary(schema: &StateSchema, column: &ColumnDescriptor) -> bool {
    let [name] = column.path().parts() else { return column.physical_type() == Type::BYTE_ARRAY };
    let is = |role: Role| name == role.name();
    let one_row_per_key =
        matches!(schema.kind, StateKind::Value | StateKind::Reducing | StateKind::Aggregating);
    if is(Role::Op) || is(Role::KeyGroup) || is(Role::Subtask) {
        return true;
    }
    column.physical_type() == Type::BYTE_ARRAY
        && !(is(Role::Key) && one_row_per_key && schema.namespace.is_none())
}

fn wants_bloom_filter(column: &ColumnDescriptor) -> bool {
    column.path().parts().first().is_some_and(|name| name == Role::Key.name())
        && column.physical_type() != Type::BOOLEAN
}
