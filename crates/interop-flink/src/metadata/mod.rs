//! `_metadata`: what a savepoint or checkpoint consists of and where its state lies.
//!
//! [`read`] takes versions 1 to 6 (Flink 1.2 to 2.3) and [`write`] gives the same bytes back. The
//! shapes are those of `org.apache.flink.runtime.checkpoint.metadata.MetadataV1Serializer` to
//! `MetadataV6Serializer`; nothing here opens a file. A state of at most some kilobytes lies in the
//! metadata itself ([`StreamHandle::InMemory`]); all else is a reference.

mod channels;
mod entries;
mod facts;
mod keyed;
mod keyed_wire;
mod operator;
mod properties;
mod properties_stream;
mod stream;
#[cfg(test)]
mod tests;
mod wire;

use bytes::Bytes;

use crate::bytes::put_utf;
use crate::{Error, Result};
use wire::{Source, mismatch, put_bytes32, put_count};

pub use channels::{Channel, ChannelForm, ChannelHandle};
pub use facts::{Facts, Part};
pub use keyed::{KeyedHandle, SAVEPOINT_KEY_GROUPS, StateChange};
pub use operator::{DistributionMode, MergedDirectories, Operator, OperatorHandle, OperatorState, Subtask};
pub use properties::{
    PostCheckpointAction, Properties, Retention, SavepointFormat, SharingFilesStrategy, SnapshotType,
};
pub use stream::{Scope, StreamHandle};

/// A savepoint or checkpoint as its `_metadata` describes it.
///
/// Operators, subtasks and names stand in the order of the file, which is none in particular.
#[derive(Debug, Clone, PartialEq)]
pub struct Metadata {
    /// Version of the file, 1 to 6.
    pub version: u32,
    /// Number of the checkpoint within its job; savepoints count too.
    pub checkpoint_id: u64,
    /// State of master hooks; nearly always none.
    pub master_states: Vec<MasterState>,
    /// One for every operator that reported, stateless ones included; in version 1 one for every
    /// chain of operators.
    pub operators: Vec<Operator>,
    /// How the snapshot was asked for; from version 4.
    pub properties: Option<Properties>,
}

/// State that a hook of the job manager added (`MasterTriggerRestoreHook`, `MasterState`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MasterState {
    /// Name of the hook.
    pub name: String,
    /// Version of its serializer.
    pub version: i32,
    /// What it wrote.
    pub payload: Bytes,
}

/// The first four bytes of every metadata file.
pub const MAGIC: u32 = 0x4960_672D;

/// The newest version that [`read`] and [`write`] know.
pub const VERSION_MAX: u32 = 6;

const MASTER_MAGIC: u32 = 0xC96B_1696;

const SECTION: &str = "metadata";

/// Returns whether a file begins as a metadata file.
pub fn is_metadata(first: &[u8]) -> bool {
    first.starts_with(&MAGIC.to_be_bytes())
}

/// Reads a metadata file to its last byte. State that lies in it is copied once.
///
/// # Errors
/// [`Error::Malformed`] and [`Error::Truncated`] with the offset, and the operator and subtask around
/// it; [`Error::Unsupported`] for a version above [`VERSION_MAX`].
pub fn read(bytes: &[u8]) -> Result<Metadata> {
    read_shared(&Bytes::copy_from_slice(bytes))
}

/// Reads a metadata file to its last byte. State that lies in it shares its memory.
///
/// # Errors
/// As for [`read`].
pub fn read_shared(bytes: &Bytes) -> Result<Metadata> {
    let mut source = Source::new(bytes);
    let version = read_version(&mut source)?;
    let checkpoint_id = checkpoint_id(&mut source)?;
    let master_states = match version {
        1 => Vec::new(),
        _ => source.list(18, "master state", MasterState::read)?,
    };
    let operators =
        source.list(entries::OPERATOR_MIN, "operators", |source| Operator::read(source, version))?;
    let properties = match version {
        ..4 => None,
        _ => Some(Properties::read(&mut source)?),
    };
    match source.input.left() {
        0 => Ok(Metadata { version, checkpoint_id, master_states, operators, properties }),
        left => Err(source.input.malformed(SECTION, "the end of the file", format!("{left} bytes more"))),
    }
}

