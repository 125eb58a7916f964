use alluvium::failure::Exit;
use alluvium_model::source::{OperatorState, StateTable};
use alluvium_model::{LogicalType, SnapshotDescription, SnapshotSource, StateKind, Value, json};
use anyhow::Result;
use comfy_table::CellAlignment;
use serde_json::Value as Json;

use crate::output::{self, Format, Object, Out, cell, escape};
use crate::progress::Progress;

/// Show the operators and states of a snapshot.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Snapshot: a directory, a manifest, or the root of a job for its newest checkpoint.
    #[arg(value_name = "SNAP")]
    snapshot: String,
    /// Read the rows and count what metadata do not hold.
    #[arg(long)]
    count: bool,
}

pub(crate) fn run(args: &Args, out: &mut Out) -> Result<Exit> {
    let source = crate::open::snapshot(&args.snapshot)?;
    print(&*source, &args.snapshot, args.count, out)
}

/// Prints what a snapshot holds; also what `browse` prints where no terminal is.
pub(crate) fn print(source: &dyn SnapshotSource, name: &str, count: bool, out: &mut Out) -> Result<Exit> {
    let progress = Progress::start(if count { "counting rows" } else { "reading metadata" });
    let answer = alluvium_query::inspect(source, count)?;
    drop(progress);
    match out.format_or(Format::Json) {
        Format::Json | Format::Jsonl => out.json(&answer)?,
        Format::Csv => csv(&answer, out)?,
        Format::Table => table(source.describe(), &answer, name, out)?,
    }
    Ok(Exit::Clean)
}

fn csv(answer: &Json, out: &mut Out) -> Result<()> {
    let mut records = out.records(&CSV_COLUMNS);
    for operator in members(answer, "operators") {
        for state in members(operator, "states") {
            let mut row = Object::new();
            for (column, member) in
                [("operator_id", "id"), ("operator_uid", "uid"), ("operator_name", "name")]
            {
                row.insert(column.into(), operator[member].clone());
            }
            row.extend(state.as_object().cloned().unwrap_or_default());
            records.push(row)?;
        }
    }
    records.end()?;
    Ok(())
}

fn table(description: &SnapshotDescription, answer: &Json, name: &str, out: &mut Out) -> Result<()> {
    let id = description.id.map_or(String::new(), |id| format!(" {id}"));
    out.line(&format!(
        "{}{id}, {} v{}, {}: {}",
        description.kind,
        description.format,
        description.format_version,
        description.layout,
        escape(name)
    ))?;
    for (fact, value) in &description.facts {
        out.line(&fact_line(fact, value))?;
    }
    for (operator, counted) in description.operators.iter().zip(members(answer, "operators")) {
        out.line("")?;
        out.line(&heading(operator))?;
        states(operator, counted, out)?;
    }
    Ok(())
}

/// A fact for people: times as dates, sizes with a unit.
fn fact_line(fact: &str, value: &Json) -> String {
    let (name, text) = match (fact.rsplit_once('_'), value.as_i64()) {
        (Some((name, "ms")), Some(ms)) => {
            let time = json::to_json(&Value::Int(ms), &LogicalType::timestamp_ms());
            (name, cell(&time))
        }
        (Some((_, "bytes")), Some(bytes)) => (fact, output::bytes(bytes.unsigned_abs())),
        _ => (fact, cell(value)),
    };
    format!("  {:<18} {text}", name.replace('_', " "))
}

fn heading(operator: &OperatorState) -> String {
    let uid = operator.uid.as_ref().map_or("(no uid)".into(), |uid| escape(uid.as_str()));
    let name = match &operator.name {
        Some(name) if operator.uid.as_ref().is_none_or(|uid| uid.as_str() != name) => {
            format!(" “{}”", escape(name))
        }
        _ => String::new(),
    };
    format!(
        "{uid}{name}  id {}, parallelism {} of {}, {}",
        operator.id,
        operator.parallelism,
        operator.max_parallelism,
        operator.key_group_function.name()
    )
}

fn states(operator: &OperatorState, counted: &Json, out: &mut Out) -> Result<()> {
    let heads = ["  STATE", "KIND", "KEY", "VALUE", "ENTRIES", "ELEMENTS", "BYTES", "TTL", "SKEW"];
    let mut table = output::plain_table(heads.map(str::to_owned));
    for column in [4, 5, 6, 7, 8] {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    for (state, counted) in operator.states.iter().zip(members(counted, "states")) {
        let number = |member: &str| counted[member].as_u64().map_or("–".into(), output::count);
        table.add_row([
            format!("  {}", escape(&state.schema.name)),
            kind(state),
            key(state),
            state.schema.value.as_ref().map_or("–".into(), |ty| short(&ty.to_string())),
            number("entries"),
            if state.schema.kind == StateKind::List { number("elements") } else { String::new() },
            counted["bytes"].as_u64().map_or("–".into(), output::bytes),
            state.schema.ttl_ms.map_or(String::new(), |ms| format!("{} s", ms / 1000)),
            counted["key_group_skew"]["ratio"].as_f64().map_or(String::new(), |ratio| format!("{ratio:.1}×")),
        ]);
    }
    Ok(output::write_table(out, &table)?)
}

fn kind(state: &StateTable) -> String {
    let opaque = if state.opaque { ", opaque" } else { "" };
    format!("{}{opaque}", state.schema.kind.name())
}

fn key(state: &StateTable) -> String {
    let schema = &state.schema;
    let mut text = schema.key.as_ref().map_or("–".into(), |ty| short(&ty.to_string()));
    if let Some(namespace) = &schema.namespace {
        text.push_str(&format!(", {}", short(&namespace.to_string())));
    }
    if let Some(map_key) = &schema.map_key {
        text.push_str(&format!(" → {}", short(&map_key.to_string())));
    }
    text
}

/// Types may nest deeply; `-o json` has them whole.
fn short(text: &str) -> String {
    let text = escape(text);
    if text.chars().count() <= TYPE_CHARS {
        return text;
    }
    text.chars().take(TYPE_CHARS - 1).chain(['…']).collect()
}

fn members<'a>(json: &'a Json, name: &str) -> impl Iterator<Item = &'a Json> {
    json.get(name).and_then(Json::as_array).into_iter().flatten()
}

const TYPE_CHARS: usize = 40;

const CSV_COLUMNS: [&str; 14] = [
    "operator_id",
    "operator_uid",
    "operator_name",
    "name",
    "kind",
    "key_type",
    "namespace_type",
    "map_key_type",
    "value_type",
    "entries",
    "elements",
    "bytes",
    "ttl_ms",
    "opaque",
];
