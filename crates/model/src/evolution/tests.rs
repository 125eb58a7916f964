use std::sync::Arc;

use arrow_array::{Array, BinaryArray, RecordBatch};
use serde_json::{Value as Json, json};

use super::*;
use crate::column::{column_of, value_at};
use crate::job::schema_from_json;
use crate::{LogicalType, Role, RowBatch, Side, Value, spec};

fn schema(value: Json) -> StateSchema {
    schema_from_json(&json!({"name": "s", "kind": "value", "key_type": "string", "value_type": value}))
        .unwrap()
}

fn check(old: Json, new: Json, outcome: Outcome, texts: &[&str]) {
    let found = resolve(&schema(old), &schema(new));
    assert_eq!(found.differences.iter().map(ToString::to_string).collect::<Vec<_>>(), texts);
    assert_eq!(found.outcome, outcome);
    assert_eq!(found.projection.is_none(), outcome == Outcome::Incompatible);
}

fn fields(fields: &[(&str, Json)]) -> Json {
    json!({"struct": fields.iter().map(|(name, ty)| json!({"name": name, "type": ty})).collect::<Vec<_>>()})
}

#[test]
fn equal_schemas_are_compatible_as_is() {
    spec!("EVOL-1");
    check(json!("int64"), json!("int64"), Outcome::AsIs, &[]);
    let nested = fields(&[("a", json!({"list": {"nullable": "date"}}))]);
    check(nested.clone(), nested, Outcome::AsIs, &[]);
}

#[test]
fn numbers_widen_without_loss_only() {
    spec!("EVOL-7");
    let widened = |old: &str, new: &str| {
        let text = format!("value: widened from {old} to {new}");
        check(json!(old), json!(new), Outcome::AfterMigration, &[&text]);
    };
    widened("int8", "int64");
    widened("uint16", "uint32");
    widened("float32", "float64");
    widened("decimal(10,2)", "decimal(20,2)");
    for (old, new) in
        [("int64", "int32"), ("uint8", "int64"), ("int32", "float64"), ("date", "timestamp(ms)")]
    {
        let text = format!("value: type changed from {old} to {new}");
        check(json!(old), json!(new), Outcome::Incompatible, &[&text]);
    }
}

#[test]
fn sides_of_an_either_change_like_values() {
    spec!("EVOL-4", "EVOL-7");
    let either = |right: Json| json!({"either": ["big-integer", {"list": right}]});
    let widened = ["value.right[]: widened from int8 to int64"];
    check(either(json!("int8")), either(json!("int64")), Outcome::AfterMigration, &widened);
    let changed = ["value: type changed from big-integer to big-decimal"];
    check(json!("big-integer"), json!("big-decimal"), Outcome::Incompatible, &changed);
    let (old, new) = (schema(either(json!("int8"))), schema(either(json!("int64"))));
    let side = |side, value| Value::Either(side, Box::new(value));
    let values = [
        side(Side::Left, Value::BigInteger("7".into())),
        side(Side::Right, Value::List(vec![Value::Int(-3)])),
    ];
    let (old_ty, new_ty) = (&old.value.as_ref().unwrap().ty, &new.value.as_ref().unwrap().ty);
    let column = column_of(&values, old_ty).unwrap();
    let projected = resolve(&old, &new).projection.unwrap().project_column(Role::Value, &column).unwrap();
    for (row, value) in values.iter().enumerate() {
        assert_eq!(&value_at(&projected, new_ty, row).unwrap(), value);
    }
    let ids = assign_field_ids(&schema(json!({"either": ["bool", fields(&[("a", json!("bool"))])]})), None);
    assert_eq!(ids.field_id_max, 1);
}

#[test]
fn fields_come_and_go_by_name() {
    spec!("EVOL-5", "EVOL-6");
    let old = fields(&[("a", json!("int32")), ("b", json!("string"))]);
    check(
        old.clone(),
        fields(&[("b", json!("string")), ("c", json!({"nullable": "bool"}))]),
        Outcome::AfterMigration,
        &["value.a: field removed, was int32", "value.c: field added, bool?, null in old rows"],
    );
    check(
        old.clone(),
        fields(&[("b", json!("string")), ("a", json!("int32"))]),
        Outcome::Reconfigured,
        &["value: fields in another order"],
    );
    check(
        old,
        fields(&[("a", json!("int32")), ("b", json!("string")), ("c", json!("bool"))]),
        Outcome::Incompatible,
        &["value.c: field added that is never null, bool: old rows have no value"],
    );
}

#[test]
fn alias_finds_a_renamed_field_once() {
    spec!("EVOL-1");
    let old = fields(&[("a", json!("int32"))]);
    let renamed = json!({"struct": [{"name": "b", "type": "int32", "aliases": ["a"]}]});
    check(old.clone(), renamed.clone(), Outcome::Reconfigured, &["value.b: renamed from a"]);
    check(renamed.clone(), old, Outcome::Reconfigured, &["value.a: renamed from b"]);
    let both = json!({"struct": [{"name": "b", "type": "int32", "aliases": ["a"]}, {"name": "a", "type": {"nullable": "int32"}}]});
    check(renamed, both, Outcome::AfterMigration, &["value.a: field added, int32?, null in old rows"]);
}

#[test]
fn null_may_be_allowed_but_not_forbidden() {
    spec!("EVOL-8");
    check(json!("int8"), json!({"nullable": "int8"}), Outcome::AfterMigration, &["value: may now be null"]);
    let text = "value: may no longer be null, while old rows may be";
    check(json!({"nullable": "int8"}), json!("int8"), Outcome::Incompatible, &[text]);
}

