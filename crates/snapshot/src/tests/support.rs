use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use alluvium_env::{Env, SimulatedClock};
use alluvium_format::{JobRef, Manifest, OperatorEntry, Profile, RunRef, TableEntry};
use alluvium_model::source::{Damage, Scan};
use alluvium_model::{
    ElementType, KeyGroup, KeyGroupFunction, KeyGroupRange, LogicalType, MaxParallelism, Op, OperatorId,
    OperatorUid, Role, Row, RowBatch, RowBatchBuilder, SnapshotSource, StateKind, StateSchema, Value,
    canonical, column,
};
use alluvium_store::{MemoryStore, Store, block_on};

use crate::{JobRoot, Published, RunSpec, RunsWriter, Snapshot};

pub(super) const GROUPS: u32 = 8;
pub(super) const UID: &str = "airports";
pub(super) const STATE: &str = "visits";

pub(super) type Contents = BTreeMap<(i64, i64), Vec<u8>>;

/// One operation on the map state of the tests.
#[derive(Debug, Clone)]
pub(super) enum Do {
    Put(i64, i64, Vec<u8>),
    Delete(i64, i64),
    Clear(i64),
}

impl Do {
    pub(super) fn key(&self) -> i64 {
        match self {
            Do::Put(key, ..) | Do::Delete(key, _) | Do::Clear(key) => *key,
        }
    }
}

pub(super) fn operator() -> OperatorId {
    OperatorUid::new(UID).id()
}

pub(super) fn schema() -> Arc<StateSchema> {
    let schema = StateSchema::new(STATE, StateKind::Map)
        .with_key(LogicalType::Int64)
        .with_map_key(LogicalType::Int64)
        .with_value(ElementType::required(LogicalType::Bytes));
    Arc::new(schema)
}

pub(super) fn group_of(key: i64) -> KeyGroup {
    let (key, ty) = (Value::Int(key), LogicalType::Int64);
    let bytes = canonical::to_bytes(&key, &ty).unwrap();
    KeyGroupFunction::JavaHash.place(&key, &ty, &bytes, MaxParallelism::new(GROUPS).unwrap()).unwrap()
}

pub(super) fn batch(deltas: bool, rows: &[Do]) -> RowBatch {
    let mut builder = RowBatchBuilder::new(schema(), deltas);
    for row in rows {
        let (op, key, map_key, value) = match row {
            Do::Put(key, map_key, value) => {
                (Op::Put, *key, Value::Int(*map_key), Value::Bytes(value.clone()))
            }
            Do::Delete(key, map_key) => (Op::Delete, *key, Value::Int(*map_key), Value::Null),
            Do::Clear(key) => (Op::Clear, *key, Value::Null, Value::Null),
        };
        let key_group = group_of(key);
        let key = Value::Int(key);
        builder.push(Row { op, key_group, key, map_key, value, ..Row::default() }).unwrap();
    }
    builder.finish().unwrap()
}

pub(super) fn puts(keys: std::ops::Range<i64>, value: &str) -> Vec<Do> {
    keys.flat_map(|key| (0..2).map(move |m| (key, m))).map(|(k, m)| Do::Put(k, m, value.into())).collect()
}

/// Applies operations as a run does: clears first, then the rest.
pub(super) fn apply(contents: &mut Contents, rows: &[Do]) {
    for row in rows {
        if let Do::Clear(key) = row {
            contents.retain(|(k, _), _| k != key);
        }
    }
    for row in rows {
        match row {
            Do::Put(key, map_key, value) => drop(contents.insert((*key, *map_key), value.clone())),
            Do::Delete(key, map_key) => drop(contents.remove(&(*key, *map_key))),
            Do::Clear(_) => {}
        }
    }
}

/// Bytes that no compression makes smaller.
pub(super) fn noise(len: usize, seed: u64) -> Vec<u8> {
    use alluvium_env::{Random, SeededRandom};
    let random = SeededRandom::new(seed);
    (0..len.div_ceil(8)).flat_map(|_| random.next_u64().to_le_bytes()).take(len).collect()
}

/// A job's root in memory, whose time the test moves.
pub(super) struct World {
    pub(super) memory: MemoryStore,
    pub(super) clock: Arc<SimulatedClock>,
    pub(super) env: Env,
}

