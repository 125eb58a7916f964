//! The JSON forms of values, as `cat` prints and `--key` takes them.

use serde_json::Value as Json;

use crate::{LogicalType, Result, Value};

/// Prints a value.
pub fn to_json(value: &Value, ty: &LogicalType) -> Json {
    let _ = (value, ty);
    unimplemented!()
}

/// Reads a value of a type.
pub fn from_json(json: &Json, ty: &LogicalType) -> Result<Value> {
    let _ = (json, ty);
    unimplemented!()
}

/// Reads a key from the command line: JSON of the type; for a string, text that does not start
/// with `"` is the string itself.
pub fn key_from_text(text: &str, ty: &LogicalType) -> Result<Value> {
    let _ = (text, ty);
    unimplemented!()
}
