use std::sync::Arc;

use serde_json::{Map, Value as Json};

use crate::digest;

/// A reference to an immutable object.
///
/// Spec: MAN-6, DIGEST-1.
#[derive(Debug, Clone, PartialEq)]
pub struct ObjectRef {
    /// Index of its root in [`Manifest::roots`](crate::Manifest::roots).
    pub root: u32,
    /// Path below the root, `/` between segments.
    pub name: String,
    /// Bytes in it.
    pub size: u64,
    /// xxh3-128 over the list of its block digests.
    pub digest: u128,
    /// Where that list is.
    pub blocks: Blocks,
    /// Members of a newer release, kept while the object is carried over.
    pub unknown: Unknown,
}

/// Where the block digests of an object are.
///
/// Spec: DIGEST-3, DIGEST-4.
#[derive(Debug, Clone, PartialEq)]
pub enum Blocks {
    /// Nowhere: the object is at most 1 MiB and read whole.
    Computed,
    /// In a part of another object.
    Listed {
        /// Path of that object below its root.
        object_name: String,
        /// Index of its root.
        root: u32,
        /// First byte of the list.
        offset: u64,
        /// Bytes of the list, 8 for each block.
        length: u64,
    },
    /// In memory: the object is not yet published.
    Held(Arc<[u64]>),
}

/// Members that a newer release wrote and this one does not know.
///
/// Spec: FEAT-4.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Unknown(Option<Arc<Map<String, Json>>>);

impl Unknown {
    /// Wraps members; empty ones take no memory.
    pub(crate) fn new(members: Map<String, Json>) -> Self {
        Unknown(Some(members).filter(|m| !m.is_empty()).map(Arc::new))
    }

    /// Returns the members.
    pub(crate) fn to_members(&self) -> Map<String, Json> {
        self.0.as_deref().cloned().unwrap_or_default()
    }

    /// Returns whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_none()
    }
}

impl ObjectRef {
    /// Largest object that needs no list of block digests: it is read whole.
    pub const WHOLE_BYTES_MAX: u64 = 1 << 20;
    /// Largest object that is ever written.
    pub const BYTES_MAX: u64 = 256 << 20;

    /// Makes the reference to an object that was just written to root 0, with its block digests.
    pub fn written(name: impl Into<String>, size: u64, blocks: Vec<u64>) -> Self {
        ObjectRef {
            root: 0,
            name: name.into(),
            size,
            digest: digest::object_digest(&blocks),
            blocks: if size <= Self::WHOLE_BYTES_MAX {
                Blocks::Computed
            } else {
                Blocks::Held(blocks.into())
            },
            unknown: Unknown::default(),
        }
    }

    /// Makes the reference to an object from its bytes.
    pub fn of_bytes(name: impl Into<String>, bytes: &[u8]) -> Self {
        Self::written(name, bytes.len() as u64, digest::block_digests(bytes))
    }

    /// Returns the number of 64 KiB blocks, the last one perhaps shorter.
    pub fn block_count(&self) -> u64 {
        self.size.div_ceil(digest::BLOCK as u64)
    }
}
