use alluvium_model::{KeyGroupRange, LogicalType, Op, Role, Row, StateKind, Value, canonical, spec};
use bytes::Bytes;

use super::*;
use crate::testing::*;
use crate::{Restriction, RunOptions, drive, read_all};

fn read(bytes: &Bytes, schema: &Arc<StateSchema>, base: bool, options: ReadOptions) -> Vec<RowBatch> {
    drive(&mut RunReader::new(bytes.len() as u64, Arc::clone(schema), base, options), bytes).unwrap()
}

fn options(deltas: bool) -> RunOptions {
    small(if deltas { RunOptions::delta((1, 2)) } else { RunOptions::base((1, 2)) })
}

fn check_round_trip(schema: &Arc<StateSchema>, deltas: bool) {
    let rows = batch(schema, &rows(schema, 350, deltas, 11), deltas);
    let (bytes, meta) = write(schema, &rows, options(deltas), 77);
    let (info, found) = read_all(bytes.clone()).unwrap();
    assert_rows(&found, &rows);
    assert_eq!(info.schema, *schema);
    assert_eq!((info.base, info.sequence, info.rows), (!deltas, (1, 2), meta.rows));
    assert_eq!((info.rows_digest, &info.key_groups), (meta.rows_digest, &meta.key_groups));
    let columns =
        ReadOptions { sort_keys: false, window_pages: 100, batch_rows: 33, ..ReadOptions::default() };
    let mut at = 0;
    for batch in read(&bytes, schema, !deltas, columns) {
        assert_eq!(batch.rows(), rows.slice(at, batch.len()).rows());
        assert!(batch.len() <= 33 && batch.sort_key(0).is_empty());
        at += batch.len();
    }
    assert_eq!(at, rows.len());
}

#[test]
fn every_kind_reads_back() {
    spec!("TABLE-2", "TABLE-3", "TABLE-4", "ORDER-2", "ORDER-3", "ORDER-4", "RUN-2", "RUN-5", "FILE-4");
    for kind in StateKind::ALL {
        for (extras, deltas) in [(false, false), (true, false), (false, true), (true, true)] {
            if kind.is_keyed() || !deltas {
                check_round_trip(&schema_of(kind, LogicalType::String, LogicalType::Int32, extras), deltas);
            }
        }
    }
}

#[test]
fn every_type_reads_back_as_value_and_as_key() {
    spec!("FILE-1", "FILE-2", "ORDER-2");
    for ty in types() {
        check_round_trip(&schema_of(StateKind::Map, LogicalType::Int64, ty.clone(), true), true);
        check_round_trip(&schema_of(StateKind::Map, ty.clone(), LogicalType::String, false), false);
    }
}

#[test]
fn opaque_rows_read_back() {
    spec!("TYPE-25", "TABLE-4");
    let mut schema = (*map_schema()).clone();
    schema.raw = vec![Role::KeyRaw, Role::MapKeyRaw, Role::ValueRaw];
    let schema = Arc::new(schema);
    let mut some = rows(&schema, 40, false, 12);
    let opaque = |n: u8| Value::Opaque { serializer: "Kryo".into(), bytes: vec![n, 0, 1] };
    for (i, row) in some.iter_mut().enumerate() {
        match i % 4 {
            0 => row.key = opaque(i as u8),
            1 => row.map_key = Value::Wtf8(vec![0xED, 0xA0, 0x80]),
            2 => row.value = opaque(9),
            _ => {}
        }
    }
    let rows = batch(&schema, &some, false);
    let (bytes, _) = write(&schema, &rows, options(false), 7);
    assert_rows(&read_all(bytes).unwrap().1, &rows);
}

