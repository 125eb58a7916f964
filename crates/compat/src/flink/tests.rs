use alluvium_model::evolution::Outcome;
use alluvium_model::serializer::{SerializerTree, serializer_from_json};
use serde_json::{Value as Json, json};

use super::resolve::{Engines, resolve};

const FLINK_1: Engines = Engines { old_kryo: Some(2), new_kryo: Some(2), ttl_migration: false };
const FLINK_2: Engines = Engines { old_kryo: Some(5), new_kryo: Some(5), ttl_migration: true };
const UPGRADE: Engines = Engines { old_kryo: Some(2), new_kryo: Some(5), ttl_migration: true };

fn tree(json: Json) -> SerializerTree {
    serializer_from_json(&json).unwrap()
}

#[track_caller]
fn check(engines: Engines, old: Json, new: Json, wanted: Outcome) {
    let (old, new) = (tree(old), tree(new));
    let resolved = resolve("value", &old, &new, engines);
    assert_eq!(resolved.outcome, wanted, "{:?}", resolved.differences);
    for same in [&old, &new] {
        assert!(resolve("value", same, same, FLINK_1).outcome <= Outcome::Reconfigured);
        assert!(resolve("value", same, same, FLINK_2).differences.is_empty());
    }
}

fn pojo(class: &str, fields: &[(&str, Json)]) -> Json {
    let parts: Vec<Json> = fields.iter().map(|(name, s)| json!({"name": name, "serializer": s})).collect();
    json!({"class": "pojo", "type": class, "parts": parts})
}

fn of(class: &str, parts: &[Json]) -> Json {
    let parts: Vec<Json> =
        parts.iter().enumerate().map(|(i, s)| json!({"name": format!("f{i}"), "serializer": s})).collect();
    json!({"class": class, "parts": parts})
}

fn symbols(list: &[&str]) -> Json {
    json!({"class": "enum", "type": "K", "symbols": list})
}

#[test]
fn serializers_without_parts_stay_or_do_not() {
    check(FLINK_1, json!("long"), json!("long"), Outcome::AsIs);
    check(FLINK_1, json!("long"), json!("int"), Outcome::Incompatible);
    check(FLINK_2, json!("com.example.Own"), json!("com.example.Other"), Outcome::Incompatible);
}

#[test]
fn composites_are_the_worst_of_their_parts() {
    let a = pojo("A", &[("x", json!("int"))]);
    let b = pojo("A", &[("x", json!("int")), ("y", json!("long"))]);
    for class in ["list", "set", "tuple", "row", "nullable"] {
        check(
            FLINK_1,
            of(class, std::slice::from_ref(&a)),
            of(class, std::slice::from_ref(&b)),
            Outcome::AfterMigration,
        );
        check(FLINK_1, of(class, &[json!("int")]), of(class, &[json!("long")]), Outcome::Incompatible);
    }
    check(
        FLINK_1,
        of("tuple", &[json!("int")]),
        of("tuple", &[json!("int"), json!("int")]),
        Outcome::Incompatible,
    );
    check(FLINK_1, of("list", &[json!("int")]), of("set", &[json!("int")]), Outcome::Incompatible);
    let map = |value: Json| of("map", &[json!("string"), value]);
    check(FLINK_1, map(symbols(&["A"])), map(symbols(&["A", "B"])), Outcome::Reconfigured);
}

#[test]
fn pojos_take_and_lose_fields() {
    let base = || vec![("id", json!("string")), ("n", json!("int"))];
    let with = |more: (&'static str, Json)| pojo("A", &[base(), vec![more]].concat());
    check(FLINK_1, pojo("A", &base()), with(("x", json!("long"))), Outcome::AfterMigration);
    check(FLINK_1, with(("x", json!("long"))), pojo("A", &base()), Outcome::AfterMigration);
    check(FLINK_1, pojo("A", &base()), pojo("B", &base()), Outcome::Incompatible);
    let changed = pojo("A", &[("id", json!("string")), ("n", json!("long"))]);
    check(FLINK_1, pojo("A", &base()), changed, Outcome::Incompatible);
    let kryo = json!({"class": "kryo", "type": "A"});
    check(FLINK_1, pojo("A", &base()), kryo, Outcome::Incompatible);
    let nested = |fields: &[(&str, Json)]| pojo("B", &[("inner", pojo("A", fields))]);
    check(FLINK_1, nested(&base()), nested(&base()[..1]), Outcome::AfterMigration);
}

#[test]
fn subclasses_registered_otherwise_reconfigure() {
    let with = |names: &[&str], met: &[&str]| {
        let list = |names: &[&str]| {
            names.iter().map(|n| json!({"name": n, "serializer": "string"})).collect::<Vec<_>>()
        };
        json!({"class": "pojo", "type": "A", "registered": list(names), "subclasses": list(met)})
    };
    check(FLINK_1, with(&["X"], &[]), with(&["X", "Y"], &[]), Outcome::AsIs);
    check(FLINK_1, with(&["X", "Y"], &[]), with(&["Y", "X"], &[]), Outcome::Reconfigured);
    check(FLINK_1, with(&["X"], &[]), with(&[], &[]), Outcome::Reconfigured);
    check(FLINK_1, with(&[], &["X"]), with(&[], &[]), Outcome::Reconfigured);
}

#[test]
fn enums_keep_their_constants() {
    check(FLINK_1, symbols(&["A", "B"]), symbols(&["A", "B", "C"]), Outcome::Reconfigured);
    check(FLINK_1, symbols(&["A", "B"]), symbols(&["B", "A"]), Outcome::Reconfigured);
    check(FLINK_1, symbols(&["A", "B"]), symbols(&["A"]), Outcome::Incompatible);
}

#[test]
fn kryo_of_flink_1_is_unreadable_in_flink_2() {
    let kryo = || json!({"class": "kryo", "type": "java.util.BitSet"});
    check(FLINK_1, kryo(), kryo(), Outcome::AsIs);
    check(UPGRADE, kryo(), kryo(), Outcome::Incompatible);
    check(UPGRADE, of("list", &[kryo()]), of("list", &[kryo()]), Outcome::Incompatible);
    check(FLINK_1, kryo(), json!({"class": "kryo", "type": "X"}), Outcome::Incompatible);
}

#[test]
fn a_time_to_live_is_switched_from_flink_2_on() {
    let ttl = |value: Json| of("ttl", &[json!("long"), value]);
    for (old, new) in [(json!("string"), ttl(json!("string"))), (ttl(json!("string")), json!("string"))] {
        check(FLINK_1, old.clone(), new.clone(), Outcome::Incompatible);
        check(FLINK_2, old, new, Outcome::AfterMigration);
    }
    check(FLINK_2, json!("int"), ttl(json!("long")), Outcome::Incompatible);
    let map = |value: Json| of("map", &[json!("string"), value]);
    check(FLINK_2, map(json!("long")), map(ttl(json!("long"))), Outcome::AfterMigration);
}

#[test]
fn rows_of_sql_keep_their_types() {
    let row = |types: &[&str]| json!({"class": "row-data", "facts": {"types": types}});
    check(FLINK_1, row(&["INT"]), row(&["INT"]), Outcome::AsIs);
    check(FLINK_1, row(&["INT"]), row(&["INT", "INT"]), Outcome::Incompatible);
    check(FLINK_1, row(&["INT"]), row(&["BIGINT"]), Outcome::Incompatible);
}
