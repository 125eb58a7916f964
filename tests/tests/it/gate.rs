//! The rules of the gate over random jobs: a job against itself finds nothing, and what each rule is about
//! is found wherever it is done.

use alluvium_compat::{Contract, Overall, Report, check};
use alluvium_model::job::job_from_json;
use proptest::prelude::*;
use serde_json::{Value as Json, json};

/// A serializer, at most some levels deep.
fn serializer() -> impl Strategy<Value = Json> {
    let leaf = prop::sample::select(vec![
        "long",
        "int",
        "string",
        "boolean",
        "instant",
        "byte[]",
        "com.example.Own",
    ]);
    let leaf = leaf.prop_map(Json::from);
    leaf.prop_recursive(3, 12, 3, |inner| {
        let parts = prop::collection::vec(inner, 1..4);
        prop_oneof![
            parts.clone().prop_map(|parts| tree("tuple", parts)),
            parts.clone().prop_map(|parts| tree("list", parts.into_iter().take(1).collect())),
            parts.prop_map(|parts| {
                let mut pojo = tree("pojo", parts);
                pojo["type"] = "com.example.Random".into();
                pojo
            }),
            prop::collection::hash_set("[A-Z]{1,3}", 1..4)
                .prop_map(|symbols| json!({"class": "enum", "type": "com.example.E", "symbols": symbols})),
        ]
    })
}

fn tree(class: &str, parts: Vec<Json>) -> Json {
    let parts = parts.into_iter().enumerate();
    let parts = parts.map(|(index, part)| json!({"name": format!("f{index}"), "serializer": part}));
    json!({"class": class, "parts": parts.collect::<Vec<_>>()})
}

fn keyed(name: &str, kind: &str, value: Json) -> Json {
    let serializers = json!({"key": "string", "namespace": "void-namespace", "value": value});
    json!({"name": name, "kind": kind, "serializers": serializers})
}

/// The operator that is changed: it has a state for every rule.
fn changed() -> Json {
    let account = json!({"class": "pojo", "type": "com.example.Account", "parts": [
        {"name": "id", "serializer": "string"},
        {"name": "opened", "serializer": {"class": "kryo", "type": "java.time.LocalDate"}}]});
    let mut window = keyed("window", "list", tree("list", vec!["long".into()]));
    window["serializers"]["namespace"] = "time-window".into();
    let mut brief = keyed("brief", "value", tree("ttl", vec!["long".into(), "string".into()]));
    brief["ttl_ms"] = 60_000.into();
    json!({"uid": "changed", "name": "Changed", "parallelism": 2, "max_parallelism": 128, "states": [
        keyed("account", "value", account),
        keyed("kind", "value", json!({"class": "enum", "type": "com.example.Kind", "symbols": ["A", "B"]})),
        keyed("totals", "map", tree("map", vec!["string".into(), "long".into()])),
        window,
        keyed("own", "value", json!({"class": "com.example.OwnSerializer", "version": 1})),
        brief,
        {"name": "positions", "kind": "operator-list", "serializers": {"value": "long"}},
        {"name": "$input-0", "kind": "in-flight", "value_type": {"opaque": "record"}}]})
}

/// A job of random operators, with the one that is changed among them.
fn job() -> impl Strategy<Value = Json> {
    let kind = prop::sample::select(vec!["value", "list", "reducing", "operator-list", "operator-union"]);
    let states = prop::collection::vec((kind, serializer()), 0..4);
    let operators = prop::collection::vec((states, 1_u32..9, any::<bool>()), 0..4);
    (operators, any::<prop::sample::Index>()).prop_map(|(operators, place)| {
        let mut list: Vec<Json> = operators.into_iter().enumerate().map(operator).collect();
        list.insert(place.index(list.len() + 1), changed());
        list.push(json!({"uid": "ended", "name": "Ended", "parallelism": 1, "max_parallelism": 128, "finished": "fully"}));
        json!({"description_version": 1, "engine": {"name": "flink", "version": "1.20.5"}, "backend": "rocksdb",
            "layout": "native", "operators": list})
    })
}

