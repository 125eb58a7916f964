//! Java object streams, as far as Flink's snapshots have them: read into a generic graph.
//!
//! Serializers of old releases, logical types of SQL, checkpoint properties and values of
//! `JavaSerializer` lie in snapshots as streams of `java.io.ObjectOutputStream`, without a length in
//! front. [`read`] takes exactly one object from an input and leaves the input right behind it;
//! nothing is looked up by name and no class is ever loaded. The result is a [`Graph`], walked
//! through small views: [`Value`], [`Object`], [`Array`], [`Enum`], [`Class`].
//!
//! A graph may have cycles and shared parts: who walks it bounds depth and work.
//!
//! ```
//! use alluvium_interop_flink::{bytes::Input, java};
//!
//! let stream = [0xAC, 0xED, 0, 5, 0x74, 0, 2, b'h', b'i', 42];
//! let mut input = Input::new(&stream);
//! let graph = java::read(&mut input)?;
//! assert_eq!(graph.root().as_str(), Some("hi"));
//! assert_eq!(input.rest(), [42]);
//! # Ok::<(), alluvium_interop_flink::Error>(())
//! ```
//!
//! Source: the Java Object Serialization Specification, chapter 6 (protocol version 2).

mod class;
mod collections;
mod descriptions;
mod graph;
mod object;
mod parse;
#[cfg(test)]
mod tests;
mod view;

use crate::Result;
use crate::bytes::Input;

pub use class::{Class, Enum, Field};
pub use graph::Graph;
pub use object::{Annotation, Array, Object};
pub use view::Value;

/// Objects may hold objects this deep. Types of SQL take five levels for every nested row.
pub const DEPTH_MAX: usize = 128;

/// Values, block data pieces and classes that one stream may hold.
pub const VALUES_MAX: usize = 1 << 21;

/// Reads one object from a stream with its header `AC ED 00 05`, and leaves the input behind it.
///
/// Byte arrays and block data take their own size; all else is bounded by [`VALUES_MAX`] values, some
/// 100 bytes each at worst.
///
/// # Errors
/// [`crate::Error::Truncated`] and [`crate::Error::Malformed`] for bytes that no
/// `ObjectOutputStream` writes; [`crate::Error::Unsupported`] for an exception within the stream and
/// for externalizable data of protocol 1, whose end only its class knows;
/// [`crate::Error::TooLarge`] past [`DEPTH_MAX`] or [`VALUES_MAX`].
pub fn read(input: &mut Input<'_>) -> Result<Graph> {
    parse::Parser::new(input).stream().map_err(|error| *error)
}