fn check_restriction(schema: &Arc<StateSchema>, restriction: Restriction) {
    let rows = batch(schema, &rows(schema, 700, false, 13), false);
    let (bytes, _) = write(schema, &rows, options(false), 100);
    let wanted: Vec<usize> = (0..rows.len())
        .filter(|row| {
            let (group, key) = (rows.key_group(*row), rows.sort_key(*row));
            restriction.key_groups.is_none_or(|range| range.contains(group))
                && restriction.prefix.as_ref().is_none_or(|prefix| key.starts_with(prefix))
                && restriction.after.as_ref().is_none_or(|(g, k)| (group, key) > (*g, k.as_slice()))
        })
        .collect();
    for window_pages in [1, 2, 50] {
        let options =
            ReadOptions { window_pages, restriction: restriction.clone(), ..ReadOptions::default() };
        let found = read(&bytes, schema, true, options);
        let mut expected = wanted.iter();
        for batch in &found {
            for row in 0..batch.len() {
                let at = *expected.next().expect("no more rows than wanted");
                assert_eq!(
                    (batch.key_group(row), batch.sort_key(row)),
                    (rows.key_group(at), rows.sort_key(at))
                );
                assert_eq!(batch.slice(row, 1).rows(), rows.slice(at, 1).rows());
            }
        }
        assert_eq!(expected.next(), None, "{restriction:?}");
    }
}

#[test]
fn restrictions_give_exactly_the_rows_asked_for() {
    spec!("FILE-4", "CLIP-2", "ORDER-1");
    for kind in [StateKind::Map, StateKind::Value, StateKind::OperatorList] {
        let schema = schema_of(kind, LogicalType::Int16, LogicalType::Int32, false);
        let all = rows(&schema, 700, false, 13);
        let keys: Vec<_> = all.iter().map(|row| (row.key_group, row.sort_key(&schema).unwrap())).collect();
        for (start, end) in [(0, 1), (0, 128), (3, 4), (7, 30), (49, 60), (60, 70)] {
            let key_groups = Some(KeyGroupRange::new(start, end));
            check_restriction(&schema, Restriction { key_groups, ..Restriction::default() });
        }
        for (group, key) in keys.iter().step_by(41) {
            let after = Some((*group, key.clone()));
            check_restriction(&schema, Restriction { after: after.clone(), ..Restriction::default() });
            let prefix = Some(key[..2].to_vec());
            check_restriction(&schema, Restriction { prefix: prefix.clone(), ..Restriction::default() });
            let key_groups = Some(KeyGroupRange::new(u32::from(group.0), u32::from(group.0) + 1));
            check_restriction(&schema, Restriction { key_groups, prefix, after });
        }
        check_restriction(&schema, Restriction { prefix: Some(vec![0x7F, 0, 1]), ..Restriction::default() });
    }
}

#[test]
fn look_up_reads_a_few_pages_and_a_filter_excludes_missing_keys() {
    spec!("FILE-6");
    let schema = value_schema();
    let some: Vec<Row> = (0..120_000i64)
        .map(|i| Row {
            key_group: KeyGroup(3),
            key: Value::Int(2 * i),
            value: Value::Int(i * i),
            ..Row::default()
        })
        .collect();
    let (bytes, _) = run(&schema, &some, RunOptions { page_rows: 1024, ..RunOptions::base((1, 1)) });
    let read_key = |key: i64| {
        let prefix = Some(canonical::to_bytes(&Value::Int(key), &LogicalType::Int64).unwrap());
        let key_groups = Some(KeyGroupRange::new(3, 4));
        let restriction = Restriction { key_groups, prefix, after: None };
        let options = ReadOptions { restriction, ..ReadOptions::default() };
        let mut reader = RunReader::new(bytes.len() as u64, Arc::clone(&schema), true, options);
        let (mut asked, mut rows) = (0, 0);
        loop {
            match reader.next().unwrap() {
                Step::NeedRanges(needs) => {
                    asked += needs.iter().map(|n| n.range.end - n.range.start).sum::<u64>();
                    let answer = |n: &Need| bytes.slice(n.range.start as usize..n.range.end as usize);
                    reader.supply(needs.iter().map(answer).collect()).unwrap();
                }
                Step::Batch(batch) => rows += batch.len(),
                Step::Done => return (rows, asked),
            }
        }
    };
    let (rows, asked) = read_key(131_000);
    assert_eq!(rows, 1);
    assert!(asked < bytes.len() as u64 / 2, "{asked} of {}", bytes.len());
    let missing: Vec<u64> =
        (0..20).map(|i| read_key(2 * i * 997 + 1)).map(|(rows, asked)| asked + rows as u64).collect();
    assert!(missing.iter().filter(|bytes| **bytes < asked).count() >= 15, "{missing:?}");
}

