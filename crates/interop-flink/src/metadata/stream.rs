//! Handles of byte streams (`StreamStateHandle` and what implements it).

use alluvium_model::KeyGroupRange;
use bytes::Bytes;

use super::wire::{Source, mismatch, put_bytes32, put_key_groups};
use crate::Result;
use crate::bytes::put_utf;

/// Where the bytes of one state stream are (`org.apache.flink.runtime.state.StreamStateHandle`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StreamHandle {
    /// In the metadata itself (`ByteStreamStateHandle`, tag 1).
    InMemory {
        /// A name without meaning: the path the file would have had, or a random UUID.
        name: String,
        /// The whole stream.
        data: Bytes,
    },
    /// In a file of its own (`FileStateHandle`, tag 2).
    File {
        /// Length of the file in bytes, −1 if the writer did not know it. For changelog files it
        /// counts uncompressed bytes behind the first.
        size: i64,
        /// The absolute path as written, a URI such as `file:/a/b` or `s3://bucket/p`.
        path: String,
    },
    /// In a file beside the metadata (`RelativeFileStateHandle`, tag 6).
    Relative {
        /// The file's path from the directory of the metadata.
        path: String,
        /// Length of the file in bytes, −1 if the writer did not know it.
        size: i64,
    },
    /// In a piece of a file that several states share (`SegmentFileStateHandle`, tag 15).
    Segment {
        /// First byte of the piece in the file. Offsets that refer to this stream count from it.
        start: i64,
        /// Length of the piece in bytes.
        size: i64,
        /// Who else may refer to the file.
        scope: Scope,
        /// The absolute path of the file as written.
        path: String,
        /// Identity of the piece, a UUID.
        file_id: String,
    },
    /// Nothing, in a job with merged files (`EmptySegmentFileStateHandle`, tag 16).
    EmptySegment,
    /// Keyed state that stands for its stream (`KeyGroupsStateHandle`, tag 3 where a stream is due).
    KeyGroups {
        /// Its key groups.
        range: KeyGroupRange,
        /// Offset of each key group in the stream.
        offsets: Vec<i64>,
        /// The stream.
        stream: Box<StreamHandle>,
    },
}

/// Who may refer to a file (`CheckpointedStateScope`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Scope {
    /// Only the checkpoint that wrote it.
    Exclusive,
    /// Later checkpoints too.
    Shared,
}

const NONE: u8 = 0;
const IN_MEMORY: u8 = 1;
const FILE: u8 = 2;
const KEY_GROUPS: u8 = 3;
const RELATIVE: u8 = 6;
const SEGMENT: u8 = 15;
const EMPTY_SEGMENT: u8 = 16;

const SECTION: &str = "stream handle";

impl StreamHandle {
    /// Returns the bytes of state that it refers to; none if the writer did not know. For changelog
    /// files see [`StreamHandle::File`].
    pub fn size(&self) -> Option<u64> {
        match self {
            StreamHandle::InMemory { data, .. } => Some(data.len() as u64),
            StreamHandle::File { size, .. }
            | StreamHandle::Relative { size, .. }
            | StreamHandle::Segment { size, .. } => u64::try_from(*size).ok(),
            StreamHandle::EmptySegment => Some(0),
            StreamHandle::KeyGroups { stream, .. } => stream.size(),
        }
    }

    /// Returns the path of its file as written; none when it lies in the metadata.
    pub fn path(&self) -> Option<&str> {
        match self {
            StreamHandle::File { path, .. }
            | StreamHandle::Relative { path, .. }
            | StreamHandle::Segment { path, .. } => Some(path),
            StreamHandle::InMemory { .. } | StreamHandle::EmptySegment => None,
            StreamHandle::KeyGroups { stream, .. } => stream.path(),
        }
    }