impl World {
    pub(super) fn new() -> Self {
        let clock = Arc::new(SimulatedClock::default());
        let memory = MemoryStore::with_clock(clock.clone());
        World { memory, env: Env::simulated_with_clock(7, clock.clone()), clock }
    }

    pub(super) fn store(&self) -> Arc<dyn Store> {
        Arc::new(self.memory.clone())
    }

    pub(super) fn root(&self) -> JobRoot {
        JobRoot::new(self.store(), self.env.clone())
    }
}

pub(super) fn run_spec(base: bool, sequence: (u32, u32)) -> RunSpec {
    let clip = KeyGroupRange::new(0, GROUPS);
    RunSpec { table: 0, schema: schema(), schema_id: 0, base, sequence, clip, subtask: None }
}

/// Writes operations as one run.
pub(super) async fn write_run(
    store: &Arc<dyn Store>,
    env: &Env,
    sequence: u32,
    base: bool,
    rows: &[Do],
) -> crate::Result<Vec<RunRef>> {
    let mut writer = RunsWriter::new(Arc::clone(store), Arc::clone(&env.ids));
    writer.begin(run_spec(base, (sequence, sequence))).await?;
    writer.write(&batch(!base, rows)).await?;
    Ok(writer.finish().await?.into_iter().map(|(_, run)| run).collect())
}

/// Makes a checkpoint's manifest of runs.
pub(super) fn checkpoint(attempt: u64, checkpoint_id: u64, runs: Vec<RunRef>) -> Manifest {
    let mut manifest = Manifest::new(Profile::Checkpoint, JobRef { id: "job".into(), name: "test".into() });
    (manifest.attempt, manifest.checkpoint_id) = (attempt, checkpoint_id);
    manifest.intern_schema(&schema());
    let sequence_max = runs.iter().map(|run| run.sequence.1).max().unwrap_or(0);
    manifest.operators.push(OperatorEntry {
        id: operator(),
        uid: Some(OperatorUid::new(UID)),
        name: None,
        parallelism: 1,
        max_parallelism: GROUPS,
        key_group_function: KeyGroupFunction::JavaHash,
        sequence_max,
        tables: vec![TableEntry { schema_id: 0, runs, digest: None, entries: None }],
    });
    manifest
}

pub(super) async fn publish(
    root: &JobRoot,
    attempt: u64,
    id: u64,
    runs: Vec<RunRef>,
) -> crate::Result<Published> {
    root.publish(checkpoint(attempt, id, runs)).await
}

pub(super) fn runs_of(published: &Published) -> Vec<RunRef> {
    published.manifest.operators[0].tables[0].runs.clone()
}

pub(super) fn read(snapshot: &Snapshot, scan: &Scan) -> Contents {
    let mut stream = snapshot.scan(scan).unwrap();
    let mut contents = Contents::new();
    while let Some(batch) = stream.next_batch().unwrap() {
        assert!(!batch.is_empty());
        collect(&batch, &mut contents);
    }
    contents
}

pub(super) fn collect(batch: &RowBatch, contents: &mut Contents) {
    let value = |role, ty: &LogicalType, row| column::value_at(batch.column(role).unwrap(), ty, row).unwrap();
    for row in 0..batch.len() {
        let (Value::Int(key), Value::Int(map_key), Value::Bytes(value)) = (
            value(Role::Key, &LogicalType::Int64, row),
            value(Role::MapKey, &LogicalType::Int64, row),
            value(Role::Value, &LogicalType::Bytes, row),
        ) else {
            panic!("a row of other types")
        };
        assert!(contents.insert((key, map_key), value).is_none(), "a row came twice");
    }
}

pub(super) fn contents(snapshot: &Snapshot) -> Contents {
    read(snapshot, &Scan::all(operator(), STATE))
}

pub(super) fn damages(snapshot: &Snapshot) -> Vec<Damage> {
    let mut found = Vec::new();
    snapshot
        .verify(&mut |damage| {
            found.push(damage);
            ControlFlow::Continue(())
        })
        .unwrap();
    found
}

#[track_caller]
pub(super) fn assert_sound(snapshot: &Snapshot) {
    let found = damages(snapshot);
    assert!(found.is_empty(), "{found:#?}");
}

pub(super) fn latest(root: &JobRoot) -> Option<Snapshot> {
    block_on(async {
        let name = root.latest().await.unwrap()?;
        Some(root.open(name).await.unwrap())
    })
}
