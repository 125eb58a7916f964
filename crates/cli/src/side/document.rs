use std::collections::HashSet;

use alluvium::failure::Told;
use alluvium_model::document::{Document, Node, Table};
use alluvium_model::job::job_from;
use alluvium_model::{ErrorKind, JobDescription, StateKind};
use anyhow::{Context, Result};
use serde_json::Value as Json;

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
    let document = parse(name, text).with_context(doing)?;
    if document.get("flinkVersion").is_some() {
        let json = document.to_json();
        if plan::is_plan(&json) {
            return plan::job(&json).with_context(doing);
        }
    }
    let document = complete(document).map_err(corrupt).with_context(doing)?;
    job_from(&document)
        .map_err(|error| {
            let kind = if error.kind() == ErrorKind::Input { ErrorKind::Corrupt } else { error.kind() };
            Told::new(kind, error.to_string())
        })
        .with_context(doing)
}

fn parse<'t>(name: &str, text: &'t [u8]) -> Result<Document<'t>> {
    let text = std::str::from_utf8(text).map_err(|error| corrupt(error.to_string()))?;
    let yaml = || serde_saphyr::from_str::<Json>(text).map(Document::from);
    Ok(match kind(name, text.as_bytes()) {
        Kind::Document(Syntax::Json) => serde_json::from_str(text).map_err(|e| corrupt(e.to_string()))?,
        Kind::Document(Syntax::Toml) => from_toml(text).map_err(|e| corrupt(e.to_string()))?,
        Kind::Document(Syntax::Yaml) => yaml().map_err(|e| corrupt(e.to_string()))?,
        _ => match from_toml(text) {
            Ok(document) => document,
            Err(as_toml) => yaml().map_err(|as_yaml| {
                corrupt(format!("as TOML: {}\nas YAML: {as_yaml}", as_toml.to_string().trim_end()))
            })?,
        },
    })
}

fn from_toml(text: &str) -> Result<Document<'_>, toml::de::Error> {
    by_operator(text).map_or_else(|| toml::from_str(text), Ok)
}

/// Parses a text operator by operator, which takes less memory and time than all of it at once, and its halves side
/// by side: a piece begins with each line `[[operators]]`. None where the pieces are no documents by themselves, or do
/// not add up to one: then the whole tells what it is, or what is wrong.
fn by_operator(text: &str) -> Option<Document<'_>> {
    const BEGINS: &str = "\n[[operators]]\n";
    let starts: Vec<usize> = text.match_indices(BEGINS).map(|(at, _)| at + 1).collect();
    let mut job = table(&text[..*starts.first()?])?;
    if job.get("operators").is_some() {
        return None;
    }
    let ends = starts.iter().copied().skip(1).chain([text.len()]);
    let pieces: Vec<&str> = starts.iter().zip(ends).map(|(start, end)| &text[*start..end]).collect();
    let (first, second) = pieces.split_at(pieces.len() / 2);
    let (first, second) = std::thread::scope(|scope| {
        let other = scope.spawn(|| tables(first));
        let second = tables(second);
        (other.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)), second)
    });
    let mut operators = Vec::new();
    for mut piece in first?.into_iter().chain(second?) {
        let Document::List(more) = piece.remove("operators")? else { return None };
        operators.extend(more);
        for (name, value) in piece {
            if job.get(&name).is_some() {
                return None;
            }
            job.insert(name, value);
        }
    }
    job.insert("operators", Document::List(operators));
    Some(Document::Table(job))
}

fn tables<'t>(texts: &[&'t str]) -> Option<Vec<Table<'t>>> {
    texts.iter().map(|text| table(text)).collect()
}

fn table(text: &str) -> Option<Table<'_>> {
    match toml::from_str(text).ok()? {
        Document::Table(table) => Some(table),
        _ => None,
    }
}

fn corrupt(message: String) -> Told {
    Told::new(ErrorKind::Corrupt, message.trim_end())
}

/// Fills in what a hand-written document may leave out beyond what rule JOB-1 lets a Reader take as absent.
///
/// Operators may be a table by uid and states one by name; `parallelism` and `max_parallelism` of the job count
/// for operators without; keyed states get the key type of their operator. Members of other names are
/// refused, with the nearest name.
fn complete(document: Document<'_>) -> Result<Document<'_>, String> {
    let Document::Table(mut job) = document else { return Err("the document is no table".into()) };
    known(&job, &JOB, "the job")?;
    if job.get("description_version").is_none() {
        job.insert("description_version", Document::Number(1.into()));
    }
    let defaults = ["parallelism", "max_parallelism"].map(|name| (name, job.remove(name)));
    let operators = job.remove("operators").unwrap_or(Document::List(Vec::new()));
    let operators = listed(operators, "uid", || "operators".into())?.into_iter();
    let operators =
        operators.map(|operator| self::operator(operator, &defaults)).collect::<Result<_, _>>()?;
    job.insert("operators", Document::List(operators));
    Ok(Document::Table(job))
}

fn operator<'t>(
    mut operator: Table<'t>,
    defaults: &[(&'static str, Option<Document<'t>>)],
) -> Result<Document<'t>, String> {
    let text = |name: &str| operator.get(name).and_then(Node::text).map(str::to_owned);
    let label = text("uid").or_else(|| text("id")).ok_or("an operator has neither uid nor id")?;
    known(&operator, &OPERATOR, &format!("operator {label}"))?;
    for (name, value) in defaults {
        if let (Some(value), None) = (value, operator.get(name)) {
            operator.insert(*name, value.clone());
        }
    }
    let key = operator.get("key_type").filter(|key| !key.is_null()).cloned();
    let states = operator.remove("states").unwrap_or(Document::List(Vec::new()));
    let states = listed(states, "name", || format!("states of {label}"))?.into_iter();
    let states = states.map(|state| self::state(state, &label, key.as_ref())).collect::<Result<_, _>>()?;
    operator.insert("states", Document::List(states));
    Ok(Document::Table(operator))
}

