//! Operators, their subtasks, and handles of operator state.

use alluvium_model::{Finished, OperatorId, OperatorUid};

use super::wire::{Source, mismatch, put_count, put_offsets};
use super::{ChannelHandle, KeyedHandle, StreamHandle};
use crate::Result;
use crate::bytes::put_utf;

/// State of one operator (`org.apache.flink.runtime.checkpoint.OperatorState`); in version 1 of a
/// chain of operators (`TaskState`).
#[derive(Debug, Clone, PartialEq)]
pub struct Operator {
    /// Its id; in version 1 that of the chain's head.
    pub id: OperatorId,
    /// Its uid, from version 5 and if the job gave it one.
    pub uid: Option<OperatorUid>,
    /// Its name, from version 5.
    pub name: Option<String>,
    /// Number of its subtasks.
    pub parallelism: u32,
    /// Number of its key groups.
    pub max_parallelism: u32,
    /// Length of the chain in version 1; elsewhere 1.
    pub chain_length: u32,
    /// State of its coordinator, such as the enumerator of a source; from version 3.
    pub coordinator: Option<StreamHandle>,
    /// Whether all its subtasks had finished; there is no state then.
    pub finished: bool,
    /// Its subtasks that reported; those without state may be absent.
    pub subtasks: Vec<Subtask>,
}

impl Operator {
    /// Returns whether its subtasks had ended.
    pub(crate) fn finished(&self) -> Finished {
        match self.finished {
            true => Finished::Fully,
            false if self.subtasks.iter().any(|subtask| subtask.finished) => Finished::Partially,
            false => Finished::No,
        }
    }
}

/// State of one subtask (`OperatorSubtaskState`).
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Subtask {
    /// Subtask index, from 0.
    pub index: u32,
    /// Whether it had finished; there is no state then.
    pub finished: bool,
    /// Operator state that the backend wrote; from version 2 one at most.
    pub managed_operator: Vec<OperatorHandle>,
    /// Operator state that the operator wrote by itself; from version 2 one at most.
    pub raw_operator: Vec<OperatorHandle>,
    /// Keyed state that the backend wrote; in version 1 that of the chain's head.
    pub managed_keyed: Option<Box<KeyedHandle>>,
    /// Keyed state that the operator wrote by itself, such as timers.
    pub raw_keyed: Option<Box<KeyedHandle>>,
    /// Records in flight before it, of an unaligned checkpoint; from version 3.
    pub input_channels: Vec<ChannelHandle>,
    /// Records in flight behind it, of an unaligned checkpoint; from version 3.
    pub output_channels: Vec<ChannelHandle>,
    /// State of the interface `Checkpointed` (1.2 and 1.3): in version 1 an element for every
    /// operator of the chain, in version 2 none or one, later none.
    pub legacy: Vec<Option<StreamHandle>>,
    /// How long the checkpoint took; versions 1 and 2, where writers put −1.
    pub legacy_duration: i64,
}

/// State of an operator that is not keyed (`OperatorStateHandle`).
#[derive(Debug, Clone, PartialEq)]
pub struct OperatorHandle {
    /// Place in the chain of version 1, 0 the tail, `chain_length` − 1 the head; elsewhere 0.
    pub chain_index: u32,
    /// The states by name. Raw state has one, `_default_`.
    pub states: Vec<OperatorState>,
    /// The stream.
    pub stream: StreamHandle,
    /// Where the merged files are (`FileMergingOperatorStreamStateHandle`, tag 17).
    pub merged: Option<MergedDirectories>,
}

/// One state of an [`OperatorHandle`] (`OperatorStateHandle.StateMetaInfo`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OperatorState {
    /// State name.
    pub name: String,
    /// How it is shared among subtasks at a restore.
    pub mode: DistributionMode,
    /// Offset of each element in the stream; broadcast state has one.
    pub offsets: Vec<i64>,
}

/// How operator state is shared among subtasks at a restore (`OperatorStateHandle.Mode`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DistributionMode {
    /// Every element goes to one subtask (0).
    Split,
    /// Every subtask gets all elements (1; up to 1.4 this number is named `BROADCAST`).
    Union,
    /// Every subtask has the same and gets the same (2; from 1.5).
    Broadcast,
}

/// Directories of an operator's merged files (`FileMergingOperatorStreamStateHandle`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MergedDirectories {
    /// Directory of files that a task manager owns, an absolute path as written.
    pub task_owned: String,
    /// Directory of files that the subtask's checkpoints share, an absolute path as written.
    pub shared: String,
    /// Whether there is no state; the handle only keeps the directories alive.
    pub empty: bool,
}

