//! Rules for writers that only a running job can break.

use std::ops::Range;
use std::sync::{Arc, Mutex};

use alluvium_dataflow::testing::{Collected, VecSource};
use alluvium_dataflow::{Declare, Job, JobBuilder, KeyedContext, KeyedProcess, OperatorResult, Timer};
use alluvium_env::{Env, SimulatedClock};
use alluvium_format::{BODY_BYTES_MAX, Manifest, RunRef, decode, reach};
use alluvium_model::source::Scan;
use alluvium_model::typed::key_group;
use alluvium_model::{Op, Role, SnapshotSource, Value, column, spec};
use alluvium_runtime::{
    CheckpointConfig, ClaimMode, Error, JobHandle, JobState, Places, RestartStrategy, Restore, RunConfig,
    Runtime, SavepointFormat, Scheduler, SeededScheduler, SteppedStore, TriggerStatus,
};
use alluvium_snapshot::Snapshot;
use alluvium_state::{BackendOptions, KeyedStates, ValueState};
use alluvium_store::{Entry, MemoryStore, ObjectPath, ObjectWriter, Pending, Store, SubStore, block_on};
use alluvium_testkit::mutate::Numbers;
use bytes::Bytes;

const SPLITS: usize = 4;
const MOST_STEPS: u64 = 2_000_000;

/// A store that looks at every manifest in the moment in which it is created.
#[derive(Debug, Clone, Default)]
struct Watched {
    inner: MemoryStore,
    manifests: Arc<Mutex<Vec<(String, Manifest)>>>,
    /// What was wrong with them; a panic within a store call would only fail a task.
    faults: Arc<Mutex<Vec<String>>>,
}

impl Watched {
    /// Looks whether everything that a manifest names is there before it, and whether its sources
    /// have given as many records as its keys have counted.
    fn look(&self, path: &ObjectPath, bytes: &[u8]) {
        let Some((folder, _)) = path.as_str().rsplit_once('/') else { return };
        let Ok(manifest) = decode(bytes, BODY_BYTES_MAX) else { return };
        let root = folder.strip_suffix("/checkpoints").unwrap_or(folder);
        let fault = |what: String| self.faults.lock().unwrap().push(format!("{path}: {what}"));
        for object in reach::references(&manifest).filter(|object| object.root == 0) {
            let place = ObjectPath::new(format!("{root}/{}", object.name)).unwrap();
            if block_on(self.inner.size(&place)).unwrap() != Some(object.size) {
                fault(format!("no {place}"));
            }
        }
        if manifest.roots.len() == 1 {
            let root = SubStore::new(Arc::new(self.inner.clone()), ObjectPath::new(root).unwrap());
            let snapshot = block_on(Snapshot::of(Arc::new(root), manifest.clone())).unwrap();
            let (given, counted) = (sum(&snapshot, "source-positions", 1), sum(&snapshot, "count", 0));
            if given != counted {
                fault(format!("{given} records given, {counted} counted"));
            }
        }
        self.manifests.lock().unwrap().push((path.to_string(), manifest));
    }

    /// Manifests of the checkpoints of an attempt, in the order in which they were created.
    fn checkpoints(&self, attempt: u64) -> Vec<Manifest> {
        let all = self.manifests.lock().unwrap();
        let wanted = all
            .iter()
            .filter(|(path, manifest)| path.contains("/checkpoints/") && manifest.attempt == attempt);
        wanted.map(|(_, manifest)| manifest.clone()).collect()
    }
}

impl Store for Watched {
    fn get<'a>(&'a self, path: &'a ObjectPath) -> Pending<'a, Bytes> {
        self.inner.get(path)
    }
    fn get_ranges<'a>(&'a self, path: &'a ObjectPath, ranges: &'a [Range<u64>]) -> Pending<'a, Vec<Bytes>> {
        self.inner.get_ranges(path, ranges)
    }
    fn size<'a>(&'a self, path: &'a ObjectPath) -> Pending<'a, Option<u64>> {
        self.inner.size(path)
    }
    fn create<'a>(&'a self, path: &'a ObjectPath, bytes: Bytes) -> Pending<'a, ()> {
        if path.as_str().ends_with(".manifest") {
            self.look(path, &bytes);
        }
        self.inner.create(path, bytes)
    }
    fn writer<'a>(&'a self, path: &'a ObjectPath) -> Pending<'a, Box<dyn ObjectWriter>> {
        self.inner.writer(path)
    }
    fn list<'a>(&'a self, prefix: &'a str) -> Pending<'a, Vec<Entry>> {
        self.inner.list(prefix)
    }
    fn delete<'a>(&'a self, path: &'a ObjectPath) -> Pending<'a, ()> {
        self.inner.delete(path)
    }
}