#[test]
fn windows_hold_few_pages() {
    spec!("FILE-5");
    let schema = value_schema();
    let some: Vec<Row> = (0..100_000i64)
        .map(|i| Row {
            key: Value::Int(i),
            value: Value::Int(i.wrapping_mul(0x9E37_79B9_7F4A_7C15_u64 as i64)),
            ..Row::default()
        })
        .collect();
    let (bytes, _) = run(&schema, &some, RunOptions::base((1, 1)));
    assert!(bytes.len() > 700_000);
    let mut reader = RunReader::new(bytes.len() as u64, schema, true, ReadOptions::default());
    while let Some(needs) = reader.open().unwrap() {
        reader
            .supply(needs.iter().map(|n| bytes.slice(n.range.start as usize..n.range.end as usize)).collect())
            .unwrap();
    }
    let mut rows = 0;
    loop {
        match reader.next().unwrap() {
            Step::NeedRanges(needs) => {
                let asked: u64 = needs.iter().map(|n| n.range.end - n.range.start).sum();
                assert!(asked <= 3 * crate::LEAF_BYTES, "{asked}");
                reader
                    .supply(
                        needs
                            .iter()
                            .map(|n| bytes.slice(n.range.start as usize..n.range.end as usize))
                            .collect(),
                    )
                    .unwrap();
            }
            Step::Batch(batch) => rows += batch.len(),
            Step::Done => break,
        }
    }
    assert_eq!(rows, 100_000);
}

#[test]
fn a_run_of_another_schema_is_refused() {
    spec!("TABLE-3", "FILE-3");
    let schema = value_schema();
    let (bytes, _) = run(&schema, &rows(&schema, 5, false, 14), RunOptions::base((1, 1)));
    let mut renamed = (*schema).clone();
    renamed.name = "another".into();
    assert_eq!(read(&bytes, &Arc::new(renamed), true, ReadOptions::default()).len(), 1);
    let wider = Arc::new((*schema).clone().with_ttl_ms(5));
    for (schema, base) in
        [(map_schema(), true), (Arc::clone(&schema), false), (wider, true), (list_schema(), true)]
    {
        let mut reader = RunReader::new(bytes.len() as u64, schema, base, ReadOptions::default());
        assert!(matches!(drive(&mut reader, &bytes), Err(Error::Malformed { .. })));
        assert!(matches!(reader.next(), Ok(Step::Done)));
    }
}

#[test]
fn supplying_other_bytes_than_asked_for_is_an_error() {
    let mut reader = RunReader::unknown(100, ReadOptions::default());
    let Step::NeedRanges(needs) = reader.next().unwrap() else { panic!("no ranges") };
    assert_eq!(needs, [Need { run: 0, range: 0..100 }]);
    assert!(matches!(reader.supply(vec![Bytes::from_static(b"short")]), Err(Error::Supplied { .. })));
}

/// Writes rows past the writer's own checks.
fn forge(schema: &Arc<StateSchema>, batches: &[RowBatch], index: &str) -> Bytes {
    use parquet::arrow::ArrowWriter;
    use parquet::arrow::arrow_writer::ArrowWriterOptions;
    use parquet::file::metadata::KeyValue;
    let deltas = batches[0].has_ops();
    let options = ArrowWriterOptions::new().with_skip_arrow_metadata(true).with_properties(
        parquet::file::properties::WriterProperties::builder()
            .set_compression(parquet::basic::Compression::ZSTD(Default::default()))
            .build(),
    );
    let mut writer =
        ArrowWriter::try_new_with_options(Vec::new(), schema.arrow_schema(deltas), options).unwrap();
    batches.iter().for_each(|batch| writer.write(batch.rows()).unwrap());
    let rows: usize = batches.iter().map(RowBatch::len).sum();
    let json = alluvium_model::job::schema_to_json(schema).to_string();
    for (key, value) in [
        ("alluvium.version", "1".to_owned()),
        ("alluvium.schema", json),
        ("alluvium.base", (!deltas).to_string()),
        ("alluvium.sequence", "1-1".to_owned()),
        ("alluvium.digest", format!("{rows}:{:032x}", 0)),
        ("alluvium.key_groups", index.to_owned()),
    ] {
        writer.append_key_value_metadata(KeyValue { key: key.into(), value: Some(value) });
    }
    Bytes::from(writer.into_inner().unwrap())
}

