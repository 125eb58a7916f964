//! What state that another engine wrote first needs: numbers of any size, one of two, original
//! bytes, a time to live that is not known, an origin.

use super::*;
use alluvium_model::origin::{Origin, SerializerOrigin, StateOrigin};
use alluvium_model::{Original, Originals, Side};

/// Returns the cases; those with an origin keep one.
pub(super) fn cases() -> Vec<(&'static str, Vec<Table>, bool)> {
    vec![("numbers", vec![values(), entries()], true), ("either", vec![sides()], false)]
}

pub(super) fn origin(tables: &[Table]) -> Origin {
    let state = |(schema, _): &Table| StateOrigin {
        operator: OperatorUid::new("golden").id(),
        schema: Arc::clone(schema),
        serializers: vec![SerializerOrigin {
            part: "value".into(),
            class: "org.example.PojoSnapshot".into(),
            snapshot: vec![0, 0, 0, 2, 255],
        }],
    };
    let facts = Map::from_iter([("path".to_owned(), json!("/savepoints/savepoint-1"))]);
    let states = tables.iter().take(1).map(state).collect();
    Origin { engine: "flink".into(), version: Some("1.20.1".into()), facts, states }
}

fn integer(text: &str) -> Value {
    Value::BigInteger(text.into())
}

fn decimal(text: &str) -> Value {
    Value::big_decimal(text).expect("a decimal")
}

fn either(side: Side, value: Value) -> Value {
    Value::Either(side, Box::new(value))
}

/// Big integers as keys; structs with a member that is left out when it is null.
fn values() -> Table {
    let value = json!({"struct": [
        {"name": "$kind", "type": {"nullable": {"enum": ["INSERT", "DELETE"]}}},
        {"name": "price", "type": {"nullable": "big-decimal"}},
        {"name": "counts", "type": {"list": "big-integer"}},
        {"name": "result", "type": {"nullable": {"either": [{"nullable": "string"}, {"list": "int8"}]}}},
    ]});
    let schema = ready(keyed("values", StateKind::Value, json!("big-integer")).with_value(ty(value)));
    let wide = "9".repeat(60);
    let row = |key: &str, kind, price, counts: &[&str], result| {
        let counts = counts.iter().map(|text| integer(text)).collect();
        value_row(integer(key), Value::Struct(vec![kind, price, Value::List(counts), result]))
    };
    let list = |n| Value::List(vec![Value::Int(n)]);
    let rows = vec![
        row("0", Value::Null, Value::Null, &[], Value::Null),
        row("-1", Value::Enum(1), decimal("-0.05"), &["0", "-128", "128"], either(Side::Left, Value::Null)),
        row(&wide, Value::Null, decimal("1E+2147483648"), &[&wide], either(Side::Left, text("no"))),
        row(&format!("-{wide}"), Value::Enum(0), decimal("1E-7"), &["1"], either(Side::Right, list(-1))),
        row("12345678901234567890", Value::Null, decimal("100.00"), &["7"], either(Side::Right, list(1))),
    ];
    (schema, rows)
}

/// Big decimals as map keys in the order of numbers, and times of last access alone.
fn entries() -> Table {
    let schema = keyed("entries", StateKind::Map, json!("big-integer")).with_map_key(LogicalType::BigDecimal);
    let schema = ready(schema.with_value(ty(json!("big-integer"))).with_unknown_ttl());
    let numbers = [
        "-1E+9", "-10.5", "-1.0", "-1", "-0.1", "0E+3", "0", "0.00", "1E-9", "0.1", "0.10", "1", "1.0",
        "9.99", "10", "1E+9",
    ];
    let rows = numbers.iter().zip(1..).map(|(number, n)| Row {
        key: integer("7"),
        map_key: decimal(number),
        value: integer(&n.to_string()),
        last_access: Some(n),
        ..Row::default()
    });
    (schema, rows.collect())
}

/// Eithers as keys; values with their original bytes beside them, and one that is opaque.
fn sides() -> Table {
    let key = json!({"either": [{"nullable": "int8"}, "string"]});
    let mut schema = keyed("sides", StateKind::Value, key).with_value(ty(json!("int64")));
    schema.raw = vec![Role::ValueRaw];
    let odd = Original { serializer: "org.example.Long".into(), bytes: vec![0, 7] };
    let originals = Some(Box::new(Originals { value: Some(odd), ..Originals::default() }));
    let opaque = Value::Opaque { serializer: "org.example.Kryo".into(), bytes: vec![1, 0] };
    let rows = vec![
        value_row(either(Side::Left, Value::Null), Value::Int(1)),
        Row { originals, ..value_row(either(Side::Left, Value::Int(-1)), Value::Int(7)) },
        value_row(either(Side::Right, text("")), opaque),
        value_row(either(Side::Right, text("a")), Value::Int(4)),
    ];
    (ready(schema), rows)
}
