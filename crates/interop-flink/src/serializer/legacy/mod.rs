//! Serializers of Flink 1.2 to 1.7, as Java object streams and configuration snapshots.
//!
//! Up to 1.6 a state's serializer is written twice: as a Java object and as a *configuration
//! snapshot*, whose payload has the same things once more. 1.2 has the object alone; 1.7 has snapshots of
//! today's framework in part, and an adapter for the rest. What is read here is the object; the
//! configuration adds the subclasses of POJOs and is otherwise passed.

mod block;
mod config;
mod objects;

pub(super) use block::{Pair, pair, pairs};
pub(super) use config::adapter;
pub(super) use objects::from_input;

use crate::Result;
use crate::bytes::Input;

/// Reads the head of form J and returns the Java object stream.
pub(super) fn framed_stream<'a>(input: &mut Input<'a>) -> Result<Input<'a>> {
    match input.i32("serializer object")? {
        1 => {}
        version => return Err(input.malformed("serializer object", "version 1", version)),
    }
    let base = input.offset().saturating_add(4);
    Ok(Input::at(input.bytes32("serializer object")?, base))
}
