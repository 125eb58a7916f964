//! A snapshot of another engine, and what becomes of it.

use std::ops::ControlFlow;

use alluvium_model::digest::TableDigest;
use alluvium_model::origin::{SerializerOrigin, StateOrigin};
use alluvium_model::source::{Damage, OperatorState, RowStream, SourceError, StateTable, Verified};
use alluvium_model::{
    Finished, KeyGroup, OperatorId, OperatorUid, Origin, Original, Originals, RowBatch, Scan, Side,
    SnapshotDescription,
};

use super::*;

/// States of another engine: struct fields without ids, original bytes, a time to live that is not
/// known, records in flight.
struct Foreign {
    description: SnapshotDescription,
    batches: Vec<RowBatch>,
}

struct Once(Arc<StateSchema>, Option<RowBatch>);

impl RowStream for Once {
    fn schema(&self) -> &Arc<StateSchema> {
        &self.0
    }

    fn next_batch(&mut self) -> Result<Option<RowBatch>, SourceError> {
        Ok(self.1.take().filter(|batch| !batch.is_empty()))
    }
}

impl SnapshotSource for Foreign {
    fn describe(&self) -> &SnapshotDescription {
        &self.description
    }

    fn scan(&self, scan: &Scan) -> Result<Box<dyn RowStream + Send + '_>, SourceError> {
        let batch = self.batches.iter().find(|batch| batch.schema().name == scan.state).unwrap();
        Ok(Box::new(Once(Arc::clone(batch.schema()), Some(batch.clone()))))
    }

    fn lookup(&self, _: OperatorId, _: &str, _: &Value) -> Result<Vec<RowBatch>, SourceError> {
        Ok(Vec::new())
    }

    fn digest(&self, _: OperatorId, _: &str) -> Result<Option<TableDigest>, SourceError> {
        Ok(None)
    }

    fn origin(&self) -> Result<Option<Origin>, SourceError> {
        let state = |batch: &RowBatch| StateOrigin {
            operator: operator(),
            schema: Arc::clone(batch.schema()),
            serializers: vec![SerializerOrigin {
                part: "value".into(),
                class: "S".into(),
                snapshot: batch.schema().name.clone().into_bytes(),
            }],
        };
        let states = self.batches.iter().map(state).collect();
        Ok(Some(Origin { engine: "flink".into(), states, ..Origin::default() }))
    }

    fn verify(&self, _: &mut dyn FnMut(Damage) -> ControlFlow<()>) -> Result<Verified, SourceError> {
        Ok(Verified::default())
    }
}

fn operator() -> OperatorId {
    OperatorUid::new("op").id()
}

fn batch(schema: StateSchema, rows: Vec<Row>) -> RowBatch {
    let mut builder = RowBatchBuilder::new(Arc::new(schema), false);
    rows.into_iter().for_each(|row| builder.push(row).unwrap());
    builder.finish().unwrap()
}

fn foreign() -> Foreign {
    let mut field = StructType::of([
        ("big", ElementType::required(LogicalType::BigDecimal)),
        (
            "side",
            ElementType::nullable(LogicalType::Either(
                Box::new(ElementType::nullable(LogicalType::BigInteger)),
                Box::new(ElementType::required(LogicalType::String)),
            )),
        ),
    ]);
    field.fields.iter_mut().for_each(|field| field.id = 0);
    let pojo = StateSchema::new("pojo", StateKind::Value)
        .with_key(LogicalType::String)
        .with_value(ElementType::required(LogicalType::Struct(field)))
        .with_unknown_ttl()
        .with_all_raw();
    let value = |text: &str, side| Value::Struct(vec![Value::big_decimal(text).unwrap(), side]);
    let side = |side, value| Value::Either(side, Box::new(value));
    let original = |bytes: &[u8]| Some(Original { serializer: "S".into(), bytes: bytes.to_vec() });
    let row = |group, key: &str, value| Row {
        key_group: KeyGroup(group),
        key: Value::String(key.into()),
        value,
        last_access: Some(i64::from(group)),
        ..Row::default()
    };
    let odd = Originals { value: original(b"odd"), ..Originals::default() };
    let rows = vec![
        row(1, "a", value("1.00", side(Side::Left, Value::Null))),
        row(1, "b", value("1.0", side(Side::Left, Value::BigInteger("1".repeat(60))))),
        Row { originals: Some(Box::new(odd)), ..row(2, "c", value("-1E+9", Value::Null)) },
        row(9, "d", Value::Opaque { serializer: "Kryo".into(), bytes: vec![1] }),
        Row {
            key: Value::Wtf8(vec![0xED, 0xA0, 0x80]),
            ..row(9, "", value("0", side(Side::Right, Value::String("".into()))))
        },
    ];
    let flight =
        StateSchema::new("edge", StateKind::InFlight).with_value(ElementType::required(LogicalType::Bytes));
    let batches =
        vec![batch(pojo, rows), batch(flight, vec![Row { value: Value::Bytes(vec![7]), ..Row::default() }])];
    let table = |batch: &RowBatch| StateTable {
        schema: Arc::clone(batch.schema()),
        entries: None,
        elements: None,
        bytes: None,
        opaque: false,
        rows_by_key_group: Vec::new(),
        serializers: Default::default(),
    };
    let operator = OperatorState {
        id: operator(),
        uid: None,
        name: None,
        parallelism: 2,
        max_parallelism: 16,
        key_group_function: KeyGroupFunction::Stored,
        finished: Finished::No,
        coordinator: false,
        states: batches.iter().map(table).collect(),
    };
    let description = SnapshotDescription {
        format: "flink",
        format_version: 4,
        kind: "checkpoint",
        layout: "incremental".into(),
        id: Some(3),
        operators: vec![operator],
        backend: None,
        facts: vec![],
    };
    Foreign { description, batches }
}