/// Adds up one field of the values of a state.
fn sum(snapshot: &Snapshot, state: &str, field: usize) -> i64 {
    let operators = &snapshot.describe().operators;
    let states = operators.iter().flat_map(|o| o.states.iter().map(|s| (o.id, &s.schema)));
    let mut sum = 0;
    for (operator, schema) in states.filter(|(_, schema)| schema.name == state) {
        let ty = &schema.value.as_ref().unwrap().ty;
        let mut rows = snapshot.scan(&Scan::all(operator, state)).unwrap();
        while let Some(batch) = rows.next_batch().unwrap() {
            for row in 0..batch.len() {
                let value = column::value_at(batch.column(Role::Value).unwrap(), ty, row).unwrap();
                let Value::Struct(fields) = value else { panic!("{value:?}") };
                sum += match fields[field] {
                    Value::Int(number) => number,
                    Value::UInt(number) => number as i64,
                    ref other => panic!("{other:?}"),
                };
            }
        }
    }
    sum
}

/// Folders of one store.
struct Folders(Arc<dyn Store>);

impl Places for Folders {
    fn open(&self, location: &str) -> Result<Arc<dyn Store>, Error> {
        Ok(Arc::new(SubStore::new(Arc::clone(&self.0), ObjectPath::new(location).unwrap())))
    }

    fn locate(&self, location: &str) -> Result<(Arc<dyn Store>, ObjectPath, String), Error> {
        Ok((self.open(location)?, ObjectPath::new("savepoint.manifest").unwrap(), location.to_owned()))
    }
}

/// Counts the records of each key, and keeps noise with the count, so that runs are not small.
struct Count(ValueState<(i64, Vec<u8>)>);

impl KeyedProcess for Count {
    type Key = i64;
    type In = i64;
    type Out = i64;

    fn process(&mut self, _: i64, ctx: &mut KeyedContext<'_, i64, i64>) -> OperatorResult {
        let count = self.0.get(ctx).map_or(0, |(count, _)| count) + 1;
        let mut numbers = Numbers::new((*ctx.key() << 32 | count) as u64);
        let noise = (0..25).flat_map(|_| numbers.next_u64().to_le_bytes()).collect();
        self.0.set(ctx, (count, noise));
        ctx.emit(count);
        Ok(())
    }

    fn on_timer(&mut self, _: Timer, _: &mut KeyedContext<'_, i64, i64>) -> OperatorResult {
        Ok(())
    }
}

fn job(each: i64) -> Job {
    let split = |s: i64| (0..each).map(|i| ((i * 7 + s) % 301, i)).collect::<Vec<_>>();
    let builder = JobBuilder::new("counts");
    builder
        .source(VecSource::of_splits((0..SPLITS as i64).map(split).collect()))
        .uid("numbers")
        .key_by(|n: &i64| *n)
        .process(|states: &mut Declare<i64>| Count(states.value("count")))
        .uid("counts")
        .sink(Collected::new().sink())
        .uid("out");
    builder.build().unwrap()
}

fn config(parallelism: u32) -> RunConfig {
    RunConfig {
        parallelism,
        restore: Restore::Latest,
        checkpoints: CheckpointConfig {
            interval_ms: Some(5),
            tolerable_failures: 3,
            ..CheckpointConfig::default()
        },
        restart: RestartStrategy::FixedDelay { attempts: 1000, delay_ms: 1 },
        channel_capacity: 4,
        ..RunConfig::default()
    }
}

/// Starts a process of the job in `root`.
fn start(
    watched: &Watched,
    root: &str,
    job: &Job,
    config: RunConfig,
    seed: u64,
    faults: u64,
) -> (Arc<SeededScheduler>, JobHandle) {
    let clock = Arc::new(SimulatedClock::default());
    let env = Env::simulated_with_clock(seed, Arc::clone(&clock));
    let scheduler = SeededScheduler::new(seed, clock);
    let stepped = SteppedStore::new(Arc::new(watched.clone()), Arc::clone(&env.random));
    let store: Arc<dyn Store> = Arc::new(stepped.failing_one_in(faults));
    let folder: Arc<dyn Store> = Arc::new(SubStore::new(Arc::clone(&store), ObjectPath::new(root).unwrap()));
    let runtime = Runtime::new(Arc::clone(&scheduler) as Arc<dyn Scheduler>, env, Arc::new(Folders(store)));
    let handle = runtime.start(job, config, folder, root);
    (scheduler, handle)
}

fn finish(watched: &Watched, root: &str, job: &Job, config: RunConfig, seed: u64, faults: u64) -> JobHandle {
    let (scheduler, handle) = start(watched, root, job, config, seed, faults);
    let ended = scheduler.run_until(MOST_STEPS, || handle.state().is_terminal());
    assert!(ended, "seed {seed}: {:?}", handle.status());
    handle
}

fn runs(manifest: &Manifest) -> impl Iterator<Item = (u32, &RunRef)> {
    let keyed = manifest.operators.iter().flat_map(|operator| {
        let runs = operator.tables.iter().flat_map(|table| &table.runs);
        runs.map(|run| (operator.sequence_max, run))
    });
    keyed.filter(|(_, run)| run.sequence.0 > 0)
}

