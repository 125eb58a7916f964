use std::collections::BTreeSet;
use std::sync::Arc;

use alluvium_model::source::{OperatorState, StateTable};
use alluvium_model::{OperatorUid, SnapshotDescription, StateSchema};
use tui_input::Input;

use crate::filter::Filter;
use crate::line::{Item, Line};
use crate::pages::Pages;

/// The screen in front.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Screen {
    /// Operators and states.
    Overview,
    /// Lines of one state.
    Rows,
    /// One line.
    Detail,
}

/// Everything the browser knows: plain data, changed only by [`State::update`].
#[derive(Debug)]
pub struct State {
    pub(crate) snapshots: Vec<Snapshot>,
    /// Position of the snapshot shown.
    pub(crate) current: usize,
    /// Entry of the tree that is selected.
    pub(crate) selected: usize,
    /// First entry of the tree that is drawn.
    pub(crate) top: usize,
    /// Operators whose states are not shown.
    pub(crate) folded: BTreeSet<usize>,
    pub(crate) rows: Option<Rows>,
    pub(crate) detail: Option<Detail>,
    pub(crate) prompt: Option<Prompt>,
    pub(crate) help: bool,
    pub(crate) note: Option<Note>,
    pub(crate) width: u16,
    pub(crate) height: u16,
    pub(crate) last_ticket: u64,
}

/// A snapshot and the name by which it was given.
#[derive(Debug, Clone)]
pub(crate) struct Snapshot {
    pub(crate) name: String,
    pub(crate) description: Arc<SnapshotDescription>,
}

/// An entry of the tree: an operator, or a state of an operator, by position.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Node {
    Operator(usize),
    State(usize, usize),
}

/// The row table of one state.
#[derive(Debug)]
pub(crate) struct Rows {
    pub(crate) operator: usize,
    pub(crate) table: usize,
    pub(crate) filter: Filter,
    /// The key that was looked up, as typed; its lines are then all there is.
    pub(crate) key: Option<String>,
    pub(crate) pages: Pages,
    pub(crate) selected: u64,
    pub(crate) top: u64,
    /// A line to go to as soon as it is known.
    pub(crate) wanted: Option<u64>,
    pub(crate) task: Option<Task>,
    /// Reading was cancelled or failed; it goes on at the next key.
    pub(crate) paused: bool,
}

/// Something that the worker does.
#[derive(Debug)]
pub(crate) struct Task {
    pub(crate) ticket: u64,
    /// Number of the page being read; none for a key.
    pub(crate) page: Option<usize>,
    pub(crate) rows: u64,
    /// The key that is looked up, as typed.
    pub(crate) typed: Option<String>,
    /// It was told to stop and has not answered yet.
    pub(crate) cancelled: bool,
}

/// One line, and how it is shown.
#[derive(Debug)]
pub(crate) struct Detail {
    pub(crate) line: Line,
    pub(crate) form: Form,
    pub(crate) top: usize,
}

/// How a line is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    Typed,
    Json,
    Hex,
}

/// A line that is being typed.
#[derive(Debug)]
pub(crate) struct Prompt {
    pub(crate) asks: Asks,
    pub(crate) input: Input,
}

/// What a prompt asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Asks {
    Filter,
    Key,
}

/// Something said once, until the next key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Note {
    Says(String),
    Warns(String),
}

/// Least terminal that is drawn on.
pub(crate) const WIDTH_MIN: u16 = 60;
/// Least terminal that is drawn on.
pub(crate) const HEIGHT_MIN: u16 = 12;
/// Columns from which the overview has its panel at the side.
pub(crate) const WIDE: u16 = 110;
/// Lines of the overview's panel when it stands below.
pub(crate) const PANEL_LINES: u16 = 9;

impl State {
    /// Shows the first of these snapshots, each under its name.
    pub fn new(snapshots: Vec<(String, Arc<SnapshotDescription>)>) -> Self {
        let snapshots =
            snapshots.into_iter().map(|(name, description)| Snapshot { name, description }).collect();
        State {
            snapshots,
            current: 0,
            selected: 0,
            top: 0,
            folded: BTreeSet::new(),
            rows: None,
            detail: None,
            prompt: None,
            help: false,
            note: None,
            width: 80,
            height: 24,
            last_ticket: 0,
        }
    }

    /// Returns the screen in front.
    pub fn screen(&self) -> Screen {
        match (&self.detail, &self.rows) {
            (Some(_), _) => Screen::Detail,
            (None, Some(_)) => Screen::Rows,
            (None, None) => Screen::Overview,
        }
    }

    /// Returns whether the terminal is too small to draw.
    pub fn is_too_small(&self) -> bool {
        self.width < WIDTH_MIN || self.height < HEIGHT_MIN
    }

    pub(crate) fn snapshot(&self) -> Option<&Snapshot> {
        self.snapshots.get(self.current)
    }

    pub(crate) fn operators(&self) -> &[OperatorState] {
        self.snapshot().map_or(&[], |snapshot| &snapshot.description.operators)
    }

    /// Returns the entries of the tree that are shown.
    pub(crate) fn nodes(&self) -> Vec<Node> {
        let mut nodes = Vec::new();
        for (i, operator) in self.operators().iter().enumerate() {
            nodes.push(Node::Operator(i));
            if !self.folded.contains(&i) {
                nodes.extend((0..operator.states.len()).map(|j| Node::State(i, j)));
            }
        }
        nodes
    }

    pub(crate) fn node(&self) -> Option<Node> {
        self.nodes().get(self.selected).copied()
    }

    pub(crate) fn table(&self, operator: usize, table: usize) -> Option<(&OperatorState, &StateTable)> {
        let operator = self.operators().get(operator)?;
        Some((operator, operator.states.get(table)?))
    }

    /// Returns the operator and table whose rows are shown.
    pub(crate) fn shown_table(&self) -> Option<(&OperatorState, &StateTable)> {
        let rows = self.rows.as_ref()?;
        self.table(rows.operator, rows.table)
    }

    pub(crate) fn shown_schema(&self) -> Option<&Arc<StateSchema>> {
        self.shown_table().map(|(_, table)| &table.schema)
    }

    /// Returns the lines that the body of the screen in front can show.
    pub(crate) fn body_lines(&self) -> usize {
        // Title, crumb, footer and status; the rows have a head line too.
        let frame = match self.screen() {
            Screen::Overview if self.width < WIDE => 5 + PANEL_LINES,
            Screen::Overview | Screen::Rows => 5,
            Screen::Detail => 4,
        };
        usize::from(self.height.saturating_sub(frame)).max(1)
    }

    pub(crate) fn selected_item(&self) -> Option<&Item> {
        let rows = self.rows.as_ref()?;
        rows.pages.line(rows.selected)
    }
}

/// Returns the name by which people know an operator: its uid, else its id.
pub(crate) fn operator_name(operator: &OperatorState) -> String {
    operator.uid.as_ref().map(OperatorUid::as_str).map_or_else(|| operator.id.to_string(), str::to_owned)
}
