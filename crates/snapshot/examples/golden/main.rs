//! Writes the valid golden fixtures: `cargo run --release -p alluvium-snapshot --example golden -- DIR`.
//!
//! Each case is a snapshot and an `expected.json` with its live rows, made from the rows that were
//! put in and, for stacked cases, written down by hand: never read back from the files.

mod foreign;

use std::error::Error;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use alluvium_env::Env;
use alluvium_model::{
    ElementType, KeyGroup, KeyGroupFunction, KeyGroupRange, LogicalType, MaxParallelism, Op, OperatorUid,
    Role, Row, RowBatch, RowBatchBuilder, StateKind, StateSchema, TimeDomain, Value,
    evolution::assign_field_ids, types,
};
use alluvium_snapshot::format::{
    Blocks, JobRef, Manifest, ObjectRef, OperatorEntry, Place, Profile, RunRef, TableEntry, digest, encode,
    encode_schemas,
};
use alluvium_snapshot::{OperatorSpec, RunSpec, SnapshotWriter};
use alluvium_store::{LocalStore, Store, block_on};
use alluvium_table::{RunOptions, RunWriter};
use serde_json::{Map, Value as Json, json};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// A table and its rows.
type Table = (Arc<StateSchema>, Vec<Row>);

const GROUPS: u32 = 8;

fn main() -> Result<()> {
    let folder = std::env::args().nth(1).ok_or("usage: golden DIR")?;
    let folder = Path::new(&folder);
    for (name, tables) in savepoints() {
        savepoint(&folder.join(name), tables, false)?;
    }
    for (name, tables, with_origin) in foreign::cases() {
        savepoint(&folder.join(name), tables, with_origin)?;
    }
    stacked(&folder.join("checkpoint-map"), map_deltas())?;
    stacked(&folder.join("checkpoint-list"), list_deltas())?;
    stacked(&folder.join("checkpoint-ttl"), ttl_deltas())?;
    stacked(&folder.join("checkpoint-clips"), clipped())?;
    stacked(&folder.join("checkpoint-evolution"), evolved())?;
    stacked(&folder.join("checkpoint-timers"), timer_deltas())?;
    stacked(&folder.join("checkpoint-operator-state"), operator_state())?;
    Ok(())
}

// --- tables -----------------------------------------------------------------------------------

fn ty(json: Json) -> ElementType {
    types::type_from_json(&json).expect("a type of these pages")
}

fn keyed(name: &str, kind: StateKind, key: Json) -> StateSchema {
    StateSchema::new(name, kind).with_key(ty(key).ty)
}

fn ready(schema: StateSchema) -> Arc<StateSchema> {
    Arc::new(assign_field_ids(&schema, None))
}

fn text(text: &str) -> Value {
    Value::String(text.into())
}

/// Puts a row into the key group of its key.
fn at(schema: &StateSchema, row: Row) -> Row {
    let Some(key) = &schema.key else { return row };
    let max = MaxParallelism::new(GROUPS).expect("8 groups");
    let canonical = alluvium_model::canonical::to_bytes(&row.key, key).expect("a key of its type");
    let key_group = function(schema).place(&row.key, key, &canonical, max).unwrap_or(KeyGroup(0));
    Row { key_group, ..row }
}

fn function(schema: &StateSchema) -> KeyGroupFunction {
    schema.key.as_ref().map_or(KeyGroupFunction::Stored, KeyGroupFunction::default_for)
}

fn batch(schema: &Arc<StateSchema>, deltas: bool, rows: Vec<Row>) -> Result<RowBatch> {
    let mut builder = RowBatchBuilder::new(Arc::clone(schema), deltas);
    for row in rows {
        builder.push(at(schema, row))?;
    }
    Ok(builder.finish()?)
}

fn value_row(key: Value, value: Value) -> Row {
    Row { key, value, ..Row::default() }
}

