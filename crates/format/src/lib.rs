//! The manifest of a snapshot and everything that can be said about it without reading a row.
//!
//! A snapshot is one manifest and the objects that it names. This crate turns the bytes of a
//! manifest into a [`Manifest`] and back, checks its laws, and answers questions of order and
//! reach. It does no I/O: callers bring bytes and take bytes.
//!
//! * bytes: [`decode`], [`encode`], [`check`]
//! * what a manifest says: [`Manifest`], [`OperatorEntry`], [`TableEntry`], [`RunRef`], [`ObjectRef`]
//! * integrity of objects: [`digest`]
//! * which runs cover, follow or may be merged with which: [`runs`]
//! * what must not be collected: [`reach`]
//! * names of objects and table files: [`name`]
#![deny(missing_docs)]
#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic))]

mod check;
mod decode;
pub mod digest;
mod encode;
mod error;
mod manifest;
pub mod name;
mod object;
mod preamble;
pub mod reach;
mod run;
pub mod runs;
mod wire;

pub use check::check;
pub use decode::{BODY_BYTES_MAX, decode, supply_schemas};
pub use encode::{encode, encode_schemas};
pub use error::{Error, Result};
pub use manifest::{JobRef, Manifest, OperatorEntry, Profile, Root, TableEntry};
pub use object::{Blocks, ObjectRef, Unknown};
pub use preamble::{MAGIC, Preamble, VERSION};
pub use run::{Place, RunRef};
