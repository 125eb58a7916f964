//! The terminal browser: looks into any [`SnapshotSource`], and never writes.
//!
//! Three screens lie on each other: the **overview** of operators and states, the **rows** of one
//! state, and the **detail** of one row. [`State`] is plain data; [`update`](State::update) is pure
//! and holds every decision; the view only draws. What has to be read is asked for by an
//! [`Effect`], which a worker thread runs and answers with a [`Msg`]. Keys map to actions through
//! one table, which also prints the help and the footer.
//!
//! * a person at a terminal: [`browse`]
//! * a test or a document: [`dump_screen`], [`dump_styles`]
//!
//! Text from a snapshot is always escaped before it is drawn.
#![deny(missing_docs)]

mod cli_line;
mod filter;
mod keymap;
mod line;
mod msg;
mod pages;
mod screen;
mod state;
mod terminal;
mod text;
mod update;
mod view;
mod worker;

use std::sync::Arc;

use alluvium_model::{ErrorKind, SnapshotSource};
use thiserror::Error;

pub use filter::Filter;
pub use keymap::{Action, Binding, KeyPress, bindings};
pub use line::{Item, Line};
pub use msg::{Effect, Msg, Question};
pub use pages::Cursor;
pub use screen::{dump_screen, dump_styles};
pub use state::{Screen, State};
pub use view::Theme;

/// Opens the browser on snapshots, each with the name by which a person gave it, and returns when
/// it is closed.
///
/// The first snapshot is shown; `Tab` goes to the next. The terminal is restored on every way out,
/// also on a panic. Colours are left out when `NO_COLOR` is set and not empty.
///
/// # Errors
/// [`Error::NoSnapshot`] without any; [`Error::Terminal`] when the terminal cannot be used.
pub fn browse(sources: Vec<(String, Arc<dyn SnapshotSource>)>) -> Result<()> {
    terminal::run(sources)
}

/// Errors of the browser itself; what cannot be read of a snapshot is shown on the screen.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Error {
    /// There is nothing to show.
    #[error("no snapshot to browse")]
    NoSnapshot,
    /// The terminal cannot be read or drawn on.
    #[error("the terminal cannot be used")]
    Terminal(#[from] std::io::Error),
}

impl Error {
    /// Returns what a caller can do about it.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Error::NoSnapshot => ErrorKind::Input,
            Error::Terminal(_) => ErrorKind::Unsupported,
        }
    }
}

/// A result of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;