fn map_row(op: Op, key: &str, map_key: &str, value: i64) -> Row {
    Row {
        op,
        key: text(key),
        map_key: if op == Op::Clear { Value::Null } else { text(map_key) },
        value: if op == Op::Put { Value::Int(value) } else { Value::Null },
        ..Row::default()
    }
}

fn savepoints() -> Vec<(&'static str, Vec<Table>)> {
    let int64 = || ElementType::required(LogicalType::Int64);
    let value = ready(keyed("totals", StateKind::Value, json!("string")).with_value(int64()));
    let reducing = ready(keyed("sums", StateKind::Reducing, json!("int64")).with_value(int64()));
    let aggregating = ready(
        keyed("means", StateKind::Aggregating, json!("int64"))
            .with_value(ty(json!({"tuple": ["float64", "int64"]}))),
    );
    let window = keyed("windowed", StateKind::Value, json!("string")).with_namespace(LogicalType::TimeWindow);
    let window = ready(window.with_value(ty(json!({"nullable": "int32"}))));
    let list = ready(keyed("rotations", StateKind::List, json!("string")).with_value(ty(json!("string"))));
    let map = ready(
        keyed("visits", StateKind::Map, json!("string"))
            .with_map_key(LogicalType::String)
            .with_value(int64()),
    );
    let event = ready(keyed("closing", StateKind::Timer(TimeDomain::Event), json!("string")));
    let processing = ready(keyed("cleaning", StateKind::Timer(TimeDomain::Processing), json!("uint32")));
    let positions = ready(StateSchema::new("source-positions", StateKind::OperatorList).with_value(int64()));
    let union = ready(StateSchema::new("limits", StateKind::OperatorUnion).with_value(ty(json!("string"))));
    let broadcast = StateSchema::new("rules", StateKind::Broadcast).with_map_key(LogicalType::String);
    let broadcast = ready(broadcast.with_value(int64()));
    let pending =
        ready(StateSchema::new("staged", StateKind::PendingTransactions).with_value(ty(json!("bytes"))));
    let element = |subtask, position, value| Row { subtask, position, value, ..Row::default() };
    let timer = |key, position| Row { key, position, ..Row::default() };
    let listed = |key: &str, position, value: &str| Row {
        key: text(key),
        position,
        value: text(value),
        ..Row::default()
    };
    let windowed = |key: &str, start, value| Row {
        namespace: Value::Window { start, end: start + 60_000 },
        ..value_row(text(key), value)
    };
    vec![
        ("empty", vec![]),
        ("empty-table", vec![(value.clone(), vec![])]),
        (
            "value",
            vec![(
                value,
                ["", "N1", "N2", "a\0b", "é中\u{1F600}"]
                    .iter()
                    .zip(1..)
                    .map(|(k, v)| value_row(text(k), Value::Int(v)))
                    .collect(),
            )],
        ),
        (
            "reducing",
            vec![(
                reducing,
                [i64::MIN, -1, 0, 42, 1 << 40]
                    .map(|k| value_row(Value::Int(k), Value::Int(-k.signum())))
                    .to_vec(),
            )],
        ),
        (
            "aggregating",
            vec![(
                aggregating,
                vec![
                    value_row(Value::Int(1), Value::Struct(vec![Value::Float64(-0.0), Value::Int(2)])),
                    value_row(Value::Int(2), Value::Struct(vec![Value::Float64(f64::NAN), Value::Int(0)])),
                ],
            )],
        ),
        (
            "namespace",
            vec![(
                window,
                vec![
                    windowed("N1", 60_000, Value::Int(1)),
                    windowed("N1", -60_000, Value::Null),
                    windowed("N2", 0, Value::Int(3)),
                ],
            )],
        ),
        (
            "list",
            vec![(
                list,
                vec![
                    listed("N1", 0, "EWR-JFK"),
                    listed("N1", 1, ""),
                    listed("N1", 2, "JFK-LGA"),
                    listed("N2", 0, "x"),
                ],
            )],
        ),
        (
            "map",
            vec![(
                map,
                vec![
                    map_row(Op::Put, "N1", "EWR", 4),
                    map_row(Op::Put, "N1", "JFK", 7),
                    map_row(Op::Put, "N2", "LGA", 1),
                ],
            )],
        ),
        (
            "event-timer",
            vec![(event, vec![timer(text("N1"), -1), timer(text("N1"), 0), timer(text("N2"), i64::MAX)])],
        ),
        (
            "processing-timer",
            vec![(processing, vec![timer(Value::UInt(7), 5), timer(Value::UInt(u32::MAX.into()), 6)])],
        ),
        (
            "operator-list",
            vec![(
                positions,
                vec![
                    element(0, 0, Value::Int(1000)),
                    element(0, 1, Value::Int(-1)),
                    element(1, 0, Value::Int(1000)),
                ],
            )],
        ),
        ("operator-union", vec![(union, vec![element(0, 0, text("all")), element(1, 0, text(""))])]),
        (
            "broadcast",
            vec![(
                broadcast,
                vec![map_row(Op::Put, "", "b", 2), map_row(Op::Put, "", "a", 1)]
                    .into_iter()
                    .map(|r| Row { key: Value::Null, ..r })
                    .collect(),
            )],
        ),
        (
            "pending-transactions",
            vec![(
                pending,
                vec![element(0, 0, Value::Bytes(vec![0, 255])), element(3, 1, Value::Bytes(vec![]))],
            )],
        ),
        ("types", vec![all_types()]),
        ("raw", vec![raw_values()]),
        ("whole", whole()),
    ]
}

