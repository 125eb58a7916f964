use alluvium_model::{KeyGroupRange, LogicalType, StateKind, StateSchema, Value, canonical, json};

use crate::error::Result;
use crate::{Error, Position, Target};

/// Which lines of a state are wanted; all of them by default.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Only the lines of this key, or of this map key in broadcast state: JSON of its type.
    pub key: Option<String>,
    /// Only keys that begin with this text; for keys that are text or begin with one.
    pub prefix: Option<String>,
    /// Only these key groups.
    pub key_groups: Option<KeyGroupRange>,
    /// At most so many lines.
    pub limit: Option<u64>,
    /// Only lines behind this position.
    pub after: Option<Position>,
}

/// Reads a key group (`7`) or an inclusive range of them (`0-15`).
///
/// # Errors
/// [`Error::BadKeyGroups`].
pub fn key_groups_from_text(text: &str) -> Result<KeyGroupRange> {
    let bad = || Error::BadKeyGroups { found: text.to_owned() };
    let number = |text: &str| text.trim().parse::<u16>().map(u32::from).map_err(|_| bad());
    let (first, last) = match text.split_once('-') {
        Some((first, last)) => (number(first)?, number(last)?),
        None => (number(text)?, number(text)?),
    };
    if last < first {
        return Err(bad());
    }
    Ok(KeyGroupRange::new(first, last + 1))
}

/// Reads the key that `--key` or `get` names.
pub(crate) fn key_of(target: &Target<'_>, text: &str, filter: &'static str) -> Result<Value> {
    let ty = key_type(&target.table.schema).ok_or_else(|| no_key(target, filter))?;
    json::key_from_text(text, ty).map_err(|error| Error::BadKey {
        found: text.to_owned(),
        key_type: ty.clone(),
        source: Box::new(error),
    })
}

/// Returns what every sort key of the wanted keys begins with.
pub(crate) fn prefix_of(target: &Target<'_>, text: &str) -> Result<Vec<u8>> {
    let schema = &target.table.schema;
    let ty = key_type(schema).ok_or_else(|| no_key(target, "--prefix"))?;
    let mut bytes = Vec::new();
    if !schema.kind.is_keyed() {
        bytes.push(ENTRY);
    }
    push_prefix(ty, text, &mut bytes).ok_or_else(|| Error::BadFilter {
        filter: "--prefix",
        state: target.path(),
        why: "its key neither is text nor begins with it",
    })?;
    Ok(bytes)
}

/// Returns the sort key of a broadcast entry.
pub(crate) fn broadcast_entry(target: &Target<'_>, map_key: &Value) -> Result<Vec<u8>> {
    let mut bytes = vec![ENTRY];
    if let Some(ty) = key_type(&target.table.schema) {
        canonical::encode(map_key, ty, &mut bytes)?;
    }
    Ok(bytes)
}

fn key_type(schema: &StateSchema) -> Option<&LogicalType> {
    match schema.kind {
        StateKind::Broadcast => schema.map_key.as_ref(),
        _ => schema.key.as_ref(),
    }
}

fn no_key(target: &Target<'_>, filter: &'static str) -> Error {
    Error::BadFilter { filter, state: target.path(), why: "operator state has no keys" }
}

fn push_prefix(ty: &LogicalType, text: &str, out: &mut Vec<u8>) -> Option<()> {
    let first = match ty {
        LogicalType::String => {
            canonical::push_escaped(text.as_bytes(), out);
            out.truncate(out.len() - END_OF_TEXT);
            return Some(());
        }
        LogicalType::Struct(fields) => &fields.fields.first()?.ty,
        LogicalType::Tuple(parts) => parts.first()?,
        _ => return None,
    };
    out.push(PRESENT);
    if first.nullable {
        out.push(PRESENT);
    }
    push_prefix(&first.ty, text, out)
}

/// First byte of an entry in a sort key.
const ENTRY: u8 = 0x01;
/// First byte of a struct, and of a value where null may stand.
const PRESENT: u8 = 0x01;
/// Bytes that end a text.
const END_OF_TEXT: usize = 2;

#[cfg(test)]
mod tests {
    use super::*;
    use alluvium_model::ElementType;

    #[test]
    fn key_groups_read_inclusive() {
        assert_eq!(key_groups_from_text("7").unwrap(), KeyGroupRange::new(7, 8));
        assert_eq!(key_groups_from_text("0-15").unwrap(), KeyGroupRange::new(0, 16));
        for odd in ["", "a", "3-1", "-1", "70000"] {
            assert!(key_groups_from_text(odd).is_err(), "{odd}");
        }
    }

    #[test]
    fn prefix_begins_the_bytes_of_every_longer_text() {
        let ty = LogicalType::Tuple(vec![
            ElementType::nullable(LogicalType::String),
            ElementType::required(LogicalType::Int8),
        ]);
        let mut prefix = Vec::new();
        push_prefix(&ty, "N1", &mut prefix).unwrap();
        let key = Value::Struct(vec![Value::String("N14228".into()), Value::Int(1)]);
        assert!(canonical::to_bytes(&key, &ty).unwrap().starts_with(&prefix));
        assert!(push_prefix(&LogicalType::Int64, "1", &mut prefix).is_none());
    }
}
