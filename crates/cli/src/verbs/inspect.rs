mod facts;

use alluvium::failure::Exit;
use alluvium_model::source::{OperatorState, StateTable};
use alluvium_model::{SnapshotDescription, SnapshotSource, StateKind};
use anyhow::Result;
use comfy_table::{CellAlignment, Table};
use serde_json::Value as Json;

use crate::open::Options;
use crate::output::{self, Format, Object, Out, cell, escape};
use crate::progress::Progress;

/// Show the operators and states of a snapshot.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Snapshot, ours or of Flink: a directory or s3:// URL, a manifest or _metadata, or the root of a job
    /// for its newest checkpoint.
    #[arg(value_name = "SNAP")]
    snapshot: String,
    /// Read the rows and count what metadata do not hold.
    #[arg(long)]
    count: bool,
    #[command(flatten)]
    options: Options,
}

pub(crate) fn run(args: &Args, out: &mut Out) -> Result<Exit> {
    let progress = Progress::start(if args.count { "counting rows" } else { "reading metadata" });
    let source = progress.watch(crate::open::snapshot(&args.snapshot, &args.options)?);
    let answer = alluvium_query::inspect(&source, args.count)?;
    drop(progress);
    print(source.describe(), &answer, &args.snapshot, out)?;
    Ok(findings(&answer))
}

/// Prints what a snapshot holds; also what `browse` prints where no terminal is.
pub(crate) fn print(snapshot: &SnapshotDescription, answer: &Json, name: &str, out: &mut Out) -> Result<()> {
    match out.format_or(Format::Json) {
        Format::Json | Format::Jsonl => out.json(answer)?,
        Format::Csv => csv(answer, out)?,
        Format::Table => table(snapshot, answer, name, out)?,
    }
    Ok(())
}

/// Tells parts that could not be counted: findings.
fn findings(answer: &Json) -> Exit {
    let mut found = Exit::Clean;
    for operator in members(answer, "operators") {
        for state in
            members(operator, "states").filter(|state| state["unreadable"].as_u64().is_some_and(|n| n > 0))
        {
            let operator = operator["uid"].as_str().or(operator["id"].as_str()).unwrap_or_default();
            eprintln!("{operator}/{}: {} parts could not be read", cell(&state["name"]), state["unreadable"]);
            found = Exit::Findings;
        }
    }
    found
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
    let version = match description.format {
        "flink" => format!("flink metadata v{}", description.format_version),
        format => format!("{format} v{}", description.format_version),
    };
    out.line(&format!("{}{id}, {version}, {}: {}", description.kind, description.layout, escape(name)))?;
    for line in facts::lines(&description.facts) {
        out.line(&line)?;
    }
    for (operator, counted) in description.operators.iter().zip(members(answer, "operators")) {
        out.line("")?;
        out.line(&heading(operator))?;
        states(operator, counted, out)?;
    }
    Ok(())
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
    let mut rows: Vec<[String; COLUMNS]> = Vec::new();
    let mut empty = Vec::new();
    for (state, counted) in operator.states.iter().zip(members(counted, "states")) {
        if is_empty(state, counted) {
            empty.push(escape(&state.schema.name));
            continue;
        }
        let number = |member: &str| counted[member].as_u64().map_or("–".into(), output::count);
        rows.push([
            format!("  {}", escape(&state.schema.name)),
            kind(state, counted),
            key(state),
            state.schema.value.as_ref().map_or("–".into(), |ty| escape(&ty.to_string())),
            number("entries"),
            if state.schema.kind == StateKind::List { number("elements") } else { String::new() },
            counted["bytes"].as_u64().map_or("–".into(), output::bytes),
            match state.schema.ttl_ms {
                Some(ttl_ms) => time_to_live(ttl_ms),
                None if state.schema.ttl_unknown => "unknown".into(),
                None => String::new(),
            },
            counted["key_group_skew"]["ratio"].as_f64().map_or(String::new(), |ratio| format!("{ratio:.1}×")),
        ]);
    }
    if !rows.is_empty() {
        output::write_table(out, &fitted(rows))?;
    }
    if !empty.is_empty() {
        out.line(&format!("  {} empty: {}", empty.len(), empty.join(", ")))?;
    }
    Ok(())
}