#[test]
fn enum_symbols_are_only_appended() {
    spec!("EVOL-9");
    check(
        json!({"enum": ["A"]}),
        json!({"enum": ["A", "B"]}),
        Outcome::Reconfigured,
        &["value: symbols added: B"],
    );
    let text = "value: symbols changed from A, B to B, A";
    check(json!({"enum": ["A", "B"]}), json!({"enum": ["B", "A"]}), Outcome::Incompatible, &[text]);
}

#[test]
fn keys_and_kinds_never_change() {
    spec!("EVOL-10", "EVOL-11");
    let old = schema(json!("int64"));
    let wider = StateSchema { key: Some(LogicalType::Bytes), ..old.clone() };
    assert_eq!(resolve(&old, &wider).differences[0].to_string(), "key: type changed from string to bytes");
    let list = StateSchema { kind: crate::StateKind::List, ..old.clone() };
    assert_eq!(resolve(&old, &list).outcome, Outcome::Incompatible);
    let member = json!({"map": ["int32", "string"]});
    let text = "value{key}: type changed from int32 to int64";
    check(member, json!({"map": ["int64", "string"]}), Outcome::Incompatible, &[text]);
}

#[test]
fn changed_time_to_live_acts_on_old_rows() {
    spec!("EVOL-12");
    let unknown = schema(json!("int64")).with_unknown_ttl();
    assert_eq!(resolve(&unknown, &unknown.clone().with_ttl_ms(5)).outcome, Outcome::AsIs);
    assert_eq!(resolve(&unknown, &schema(json!("int64"))).outcome, Outcome::AfterMigration);
    let text = resolve(&schema(json!("int64")), &unknown).differences[0].to_string();
    assert_eq!(text, "ttl: time to live of unknown length added");
    let old = schema(json!("int64")).with_ttl_ms(1000);
    assert_eq!(resolve(&old, &old.clone().with_ttl_ms(5)).outcome, Outcome::AsIs);
    assert_eq!(resolve(&old, &schema(json!("int64"))).outcome, Outcome::AfterMigration);
}

#[test]
fn ids_are_kept_by_name_and_never_given_twice() {
    spec!("EVOL-3");
    let first = assign_field_ids(&schema(fields(&[("a", json!("int32")), ("b", json!("string"))])), None);
    assert_eq!(first.field_id_max, 2);
    let second = assign_field_ids(
        &schema(fields(&[("c", json!({"nullable": "int8"})), ("a", json!("int32"))])),
        Some(&first),
    );
    let ids = |schema: &StateSchema| match &schema.value.as_ref().unwrap().ty {
        LogicalType::Struct(s) => s.fields.iter().map(|f| (f.name.clone(), f.id)).collect::<Vec<_>>(),
        _ => unreachable!(),
    };
    assert_eq!(ids(&second), [("a".to_owned(), 1), ("c".to_owned(), 3)]);
    let third = assign_field_ids(
        &schema(fields(&[("a", json!("int32")), ("b", json!({"nullable": "string"}))])),
        Some(&second),
    );
    assert_eq!(ids(&third), [("a".to_owned(), 1), ("b".to_owned(), 4)]);
    let by_id = resolve_by_id(&first, &third);
    assert_eq!(by_id.differences.len(), 2, "b of the first is not b of the third: {:?}", by_id.differences);
    assert!(!same_field_names(&first, &third));
    assert!(same_field_names(&first, &first));
}

#[test]
fn projection_rewrites_columns_recursively() {
    spec!("EVOL-4");
    let old = schema(json!({"list": {"struct": [
        {"id": 1, "name": "a", "type": "int32"}, {"id": 2, "name": "b", "type": {"nullable": "string"}}]}}));
    let new = schema(json!({"list": {"struct": [
        {"id": 1, "name": "a", "type": "int64"}, {"id": 3, "name": "c", "type": {"nullable": "bool"}}]}}));
    let row = |a| Value::Struct(vec![Value::Int(a), Value::Null]);
    let value = Value::List(vec![row(1), row(-2)]);
    let ty = |s: &StateSchema| s.value.clone().unwrap().ty;
    let column = column_of([&value, &Value::List(vec![])], &ty(&old)).unwrap();
    let projection = resolve(&old, &new).projection.unwrap();
    let projected = projection.project_column(crate::Role::Value, &column).unwrap();
    assert_eq!(projected.data_type(), &crate::column::arrow_type(&ty(&new)));
    assert_eq!(value_at(&projected, &ty(&new), 0).unwrap(), value);
}

#[test]
fn projected_batch_keeps_its_sort_keys() {
    spec!("EVOL-4");
    let old = Arc::new(schema(json!("int8")));
    let columns = [
        column_of([&Value::UInt(7)], &LogicalType::UInt16),
        column_of([&Value::String("k".into())], &LogicalType::String),
        column_of([&Value::Int(-1)], &LogicalType::Int8),
    ];
    let rows =
        RecordBatch::try_new(old.arrow_schema(false), columns.into_iter().map(Result::unwrap).collect())
            .unwrap();
    let batch = RowBatch::new(old.clone(), false, rows, BinaryArray::from_vec(vec![b"k\0\0\x01"])).unwrap();
    let new = schema(json!({"nullable": "int16"})).with_ttl_ms(9);
    let projection = resolve(&old, &new).projection.unwrap();
    assert!(projection.project_batch(&batch).is_err(), "no time of last access was given");
    let projected = projection.with_last_access_ms(42).project_batch(&batch).unwrap();
    assert_eq!(projected.sort_key(0), batch.sort_key(0));
    assert_eq!(
        value_at(projected.column(crate::Role::Value).unwrap(), &LogicalType::Int16, 0).unwrap(),
        Value::Int(-1)
    );
    assert_eq!(projected.int64s(crate::Role::LastAccess).unwrap(), [42]);
}
