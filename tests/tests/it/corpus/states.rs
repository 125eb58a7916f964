//! The states of one snapshot against the truth.

use std::collections::BTreeMap;

use alluvium_interop_flink::snapshot::FlinkSnapshot;
use alluvium_model::source::{OperatorState, StateTable};
use alluvium_model::{SnapshotSource, StateKind};
use alluvium_query::{Filter, Target, lines};
use serde_json::{Map, Value as Json};

use super::report::{Line, Report, Verdict};
use super::values::{Match, Types, compare_value};

/// Compares every state that the truth of a snapshot names.
pub(crate) fn compare(snapshot: &FlinkSnapshot, truth: &Json, place: &str, line: &Line, report: &mut Report) {
    for operator in array(&truth["operators"]) {
        let id = operator["operator_id"].as_str().unwrap_or_default();
        let (id, chain) = id.split_once('#').map_or((id, None), |(id, chain)| (id, Some(chain)));
        let found = snapshot.describe().operators.iter().find(|found| found.id.to_string() == id);
        let uid = operator["uid"].as_str().unwrap_or(id);
        for (kind, states) in
            [("keyed", "keyed_states"), ("timer", "timers"), ("operator", "operator_states")]
        {
            for state in array(&operator[states]) {
                let name = state["name"].as_str().unwrap_or_default();
                let at = format!("{place}: {uid}/{name}");
                let (entries, verdict) = match (found, kind) {
                    (None, _) => (0, Verdict::Missing),
                    (Some(found), "keyed") if lags(state, line) => {
                        let (count, _) = keyed(snapshot, found, state, name);
                        (count, Verdict::Typed)
                    }
                    (Some(found), "keyed") => keyed(snapshot, found, state, name),
                    (Some(found), "timer") => timers(snapshot, found, state, name, truth),
                    (Some(found), _) => {
                        let own = chain.map_or(name.to_owned(), |chain| format!("{name}#{chain}"));
                        operator_state(snapshot, found, state, name, &own)
                    }
                };
                report.serializers(&state["state_serializer"], &verdict);
                report.state(line, &at, entries, verdict);
            }
        }
        extras(snapshot, found, operator, chain, &format!("{place}: {uid}"), line, report);
    }
}

pub(crate) fn array(json: &Json) -> &[Json] {
    json.as_array().map_or(&[], Vec::as_slice)
}

fn table<'a>(operator: &'a OperatorState, names: &[&str], kinds: &[StateKind]) -> Option<&'a StateTable> {
    let fits = |table: &&StateTable| {
        let name = table.schema.name.split('$').next().unwrap_or_default();
        let known =
            names.contains(&table.schema.name.as_str()) || (!name.is_empty() && names.contains(&name));
        known && kinds.contains(&table.schema.kind)
    };
    operator.states.iter().find(fits)
}

/// Reads all lines of a state, and the first error among them.
pub(crate) fn read(
    snapshot: &FlinkSnapshot,
    operator: &OperatorState,
    table: &StateTable,
) -> (Vec<Map<String, Json>>, Option<String>) {
    let target = Target { operator, table };
    let (mut found, mut first) = (Vec::new(), None);
    match lines(snapshot, &target, &Filter::default()) {
        Err(error) => first = Some(chain(&error)),
        Ok(lines) => {
            for line in lines {
                match line {
                    Ok(line) => found.push(line.json.as_object().cloned().unwrap_or_default()),
                    Err(error) => first = first.or_else(|| Some(chain(&error))),
                }
            }
        }
    }
    (found, first)
}

/// Returns whether an error says that a class is not here that alone could find the end of a value.
pub(crate) fn is_by_right(error: &str) -> bool {
    error.contains("cannot be decoded") && error.contains("cannot be read yet")
}

/// Prints an error and its causes.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text.push_str(": ");
        text.push_str(&inner.to_string());
        cause = inner.source();
    }
    text
}

/// The dump of asynchronous state on ForSt is of the files of the checkpoint before.
fn lags(state: &Json, line: &Line) -> bool {
    state["state_api"].is_string() && line.backend == "forst" && line.format == "chk-inc"
}

/// The kind of a keyed state by the word of the truth.
fn kind_of(word: &str) -> StateKind {
    match word {
        "list" => StateKind::List,
        "map" => StateKind::Map,
        "reducing" => StateKind::Reducing,
        "aggregating" | "folding" => StateKind::Aggregating,
        _ => StateKind::Value,
    }
}