#[test]
fn after_a_restore_subtasks_count_on_above_the_largest_sequence() {
    spec!("SEQ-4");
    let (watched, job) = (Watched::default(), job(400));
    let (scheduler, handle) = start(&watched, "root", &job, config(2), 1, 0);
    assert!(scheduler.run_until(MOST_STEPS, || handle.checkpoints().completed >= 3));
    scheduler.crash();
    let restored = watched.checkpoints(1).pop().unwrap();
    let largest = runs(&restored).map(|(largest, _)| largest).max().unwrap();
    assert!(largest >= 2);

    assert_eq!(finish(&watched, "root", &job, config(3), 2, 0).state(), JobState::Finished);
    let after = watched.checkpoints(2);
    let known: Vec<_> = runs(&restored).map(|(_, run)| run.place.clone()).collect();
    let fresh = |run: &RunRef| run.sequence.0 == run.sequence.1 && !known.contains(&run.place);
    let fresh: Vec<_> =
        after.iter().flat_map(runs).filter(|(_, run)| fresh(run)).map(|(_, run)| run.sequence.0).collect();
    assert!(!fresh.is_empty());
    assert!(fresh.iter().all(|sequence| *sequence > largest), "{fresh:?} after {largest}");
}

#[test]
fn a_manifest_is_made_of_complete_checkpoints_only() {
    spec!("PUB-1", "PUB-3");
    let mut published = 0;
    for seed in 0..8 {
        let (watched, job) = (Watched::default(), job(150));
        finish(&watched, "root", &job, config(1 + seed as u32 % 3), seed, 60);
        assert!(watched.faults.lock().unwrap().is_empty(), "seed {seed}: {:?}", watched.faults);
        published += watched.manifests.lock().unwrap().len();
    }
    assert!(published > 8, "only {published} manifests");
}

#[test]
fn a_job_restored_without_claim_refers_to_nothing_outside_its_root() {
    spec!("ROOT-2");
    let (watched, job) = (Watched::default(), job(1500));
    let (scheduler, handle) = start(&watched, "old", &job, config(2), 3, 0);
    assert!(scheduler.run_until(MOST_STEPS, || handle.checkpoints().completed >= 2));
    let trigger = handle.stop(Some("saved".into()), false, SavepointFormat::Native);
    assert!(scheduler.run_until(MOST_STEPS, || handle.state().is_terminal()));
    let Some(TriggerStatus::Completed { path, .. }) = handle.trigger(trigger) else {
        panic!("{:?}", handle.trigger(trigger))
    };
    watched.manifests.lock().unwrap().clear();
    let next = RunConfig { restore: Restore::From(path), claim: ClaimMode::NoClaim, ..config(2) };
    assert_eq!(finish(&watched, "new", &job, next, 4, 0).state(), JobState::Finished);
    let checkpoints = watched.checkpoints(1);
    assert!(checkpoints.iter().any(|manifest| reach::references(manifest).next().is_some()));
    for manifest in checkpoints {
        assert!(!manifest.is_borrowing(), "checkpoint {}", manifest.checkpoint_id);
    }
}

#[test]
fn a_root_with_checkpoints_is_refused_by_a_new_job() {
    spec!("FENCE-5");
    let (watched, job) = (Watched::default(), job(100));
    assert_eq!(finish(&watched, "root", &job, config(1), 5, 0).state(), JobState::Finished);
    let before = watched.manifests.lock().unwrap().len();
    let fresh = RunConfig { restore: Restore::None, ..config(1) };
    assert_eq!(finish(&watched, "root", &job, fresh, 6, 0).state(), JobState::Failed);
    assert_eq!(watched.manifests.lock().unwrap().len(), before);
}

#[test]
fn replacing_a_list_is_a_clear_and_its_elements_in_one_run() {
    spec!("LIST-3");
    let mut states = KeyedStates::<i64>::new();
    let list = states.list::<i64>("list");
    let mut backend = states.into_backend(BackendOptions::default());
    backend.set_current_key(&1i64, key_group(&1i64, BackendOptions::default().max_parallelism));
    list.add_all(backend.host(), [1, 2, 3]);
    let frozen = backend.freeze().unwrap();
    let id = frozen.id;
    drop(frozen);
    backend.durable(id);
    while backend.absorb(100) {}
    list.update(backend.host(), vec![4, 5]);
    let frozen = backend.freeze().unwrap();
    let ops = |batch: alluvium_model::RowBatch| (0..batch.len()).map(|row| batch.op(row)).collect::<Vec<_>>();
    let found: Vec<Op> =
        frozen.tables.iter().flat_map(|t| t.rows(10)).flat_map(|b| ops(b.unwrap())).collect();
    assert_eq!(found, [Op::Clear, Op::Put, Op::Put]);
}