fn all_types() -> Table {
    let names = [
        "bool",
        "int8",
        "int16",
        "int32",
        "int64",
        "uint8",
        "uint16",
        "uint32",
        "uint64",
        "float32",
        "float64",
        "string",
        "bytes",
        "date",
        "time(ms)",
        "time(us)",
        "time(ns)",
        "timestamp(ms)",
        "timestamp(us)",
        "local-timestamp(ns)",
        "decimal(9,2)",
        "decimal(18,0)",
        "decimal(38,10)",
        "time-window",
    ];
    let nested = [
        ("list", json!({"list": {"nullable": "int16"}})),
        ("set", json!({"set": "string"})),
        ("map", json!({"map": ["string", {"nullable": "int8"}]})),
        ("tuple", json!({"tuple": ["string", {"nullable": "int32"}]})),
        ("enum", json!({"enum": ["SCHEDULED", "FLOWN"]})),
        (
            "struct",
            json!({"struct": [{"name": "a", "type": "int8"}, {"name": "b", "type": {"nullable": "string"}}]}),
        ),
        ("lists", json!({"list": {"struct": [{"name": "c", "type": {"list": "float64"}}]}})),
    ];
    let scalars = names.iter().map(|name| json!({"name": name, "type": {"nullable": name}}));
    let nested = nested.iter().map(|(name, ty)| json!({"name": name, "type": {"nullable": ty}}));
    let fields: Vec<Json> = scalars.chain(nested).collect();
    let schema =
        ready(keyed("all", StateKind::Value, json!("int32")).with_value(ty(json!({ "struct": fields }))));
    let int = Value::Int;
    let full = vec![
        Value::Bool(true),
        int(-128),
        int(-32768),
        int(-1),
        int(i64::MIN),
        Value::UInt(255),
        Value::UInt(65535),
        Value::UInt(u32::MAX.into()),
        Value::UInt(u64::MAX),
        Value::Float32(0.1),
        Value::Float64(f64::NEG_INFINITY),
        text("a\0ü\u{1F600}"),
        Value::Bytes(vec![0, 1, 255]),
        int(15_706),
        int(3_723_004),
        int(1),
        int(86_399_999_999_999),
        int(-1),
        int(1_357_035_300_000_001),
        int(1),
        Value::Decimal(-999_999_999),
        Value::Decimal(7),
        Value::Decimal(-(10i128.pow(37))),
        Value::Window { start: i64::MIN, end: i64::MAX },
        Value::List(vec![int(1), Value::Null, int(-1)]),
        Value::List(vec![text("b"), text("a")]),
        Value::Map(vec![(text("k"), Value::Null), (text("j"), int(5))]),
        Value::Struct(vec![text("UA"), Value::Null]),
        Value::Enum(1),
        Value::Struct(vec![int(1), Value::Null]),
        Value::List(vec![
            Value::Struct(vec![Value::List(vec![Value::Float64(0.5)])]),
            Value::Struct(vec![Value::List(vec![])]),
        ]),
    ];
    let nulls = vec![Value::Null; full.len()];
    let rows = vec![value_row(int(1), Value::Struct(full)), value_row(int(2), Value::Struct(nulls))];
    (schema, rows)
}

