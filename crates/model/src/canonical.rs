//! Canonical bytes: injective, prefix-free and, where a type has a natural order, in that order.

use crate::{ElementType, LogicalType, Result, Value};

/// Appends the canonical bytes of a value that is not null.
pub fn encode(value: &Value, ty: &LogicalType, out: &mut Vec<u8>) -> Result<()> {
    let _ = (value, ty, out);
    unimplemented!()
}

/// Appends a null marker and, unless null, the canonical bytes.
pub fn encode_element(value: &Value, ty: &ElementType, out: &mut Vec<u8>) -> Result<()> {
    let _ = (value, ty, out);
    unimplemented!()
}

/// Reads a value from the front of canonical bytes; returns it and the bytes it took.
pub fn decode(bytes: &[u8], ty: &LogicalType) -> Result<(Value, usize)> {
    let _ = (bytes, ty);
    unimplemented!()
}

/// Appends a signed integer: big-endian with its sign flipped, in 8 bytes.
pub fn push_i64(value: i64, out: &mut Vec<u8>) {
    out.extend_from_slice(&((value as u64) ^ (1 << 63)).to_be_bytes());
}

/// Appends bytes with 0x00 escaped as 0x00 0xFF, ended by 0x00 0x00.
pub fn push_escaped(bytes: &[u8], out: &mut Vec<u8>) {
    let _ = (bytes, out);
    unimplemented!()
}
