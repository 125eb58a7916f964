//! Handles of byte streams (`StreamStateHandle` and what implements it).

use alluvium_model::KeyGroupRange;
use bytes::Bytes;

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
