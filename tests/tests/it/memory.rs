//! Merges are bounded in memory, counted by the allocator.

use std::path::Path;
use std::sync::Arc;

use alluvium_env::Env;
use alluvium_format::{JobRef, Manifest, OperatorEntry, Profile, RunRef, TableEntry, runs};
use alluvium_model::evolution::assign_field_ids;
use alluvium_model::{
    ElementType, Field, KeyGroup, KeyGroupFunction, KeyGroupRange, LogicalType, OperatorUid, Row,
    RowBatchBuilder, StateKind, StateSchema, StructType, Value, spec,
};
use alluvium_snapshot::{
    MergeRequest, ObjectReader, RunSpec, RunsWriter, SavepointOptions, Snapshot, merge_runs, write_savepoint,
};
use alluvium_store::{LocalStore, Store, block_on};
use alluvium_testkit::allocation::peak_of;
use alluvium_testkit::mutate::Numbers;

const GROUPS: u16 = 16;
/// Runs of one key group, as many as a checkpoint may have.
const RUNS: u32 = 8;
/// Rows of each run; together they are larger than a merge may be.
const ROWS: usize = 80_000;
const VALUE_BYTES: usize = 128;
const MERGE_BYTES_MAX: usize = 64 << 20;

fn schema() -> Arc<StateSchema> {
    let schema = StateSchema::new("sessions", StateKind::Value)
        .with_key(LogicalType::Int64)
        .with_value(ElementType::required(LogicalType::Bytes));
    Arc::new(schema)
}

fn store(path: &Path) -> Arc<dyn Store> {
    Arc::new(LocalStore::create_dir(path).unwrap())
}

/// Writes a run of random keys with values that no compression makes smaller.
async fn run(store: &Arc<dyn Store>, env: &Env, sequence: u32) -> Vec<RunRef> {
    let schema = schema();
    let clip = KeyGroupRange::new(0, GROUPS.into());
    let base = sequence == 1;
    let sequence = (sequence, sequence);
    let spec =
        RunSpec { table: 0, schema: Arc::clone(&schema), schema_id: 0, base, sequence, clip, subtask: None };
    let mut writer = RunsWriter::new(Arc::clone(store), Arc::clone(&env.ids));
    writer.begin(spec).await.unwrap();
    let mut numbers = Numbers::new(sequence.0.into());
    for group in 0..GROUPS {
        let mut rows = RowBatchBuilder::new(Arc::clone(&schema), !base);
        let each = (i64::MAX / (ROWS as i64)) * i64::from(GROUPS);
        for key in 0..ROWS as i64 / i64::from(GROUPS) {
            let value = (0..VALUE_BYTES).map(|_| numbers.below(256) as u8).collect();
            let key = Value::Int(key * each + numbers.below(1 << 20) as i64);
            rows.push(Row { key_group: KeyGroup(group), key, value: Value::Bytes(value), ..Row::default() })
                .unwrap();
        }
        writer.write(&rows.finish().unwrap()).await.unwrap();
    }
    writer.finish().await.unwrap().into_iter().map(|(_, run)| run).collect()
}

fn manifest(schema: &Arc<StateSchema>, runs: Vec<RunRef>) -> Manifest {
    let mut manifest = Manifest::new(Profile::Checkpoint, JobRef { id: "job".into(), name: "memory".into() });
    let schema_id = manifest.intern_schema(schema);
    let uid = OperatorUid::new("visitors");
    manifest.operators.push(OperatorEntry {
        id: uid.id(),
        uid: Some(uid),
        name: None,
        parallelism: 1,
        max_parallelism: GROUPS.into(),
        key_group_function: KeyGroupFunction::Stored,
        sequence_max: runs.iter().map(|run| run.sequence.1).max().unwrap_or(0),
        tables: vec![TableEntry { schema_id, runs, digest: None, entries: None }],
    });
    manifest
}

#[test]
fn merges_take_less_memory_than_they_may_whatever_they_merge() {
    spec!("MERGE-1", "MERGE-5");
    let dir = tempfile::tempdir().unwrap();
    let env = Env::simulated(1);
    let root = store(&dir.path().join("root"));
    let all: Vec<RunRef> = block_on(async {
        let mut all = Vec::new();
        for sequence in 1..=RUNS {
            all.extend(run(&root, &env, sequence).await);
        }
        all
    });
    let bytes: u64 = all.iter().map(RunRef::bytes).sum();
    assert!(bytes > MERGE_BYTES_MAX as u64, "only {bytes} bytes are merged");

    let chosen: Vec<usize> = (1..all.len()).collect();
    let request = MergeRequest {
        operator: "visitors".into(),
        schema: schema(),
        schema_id: 0,
        schemas: vec![schema()],
        runs: all[1..].to_vec(),
        merged: runs::merged(&all, &chosen).unwrap(),
        as_of_ms: None,
        merge_bytes_max: MERGE_BYTES_MAX as u64,
    };
    let objects = ObjectReader::new(Arc::clone(&root));
    let (merged, peak) = peak_of(|| block_on(merge_runs(&objects, &env.ids, request)).unwrap());
    assert_eq!(merged.len(), 1);
    assert!(peak > 0 && peak <= MERGE_BYTES_MAX, "merging deltas: {peak} bytes");

    let source = block_on(Snapshot::of(root, manifest(&schema(), all))).unwrap();
    let directory = store(&dir.path().join("savepoint"));
    let options = SavepointOptions::default();
    let (written, peak) = peak_of(|| block_on(write_savepoint(&source, directory, &env, &options)).unwrap());
    assert!(written.operators[0].tables[0].entries.is_some_and(|entries| entries > ROWS as u64));
    assert!(peak <= MERGE_BYTES_MAX, "a savepoint: {peak} bytes");
    println!("{bytes} bytes merged, at most {peak} bytes of memory");
}

