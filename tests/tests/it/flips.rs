//! Every flip and every cut of the objects of a snapshot is detected, and none is silently read.
//!
//! Spec: DIGEST-1 to DIGEST-5, PRE-3, PRE-6, PRE-7.

use std::ops::{ControlFlow, Range};
use std::sync::Arc;

use alluvium_env::Env;
use alluvium_format::{Blocks, JobRef, Manifest, OperatorEntry, Profile, RunRef, TableEntry, reach};
use alluvium_model::source::Scan;
use alluvium_model::{
    ElementType, KeyGroup, KeyGroupFunction, KeyGroupRange, LogicalType, MaxParallelism, OperatorUid, Row,
    RowBatch, RowBatchBuilder, SnapshotSource, StateKind, StateSchema, Value, canonical, spec,
};
use alluvium_snapshot::{JobRoot, RunSpec, RunsWriter, Snapshot};
use alluvium_store::{MemoryStore, ObjectPath, Store, block_on};
use alluvium_testkit::fixtures::{self, Case};
use alluvium_testkit::mutate::Numbers;
use bytes::Bytes;

/// Snapshots up to this size are damaged everywhere.
const EXHAUSTIVE_BYTES: usize = 16 * 1024;
/// Damages of a larger one.
const STRIDE_COUNT: usize = 120;

/// One table's rows.
type Rows = Vec<RowBatch>;

fn open(store: &MemoryStore, manifest: &ObjectPath) -> Result<Snapshot, alluvium_snapshot::Error> {
    block_on(Snapshot::open(Arc::new(store.clone()), manifest))
}

/// The rows of every table that can be read; an error for one that cannot.
fn tables(snapshot: &Snapshot) -> Vec<Result<Rows, String>> {
    let operators = &snapshot.describe().operators;
    let states = operators.iter().flat_map(|o| o.states.iter().map(|s| (o.id, s.schema.name.clone())));
    states.map(|(id, name)| rows(snapshot, &Scan::all(id, &name))).collect()
}

fn rows(snapshot: &Snapshot, scan: &Scan) -> Result<Rows, String> {
    let mut stream = snapshot.scan(scan).map_err(|e| e.to_string())?;
    let mut batches = Vec::new();
    while let Some(batch) = stream.next_batch().map_err(|e| e.to_string())? {
        batches.push(batch);
    }
    Ok(batches)
}

fn same(a: &Rows, b: &Rows) -> bool {
    let same = |(a, b): (&RowBatch, &RowBatch)| a.sort_keys() == b.sort_keys() && a.rows() == b.rows();
    a.len() == b.len() && a.iter().zip(b).all(same)
}

fn is_reported(snapshot: &Snapshot) -> bool {
    let mut found = false;
    let done = snapshot.verify(&mut |_| {
        found = true;
        ControlFlow::Break(())
    });
    found || done.is_err()
}

/// A snapshot to be damaged, and what it holds while sound.
struct Subject {
    case: Case,
    store: MemoryStore,
    manifest: Manifest,
    rows: Vec<Rows>,
}

impl Subject {
    fn new(case: Case) -> Self {
        let store = case.store();
        let snapshot = open(&store, &case.manifest).unwrap();
        assert!(!is_reported(&snapshot), "{}", case.name);
        let rows = tables(&snapshot).into_iter().map(Result::unwrap).collect();
        Subject { manifest: snapshot.manifest().as_ref().clone(), case, store, rows }
    }

    /// Damages one object, asserts that it is noticed and that no reader is deceived.
    fn check(&self, path: &ObjectPath, damaged: Bytes, must_notice: bool, what: &dyn Fn() -> String) {
        let store = self.store.fork();
        store.overwrite(path, damaged);
        let Ok(snapshot) = open(&store, &self.case.manifest) else { return };
        let told = || format!("{}: {path} {}", self.case.name, what());
        assert!(path != &self.case.manifest, "{} opens", told());
        assert!(!must_notice || is_reported(&snapshot), "{} is not reported", told());
        for (found, wanted) in tables(&snapshot).iter().zip(&self.rows) {
            assert!(found.as_ref().map_or(true, |found| same(found, wanted)), "{} gives other rows", told());
        }
    }

    fn flip(&self, path: &ObjectPath, bytes: &Bytes, at: usize, mask: u8) {
        let mut damaged = bytes.to_vec();
        damaged[at] ^= mask;
        let must_notice = *path == self.case.manifest || self.is_part(path, at..at + 1);
        self.check(path, damaged.into(), must_notice, &|| format!("byte {at} ^ {mask:#04x}"));
    }

    fn cut(&self, path: &ObjectPath, bytes: &Bytes, length: usize) {
        let must_notice = *path == self.case.manifest || self.is_part(path, length..bytes.len());
        self.check(path, bytes.slice(..length), must_notice, &|| format!("cut at {length}"));
    }

    /// Returns whether some of the bytes belong to the snapshot. All bytes of an object do; a pack
    /// of lists of block digests may hold lists of others.
    fn is_part(&self, path: &ObjectPath, bytes: Range<usize>) -> bool {
        reach::references(&self.manifest).into_iter().any(|object| {
            let list = match &object.blocks {
                Blocks::Listed { object_name, offset, length, .. } if object_name == path.as_str() => {
                    *offset < bytes.end as u64 && (bytes.start as u64) < offset + length
                }
                _ => false,
            };
            object.name == path.as_str() || list
        })
    }
}

/// Runs work on both halves of the subjects at once.
fn in_parallel(subjects: Vec<Subject>, work: impl Fn(&Subject) -> usize + Sync) -> usize {
    let queue = std::sync::Mutex::new(subjects);
    let done = std::sync::atomic::AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while let Some(subject) = { queue.lock().unwrap().pop() } {
                    done.fetch_add(work(&subject), std::sync::atomic::Ordering::Relaxed);
                }
            });
        }
    });
    done.into_inner()
}

