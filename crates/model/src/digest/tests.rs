use std::sync::Arc;

use super::*;
use crate::{ElementType, Field, LogicalType, Row, RowBatchBuilder, StateSchema, StructType, Value, spec};

fn keyed(kind: StateKind, value: ElementType) -> Arc<StateSchema> {
    Arc::new(StateSchema::new("s", kind).with_key(LogicalType::String).with_value(value))
}

fn row(key: &str, position: i64, value: Value) -> Row {
    Row { key_group: KeyGroup(7), key: Value::String(key.into()), position, value, ..Row::default() }
}

fn digest_of(schema: &Arc<StateSchema>, rows: impl IntoIterator<Item = Row>) -> TableDigest {
    let mut builder = RowBatchBuilder::new(Arc::clone(schema), false);
    rows.into_iter().for_each(|row| builder.push(row).unwrap());
    let batch = builder.finish().unwrap();
    let (mut whole, mut parts) = (RowHasher::new(), RowHasher::new());
    whole.update(&batch).unwrap();
    for i in 0..batch.len() {
        parts.update(&batch.slice(i, 1)).unwrap();
    }
    let digest = whole.finish();
    assert_eq!(digest, parts.finish(), "digests do not depend on batches");
    digest
}

#[test]
fn widening_leaves_the_digest() {
    spec!("ROWHASH-5");
    let narrow = keyed(StateKind::Value, ElementType::required(LogicalType::Int32));
    let wide = keyed(StateKind::Value, ElementType::required(LogicalType::Int64));
    assert_eq!(
        digest_of(&narrow, [row("a", 0, Value::Int(-3))]),
        digest_of(&wide, [row("a", 0, Value::Int(-3))])
    );
    let float = keyed(StateKind::Value, ElementType::required(LogicalType::Float32));
    let double = keyed(StateKind::Value, ElementType::required(LogicalType::Float64));
    assert_eq!(
        digest_of(&float, [row("a", 0, Value::Float32(1.5))]),
        digest_of(&double, [row("a", 0, Value::Float64(1.5))])
    );
}

#[test]
fn added_null_fields_and_renames_leave_the_digest() {
    spec!("ROWHASH-5");
    let old = StructType::of([("a", ElementType::required(LogicalType::Int64))]);
    let mut new = StructType::of([("renamed", ElementType::required(LogicalType::Int64))]);
    new.fields.push(Field::new(2, "b", ElementType::nullable(LogicalType::String)));
    let old = keyed(StateKind::Value, ElementType::required(LogicalType::Struct(old)));
    let new = keyed(StateKind::Value, ElementType::required(LogicalType::Struct(new)));
    let one = digest_of(&old, [row("k", 0, Value::Struct(vec![Value::Int(1)]))]);
    assert_eq!(one, digest_of(&new, [row("k", 0, Value::Struct(vec![Value::Int(1), Value::Null]))]));
    assert_ne!(
        one,
        digest_of(&new, [row("k", 0, Value::Struct(vec![Value::Int(1), Value::String("".into())]))])
    );
}

#[test]
fn lists_are_hashed_by_rank() {
    spec!("ROWHASH-4");
    let list = keyed(StateKind::List, ElementType::required(LogicalType::Int64));
    let at = |a, b| {
        digest_of(&list, [row("k", a, Value::Int(1)), row("k", b, Value::Int(2)), row("l", 0, Value::Int(3))])
    };
    assert_eq!(at(0, 1), at(5, 9 << 32));
    assert_ne!(at(0, 1), at(1, 0));
}

#[test]
fn operator_lists_are_hashed_without_subtask_and_index() {
    spec!("ROWHASH-6");
    let schema = Arc::new(
        StateSchema::new("s", StateKind::OperatorList).with_value(ElementType::required(LogicalType::Int64)),
    );
    let at = |subtask, position, v| Row { subtask, position, value: Value::Int(v), ..Row::default() };
    assert_eq!(
        digest_of(&schema, [at(0, 0, 1), at(0, 1, 2)]),
        digest_of(&schema, [at(3, 0, 2), at(4, 0, 1)])
    );
}

