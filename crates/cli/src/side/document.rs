use alluvium::failure::Told;
use alluvium_model::job::job_from_json;
use alluvium_model::{ErrorKind, JobDescription, StateKind};
use anyhow::{Context, Result};
use serde_json::{Map, Value as Json};

use super::plan;

/// How a document is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Syntax {
    /// JSON.
    Json,
    /// TOML.
    Toml,
    /// YAML.
    Yaml,
}

/// What a file is, by its first bytes and its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A document.
    Document(Syntax),
    /// Something that would have to be run.
    Program,
    /// Java classes.
    Jar,
    /// None of these.
    Other,
}

/// Tells what a file of that name with that content is.
pub(super) fn kind(name: &str, text: &[u8]) -> Kind {
    let trimmed = text.trim_ascii_start();
    if trimmed.starts_with(b"{") {
        return Kind::Document(Syntax::Json);
    }
    if text.starts_with(b"\x7fELF") || text.starts_with(b"#!") {
        return Kind::Program;
    }
    if text.starts_with(b"PK\x03\x04") {
        return Kind::Jar;
    }
    match name.rsplit_once('.').map(|(_, end)| end.to_ascii_lowercase()).as_deref() {
        Some("json") => Kind::Document(Syntax::Json),
        Some("toml") => Kind::Document(Syntax::Toml),
        Some("yaml" | "yml") => Kind::Document(Syntax::Yaml),
        _ => Kind::Other,
    }
}

/// Reads a document: a job description, a lock file, a descriptor or a compiled SQL plan.
///
/// `name` tells the syntax where the content does not; without one, TOML is tried before YAML.
pub(super) fn read(place: &str, name: &str, text: &[u8]) -> Result<JobDescription> {
    let doing = || {
        Told::doing(format!("{place} describes no job")).next(
            "`alluvium describe JOB` prints a description, `alluvium lock SNAP` a lock file; \
             schemas/job-description.schema.json says what may be in one",
        )
    };
    let json = parse(name, text).with_context(doing)?;
    if plan::is_plan(&json) {
        return plan::job(&json).with_context(doing);
    }
    let json = complete(json).map_err(corrupt).with_context(doing)?;
    job_from_json(&json)
        .map_err(|error| {
            let kind = if error.kind() == ErrorKind::Input { ErrorKind::Corrupt } else { error.kind() };
            Told::new(kind, error.to_string())
        })
        .with_context(doing)
}

fn parse(name: &str, text: &[u8]) -> Result<Json> {
    let text = std::str::from_utf8(text).map_err(|error| corrupt(error.to_string()))?;
    Ok(match kind(name, text.as_bytes()) {
        Kind::Document(Syntax::Json) => serde_json::from_str(text).map_err(|e| corrupt(e.to_string()))?,
        Kind::Document(Syntax::Toml) => toml::from_str(text).map_err(|e| corrupt(e.to_string()))?,
        Kind::Document(Syntax::Yaml) => serde_saphyr::from_str(text).map_err(|e| corrupt(e.to_string()))?,
        _ => match toml::from_str(text) {
            Ok(json) => json,
            Err(as_toml) => serde_saphyr::from_str(text).map_err(|as_yaml| {
                corrupt(format!("as TOML: {}\nas YAML: {as_yaml}", as_toml.to_string().trim_end()))
            })?,
        },
    })
}

fn corrupt(message: String) -> Told {
    Told::new(ErrorKind::Corrupt, message.trim_end())
}

/// Fills in what a hand-written document may leave out beyond what rule JOB-1 lets a Reader take as absent.
///
/// Operators may be a table by uid and states one by name; `parallelism` and `max_parallelism` of the job count
/// for operators without; keyed states get the key type of their operator. Members of other names are
/// refused, with the nearest name.
fn complete(json: Json) -> Result<Json, String> {
    let Json::Object(mut job) = json else { return Err("the document is no table".into()) };
    known(&job, &JOB, "the job")?;
    job.entry("description_version").or_insert_with(|| 1.into());
    let defaults = ["parallelism", "max_parallelism"].map(|name| (name, job.remove(name)));
    let operators = listed(job.remove("operators").unwrap_or(Json::Array(Vec::new())), "uid", "operators")?;
    let operators = operators.into_iter().map(|operator| self::operator(operator, &defaults));
    let operators = operators.collect::<Result<Vec<_>, _>>()?;
    job.insert("operators".into(), operators.into());
    Ok(Json::Object(job))
}

fn operator(mut operator: Map<String, Json>, defaults: &[(&str, Option<Json>)]) -> Result<Json, String> {
    let text = |name: &str| operator.get(name).and_then(Json::as_str).map(str::to_owned);
    let label = text("uid").or_else(|| text("id")).ok_or("an operator has neither uid nor id")?;
    known(&operator, &OPERATOR, &format!("operator {label}"))?;
    for (name, value) in defaults {
        if let Some(value) = value {
            operator.entry(*name).or_insert_with(|| value.clone());
        }
    }
    let key = operator.get("key_type").filter(|key| !key.is_null()).cloned();
    let states = operator.remove("states").unwrap_or(Json::Array(Vec::new()));
    let states = listed(states, "name", &format!("states of {label}"))?;
    let states = states.into_iter().map(|state| self::state(state, &label, key.as_ref()));
    let states = states.collect::<Result<Vec<_>, _>>()?;
    operator.insert("states".into(), states.into());
    Ok(Json::Object(operator))
}

