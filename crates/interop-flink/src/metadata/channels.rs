//! Handles of records in flight (`InputChannelStateHandle`, `ResultSubpartitionStateHandle`, and
//! the merged forms of 2.1).

use super::StreamHandle;

/// Where the records in flight of one channel, or of several, are.
#[derive(Debug, Clone, PartialEq)]
pub struct ChannelHandle {
    /// How it is written.
    pub form: ChannelForm,
    /// Subtask index; not in [`ChannelForm::Short`].
    pub subtask: Option<u32>,
    /// The channels; one except in [`ChannelForm::Merged`].
    pub channels: Vec<Channel>,
    /// Bytes of all channels; equal to the channel's size except in [`ChannelForm::Merged`].
    pub size: i64,
    /// The stream; several handles may refer to the same file.
    pub stream: StreamHandle,
}

/// How a channel handle is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ChannelForm {
    /// One channel without the subtask index: 1.11.
    Short,
    /// One channel: from 1.12.
    Single,
    /// All channels of a subtask on one side: from 2.1.
    Merged,
}

/// One channel of a [`ChannelHandle`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Channel {
    /// Input: index of the gate (`InputChannelInfo`). Output: index of the partition
    /// (`ResultSubpartitionInfo`).
    pub gate: u32,
    /// Input: index of the channel in the gate. Output: index of the subpartition.
    pub channel: u32,
    /// Offset of each chunk in the stream: a 32-bit length and that many bytes.
    pub offsets: Vec<i64>,
    /// Bytes of all chunks with their lengths.
    pub size: i64,
}
