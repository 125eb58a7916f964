//! Entries of operators and subtasks in the three shapes that they had: version 1 (1.2), version 2
//! (1.3 to 1.10), and version 3 to 6 (from 1.11).

use alluvium_model::{OperatorId, OperatorUid};

use super::channels::Side;
use super::operator::{Operator, OperatorHandle, Subtask};
use super::wire::{Source, mismatch, put_count, put_index, put_optional};
use super::{ChannelHandle, KeyedHandle, StreamHandle};
use crate::{Error, Result};

const OPERATOR: &str = "operator";
const SUBTASK: &str = "subtask";
const LEGACY: &str = "legacy state";

/// Fewest bytes of an operator's entry in any version.
pub(super) const OPERATOR_MIN: usize = 29;

/// Fewest bytes of a subtask's entry: in version 3 the index of a finished one.
const SUBTASK_MIN: usize = 4;

/// Stands for the number of subtasks of an operator that had finished.
const FINISHED: i32 = -1;

impl Operator {
    pub(super) fn read(source: &mut Source<'_>, version: u32) -> Result<Self> {
        let (name, uid) = match version {
            ..5 => (None, None),
            _ => (optional(source, "operator name")?, optional(source, "operator uid")?),
        };
        let mut operator = Operator {
            id: operator_id(source)?,
            uid: uid.map(OperatorUid::new),
            name,
            parallelism: source.index("parallelism")?,
            max_parallelism: source.index("max parallelism")?,
            chain_length: 1,
            coordinator: None,
            finished: false,
            subtasks: Vec::new(),
        };
        let id = operator.id;
        operator.read_rest(source, version).map_err(|error| error.within(format!("operator {id}")))?;
        Ok(operator)
    }

    fn read_rest(&mut self, source: &mut Source<'_>, version: u32) -> Result<()> {
        if version >= 3 {
            self.coordinator = StreamHandle::read_optional(source)?;
            if source.input.clone().i32(OPERATOR)? < 0 {
                return self.read_finished(source);
            }
        } else {
            self.chain_length = source.index("chain length")?;
        }
        let chain = self.chain_length;
        self.subtasks = source.list(SUBTASK_MIN, SUBTASK, |source| Subtask::read(source, version, chain))?;
        Ok(())
    }

    fn read_finished(&mut self, source: &mut Source<'_>) -> Result<()> {
        match source.input.i32(OPERATOR)? {
            FINISHED if self.coordinator.is_none() => {
                self.finished = true;
                Ok(())
            }
            FINISHED => Err(source.input.malformed("finished operator", "no coordinator state", "some")),
            other => Err(source.input.malformed(OPERATOR, "-1 or the number of subtasks", other)),
        }
    }

    pub(super) fn write(&self, version: u32, out: &mut Vec<u8>) -> Result<()> {
        if version >= 5 {
            put_optional(self.name.as_deref(), "operator name", out)?;
            put_optional(self.uid.as_ref().map(OperatorUid::as_str), "operator uid", out)?;
        }
        out.extend(self.id.as_bytes());
        put_index(self.parallelism, OPERATOR, out)?;
        put_index(self.max_parallelism, OPERATOR, out)?;
        if version >= 3 {
            StreamHandle::write_optional(self.coordinator.as_ref(), out)?;
            if self.finished {
                out.extend(FINISHED.to_be_bytes());
                return Ok(());
            }
        } else if self.finished || self.coordinator.is_some() {
            return Err(mismatch(OPERATOR, "neither coordinator nor end before version 3", self.id, out));
        } else {
            put_index(self.chain_length, OPERATOR, out)?;
        }
        put_count(self.subtasks.len(), OPERATOR, out)?;
        self.subtasks.iter().try_for_each(|subtask| subtask.write(version, self.chain_length, out))
    }
}