fn state(mut state: Map<String, Json>, operator: &str, key: Option<&Json>) -> Result<Json, String> {
    let name = state.get("name").and_then(Json::as_str).unwrap_or_default().to_owned();
    known(&state, &STATE, &format!("state {operator}/{name}"))?;
    let kind = state.get("kind").and_then(Json::as_str).unwrap_or_default();
    let keyed = StateKind::from_name(kind).is_some_and(StateKind::is_keyed);
    if let (true, Some(key)) = (keyed, key) {
        state.entry("key_type").or_insert_with(|| key.clone());
    }
    Ok(Json::Object(state))
}

/// Returns the tables of a list, or those of a table by name with the name as a member of each.
fn listed(json: Json, name: &str, what: &str) -> Result<Vec<Map<String, Json>>, String> {
    let table = |json: Json| match json {
        Json::Object(table) => Ok(table),
        other => Err(format!("{what}: a table is wanted, found {other}")),
    };
    match json {
        Json::Array(all) => all.into_iter().map(table).collect(),
        Json::Object(all) => {
            let named = all.into_iter().map(|(key, json)| {
                let mut table = table(json)?;
                table.entry(name).or_insert_with(|| key.into());
                Ok(table)
            });
            named.collect()
        }
        other => Err(format!("{what}: a list or a table is wanted, found {other}")),
    }
}

/// Refuses members that no document has: a misspelt one must not be passed over.
fn known(table: &Map<String, Json>, names: &[&str], what: &str) -> Result<(), String> {
    let Some(odd) = table.keys().find(|key| !names.contains(&key.as_str())) else { return Ok(()) };
    let nearest = names.iter().max_by(|a, b| strsim::jaro(a, odd).total_cmp(&strsim::jaro(b, odd)));
    let hint = nearest.filter(|near| strsim::jaro(near, odd) > 0.7);
    let hint = hint.map_or_else(String::new, |near| format!("; did you mean {near}?"));
    Err(format!("{what} has a member {odd} that is not known{hint}"))
}

const JOB: [&str; 9] = [
    "description_version",
    "name",
    "engine",
    "backend",
    "layout",
    "parallelism",
    "max_parallelism",
    "operators",
    "edges",
];
const OPERATOR: [&str; 12] = [
    "id",
    "uid",
    "name",
    "role",
    "parallelism",
    "max_parallelism",
    "max_parallelism_set",
    "states_complete",
    "uid_hash",
    "key_type",
    "key_group_function",
    "states",
];
const STATE: [&str; 11] = [
    "name",
    "kind",
    "key_type",
    "namespace_type",
    "map_key_type",
    "value_type",
    "ttl_ms",
    "ttl_unknown",
    "raw",
    "field_id_max",
    "serializers",
];

#[cfg(test)]
mod tests {
    use alluvium_model::OperatorUid;

    use super::*;

    const TOML: &str = r#"
max_parallelism = 128
[operators.counter]
key_type = "string"
[operators.counter.states]
count = { kind = "value", value_type = "int64" }
seen = { kind = "map", map_key_type = "string", value_type = "int64" }
"#;

    #[test]
    fn three_syntaxes_say_the_same() {
        let toml = read("a.toml", "a.toml", TOML.as_bytes()).unwrap();
        let json = serde_json::to_string(&toml::from_str::<Json>(TOML).unwrap()).unwrap();
        let yaml = "max_parallelism: 128\noperators:\n  counter:\n    key_type: string\n    states:\n      count: {kind: value, value_type: int64}\n      seen: {kind: map, map_key_type: string, value_type: int64}\n";
        assert_eq!(read("a.json", "a.json", json.as_bytes()).unwrap(), toml);
        assert_eq!(read("a.yaml", "a.yaml", yaml.as_bytes()).unwrap(), toml);
        assert_eq!(read("standard input", "", yaml.as_bytes()).unwrap(), toml);
        assert_eq!(read("standard input", "", TOML.as_bytes()).unwrap(), toml);
        let counter = toml.operators.first().unwrap();
        assert_eq!(counter.id, OperatorUid::new("counter").id());
        assert_eq!(counter.states.len(), 2);
        assert!(counter.states.iter().all(|state| state.key.is_some()));
    }

    #[test]
    fn misspelt_members_are_named() {
        let text = TOML.replace("kind = \"map\"", "knd = \"map\"");
        let error = format!("{:#}", read("a.toml", "a.toml", text.as_bytes()).unwrap_err());
        assert!(error.contains("counter/seen") && error.contains("did you mean kind?"), "{error}");
    }

    #[test]
    fn what_would_have_to_run_is_told_apart() {
        assert_eq!(kind("job", b"\x7fELF\x02"), Kind::Program);
        assert_eq!(kind("job", b"#!/bin/sh"), Kind::Program);
        assert_eq!(kind("job.jar", b"PK\x03\x04"), Kind::Jar);
        assert_eq!(kind("a.toml", b"# a comment"), Kind::Document(Syntax::Toml));
        assert_eq!(kind("_metadata", &[0x49, 0x60]), Kind::Other);
    }
}