fn raw_values() -> Table {
    let mut schema = keyed("odd", StateKind::Value, json!("string")).with_value(ty(json!("string")));
    schema.raw = vec![Role::KeyRaw, Role::ValueRaw];
    let lone = Value::Wtf8(vec![0x61, 0xED, 0xA0, 0x80]);
    let opaque =
        |bytes: &[u8]| Value::Opaque { serializer: "org.example.Kryo".into(), bytes: bytes.to_vec() };
    let rows = vec![
        value_row(text("N1"), lone),
        value_row(text("N2"), opaque(&[0, 1, 0])),
        value_row(text("N3"), text("plain")),
        value_row(opaque(&[9]), text("odd key")),
    ];
    (ready(schema), rows)
}

/// The tables of a small job.
fn whole() -> Vec<Table> {
    let map = ready(
        keyed("visits", StateKind::Map, json!("string"))
            .with_map_key(LogicalType::String)
            .with_value(ElementType::required(LogicalType::Int64)),
    );
    let event = ready(keyed("closing", StateKind::Timer(TimeDomain::Event), json!("string")));
    let positions = ready(
        StateSchema::new("source-positions", StateKind::OperatorList)
            .with_value(ElementType::required(LogicalType::Int64)),
    );
    let aircraft: Vec<String> = (0..40).map(|n| format!("N{n}")).collect();
    let visits = aircraft
        .iter()
        .flat_map(|a| ["EWR", "JFK", "LGA"].iter().zip(1..).map(move |(p, n)| map_row(Op::Put, a, p, n)));
    let timers = aircraft.iter().zip(0..).map(|(a, n)| Row {
        key: text(a),
        position: 1_357_035_300_000 + n,
        ..Row::default()
    });
    let splits = (0..8).map(|s| Row {
        subtask: s % 2,
        position: (s / 2).into(),
        value: Value::Int(1000),
        ..Row::default()
    });
    vec![(map, visits.collect()), (event, timers.collect()), (positions, splits.collect())]
}

// --- savepoints -------------------------------------------------------------------------------

fn savepoint(folder: &Path, tables: Vec<Table>, with_origin: bool) -> Result<()> {
    fs::create_dir_all(folder)?;
    let store: Arc<dyn Store> = Arc::new(LocalStore::open(folder)?);
    let env = Env::simulated(7);
    let job = JobRef { id: "golden".into(), name: "golden".into() };
    let mut writer = SnapshotWriter::savepoint(store, &env, job);
    let mut expected = Map::new();
    block_on(async {
        if with_origin {
            writer.origin(&foreign::origin(&tables)).await?;
        }
        if let Some((schema, _)) = tables.iter().find(|(s, _)| s.kind.is_keyed()).or(tables.first()) {
            writer.operator(spec(schema)).await?;
        }
        for (schema, rows) in tables {
            writer.begin_table(Arc::clone(&schema)).await?;
            let rows = batch(&schema, false, rows)?;
            if !rows.is_empty() {
                writer.write(&rows).await?;
            }
            expected.insert(format!("golden/{}", schema.name), live(&schema, &rows)?);
        }
        writer.finish().await?;
        Ok::<(), Box<dyn Error>>(())
    })?;
    write_expected(folder, "savepoint", expected)
}