impl Subtask {
    fn read(source: &mut Source<'_>, version: u32, chain: u32) -> Result<Self> {
        let index = source.input.i32(SUBTASK)?;
        if index < 0 && version >= 3 {
            // Written as −index − 1.
            return Ok(Subtask { index: (!index).cast_unsigned(), finished: true, ..Subtask::default() });
        }
        let index = u32::try_from(index)
            .map_err(|_| source.input.malformed(SUBTASK, "an index that is not negative", index))?;
        let mut subtask = Subtask { index, ..Subtask::default() };
        subtask
            .read_state(source, version, chain)
            .map_err(|error| error.within(format!("subtask {index}")))?;
        Ok(subtask)
    }

    fn read_state(&mut self, source: &mut Source<'_>, version: u32, chain: u32) -> Result<()> {
        if version < 3 {
            self.legacy_duration = source.input.i64(SUBTASK)?;
            self.legacy = source.list(1, LEGACY, StreamHandle::read_optional)?;
            if version == 1 && u32::try_from(self.legacy.len()).ok() != Some(chain) {
                let found = self.legacy.len();
                return Err(source.input.malformed(LEGACY, "one for every operator of the chain", found));
            }
        }
        if version == 1 {
            self.managed_operator = OperatorHandle::read_chain(source, chain)?;
            self.raw_operator = OperatorHandle::read_chain(source, chain)?;
        } else {
            self.managed_operator = OperatorHandle::read_counted(source)?;
            self.raw_operator = OperatorHandle::read_counted(source)?;
        }
        self.managed_keyed = KeyedHandle::read_optional(source)?.map(Box::new);
        self.raw_keyed = KeyedHandle::read_optional(source)?.map(Box::new);
        if version >= 3 {
            self.input_channels = ChannelHandle::read_list(source, Side::Input, version)?;
            self.output_channels = ChannelHandle::read_list(source, Side::Output, version)?;
        }
        Ok(())
    }

    fn write(&self, version: u32, chain: u32, out: &mut Vec<u8>) -> Result<()> {
        if self.finished {
            return self.write_finished(version, out);
        }
        put_index(self.index, SUBTASK, out)?;
        if version < 3 {
            out.extend(self.legacy_duration.to_be_bytes());
            put_count(self.legacy.len(), LEGACY, out)?;
            for state in &self.legacy {
                StreamHandle::write_optional(state.as_ref(), out)?;
            }
        }
        for handles in [&self.managed_operator, &self.raw_operator] {
            match version {
                1 => OperatorHandle::write_chain(handles, chain, out)?,
                _ => OperatorHandle::write_counted(handles, out)?,
            }
        }
        KeyedHandle::write_optional(self.managed_keyed.as_deref(), out)?;
        KeyedHandle::write_optional(self.raw_keyed.as_deref(), out)?;
        if version >= 3 {
            ChannelHandle::write_list(&self.input_channels, Side::Input, version, out)?;
            ChannelHandle::write_list(&self.output_channels, Side::Output, version, out)?;
        }
        Ok(())
    }

    fn write_finished(&self, version: u32, out: &mut Vec<u8>) -> Result<()> {
        if version < 3 {
            return Err(mismatch(SUBTASK, "no finished one before version 3", self.index, out));
        }
        let index = i32::try_from(self.index).map_err(|_| Error::TooLarge {
            section: SUBTASK,
            offset: out.len() as u64,
            size: self.index.into(),
            limit: i32::MAX.cast_unsigned().into(),
        })?;
        out.extend((!index).to_be_bytes());
        Ok(())
    }
}

fn operator_id(source: &mut Source<'_>) -> Result<OperatorId> {
    let (upper, lower) = (source.input.u64(OPERATOR)?, source.input.u64(OPERATOR)?);
    Ok(OperatorId::from_bytes((u128::from(upper) << 64 | u128::from(lower)).to_be_bytes()))
}

/// Reads text of which an empty one stands for none.
fn optional(source: &mut Source<'_>, section: &'static str) -> Result<Option<String>> {
    Ok(Some(source.input.utf(section)?).filter(|text| !text.is_empty()))
}
