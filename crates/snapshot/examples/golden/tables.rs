//! Tables of savepoints with their rows.

use super::*;

pub(super) fn savepoints() -> Vec<(&'static str, Vec<Table>)> {
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

pub(super) fn all_types() -> Table {
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

pub(super) fn raw_values() -> Table {
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
pub(super) fn whole() -> Vec<Table> {
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