fn spec(schema: &StateSchema) -> OperatorSpec {
    OperatorSpec { parallelism: 4, ..OperatorSpec::new("golden", GROUPS, function(schema)) }
}

fn write_expected(folder: &Path, profile: &str, tables: Map<String, Json>) -> Result<()> {
    let expected = json!({ "profile": profile, "tables": tables });
    Ok(fs::write(folder.join("expected.json"), format!("{}\n", serde_json::to_string_pretty(&expected)?))?)
}

/// Prints rows as `expected.json` has them: one object a row, list elements by rank.
fn live(schema: &StateSchema, rows: &RowBatch) -> Result<Json> {
    let mut out = Vec::new();
    let (mut last, mut rank) = (Vec::new(), 0);
    for row in 0..rows.len() {
        let mut object = Map::new();
        let typed = |role: Role, raw: Role, ty: &LogicalType| -> Result<Json> {
            let column = rows.column(role).ok_or("a column")?;
            let raw = rows.column(raw).map(|c| c.as_ref() as _);
            let value = alluvium_model::column::value_with_raw(column, raw, ty, row)?;
            Ok(alluvium_model::json::to_json(&value, ty))
        };
        let int = |role: Role| rows.int64s(role).and_then(|v| v.get(row)).copied();
        if let Some(key) = &schema.key {
            object.insert("key_group".into(), rows.key_group(row).0.into());
            object.insert("key".into(), typed(Role::Key, Role::KeyRaw, key)?);
        }
        if let Some(namespace) = &schema.namespace {
            object.insert("namespace".into(), typed(Role::Namespace, Role::NamespaceRaw, namespace)?);
        }
        if let Some(map_key) = &schema.map_key {
            object.insert("map_key".into(), typed(Role::MapKey, Role::MapKeyRaw, map_key)?);
        }
        if schema.kind == StateKind::List {
            let list = rows.sort_key(row).get(..rows.sort_key(row).len() - 8).unwrap_or_default().to_vec();
            rank = if list == last { rank + 1 } else { 0 };
            last = list;
            object.insert("rank".into(), rank.into());
        }
        for role in [Role::Timestamp, Role::Index] {
            if let Some(v) = int(role) {
                object.insert(role.name().into(), v.into());
            }
        }
        if let Some(subtasks) = rows.column(Role::Subtask) {
            let value = alluvium_model::column::value_at(subtasks, &LogicalType::Int32, row)?;
            object.insert("subtask".into(), alluvium_model::json::to_json(&value, &LogicalType::Int32));
        }
        if let Some(value) = &schema.value {
            object.insert("value".into(), typed(Role::Value, Role::ValueRaw, &value.ty)?);
        }
        if let Some(v) = int(Role::LastAccess) {
            object.insert("last_access".into(), v.into());
        }
        out.push(Json::Object(object));
    }
    Ok(Json::Array(out))
}

// --- checkpoints ------------------------------------------------------------------------------

/// A run to be written: schema, base, sequence, clip, rows.
struct Part {
    schema: Arc<StateSchema>,
    base: bool,
    sequence: (u32, u32),
    clip: (u32, u32),
    subtask: Option<u32>,
    rows: Vec<Row>,
}

struct Stack {
    as_of_ms: Option<i64>,
    schema: Arc<StateSchema>,
    parts: Vec<Part>,
    /// The rows that must be live.
    live: Vec<Row>,
    schemas_outside: bool,
}

fn part(schema: &Arc<StateSchema>, base: bool, sequence: (u32, u32), rows: Vec<Row>) -> Part {
    Part { schema: Arc::clone(schema), base, sequence, clip: (0, GROUPS), subtask: None, rows }
}

