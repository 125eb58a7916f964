use alluvium_model::source::{OperatorState, StateTable};
use alluvium_model::{KeyGroup, StateSchema};
use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};

use super::{Ink, Inked, Theme, put};
use crate::state::{Node, PANEL_LINES, State, WIDE, operator_name};
use crate::text::{bytes, count, escape, fit, fit_right, sparkline};

const KIND: usize = 21;
const NUMBER: usize = 12;

pub(super) fn draw(state: &State, theme: &Theme, frame: &mut Frame<'_>, area: Rect) {
    let [tree, panel] = if area.width < WIDE {
        Layout::vertical([Constraint::Min(2), Constraint::Length(PANEL_LINES)]).areas(area)
    } else {
        Layout::horizontal([Constraint::Fill(3), Constraint::Fill(2)]).areas(area)
    };
    put(frame, theme, tree, &tree_lines(state, tree));
    let side = Rect { x: panel.x + 1, width: panel.width.saturating_sub(1), ..panel };
    put(frame, theme, side, &panel_lines(state, side.width.into()));
}

fn tree_lines(state: &State, area: Rect) -> Vec<Inked> {
    let name_columns = usize::from(area.width).saturating_sub(KIND + 2 * NUMBER);
    let head = format!(
        "{}{}{}{}",
        fit(" operator / state", name_columns),
        fit("kind", KIND),
        fit_right("entries", NUMBER),
        fit_right("stored", NUMBER),
    );
    let mut lines = vec![vec![(Ink::Head, head)]];
    for (i, node) in state.nodes().into_iter().enumerate().skip(state.top).take(state.body_lines()) {
        let mut line = node_line(state, node, name_columns);
        if i == state.selected {
            line.iter_mut().for_each(|(ink, _)| *ink = Ink::Selected);
        }
        lines.push(line);
    }
    if state.operators().is_empty() {
        lines.push(vec![(Ink::Dim, " no operator has state".into())]);
    }
    lines
}

fn node_line(state: &State, node: Node, name_columns: usize) -> Inked {
    let number = |n: Option<u64>, text: fn(u64) -> String| fit_right(&n.map_or("—".into(), text), NUMBER);
    match node {
        Node::Operator(i) => {
            let Some(operator) = state.operators().get(i) else { return Vec::new() };
            let mark = if state.folded.contains(&i) { '▸' } else { '▾' };
            let sum = operator.states.iter().map(|table| table.bytes).sum::<Option<u64>>();
            vec![
                (Ink::Name, fit(&format!(" {mark} {}", escape(&operator_name(operator))), name_columns)),
                (Ink::Dim, fit(&states(operator.states.len()), KIND)),
                (Ink::Plain, fit("", NUMBER)),
                (Ink::Plain, number(sum, bytes)),
            ]
        }
        Node::State(i, j) => {
            let Some((_, table)) = state.table(i, j) else { return Vec::new() };
            let opaque = if table.opaque { " opaque" } else { "" };
            vec![
                (Ink::Plain, fit(&format!("     {}", escape(&table.schema.name)), name_columns)),
                (Ink::Kind, fit(&format!("{}{opaque}", table.schema.kind.name()), KIND)),
                (Ink::Plain, number(table.entries, count)),
                (Ink::Plain, number(table.bytes, bytes)),
            ]
        }
    }
}

fn states(n: usize) -> String {
    if n == 1 { "1 state".into() } else { format!("{n} states") }
}

fn panel_lines(state: &State, columns: usize) -> Vec<Inked> {
    match state.node() {
        Some(Node::Operator(i)) => state.operators().get(i).map(operator_lines).unwrap_or_default(),
        Some(Node::State(i, j)) => state
            .table(i, j)
            .map(|(operator, table)| state_lines(operator, table, columns))
            .unwrap_or_default(),
        None => Vec::new(),
    }
}

fn operator_lines(operator: &OperatorState) -> Vec<Inked> {
    let mut lines = vec![vec![(Ink::Crumb, escape(&operator_name(operator)))]];
    if let Some(name) = &operator.name {
        lines.push(fact("name", escape(name)));
    }
    if operator.uid.is_none() {
        lines.push(vec![(Ink::Warn, "no uid: its state is found by the shape of the graph".into())]);
    }
    lines.push(fact("id", operator.id.to_string()));
    lines.push(fact(
        "parallelism",
        format!("{} of at most {}", operator.parallelism, operator.max_parallelism),
    ));
    lines.push(fact("key groups by", operator.key_group_function.name().into()));
    lines
}

fn state_lines(operator: &OperatorState, table: &StateTable, columns: usize) -> Vec<Inked> {
    let schema = &table.schema;
    let mut lines =
        vec![vec![(Ink::Crumb, escape(&schema.name)), (Ink::Dim, format!("  {}", schema.kind.name()))]];
    lines.extend(type_lines(schema, columns));
    if let Some(ttl) = schema.ttl_ms {
        lines.push(fact("lives for", format!("{} ms after the last access", count(ttl))));
    }
    if schema.ttl_unknown {
        lines.push(fact("lives for", "a time that the snapshot does not hold".into()));
    }
    if let Some(elements) = table.elements {
        lines.push(fact("elements", count(elements)));
    }
    lines.extend(skew_lines(operator, table, columns));
    lines
}

fn type_lines(schema: &StateSchema, columns: usize) -> Vec<Inked> {
    let types = [
        ("key", schema.key.as_ref().map(ToString::to_string)),
        ("namespace", schema.namespace.as_ref().map(ToString::to_string)),
        ("map key", schema.map_key.as_ref().map(ToString::to_string)),
        ("value", schema.value.as_ref().map(ToString::to_string)),
    ];
    let shown = types.into_iter().filter_map(|(name, ty)| Some((name, ty?)));
    shown
        .map(|(name, ty)| fact(name, fit(&escape(&ty), columns.saturating_sub(FACT)).trim_end().into()))
        .collect()
}

fn skew_lines(operator: &OperatorState, table: &StateTable, columns: usize) -> Vec<Inked> {
    if !table.schema.kind.is_keyed() {
        return Vec::new();
    }
    let mut rows = vec![0; operator.max_parallelism as usize];
    for (KeyGroup(group), n) in &table.rows_by_key_group {
        if let Some(slot) = rows.get_mut(usize::from(*group)) {
            *slot += n;
        }
    }
    let total: u64 = rows.iter().sum();
    let Some((largest, most)) = rows.iter().enumerate().max_by_key(|(i, n)| (**n, std::cmp::Reverse(*i)))
    else {
        return Vec::new();
    };
    if total == 0 {
        return vec![fact("key groups", "not held in the metadata".into())];
    }
    let skew = *most as f64 * rows.len() as f64 / total as f64;
    let bars = sparkline(&rows, columns.saturating_sub(FACT));
    vec![
        vec![(Ink::Dim, fit("key groups", FACT)), (Ink::Bars, bars)],
        fact("skew", format!("{skew:.1}× in group {largest}: {} rows", count(*most))),
    ]
}

const FACT: usize = 15;

fn fact(name: &str, value: String) -> Inked {
    vec![(Ink::Dim, fit(name, FACT)), (Ink::Plain, value)]
}
