//! A compiled SQL plan of Flink, what `COMPILE PLAN` writes.
//!
//! A plan fixes the uids of its operators and the time to live of their states; what an operator keeps
//! follows from its kind and the types of its inputs. Where it does, states are given with the
//! serializers that Flink makes for them, and an operator has no others. Where it does not, a state has
//! a name and a kind at most, and its operator is marked as having states that the plan does not tell of.
//!
//! Source: `ExecNodeContext#generateUid`, `StateMetadata`, `TimeUtils#parseDuration`; [`states`].

mod aggregates;
mod states;
mod trees;
mod types;

use std::collections::BTreeMap;

use alluvium_model::job::{UNKNOWN_TYPE, job_from_json};
use alluvium_model::serializer::serializer_to_json;
use alluvium_model::{ErrorKind, JobDescription};
use anyhow::Result;
use serde_json::{Map, Value as Json, json};

use alluvium::failure::Told;
use states::States;
use trees::Held;
use types::Row;

/// Tells whether a document is a compiled plan.
pub(super) fn is_plan(json: &Json) -> bool {
    json.get("flinkVersion").is_some_and(Json::is_string) && json.get("nodes").is_some_and(Json::is_array)
}

/// Describes the job that Flink makes of a plan, with the format of uids that Flink has unless told
/// otherwise (`table.exec.uid.format`).
pub(super) fn job(json: &Json) -> Result<JobDescription> {
    let version = json.get("flinkVersion").and_then(Json::as_str).unwrap_or_default();
    let inputs = Inputs::of(json);
    let operators = list(json, "nodes").iter().map(|node| operators(node, &inputs));
    let operators = operators.collect::<Result<Vec<_>, _>>()?.concat();
    let document = json!({
        "description_version": 1,
        "name": "compiled plan",
        "engine": { "name": "flink", "version": version },
        "operators": operators,
    });
    Ok(job_from_json(&document)?)
}

/// The operators of a node: none for an exchange, else the one that the node is named after, and what
/// keeps rows in front of a sink.
fn operators(node: &Json, inputs: &Inputs) -> Result<Vec<Json>, Told> {
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
    let known = states::of_node(kind, node, &inputs.rows(id).unwrap_or_default());
    let before = states::materialized(node).map(|states| operator(id, "upsert-materialize", node, &states));
    Ok(before.into_iter().chain([operator(id, transformation, node, &known)]).collect())
}

/// What the nodes of a plan read.
struct Inputs {
    /// Types of the rows that leave a node, by its id.
    outputs: BTreeMap<u64, Option<Row>>,
    /// Nodes that a node reads, in the order of its inputs.
    sources: BTreeMap<u64, Vec<Option<u64>>>,
}

impl Inputs {
    fn of(plan: &Json) -> Self {
        let number = |json: &Json, member: &str| json.get(member).and_then(Json::as_u64);
        let output = |node: &Json| Some((number(node, "id")?, node.get("outputType").and_then(types::row)));
        let mut sources: BTreeMap<u64, Vec<Option<u64>>> = BTreeMap::new();
        for edge in list(plan, "edges") {
            if let Some(target) = number(edge, "target") {
                sources.entry(target).or_default().push(number(edge, "source"));
            }
        }
        Inputs { outputs: list(plan, "nodes").iter().filter_map(output).collect(), sources }
    }

    /// Returns the types of the rows that a node reads, by its inputs; none where one is not known.
    fn rows(&self, id: u64) -> Option<Vec<&Row>> {
        self.sources.get(&id)?.iter().map(|source| self.outputs.get(&(*source)?)?.as_ref()).collect()
    }
}

fn operator(id: u64, transformation: &str, node: &Json, known: &States) -> Json {
    let states = known.states.iter().map(|(name, held, ttl)| {
        let ttl = ttl.map_or(Some(0), |index| ttl_ms(node, index));
        state(name, held, known, ttl)
    });
    json!({
        "uid": format!("{id}_{transformation}"),
        "name": node.get("description").and_then(Json::as_str).unwrap_or(transformation),
        "role": "process",
        "states": states.collect::<Vec<_>>(),
        "states_complete": known.complete,
    })
}

fn state(name: &str, held: &Held, operator: &States, ttl_ms: Option<u64>) -> Json {
    let mut state = Map::new();
    state.insert("name".into(), name.into());
    state.insert("kind".into(), held.kind().into());
    let ttl = ttl_ms.filter(|ttl_ms| *ttl_ms > 0);
    if let Some(ttl_ms) = ttl {
        state.insert("ttl_ms".into(), ttl_ms.into());
    }
    let value = ttl_ms.and_then(|_| held.tree(ttl.is_some()));
    match operator.key.as_ref().zip(value) {
        Some((key, value)) => {
            let (key, value) = (serializer_to_json(key), serializer_to_json(&value));
            let serializers = json!({ "key": key, "namespace": "void-namespace", "value": value });
            state.insert("serializers".into(), serializers);
        }
        None => {
            let types = ["key_type", "value_type"].into_iter();
            for ty in types.chain((held.kind() == "map").then_some("map_key_type")) {
                state.insert(ty.into(), json!({ "opaque": UNKNOWN_TYPE }));
            }
        }
    }
    Json::Object(state)
}

/// Reads the time to live of a state, 0 for none; none where the plan does not tell.
fn ttl_ms(node: &Json, index: usize) -> Option<u64> {
    let states = node.get("state")?.as_array()?;
    let state =
        states.iter().find(|state| state.get("index").and_then(Json::as_u64) == Some(index as u64))?;
    let text = state.get("ttl")?.as_str()?.trim();
    let (number, unit) = text.split_at(text.find(|char: char| !char.is_ascii_digit()).unwrap_or(text.len()));
    let unit = unit.trim().to_lowercase();
    let (_, ms) = UNITS.iter().find(|(names, _)| names.contains(&unit.as_str()))?;
    number.parse::<u64>().ok()?.checked_mul(*ms)
}

/// Units of times to live, in milliseconds.
const UNITS: [(&[&str], u64); 5] = [
    (&["", "ms", "milli", "millis", "millisecond", "milliseconds"], 1),
    (&["s", "sec", "secs", "second", "seconds"], 1_000),
    (&["m", "min", "minute", "minutes"], 60_000),
    (&["h", "hour", "hours"], 3_600_000),
    (&["d", "day", "days"], 86_400_000),
];

fn list<'j>(json: &'j Json, member: &str) -> &'j [Json] {
    json.get(member).and_then(Json::as_array).map(Vec::as_slice).unwrap_or_default()
}

#[cfg(test)]
mod tests;
