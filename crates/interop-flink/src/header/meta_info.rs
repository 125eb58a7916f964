use alluvium_model::StateKind;

use super::keyed::by_serializer;
use super::reader::Reader;
use super::{StateMeta, timer_domain};
use crate::bytes::Input;
use crate::serializer::{Context, SerializerSnapshot};
use crate::{Error, Result};

/// Most states of one header (`Short.MAX_VALUE`).
const STATES_MAX: u16 = 32_767;

/// Reads the number of states.
pub(super) fn count_of_states(reader: &mut Reader<'_>) -> Result<u16> {
    let offset = reader.input.offset();
    let count = reader.input.u16("number of states")?;
    if count > STATES_MAX || usize::from(count) > reader.input.left() {
        return Err(Error::Malformed {
            section: "number of states",
            offset,
            wanted: "at most 32767, and as many as there are bytes for",
            found: count.to_string(),
        });
    }
    Ok(count)
}

/// Reads a state as since 1.6 (`StateMetaInfoSnapshotReadersWriters`); with its serializers in one
/// block in 1.6 itself.
pub(super) fn read_meta_info(reader: &mut Reader<'_>, id: u16, block: bool) -> Result<StateMeta> {
    let name = reader.input.utf("state name")?;
    let offset = reader.input.offset();
    let ty = reader.input.i32("backend state type")?;
    let options = read_options(&mut reader.input)?;
    let serializers = if block { read_block(reader)? } else { read_serializers(reader)? };
    let mut meta = StateMeta::new(id, name, StateKind::Value);
    for (key, snapshot) in serializers {
        let place = match key.as_str() {
            "NAMESPACE_SERIALIZER" => &mut meta.namespace,
            "VALUE_SERIALIZER" => &mut meta.value,
            "USER_KEY_SERIALIZER" => &mut meta.user_key,
            "KEY_SERIALIZER" => &mut meta.key,
            _ => continue,
        };
        *place = Some(snapshot);
    }
    let option = |wanted: &str| options.iter().find(|(key, _)| key == wanted).map(|(_, v)| v.as_str());
    meta.v2 = ty == 4;
    meta.kind = match ty {
        0 | 4 => keyed_kind(option("KEYED_STATE_TYPE"), meta.value.as_ref()),
        1 => match option("OPERATOR_STATE_DISTRIBUTION_MODE") {
            Some("UNION") => StateKind::OperatorUnion,
            _ => StateKind::OperatorList,
        },
        2 => StateKind::Broadcast,
        3 => StateKind::Timer(timer_domain(&meta.name)),
        other => {
            return Err(Error::Malformed {
                section: "backend state type",
                offset,
                wanted: "a type from 0 to 4",
                found: other.to_string(),
            });
        }
    };
    Ok(meta)
}

/// Reads the state that a change of the changelog describes: i32 version, then its meta info.
pub(crate) fn read_change(input: Input<'_>, context: &Context, id: u16) -> Result<StateMeta> {
    let mut input = input;
    let offset = input.offset();
    let version = input.i32("meta info version")?;
    if !(6..=7).contains(&version) {
        let what = format!("meta info version {version}");
        return Err(Error::Unsupported { section: "change", offset, what });
    }
    read_meta_info(&mut Reader::new(input, context), id, false)
}

fn keyed_kind(name: Option<&str>, value: Option<&SerializerSnapshot>) -> StateKind {
    match name {
        Some("VALUE") => StateKind::Value,
        Some("LIST") => StateKind::List,
        Some("MAP") => StateKind::Map,
        Some("REDUCING") => StateKind::Reducing,
        Some("AGGREGATING" | "FOLDING") => StateKind::Aggregating,
        _ => value.map_or(StateKind::Value, by_serializer),
    }
}

fn read_options(input: &mut Input<'_>) -> Result<Vec<(String, String)>> {
    let count = input.count(4, "number of options")?;
    (0..count).map(|_| Ok((input.utf("option")?, input.utf("option value")?))).collect()
}

fn read_serializers(reader: &mut Reader<'_>) -> Result<Vec<(String, SerializerSnapshot)>> {
    let count = reader.input.count(8, "number of serializers")?;
    (0..count).map(|_| Ok((reader.input.utf("serializer key")?, reader.snapshot()?))).collect()
}

fn read_block(reader: &mut Reader<'_>) -> Result<Vec<(String, SerializerSnapshot)>> {
    let count = reader.input.count(2, "number of serializers")?;
    let keys: Vec<String> = (0..count).map(|_| reader.input.utf("serializer key")).collect::<Result<_>>()?;
    let snapshots = reader.block(count)?;
    Ok(keys.into_iter().zip(snapshots).collect())
}
