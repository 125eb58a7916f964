use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use alluvium_dataflow::testing::Collected;
use alluvium_env::{Clock, Env, SimulatedClock};
use alluvium_runtime::{
    CheckpointConfig, Error, JobHandle, Places, RestartStrategy, Restore, RunConfig, Runtime, Scheduler,
    SeededScheduler, SteppedStore,
};
use alluvium_snapshot::{JobRoot, Snapshot};
use alluvium_store::{MemoryStore, ObjectPath, Store, SubStore, block_on};

use super::job::{Sluice, job};
use super::{Line, Program, START_MS};

/// What outlives crashes: the store, what sinks wrote, and the program's clock.
pub(super) struct World {
    pub(super) store: Arc<dyn Store>,
    pub(super) out: Collected<Line>,
    now_ms: Arc<AtomicI64>,
}

/// One process that runs the job.
pub(super) struct Process {
    pub(super) scheduler: Arc<SeededScheduler>,
    pub(super) handle: JobHandle,
    pub(super) sluice: Arc<Sluice>,
    /// Time of the scheduler, in which steps, timeouts and delays count.
    pub(super) elapsed: Arc<SimulatedClock>,
}

/// Monotonic time of the scheduler, wall-clock time of the program.
#[derive(Debug)]
struct ProgramClock {
    now_ms: Arc<AtomicI64>,
    elapsed: Arc<SimulatedClock>,
}

impl Clock for ProgramClock {
    fn now_ms(&self) -> i64 {
        self.now_ms.load(Ordering::SeqCst)
    }

    fn monotonic_ns(&self) -> u64 {
        self.elapsed.monotonic_ns()
    }
}

impl World {
    pub(super) fn new() -> Self {
        let now_ms = Arc::new(AtomicI64::new(START_MS));
        World { store: Arc::new(MemoryStore::new()), out: Collected::new(), now_ms }
    }

    pub(super) fn set_time(&self, now_ms: i64) {
        self.now_ms.store(START_MS + now_ms, Ordering::SeqCst);
    }

    pub(super) fn start(&self, program: &Program, number: usize, restore: Restore) -> Process {
        let elapsed = Arc::new(SimulatedClock::starting_at(START_MS));
        let seed = program.seed.wrapping_mul(1000) + number as u64;
        let clock = ProgramClock { now_ms: Arc::clone(&self.now_ms), elapsed: Arc::clone(&elapsed) };
        let env = Env { clock: Arc::new(clock), ..Env::simulated_with_clock(seed, Arc::clone(&elapsed)) };
        let scheduler = SeededScheduler::new(seed, Arc::clone(&elapsed));
        let patient = number >= PATIENT_FROM;
        let faults = if patient { 0 } else { program.faults };
        let stepped = SteppedStore::new(Arc::clone(&self.store), Arc::clone(&env.random));
        let store: Arc<dyn Store> = Arc::new(stepped.failing_one_in(faults));
        let root = Arc::new(SubStore::new(Arc::clone(&store), folder(ROOT)));
        let sluice = Arc::new(Sluice::default());
        let job = job(program, &sluice, &self.out);
        let config = RunConfig {
            parallelism: program.parallelism[number % program.parallelism.len()],
            restore,
            checkpoints: CheckpointConfig {
                interval_ms: None,
                timeout_ms: if patient { 1_000_000 } else { program.timeout_ms },
                tolerable_failures: 1000,
                grace_ms: 0,
                ..CheckpointConfig::default()
            },
            restart: RestartStrategy::None,
            channel_capacity: program.capacity,
            ..RunConfig::default()
        };
        let units = Arc::clone(&scheduler) as Arc<dyn Scheduler>;
        let runtime = Runtime::new(units, env, Arc::new(Folders(store)));
        let handle = runtime.start(&job, config, root, ROOT);
        Process { scheduler, handle, sluice, elapsed }
    }

    /// Returns the newest complete checkpoint's id, and the path of its manifest.
    pub(super) fn latest(&self) -> Result<Option<(u64, String)>, String> {
        let root = Arc::new(SubStore::new(Arc::clone(&self.store), folder(ROOT)));
        let root = JobRoot::new(root, Env::simulated(0));
        let latest = block_on(root.latest()).map_err(|e| format!("listing checkpoints: {e}"))?;
        Ok(latest.map(|name| (name.checkpoint_id, format!("{ROOT}/checkpoints/{name}.manifest"))))
    }

    /// Opens a checkpoint by its manifest or a savepoint by its directory.
    pub(super) fn open(&self, path: &str) -> Result<Snapshot, String> {
        let (store, manifest) =
            match path.strip_prefix(&format!("{ROOT}/")).filter(|p| p.ends_with(".manifest")) {
                Some(manifest) => (SubStore::new(Arc::clone(&self.store), folder(ROOT)), folder(manifest)),
                None => (SubStore::new(Arc::clone(&self.store), folder(path)), folder("savepoint.manifest")),
            };
        block_on(Snapshot::open(Arc::new(store), &manifest)).map_err(|e| format!("opening {path}: {e}"))
    }
}

/// Folders of one store.
struct Folders(Arc<dyn Store>);

impl Places for Folders {
    fn open(&self, location: &str) -> Result<Arc<dyn Store>, Error> {
        Ok(Arc::new(SubStore::new(Arc::clone(&self.0), folder(location))))
    }

    fn locate(&self, location: &str) -> Result<(Arc<dyn Store>, ObjectPath, String), Error> {
        Ok((self.open(location)?, folder("savepoint.manifest"), location.to_owned()))
    }
}

fn folder(path: &str) -> ObjectPath {
    ObjectPath::new(path).expect("paths of this test are relative and plain")
}

const ROOT: &str = "root";
/// Processes from this one on see no faults and no impatience, so that a program ends.
const PATIENT_FROM: usize = 12;