/// Writes the parts end to end into one object, the last one inline.
fn stacked(folder: &Path, stack: Stack) -> Result<()> {
    let mut manifest =
        Manifest::new(Profile::Checkpoint, JobRef { id: "golden".into(), name: "golden".into() });
    (manifest.attempt, manifest.checkpoint_id, manifest.created_ms) = (1, 3, 1_357_000_000_000);
    manifest.as_of_ms = stack.as_of_ms;
    let (mut object, mut written) = (Vec::new(), Vec::new());
    let last = stack.parts.len() - 1;
    for (i, part) in stack.parts.into_iter().enumerate() {
        let options =
            if part.base { RunOptions::base(part.sequence) } else { RunOptions::delta(part.sequence) };
        let mut writer = RunWriter::new(Arc::clone(&part.schema), options)?;
        writer.write(&batch(&part.schema, !part.base, part.rows)?)?;
        let (pieces, meta) = writer.finish()?;
        let bytes = pieces.concat();
        let spec = RunSpec {
            table: 0,
            schema_id: manifest.intern_schema(&part.schema),
            schema: part.schema,
            base: part.base,
            sequence: part.sequence,
            clip: KeyGroupRange::new(part.clip.0, part.clip.1),
            subtask: part.subtask,
        };
        let inline = i == last && bytes.len() <= RunRef::INLINE_BYTES_MAX;
        let offset = object.len();
        if !inline {
            object.extend_from_slice(&bytes);
        }
        written.push((spec, meta, bytes, offset, inline));
    }
    fs::create_dir_all(folder.join("objects"))?;
    fs::create_dir_all(folder.join("checkpoints"))?;
    let lists = digest::list_bytes(&digest::block_digests(&object));
    let blocks = Blocks::Listed {
        object_name: "objects/lists".into(),
        root: 0,
        offset: 3,
        length: lists.len() as u64,
    };
    let reference = Arc::new(ObjectRef { blocks, ..ObjectRef::of_bytes("objects/runs", &object) });
    fs::write(folder.join("objects/runs"), &object)?;
    fs::write(folder.join("objects/lists"), [b"..." as &[u8], &lists].concat())?;
    let runs = written.into_iter().map(|(spec, meta, bytes, offset, inline)| {
        let place = match inline {
            true => Place::Inline(bytes.into()),
            false => {
                Place::Object { object: Arc::clone(&reference), offset: offset as u64, length: meta.bytes }
            }
        };
        spec.reference(place, &meta)
    });
    let uid = OperatorUid::new("golden");
    let table = TableEntry {
        runs: runs.collect(),
        schema_id: manifest.intern_schema(&stack.schema),
        digest: None,
        entries: None,
    };
    manifest.operators.push(OperatorEntry {
        id: uid.id(),
        uid: Some(uid),
        name: Some("Golden".into()),
        parallelism: 4,
        max_parallelism: GROUPS,
        key_group_function: function(&stack.schema),
        sequence_max: 9,
        tables: vec![table],
    });
    if stack.schemas_outside {
        let bytes = encode_schemas(&manifest.schemas);
        fs::write(folder.join("objects/schemas"), &bytes)?;
        manifest.schemas_object = Some(ObjectRef::of_bytes("objects/schemas", &bytes));
    }
    fs::write(folder.join("checkpoints/00000001-0000000003.manifest"), encode(&manifest)?)?;
    let live_rows = live(&stack.schema, &batch(&stack.schema, false, stack.live)?)?;
    write_expected(
        folder,
        "checkpoint",
        Map::from_iter([(format!("golden/{}", stack.schema.name), live_rows)]),
    )
}

