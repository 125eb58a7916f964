use alluvium_model::StateKind;

use super::StateMeta;
use super::meta_info::{count_of_states, read_meta_info};
use super::reader::{Reader, through_gaps};
use crate::serializer::{Context, SerializerSnapshot};
use crate::{Error, Result};

/// The header of a file of keyed state, and the whole meta data of RocksDB and ForSt files.
#[derive(Debug, Clone)]
pub struct KeyedHeader {
    /// Version: 1 (1.2), 3 (1.3), 4 (1.4, 1.5), 5 (1.6) or 6 (from 1.7).
    pub version: i32,
    /// Whether the key groups behind it are Snappy frames; from version 4.
    pub compressed: bool,
    /// Serializer of the key.
    pub key: SerializerSnapshot,
    /// The states in the order of their ids.
    pub states: Vec<StateMeta>,
    /// Bytes that the header takes.
    pub length: u64,
}

impl KeyedHeader {
    /// Reads a header that `bytes` begin with. Where they end with it, serializers of unknown classes
    /// are passed over and kept as bytes.
    ///
    /// # Errors
    /// [`Error::Truncated`] and [`Error::Malformed`]; [`Error::Unsupported`] for another version and
    /// for serializers that cannot be passed over.
    pub fn read(bytes: &[u8], context: &Context) -> Result<Self> {
        through_gaps(bytes, context, read)
    }
}

fn read(reader: &mut Reader<'_>) -> Result<KeyedHeader> {
    let offset = reader.input.offset();
    let version = reader.input.i32("keyed header version")?;
    let compressed = match version {
        1 | 3 => false,
        4..=6 => reader.input.bool("keyed header compression")?,
        other => {
            let what = format!("version {other}");
            return Err(Error::Unsupported { section: "keyed header", offset, what });
        }
    };
    let key = match version {
        1 => reader.java_framed()?,
        3..=5 => reader.one_of_block()?,
        _ => reader.snapshot()?,
    };
    let count = count_of_states(reader)?;
    let mut states = Vec::with_capacity(count.into());
    for id in 0..count {
        states.push(match version {
            1..=4 => read_old(reader, id, version)?,
            _ => read_meta_info(reader, id, version == 5)?,
        });
    }
    Ok(KeyedHeader { version, compressed, key, states, length: reader.input.consumed() as u64 })
}

/// Reads a state of versions 1 to 4 (`RegisteredKeyedBackendStateMetaInfo`).
fn read_old(reader: &mut Reader<'_>, id: u16, version: i32) -> Result<StateMeta> {
    let offset = reader.input.offset();
    let kind = reader.input.i32("state kind")?;
    let name = reader.input.utf("state name")?;
    let (namespace, value) =
        if version == 1 { (reader.java_framed()?, reader.java_framed()?) } else { reader.two_of_block()? };
    let kind = match kind {
        0 => by_serializer(&value),
        1 => StateKind::Value,
        2 => StateKind::List,
        3 => StateKind::Reducing,
        4 | 5 => StateKind::Aggregating,
        6 => StateKind::Map,
        other => {
            return Err(Error::Malformed {
                section: "state kind",
                offset,
                wanted: "a kind from 0 to 6",
                found: other.to_string(),
            });
        }
    };
    let meta = StateMeta::new(id, name, kind);
    Ok(StateMeta { namespace: Some(namespace), value: Some(value), ..meta })
}

/// Returns the kind of a state that does not say, by what serializes its values.
pub(super) fn by_serializer(value: &SerializerSnapshot) -> StateKind {
    if value.serializer.as_list().is_some() {
        StateKind::List
    } else if value.serializer.as_map().is_some() {
        StateKind::Map
    } else {
        StateKind::Value
    }
}
