//! A keyed state of one subtask and the root of its job, driven as the runtime drives them.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use alluvium_env::Env;
use alluvium_format::{JobRef, Manifest, OperatorEntry, Profile, RunRef, TableEntry};
use alluvium_model::evolution::{Projection, assign_field_ids, projection};
use alluvium_model::typed::key_group;
use alluvium_model::{KeyGroupFunction, OperatorId, OperatorUid, RowBatch, StateSchema};
use alluvium_snapshot::{JobRoot, RunSpec, RunsWriter, SavepointOptions, Snapshot, write_savepoint};
use alluvium_state::{BackendOptions, Frozen, KeyedBackend, KeyedStates, ValueState};
use alluvium_store::{LocalStore, ObjectPath, Store, block_on};
use anyhow::Context;
use arrow_array::RecordBatch;

use crate::data::{Workload, key_of};

pub(crate) const STATE: &str = "accounts";
const UID: &str = "ledger";
const BATCH_ROWS: usize = 8192;

pub(crate) fn operator() -> OperatorId {
    OperatorUid::new(UID).id()
}

/// The state.
pub(crate) struct Keyed<W: Workload> {
    pub(crate) backend: Box<dyn KeyedBackend>,
    pub(crate) state: ValueState<W::Value>,
    options: BackendOptions,
}

impl<W: Workload> Keyed<W> {
    pub(crate) fn new() -> Self {
        let options = BackendOptions { hash_seed: 7, ..BackendOptions::default() };
        let mut states = KeyedStates::<i64>::new();
        let state = states.value(STATE);
        Keyed { backend: states.into_backend(options), state, options }
    }

    /// Makes a state of so many keys, all in its base.
    pub(crate) fn filled(keys: u64) -> anyhow::Result<Self> {
        let mut keyed = Self::new();
        keyed.fill(keys);
        let frozen = keyed.freeze()?;
        keyed.absorb(frozen);
        Ok(keyed)
    }

    /// Puts every key.
    pub(crate) fn fill(&mut self, keys: u64) {
        for number in 0..keys {
            self.select(number);
            self.state.set(self.backend.host(), W::first(number));
        }
    }

    /// Applies a record to a key.
    #[inline]
    pub(crate) fn update(&mut self, number: u64, record: u64) {
        self.select(number);
        let host = self.backend.host();
        self.state.modify(host, || W::first(number), |value| W::change(value, record));
    }

    #[inline]
    fn select(&mut self, number: u64) {
        let key = key_of(number);
        self.backend.set_current_key(&key, key_group(&key, self.options.max_parallelism));
    }

    pub(crate) fn freeze(&mut self) -> anyhow::Result<Frozen> {
        Ok(self.backend.freeze()?)
    }

    /// Moves a layer to the base as if it were durable.
    pub(crate) fn absorb(&mut self, frozen: Frozen) {
        let id = frozen.id;
        drop(frozen);
        self.backend.durable(id);
        while self.backend.absorb(4096) {}
        drop(self.backend.take_garbage());
    }

    pub(crate) fn schema(&self) -> Arc<StateSchema> {
        Arc::clone(&self.backend.schemas()[0])
    }
}

/// The root of the job, in a directory.
pub(crate) struct Root {
    pub(crate) path: PathBuf,
    store: Arc<dyn Store>,
    env: Env,
    schema: Arc<StateSchema>,
    /// From the declared schema to that of the root, where they differ.
    projection: Option<Arc<Projection>>,
    checkpoints: u64,
}

impl Root {
    pub(crate) fn create(path: &Path, schema: Arc<StateSchema>) -> anyhow::Result<Self> {
        let store = Arc::new(LocalStore::create_dir(path)?);
        let assigned = Arc::new(assign_field_ids(&schema, None));
        let projection = match assigned == schema {
            true => None,
            false => {
                let found = projection(&schema, &assigned);
                Some(found.map_err(|differences| anyhow::anyhow!("{differences:?}"))?)
            }
        };
        let (path, env, schema) = (path.to_owned(), Env::system(), assigned);
        Ok(Root { path, store, env, schema, projection, checkpoints: 0 })
    }