/// The worked example of chapter 5, in a key group of its own choosing.
fn map_deltas() -> Stack {
    let schema = ready(
        keyed("visits", StateKind::Map, json!("string"))
            .with_map_key(LogicalType::String)
            .with_value(ElementType::required(LogicalType::Int64)),
    );
    Stack {
        as_of_ms: None,
        parts: vec![
            part(
                &schema,
                true,
                (1, 3),
                vec![
                    map_row(Op::Put, "N1", "EWR", 4),
                    map_row(Op::Put, "N1", "JFK", 7),
                    map_row(Op::Put, "N2", "LGA", 1),
                ],
            ),
            part(
                &schema,
                false,
                (4, 4),
                vec![
                    map_row(Op::Clear, "N1", "", 0),
                    map_row(Op::Put, "N1", "JFK", 1),
                    map_row(Op::Delete, "N2", "LGA", 0),
                ],
            ),
            part(&schema, false, (5, 5), vec![map_row(Op::Put, "N1", "BOS", 2)]),
        ],
        live: vec![map_row(Op::Put, "N1", "BOS", 2), map_row(Op::Put, "N1", "JFK", 1)],
        schema,
        schemas_outside: false,
    }
}

fn list_deltas() -> Stack {
    let schema = ready(
        keyed("rotations", StateKind::List, json!("string")).with_value(ty(json!({"nullable": "string"}))),
    );
    let put = |key: &str, position, value: Option<&str>| Row {
        key: text(key),
        position,
        value: value.map_or(Value::Null, text),
        ..Row::default()
    };
    let clear = |key: &str| Row { op: Op::Clear, key: text(key), ..Row::default() };
    Stack {
        as_of_ms: None,
        parts: vec![
            part(
                &schema,
                true,
                (1, 2),
                vec![put("N1", 0, Some("a")), put("N1", 1, Some("b")), put("N2", 0, Some("x"))],
            ),
            part(
                &schema,
                false,
                (3, 3),
                vec![
                    put("N1", 3 << 32, Some("c")),
                    put("N1", (3 << 32) + 5, None),
                    clear("N2"),
                    put("N2", 3 << 32, Some("y")),
                ],
            ),
            part(
                &schema,
                false,
                (4, 4),
                vec![
                    Row { op: Op::Delete, value: Value::Null, ..put("N1", 1, None) },
                    put("N2", 4 << 32, Some("z")),
                ],
            ),
        ],
        live: vec![
            put("N1", 0, Some("a")),
            put("N1", 1, Some("c")),
            put("N1", 2, None),
            put("N2", 0, Some("y")),
            put("N2", 1, Some("z")),
        ],
        schema,
        schemas_outside: true,
    }
}

fn ttl_deltas() -> Stack {
    let schema = ready(
        keyed("recent", StateKind::Value, json!("string"))
            .with_value(ElementType::required(LogicalType::Int64))
            .with_ttl_ms(100),
    );
    let put = |key: &str, value, last_access| Row {
        last_access: Some(last_access),
        ..value_row(text(key), Value::Int(value))
    };
    let delete = |key: &str| Row { op: Op::Delete, ..value_row(text(key), Value::Null) };
    Stack {
        as_of_ms: Some(1000),
        parts: vec![
            part(
                &schema,
                true,
                (1, 1),
                vec![
                    put("expired", 1, 900),
                    put("fresh", 2, 901),
                    put("hidden", 3, 1000),
                    put("gone", 4, 1000),
                    put("far", 5, i64::MAX),
                ],
            ),
            part(&schema, false, (2, 2), vec![put("hidden", 6, 899), delete("gone"), put("new", 7, 950)]),
        ],
        live: vec![put("fresh", 2, 901), put("far", 5, i64::MAX), put("new", 7, 950)],
        schema,
        schemas_outside: false,
    }
}

