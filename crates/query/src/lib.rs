//! Read-only questions over any [`SnapshotSource`](alluvium_model::SnapshotSource): ours, or
//! another engine's.
//!
//! | question | entry point |
//! |---|---|
//! | which state does `OP/STATE` name? | [`find`] |
//! | its rows, as JSON lines | [`lines`] with a [`Filter`] |
//! | the rows of one key | [`get`] |
//! | operators, states, counts, skew | [`inspect`] |
//! | what differs between two snapshots | [`diff`] |
//! | is everything whole | [`verify`] |
//! | would its rows be read under another schema | [`trial`] |
//!
//! The JSON shapes are made here, so that the command line, the browser and the server print the
//! same; printing is theirs. Every walk over rows holds one batch and, for a list, one line.
#![deny(missing_docs)]

mod count;
mod diff;
mod error;
mod filter;
mod find;
mod inspect;
mod line;
mod lines;
mod skew;
mod trial;
mod verify;

pub use count::{Counts, count};
pub use diff::{DiffSummary, Difference, EntryChange, diff};
pub use error::Error;
pub use filter::{Filter, key_groups_from_text};
pub use find::{Target, find, find_operator, operator_text};
pub use inspect::inspect;
pub use line::{Line, Position, members};
pub use lines::{Lines, get, lines};
pub use skew::Skew;
pub use trial::{Trial, trial};
pub use verify::{VerifyReport, verify};

#[cfg(test)]
mod fake;
