//! A compiled SQL plan of Flink, what `COMPILE PLAN` writes.
//!
//! A plan fixes the uids of its operators and the time to live of their states; what an operator keeps follows
//! from its kind. Names and kinds of states are given where a kind of node always has them; their types
//! are not, and an operator is marked as having states that the plan does not tell of.
//!
//! Source: `ExecNodeContext#generateUid`, `StateMetadata`, `StreamExecGroupAggregate`, `JoinRecordStateViews`,
//! `StreamExecDeduplicate`, `AppendOnlyTopNFunction`, `IntervalJoinFunction`.

use alluvium_model::job::{UNKNOWN_TYPE, job_from_json};
use alluvium_model::{ErrorKind, JobDescription};
use anyhow::Result;
use serde_json::{Map, Value as Json, json};

use alluvium::failure::Told;

/// Tells whether a document is a compiled plan.
pub(super) fn is_plan(json: &Json) -> bool {
    json.get("flinkVersion").is_some_and(Json::is_string) && json.get("nodes").is_some_and(Json::is_array)
}

/// Describes the job that Flink makes of a plan, with the format of uids that Flink has unless told
/// otherwise (`table.exec.uid.format`).
pub(super) fn job(json: &Json) -> Result<JobDescription> {
    let version = json.get("flinkVersion").and_then(Json::as_str).unwrap_or_default();
    let nodes = json.get("nodes").and_then(Json::as_array).map(Vec::as_slice).unwrap_or_default();
    let operators = nodes.iter().map(operators).collect::<Result<Vec<_>, _>>()?.concat();
    let document = json!({
        "description_version": 1,
        "name": "compiled plan",
        "engine": { "name": "flink", "version": version },
        "operators": operators,
    });
    Ok(job_from_json(&document)?)
}

/// The operators of a node: none for an exchange, else the one that the node is named after.
fn operators(node: &Json) -> Result<Vec<Json>, Told> {
    let odd = |what: &str| Told::new(ErrorKind::Corrupt, format!("a node of the plan has no {what}"));
    let id = node.get("id").and_then(Json::as_u64).ok_or_else(|| odd("id"))?;
    let ty = node.get("type").and_then(Json::as_str).ok_or_else(|| odd("type"))?;
    let kind = ty.rsplit_once('_').map_or(ty, |(kind, _version)| kind);
    let kind = kind.strip_prefix("stream-exec-").ok_or_else(|| {
        let told = format!("node {id} is of type {ty}: no plan of a streaming job");
        Told::new(ErrorKind::Unsupported, told)
    })?;
    let transformation = match kind {
        "exchange" | "union" => return Ok(Vec::new()),
        "table-source-scan" | "legacy-table-source-scan" | "data-stream-scan" => "source",
        other => other,
    };
    Ok(vec![json!({
        "uid": format!("{id}_{transformation}"),
        "name": node.get("description").and_then(Json::as_str).unwrap_or(kind),
        "role": "process",
        "states": states(kind, node),
        "states_complete": false,
    })])
}

fn states(kind: &str, node: &Json) -> Vec<Json> {
    let known: Vec<(&str, &str, usize)> = match kind {
        "group-aggregate" | "global-group-aggregate" | "incremental-group-aggregate" => {
            vec![("accState", "value", 0)]
        }
        "deduplicate" => vec![("deduplicate-state", "value", 0)],
        "global-window-aggregate" | "window-aggregate" => vec![("window-aggs", "value", 0)],
        "interval-join" => vec![
            ("IntervalJoinLeftCache", "map", 0),
            ("IntervalJoinRightCache", "map", 0),
            ("IntervalJoinLeftTimerState", "value", 0),
            ("IntervalJoinRightTimerState", "value", 0),
        ],
        "join" => {
            vec![("left-records", records(node, "left"), 0), ("right-records", records(node, "right"), 1)]
        }
        "rank" if strategy(node) == Some("AppendFast") => vec![("data-state-with-append", "map", 0)],
        _ => Vec::new(),
    };
    known.into_iter().map(|(name, state, index)| self::state(name, state, ttl_ms(node, index))).collect()
}

/// One row per join key where it holds a unique key of the side, else several.
fn records(node: &Json, side: &str) -> &'static str {
    let numbers = |json: &Json| json.as_array().map(|all| all.iter().filter_map(Json::as_u64).collect());
    let keys: Vec<u64> = node.pointer(&format!("/joinSpec/{side}Keys")).and_then(numbers).unwrap_or_default();
    let unique: Vec<Vec<u64>> = node
        .get(format!("{side}UpsertKeys"))
        .and_then(Json::as_array)
        .map(|all| all.iter().filter_map(numbers).collect())
        .unwrap_or_default();
    let held = |unique: &Vec<u64>| !unique.is_empty() && unique.iter().all(|key| keys.contains(key));
    if unique.iter().any(held) { "value" } else { "map" }
}

fn strategy(node: &Json) -> Option<&str> {
    node.pointer("/rankStrategy/type").and_then(Json::as_str)
}

/// Reads the time to live of a state: a number and `ms`, 0 for none.
fn ttl_ms(node: &Json, index: usize) -> Option<u64> {
    let states = node.get("state")?.as_array()?;
    let state =
        states.iter().find(|state| state.get("index").and_then(Json::as_u64) == Some(index as u64))?;
    let text = state.get("ttl")?.as_str()?;
    let number = text.trim().strip_suffix("ms")?.trim().parse().ok()?;
    (number > 0).then_some(number)
}

fn state(name: &str, kind: &str, ttl_ms: Option<u64>) -> Json {
    let unknown = json!({ "opaque": UNKNOWN_TYPE });
    let mut state = Map::new();
    state.insert("name".into(), name.into());
    state.insert("kind".into(), kind.into());
    state.insert("key_type".into(), unknown.clone());
    if kind == "map" {
        state.insert("map_key_type".into(), unknown.clone());
    }
    state.insert("value_type".into(), unknown);
    if let Some(ttl_ms) = ttl_ms {
        state.insert("ttl_ms".into(), ttl_ms.into());
    }
    Json::Object(state)
}
