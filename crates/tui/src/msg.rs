use alluvium_model::{OperatorId, Value};

use crate::filter::Filter;
use crate::keymap::KeyPress;
use crate::line::Item;
use crate::pages::Cursor;

/// Everything that can happen to the browser.
#[derive(Debug, Clone, PartialEq)]
pub enum Msg {
    /// A key was pressed.
    Key(KeyPress),
    /// The terminal has this many columns and rows.
    Resize {
        /// Columns.
        width: u16,
        /// Rows.
        height: u16,
    },
    /// A page was read, whole or up to where it was cancelled.
    Page {
        /// The effect that this answers.
        ticket: u64,
        /// Lines that pass the filter.
        lines: Vec<Item>,
        /// Where the next page starts; none at the end of the state.
        next: Option<Cursor>,
        /// Whether it was cancelled before the page was full.
        cancelled: bool,
    },
    /// A page or key is still being read.
    Progress {
        /// The effect that this reports on.
        ticket: u64,
        /// Rows read so far.
        rows: u64,
    },
    /// A key was looked up.
    Found {
        /// The effect that this answers.
        ticket: u64,
        /// Lines of the key, possibly none.
        lines: Vec<Item>,
    },
    /// Something could not be read.
    Failed {
        /// The effect that this answers.
        ticket: u64,
        /// What and why.
        message: String,
    },
}

/// Something to be done outside; the worker answers with a [`Msg`].
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    /// Read something.
    Ask {
        /// Names this effect in its answers; ever greater.
        ticket: u64,
        /// Position of the snapshot.
        snapshot: usize,
        /// The operator.
        operator: OperatorId,
        /// The state's name.
        state: String,
        /// What to read of it.
        question: Question,
    },
    /// Stop the effects with this ticket and lower ones.
    Cancel {
        /// The newest ticket to stop.
        ticket: u64,
    },
    /// Leave the browser.
    Quit,
}

/// What to read of a state.
#[derive(Debug, Clone, PartialEq)]
pub enum Question {
    /// Lines that pass a filter.
    Page {
        /// Start after this row; at the beginning if none.
        after: Option<Cursor>,
        /// Most lines.
        lines: usize,
        /// Which lines.
        filter: Filter,
    },
    /// All lines of one key.
    Key(Value),
}
