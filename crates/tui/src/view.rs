//! Draws a [`State`](crate::State) and decides nothing.

mod detail;
mod help;
mod overview;
mod rows;
mod theme;

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::text::{Line as Drawn, Span};

pub(crate) use detail::detail_lines;
pub use theme::Theme;
pub(crate) use theme::{Ink, Inked};

use crate::keymap::bindings;
use crate::state::{Asks, HEIGHT_MIN, Note, Screen, State, WIDTH_MIN, operator_name};
use crate::text::{count, escape, fit, width};

/// Draws the screen in front: title, crumbs, body, status, keys.
pub(crate) fn draw(state: &State, theme: &Theme, frame: &mut Frame<'_>) {
    let area = frame.area();
    if state.is_too_small() {
        let text =
            format!("too small: {WIDTH_MIN} × {HEIGHT_MIN} needed, {} × {} here", area.width, area.height);
        return put(frame, theme, area, &[vec![(Ink::Warn, text)]]);
    }
    let lines = Constraint::Length(1);
    let [title, crumbs, body, status, footer] =
        Layout::vertical([lines, lines, Constraint::Min(1), lines, lines]).areas(area);
    put(frame, theme, title, &[title_line(state, area.width.into())]);
    put(frame, theme, crumbs, &[crumb_line(state)]);
    match state.screen() {
        _ if state.help => help::draw(state, theme, frame, body),
        Screen::Overview => overview::draw(state, theme, frame, body),
        Screen::Rows => rows::draw(state, theme, frame, body),
        Screen::Detail => detail::draw(state, theme, frame, body),
    }
    put(frame, theme, status, &[status_line(state)]);
    put(frame, theme, footer, &[footer_line(state)]);
    place_cursor(state, frame, status);
}

/// Draws lines from the top of an area; what does not fit is cut.
pub(crate) fn put(frame: &mut Frame<'_>, theme: &Theme, area: Rect, lines: &[Inked]) {
    for (i, line) in lines.iter().take(area.height.into()).enumerate() {
        let spans = line.iter().map(|(ink, text)| Span::styled(text.as_str(), theme.style(*ink)));
        let place = Rect { y: area.y + i as u16, height: 1, ..area };
        frame.render_widget(Drawn::from_iter(spans), place);
    }
}

fn title_line(state: &State, columns: usize) -> Inked {
    let Some(snapshot) = state.snapshot() else { return Vec::new() };
    let d = &snapshot.description;
    let id = d.id.map_or_else(String::new, |id| format!(" {id}"));
    let mut text = format!(
        " {} · {} {}{id} · {} v{}",
        escape(&snapshot.name),
        d.layout,
        d.kind,
        d.format,
        d.format_version
    );
    if state.snapshots.len() > 1 {
        text += &format!(" · {} of {}, Tab for the next", state.current + 1, state.snapshots.len());
    }
    vec![(Ink::Title, fit(&text, columns))]
}

fn crumb_line(state: &State) -> Inked {
    let mut line = vec![(Ink::Crumb, " operators".to_owned())];
    let Some((operator, table)) = state.shown_table() else { return line };
    line.push((Ink::Dim, " › ".into()));
    line.push((Ink::Crumb, escape(&format!("{} › {}", operator_name(operator), table.schema.name))));
    if let (Some(detail), schema) = (&state.detail, &table.schema) {
        line.push((Ink::Dim, " › ".into()));
        line.push((Ink::Crumb, escape(&detail.line.key_text(schema))));
        return line;
    }
    let Some(rows) = &state.rows else { return line };
    if let Some(key) = &rows.key {
        line.push((Ink::Plain, "  ".into()));
        line.push((Ink::Chip, format!(" key {} ", escape(key))));
    }
    if !rows.filter.is_empty() {
        line.push((Ink::Plain, "  ".into()));
        line.push((Ink::Chip, format!(" filter {} ", escape(&rows.filter.typed()))));
    }
    line
}

fn status_line(state: &State) -> Inked {
    if let Some(prompt) = &state.prompt {
        return vec![
            (Ink::Key, prompt_label(prompt.asks).into()),
            (Ink::Plain, escape(prompt.input.value())),
        ];
    }
    match &state.note {
        Some(Note::Says(text)) => return vec![(Ink::Key, format!(" {}", escape(text)))],
        Some(Note::Warns(text)) => return vec![(Ink::Warn, format!(" {}", escape(text)))],
        None => {}
    }
    match (&state.rows, state.screen()) {
        (Some(rows), Screen::Rows) => rows::status(rows),
        (_, Screen::Detail) => vec![(Ink::Dim, format!(" {}", detail::form_names(state)))],
        _ => vec![(Ink::Dim, format!(" {}", totals(state)))],
    }
}

fn totals(state: &State) -> String {
    let states = state.operators().iter().map(|o| o.states.len() as u64).sum::<u64>();
    let operators = state.operators().len() as u64;
    format!("{} operators, {} states · metadata only", count(operators), count(states))
}

fn prompt_label(asks: Asks) -> &'static str {
    match asks {
        Asks::Filter => " filter: ",
        Asks::Key => " key: ",
    }
}

fn place_cursor(state: &State, frame: &mut Frame<'_>, status: Rect) {
    if let Some(prompt) = &state.prompt {
        let typed: String = prompt.input.value().chars().take(prompt.input.cursor()).collect();
        let x = width(prompt_label(prompt.asks)) + width(&escape(&typed));
        frame.set_cursor_position((status.x + (x as u16).min(status.width.saturating_sub(1)), status.y));
    }
}

fn footer_line(state: &State) -> Inked {
    let mut line = Inked::new();
    if state.prompt.is_some() {
        return vec![
            (Ink::Key, " Enter".into()),
            (Ink::Dim, " take  ".into()),
            (Ink::Key, "Esc".into()),
            (Ink::Dim, " leave as it was".into()),
        ];
    }
    for binding in bindings().iter().filter(|b| !b.short.is_empty() && b.screens.contains(&state.screen())) {
        line.push((Ink::Key, format!(" {}", binding.label)));
        line.push((Ink::Dim, format!(" {} ", binding.short)));
    }
    line
}
