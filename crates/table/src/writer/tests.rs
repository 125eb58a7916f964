use alluvium_model::{LogicalType, Op, Row, StateKind, Value, spec};
use parquet::file::metadata::{PageIndexPolicy, ParquetMetaData, ParquetMetaDataReader};

use super::*;
use crate::testing::*;

fn metadata(bytes: &Bytes) -> ParquetMetaData {
    let mut reader = ParquetMetaDataReader::new().with_page_index_policy(PageIndexPolicy::Optional);
    reader.try_parse(bytes).unwrap();
    reader.finish().unwrap()
}

fn entry(metadata: &ParquetMetaData, key: &str) -> Option<String> {
    let entries = metadata.file_metadata().key_value_metadata().unwrap();
    entries.iter().find(|e| e.key == key).and_then(|e| e.value.clone())
}

fn example() -> Vec<Row> {
    let row = |op, key: &str, map_key: Option<&str>, value: Option<i64>| Row {
        op,
        key_group: KeyGroup(5),
        key: Value::String(key.into()),
        map_key: map_key.map_or(Value::Null, |k| Value::String(k.into())),
        value: value.map_or(Value::Null, Value::Int),
        ..Row::default()
    };
    vec![
        row(Op::Clear, "N1", None, None),
        row(Op::Put, "N1", Some("JFK"), Some(1)),
        row(Op::Delete, "N2", Some("LGA"), None),
    ]
}

#[test]
fn metadata_is_that_of_the_worked_example() {
    spec!("FILE-3", "FILE-4", "ROWHASH-9", "TABLE-3", "TABLE-4");
    let (bytes, meta) = run(&map_schema(), &example(), RunOptions::delta((4, 4)));
    assert_eq!((meta.rows, meta.deletes, meta.clears), (3, 1, 1));
    let metadata = metadata(&bytes);
    let expected = [
        ("alluvium.version", "1"),
        (
            "alluvium.schema",
            r#"{"name":"visits","kind":"map","key_type":"string","map_key_type":"string","value_type":"int64"}"#,
        ),
        ("alluvium.base", "false"),
        ("alluvium.sequence", "4-4"),
        ("alluvium.digest", "3:76d5e389800040084eef9344869b0eb5"),
        ("alluvium.key_groups", "[[5,0,3]]"),
    ];
    for (key, value) in expected {
        assert_eq!(entry(&metadata, key).as_deref(), Some(value), "{key}");
    }
    assert_eq!(metadata.file_metadata().key_value_metadata().unwrap().len(), expected.len());
    let columns =
        metadata.file_metadata().schema_descr().columns().iter().map(|c| (c.name(), c.max_def_level()));
    assert_eq!(
        columns.collect::<Vec<_>>(),
        [("op", 0), ("key_group", 0), ("key", 0), ("map_key", 1), ("value", 1)]
    );
}

#[test]
fn equal_batches_give_equal_bytes() {
    spec!("RUN-1");
    for kind in StateKind::ALL {
        let schema = schema_of(kind, LogicalType::String, LogicalType::Float64, true);
        let rows = rows(&schema, 300, false, 1);
        let write = || run(&schema, &rows, small(RunOptions::base((1, 1)))).0;
        assert_eq!(write(), write());
    }
}

#[test]
fn base_files_have_filters_and_page_statistics_and_deltas_only_an_offset_index() {
    spec!("FILE-1", "FILE-6");
    let schema = value_schema();
    let base = metadata(&run(&schema, &rows(&schema, 500, false, 2), small(RunOptions::base((1, 1)))).0);
    let delta = metadata(&run(&schema, &rows(&schema, 500, true, 2), small(RunOptions::delta((2, 2)))).0);
    for (metadata, is_base) in [(&base, true), (&delta, false)] {
        assert!(metadata.num_row_groups() >= 4);
        assert!(metadata.offset_index().is_some());
        for group in metadata.row_groups() {
            for column in group.columns() {
                let is_key = column.column_path().string() == "key";
                assert_eq!(column.bloom_filter_offset().is_some(), is_base && is_key);
                assert_eq!(column.column_index_offset().is_some(), is_base);
                assert_eq!(column.statistics().is_some(), is_base);
                assert!(matches!(column.compression(), parquet::basic::Compression::ZSTD(_)));
            }
        }
    }
}