    /// Writes a frozen layer as a run, as a task does after a barrier.
    pub(crate) fn write_run(&self, frozen: &Frozen, base: bool) -> anyhow::Result<Vec<RunRef>> {
        let sequence = frozen.id.sequence();
        let spec = RunSpec {
            table: 0,
            schema: Arc::clone(&self.schema),
            schema_id: 0,
            base,
            sequence: (sequence, sequence),
            clip: BackendOptions::default().key_groups,
            subtask: None,
        };
        let mut writer = RunsWriter::new(Arc::clone(&self.store), Arc::clone(&self.env.ids));
        block_on(async {
            writer.begin(spec).await?;
            for batch in frozen.tables.iter().flat_map(|table| table.rows(BATCH_ROWS)) {
                let batch = match &self.projection {
                    Some(projection) => projection.project_batch(&batch?)?,
                    None => batch?,
                };
                writer.write(&if base { without_ops(&batch)? } else { batch }).await?;
            }
            Ok(writer.finish().await?.into_iter().map(|(_, run)| run).collect())
        })
    }

    /// Publishes a checkpoint of these runs and opens it.
    pub(crate) fn publish(&mut self, runs: Vec<RunRef>) -> anyhow::Result<Snapshot> {
        self.checkpoints += 1;
        let job = JobRef { id: "bench".into(), name: "bench".into() };
        let mut manifest = Manifest::new(Profile::Checkpoint, job);
        (manifest.attempt, manifest.checkpoint_id) = (1, self.checkpoints);
        let schema_id = manifest.intern_schema(&self.schema);
        manifest.operators.push(OperatorEntry {
            id: operator(),
            uid: Some(OperatorUid::new(UID)),
            name: None,
            parallelism: 1,
            max_parallelism: BackendOptions::default().max_parallelism.get(),
            key_group_function: KeyGroupFunction::JavaHash,
            sequence_max: runs.iter().map(|run| run.sequence.1).max().unwrap_or(0),
            tables: vec![TableEntry { schema_id, runs, digest: None, entries: None }],
        });
        let root = JobRoot::new(Arc::clone(&self.store), self.env.clone());
        let published = block_on(root.publish(manifest))?;
        Ok(block_on(root.open(published.name))?)
    }

    /// Writes a savepoint into a directory of its own.
    pub(crate) fn savepoint(&self, source: &Snapshot, name: &str) -> anyhow::Result<PathBuf> {
        let path = self.path.join(name);
        let directory: Arc<dyn Store> = Arc::new(LocalStore::create_dir(&path)?);
        block_on(write_savepoint(source, directory, &self.env, &SavepointOptions::default()))?;
        Ok(path)
    }
}

/// Opens a savepoint.
pub(crate) fn open(path: &Path) -> anyhow::Result<Snapshot> {
    let store: Arc<dyn Store> = Arc::new(LocalStore::open(path)?);
    Ok(block_on(Snapshot::open(store, &ObjectPath::new("savepoint.manifest")?))?)
}

/// Returns the only table file of a savepoint, or the first.
pub(crate) fn table_files(path: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let dir = path.join("tables").join(UID);
    let entries = std::fs::read_dir(&dir).with_context(|| dir.display().to_string())?;
    let mut files = entries.map(|entry| Ok(entry?.path())).collect::<anyhow::Result<Vec<_>>>()?;
    files.sort();
    Ok(files)
}

/// Drops the operations of a run that has nothing older below it.
fn without_ops(batch: &RowBatch) -> anyhow::Result<RowBatch> {
    let schema = batch.schema();
    let columns = batch.rows().columns().iter().skip(1).cloned().collect();
    let rows = RecordBatch::try_new(schema.arrow_schema(false), columns)?;
    Ok(RowBatch::new(Arc::clone(schema), false, rows, batch.sort_keys().clone())?)
}