    /// Returns what to call it: `memory`, `file`, `relative file`, `segment`, `empty segment` or
    /// `key groups`.
    pub fn kind(&self) -> &'static str {
        match self {
            StreamHandle::InMemory { .. } => "memory",
            StreamHandle::File { .. } => "file",
            StreamHandle::Relative { .. } => "relative file",
            StreamHandle::Segment { .. } => "segment",
            StreamHandle::EmptySegment => "empty segment",
            StreamHandle::KeyGroups { .. } => "key groups",
        }
    }

    /// Reads a handle where there must be one.
    pub(super) fn read(source: &mut Source<'_>) -> Result<Self> {
        let found = Self::read_optional(source)?;
        found.ok_or_else(|| source.wrong_tag(SECTION, "a stream", NONE))
    }

    /// Reads a handle or none.
    pub(super) fn read_optional(source: &mut Source<'_>) -> Result<Option<Self>> {
        Ok(Some(match source.input.u8(SECTION)? {
            NONE => return Ok(None),
            IN_MEMORY => StreamHandle::InMemory {
                name: source.input.utf("name of a stream handle")?,
                data: source.bytes32("data of a stream handle")?,
            },
            FILE => {
                let size = size(source)?;
                StreamHandle::File { size, path: source.input.utf("path of a stream handle")? }
            }
            RELATIVE => {
                let path = source.input.utf("path of a stream handle")?;
                StreamHandle::Relative { path, size: size(source)? }
            }
            SEGMENT => segment(source)?,
            EMPTY_SEGMENT => StreamHandle::EmptySegment,
            KEY_GROUPS => source.nested(|source| {
                let (range, offsets) = source.key_groups()?;
                Ok(StreamHandle::KeyGroups { range, offsets, stream: Box::new(Self::read(source)?) })
            })?,
            other => return Err(source.wrong_tag(SECTION, "tag 0 to 3, 6, 15 or 16", other)),
        }))
    }

    /// Appends the handle.
    pub(super) fn write(&self, out: &mut Vec<u8>) -> Result<()> {
        match self {
            StreamHandle::InMemory { name, data } => {
                out.push(IN_MEMORY);
                put_utf(name, SECTION, out)?;
                put_bytes32(data, SECTION, out)
            }
            StreamHandle::File { size, path } => {
                out.push(FILE);
                out.extend(size.to_be_bytes());
                put_utf(path, SECTION, out)
            }
            StreamHandle::Relative { path, size } => {
                out.push(RELATIVE);
                put_utf(path, SECTION, out)?;
                out.extend(size.to_be_bytes());
                Ok(())
            }
            StreamHandle::Segment { start, size, scope, path, file_id } => {
                out.push(SEGMENT);
                out.extend(start.to_be_bytes());
                out.extend(size.to_be_bytes());
                out.extend(i32::from(*scope == Scope::Shared).to_be_bytes());
                put_utf(path, SECTION, out)?;
                put_utf(file_id, SECTION, out)
            }
            StreamHandle::EmptySegment => {
                out.push(EMPTY_SEGMENT);
                Ok(())
            }
            StreamHandle::KeyGroups { range, offsets, stream } => {
                out.push(KEY_GROUPS);
                put_key_groups(*range, offsets, out)?;
                stream.write(out)
            }
        }
    }

    /// Appends a handle or none.
    pub(super) fn write_optional(handle: Option<&Self>, out: &mut Vec<u8>) -> Result<()> {
        match handle {
            Some(handle) => handle.write(out),
            None => {
                out.push(NONE);
                Ok(())
            }
        }
    }

    /// Appends a handle that must lie in merged files.
    pub(super) fn write_segment(&self, out: &mut Vec<u8>) -> Result<()> {
        match self {
            StreamHandle::Segment { .. } | StreamHandle::EmptySegment => self.write(out),
            other => Err(mismatch("operator state", "a segment", other.kind(), out)),
        }
    }
}

fn size(source: &mut Source<'_>) -> Result<i64> {
    let size = source.input.i64("size of a stream handle")?;
    if size < -1 {
        return Err(source.input.malformed("size of a stream handle", "-1 or more", size));
    }
    Ok(size)
}

fn segment(source: &mut Source<'_>) -> Result<StreamHandle> {
    let start = source.input.i64("start of a segment")?;
    let size = source.input.i64("size of a segment")?;
    if start < 0 || size < 0 || start.checked_add(size).is_none() {
        return Err(source.input.malformed("segment", "a piece of a file", format!("{size} at {start}")));
    }
    let scope = match source.input.i32("scope of a segment")? {
        0 => Scope::Exclusive,
        1 => Scope::Shared,
        other => return Err(source.input.malformed("scope of a segment", "0 or 1", other)),
    };
    let path = source.input.utf("path of a segment")?;
    Ok(StreamHandle::Segment { start, size, scope, path, file_id: source.input.utf("id of a segment")? })
}
