use std::collections::HashMap;
use std::sync::Arc;

use ::bytes::Bytes;
use alluvium_model::KeyGroupRange;

use super::{Content, KeyedPart, States, Tables, guess};
use crate::files::Files;
use crate::header::KeyedHeader;
use crate::layout::canonical::prefix_bytes;
use crate::layout::changes::Changes;
use crate::layout::detect::{Offsets, is_canonical_file};
use crate::layout::shape::Shape;
use crate::metadata::{KeyedHandle, SAVEPOINT_KEY_GROUPS, StreamHandle};
use crate::serializer::Context;
use crate::{Error, ReadAt, Result};

/// Most bytes of a header.
const HEADER_BYTES_MAX: u64 = 256 << 20;
/// First version of the metadata in which tags alone tell the layout.
const TAGS_TELL: u32 = 4;

/// What opening the parts of one operator needs, and the headers already read.
pub(crate) struct Opening<'o> {
    /// The files of the snapshot.
    pub(crate) files: &'o Arc<Files>,
    /// What serializers do not say.
    pub(crate) context: Context,
    /// Number of key groups of the operator.
    pub(crate) max_parallelism: u32,
    /// States by the bytes of their header.
    pub(crate) headers: &'o mut HashMap<(Bytes, bool), Arc<States>>,
}

