use alluvium_model::{Role, StateSchema};
use ratatui::Frame;
use ratatui::layout::Rect;

use super::{Ink, Inked, Theme, put};
use crate::line::{Item, Line, columns};
use crate::state::{Rows, State};
use crate::text::{count, escape, fit, fit_right, width};

pub(super) fn draw(state: &State, theme: &Theme, frame: &mut Frame<'_>, area: Rect) {
    let (Some(rows), Some(schema)) = (&state.rows, state.shown_schema()) else { return };
    let shown: Vec<(u64, Option<&Item>)> = lines_shown(rows, state.body_lines());
    let roles = columns(schema);
    let widths = widths(&roles, &shown, schema, area.width.into());
    let head: String = roles.iter().zip(&widths).map(|(role, w)| cell(*role, role.name(), *w)).collect();
    let mut lines = vec![vec![(Ink::Head, fit(&head, area.width.into()))]];
    for (number, item) in shown {
        let text = match item {
            Some(Item::Line(line)) => roles
                .iter()
                .zip(&widths)
                .map(|(role, w)| cell(*role, &cell_text(line, *role, schema), *w))
                .collect(),
            Some(Item::Damage(text)) => format!(" ⚠ {}", escape(text)),
            None => " …".into(),
        };
        let ink = match item {
            _ if number == rows.selected => Ink::Selected,
            Some(Item::Damage(_)) => Ink::Warn,
            Some(Item::Line(_)) => Ink::Plain,
            None => Ink::Dim,
        };
        lines.push(vec![(ink, fit(&text, area.width.into()))]);
    }
    if rows.pages.lines() == (0, true) {
        lines.push(vec![(
            Ink::Dim,
            if rows.filter.is_empty() { " no rows" } else { " no row passes the filter" }.into(),
        )]);
    }
    put(frame, theme, area, &lines);
}

/// Returns what the status line says of the rows.
pub(super) fn status(rows: &Rows) -> Inked {
    let (known, whole) = rows.pages.lines();
    let plus = if whole { "" } else { "+" };
    let mut line = match known {
        0 => vec![(Ink::Dim, format!(" 0{plus} lines"))],
        _ => vec![(Ink::Dim, format!(" line {} of {}{plus}", count(rows.selected + 1), count(known)))],
    };
    if let Some(task) = &rows.task {
        let what = if task.cancelled { "stopping" } else { "reading" };
        line.push((Ink::Key, format!("  {what}: {} rows so far", count(task.rows))));
        line.push((Ink::Dim, "  Esc stops".into()));
    } else if rows.paused && !whole {
        line.push((Ink::Warn, "  stopped; any movement reads on".into()));
    }
    line
}

fn lines_shown(rows: &Rows, screen_lines: usize) -> Vec<(u64, Option<&Item>)> {
    let (known, _) = rows.pages.lines();
    let end = known.min(rows.top + screen_lines as u64);
    (rows.top..end).map(|number| (number, rows.pages.line(number))).collect()
}

fn cell_text(line: &Line, role: Role, schema: &StateSchema) -> String {
    let mut text = escape(&line.text(role, schema));
    if role == Role::Value && line.elements_left_out > 0 {
        text += &format!(" and {} more", count(line.elements_left_out));
    }
    text
}

fn cell(role: Role, text: &str, columns: usize) -> String {
    if is_number(role) {
        format!(" {} ", fit_right(text, columns))
    } else {
        format!(" {} ", fit(text, columns))
    }
}

fn is_number(role: Role) -> bool {
    matches!(role, Role::KeyGroup | Role::Timestamp | Role::Subtask | Role::Index | Role::LastAccess)
}

/// Gives each column what its texts need; the value has what is left, and at least a third.
fn widths(roles: &[Role], shown: &[(u64, Option<&Item>)], schema: &StateSchema, total: usize) -> Vec<usize> {
    let need = |role: &Role| {
        let lines = shown.iter().filter_map(|(_, item)| match item {
            Some(Item::Line(line)) => Some(width(&cell_text(line, *role, schema))),
            _ => None,
        });
        lines.max().unwrap_or(0).max(width(role.name()))
    };
    let mut widths: Vec<usize> = roles.iter().map(need).collect();
    let most = total / 3;
    let others = roles.iter().zip(&mut widths).filter(|(role, _)| **role != Role::Value);
    let mut used = 2 * roles.len();
    for (_, w) in others {
        *w = (*w).min(most.max(8));
        used += *w;
    }
    if let Some(value) = roles.iter().position(|role| *role == Role::Value) {
        widths[value] = widths[value].min(total.saturating_sub(used).max(total / 6));
    }
    widths
}
