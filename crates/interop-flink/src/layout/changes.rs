//! The changes of the changelog backend (`StateChangeFormat`, `StateChangeOperation`).

use std::collections::{BTreeMap, HashMap};

use alluvium_model::KeyGroup;
use bytes::Bytes;

use super::feed::Feed;
use crate::bytes::Input;
use crate::header::{self, StateMeta};
use crate::metadata::StateChange;
use crate::serializer::Context;
use crate::{Error, ReadAt, Result};

/// Most bytes of changes of one subtask that are held in memory.
const CHANGES_BYTES_MAX: u64 = 2 << 30;
/// Stands for the key group of changes that describe states.
const META_DATA: i32 = -1;

/// What a change does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operation {
    /// Removes the value of a key and namespace.
    Clear,
    /// Replaces the value of a key and namespace.
    Set,
    /// Adds elements to a list or entries to a map.
    Add,
    /// Merges the values of namespaces into one.
    MergeNamespaces,
    /// Adds an element to a list, or timers.
    AddElement,
    /// Sets an entry of a map.
    PutElement,
    /// Removes an entry of a map, or a timer.
    RemoveElement,
}

/// One change of one state in one key group.
#[derive(Debug, Clone)]
pub(crate) struct Change {
    /// Position in [`Changes::states`].
    pub(crate) state: usize,
    /// What it does.
    pub(crate) operation: Operation,
    /// What follows the state id.
    pub(crate) body: Bytes,
}

/// The changes of one subtask since its materialised state.
#[derive(Debug, Default)]
pub(crate) struct Changes {
    /// States as the changes describe them; a state may be described again by a later attempt.
    pub(crate) states: Vec<StateMeta>,
    /// Changes of each key group, in order.
    pub(crate) groups: BTreeMap<KeyGroup, Vec<Change>>,
    ids: HashMap<u16, usize>,
    bytes: u64,
}

impl Changes {
    /// Adds changes that lie in the metadata.
    pub(crate) fn add_in_memory(&mut self, changes: &[StateChange], context: &Context) -> Result<()> {
        changes.iter().try_for_each(|change| self.add(change.key_group, change.change.clone(), context))
    }

    /// Adds the change set at an offset of a changelog file. `segment` is whether the stream is a file
    /// of its own, whose first byte says if it is compressed.
    pub(crate) fn add_file(&mut self, stream: &dyn ReadAt, offset: i64, context: &Context) -> Result<()> {
        let section = "change set";
        let compressed = stream.read_at(0, 1)?.first().is_some_and(|byte| *byte != 0);
        let offset = u64::try_from(offset).ok().and_then(|offset| usize::try_from(offset).ok());
        let offset = offset.ok_or_else(|| Error::Malformed {
            section,
            offset: 0,
            wanted: "an offset that is not negative",
            found: "a negative one".into(),
        })?;
        let mut feed = Feed::of(stream, 1, stream.len(), compressed);
        feed.skip(offset, section)?;
        let groups = number(&mut feed)?;
        for _ in 0..groups {
            let count = number(&mut feed)?;
            let at = feed.offset();
            let group = number(&mut feed)?;
            let group = key_group(group, at)?;
            for _ in 0..count {
                let at = feed.offset();
                let len = length(number(&mut feed)?, at)?;
                self.charge(len as u64, at)?;
                let change = Bytes::copy_from_slice(feed.want(len, "change")?.get(..len).unwrap_or_default());
                feed.consume(len);
                self.add(group, change, context)
                    .map_err(|error| error.within(format!("change at offset {at}")))?;
            }
        }
        Ok(())
    }

    fn charge(&mut self, len: u64, offset: u64) -> Result<()> {
        self.bytes += len;
        if self.bytes > CHANGES_BYTES_MAX {
            let (size, limit) = (self.bytes, CHANGES_BYTES_MAX);
            return Err(Error::TooLarge { section: "changes", offset, size, limit });
        }
        Ok(())
    }

    fn add(&mut self, group: Option<KeyGroup>, change: Bytes, context: &Context) -> Result<()> {
        let mut input = Input::new(&change);
        let code = input.u8("change operation")?;
        let operation = match code {
            0 => Operation::Clear,
            1 | 2 => Operation::Set,
            3 => Operation::Add,
            4 => Operation::MergeNamespaces,
            5 => Operation::AddElement,
            6 => Operation::PutElement,
            7 => Operation::RemoveElement,
            8 => return self.describe(&input, context),
            other => return Err(input.malformed("change operation", "a code from 0 to 8", other)),
        };
        let id = input.u16("state id")?;
        let state = *self.ids.get(&id).ok_or_else(|| {
            input.malformed("state id", "the id of a state that a change has described", id)
        })?;
        let body = change.slice(input.consumed()..);
        let Some(group) = group else {
            return Err(input.malformed("change", "a key group", "a change of the descriptions"));
        };
        self.groups.entry(group).or_default().push(Change { state, operation, body });
        Ok(())
    }

    /// Takes the description of a state. Its time to live and its default value follow, which are
    /// passed over: the id is in front of the last byte.
    fn describe(&mut self, input: &Input<'_>, context: &Context) -> Result<()> {
        let tail = input.rest().split_last_chunk::<3>();
        let Some((_, [high, low, _])) = tail else {
            return Err(input.truncated("state description", 3));
        };
        let id = u16::from_be_bytes([*high, *low]);
        let meta = header::read_change(input.clone(), context, id)?;
        self.ids.insert(id, self.states.len());
        self.states.push(meta);
        Ok(())
    }
}

fn number(feed: &mut Feed<'_>) -> Result<i32> {
    let bytes = feed.want(4, "change set")?.first_chunk().copied().unwrap_or_default();
    feed.consume(4);
    Ok(i32::from_be_bytes(bytes))
}

fn length(found: i32, offset: u64) -> Result<usize> {
    usize::try_from(found).map_err(|_| Error::Malformed {
        section: "change length",
        offset,
        wanted: "a length that is not negative",
        found: found.to_string(),
    })
}

fn key_group(found: i32, offset: u64) -> Result<Option<KeyGroup>> {
    match u16::try_from(found) {
        Ok(group) => Ok(Some(KeyGroup(group))),
        Err(_) if found == META_DATA => Ok(None),
        Err(_) => Err(Error::Malformed {
            section: "change set",
            offset,
            wanted: "a key group, or -1",
            found: found.to_string(),
        }),
    }
}
