//! Handles of records in flight (`InputChannelStateHandle`, `ResultSubpartitionStateHandle`, and
//! the merged forms of 2.1).

use bytes::Bytes;

use super::StreamHandle;
use super::wire::{Source, mismatch, put_bytes32, put_count, put_index, put_offsets};
use crate::Result;

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

/// The two lists of a subtask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    Input,
    Output,
}

const SECTION: &str = "channel state";

impl Side {
    /// The type byte of version 6.
    fn type_byte(self, form: ChannelForm) -> u8 {
        match (self, form) {
            (Side::Input, ChannelForm::Merged) => 3,
            (Side::Output, ChannelForm::Merged) => 4,
            (Side::Input, _) => 1,
            (Side::Output, _) => 2,
        }
    }
}

impl ChannelHandle {
    pub(super) fn read_list(source: &mut Source<'_>, side: Side, version: u32) -> Result<Vec<Self>> {
        source.list(21, SECTION, |source| Self::read(source, side, version))
    }

    fn read(source: &mut Source<'_>, side: Side, version: u32) -> Result<Self> {
        if version < 6 {
            return if version == 3 && is_short(source)? { short(source) } else { single(source) };
        }
        match source.input.u8(SECTION)? {
            found if found == side.type_byte(ChannelForm::Single) => single(source),
            found if found == side.type_byte(ChannelForm::Merged) => merged(source),
            other => Err(source.input.malformed(SECTION, "a handle of this side", format!("type {other}"))),
        }
    }

    pub(super) fn write_list(list: &[Self], side: Side, version: u32, out: &mut Vec<u8>) -> Result<()> {
        put_count(list.len(), SECTION, out)?;
        list.iter().try_for_each(|handle| handle.write(side, version, out))
    }

    fn write(&self, side: Side, version: u32, out: &mut Vec<u8>) -> Result<()> {
        let fits = match self.form {
            ChannelForm::Short => version == 3,
            ChannelForm::Single => true,
            ChannelForm::Merged => version >= 6,
        };
        if !fits {
            return Err(mismatch(SECTION, "a form of the version", format!("{:?}", self.form), out));
        }
        if version >= 6 {
            out.push(side.type_byte(self.form));
        }
        match (self.form, self.subtask) {
            (ChannelForm::Short, _) => {}
            (_, Some(subtask)) => put_index(subtask, SECTION, out)?,
            (_, None) => return Err(mismatch(SECTION, "a subtask index", "none", out)),
        }
        match (self.form, self.channels.as_slice()) {
            (ChannelForm::Merged, channels) => self.write_merged(channels, out),
            (_, [channel]) => {
                put_index(channel.gate, SECTION, out)?;
                put_index(channel.channel, SECTION, out)?;
                put_offsets(&channel.offsets, SECTION, out)?;
                out.extend(channel.size.to_be_bytes());
                self.stream.write(out)
            }
            (_, channels) => Err(mismatch(SECTION, "one channel", channels.len(), out)),
        }
    }

    fn write_merged(&self, channels: &[Channel], out: &mut Vec<u8>) -> Result<()> {
        out.extend(self.size.to_be_bytes());
        self.stream.write(out)?;
        let mut blob = Vec::new();
        put_count(channels.len(), SECTION, &mut blob)?;
        for channel in channels {
            put_index(channel.gate, SECTION, &mut blob)?;
            put_index(channel.channel, SECTION, &mut blob)?;
            blob.extend(channel.size.to_be_bytes());
            put_offsets(&channel.offsets, SECTION, &mut blob)?;
        }
        put_bytes32(&blob, SECTION, out)
    }
}

/// Tells the form of 1.11: its fourth number is the upper half of an offset and so 0, where later
/// releases have the number of offsets, at least 1.
fn is_short(source: &Source<'_>) -> Result<bool> {
    let mut ahead = source.input.clone();
    for _ in 0..3 {
        ahead.i32(SECTION)?;
    }
    Ok(ahead.i32(SECTION)? == 0)
}

fn short(source: &mut Source<'_>) -> Result<ChannelHandle> {
    let channel = channel(source)?;
    let (size, stream) = (channel.size, StreamHandle::read(source)?);
    Ok(ChannelHandle { form: ChannelForm::Short, subtask: None, channels: vec![channel], size, stream })
}

fn single(source: &mut Source<'_>) -> Result<ChannelHandle> {
    let subtask = Some(source.index(SECTION)?);
    let channel = channel(source)?;
    let (size, stream) = (channel.size, StreamHandle::read(source)?);
    Ok(ChannelHandle { form: ChannelForm::Single, subtask, channels: vec![channel], size, stream })
}

fn channel(source: &mut Source<'_>) -> Result<Channel> {
    Ok(Channel {
        gate: source.index(SECTION)?,
        channel: source.index(SECTION)?,
        offsets: source.offsets(SECTION)?,
        size: source.input.i64(SECTION)?,
    })
}

fn merged(source: &mut Source<'_>) -> Result<ChannelHandle> {
    let subtask = Some(source.index(SECTION)?);
    let size = source.input.i64(SECTION)?;
    let stream = StreamHandle::read(source)?;
    let blob = source.bytes32(SECTION)?;
    let channels = merged_channels(&blob)?;
    Ok(ChannelHandle { form: ChannelForm::Merged, subtask, channels, size, stream })
}

fn merged_channels(blob: &Bytes) -> Result<Vec<Channel>> {
    let mut source = Source::new(blob);
    let channels = source.list(20, SECTION, |source| {
        let (gate, channel) = (source.index(SECTION)?, source.index(SECTION)?);
        let size = source.input.i64(SECTION)?;
        Ok(Channel { gate, channel, offsets: source.offsets(SECTION)?, size })
    })?;
    match source.input.left() {
        0 => Ok(channels),
        left => Err(source.input.malformed(SECTION, "the end of the channels", format!("{left} bytes"))),
    }
}
