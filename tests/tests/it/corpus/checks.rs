//! What must hold for every snapshot of the corpus beyond its truth: it verifies, look-ups find what
//! scans find, and records in flight are all there.

use std::ops::ControlFlow;

use alluvium_interop_flink::snapshot::FlinkSnapshot;
use alluvium_model::column::value_with_raw;
use alluvium_model::source::{OperatorState, StateTable};
use alluvium_model::{Role, RowBatch, Scan, SnapshotSource, StateKind, Value};
use serde_json::Value as Json;

use super::report::{Line, Report, Verdict};
use super::states::{array, chain, is_by_right, read};

/// Keys that are looked up in each state.
const LOOKUPS: usize = 4;

/// Compares what `inspect` prints of operators, and that it lists every state that is found.
pub(crate) fn inspect(snapshot: &FlinkSnapshot, truth: &Json, place: &str, line: &Line, report: &mut Report) {
    let answer = alluvium_query::inspect(snapshot, false).unwrap();
    for operator in array(&truth["operators"]) {
        let id = operator["operator_id"].as_str().unwrap_or_default();
        let Some(found) = array(&answer["operators"]).iter().find(|found| found["id"] == id) else {
            continue;
        };
        for member in ["parallelism", "max_parallelism"] {
            if !operator[member].is_null() && found[member] != operator[member] {
                let what = format!("{member} {} instead of {}", found[member], operator[member]);
                report.state(line, &format!("{place}: inspect {id}"), 0, Verdict::Wrong(what));
            }
        }
        if found["uid"].is_string() && found["uid"] != operator["uid"] {
            let what = format!("uid {} instead of {}", found["uid"], operator["uid"]);
            report.state(line, &format!("{place}: inspect {id}"), 0, Verdict::Wrong(what));
        }
    }
}

/// Verifies a snapshot: what stops at a class that is not here is no damage.
pub(crate) fn verify(snapshot: &FlinkSnapshot, place: &str, line: &Line, report: &mut Report) {
    let mut damages = Vec::new();
    let verified = snapshot.verify(&mut |damage| {
        if !is_by_right(&damage.message) {
            let (operator, state) = (damage.operator.unwrap_or_default(), damage.state.unwrap_or_default());
            damages.push(format!("{} {} {operator} {state}: {}", damage.rule, damage.place, damage.message));
        }
        ControlFlow::Continue(())
    });
    let verdict = match verified {
        Err(error) => Verdict::Wrong(chain(&error)),
        Ok(_) => match damages.first() {
            None => return,
            Some(first) => Verdict::Wrong(format!("{} damages, such as {first}", damages.len())),
        },
    };
    report.state(line, &format!("{place}: verify"), 0, verdict);
}

/// Looks keys up and compares with a scan.
pub(crate) fn lookups(snapshot: &FlinkSnapshot, place: &str, line: &Line, report: &mut Report) {
    for operator in &snapshot.describe().operators {
        for table in operator.states.iter().filter(|table| table.schema.kind.is_keyed()) {
            if let Err(what) = lookup(snapshot, operator, table) {
                let at = format!("{place}: look-up in {}/{}", operator.id, table.schema.name);
                report.state(line, &at, 0, Verdict::Wrong(what));
            }
        }
    }
}

fn lookup(snapshot: &FlinkSnapshot, operator: &OperatorState, table: &StateTable) -> Result<(), String> {
    let mut stream = snapshot.scan(&Scan::all(operator.id, &table.schema.name)).map_err(|e| chain(&e))?;
    let mut keys: Vec<(Value, usize)> = Vec::new();
    loop {
        match stream.next_batch() {
            Ok(None) => break,
            Err(error) if is_by_right(&chain(&error)) => return Ok(()),
            Err(error) => return Err(chain(&error)),
            Ok(Some(batch)) => {
                for row in 0..batch.len() {
                    let key = key_of(&batch, table, row);
                    match keys.iter_mut().find(|(known, _)| *known == key) {
                        Some((_, rows)) => *rows += 1,
                        None => keys.push((key, 1)),
                    }
                }
            }
        }
    }
    let stride = keys.len().div_ceil(LOOKUPS).max(1);
    for (key, rows) in keys.iter().step_by(stride) {
        let found = snapshot.lookup(operator.id, &table.schema.name, key).map_err(|error| chain(&error))?;
        let found: usize = found.iter().map(RowBatch::len).sum();
        if found != *rows {
            return Err(format!("{found} rows instead of {rows} for {key:?}"));
        }
    }
    Ok(())
}

fn key_of(batch: &RowBatch, table: &StateTable, row: usize) -> Value {
    let raw = batch.column(Role::KeyRaw).map(|raw| raw.as_ref());
    let column = batch.column(Role::Key).unwrap();
    value_with_raw(column.as_ref(), raw, table.schema.key.as_ref().unwrap(), row).unwrap()
}

/// Counts records in flight.
pub(crate) fn in_flight(
    snapshot: &FlinkSnapshot,
    truth: &Json,
    place: &str,
    line: &Line,
    report: &mut Report,
) {
    let Some(wanted) = truth["in_flight_records_key#id"].as_array() else { return };
    let mut found = 0;
    for operator in &snapshot.describe().operators {
        for table in operator.states.iter().filter(|table| table.schema.kind == StateKind::InFlight) {
            match read(snapshot, operator, table) {
                (lines, None) => {
                    found += lines.iter().filter(|line| line["value"]["kind"] == "record").count()
                }
                (_, Some(error)) => {
                    return report.state(line, &format!("{place}: in flight"), 0, Verdict::Wrong(error));
                }
            }
        }
    }
    let verdict = match found == wanted.len() {
        true => Verdict::Typed,
        false => Verdict::Wrong(format!("{found} records in flight instead of {}", wanted.len())),
    };
    report.state(line, &format!("{place}: in flight"), found as u64, verdict);
}

/// Compares the splits of sources with the facts of the description.
pub(crate) fn sources(snapshot: &FlinkSnapshot, truth: &Json, place: &str, line: &Line, report: &mut Report) {
    let facts = &snapshot.describe().facts;
    let sources = facts.iter().find(|(name, _)| *name == "sources").map_or(&[][..], |(_, fact)| array(fact));
    let split = |truth: &Json| (truth["$split"].clone(), truth["from"].clone(), truth["to"].clone());
    let found = |fact: &Json| (fact["id"].clone(), fact["from"].clone(), fact["to"].clone());
    for operator in array(&truth["operators"]) {
        let id = operator["operator_id"].as_str().unwrap_or_default();
        let fact = sources.iter().find(|fact| fact["operator"] == id).unwrap_or(&Json::Null);
        for (name, wanted, found) in [
            (
                "remaining splits",
                operator["enumerator_remaining_splits"]
                    .as_array()
                    .map(|all| all.iter().map(split).collect::<Vec<_>>()),
                array(&fact["unassigned"]).iter().map(found).collect::<Vec<_>>(),
            ),
            (
                "splits of readers",
                operator["source_reader_splits_by_subtask"].as_array().map(|subtasks| {
                    subtasks.iter().flat_map(|subtask| array(&subtask["splits"])).map(split).collect()
                }),
                array(&fact["readers"])
                    .iter()
                    .flat_map(|reader| array(&reader["splits"]))
                    .map(found)
                    .collect(),
            ),
        ] {
            let Some(wanted) = wanted else { continue };
            let verdict = match wanted == found {
                true => Verdict::Typed,
                false => Verdict::Wrong(format!("{found:?} instead of {wanted:?}")),
            };
            report.state(line, &format!("{place}: {id}: {name}"), 0, verdict);
        }
    }
}
