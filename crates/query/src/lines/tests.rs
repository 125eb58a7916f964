use alluvium_model::{KeyGroupRange, spec};
use serde_json::json;

use super::*;
use crate::{Error, fake, find};

fn check(path: &str, filter: &Filter, expect: &[&str]) {
    let source = fake::snapshot();
    let target = find(source.describe(), &format!("air%2Fcraft/{path}")).unwrap();
    let found = lines(&source, &target, filter).unwrap().map(|line| line.unwrap().json.to_string());
    assert_eq!(found.collect::<Vec<_>>(), expect, "{path} {filter:?}");
}

#[test]
fn map_prints_a_line_per_entry() {
    spec!("JSON-1");
    check(
        "visits",
        &Filter::default(),
        &[
            r#"{"key_group":1,"key":"N1","map_key":"EWR","value":1}"#,
            r#"{"key_group":1,"key":"N1","map_key":"JFK","value":2}"#,
            r#"{"key_group":2,"key":"N2","map_key":"LGA","value":5}"#,
        ],
    );
}

#[test]
fn list_prints_one_line_per_key_across_batches() {
    check(
        "rotations",
        &Filter::default(),
        &[
            r#"{"key_group":1,"key":"N1","value":[1,null],"last_access":[15,25]}"#,
            r#"{"key_group":2,"key":"N2","value":[3],"last_access":[5]}"#,
        ],
    );
}

#[test]
fn timer_has_a_timestamp_and_no_value() {
    check(
        "timers",
        &Filter::default(),
        &[r#"{"key_group":3,"key":"N3","namespace":{"start":0,"end":60},"timestamp":59}"#],
    );
}

#[test]
fn operator_state_has_subtask_and_index() {
    check(
        "source-positions",
        &Filter::default(),
        &[r#"{"subtask":0,"index":0,"value":7}"#, r#"{"subtask":1,"index":0,"value":9}"#],
    );
}

#[test]
fn filters_narrow_lines() {
    let n2 = [r#"{"key_group":2,"key":"N2","map_key":"LGA","value":5}"#];
    check("visits", &Filter { key: Some("N2".into()), ..Filter::default() }, &n2);
    check("visits", &Filter { key: Some("\"N2\"".into()), ..Filter::default() }, &n2);
    check("visits", &Filter { prefix: Some("N2".into()), ..Filter::default() }, &n2);
    check("visits", &Filter { key_groups: Some(KeyGroupRange::new(2, 3)), ..Filter::default() }, &n2);
    check("visits", &Filter { key: Some("N2".into()), prefix: Some("N1".into()), ..Filter::default() }, &[]);
    check("visits", &Filter { key: Some("N".into()), ..Filter::default() }, &[]);
    check("visits", &Filter { limit: Some(0), ..Filter::default() }, &[]);
    let first = Filter { limit: Some(1), ..Filter::default() };
    check("rotations", &first, &[r#"{"key_group":1,"key":"N1","value":[1,null],"last_access":[15,25]}"#]);
}

#[test]
fn pages_go_on_behind_a_line() {
    let source = fake::snapshot();
    let target = find(source.describe(), "air%2Fcraft/rotations").unwrap();
    let all: Vec<Line> = lines(&source, &target, &Filter::default()).unwrap().collect::<Result<_>>().unwrap();
    let after = Filter { after: Some(all[0].position.clone()), ..Filter::default() };
    let rest: Vec<Line> = lines(&source, &target, &after).unwrap().collect::<Result<_>>().unwrap();
    assert_eq!(rest, all[1..]);
}

#[test]
fn look_up_finds_every_entry_of_a_key() {
    let source = fake::snapshot();
    let target = find(source.describe(), "air%2Fcraft/visits").unwrap();
    assert_eq!(get(&source, &target, "N1").unwrap().len(), 2);
    assert_eq!(get(&source, &target, "N9").unwrap(), []);
    assert_eq!(get(&source, &target, "N2").unwrap()[0].payload(), *json!({"value": 5}).as_object().unwrap());
    let operator_state = find(source.describe(), "air%2Fcraft/source-positions").unwrap();
    assert!(matches!(get(&source, &operator_state, "1"), Err(Error::BadFilter { .. })));
}