#[test]
fn row_groups_end_by_rows_and_by_size() {
    spec!("FILE-5");
    let rows_of = |metadata: &ParquetMetaData| -> Vec<i64> {
        metadata.row_groups().iter().map(|g| g.num_rows()).collect()
    };
    let schema = value_schema();
    let many = rows(&schema, 250, false, 3);
    let by_rows = metadata(&run(&schema, &many, small(RunOptions::base((1, 1)))).0);
    assert_eq!(rows_of(&by_rows)[..2], [100, 100]);

    let options = RunOptions { row_group_bytes: 18 * 50, ..RunOptions::base((1, 1)) };
    let by_size = metadata(&run(&schema, &many, options).0);
    assert_eq!(rows_of(&by_size)[..2], [50, 50]);

    let schema = schema_of(StateKind::Value, LogicalType::Int64, LogicalType::Bytes, false);
    let mut wide = rows(&schema, 3, false, 3);
    wide.iter_mut().for_each(|row| row.value = Value::Bytes(vec![7; 5000]));
    let options = RunOptions { row_group_bytes: 4096, ..RunOptions::base((1, 1)) };
    assert_eq!(rows_of(&metadata(&run(&schema, &wide, options).0)), [1, 1, 1]);
}

#[test]
fn pages_end_at_their_size() {
    spec!("FILE-5");
    let schema = schema_of(StateKind::Value, LogicalType::Int64, LogicalType::Bytes, false);
    let mut wide = rows(&schema, 400, false, 4);
    let mut numbers = Numbers(9);
    wide.iter_mut()
        .for_each(|row| row.value = Value::Bytes((0..1000).map(|_| numbers.below(256) as u8).collect()));
    let metadata = metadata(&run(&schema, &wide, RunOptions::base((1, 1))).0);
    let pages = metadata.offset_index().unwrap()[0].last().unwrap().page_locations();
    assert!(pages.len() >= 5, "{} pages", pages.len());
    assert!(pages.iter().all(|page| page.compressed_page_size < 72 * 1024));
}

#[test]
fn fields_carry_their_ids() {
    spec!("FILE-2");
    let ty = types().into_iter().find(|ty| matches!(ty, LogicalType::Struct(_))).unwrap();
    let schema = schema_of(StateKind::Value, LogicalType::Int64, ty, false);
    let metadata = metadata(&run(&schema, &rows(&schema, 3, false, 5), RunOptions::base((1, 1))).0);
    let root = metadata.file_metadata().schema_descr().root_schema();
    let value = root.get_fields().last().unwrap();
    let ids: Vec<_> = value.get_fields().iter().map(|f| f.get_basic_info().id()).collect();
    assert_eq!(ids, [1, 2, 3]);
    assert!(!root.get_fields()[0].get_basic_info().has_id());
}

#[test]
fn rows_out_of_order_are_refused() {
    spec!("ORDER-1", "ORDER-5", "RUN-1");
    let schema = value_schema();
    let batch = batch(&schema, &rows(&schema, 10, false, 6), false);
    let check = |pieces: &[(usize, usize)], row| {
        let mut writer = RunWriter::new(Arc::clone(&schema), RunOptions::base((1, 1))).unwrap();
        let last = pieces.iter().map(|(at, len)| writer.write(&batch.slice(*at, *len))).last().unwrap();
        assert!(matches!(last, Err(Error::OutOfOrder { row: found, .. }) if found == row), "{last:?}");
    };
    check(&[(0, 5), (4, 1)], 5);
    check(&[(3, 2), (0, 1)], 2);
}

#[test]
fn rows_of_another_layout_are_refused() {
    spec!("RUN-2", "TABLE-4");
    let schema = value_schema();
    let with_ops = batch(&schema, &rows(&schema, 3, true, 7), true);
    let mut writer = RunWriter::new(Arc::clone(&schema), RunOptions::base((1, 1))).unwrap();
    assert!(matches!(writer.write(&with_ops), Err(Error::Layout { .. })));
    let other = batch(&map_schema(), &rows(&map_schema(), 3, false, 7), false);
    assert!(matches!(writer.write(&other), Err(Error::Layout { .. })));
}

#[test]
fn bytes_are_ready_after_each_row_group_and_a_full_file_says_so() {
    spec!("FILE-5");
    let schema = value_schema();
    let batch = batch(&schema, &rows(&schema, 300, false, 8), false);
    let options = RunOptions { object_bytes_max: 1000, ..small(RunOptions::base((1, 1))) };
    let mut writer = RunWriter::new(Arc::clone(&schema), options).unwrap();
    writer.write(&batch.slice(0, 50)).unwrap();
    assert!(!writer.should_split());
    assert!(writer.take_bytes().unwrap().concat().len() <= 4);
    writer.write(&batch.slice(50, 60)).unwrap();
    assert!(writer.take_bytes().unwrap().concat().len() > 500);
    writer.write(&batch.slice(110, batch.len() - 110)).unwrap();
    assert!(writer.should_split());
}

#[test]
fn a_run_without_rows_is_a_file() {
    spec!("FILE-1");
    let schema = value_schema();
    let writer = RunWriter::new(Arc::clone(&schema), RunOptions::base((1, 1))).unwrap();
    let (bytes, meta) = writer.finish().unwrap();
    assert_eq!(meta.rows, 0);
    assert!(crate::read_all(bytes.concat()).unwrap().1.is_empty());
}