fn broken_rule(bytes: Bytes) -> &'static str {
    match read_all(bytes) {
        Err(Error::Malformed { rule, .. }) => rule,
        other => panic!("{other:?}"),
    }
}

#[test]
fn broken_rules_are_named() {
    spec!("FILE-3", "FILE-4", "ORDER-1", "ORDER-5", "RUN-4", "RUN-5");
    let schema = value_schema();
    let row = |group, key, op| Row {
        op,
        key_group: KeyGroup(group),
        key: Value::Int(key),
        value: Value::Int(1),
        ..Row::default()
    };
    let one = |group, key| batch(&schema, &[row(group, key, Op::Put)], false);
    let good = forge(&schema, &[one(1, 1), one(2, 2)], "[[1,0,1],[2,1,1]]");
    assert_eq!(read_all(good).unwrap().1.len(), 1);
    assert_eq!(broken_rule(forge(&schema, &[one(1, 2), one(1, 1)], "[[1,0,2]]")), "ORDER-1");
    assert_eq!(broken_rule(forge(&schema, &[one(1, 1), one(1, 1)], "[[1,0,2]]")), "ORDER-5");
    assert_eq!(broken_rule(forge(&schema, &[one(1, 1), one(2, 2)], "[[1,0,2]]")), "FILE-4");
    assert_eq!(broken_rule(forge(&schema, &[one(1, 1), one(2, 2)], "[[1,0,1]]")), "FILE-4");
    assert_eq!(broken_rule(forge(&schema, &[one(1, 1)], "")), "FILE-4");
    let deltas = batch(&schema, &[row(1, 1, Op::Put)], true);
    for (op, rule) in [(3, "RUN-4"), (1, "RUN-5"), (2, "RUN-5")] {
        let mut columns = deltas.rows().columns().to_vec();
        columns[0] = Arc::new(arrow_array::UInt8Array::from(vec![op]));
        let odd = arrow_array::RecordBatch::try_new(deltas.rows().schema(), columns).unwrap();
        let odd = RowBatch::new(Arc::clone(&schema), true, odd, deltas.sort_keys().clone()).unwrap();
        assert_eq!(broken_rule(forge(&schema, &[odd], "[[1,0,1]]")), rule);
    }
}

#[test]
fn a_file_cut_at_any_length_is_an_error() {
    spec!("FILE-1", "FILE-7");
    for bytes in fixtures() {
        for length in 0..bytes.len() {
            assert!(read_all(bytes.slice(..length)).is_err(), "cut at {length}");
        }
    }
}

#[test]
fn a_file_with_any_byte_flipped_is_an_error_or_rows() {
    spec!("FILE-7");
    for bytes in fixtures() {
        for at in 0..bytes.len() {
            let mut flipped = bytes.to_vec();
            flipped[at] ^= [0x01, 0x80, 0xFF][at % 3];
            let _ = read_all(flipped);
        }
    }
}

fn fixtures() -> Vec<Bytes> {
    let visits = map_schema();
    let nested = types().into_iter().find(|ty| matches!(ty, LogicalType::Struct(_))).unwrap();
    let nested = schema_of(StateKind::List, LogicalType::Int64, nested, true);
    vec![
        run(&visits, &rows(&visits, 12, true, 15), RunOptions { page_rows: 5, ..RunOptions::delta((1, 1)) })
            .0,
        run(
            &nested,
            &rows(&nested, 20, false, 16),
            RunOptions { row_group_rows: 12, ..RunOptions::base((1, 1)) },
        )
        .0,
    ]
}
