//! Keyed state of one subtask, whatever its layout: which states it has, and the entries of one state
//! in one key group.

mod guess;
mod open;
mod read;
mod tables;

use std::sync::Arc;

use alluvium_model::KeyGroupRange;

use crate::ReadAt;
use crate::header::StateMeta;
use crate::layout::changes::Changes;
use crate::layout::detect::Offsets;
use crate::layout::entry::Entry;
use crate::layout::shape::Shape;
use crate::serializer::SerializerSnapshot;
use crate::{Error, Result};

pub(crate) use open::Opening;
pub(crate) use tables::Tables;

/// Keyed state of one subtask.
#[derive(Debug)]
pub(crate) struct KeyedPart {
    /// The subtask.
    pub(crate) subtask: u32,
    /// Where it lies, for errors: the name of its stream.
    pub(crate) place: String,
    /// Its key groups.
    pub(crate) range: KeyGroupRange,
    /// Its states.
    pub(crate) states: Arc<States>,
    /// Its data.
    pub(crate) content: Content,
}

/// The states of a header, and their serializers taken apart.
#[derive(Debug, Clone)]
pub(crate) struct States {
    /// Version of the header.
    pub(crate) version: i32,
    /// Whether key groups are Snappy frames.
    pub(crate) compressed: bool,
    /// Serializer of keys.
    pub(crate) key: SerializerSnapshot,
    /// The states by id.
    pub(crate) metas: Vec<StateMeta>,
    /// Their shapes by id.
    pub(crate) shapes: Vec<Shape>,
}

/// The data of a part.
#[derive(Debug)]
pub(crate) enum Content {
    /// Key groups of the heap backend.
    Heap {
        /// The file.
        stream: Arc<dyn ReadAt>,
        /// Its key groups.
        offsets: Offsets,
    },
    /// Canonical key groups.
    Canonical {
        /// The file.
        stream: Arc<dyn ReadAt>,
        /// Its key groups.
        offsets: Offsets,
        /// Bytes of the key group in front of each key.
        prefix: usize,
    },
    /// Files of RocksDB or ForSt.
    Tables(Tables),
    /// What was materialised, and the changes since.
    Changelog {
        /// Materialised parts.
        inner: Vec<KeyedPart>,
        /// The changes.
        changes: Changes,
    },
}

/// What takes the entries of a key group, and the damages of single ones.
pub(crate) type Sink<'s> = &'s mut dyn FnMut(Result<Entry<'_>, Error>);

impl Content {
    /// Returns the word for the layout.
    pub(crate) fn layout(&self) -> &'static str {
        match self {
            Content::Heap { .. } => "native",
            Content::Canonical { .. } => "canonical",
            Content::Tables(tables) => tables.layout(),
            Content::Changelog { .. } => "changelog",
        }
    }
}
