//! Stacked runs of keyed state with their live rows, written down by hand.

use super::*;

/// The worked example of chapter 5, in a key group of its own choosing.
pub(super) fn map_deltas() -> Stack {
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

pub(super) fn list_deltas() -> Stack {
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

pub(super) fn ttl_deltas() -> Stack {
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
