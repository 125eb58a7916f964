use alluvium_model::StateKind;

use super::StateMeta;
use super::meta_info::{count_of_states, read_meta_info};
use super::reader::{Reader, through_gaps};
use crate::serializer::Context;
use crate::{Error, Result};

/// The header of a file of operator state.
#[derive(Debug, Clone)]
pub struct OperatorHeader {
    /// Version: 1 (1.2), 2 (1.3, 1.4), 3 (1.5), 4 (1.6), 5 (1.7 to 1.17) or 6 (from 1.18).
    pub version: i32,
    /// Whether the data behind it is Snappy frames; from version 6.
    pub compressed: bool,
    /// Split and union lists.
    pub lists: Vec<StateMeta>,
    /// Broadcast states; a name may be that of a list too. From version 3.
    pub broadcasts: Vec<StateMeta>,
    /// Bytes that the header takes.
    pub length: u64,
}

impl OperatorHeader {
    /// Reads a header that `bytes` begin with. Where they end with it, serializers of unknown classes
    /// are passed over and kept as bytes.
    ///
    /// # Errors
    /// As for [`KeyedHeader::read`](super::KeyedHeader::read).
    pub fn read(bytes: &[u8], context: &Context) -> Result<Self> {
        through_gaps(bytes, context, read)
    }
}

fn read(reader: &mut Reader<'_>) -> Result<OperatorHeader> {
    let offset = reader.input.offset();
    let version = reader.input.i32("operator header version")?;
    let compressed = match version {
        1..=5 => false,
        6 => reader.input.bool("operator header compression")?,
        other => {
            let what = format!("version {other}");
            return Err(Error::Unsupported { section: "operator header", offset, what });
        }
    };
    let lists = read_states(reader, version, false)?;
    let broadcasts = if version >= 3 { read_states(reader, version, true)? } else { Vec::new() };
    Ok(OperatorHeader { version, compressed, lists, broadcasts, length: reader.input.consumed() as u64 })
}

fn read_states(reader: &mut Reader<'_>, version: i32, broadcast: bool) -> Result<Vec<StateMeta>> {
    let count = count_of_states(reader)?;
    let mut states = Vec::with_capacity(count.into());
    for id in 0..count {
        states.push(match version {
            1..=3 => read_old(reader, id, version, broadcast)?,
            _ => read_meta_info(reader, id, version == 4)?,
        });
    }
    Ok(states)
}

/// Reads a state of versions 1 to 3 (`RegisteredOperatorBackendStateMetaInfo`).
fn read_old(reader: &mut Reader<'_>, id: u16, version: i32, broadcast: bool) -> Result<StateMeta> {
    let name = reader.input.utf("state name")?;
    let offset = reader.input.offset();
    let mode = reader.input.i8("distribution mode")?;
    let kind = match mode {
        _ if broadcast => StateKind::Broadcast,
        0 => StateKind::OperatorList,
        1 => StateKind::OperatorUnion,
        other => {
            return Err(Error::Malformed {
                section: "distribution mode",
                offset,
                wanted: "0 or 1",
                found: other.to_string(),
            });
        }
    };
    let meta = StateMeta::new(id, name, kind);
    if broadcast {
        let (key, value) = reader.two_of_block()?;
        return Ok(StateMeta { key: Some(key), value: Some(value), ..meta });
    }
    let value = if version == 1 { reader.java()? } else { reader.one_of_block()? };
    Ok(StateMeta { value: Some(value), ..meta })
}
