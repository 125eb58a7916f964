use alluvium_model::{ElementType, KeyGroup, LogicalType, Row, StateKind, StructType, Value, spec};

use super::*;
use crate::fake::{self, Fake};

fn found(left: &Fake, right: &Fake) -> (Vec<String>, DiffSummary) {
    let mut differences = Vec::new();
    let summary = diff(left, right, &mut |difference| {
        differences.push(difference.to_json().to_string());
        ControlFlow::Continue(())
    });
    (differences, summary.unwrap())
}

#[test]
fn snapshot_equals_itself() {
    let (differences, summary) = found(&fake::snapshot(), &fake::snapshot());
    assert_eq!(differences, [""; 0]);
    assert!(summary.is_equal());
    assert_eq!(summary.equal, 8);
}

#[test]
fn entries_are_added_removed_and_changed() {
    let left = Fake::new("a", 4, vec![fake::visits(&[(1, "N1", "JFK", 2), (1, "N2", "EWR", 1)])]);
    let right = Fake::new("a", 4, vec![fake::visits(&[(1, "N1", "JFK", 3), (2, "N3", "EWR", 1)])]);
    let (differences, summary) = found(&left, &right);
    assert_eq!(
        differences,
        [
            r#"{"what":"entry","change":"changed","operator":"a","state":"visits","key_group":1,"key":"N1","map_key":"JFK","before":{"value":2},"after":{"value":3}}"#,
            r#"{"what":"entry","change":"removed","operator":"a","state":"visits","key_group":1,"key":"N2","map_key":"EWR","before":{"value":1},"after":null}"#,
            r#"{"what":"entry","change":"added","operator":"a","state":"visits","key_group":2,"key":"N3","map_key":"EWR","before":null,"after":{"value":1}}"#,
        ]
    );
    assert_eq!((summary.added, summary.removed, summary.changed), (1, 1, 1));
}

#[test]
fn equal_digests_spare_the_rows() {
    spec!("ROWHASH-10");
    let make = |count| {
        let mut fake = Fake::new("a", 4, vec![fake::visits(&[(1, "N1", "JFK", 2), (2, "N2", "EWR", count)])]);
        fake.digests = true;
        fake
    };
    let (differences, summary) = found(&make(1), &make(2));
    assert_eq!(differences.len(), 1);
    assert_eq!((summary.key_groups_skipped, summary.equal), (1, 0));
}

#[test]
fn equal_digests_are_not_trusted_under_other_field_names() {
    spec!("ROWHASH-10");
    let table = |name: &str, alias: Option<&str>| {
        let mut fields = StructType::of([(name, ElementType::required(LogicalType::Int64))]);
        fields.fields[0].aliases.extend(alias.map(str::to_owned));
        let schema =
            fake::keyed("s", StateKind::Value).with_value(ElementType::required(LogicalType::Struct(fields)));
        let value = Value::Struct(vec![Value::Int(7)]);
        let row = Row { key_group: KeyGroup(0), key: Value::String("k".into()), value, ..Row::default() };
        let mut fake = Fake::new("a", 4, vec![fake::build(schema, [row])]);
        fake.digests = true;
        fake
    };
    let summary = found(&table("flights", None), &table("visits", None)).1;
    assert_eq!((summary.key_groups_skipped, summary.changed), (0, 1));
    let summary = found(&table("flights", None), &table("visits", Some("flights"))).1;
    assert_eq!((summary.key_groups_skipped, summary.changed), (1, 0));
}

#[test]
fn operator_lists_are_compared_without_their_subtasks() {
    let left = Fake::new("a", 4, vec![fake::positions(&[(0, 0, 7), (0, 1, 9)])]);
    let right = Fake::new("a", 4, vec![fake::positions(&[(0, 0, 9), (3, 0, 7)])]);
    assert!(found(&left, &right).1.is_equal());
    let other = Fake::new("a", 4, vec![fake::positions(&[(0, 0, 9), (3, 0, 8)])]);
    let summary = found(&left, &other).1;
    assert_eq!((summary.added, summary.removed), (1, 1));
}

#[test]
fn other_placement_is_one_difference_not_one_per_entry() {
    let left = Fake::new("a", 4, vec![fake::visits(&[(1, "N1", "JFK", 2)])]);
    let right = Fake::new("a", 8, vec![fake::visits(&[(5, "N1", "JFK", 2)])]);
    let (differences, summary) = found(&left, &right);
    assert_eq!(differences.len(), 1);
    assert_eq!((summary.structure, summary.equal), (1, 1));
}

#[test]
fn widened_values_are_compared_as_equal() {
    let table = |ty, value| {
        let schema = fake::keyed("s", StateKind::Value).with_value(ElementType::required(ty));
        let row = Row { key_group: KeyGroup(0), key: Value::String("k".into()), value, ..Row::default() };
        Fake::new("a", 4, vec![fake::build(schema, [row])])
    };
    let left = table(LogicalType::Float32, Value::Float32(0.1));
    let right = table(LogicalType::Float64, Value::Float64(f64::from(0.1f32)));
    for (a, b) in [(&left, &right), (&right, &left)] {
        let summary = found(a, b).1;
        assert_eq!((summary.structure, summary.equal, summary.changed), (1, 1, 0));
    }
}

#[test]
fn whole_operators_and_states_are_named() {
    let left = Fake::new("a", 4, vec![fake::rotations()]);
    let right = Fake::new("b", 4, vec![]);
    let (differences, _) = found(&left, &right);
    assert_eq!(
        differences,
        [
            r#"{"what":"operator","change":"removed","operator":"a"}"#,
            r#"{"what":"operator","change":"added","operator":"b"}"#
        ]
    );
    let (differences, _) = found(&left, &Fake::new("a", 4, vec![fake::visits(&[])]));
    assert_eq!(differences.len(), 2);
}