impl Opening<'_> {
    /// Opens the keyed state of a subtask: reads its header and nothing behind it, but all changes of
    /// a changelog.
    ///
    /// # Errors
    /// What cannot be read, with the name of the stream.
    pub(crate) fn part(&mut self, subtask: u32, handle: &KeyedHandle) -> Result<KeyedPart> {
        match handle {
            KeyedHandle::KeyGroups { tag, range, offsets, stream, .. } => {
                let stream = self.files.open(stream)?;
                let place = stream.name().to_owned();
                let offsets = Offsets::new(*range, offsets.clone(), stream.len());
                let part = self.key_groups(subtask, *tag, offsets, stream);
                part.map_err(|error| error.within(place))
            }
            KeyedHandle::Incremental { range, meta, shared, private, .. } => {
                let stream = self.files.open(meta)?;
                let place = stream.name().to_owned();
                let header = stream.read_from(0, HEADER_BYTES_MAX)?;
                let states = self.states(header, false).map_err(|error| error.within(place.clone()))?;
                let handles = shared.iter().chain(private).cloned().collect();
                let prefix = prefix_bytes(self.max_parallelism);
                let tables = Tables::new(Arc::clone(self.files), handles, !shared.is_empty(), prefix);
                Ok(KeyedPart { subtask, place, range: *range, states, content: Content::Tables(tables) })
            }
            KeyedHandle::Changelog { range, materialised, increments, .. } => {
                self.changelog(subtask, *range, materialised, increments)
            }
            KeyedHandle::ChangelogInMemory { range, .. } | KeyedHandle::ChangelogFiles { range, .. } => {
                self.changelog(subtask, *range, &[], std::slice::from_ref(handle))
            }
        }
    }

    fn key_groups(
        &mut self,
        subtask: u32,
        tag: u8,
        offsets: Offsets,
        stream: Arc<dyn ReadAt>,
    ) -> Result<KeyedPart> {
        let header = match offsets.first() {
            Some(length) if length <= HEADER_BYTES_MAX => {
                stream.read_at(0, usize::try_from(length).unwrap_or(usize::MAX))?
            }
            _ => stream.read_from(0, HEADER_BYTES_MAX)?,
        };
        let states = self.states(header.clone(), false)?;
        let canonical = if tag == SAVEPOINT_KEY_GROUPS {
            true
        } else if self.context.metadata_version >= TAGS_TELL {
            offsets.has_zero()
        } else {
            let count = u16::try_from(states.metas.len()).unwrap_or(u16::MAX);
            is_canonical_file(stream.as_ref(), &offsets, count, states.compressed, self.max_parallelism)?
        };
        let (place, range) = (stream.name().to_owned(), offsets.range());
        if !canonical {
            return Ok(KeyedPart {
                subtask,
                place,
                range,
                states,
                content: Content::Heap { stream, offsets },
            });
        }
        let states = if states.version == 1 { self.states(header, true)? } else { states };
        let prefix = prefix_bytes(self.max_parallelism);
        let content = Content::Canonical { stream, offsets, prefix };
        Ok(KeyedPart { subtask, place, range, states, content })
    }

    fn states(&mut self, header: Bytes, elements: bool) -> Result<Arc<States>> {
        if let Some(states) = self.headers.get(&(header.clone(), elements)) {
            return Ok(Arc::clone(states));
        }
        let read = KeyedHeader::read(&header, &self.context)?;
        let shape = |meta| Shape::new(meta, &read.key.serializer, elements);
        let states = Arc::new(States {
            version: read.version,
            compressed: read.compressed,
            shapes: read.states.iter().map(shape).collect(),
            key: read.key,
            metas: read.states,
        });
        self.headers.insert((header, elements), Arc::clone(&states));
        Ok(states)
    }

    fn changelog(
        &mut self,
        subtask: u32,
        range: KeyGroupRange,
        materialised: &[KeyedHandle],
        increments: &[KeyedHandle],
    ) -> Result<KeyedPart> {
        let inner: Vec<KeyedPart> =
            materialised.iter().map(|handle| self.part(subtask, handle)).collect::<Result<_>>()?;
        let mut changes = Changes::default();
        let mut place = inner.first().map(|part| part.place.clone());
        for handle in increments {
            place = Some(self.add_changes(handle, &mut changes)?).filter(|_| place.is_none()).or(place);
        }
        let key = match inner.first() {
            Some(part) => part.states.key.clone(),
            None => guess::key_serializer(&changes, self.max_parallelism, &self.context)?,
        };
        let mut states = States { version: 6, compressed: false, key, metas: Vec::new(), shapes: Vec::new() };
        let given = inner.iter().flat_map(|part| &part.states.metas);
        for meta in given.chain(&changes.states) {
            if states.metas.iter().any(|known| known.name == meta.name) {
                continue;
            }
            let mut meta = meta.clone();
            meta.id = u16::try_from(states.metas.len()).unwrap_or(u16::MAX);
            states.shapes.push(Shape::new(&meta, &states.key.serializer, false));
            states.metas.push(meta);
        }
        let place = place.unwrap_or_else(|| "changelog".to_owned());
        let content = Content::Changelog { inner, changes };
        Ok(KeyedPart { subtask, place, range, states: Arc::new(states), content })
    }

    /// Adds the changes of a handle and returns the name of their first stream.
    fn add_changes(&mut self, handle: &KeyedHandle, changes: &mut Changes) -> Result<String> {
        match handle {
            KeyedHandle::ChangelogInMemory { changes: found, .. } => {
                changes.add_in_memory(found, &self.context)?;
                Ok("_metadata".to_owned())
            }
            KeyedHandle::ChangelogFiles { streams, .. } => {
                let mut first = None;
                for (offset, handle) in streams {
                    let stream = self.files.open(&without_size(handle))?;
                    let name = stream.name().to_owned();
                    let added = changes.add_file(stream.as_ref(), *offset, &self.context);
                    added.map_err(|error| error.within(name.clone()))?;
                    first.get_or_insert(name);
                }
                Ok(first.unwrap_or_default())
            }
            _ => Err(Error::Unsupported {
                section: "changelog handle",
                offset: 0,
                what: "state that is not a change".into(),
            }),
        }
    }
}

/// The size in the handle of a changelog file is not that of the file.
fn without_size(handle: &StreamHandle) -> StreamHandle {
    match handle {
        StreamHandle::File { path, .. } => StreamHandle::File { size: -1, path: path.clone() },
        StreamHandle::Relative { path, .. } => StreamHandle::Relative { path: path.clone(), size: -1 },
        other => other.clone(),
    }
}
