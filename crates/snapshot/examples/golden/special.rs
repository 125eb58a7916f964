//! Stacked runs that are clipped, evolved, of timers or of operator state.

use super::*;

/// Two parents of which each subtask sees one half; then a delta of one half only.
pub(super) fn clipped() -> Stack {
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
pub(super) fn evolved() -> Stack {
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

pub(super) fn timer_deltas() -> Stack {
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

pub(super) fn operator_state() -> Stack {
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