fn keyed(snapshot: &FlinkSnapshot, operator: &OperatorState, truth: &Json, name: &str) -> (u64, Verdict) {
    let kind = kind_of(truth["kind"].as_str().unwrap_or_default());
    let wanted = array(&truth["entries"]);
    let count = wanted.len() as u64;
    let Some(table) = table(operator, &[name], &[kind]) else { return (count, Verdict::Missing) };
    // An empty list is an entry of the heap backend, and of nothing else.
    let is_empty = |entry: &Json| entry["value"].as_array().is_some_and(Vec::is_empty);
    let wanted: Vec<&Json> =
        wanted.iter().filter(|entry| kind != StateKind::List || !is_empty(entry)).collect();
    let any_order = truth["note"].as_str().is_some_and(|note| note.starts_with("order within"));
    let types = Types::of(&table.schema, any_order);
    (count, compare_lines(&types, &wanted, read(snapshot, operator, table)))
}

/// Compares what could be read of a state. What a class that is not here ends in heap-native key groups
/// is opaque by right; all else is there.
fn compare_lines(
    types: &Types<'_>,
    wanted: &[&Json],
    (found, error): (Vec<Map<String, Json>>, Option<String>),
) -> Verdict {
    match error {
        Some(error) if !is_by_right(&error) => Verdict::Wrong(error),
        Some(error) => match entries(types, wanted, &found, true) {
            Verdict::Typed | Verdict::Opaque(_) => Verdict::Opaque(format!("heap-native: {}", tail(&error))),
            other => other,
        },
        None if wanted.len() != found.len() => {
            Verdict::Wrong(format!("{} entries instead of {}", found.len(), wanted.len()))
        }
        None => entries(types, wanted, &found, false),
    }
}

fn tail(error: &str) -> &str {
    error.rsplit(": ").next().unwrap_or(error)
}

/// Compares entries by key group, key, namespace and map key, then their values.
fn entries(types: &Types<'_>, wanted: &[&Json], found: &[Map<String, Json>], partly: bool) -> Verdict {
    let mut by_group: BTreeMap<u64, Vec<&Map<String, Json>>> = BTreeMap::new();
    for line in found {
        by_group.entry(line["key_group"].as_u64().unwrap_or(u64::MAX)).or_default().push(line);
    }
    let mut opaque = None;
    for entry in wanted {
        let group = entry["key_group"].as_u64().unwrap_or(u64::MAX);
        let lines = by_group.entry(group).or_default();
        let matching = lines.iter().position(|line| types.same_place(entry, line));
        let Some(at) = matching else {
            if lines.iter().any(|line| types.has_opaque_place(line)) {
                opaque.get_or_insert_with(|| "keys".to_owned());
                continue;
            }
            if partly {
                continue;
            }
            let first = lines.first().map(|line| Json::Object((*line).clone()).to_string());
            let what =
                format!("no entry for {entry} among {} of its key group, such as {first:?}", lines.len());
            return Verdict::Wrong(cut(what));
        };
        let line = lines.swap_remove(at);
        match types.value(entry, line) {
            Match::Same => {}
            Match::Opaque(serializer) => {
                opaque.get_or_insert(serializer);
            }
            Match::Wrong(what) => return Verdict::Wrong(cut(what)),
        }
    }
    let left = by_group.values().flatten().next();
    match left.filter(|_| opaque.is_none()) {
        Some(line) => Verdict::Wrong(cut(format!("{} is not in the truth", Json::Object((*line).clone())))),
        None => opaque.map_or(Verdict::Typed, Verdict::Opaque),
    }
}

fn cut(mut text: String) -> String {
    let end = text.char_indices().nth(900).map_or(text.len(), |(at, _)| at);
    text.truncate(end);
    text
}

fn timers(
    snapshot: &FlinkSnapshot,
    operator: &OperatorState,
    truth: &Json,
    name: &str,
    _: &Json,
) -> (u64, Verdict) {
    let wanted: Vec<&Json> = array(&truth["entries"]).iter().collect();
    let count = wanted.len() as u64;
    let kinds = [
        StateKind::Timer(alluvium_model::TimeDomain::Event),
        StateKind::Timer(alluvium_model::TimeDomain::Processing),
    ];
    let Some(table) = table(operator, &[name], &kinds) else {
        // A service without timers leaves nothing where timers are in raw keyed state.
        let warned = || warns(snapshot, operator) && truth["stored_in"] == "heap";
        return match wanted.is_empty() {
            true => (count, Verdict::Typed),
            false => (count, if warned() { Verdict::Absent } else { Verdict::Missing }),
        };
    };
    let types = Types::of(&table.schema, false);
    (count, compare_lines(&types, &wanted, read(snapshot, operator, table)))
}

/// Returns whether the description warns that Flink left out timers of an operator.
fn warns(snapshot: &FlinkSnapshot, operator: &OperatorState) -> bool {
    let label = operator.uid.as_ref().map_or_else(|| operator.id.to_string(), ToString::to_string);
    let facts = snapshot.describe().facts.iter().filter(|(name, _)| *name == "warnings");
    let mut warnings = facts.flat_map(|(_, warnings)| array(warnings)).filter_map(Json::as_str);
    warnings.any(|warning| warning.starts_with(&format!("operator {label} has no timers")))
}