#[test]
fn snapshots_of_other_engines_become_savepoints_with_their_original_bytes_and_their_origin() {
    spec!("ORIGIN-2", "ORIGIN-3", "TTL-5", "TYPE-25");
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name);
    let source = foreign();
    let report = copy(&source, &path("a"), &Env::simulated(1)).unwrap();
    assert_eq!(report.states[0].losses, []);
    assert_eq!((report.states[0].read, report.states[0].written), (5, 5));
    assert_eq!(report.states[1].losses, [Loss::InFlight]);
    let ours = locate(path("a")).unwrap().open().unwrap();
    let differences = |b: &Snapshot| {
        let mut found = Vec::new();
        diff(&source, b, &mut |difference| {
            found.push(difference.to_json().to_string());
            ControlFlow::Continue(())
        })
        .unwrap();
        found
    };
    let removed =
        format!(r#"{{"what":"state","change":"removed","operator":"{}","state":"edge"}}"#, operator());
    assert_eq!(differences(&ours), [removed]);
    let raw = |batch: &RowBatch| batch.column(alluvium_model::Role::ValueRaw).unwrap().to_data();
    let mut rows = ours.scan(&Scan::all(operator(), "pojo")).unwrap();
    assert_eq!(raw(&rows.next_batch().unwrap().unwrap()), raw(&source.batches[0]));
    assert_eq!(ours.verify(&mut |damage| panic!("{damage:?}")).unwrap().rows, 5);

    to_savepoint(&ours, &path("b"), &Env::simulated(2)).unwrap();
    let again = locate(path("b")).unwrap().open().unwrap();
    assert_equal_digests(&ours, &again);
    for snapshot in [&ours, &again] {
        let origin = snapshot.origin().unwrap().unwrap();
        let state = origin.state(operator(), &snapshot.describe().operators[0].states[0].schema).unwrap();
        assert_eq!((origin.states.len(), state.serializers[0].snapshot.as_slice()), (1, &b"pojo"[..]));
    }
}

#[test]
fn a_snapshot_of_another_engine_can_be_patched() {
    spec!("ORIGIN-3");
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name);
    let line = r#"{"key_group":1,"key":"a","value":{"big":"7","side":{"right":"x"}},"last_access":0}"#;
    fs::write(path("one.jsonl"), line).unwrap();
    let mut plan = ImportPlan::new(Schemas::LikeOther(Box::new(foreign())));
    plan.state = Some(format!("{}/pojo", operator()));
    import(&path("one.jsonl"), &path("b"), &plan, &Env::simulated(2)).unwrap();
    let patched = locate(path("b")).unwrap().open().unwrap();
    let found = patched.lookup(operator(), "pojo", &Value::String("a".into())).unwrap();
    assert_eq!(found.iter().map(RowBatch::len).sum::<usize>(), 1);
    assert_eq!(patched.origin().unwrap().unwrap().states.len(), 1);
}