/// Two parents of which each subtask sees one half; then a delta of one half only.
fn clipped() -> Stack {
    let schema = ready(
        keyed("totals", StateKind::Value, json!("int64"))
            .with_value(ElementType::required(LogicalType::Int64)),
    );
    let rows = |value: i64| (0..20).map(|k| value_row(Value::Int(k), Value::Int(value))).collect::<Vec<_>>();
    let in_group =
        |row: &Row, groups: std::ops::Range<u16>| groups.contains(&at(&schema, row.clone()).key_group.0);
    let live = rows(1).into_iter().map(|row| {
        if in_group(&row, 0..3) {
            Row { value: Value::Int(1), ..row }
        } else if in_group(&row, 3..6) {
            Row { value: Value::Int(3), ..row }
        } else {
            Row { value: Value::Int(2), ..row }
        }
    });
    Stack {
        as_of_ms: None,
        live: live.collect(),
        parts: vec![
            Part { clip: (0, 4), ..part(&schema, true, (1, 1), rows(1)) },
            Part { clip: (4, 8), ..part(&schema, true, (1, 1), rows(2)) },
            Part { clip: (3, 6), ..part(&schema, false, (2, 4), rows(3)) },
        ],
        schema,
        schemas_outside: false,
    }
}

/// The two schemas of chapter 8.
fn evolved() -> Stack {
    let old = json!({"struct": [{"name": "airport", "type": {"nullable": "string"}}, {"name": "flights", "type": "int32"}]});
    let new = json!({"struct": [{"name": "port", "type": {"nullable": "string"}, "aliases": ["airport"]}, {"name": "flights", "type": "int64"}, {"name": "delay", "type": {"nullable": "float64"}}]});
    let old = ready(keyed("last", StateKind::Value, json!("string")).with_value(ty(old)));
    let new = Arc::new(assign_field_ids(
        &keyed("last", StateKind::Value, json!("string")).with_value(ty(new)),
        Some(&old),
    ));
    let two = |key: &str, port: &str, flights| {
        value_row(text(key), Value::Struct(vec![text(port), Value::Int(flights)]))
    };
    let three = |key: &str, port: &str, flights, delay| {
        value_row(text(key), Value::Struct(vec![text(port), Value::Int(flights), delay]))
    };
    Stack {
        as_of_ms: None,
        parts: vec![
            part(&old, true, (1, 1), vec![two("N1", "JFK", 7), two("N2", "EWR", -1)]),
            part(&new, false, (2, 2), vec![three("N2", "LGA", 1 << 40, Value::Float64(1.5))]),
        ],
        live: vec![three("N1", "JFK", 7, Value::Null), three("N2", "LGA", 1 << 40, Value::Float64(1.5))],
        schema: new,
        schemas_outside: false,
    }
}

fn timer_deltas() -> Stack {
    let schema = ready(keyed("closing", StateKind::Timer(TimeDomain::Event), json!("string")));
    let timer = |op, key: &str, position| Row { op, key: text(key), position, ..Row::default() };
    Stack {
        as_of_ms: None,
        parts: vec![
            part(
                &schema,
                true,
                (1, 1),
                vec![timer(Op::Put, "N1", 5), timer(Op::Put, "N1", 9), timer(Op::Put, "N2", 5)],
            ),
            part(
                &schema,
                false,
                (2, 2),
                vec![timer(Op::Delete, "N1", 5), timer(Op::Put, "N1", 12), timer(Op::Clear, "N2", 0)],
            ),
        ],
        live: vec![timer(Op::Put, "N1", 9), timer(Op::Put, "N1", 12)],
        schema,
        schemas_outside: false,
    }
}

fn operator_state() -> Stack {
    let schema = ready(
        StateSchema::new("source-positions", StateKind::OperatorList)
            .with_value(ElementType::required(LogicalType::Int64)),
    );
    let element =
        |subtask, position, value| Row { subtask, position, value: Value::Int(value), ..Row::default() };
    let of = |subtask: u32, rows| Part {
        clip: (0, 1),
        subtask: Some(subtask),
        ..part(&schema, true, (0, 0), rows)
    };
    Stack {
        as_of_ms: None,
        parts: vec![of(1, vec![element(1, 0, 30)]), of(0, vec![element(0, 0, 10), element(0, 1, 20)])],
        live: vec![element(0, 0, 10), element(0, 1, 20), element(1, 0, 30)],
        schema: Arc::clone(&schema),
        schemas_outside: false,
    }
}
