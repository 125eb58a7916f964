mod files;
mod summary;

use std::sync::Arc;

use alluvium_env::Env;
use alluvium_format::{JobRef, Manifest, ObjectRef, OperatorEntry, Profile, TableEntry, name};
use alluvium_model::{
    JobDescription, KeyGroupFunction, OperatorId, OperatorUid, Origin, RowBatch, StateSchema, job,
};
use alluvium_store::Store;
use bytes::Bytes;

pub(crate) use files::{TableFiles, clip_of};
pub(crate) use summary::Summary;

use crate::root::write_manifest;
use crate::{Error, Result};

/// An operator of a savepoint being written.
#[derive(Debug, Clone)]
pub struct OperatorSpec {
    /// Its id.
    pub id: OperatorId,
    /// Its uid, where known.
    pub uid: Option<OperatorUid>,
    /// Its display name, where known.
    pub name: Option<String>,
    /// Number of subtasks.
    pub parallelism: u32,
    /// Number of key groups.
    pub max_parallelism: u32,
    /// How its keys are placed.
    pub key_group_function: KeyGroupFunction,
}

impl OperatorSpec {
    /// Describes an operator of one subtask by its uid.
    pub fn new(uid: &str, max_parallelism: u32, key_group_function: KeyGroupFunction) -> Self {
        let uid = OperatorUid::new(uid);
        OperatorSpec {
            id: uid.id(),
            uid: Some(uid),
            name: None,
            parallelism: 1,
            max_parallelism,
            key_group_function,
        }
    }
}

/// Builds a compacted savepoint from rows: for converters, tests and fixtures.
///
/// **Owns** the files of tables, digests and the manifest. **Does not own** the order of rows, which
/// come canonical and live. Operators, then their tables, then their rows are given one after the
/// other. Nothing opens before [`SnapshotWriter::finish`].
///
/// Memory: a row group.
///
/// ```
/// use std::sync::Arc;
/// use alluvium_env::Env;
/// use alluvium_format::JobRef;
/// use alluvium_model::{
///     ElementType, KeyGroupFunction, LogicalType, Row, RowBatchBuilder, SnapshotSource, StateKind,
///     StateSchema, Value, KeyGroup, OperatorUid,
/// };
/// use alluvium_snapshot::{OperatorSpec, Snapshot, SnapshotWriter};
/// use alluvium_store::{MemoryStore, Store, block_on};
///
/// let schema = Arc::new(
///     StateSchema::new("visits", StateKind::Value)
///         .with_key(LogicalType::String)
///         .with_value(ElementType::required(LogicalType::Int64)),
/// );
/// let mut rows = RowBatchBuilder::new(Arc::clone(&schema), false);
/// rows.push(Row {
///     key_group: KeyGroup(0), key: Value::String("JFK".into()), value: Value::Int(7), ..Row::default()
/// })?;
///
/// let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
/// let mut writer = SnapshotWriter::savepoint(Arc::clone(&store), &Env::simulated(1), JobRef::default());
/// block_on(async {
///     writer.operator(OperatorSpec::new("airports", 1, KeyGroupFunction::JavaHash)).await?;
///     writer.begin_table(schema).await?;
///     writer.write(&rows.finish()?).await?;
///     let manifest = writer.finish().await?;
///     let snapshot = Snapshot::of(store, manifest).await?;
///     let found = snapshot.lookup(OperatorUid::new("airports").id(), "visits", &Value::String("JFK".into()))?;
///     assert_eq!(found.len(), 1);
///     Ok::<(), Box<dyn std::error::Error>>(())
/// })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// Spec: MAN-8 to MAN-10, NAME-4.
pub struct SnapshotWriter {
    store: Arc<dyn Store>,
    env: Env,
    manifest: Manifest,
    table: Option<TableFiles>,
    object_bytes_max: u64,
}

impl SnapshotWriter {
    /// Starts a compacted savepoint in the store that is to be its directory.
    pub fn savepoint(store: Arc<dyn Store>, env: &Env, job: JobRef) -> Self {
        let mut manifest = Manifest::new(Profile::Savepoint { compacted: true }, job);
        manifest.created_ms = env.clock.now_ms();
        SnapshotWriter { store, env: env.clone(), manifest, table: None, object_bytes_max: FILE_BYTES_MAX }
    }

    /// Goes on in another file at a smaller size than 256 MiB.
    pub fn with_object_bytes_max(mut self, object_bytes_max: u64) -> Self {
        self.object_bytes_max = object_bytes_max;
        self
    }

    /// Returns the manifest so far: to set ids, times and features.
    pub fn manifest_mut(&mut self) -> &mut Manifest {
        &mut self.manifest
    }