type Random = (Vec<(&'static str, Json)>, u32, bool);

fn operator((number, (states, parallelism, has_uid)): (usize, Random)) -> Json {
    let state = |(index, (kind, value)): (usize, (&str, Json))| {
        let value = if kind == "list" { tree("list", vec![value]) } else { value };
        keyed(&format!("state-{index}"), kind, value)
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

/// The rule that a change is to be found by, and the change to a job at an operator.
type Change = (&'static str, fn(&mut Json, usize));

fn changes() -> Vec<Change> {
    fn state<'j>(job: &'j mut Json, at: usize, name: &str) -> &'j mut Json {
        let states = job["operators"][at]["states"].as_array_mut().unwrap();
        states.iter_mut().find(|state| state["name"] == name).unwrap()
    }
    fn remove(job: &mut Json, at: usize, name: &str) {
        job["operators"][at]["states"].as_array_mut().unwrap().retain(|state| state["name"] != name);
    }
    vec![
        ("OPR001", |job, at| drop(job["operators"].as_array_mut().unwrap().remove(at))),
        ("OPR002", |job, _| {
            let states = [keyed("note", "value", "string".into())];
            let new = json!({"uid": "new", "parallelism": 1, "max_parallelism": 128, "states": states});
            job["operators"].as_array_mut().unwrap().push(new);
        }),
        ("OPR003", |job, at| job["operators"][at]["uid"] = "renamed".into()),
        ("STA001", |job, at| {
            let states = job["operators"][at]["states"].as_array_mut().unwrap();
            states.push(keyed("note", "value", "string".into()));
        }),
        ("STA002", |job, at| remove(job, at, "kind")),
        ("STA002", |job, at| state(job, at, "kind")["name"] = "kind2".into()),
        ("STA003", |job, at| state(job, at, "account")["kind"] = "reducing".into()),
        ("STA003", |job, at| state(job, at, "positions")["kind"] = "operator-union".into()),
        ("STA004", |job, at| state(job, at, "positions")["kind"] = "broadcast".into()),
        ("KEY001", |job, at| {
            for state in job["operators"][at]["states"].as_array_mut().unwrap() {
                state["serializers"]["key"] = "long".into();
            }
        }),
        ("KEY003", |job, at| {
            state(job, at, "totals")["serializers"]["value"]["parts"][0]["serializer"] = "int".into()
        }),
        ("NSP001", |job, at| state(job, at, "window")["serializers"]["namespace"] = "global-window".into()),
        ("UID001", |job, at| {
            job["operators"][at]["uid"] = Json::Null;
            job["operators"][at]["id"] = "bad4f530493aac1739b5676ea3f83886".into();
            // A side without any uid is one that does not tell them.
            job["operators"].as_array_mut().unwrap().push(json!({"uid": "source"}));
        }),
        ("SER001", |job, at| {
            let kryo = json!({"class": "kryo", "type": "com.example.Account"});
            state(job, at, "account")["serializers"]["value"] = kryo;
        }),
        ("SER002", |job, at| {
            let states = job["operators"][at]["states"].as_array_mut().unwrap();
            states.push(keyed("note", "value", json!({"class": "kryo", "type": "com.example.Note"})));
        }),
        ("SER003", |job, at| state(job, at, "own")["serializers"]["value"]["version"] = 2.into()),
        ("TTL001", |job, at| state(job, at, "brief")["ttl_ms"] = 30_000.into()),
        ("CHK001", |job, _| {
            let operators = job["operators"].as_array_mut().unwrap();
            operators.push(json!({"uid": "pass", "parallelism": 2, "max_parallelism": 128}));
        }),
        ("CHK002", |job, _| {
            job["operators"].as_array_mut().unwrap().last_mut().unwrap()["uid"] = "again".into();
        }),
        ("SCH001", |job, at| {
            state(job, at, "totals")["serializers"]["value"]["parts"][1]["serializer"] = "int".into()
        }),
        ("SCH001", |job, at| state(job, at, "kind")["serializers"]["value"]["symbols"] = json!(["A"])),
        ("SCH001", |job, at| state(job, at, "positions")["serializers"]["value"] = "int".into()),
        ("SCH002", |job, at| {
            let parts = &mut state(job, at, "account")["serializers"]["value"]["parts"];
            parts.as_array_mut().unwrap().push(json!({"name": "more", "serializer": "int"}));
        }),
        ("SCH003", |job, at| state(job, at, "kind")["serializers"]["value"]["symbols"] = json!(["B", "A"])),
        ("TTL002", |job, at| {
            let kind = &mut state(job, at, "kind")["serializers"]["value"];
            *kind = tree("ttl", vec!["long".into(), kind.take()]);
        }),
        ("PAR001", |job, at| job["operators"][at]["max_parallelism"] = 256.into()),
        ("PAR002", |job, at| job["operators"][at]["parallelism"] = 200.into()),
        ("BCK001", |job, _| job["backend"] = "hashmap".into()),
        ("VER001", |job, _| job["engine"]["version"] = "2.3".into()),
        ("VER002", |job, _| job["engine"]["version"] = "1.13".into()),
    ]
}

/// The rules that some change here is found by.
pub(super) fn rules() -> Vec<&'static str> {
    changes().into_iter().map(|(rule, _)| rule).chain(["OPR004"]).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn a_random_job_against_itself_finds_nothing(job in job()) {
        let report = checked(&job, &job);
        prop_assert_eq!(&report.findings, &[]);
        prop_assert_eq!(report.overall, Overall::RestoresAsIs);
    }

    #[test]
    fn what_a_rule_is_about_is_found_in_any_job(job in job()) {
        let operators = job["operators"].as_array().unwrap();
        let at = operators.iter().position(|operator| operator["uid"] == "changed").unwrap();
        for (rule, change) in changes() {
            let mut new = job.clone();
            change(&mut new, at);
            let report = checked(&job, &new);
            let found: Vec<&str> = report.findings.iter().map(|finding| finding.rule.id).collect();
            prop_assert!(found.contains(&rule), "{} is not among {:?}", rule, found);
            let information = ["OPR002", "STA001", "SCH002", "SCH003", "SER002", "SER003", "TTL001", "CHK001"];
            let information = information.contains(&rule);
            prop_assert_eq!(report.overall <= Overall::RestoresAfterMigration, information, "{}", rule);
        }
    }

    #[test]
    fn an_operator_that_inherits_an_id_is_found(job in job()) {
        let (mut old, mut new) = (job.clone(), job);
        let at = old["operators"].as_array().unwrap().iter().position(|o| o["uid"] == "changed").unwrap();
        for side in [&mut old, &mut new] {
            side["operators"][at]["uid"] = Json::Null;
            side["operators"][at]["id"] = "bad4f530493aac1739b5676ea3f83886".into();
        }
        new["operators"][at]["name"] = "Another".into();
        new["operators"][at]["states"] = json!([keyed("other", "value", "string".into())]);
        let report = checked(&old, &new);
        prop_assert!(report.findings.iter().any(|finding| finding.rule.id == "OPR004"));
        prop_assert_eq!(report.overall, Overall::RestoresSilently);
    }
}