/// Timers and transactions that every operator may have, and this one has none of.
fn is_empty(state: &StateTable, counted: &Json) -> bool {
    use StateKind::{PendingTransactions, Timer};
    matches!(state.schema.kind, Timer(_) | PendingTransactions) && counted["entries"].as_u64() == Some(0)
}

/// Makes a table of the columns that say something, with types cut so that it fits a terminal.
fn fitted(mut rows: Vec<[String; COLUMNS]>) -> Table {
    let wide = |rows: &[[String; COLUMNS]], i: usize| {
        let cells = rows.iter().map(|row| row[i].chars().count()).max().unwrap_or(0);
        cells.max(HEADS[i].chars().count())
    };
    let said = |cell: &String| !cell.is_empty() && cell != "–";
    let shown: Vec<usize> =
        (0..COLUMNS).filter(|i| *i <= VALUE || rows.iter().any(|row| said(&row[*i]))).collect();
    let others: usize =
        shown.iter().filter(|i| ![KEY, VALUE].contains(i)).map(|i| wide(&rows, *i)).sum::<usize>();
    let types = TABLE_CHARS.saturating_sub(others + 2 * (shown.len() - 1)).max(2 * TYPE_CHARS_LEAST);
    let (key, value) = (wide(&rows, KEY), wide(&rows, VALUE));
    let key = key.min((types / 2).max(types.saturating_sub(value)));
    for row in &mut rows {
        row[KEY] = short(&row[KEY], key);
        row[VALUE] = short(&row[VALUE], types - key);
    }
    let mut table = output::plain_table(shown.iter().map(|i| HEADS[*i].to_owned()));
    for (at, i) in shown.iter().enumerate() {
        if let (true, Some(column)) = (*i > VALUE, table.column_mut(at)) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    for row in &rows {
        table.add_row(shown.iter().map(|i| row[*i].as_str()));
    }
    table
}

fn time_to_live(ms: u64) -> String {
    let units = [("d", 86_400_000), ("h", 3_600_000), ("min", 60_000), ("s", 1000)];
    let fits = units.iter().find(|(_, unit)| ms >= *unit && ms.is_multiple_of(*unit));
    fits.map_or(format!("{ms} ms"), |(name, unit)| format!("{} {name}", ms / unit))
}

fn kind(state: &StateTable, counted: &Json) -> String {
    let opaque = match counted["opaque_rows"].as_u64() {
        Some(rows) if rows > 0 && !state.opaque => format!(", {} opaque", output::count(rows)),
        _ if state.opaque => ", opaque".into(),
        _ => String::new(),
    };
    format!("{}{opaque}", state.schema.kind.name())
}

fn key(state: &StateTable) -> String {
    let schema = &state.schema;
    let mut text = schema.key.as_ref().map_or("–".into(), ToString::to_string);
    if let Some(namespace) = &schema.namespace {
        text.push_str(&format!(", {namespace}"));
    }
    if let Some(map_key) = &schema.map_key {
        text.push_str(&format!(" → {map_key}"));
    }
    escape(&text)
}

/// Types may nest deeply; `-o json` has them whole.
fn short(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    text.chars().take(most.saturating_sub(1)).chain(['…']).collect()
}

fn members<'a>(json: &'a Json, name: &str) -> impl Iterator<Item = &'a Json> {
    json.get(name).and_then(Json::as_array).into_iter().flatten()
}

const COLUMNS: usize = 9;
const HEADS: [&str; COLUMNS] =
    ["  STATE", "KIND", "KEY", "VALUE", "ENTRIES", "ELEMENTS", "BYTES", "TTL", "SKEW"];
const KEY: usize = 2;
const VALUE: usize = 3;
/// Width of a table, unless names leave less than this for each column of types.
const TABLE_CHARS: usize = 118;
const TYPE_CHARS_LEAST: usize = 14;

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
