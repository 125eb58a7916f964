//! The key serializer of changes without materialised state: no file names it.

use alluvium_model::{KeyGroup, MaxParallelism};

use crate::binary_row;
use crate::bytes::{Input, put_utf};
use crate::layout::changes::Changes;
use crate::serializer::{Context, Form, Serializer, SerializerSnapshot, read_snapshot};
use crate::{Error, Result};

/// Keys that are tried, the most common first.
const CANDIDATES: [&str; 9] =
    ["String", "Long", "Int", "Short", "Byte", "Char", "Boolean", "Double", "Float"];
/// Changes that are looked at.
const SAMPLES: usize = 64;

/// Returns the key serializer of changes.
///
/// A timer's serializer names it. Otherwise the common ones are tried: the right one gives keys that
/// belong to the key groups of their changes.
///
/// # Errors
/// [`Error::Unsupported`] when none does.
pub(super) fn key_serializer(
    changes: &Changes,
    max_parallelism: u32,
    context: &Context,
) -> Result<SerializerSnapshot> {
    for meta in &changes.states {
        let timer = meta.value.as_ref().and_then(|value| value.serializer.as_timer());
        if let Some((key, _)) = timer {
            return Ok(SerializerSnapshot { serializer: key.clone(), origin: Default::default() });
        }
    }
    let max = MaxParallelism::new(max_parallelism)?;
    for name in CANDIDATES {
        let snapshot = basic(name, context)?;
        if fits(changes, max, &|input| hash(&snapshot.serializer, input)) {
            return Ok(snapshot);
        }
    }
    if fits(changes, max, &|input| Some(binary_row::hash(input.bytes32("row").ok()?))) {
        return Ok(SerializerSnapshot::unknown(BINARY_ROW, &[]));
    }
    Err(Error::Unsupported {
        section: "changelog",
        offset: 0,
        what: "keys of changes without materialised state, which do not name their type".into(),
    })
}

/// Class of SQL keys.
const BINARY_ROW: &str = "org.apache.flink.table.runtime.typeutils.BinaryRowDataSerializer";

fn fits(changes: &Changes, max: MaxParallelism, hash: &dyn Fn(&mut Input<'_>) -> Option<u32>) -> bool {
    let keyed = |state: usize| changes.states.get(state).is_some_and(|meta| meta.namespace.is_some());
    let all =
        changes.groups.iter().flat_map(|(group, changes)| changes.iter().map(|change| (*group, change)));
    let sample: Vec<_> = all.filter(|(_, change)| keyed(change.state)).take(SAMPLES).collect();
    let fits = |(group, body): (KeyGroup, &[u8])| {
        hash(&mut Input::new(body)).is_some_and(|hash| max.key_group_of_hash(hash) == group)
    };
    !sample.is_empty() && sample.into_iter().all(|(group, change)| fits((group, &change.body)))
}

fn hash(serializer: &Serializer, input: &mut Input<'_>) -> Option<u32> {
    let value = serializer.decode(input).ok()?;
    let ty = serializer.element_type().ty;
    alluvium_model::key_group::java_hash(&value, &ty).map(|hash| hash.cast_unsigned())
}

fn basic(name: &str, context: &Context) -> Result<SerializerSnapshot> {
    let class = format!("org.apache.flink.api.common.typeutils.base.{name}Serializer");
    let mut bytes = Vec::new();
    put_utf(&format!("{class}${name}SerializerSnapshot"), "class", &mut bytes)?;
    bytes.extend(3i32.to_be_bytes());
    read_snapshot(&mut Input::new(&bytes), Form::Versioned, context)
}
