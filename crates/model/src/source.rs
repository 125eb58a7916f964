//! The trait through which every question about a snapshot goes, whatever wrote it.

use std::ops::ControlFlow;
use std::sync::Arc;

use serde_json::Value as Json;
use thiserror::Error;

use crate::digest::TableDigest;
use crate::serializer::StateSerializers;
use crate::{
    ErrorKind, Finished, KeyGroup, KeyGroupFunction, KeyGroupRange, OperatorId, OperatorUid, Origin,
    RowBatch, StateSchema, Value,
};

/// An error of a snapshot source, with the room's own error inside.
#[derive(Debug, Error)]
#[error("{message}")]
pub struct SourceError {
    /// What a caller can do about it.
    pub kind: ErrorKind,
    /// What and where: object or file, offset or block, operator, state, key group.
    pub message: String,
    /// The cause, if any.
    #[source]
    pub cause: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl SourceError {
    /// Makes an error without a cause.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        SourceError { kind, message: message.into(), cause: None }
    }

    /// Wraps a room's error under a message.
    pub fn because(
        kind: ErrorKind,
        message: impl Into<String>,
        cause: impl std::error::Error + Send + Sync + 'static,
    ) -> Self {
        SourceError { kind, message: message.into(), cause: Some(Box::new(cause)) }
    }
}

/// Everything that metadata and headers of a snapshot say, without reading a row.
#[derive(Debug, Clone)]
pub struct SnapshotDescription {
    /// `alluvium` or `flink`.
    pub format: &'static str,
    /// Version of that format.
    pub format_version: u32,
    /// `savepoint` or `checkpoint`.
    pub kind: &'static str,
    /// `compacted`, `stacked`, `canonical`, `native`, `incremental`, ….
    pub layout: String,
    /// Checkpoint id, if it has one.
    pub id: Option<u64>,
    /// Operators in stored order.
    pub operators: Vec<OperatorState>,
    /// Where the engine that wrote it kept keyed state, where that shows: `hashmap`, `rocksdb`, `forst`.
    pub backend: Option<&'static str>,
    /// Further facts for people (job, attempt, time, size), as name and JSON value.
    pub facts: Vec<(&'static str, Json)>,
}

/// An operator of a snapshot.
#[derive(Debug, Clone)]
pub struct OperatorState {
    /// Its id.
    pub id: OperatorId,
    /// Its uid, where known.
    pub uid: Option<OperatorUid>,
    /// Its display name, where known.
    pub name: Option<String>,
    /// Number of subtasks at the time of the snapshot.
    pub parallelism: u32,
    /// Number of key groups.
    pub max_parallelism: u32,
    /// How its keys are placed.
    pub key_group_function: KeyGroupFunction,
    /// Whether it had read all that it is ever to read.
    pub finished: Finished,
    /// Whether its coordinator, such as the enumerator of a source, has state.
    pub coordinator: bool,
    /// Its states in stored order.
    pub states: Vec<StateTable>,
}

/// A state of an operator in a snapshot.
#[derive(Debug, Clone)]
pub struct StateTable {
    /// Name, kind and types.
    pub schema: Arc<StateSchema>,
    /// Lines that `cat` prints: a list counts once per (key, namespace). Null where not held.
    pub entries: Option<u64>,
    /// List elements; equal to rows. Null where not held or no list.
    pub elements: Option<u64>,
    /// Stored bytes. Null where not held.
    pub bytes: Option<u64>,
    /// Whether values can only be shown as bytes.
    pub opaque: bool,
    /// Rows per key group, for skew; empty where not held.
    pub rows_by_key_group: Vec<(KeyGroup, u64)>,
    /// Its serializers, in snapshots of Flink.
    pub serializers: StateSerializers,
}

/// Which rows to read of which state.
#[derive(Debug, Clone)]
pub struct Scan {
    /// The operator.
    pub operator: OperatorId,
    /// The state's name.
    pub state: String,
    /// Only these key groups; all if none. Operator state counts as key group 0.
    pub key_groups: Option<KeyGroupRange>,
    /// Only rows whose sort key begins with these bytes, in every group read.
    pub prefix: Option<Vec<u8>>,
    /// Only rows after this position, exclusive.
    pub after: Option<(KeyGroup, Vec<u8>)>,
    /// Most rows in a batch.
    pub batch_rows: usize,
}

impl Scan {
    /// Reads a whole state in batches of 8192 rows.
    pub fn all(operator: OperatorId, state: impl Into<String>) -> Self {
        Scan { operator, state: state.into(), key_groups: None, prefix: None, after: None, batch_rows: 8192 }
    }
}

/// Live rows in canonical order, without operations.
pub trait RowStream {
    /// Returns the schema of the rows.
    fn schema(&self) -> &Arc<StateSchema>;