#[test]
fn keys_groups_and_times_of_access_count() {
    spec!("ROWHASH-1", "ROWHASH-2", "ROWHASH-3");
    let plain = StateSchema::new("s", StateKind::Value).with_key(LogicalType::String);
    let schema = Arc::new(plain.with_value(ElementType::required(LogicalType::Int64)).with_ttl_ms(5));
    let base = Row { last_access: Some(1), ..row("k", 0, Value::Int(1)) };
    let one = digest_of(&schema, [base.clone()]);
    for other in [
        Row { last_access: Some(2), ..base.clone() },
        Row { key: Value::String("l".into()), ..base.clone() },
        Row { key_group: KeyGroup(8), ..base.clone() },
        Row { value: Value::Int(2), ..base },
    ] {
        assert_ne!(digest_of(&schema, [other]).total(), one.total());
    }
}

#[test]
fn columns_and_single_values_have_one_form() {
    spec!("ROWHASH-5");
    use LogicalType as T;
    let fields =
        StructType::of([("a", ElementType::required(T::Int8)), ("b", ElementType::nullable(T::String))]);
    let list = T::List(Box::new(ElementType::nullable(T::Float64)));
    let cases = [
        (T::Bool, Value::Bool(true)),
        (T::Int16, Value::Int(-2)),
        (T::UInt64, Value::UInt(9)),
        (T::Float64, Value::Float64(f64::NAN)),
        (T::Bytes, Value::Bytes(vec![1])),
        (T::timestamp_ms(), Value::Int(-1)),
        (T::Struct(fields), Value::Struct(vec![Value::Int(1), Value::String("x".into())])),
        (list, Value::List(vec![Value::Null, Value::Float64(0.5)])),
    ];
    for (ty, value) in cases {
        let column = crate::column::column_of([&Value::Null, &value], &ty).unwrap();
        let (mut fast, mut slow) = (Vec::new(), Vec::new());
        Form::new(&column, &ty).unwrap().push(1, &mut fast).unwrap();
        push_value_form(&value, &ty, &mut slow).unwrap();
        assert_eq!(fast, slow, "{ty}");
    }
}

#[test]
fn run_digests_count_operations() {
    spec!("ROWHASH-9");
    let schema = keyed(StateKind::Value, ElementType::required(LogicalType::Int64));
    let digest = |op| {
        let mut builder = RowBatchBuilder::new(Arc::clone(&schema), true);
        builder.push(Row { op, ..row("k", 0, Value::Null) }).unwrap();
        let mut hasher = RunHasher::new();
        hasher.update(&builder.finish().unwrap()).unwrap();
        hasher.finish().0
    };
    assert_ne!(digest(Op::Delete), digest(Op::Clear));
    assert_ne!(digest(Op::Delete), digest(Op::Put));
}

#[test]
fn a_base_run_has_the_digests_of_its_rows_as_live_rows() {
    spec!("ROWHASH-1", "ROWHASH-9");
    let schema = keyed(StateKind::Value, ElementType::required(LogicalType::Int64));
    let rows = || ["a", "b", "c"].map(|key| row(key, 0, Value::Int(key.len() as i64)));
    let mut builder = RowBatchBuilder::new(Arc::clone(&schema), false);
    rows().into_iter().for_each(|row| builder.push(row).unwrap());
    let batch = builder.finish().unwrap();
    let (mut base, mut delta) = (RunHasher::of_base(schema.kind), RunHasher::new());
    base.update(&batch).unwrap();
    delta.update(&batch).unwrap();
    let (run, live) = base.finish();
    assert_eq!(live, Some(digest_of(&schema, rows())));
    assert_eq!((run, None), delta.finish());
    assert_eq!(RunHasher::of_base(StateKind::List).finish().1, None);
}
