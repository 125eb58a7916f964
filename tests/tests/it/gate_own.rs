//! The rules of the gate over random jobs of our own: as `gate`, for the engine whose types are its schema.

use alluvium_compat::{Contract, Overall, Report, check};
use alluvium_model::OperatorUid;
use alluvium_model::job::job_from_json;
use proptest::prelude::*;
use serde_json::{Value as Json, json};

/// A type, at most some levels deep.
fn ty() -> impl Strategy<Value = Json> {
    let leaf =
        prop::sample::select(vec!["int64", "int32", "string", "bool", "float64", "timestamp(ms)", "bytes"]);
    let leaf = leaf.prop_map(Json::from);
    leaf.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            inner.clone().prop_map(|inner| json!({"list": {"nullable": inner}})),
            prop::collection::vec(inner, 1..4).prop_map(|types| {
                let field = |(index, ty): (usize, Json)| json!({"name": format!("f{index}"), "type": {"nullable": ty}});
                json!({"struct": types.into_iter().enumerate().map(field).collect::<Vec<_>>()})
            }),
            prop::collection::btree_set("[A-Z]{1,3}", 1..4).prop_map(|symbols| json!({"enum": symbols})),
        ]
    })
}

fn keyed(name: &str, kind: &str, value: Json) -> Json {
    json!({"name": name, "kind": kind, "key_type": "string", "value_type": value})
}

/// The operator that is changed: it has a state for every rule.
fn changed() -> Json {
    let account = json!({"struct": [{"name": "id", "type": "string"}, {"name": "total", "type": "int32"}]});
    let mut totals = keyed("totals", "map", "int64".into());
    totals["map_key_type"] = "string".into();
    let mut window = keyed("window", "list", "int64".into());
    window["namespace_type"] = "time-window".into();
    let mut session = keyed("session", "value", "string".into());
    session["ttl_ms"] = 60_000.into();
    json!({"uid": "changed", "name": "Changed", "parallelism": 2, "max_parallelism": 128, "key_type": "string",
        "key_group_function": "java-hash/1", "states": [
            keyed("account", "value", account),
            keyed("kind", "value", json!({"enum": ["A", "B"]})),
            totals,
            window,
            session,
            {"name": "positions", "kind": "operator-list", "value_type": "int64"}]})
}

/// A job of random operators, with the one that is changed among them.
fn job() -> impl Strategy<Value = Json> {
    let kind = prop::sample::select(vec!["value", "list", "reducing", "operator-list", "operator-union"]);
    let states = prop::collection::vec((kind, ty()), 0..4);
    let operators = prop::collection::vec((states, 1_u32..9, any::<bool>()), 0..4);
    (operators, any::<prop::sample::Index>()).prop_map(|(operators, place)| {
        let mut list: Vec<Json> = operators.into_iter().enumerate().map(operator).collect();
        list.insert(place.index(list.len() + 1), changed());
        json!({"description_version": 1, "operators": list})
    })
}