    /// Keeps the description of the job in the savepoint.
    ///
    /// # Errors
    /// Faults of the store.
    ///
    /// Spec: JOB-1.
    pub async fn job_description(&mut self, description: &JobDescription) -> Result<()> {
        let bytes = Bytes::from(job::job_to_json(description).to_string());
        self.manifest.job_description = Some(self.object(bytes).await?);
        Ok(())
    }

    /// Keeps what another engine said of the states; what is said of schemas that the savepoint does
    /// not get is for the caller to leave out.
    ///
    /// # Errors
    /// Faults of the store.
    ///
    /// Spec: ORIGIN-1, ORIGIN-3.
    pub async fn origin(&mut self, origin: &Origin) -> Result<()> {
        let bytes = Bytes::from(origin.to_json().to_string());
        self.manifest.origin = Some(self.object(bytes).await?);
        Ok(())
    }

    /// Writes a small object and returns its reference.
    pub(crate) async fn object(&mut self, bytes: Bytes) -> Result<ObjectRef> {
        let name = format!("objects/{}", self.env.ids.next());
        let object = ObjectRef::of_bytes(name, &bytes);
        let path = crate::objects::object_path(&object.name)?;
        self.store.create(&path, bytes).await.map_err(|e| Error::store(&path, e))?;
        Ok(object)
    }

    /// Begins an operator; ends the table before.
    ///
    /// # Errors
    /// Faults of the store.
    pub async fn operator(&mut self, spec: OperatorSpec) -> Result<()> {
        self.end_table().await?;
        self.manifest.operators.push(OperatorEntry {
            id: spec.id,
            uid: spec.uid,
            name: spec.name,
            parallelism: spec.parallelism,
            max_parallelism: spec.max_parallelism,
            key_group_function: spec.key_group_function,
            sequence_max: 0,
            tables: Vec::new(),
        });
        Ok(())
    }

    /// Begins a table of the operator begun last; ends the table before.
    ///
    /// # Errors
    /// [`Error::Refused`] before any operator; faults of the store.
    pub async fn begin_table(&mut self, schema: Arc<StateSchema>) -> Result<()> {
        self.end_table().await?;
        let schema_id = self.manifest.intern_schema(&schema);
        let operator = self.manifest.operators.last();
        let label =
            operator.map(OperatorEntry::label).ok_or_else(|| out_of_turn("a table without an operator"))?;
        let store = Arc::clone(&self.store);
        self.table = Some(TableFiles::new(store, label, schema, schema_id, self.object_bytes_max));
        Ok(())
    }

    /// Adds rows to the table begun last: live, in canonical order, ascending strictly.
    ///
    /// # Errors
    /// [`Error::Table`] for rows out of order; faults of the store.
    pub async fn write(&mut self, batch: &RowBatch) -> Result<()> {
        let table = self.table.as_mut().ok_or_else(|| out_of_turn("rows without a table"))?;
        table.write(batch).await
    }

    /// Ends the table begun last, if there is one.
    ///
    /// # Errors
    /// Faults of the store.
    pub async fn end_table(&mut self) -> Result<()> {
        match self.table.take() {
            Some(table) => {
                let entry = table.finish().await?;
                self.push_table(entry)
            }
            None => Ok(()),
        }
    }

    pub(crate) fn push_table(&mut self, entry: TableEntry) -> Result<()> {
        let operator =
            self.manifest.operators.last_mut().ok_or_else(|| out_of_turn("a table without an operator"))?;
        let highest = entry.runs.iter().map(|run| run.sequence.1).max().unwrap_or(0);
        operator.sequence_max = operator.sequence_max.max(highest);
        operator.tables.push(entry);
        Ok(())
    }

    pub(crate) fn last_operator_mut(&mut self) -> Option<&mut OperatorEntry> {
        self.manifest.operators.last_mut()
    }

    /// Writes the manifest; from now on the savepoint opens.
    ///
    /// # Errors
    /// [`Error::Published`] when the directory holds a savepoint; [`Error::Manifest`] when it would
    /// break a law; faults of the store.
    pub async fn finish(mut self) -> Result<Manifest> {
        self.end_table().await?;
        let path = crate::objects::object_path(name::SAVEPOINT_MANIFEST)?;
        let (manifest, _) = write_manifest(&*self.store, &*self.env.ids, self.manifest, &path).await?;
        Ok(manifest)
    }
}

/// Size at which a table goes on in another file, with room for the row group under way.
pub(crate) const FILE_BYTES_MAX: u64 = ObjectRef::BYTES_MAX - ObjectRef::BYTES_MAX / 8;

fn out_of_turn(reason: &'static str) -> Error {
    Error::Refused { place: "savepoint".into(), reason }
}