    /// Returns the next rows, never an empty batch; `None` at the end.
    ///
    /// # Errors
    /// What and where a row could not be read. After an error of kind
    /// [`ErrorKind::Corrupt`] the stream may be asked again and goes on behind the damage where
    /// the format allows; otherwise it ends.
    fn next_batch(&mut self) -> Result<Option<RowBatch>, SourceError>;
}

/// Something that `verify` found.
#[derive(Debug, Clone)]
pub struct Damage {
    /// The rule that is broken, for example `DIGEST-2`.
    pub rule: &'static str,
    /// Object or file, and offset, block or row group.
    pub place: String,
    /// Operator uid or id, if it concerns one.
    pub operator: Option<String>,
    /// State name, if it concerns one.
    pub state: Option<String>,
    /// What is wrong: wanted and found.
    pub message: String,
}

/// What `verify` looked at.
#[derive(Debug, Clone, Copy, Default)]
pub struct Verified {
    /// Objects or files read.
    pub objects: u64,
    /// Bytes read.
    pub bytes: u64,
    /// Rows decoded.
    pub rows: u64,
}

/// A snapshot that can be asked: ours, or another engine's.
pub trait SnapshotSource: Send + Sync {
    /// Returns what metadata and headers say.
    fn describe(&self) -> &SnapshotDescription;

    /// Starts reading live rows of a state in canonical order.
    ///
    /// # Errors
    /// [`ErrorKind::Input`] for an operator or state that is not there; otherwise what could not
    /// be read.
    fn scan(&self, scan: &Scan) -> Result<Box<dyn RowStream + Send + '_>, SourceError>;

    /// Returns the live rows of one key, in canonical order: no batch when there is none.
    ///
    /// Reads only the key's group where the key-group function can place it.
    ///
    /// # Errors
    /// As for [`SnapshotSource::scan`]; [`ErrorKind::Input`] for a key not of the key type.
    fn lookup(&self, operator: OperatorId, state: &str, key: &Value) -> Result<Vec<RowBatch>, SourceError>;

    /// Returns the canonical digests of a state where the snapshot carries them.
    ///
    /// # Errors
    /// What could not be read.
    fn digest(&self, operator: OperatorId, state: &str) -> Result<Option<TableDigest>, SourceError>;

    /// Returns what the engine that wrote the state first said of it, where that was another one.
    ///
    /// # Errors
    /// What could not be read.
    fn origin(&self) -> Result<Option<Origin>, SourceError> {
        Ok(None)
    }

    /// Reads everything and reports each damage; stops early when told to break.
    ///
    /// # Errors
    /// Only what keeps it from finishing, for example a store that does not answer.
    fn verify(&self, report: &mut dyn FnMut(Damage) -> ControlFlow<()>) -> Result<Verified, SourceError>;
}

/// A source that passes every question on to another one and changes the streams of its scans only.
pub trait Layer: Send + Sync {
    /// Returns the source below.
    fn below(&self) -> &dyn SnapshotSource;

    /// Returns what is read in place of a stream of the source below.
    fn stream<'a>(
        &'a self,
        scan: &Scan,
        stream: Box<dyn RowStream + Send + 'a>,
    ) -> Box<dyn RowStream + Send + 'a>;
}

impl<L: Layer> SnapshotSource for L {
    fn describe(&self) -> &SnapshotDescription {
        self.below().describe()
    }

    fn scan(&self, scan: &Scan) -> Result<Box<dyn RowStream + Send + '_>, SourceError> {
        Ok(self.stream(scan, self.below().scan(scan)?))
    }

    fn lookup(&self, operator: OperatorId, state: &str, key: &Value) -> Result<Vec<RowBatch>, SourceError> {
        self.below().lookup(operator, state, key)
    }

    fn digest(&self, operator: OperatorId, state: &str) -> Result<Option<TableDigest>, SourceError> {
        self.below().digest(operator, state)
    }

    fn origin(&self) -> Result<Option<Origin>, SourceError> {
        self.below().origin()
    }

    fn verify(&self, report: &mut dyn FnMut(Damage) -> ControlFlow<()>) -> Result<Verified, SourceError> {
        self.below().verify(report)
    }
}
