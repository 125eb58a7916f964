//! Rows, arrays and maps of Flink SQL in their binary forms.
//!
//! Numbers inside these forms are in the byte order of the machine that wrote them, little-endian on all
//! machines that run Flink today; only the length in front is big-endian, and the digits of large
//! decimals. Every item has a slot of fixed width; what does not fit lies behind all slots, at an offset
//! from the start of its row or array, padded to 8 bytes.
//!
//! Reading checks on the way whether the writer's form is the one that writing gives: items behind the
//! slots in order and without gaps, unused bytes zero.

mod array;
mod item;
mod map;
mod row;
mod scalar;
mod slots;
mod snapshot;
mod sql;
mod types;
#[cfg(test)]
pub(super) use types::TableType;

pub(super) use array::BinaryArray;
pub(super) use map::BinaryMap;
pub(super) use row::BinaryRow;
pub(super) use scalar::{TableDecimal, TableTimestamp, decimal_bytes, decimal_from_bytes, fits};
pub(super) use snapshot::read;

use alluvium_model::Value;

use super::Decoder;
use super::basic::put_count;
use crate::Result;
use slots::Region;

/// Reads a big-endian size and that many bytes in a binary form.
fn framed(
    d: &mut Decoder<'_, '_>,
    decode: impl FnOnce(Region<'_>, &mut Decoder<'_, '_>) -> Result<Value>,
) -> Result<Value> {
    let base = d.input.offset().saturating_add(4);
    let bytes = d.input.bytes32("binary form")?;
    decode(Region::new(bytes, base), d)
}

/// Appends a big-endian size and what `encode` appends.
fn put_framed(out: &mut Vec<u8>, encode: impl FnOnce(&mut Vec<u8>) -> Result<()>) -> Result<()> {
    let mut bytes = Vec::new();
    encode(&mut bytes)?;
    put_count(bytes.len(), out)?;
    out.extend(bytes);
    Ok(())
}