fn state<'t>(
    mut state: Table<'t>,
    operator: &str,
    key: Option<&Document<'t>>,
) -> Result<Document<'t>, String> {
    if let Some(odd) = state.names().find(|name| !STATE.contains(name)) {
        let name = state.get("name").and_then(Node::text).unwrap_or_default();
        return Err(unknown(odd, &STATE, &format!("state {operator}/{name}")));
    }
    let kind = state.get("kind").and_then(Node::text).unwrap_or_default();
    let keyed = StateKind::from_name(kind).is_some_and(StateKind::is_keyed);
    if let (true, Some(key), None) = (keyed, key, state.get("key_type")) {
        state.insert("key_type", key.clone());
    }
    Ok(Document::Table(state))
}

/// Returns the tables of a list, or those of a table by name with the name as a member of each.
fn listed<'t>(
    document: Document<'t>,
    name: &'static str,
    what: impl Fn() -> String,
) -> Result<Vec<Table<'t>>, String> {
    let table = |document: Document<'t>| match document {
        Document::Table(table) => Ok(table),
        other => Err(format!("{}: a table is wanted, found {}", what(), other.to_json())),
    };
    match document {
        Document::List(all) => all.into_iter().map(table).collect(),
        Document::Table(all) => {
            let mut seen = HashSet::new();
            let named = all.into_iter().map(|(key, document)| {
                if !seen.insert(key.clone()) {
                    return Err(format!("{}: {key} stands there twice", what()));
                }
                let mut table = table(document)?;
                if table.get(name).is_none() {
                    table.insert(name, Document::Text(key));
                }
                Ok(table)
            });
            named.collect()
        }
        other => Err(format!("{}: a list or a table is wanted, found {}", what(), other.to_json())),
    }
}

/// Refuses members that no document has: a misspelt one must not be passed over.
fn known(table: &Table<'_>, names: &[&str], what: &str) -> Result<(), String> {
    match table.names().find(|name| !names.contains(name)) {
        Some(odd) => Err(unknown(odd, names, what)),
        None => Ok(()),
    }
}

fn unknown(odd: &str, names: &[&str], what: &str) -> String {
    let nearest = names.iter().max_by(|a, b| strsim::jaro(a, odd).total_cmp(&strsim::jaro(b, odd)));
    let hint = nearest.filter(|near| strsim::jaro(near, odd) > 0.7);
    let hint = hint.map_or_else(String::new, |near| format!("; did you mean {near}?"));
    format!("{what} has a member {odd} that is not known{hint}")
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
const OPERATOR: [&str; 15] = [
    "id",
    "uid",
    "name",
    "role",
    "parallelism",
    "max_parallelism",
    "max_parallelism_set",
    "states_complete",
    "uid_hash",
    "chain",
    "finished",
    "coordinator",
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
    fn operators_are_parsed_one_by_one_only_where_that_says_the_same() {
        let whole = |text: &str| toml::from_str::<Document<'_>>(text).ok().map(|document| document.to_json());
        let lock = "a = 1\n[[operators]]\nuid = \"x\"\n\n[[operators]]\n[[operators]]\nuid = \"y\"\n[[operators.states]]\nname = \"n\"\n[[edges]]\nfrom = 1\n";
        let piecewise = by_operator(lock).unwrap().to_json();
        assert_eq!(Some(&piecewise), whole(lock).as_ref());
        assert_eq!(piecewise["operators"].as_array().map(Vec::len), Some(3));
        for other in [
            "a = 1\n",
            "operators = []\n[[operators]]\nuid = \"x\"\n",
            "a = 1\n[[operators]]\nuid = \"x\"\n[a]\n",
            "a = \"\"\"\n[[operators]]\n\"\"\"\n",
            "a = [\n[[operators]]\n]\n",
            "[edges]\n[[operators]]\n[edges.a]\n[[operators]]\n[edges.b]\n",
        ] {
            assert_eq!(by_operator(other), None, "{other}");
            assert_eq!(from_toml(other).ok().map(|document| document.to_json()), whole(other));
        }
    }

    proptest::proptest! {
        #![proptest_config(proptest::prelude::ProptestConfig::with_cases(8192))]

        #[test]
        fn pieces_and_the_whole_say_the_same(lines in proptest::collection::vec(0..LINES.len(), 0..12)) {
            let text: String = lines.into_iter().map(|line| LINES[line]).collect();
            let whole = toml::from_str::<Document<'_>>(&text).ok().map(|document| document.to_json());
            proptest::prop_assert_eq!(from_toml(&text).ok().map(|document| document.to_json()), whole);
        }
    }

    /// Lines that open, close or repeat something.
    const LINES: [&str; 16] = [
        "[[operators]]\n",
        "[[operators]]\n",
        "[[operators]] # more\n",
        "[operators.states]\n",
        "[[operators.states]]\n",
        "[[edges]]\n",
        "[engine]\n",
        "[engine.more]\n",
        "a = 1\n",
        "b = \"\"\"\n",
        "\"\"\"\n",
        "c = \'\'\'\n",
        "\'\'\'\n",
        "d = [\n",
        "]\n",
        "operators = []\n",
    ];

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
