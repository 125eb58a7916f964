use std::sync::Arc;

use alluvium_model::{ElementType, LogicalType, Role, StateKind, StateSchema, Value, canonical, json};
use ratatui::Frame;
use ratatui::layout::Rect;

use super::{Ink, Inked, Theme, put};
use crate::line::{Line, columns};
use crate::state::{Detail, Form, State};
use crate::text::{count, escape, fit, hex};

/// Most lines of a detail; a value that needs more is cut.
const LINES_MAX: usize = 20_000;
const NAME: usize = 28;

pub(super) fn draw(state: &State, theme: &Theme, frame: &mut Frame<'_>, area: Rect) {
    let (Some(detail), Some(schema)) = (&state.detail, state.shown_schema()) else { return };
    let lines = detail_lines(detail, schema);
    put(frame, theme, area, lines.get(detail.top..).unwrap_or_default());
}

pub(super) fn form_names(state: &State) -> String {
    let form = state.detail.as_ref().map(|detail| detail.form);
    let name =
        |it: Form, text: &str| if form == Some(it) { format!("[{text}]") } else { format!(" {text} ") };
    format!("{} {} {}", name(Form::Typed, "typed"), name(Form::Json, "json"), name(Form::Hex, "hex"))
}

/// Returns the lines of a detail as they are drawn, all of them.
pub(crate) fn detail_lines(detail: &Detail, schema: &Arc<StateSchema>) -> Vec<Inked> {
    let mut lines = match detail.form {
        Form::Typed => typed_lines(&detail.line, schema),
        Form::Json => json_lines(&detail.line, schema),
        Form::Hex => hex_lines(&detail.line, schema),
    };
    if detail.line.elements_left_out > 0 {
        lines.push(vec![(Ink::Warn, format!(" and {} more elements", count(detail.line.elements_left_out)))]);
    }
    lines
}

fn typed_lines(line: &Line, schema: &Arc<StateSchema>) -> Vec<Inked> {
    let mut lines = Vec::new();
    for role in columns(schema) {
        let typed = match role {
            Role::Key => line.key.as_ref().zip(schema.key.as_ref()),
            Role::Namespace => line.namespace.as_ref().zip(schema.namespace.as_ref()),
            Role::MapKey => line.map_key.as_ref().zip(schema.map_key.as_ref()),
            Role::Value => {
                value_tree(line, schema, &mut lines);
                continue;
            }
            _ => None,
        };
        match typed {
            Some((value, ty)) => tree(role.name(), value, ty, 0, &mut lines),
            None => lines.push(leaf(0, role.name(), "", line.text(role, schema))),
        }
    }
    if line.value_raw.is_some() {
        lines.push(vec![(Ink::Warn, " the value's own bytes are kept beside it (t for hex)".into())]);
    }
    lines
}

fn value_tree(line: &Line, schema: &StateSchema, lines: &mut Vec<Inked>) {
    let (Some(value), Some(ty)) = (&line.value, &schema.value) else { return };
    match schema.kind {
        StateKind::List => tree(Role::Value.name(), value, &list_of(ty), 0, lines),
        _ => tree(Role::Value.name(), value, &ty.ty, 0, lines),
    }
}

fn list_of(element: &ElementType) -> LogicalType {
    LogicalType::List(Box::new(element.clone()))
}

/// Appends a value as a tree: a line for itself, and one for each part of it, indented.
fn tree(name: &str, value: &Value, ty: &LogicalType, depth: usize, lines: &mut Vec<Inked>) {
    if lines.len() >= LINES_MAX {
        return;
    }
    let branch = |lines: &mut Vec<Inked>, ty: &str, n: usize| {
        lines.push(leaf(depth, name, ty, count(n as u64)));
    };
    match (ty, value) {
        (LogicalType::Struct(fields), Value::Struct(values)) => {
            lines.push(leaf(depth, name, "struct", String::new()));
            for (field, value) in fields.fields.iter().zip(values) {
                tree(&field.name, value, &field.ty.ty, depth + 1, lines);
            }
        }
        (LogicalType::Tuple(types), Value::Struct(values)) => {
            lines.push(leaf(depth, name, "tuple", String::new()));
            for (i, (ty, value)) in types.iter().zip(values).enumerate() {
                tree(&format!("f{i}"), value, &ty.ty, depth + 1, lines);
            }
        }
        (LogicalType::List(element), Value::List(values)) => {
            branch(lines, "list", values.len());
            for (i, value) in values.iter().enumerate() {
                tree(&format!("[{i}]"), value, &element.ty, depth + 1, lines);
            }
        }
        (LogicalType::Set(element), Value::List(values)) => {
            branch(lines, "set", values.len());
            for value in values {
                tree("·", value, element, depth + 1, lines);
            }
        }
        (LogicalType::Map(key_type, value_type), Value::Map(entries)) => {
            branch(lines, "map", entries.len());
            for (key, value) in entries {
                tree(&json::to_json(key, key_type).to_string(), value, &value_type.ty, depth + 1, lines);
            }
        }
        _ => lines.push(leaf(depth, name, &ty.to_string(), json::to_json(value, ty).to_string())),
    }
}

fn leaf(depth: usize, name: &str, ty: &str, value: String) -> Inked {
    vec![
        (Ink::Name, fit(&format!(" {}{}", "  ".repeat(depth), escape(name)), NAME)),
        (Ink::Dim, format!(" {} ", fit(&escape(ty), 18))),
        (Ink::Plain, escape(&value)),
    ]
}

fn json_lines(line: &Line, schema: &StateSchema) -> Vec<Inked> {
    let text = serde_json::to_string_pretty(&line.json(schema)).unwrap_or_default();
    text.lines().take(LINES_MAX).map(|line| vec![(Ink::Plain, format!(" {}", escape(line)))]).collect()
}

fn hex_lines(line: &Line, schema: &StateSchema) -> Vec<Inked> {
    let mut lines = Vec::new();
    let mut section = |title: &str, bytes: &[u8]| {
        lines.push(vec![
            (Ink::Crumb, format!(" {title}")),
            (Ink::Dim, format!("  {} bytes", count(bytes.len() as u64))),
        ]);
        lines.extend(
            hex(bytes).into_iter().take(LINES_MAX).map(|text| vec![(Ink::Plain, format!(" {text}"))]),
        );
    };
    section("key, namespace and entry, canonical", &line.sort_key);
    if let Some(bytes) = value_bytes(line, schema) {
        section("value, canonical", &bytes);
    }
    if let Some(raw) = &line.value_raw {
        section("value, raw cell", raw);
    }
    lines
}

fn value_bytes(line: &Line, schema: &StateSchema) -> Option<Vec<u8>> {
    let (value, ty) = (line.value.as_ref()?, schema.value.as_ref()?);
    let mut bytes = Vec::new();
    match schema.kind {
        StateKind::List => canonical::encode(value, &list_of(ty), &mut bytes).ok()?,
        _ => canonical::encode_element(value, ty, &mut bytes).ok()?,
    }
    Some(bytes)
}