type Random = (Vec<(&'static str, Json)>, u32, bool);

fn operator((number, (states, parallelism, has_uid)): (usize, Random)) -> Json {
    let state = |(index, (kind, value)): (usize, (&str, Json))| {
        let mut state = json!({"name": format!("state-{index}"), "kind": kind, "value_type": value});
        if !kind.starts_with("operator-") {
            state["key_type"] = "string".into();
        }
        state
    };
    let states: Vec<Json> = states.into_iter().enumerate().map(state).collect();
    let mut operator = json!({"name": format!("Op {number}"), "parallelism": parallelism, "max_parallelism": 128,
        "id": format!("{number:032x}"), "states": states});
    if has_uid {
        operator["uid"] = format!("op-{number}").into();
    }
    operator
}

fn checked(old: &Json, new: &Json) -> Report {
    let contract = |json: &Json| Contract::from(&job_from_json(json).unwrap());
    check(&contract(old), &contract(new))
}

/// The rule that a change is to be found by, whether state goes on living, and the change to a job at an operator.
type Change = (&'static str, bool, fn(&mut Json, usize));

fn changes() -> Vec<Change> {
    fn states(job: &mut Json, at: usize) -> &mut Vec<Json> {
        job["operators"][at]["states"].as_array_mut().unwrap()
    }
    fn state<'j>(job: &'j mut Json, at: usize, name: &str) -> &'j mut Json {
        states(job, at).iter_mut().find(|state| state["name"] == name).unwrap()
    }
    fn fields(job: &mut Json, at: usize) -> &mut Vec<Json> {
        state(job, at, "account")["value_type"]["struct"].as_array_mut().unwrap()
    }
    vec![
        ("UID001", true, |job, at| {
            job["operators"][at]["id"] = OperatorUid::new("changed").id().to_string().into();
            job["operators"][at]["uid"] = Json::Null;
        }),
        ("OPR001", false, |job, at| drop(job["operators"].as_array_mut().unwrap().remove(at))),
        ("OPR002", true, |job, _| {
            let states = [keyed("note", "value", "string".into())];
            let new = json!({"uid": "new", "parallelism": 1, "max_parallelism": 128, "key_type": "string", "states": states});
            job["operators"].as_array_mut().unwrap().push(new);
        }),
        ("OPR003", false, |job, at| job["operators"][at]["uid"] = "renamed".into()),
        ("STA001", true, |job, at| states(job, at).push(keyed("note", "value", "string".into()))),
        ("STA002", false, |job, at| states(job, at).retain(|state| state["name"] != "kind")),
        ("STA002", false, |job, at| state(job, at, "kind")["name"] = "kind2".into()),
        ("STA003", false, |job, at| state(job, at, "account")["kind"] = "reducing".into()),
        ("STA003", false, |job, at| state(job, at, "positions")["kind"] = "operator-union".into()),
        ("KEY001", false, |job, at| {
            job["operators"][at]["key_type"] = "int64".into();
            for state in states(job, at).iter_mut().filter(|state| state.get("key_type").is_some()) {
                state["key_type"] = "int64".into();
            }
        }),
        ("KEY002", false, |job, at| job["operators"][at]["key_group_function"] = "canonical-bytes/1".into()),
        ("KEY003", false, |job, at| state(job, at, "totals")["map_key_type"] = "int64".into()),
        ("NSP001", false, |job, at| state(job, at, "window")["namespace_type"] = "string".into()),
        ("SCH001", false, |job, at| state(job, at, "totals")["value_type"] = "int32".into()),
        ("SCH001", false, |job, at| state(job, at, "kind")["value_type"] = json!({"enum": ["A"]})),
        ("SCH001", false, |job, at| fields(job, at).push(json!({"name": "must", "type": "int64"}))),
        ("SCH002", true, |job, at| {
            fields(job, at).push(json!({"name": "may", "type": {"nullable": "int64"}}))
        }),
        ("SCH002", true, |job, at| drop(fields(job, at).remove(1))),
        ("SCH002", true, |job, at| fields(job, at)[1]["type"] = "int64".into()),
        ("SCH003", true, |job, at| state(job, at, "kind")["value_type"] = json!({"enum": ["A", "B", "C"]})),
        ("SCH003", true, |job, at| {
            fields(job, at)[0] = json!({"name": "name", "aliases": ["id"], "type": "string"});
        }),
        ("TTL001", true, |job, at| state(job, at, "session")["ttl_ms"] = 30_000.into()),
        ("TTL002", true, |job, at| drop(state(job, at, "session").as_object_mut().unwrap().remove("ttl_ms"))),
        ("TTL002", true, |job, at| state(job, at, "kind")["ttl_ms"] = 60_000.into()),
        ("PAR001", false, |job, at| job["operators"][at]["max_parallelism"] = 256.into()),
        ("PAR002", false, |job, at| job["operators"][at]["parallelism"] = 200.into()),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn a_random_job_of_ours_against_itself_finds_nothing(job in job()) {
        let report = checked(&job, &job);
        prop_assert_eq!(&report.findings, &[]);
        prop_assert_eq!(report.overall, Overall::RestoresAsIs);
    }

    #[test]
    fn what_a_rule_is_about_is_found_in_any_job_of_ours(job in job()) {
        let operators = job["operators"].as_array().unwrap();
        let at = operators.iter().position(|operator| operator["uid"] == "changed").unwrap();
        for (rule, lives, change) in changes() {
            let mut new = job.clone();
            change(&mut new, at);
            let report = checked(&job, &new);
            let found: Vec<&str> = report.findings.iter().map(|finding| finding.rule.id).collect();
            prop_assert!(found.contains(&rule), "{} is not among {:?}", rule, found);
            prop_assert_eq!(report.overall <= Overall::RestoresAfterMigration, lives, "{}: {:?}", rule, report.overall);
        }
    }
}

/// Rules that only Flink's restores know.
const OF_FLINK: [&str; 10] =
    ["OPR004", "STA004", "SER001", "SER002", "SER003", "BCK001", "CHK001", "CHK002", "VER001", "VER002"];

#[test]
fn every_rule_has_a_change_that_it_finds() {
    let of_flink = super::gate::rules();
    for rule in alluvium_compat::RULES.iter() {
        let ours = changes().iter().any(|(id, _, _)| *id == rule.id);
        assert_ne!(ours, OF_FLINK.contains(&rule.id), "{} of ours", rule.id);
        // Flink has one key-group function.
        assert_eq!(of_flink.contains(&rule.id), rule.id != "KEY002", "{} of Flink", rule.id);
    }
}
