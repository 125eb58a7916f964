use alluvium_model::Value;

use crate::state::{Node, Screen, State, operator_name};

/// Returns the command line whose output equals what is shown.
pub(crate) fn cli_line(state: &State) -> String {
    let Some(snapshot) = state.snapshot() else { return "alluvium browse".into() };
    let snap = quote(&snapshot.name);
    match state.screen() {
        Screen::Overview => match state.node() {
            Some(Node::State(operator, table)) => match state.table(operator, table) {
                Some((operator, table)) => {
                    format!("alluvium cat {snap} {}", address(&operator_name(operator), &table.schema.name))
                }
                None => format!("alluvium inspect {snap}"),
            },
            _ => format!("alluvium inspect {snap}"),
        },
        Screen::Rows => rows_line(state, &snap),
        Screen::Detail => detail_line(state, &snap),
    }
}

fn rows_line(state: &State, snap: &str) -> String {
    let (Some(rows), Some((operator, table))) = (&state.rows, state.shown_table()) else {
        return String::new();
    };
    let address = address(&operator_name(operator), &table.schema.name);
    if let Some(key) = &rows.key {
        return format!("alluvium get {snap} {address} {}", quote(key));
    }
    let mut line = format!("alluvium cat {snap} {address}");
    match rows.filter.key_part() {
        Some((key, true)) => line += &format!(" --key {}", quote(key)),
        Some((prefix, false)) => line += &format!(" --prefix {}", quote(prefix)),
        None if rows.filter.is_empty() => {}
        None => line += &format!("  # and the filter {}", rows.filter.typed()),
    }
    line
}

fn detail_line(state: &State, snap: &str) -> String {
    let (Some((operator, table)), Some(detail)) = (state.shown_table(), &state.detail) else {
        return String::new();
    };
    let address = address(&operator_name(operator), &table.schema.name);
    let Some(key) = &detail.line.key else { return format!("alluvium cat {snap} {address}") };
    let text = match key {
        // Text that starts with a quote would be taken as JSON.
        Value::String(text) if !text.starts_with('"') => text.clone(),
        _ => detail.line.json(&table.schema).get("key").map(ToString::to_string).unwrap_or_default(),
    };
    format!("alluvium get {snap} {address} {}", quote(&text))
}

/// Returns OP/STATE as the command line takes it.
fn address(operator: &str, state: &str) -> String {
    quote(&format!("{}/{state}", operator.replace('%', "%25").replace('/', "%2F")))
}

/// Quotes a word for a shell where it needs that.
fn quote(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:%=@,+".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', "'\\''"))
    }
}