/// Leaf columns of a wide state, key and key group among them.
const LEAVES: usize = 26;
const WIDE_RUNS: u32 = 40;
const WIDE_ROWS: i64 = 8192;
/// Enough for two runs at once, each with three pages per leaf column.
const WIDE_BYTES_MAX: u64 = 16 << 20;
/// What is held besides: a row group while it is written, and the blocks and objects read last.
const BESIDES: usize = 24 << 20;

fn wide_schema() -> Arc<StateSchema> {
    let field = |n| Field::new(0, format!("f{n}"), ElementType::required(LogicalType::Int64));
    let fields = (2..LEAVES).map(field);
    let schema = StateSchema::new("profiles", StateKind::Value)
        .with_key(LogicalType::Int64)
        .with_value(ElementType::required(LogicalType::Struct(StructType { fields: fields.collect() })));
    Arc::new(assign_field_ids(&schema, None))
}

/// Writes a run with one page of random numbers per leaf column, over keys that other runs have too.
async fn wide_run(store: &Arc<dyn Store>, env: &Env, sequence: u32) -> Vec<RunRef> {
    let (schema, base) = (wide_schema(), sequence == 1);
    let spec = RunSpec {
        table: 0,
        schema: Arc::clone(&schema),
        schema_id: 0,
        base,
        sequence: (sequence, sequence),
        clip: KeyGroupRange::new(0, 1),
        subtask: None,
    };
    let mut writer = RunsWriter::new(Arc::clone(store), Arc::clone(&env.ids));
    writer.begin(spec).await.unwrap();
    let mut numbers = Numbers::new(sequence.into());
    let mut rows = RowBatchBuilder::new(Arc::clone(&schema), !base);
    for key in 0..WIDE_ROWS {
        let key = Value::Int(key * 8 + i64::from(sequence % 8));
        let value = (2..LEAVES).map(|_| Value::Int(numbers.below(usize::MAX) as i64)).collect();
        rows.push(Row { key_group: KeyGroup(0), key, value: Value::Struct(value), ..Row::default() })
            .unwrap();
    }
    writer.write(&rows.finish().unwrap()).await.unwrap();
    writer.finish().await.unwrap().into_iter().map(|(_, run)| run).collect()
}

#[test]
fn more_runs_and_columns_than_fit_are_merged_in_passes() {
    spec!("MERGE-5", "MERGE-8", "MERGE-9");
    let dir = tempfile::tempdir().unwrap();
    let env = Env::simulated(1);
    let root = store(&dir.path().join("root"));
    let mut all: Vec<RunRef> = Vec::new();
    for sequence in 1..=WIDE_RUNS {
        all.extend(block_on(wide_run(&root, &env, sequence)));
    }
    let files = |store: &Arc<dyn Store>| block_on(store.list("")).unwrap().len();
    let (before, chosen) = (files(&root), (1..all.len()).collect::<Vec<_>>());
    let mut merged = Vec::new();
    for merge_bytes_max in [MERGE_BYTES_MAX as u64 * 16, WIDE_BYTES_MAX] {
        let request = MergeRequest {
            operator: "visitors".into(),
            schema: wide_schema(),
            schema_id: 0,
            schemas: vec![wide_schema()],
            runs: all[1..].to_vec(),
            merged: runs::merged(&all, &chosen).unwrap(),
            as_of_ms: None,
            merge_bytes_max,
        };
        let objects = ObjectReader::new(Arc::clone(&root));
        let (runs, peak) = peak_of(|| block_on(merge_runs(&objects, &env.ids, request)).unwrap());
        merged.push((runs[0].rows, runs[0].rows_digest, runs[0].sequence, peak));
    }
    let [one, many] = merged.as_slice() else { panic!("two merges") };
    println!("in one pass {} bytes, in several {} bytes of memory", one.3, many.3);
    assert_eq!((one.0, one.1, one.2), (many.0, many.1, many.2));
    let bound = WIDE_BYTES_MAX as usize + BESIDES;
    assert!(one.3 > bound && many.3 <= bound, "{bound}");
    assert_eq!(files(&root), before + 2, "the two merged runs");

    let source = block_on(Snapshot::of(root, manifest(&wide_schema(), all))).unwrap();
    let directory = store(&dir.path().join("savepoint"));
    let options = SavepointOptions { merge_bytes_max: WIDE_BYTES_MAX, ..SavepointOptions::default() };
    let (written, peak) =
        peak_of(|| block_on(write_savepoint(&source, Arc::clone(&directory), &env, &options)));
    let entries = written.unwrap().operators[0].tables[0].entries;
    assert_eq!(entries, Some(WIDE_ROWS as u64 * 8));
    println!("a savepoint: {peak} bytes of memory");
    assert!(peak <= bound, "a savepoint: {peak} bytes");
}