fn operator_state(
    snapshot: &FlinkSnapshot,
    operator: &OperatorState,
    truth: &Json,
    name: &str,
    own: &str,
) -> (u64, Verdict) {
    let kind = match truth["kind"].as_str().unwrap_or_default() {
        "broadcast" => StateKind::Broadcast,
        "union-list" => StateKind::OperatorUnion,
        _ => StateKind::OperatorList,
    };
    let by_subtask = array(&truth["elements_by_subtask"]);
    let Some(table) = table(operator, &[own, name], &[kind]) else { return (0, Verdict::Missing) };
    let found = match read(snapshot, operator, table) {
        (found, None) => found,
        (_, Some(error)) => return (0, Verdict::Wrong(error)),
    };
    if kind == StateKind::Broadcast {
        let Some(map) = by_subtask.iter().map(|subtask| array(&subtask["map"])).max_by_key(|map| map.len())
        else {
            return (0, Verdict::Typed);
        };
        let pair =
            |pair: &Json| serde_json::json!({"key_group": u64::MAX, "user_key": pair[0], "value": pair[1]});
        let pairs: Vec<Json> = map.iter().map(pair).collect();
        if pairs.len() != found.len() {
            return (0, Verdict::Wrong(format!("{} entries instead of {}", found.len(), pairs.len())));
        }
        let types = Types::of(&table.schema, false);
        let found: Vec<_> = found.into_iter().map(with_group).collect();
        return (pairs.len() as u64, entries(&types, &pairs.iter().collect::<Vec<_>>(), &found, false));
    }
    let mut wanted = Vec::new();
    for subtask in by_subtask {
        let elements = array(&subtask["elements"]);
        wanted.extend(
            elements.iter().enumerate().map(|(index, element)| (&subtask["subtask"], index, element)),
        );
    }
    if wanted.len() != found.len() {
        let what = format!("{} elements instead of {}", found.len(), wanted.len());
        return (wanted.len() as u64, Verdict::Wrong(what));
    }
    (wanted.len() as u64, elements(table, &wanted, &found))
}

fn with_group(mut line: Map<String, Json>) -> Map<String, Json> {
    line.insert("key_group".into(), u64::MAX.into());
    line
}

fn elements(table: &StateTable, wanted: &[(&Json, usize, &Json)], found: &[Map<String, Json>]) -> Verdict {
    let ty = table.schema.value.as_ref().map(|value| &value.ty);
    let mut opaque = None;
    for ((subtask, index, truth), line) in wanted.iter().zip(found) {
        if line["subtask"] != **subtask || line["index"].as_u64() != Some(*index as u64) {
            return Verdict::Wrong(format!(
                "subtask {subtask} index {index} instead of {}",
                Json::Object(line.clone())
            ));
        }
        match compare_value(truth, &line["value"], ty) {
            Match::Same => {}
            Match::Opaque(serializer) => {
                opaque.get_or_insert(serializer);
            }
            Match::Wrong(what) => return Verdict::Wrong(cut(what)),
        }
    }
    opaque.map_or(Verdict::Typed, Verdict::Opaque)
}

/// Compares raw operator state and legacy state: their counts.
fn extras(
    snapshot: &FlinkSnapshot,
    found: Option<&OperatorState>,
    truth: &Json,
    chain_index: Option<&str>,
    place: &str,
    line: &Line,
    report: &mut Report,
) {
    for (member, name, elements) in
        [("raw_operator_state_by_subtask", "$raw", "partitions"), ("legacy_state_by_subtask", "$legacy", "")]
    {
        let by_subtask = array(&truth[member]);
        if by_subtask.is_empty() {
            continue;
        }
        let at = format!("{place}/{name}");
        let own = chain_index.map_or(name.to_owned(), |chain| format!("{name}#{chain}"));
        let table = found.and_then(|found| {
            Some((
                found,
                found.states.iter().find(|table| table.schema.name == own || table.schema.name == name)?,
            ))
        });
        let verdict = match table.map(|(found, table)| read(snapshot, found, table)) {
            None => Verdict::Missing,
            Some((_, Some(error))) => Verdict::Wrong(error),
            Some((rows, None)) => {
                let count =
                    |subtask: &Json| if elements.is_empty() { 1 } else { array(&subtask[elements]).len() };
                let wanted: usize = by_subtask.iter().map(count).sum();
                if wanted == rows.len() {
                    Verdict::Typed
                } else {
                    Verdict::Wrong(format!("{} rows instead of {wanted}: {truth}", rows.len()))
                }
            }
        };
        report.state(line, &at, 0, verdict);
    }
}