/// Writes a metadata file: for what [`read`] gave, the same bytes.
///
/// # Errors
/// [`Error::Malformed`] for what the version has no place for; [`Error::TooLarge`] for names above
/// 65,535 bytes and counts above 2,147,483,647.
pub fn write(metadata: &Metadata) -> Result<Vec<u8>> {
    let (version, mut out) = (metadata.version, Vec::new());
    if !(1..=VERSION_MAX).contains(&version) {
        return Err(mismatch(SECTION, "version 1 to 6", version, &out));
    }
    out.extend(MAGIC.to_be_bytes());
    out.extend(version.to_be_bytes());
    out.extend(metadata.checkpoint_id.to_be_bytes());
    if version > 1 {
        put_count(metadata.master_states.len(), "master state", &mut out)?;
    } else if !metadata.master_states.is_empty() {
        return Err(mismatch("master state", "none in version 1", metadata.master_states.len(), &out));
    }
    for state in &metadata.master_states {
        state.write(&mut out)?;
    }
    put_count(metadata.operators.len(), "operators", &mut out)?;
    for operator in &metadata.operators {
        operator.write(version, &mut out).map_err(|e| e.within(format!("operator {}", operator.id)))?;
    }
    match (&metadata.properties, version) {
        (Some(properties), 4..) => out.extend(properties.as_bytes()),
        (None, ..4) => {}
        (Some(_), _) => return Err(mismatch("checkpoint properties", "none before 4", version, &out)),
        (None, _) => return Err(mismatch("checkpoint properties", "some from version 4", "none", &out)),
    }
    Ok(out)
}

fn read_version(source: &mut Source<'_>) -> Result<u32> {
    let magic = source.input.clone().u32(SECTION)?;
    if magic != MAGIC {
        return Err(source.input.malformed(SECTION, "4960672d", format!("{magic:08x}")));
    }
    source.input.u32(SECTION)?;
    let offset = source.input.offset();
    match source.input.u32("metadata version")? {
        version @ 1..=VERSION_MAX => Ok(version),
        other => {
            Err(Error::Unsupported { section: "metadata version", offset, what: format!("version {other}") })
        }
    }
}

fn checkpoint_id(source: &mut Source<'_>) -> Result<u64> {
    let found = source.input.i64("checkpoint id")?;
    u64::try_from(found)
        .map_err(|_| source.input.malformed("checkpoint id", "a number that is not negative", found))
}

impl MasterState {
    fn read(source: &mut Source<'_>) -> Result<Self> {
        const SECTION: &str = "master state";
        let magic = source.input.u32(SECTION)?;
        if magic != MASTER_MAGIC {
            return Err(source.input.malformed(SECTION, "c96b1696", format!("{magic:08x}")));
        }
        let len = source.input.length(SECTION)?;
        let start = source.input.consumed();
        let version = source.input.i32(SECTION)?;
        let name = source.input.utf(SECTION)?;
        let payload = source.bytes32(SECTION)?;
        match source.input.consumed() - start {
            found if found == len => Ok(MasterState { name, version, payload }),
            found => Err(source.input.malformed(SECTION, "content of the length said", found)),
        }
    }

    fn write(&self, out: &mut Vec<u8>) -> Result<()> {
        let mut content = self.version.to_be_bytes().to_vec();
        put_utf(&self.name, "master state", &mut content)?;
        put_bytes32(&self.payload, "master state", &mut content)?;
        out.extend(MASTER_MAGIC.to_be_bytes());
        put_bytes32(&content, "master state", out)
    }
}
