use super::*;
use crate::{ElementType, spec};

#[test]
fn rows_leave_in_canonical_order() {
    spec!("ORDER-1", "ORDER-2", "ORDER-3");
    let schema = Arc::new(
        StateSchema::new("visits", StateKind::Map)
            .with_key(LogicalType::String)
            .with_map_key(LogicalType::String)
            .with_value(ElementType::required(LogicalType::Int64)),
    );
    let mut builder = RowBatchBuilder::new(Arc::clone(&schema), true);
    let row = |group, key: &str, op, airport: &str| Row {
        op,
        key_group: KeyGroup(group),
        key: Value::String(key.into()),
        map_key: if op == Op::Clear { Value::Null } else { Value::String(airport.into()) },
        value: if op == Op::Put { Value::Int(1) } else { Value::Null },
        ..Row::default()
    };
    for row in [
        row(2, "a", Op::Put, "JFK"),
        row(1, "b", Op::Delete, "EWR"),
        row(1, "b", Op::Clear, ""),
        row(1, "a", Op::Put, "x"),
    ] {
        builder.push(row).unwrap();
    }
    let batch = builder.finish().unwrap();
    assert_eq!(batch.key_groups().unwrap(), [1, 1, 1, 2]);
    let ops: Vec<_> = (0..4).map(|row| batch.op(row)).collect();
    assert_eq!(ops, [Op::Put, Op::Clear, Op::Delete, Op::Put]);
    assert_eq!(batch.sort_key(1), b"b\0\0\0");
}

#[test]
fn original_bytes_lie_beside_typed_values() {
    spec!("TYPE-25", "CANON-18");
    let schema = StateSchema::new("s", StateKind::Value)
        .with_key(LogicalType::String)
        .with_value(ElementType::required(LogicalType::Int64));
    let original = |bytes: &[u8]| Original { serializer: "S".into(), bytes: bytes.to_vec() };
    let lone = Value::Wtf8(vec![0xED, 0xA0, 0x80]);
    let odd_value = Value::Opaque { serializer: "K".into(), bytes: vec![9] };
    let rows = [
        (Value::String("a".into()), Value::Int(1), Originals::default()),
        (
            Value::String("b".into()),
            Value::Int(2),
            Originals { value: Some(original(b"two")), ..Originals::default() },
        ),
        (Value::String("c".into()), odd_value.clone(), Originals::default()),
        (lone.clone(), Value::Int(4), Originals { key: Some(original(b"lone")), ..Originals::default() }),
    ];
    let build = |schema: StateSchema| {
        let mut builder = RowBatchBuilder::new(Arc::new(schema), false);
        for (key, value, originals) in rows.clone() {
            builder.push(Row { key, value, originals: Some(Box::new(originals)), ..Row::default() }).unwrap();
        }
        builder.finish()
    };
    let plain = build(schema.clone()).unwrap_err();
    assert!(plain.to_string().contains("original bytes"), "{plain}");
    let batch = build(schema.with_all_raw()).unwrap();
    let part = |role: Role, ty, row| {
        let raw = batch.column(role.raw().unwrap()).unwrap();
        let value = column::value_with_raw(batch.column(role).unwrap(), Some(raw), ty, row).unwrap();
        use arrow_array::{Array, cast::AsArray};
        (value, raw.is_valid(row).then(|| raw.as_binary::<i32>().value(row).to_vec()))
    };
    let value = |row| part(Role::Value, &LogicalType::Int64, row);
    assert_eq!(value(0), (Value::Int(1), None));
    assert_eq!(value(1), (Value::Int(2), Some(b"\0\0\0\0\x01Stwo".to_vec())));
    assert_eq!(value(2), (odd_value, Some(b"\0\0\0\0\x01K\x09".to_vec())));
    let key = |row| part(Role::Key, &LogicalType::String, row);
    assert_eq!(key(2), (Value::String("c".into()), None));
    assert_eq!(key(3), (lone, Some(b"\x01\0\0\0\x05\xED\xA0\x80\0\0lone".to_vec())));
}

#[test]
fn two_rows_of_one_entry_are_refused() {
    let schema = Arc::new(
        StateSchema::new("s", StateKind::OperatorList).with_value(ElementType::required(LogicalType::Int64)),
    );
    let mut builder = RowBatchBuilder::new(schema, false);
    for _ in 0..2 {
        builder.push(Row { value: Value::Int(1), ..Row::default() }).unwrap();
    }
    assert!(builder.finish().is_err());
}
