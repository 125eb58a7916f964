use std::fs;
use std::path::Path;
use std::sync::Arc;

use alluvium_env::Env;
use alluvium_model::job::job_from_json;
use alluvium_model::source::SnapshotSource;
use alluvium_model::{
    ElementType, KeyGroupFunction, LogicalType, MaxParallelism, Row, RowBatchBuilder, StateKind, StateSchema,
    StructType, TimeDomain, Value, canonical, spec,
};
use alluvium_query::diff;
use alluvium_snapshot::format::JobRef;
use alluvium_snapshot::{OperatorSpec, Snapshot, SnapshotWriter, locate};
use alluvium_store::{LocalStore, block_on};

use super::*;

mod foreign;

fn states() -> Vec<(StateSchema, Vec<Row>)> {
    let keyed = |name: &str, kind| StateSchema::new(name, kind).with_key(LogicalType::String);
    let long = || ElementType::required(LogicalType::Int64);
    let totals = LogicalType::Struct(StructType::of([
        ("airport", ElementType::nullable(LogicalType::String)),
        ("flights", ElementType::required(LogicalType::Int32)),
        (
            "tags",
            ElementType::required(LogicalType::List(Box::new(ElementType::nullable(LogicalType::Date)))),
        ),
    ]));
    let total = |n: i64| {
        let airport = if n % 2 == 0 { Value::Null } else { Value::String(format!("A,\"{n}\n")) };
        Value::Struct(vec![airport, Value::Int(n), Value::List(vec![Value::Int(n), Value::Null])])
    };
    let key = |n: i64| Value::String(format!("N{n}"));
    vec![
        (
            keyed("totals", StateKind::Value).with_value(ElementType::required(totals)),
            (0..50).map(|n| Row { key: key(n), value: total(n), ..Row::default() }).collect(),
        ),
        (
            keyed("Visits/per airport", StateKind::Map).with_map_key(LogicalType::String).with_value(long()),
            (0..60)
                .map(|n| Row { key: key(n / 3), map_key: key(n), value: Value::Int(n), ..Row::default() })
                .collect(),
        ),
        (
            keyed("rotations", StateKind::List)
                .with_value(ElementType::nullable(LogicalType::Float64))
                .with_ttl_ms(1000),
            (0..40)
                .map(|n| Row {
                    key: key(n / 4),
                    position: n % 4,
                    value: if n % 5 == 0 { Value::Null } else { Value::Float64(n as f64 / 3.0) },
                    last_access: Some(100 + n),
                    ..Row::default()
                })
                .collect(),
        ),
        (
            keyed("windows", StateKind::Reducing).with_namespace(LogicalType::TimeWindow).with_value(long()),
            (0..20)
                .map(|n| Row {
                    key: key(n / 2),
                    namespace: Value::Window { start: n, end: n + 60 },
                    value: Value::Int(-n),
                    ..Row::default()
                })
                .collect(),
        ),
        (
            keyed("timers", StateKind::Timer(TimeDomain::Event)),
            (0..10).map(|n| Row { key: key(n), position: n * 1000, ..Row::default() }).collect(),
        ),
        (
            StateSchema::new("source-positions", StateKind::OperatorList).with_value(long()),
            (0..8)
                .map(|n| Row {
                    subtask: (n / 4) as i32,
                    position: n % 4,
                    value: Value::Int(n),
                    ..Row::default()
                })
                .collect(),
        ),
        (
            StateSchema::new("rules", StateKind::Broadcast)
                .with_map_key(LogicalType::Int32)
                .with_value(ElementType::required(LogicalType::Decimal { precision: 10, scale: 2 })),
            (0..5)
                .map(|n| Row { map_key: Value::Int(n), value: Value::Decimal(n.into()), ..Row::default() })
                .collect(),
        ),
    ]
}

