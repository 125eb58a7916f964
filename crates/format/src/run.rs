use std::sync::Arc;

use alluvium_model::digest::Digest;
use alluvium_model::{KeyGroup, KeyGroupRange};
use bytes::Bytes;

use crate::{ObjectRef, Unknown};

/// A reference to a run: the sorted, immutable rows of one table for one range of sequences and
/// one range of key groups.
///
/// For operator state, which has no key groups and no sequences, `sequence` is `(0, 0)`, `clip` is
/// `0..1` and `subtask` names the writer; a run without `subtask` holds the rows of all.
///
/// Spec: RUN-1, MAN-7.
#[derive(Debug, Clone, PartialEq)]
pub struct RunRef {
    /// Where its bytes are.
    pub place: Place,
    /// Rows in it, whether or not the clip hides them.
    pub rows: u64,
    /// Those of them that delete an entry.
    pub deletes: u64,
    /// Those of them that clear a (key, namespace).
    pub clears: u64,
    /// First and last sequence that it covers, both inclusive.
    pub sequence: (u32, u32),
    /// Key groups that may be read from it.
    pub clip: KeyGroupRange,
    /// Schema it was written with.
    pub schema_id: u32,
    /// Whether nothing older lies below it: it has no column of operations.
    pub base: bool,
    /// Digest over all rows in it, with their operations.
    pub rows_digest: Digest,
    /// Subtask whose operator state it holds.
    pub subtask: Option<u32>,
    /// Members of a newer release, kept while the run is carried over.
    pub unknown: Unknown,
}

/// Where the bytes of a run are.
#[derive(Debug, Clone, PartialEq)]
pub enum Place {
    /// A part of an object.
    Object {
        /// The object, shared by the runs in it.
        object: Arc<ObjectRef>,
        /// First byte of the run.
        offset: u64,
        /// Bytes of the run.
        length: u64,
    },
    /// In the manifest itself.
    Inline(Bytes),
}

impl Place {
    /// Returns the number of bytes.
    pub fn length(&self) -> u64 {
        match self {
            Place::Object { length, .. } => *length,
            Place::Inline(bytes) => bytes.len() as u64,
        }
    }
}

impl RunRef {
    /// Largest run that is written into a manifest; larger ones go into objects.
    pub const INLINE_BYTES_MAX: usize = 4096;

    /// Returns whether rows of a key group may be read from it.
    pub fn covers(&self, group: KeyGroup) -> bool {
        (self.clip.start..self.clip.end).contains(&u32::from(group.0))
    }

    /// Returns the number of bytes stored.
    pub fn bytes(&self) -> u64 {
        self.place.length()
    }

    /// Returns the object that holds it, unless it is inline.
    pub fn object(&self) -> Option<&Arc<ObjectRef>> {
        match &self.place {
            Place::Object { object, .. } => Some(object),
            Place::Inline(_) => None,
        }
    }

    /// Returns the same run seen through a narrower clip; empty where they do not meet.
    pub fn clipped(&self, range: KeyGroupRange) -> RunRef {
        RunRef { clip: self.clip.intersect(range), ..self.clone() }
    }
}