#[test]
fn every_flip_and_every_cut_of_golden_snapshots_is_detected() {
    spec!("DIGEST-1", "DIGEST-2", "DIGEST-3", "DIGEST-4", "DIGEST-5", "PRE-3", "PRE-6", "PRE-7");
    let size = |case: &Case| case.files.iter().map(|(_, bytes)| bytes.len()).sum::<usize>();
    let mut cases = fixtures::valid();
    cases.sort_by_key(size);
    assert!(cases.iter().all(|case| size(case) <= EXHAUSTIVE_BYTES), "goldens are small");
    let subjects: Vec<_> = cases.into_iter().map(Subject::new).collect();
    let count = in_parallel(subjects, |subject| {
        let mut count = 0;
        for (path, bytes) in &subject.case.files {
            for at in 0..bytes.len() {
                subject.flip(path, bytes, at, 0x01);
                subject.flip(path, bytes, at, 0x80);
                subject.cut(path, bytes, at);
                count += 3;
            }
        }
        count
    });
    println!("{count} damages");
    assert!(count > 100_000);
}

#[test]
fn flips_and_cuts_of_a_large_checkpoint_are_detected_at_a_seeded_stride() {
    spec!("DIGEST-1", "DIGEST-3", "DIGEST-5", "PUB-4");
    let subject = Subject::new(large());
    let sizes: Vec<_> = subject.case.files.iter().map(|(_, bytes)| bytes.len()).collect();
    assert!(sizes.iter().any(|size| *size > 1 << 20), "an object with a list of blocks: {sizes:?}");
    let seed = 9;
    let mut numbers = Numbers::new(seed);
    for (path, bytes) in &subject.case.files {
        let stride = (bytes.len() / STRIDE_COUNT).max(1);
        let start = numbers.below(stride);
        println!("{path}: {} bytes, seed {seed}, every {stride} bytes from {start}", bytes.len());
        for at in (start..bytes.len()).step_by(stride) {
            subject.flip(path, bytes, at, 1 << numbers.below(8));
            subject.cut(path, bytes, at);
        }
    }
}

/// A checkpoint of a base run of more than 1 MiB and a delta run in the manifest.
fn large() -> Case {
    let (store, env) = (MemoryStore::new(), Env::simulated(3));
    let shared: Arc<dyn Store> = Arc::new(store.clone());
    let root = JobRoot::new(Arc::clone(&shared), env.clone());
    let schema = Arc::new(
        StateSchema::new("pictures", StateKind::Value)
            .with_key(LogicalType::Int64)
            .with_value(ElementType::required(LogicalType::Bytes)),
    );
    let mut numbers = Numbers::new(4);
    let mut rows = |keys: Range<i64>, length: usize, deltas| {
        let mut builder = RowBatchBuilder::new(Arc::clone(&schema), deltas);
        for key in keys {
            let value = Value::Bytes((0..length).map(|_| numbers.next_u64() as u8).collect());
            let key_group = placed(key);
            builder.push(Row { key_group, key: Value::Int(key), value, ..Row::default() }).unwrap();
        }
        builder.finish().unwrap()
    };
    let batches = [(true, rows(0..300, 5000, false)), (false, rows(5..20, 20, true))];
    block_on(async {
        let attempt = root.claim().await.unwrap();
        let mut writer = RunsWriter::new(shared, Arc::clone(&env.ids));
        for ((base, batch), sequence) in batches.into_iter().zip(1..) {
            let clip = KeyGroupRange::new(0, GROUPS);
            let (schema, sequence) = (Arc::clone(&schema), (sequence, sequence));
            let spec = RunSpec { table: 0, schema, schema_id: 0, base, sequence, clip, subtask: None };
            writer.begin(spec).await.unwrap();
            writer.write(&batch).await.unwrap();
        }
        let runs = writer.finish().await.unwrap().into_iter().map(|(_, run)| run).collect();
        root.publish(checkpoint(attempt.number, &schema, runs)).await.unwrap();
    });
    let entries = block_on(store.list("")).unwrap();
    let mut files: Vec<_> = entries
        .into_iter()
        .map(|entry| (entry.path.clone(), block_on(store.get(&entry.path)).unwrap()))
        .collect();
    files.retain(|(path, _)| !path.as_str().starts_with("attempts/"));
    let manifest = files.iter().map(|(path, _)| path).find(|path| path.as_str().ends_with(".manifest"));
    Case { name: "large".into(), manifest: manifest.unwrap().clone(), files }
}

const GROUPS: u32 = 8;

fn placed(key: i64) -> KeyGroup {
    let (value, ty) = (Value::Int(key), LogicalType::Int64);
    let bytes = canonical::to_bytes(&value, &ty).unwrap();
    KeyGroupFunction::JavaHash.place(&value, &ty, &bytes, MaxParallelism::new(GROUPS).unwrap()).unwrap()
}

fn checkpoint(attempt: u64, schema: &Arc<StateSchema>, runs: Vec<RunRef>) -> Manifest {
    let mut manifest = Manifest::new(Profile::Checkpoint, JobRef { id: "job".into(), name: "large".into() });
    (manifest.attempt, manifest.checkpoint_id) = (attempt, 1);
    manifest.intern_schema(schema);
    let uid = OperatorUid::new("gallery");
    manifest.operators.push(OperatorEntry {
        id: uid.id(),
        uid: Some(uid),
        name: None,
        parallelism: 1,
        max_parallelism: GROUPS,
        key_group_function: KeyGroupFunction::JavaHash,
        sequence_max: 2,
        tables: vec![TableEntry { schema_id: 0, runs, digest: None, entries: None }],
    });
    manifest
}