const NONE: u8 = 0;
const PARTITIONABLE: u8 = 4;
const MERGED: u8 = 17;

const SECTION: &str = "operator state";

impl OperatorHandle {
    /// Reads a handle or none.
    pub(super) fn read_optional(source: &mut Source<'_>, chain_index: u32) -> Result<Option<Self>> {
        let tag = source.input.u8(SECTION)?;
        match tag {
            NONE => return Ok(None),
            PARTITIONABLE | MERGED => {}
            other => return Err(source.wrong_tag(SECTION, "tag 0, 4 or 17", other)),
        }
        let states = source.list(7, SECTION, OperatorState::read)?;
        let merged = match tag {
            MERGED => Some(MergedDirectories {
                task_owned: source.input.utf("directory of merged files")?,
                shared: source.input.utf("directory of merged files")?,
                empty: source.input.bool("merged files")?,
            }),
            _ => None,
        };
        let stream = StreamHandle::read(source)?;
        let in_segment = matches!(stream, StreamHandle::Segment { .. } | StreamHandle::EmptySegment);
        if merged.is_some() && !in_segment {
            return Err(source.input.malformed(SECTION, "a segment", stream.kind()));
        }
        Ok(Some(OperatorHandle { chain_index, states, stream, merged }))
    }

    /// Reads a count of 0 or 1 and that many handles, as from version 2.
    pub(super) fn read_counted(source: &mut Source<'_>) -> Result<Vec<Self>> {
        match source.input.i32(SECTION)? {
            0 => Ok(Vec::new()),
            1 => match Self::read_optional(source, 0)? {
                Some(handle) => Ok(vec![handle]),
                None => Err(source.wrong_tag(SECTION, "a handle", NONE)),
            },
            other => Err(source.input.malformed(SECTION, "0 or 1 handles", other)),
        }
    }

    /// Reads a list with an element for every operator of the chain, as in version 1.
    pub(super) fn read_chain(source: &mut Source<'_>, chain: u32) -> Result<Vec<Self>> {
        let count = source.index(SECTION)?;
        if count != chain {
            return Err(source.input.malformed(SECTION, "one for every operator of the chain", count));
        }
        let mut handles = Vec::new();
        for chain_index in 0..chain {
            handles.extend(Self::read_optional(source, chain_index)?);
        }
        Ok(handles)
    }

    fn write(&self, out: &mut Vec<u8>) -> Result<()> {
        out.push(if self.merged.is_some() { MERGED } else { PARTITIONABLE });
        put_count(self.states.len(), SECTION, out)?;
        for state in &self.states {
            state.write(out)?;
        }
        match &self.merged {
            None => self.stream.write(out),
            Some(merged) => {
                put_utf(&merged.task_owned, SECTION, out)?;
                put_utf(&merged.shared, SECTION, out)?;
                out.push(merged.empty.into());
                self.stream.write_segment(out)
            }
        }
    }

    pub(super) fn write_counted(handles: &[Self], out: &mut Vec<u8>) -> Result<()> {
        put_count(handles.len(), SECTION, out)?;
        match handles {
            [] => Ok(()),
            [handle] => handle.write(out),
            more => Err(mismatch(SECTION, "at most one handle", more.len(), out)),
        }
    }

    pub(super) fn write_chain(handles: &[Self], chain: u32, out: &mut Vec<u8>) -> Result<()> {
        super::wire::put_index(chain, SECTION, out)?;
        for index in 0..chain {
            match handles.iter().find(|handle| handle.chain_index == index) {
                Some(handle) => handle.write(out)?,
                None => out.push(NONE),
            }
        }
        Ok(())
    }
}

impl OperatorState {
    fn read(source: &mut Source<'_>) -> Result<Self> {
        let name = source.input.utf("state name")?;
        let mode = match source.input.u8("distribution mode")? {
            0 => DistributionMode::Split,
            1 => DistributionMode::Union,
            2 => DistributionMode::Broadcast,
            other => return Err(source.input.malformed("distribution mode", "0, 1 or 2", other)),
        };
        Ok(OperatorState { name, mode, offsets: source.offsets("offsets of an operator state")? })
    }

    fn write(&self, out: &mut Vec<u8>) -> Result<()> {
        put_utf(&self.name, "state name", out)?;
        out.push(match self.mode {
            DistributionMode::Split => 0,
            DistributionMode::Union => 1,
            DistributionMode::Broadcast => 2,
        });
        put_offsets(&self.offsets, "offsets of an operator state", out)
    }
}