fn write_savepoint(directory: &Path) -> Snapshot {
    let max = MaxParallelism::new(16).unwrap();
    let store = Arc::new(LocalStore::create_dir(directory).unwrap());
    let mut writer = SnapshotWriter::savepoint(store, &Env::simulated(1), JobRef::default());
    block_on(writer.operator(OperatorSpec::new("air/craft", 16, KeyGroupFunction::JavaHash))).unwrap();
    for (schema, rows) in states() {
        let schema = Arc::new(alluvium_model::evolution::assign_field_ids(&schema, None));
        let mut builder = RowBatchBuilder::new(Arc::clone(&schema), false);
        for mut row in rows {
            if let Some(ty) = &schema.key {
                let bytes = canonical::to_bytes(&row.key, ty).unwrap();
                row.key_group = KeyGroupFunction::JavaHash.place(&row.key, ty, &bytes, max).unwrap();
            }
            builder.push(row).unwrap();
        }
        block_on(writer.begin_table(schema)).unwrap();
        block_on(writer.write(&builder.finish().unwrap())).unwrap();
    }
    block_on(writer.finish()).unwrap();
    locate(directory).unwrap().open().unwrap()
}

fn job_of(exported: &Path) -> ImportPlan {
    let text = fs::read_to_string(exported.join(SCHEMA_FILE)).unwrap();
    ImportPlan::new(Schemas::Job(job_from_json(&serde_json::from_str(&text).unwrap()).unwrap()))
}

fn assert_equal_digests(a: &Snapshot, b: &Snapshot) {
    for operator in &a.describe().operators {
        for table in &operator.states {
            let name = &table.schema.name;
            let digest = |snapshot: &Snapshot| snapshot.digest(operator.id, name).unwrap().unwrap();
            assert!(!digest(a).groups.is_empty(), "{name}");
            assert_eq!(digest(a), digest(b), "{name}");
        }
    }
}

fn round_trip(format: Format) {
    spec!("ROWHASH-1");
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name);
    let source = write_savepoint(&path("a"));
    let report = export(&source, &path("files"), format).unwrap();
    assert!(report.is_lossless());
    let report = import(&path("files"), &path("b"), &job_of(&path("files")), &Env::simulated(2)).unwrap();
    assert!(report.states.iter().all(|state| state.read == state.written && state.file.is_some()));
    assert_equal_digests(&source, &locate(path("b")).unwrap().open().unwrap());
}

#[test]
fn savepoint_survives_json_lines() {
    round_trip(Format::Jsonl);
}

#[test]
fn savepoint_survives_parquet() {
    round_trip(Format::Parquet);
}

#[test]
fn every_state_gets_a_file_of_its_own() {
    let dir = tempfile::tempdir().unwrap();
    let source = write_savepoint(&dir.path().join("a"));
    let report = export(&source, &dir.path().join("csv"), Format::Csv).unwrap();
    assert!(!report.is_lossless());
    assert_eq!(report.states[1].file.as_deref(), Some("air%2Fcraft/%56isits%2Fper%20airport.csv"));
    assert_eq!((report.states[2].read, report.states[0].read), (10, 50));
    let text = fs::read_to_string(dir.path().join("csv").join("air%2Fcraft/rotations.csv")).unwrap();
    assert!(text.starts_with("key_group,key,value,last_access\n"), "{text}");
    let report = export(&source, &dir.path().join("ipc"), Format::ArrowIpc).unwrap();
    assert_eq!(report.states[2].written, 40);
    let again = export(&source, &dir.path().join("ipc"), Format::ArrowIpc);
    assert!(matches!(again, Err(Error::NotEmpty { .. })));
}

#[test]
fn lines_out_of_order_are_sorted() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name);
    let source = write_savepoint(&path("a"));
    export(&source, &path("files"), Format::Jsonl).unwrap();
    let file = path("files").join("air%2Fcraft/totals.jsonl");
    let text = fs::read_to_string(&file).unwrap();
    let turned: Vec<&str> = text.lines().rev().collect();
    fs::write(&file, turned.join("\n")).unwrap();
    import(&path("files"), &path("b"), &job_of(&path("files")), &Env::simulated(2)).unwrap();
    assert_equal_digests(&source, &locate(path("b")).unwrap().open().unwrap());
}

#[test]
fn patch_replaces_one_state_and_keeps_the_others() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name);
    let source = write_savepoint(&path("a"));
    let line = r#"{"key":"N1","value":{"airport":"JFK","flights":7,"tags":[]}}"#;
    fs::write(path("one.jsonl"), line).unwrap();
    let mut plan = ImportPlan::new(Schemas::Like(Box::new(locate(path("a")).unwrap().open().unwrap())));
    plan.state = Some("air%2Fcraft/totals".into());
    import(&path("one.jsonl"), &path("b"), &plan, &Env::simulated(2)).unwrap();
    let patched = locate(path("b")).unwrap().open().unwrap();
    let mut states = Vec::new();
    let summary = diff(&source, &patched, &mut |difference| {
        states.push(difference.to_json()["state"].clone());
        std::ops::ControlFlow::Continue(())
    });
    states.dedup();
    assert_eq!(states, ["totals"]);
    let summary = summary.unwrap();
    assert_eq!((summary.changed, summary.removed), (1, 49));
}

#[test]
fn savepoint_of_a_savepoint_is_equal() {
    let dir = tempfile::tempdir().unwrap();
    let source = write_savepoint(&dir.path().join("a"));
    let report = to_savepoint(&source, &dir.path().join("b"), &Env::simulated(3)).unwrap();
    assert_eq!(report.states.len(), 7);
    assert_equal_digests(&source, &locate(dir.path().join("b")).unwrap().open().unwrap());
}

fn refused(line: &str) -> String {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name);
    let like = write_savepoint(&path("a"));
    fs::write(path("rows.jsonl"), line).unwrap();
    let mut plan = ImportPlan::new(Schemas::Like(Box::new(like)));
    plan.state = Some("air%2Fcraft/rotations".into());
    let error = import(&path("rows.jsonl"), &path("b"), &plan, &Env::simulated(2)).unwrap_err();
    assert_eq!(error.kind(), alluvium_model::ErrorKind::Input, "{error}");
    assert!(!path("b").join("savepoint.manifest").exists());
    let text = error.to_string();
    text.split_once("rows.jsonl").map_or(text.clone(), |(_, text)| text.to_owned())
}

#[test]
fn odd_rows_are_refused_with_their_place() {
    let good = r#"{"key":"N1","value":[1.5],"last_access":[7]}"#;
    assert_eq!(refused(&format!("{good}\nnothing")), ", row 2: no JSON object");
    assert_eq!(refused(r#"{"key":"N1","valu":[]}"#), r#", row 1: unknown member "valu""#);
    assert_eq!(refused(r#"{"value":[]}"#), ", row 1: key is missing");
    assert_eq!(refused(r#"{"key":"N1","value":[1]}"#), ", row 1: last_access is missing");
    let elsewhere = refused(r#"{"key_group":99,"key":"N1","value":[1],"last_access":[1]}"#);
    assert!(elsewhere.starts_with(", row 1: key group 99, while the key lies in"), "{elsewhere}");
}

#[test]
fn files_of_no_state_are_named() {
    let dir = tempfile::tempdir().unwrap();
    let like = write_savepoint(&dir.path().join("a"));
    fs::create_dir_all(dir.path().join("files/aircraft")).unwrap();
    fs::write(dir.path().join("files/aircraft/totals.jsonl"), "").unwrap();
    let plan = ImportPlan::new(Schemas::Like(Box::new(like)));
    let error = import(&dir.path().join("files"), &dir.path().join("b"), &plan, &Env::simulated(2));
    assert!(matches!(error, Err(Error::UnknownFile { wanted, .. }) if wanted[0] == "air%2Fcraft/totals"));
}
