use std::sync::Arc;

use alluvium_dataflow::testing::{Collected, VecSource};
use alluvium_dataflow::{Declare, JobBuilder, KeyedContext, KeyedProcess, OperatorResult, Timer};
use alluvium_runtime::{JobState, Runtime, SavepointFormat, TriggerStatus};
use alluvium_state::ValueState;
use alluvium_store::{LocalStore, Store, block_on};

use crate::jobs::{Bomb, Line, Paid, config, expected, payments, sorted, totals_job};

fn local(dir: &tempfile::TempDir) -> (Arc<dyn Store>, String) {
    let root = dir.path().join("root");
    (Arc::new(LocalStore::create_dir(&root).unwrap()), root.display().to_string())
}

#[test]
fn a_bounded_job_on_threads_writes_every_line_once() {
    let dir = tempfile::tempdir().unwrap();
    let (store, location) = local(&dir);
    let input = payments(8, 2000, 50);
    let out = Collected::new();
    let job = totals_job(input.clone(), &out, Some(40_000), None);
    let mut config = config(2, 50);
    config.checkpoints.tolerable_failures = u32::MAX;
    let handle = Runtime::with_threads(2).start(&job, config, store, &location);
    let status = handle.wait();
    assert_eq!(status.state, JobState::Finished, "{status:?}");
    assert_eq!(sorted(&out), expected(&input));
    let history = handle.checkpoints();
    assert!(history.completed >= 2, "{history:?}");
    assert_eq!(status.vertices.len(), 2);
    assert_eq!(status.vertices[0].records_out, 16_000);
    assert_eq!(status.vertices[1].records_in, 16_000);
}

#[test]
fn a_layer_that_only_waits_to_be_absorbed_declines_no_checkpoint() {
    let dir = tempfile::tempdir().unwrap();
    let (store, location) = local(&dir);
    let input = payments(8, 8000, 8000);
    let out = Collected::new();
    let job = totals_job(input.clone(), &out, Some(100_000), None);
    let mut config = config(2, 1);
    config.checkpoints.tolerable_failures = u32::MAX;
    let handle = Runtime::with_threads(2).start(&job, config, store, &location);
    let status = handle.wait();
    assert_eq!(status.state, JobState::Finished, "{status:?}");
    assert_eq!(sorted(&out), expected(&input));
    let history = handle.checkpoints();
    assert!(history.completed >= 2, "{history:?}");
    let reasons: Vec<_> = history.entries.iter().filter_map(|entry| entry.failure.as_deref()).collect();
    assert!(!reasons.iter().any(|reason| reason.contains("being absorbed")), "{reasons:?}");
}

/// Counts, a millisecond for each record.
struct Slow {
    count: ValueState<i64>,
}

impl KeyedProcess for Slow {
    type Key = i64;
    type In = Paid;
    type Out = Line;

    fn process(&mut self, (key, _): Paid, ctx: &mut KeyedContext<'_, i64, Line>) -> OperatorResult {
        std::thread::sleep(std::time::Duration::from_millis(1));
        let count = self.count.get(ctx).unwrap_or(0) + 1;
        self.count.set(ctx, count);
        ctx.emit((key, 0, count));
        Ok(())
    }

    fn on_timer(&mut self, _: Timer, _: &mut KeyedContext<'_, i64, Line>) -> OperatorResult {
        Ok(())
    }
}

#[test]
fn a_task_that_never_waits_for_input_declines_no_checkpoint() {
    let dir = tempfile::tempdir().unwrap();
    let (store, location) = local(&dir);
    let out = Collected::new();
    let builder = JobBuilder::new("slow");
    builder
        .source(VecSource::of_splits(payments(1, 1500, 50)))
        .uid("payments")
        .rate(Some(2000))
        .key_by(|(key, _): &Paid| *key)
        .process(|states: &mut Declare<i64>| Slow { count: states.value("count") })
        .uid("counts")
        .sink(out.sink())
        .uid("lines");
    let mut config = config(1, 20);
    config.checkpoints.tolerable_failures = u32::MAX;
    let handle = Runtime::with_threads(2).start(&builder.build().unwrap(), config, store, &location);
    assert_eq!(handle.wait().state, JobState::Finished, "{:?}", handle.status());
    assert_eq!(sorted(&out).len(), 1500);
    let history = handle.checkpoints();
    assert!(history.completed >= 3, "{history:?}");
    assert_eq!(history.failed, 0, "{history:?}");
}

#[test]
fn a_job_on_threads_recovers_from_task_failures_in_process() {
    let dir = tempfile::tempdir().unwrap();
    let (store, location) = local(&dir);
    let input = payments(8, 1000, 20);
    let out = Collected::new();
    let bomb = Bomb::at(&[(3, 100), (11, 250)]);
    let job = totals_job(input.clone(), &out, Some(20_000), Some(bomb));
    let handle = Runtime::with_threads(2).start(&job, config(2, 20), store, &location);
    let status = handle.wait();
    assert_eq!(status.state, JobState::Finished, "{status:?}");
    assert_eq!(status.restarts, 2, "{status:?} {:?}", handle.checkpoints());
    assert_eq!(sorted(&out), expected(&input));
}

#[test]
fn a_stopped_job_goes_on_from_its_savepoint_at_another_parallelism() {
    let dir = tempfile::tempdir().unwrap();
    let (store, location) = local(&dir);
    let input = payments(8, 2000, 50);
    let out = Collected::new();
    let job = totals_job(input.clone(), &out, Some(20_000), None);
    let runtime = Runtime::with_threads(2);
    let handle = runtime.start(&job, config(2, 50), store, &location);
    std::thread::sleep(std::time::Duration::from_millis(250));
    let trigger = handle.stop(None, false, SavepointFormat::Canonical);
    let TriggerStatus::Completed { path, .. } = handle.wait_for(trigger) else {
        panic!("{:?} {:?}", handle.trigger(trigger), handle.status())
    };
    assert_eq!(handle.wait().state, JobState::Finished);
    assert!(sorted(&out).len() < expected(&input).len());

    let other = dir.path().join("other");
    let mut config = config(3, 50);
    config.restore = alluvium_runtime::Restore::From(path);
    let job = totals_job(input.clone(), &out, None, None);
    let store = Arc::new(LocalStore::create_dir(&other).unwrap());
    let handle = runtime.start(&job, config, store, &other.display().to_string());
    assert_eq!(handle.wait().state, JobState::Finished, "{:?}", handle.status());
    assert_eq!(sorted(&out), expected(&input));
}

#[test]
fn a_claimed_savepoint_is_borrowed_from_until_nothing_of_it_is_left() {
    let dir = tempfile::tempdir().unwrap();
    let (store, location) = local(&dir);
    let input = payments(8, 4000, 50_000);
    let out = Collected::new();
    let job = totals_job(input.clone(), &out, Some(40_000), None);
    let runtime = Runtime::with_threads(2);
    let handle = runtime.start(&job, config(2, 50), store, &location);
    std::thread::sleep(std::time::Duration::from_millis(400));
    let trigger = handle.stop(None, false, SavepointFormat::Native);
    let TriggerStatus::Completed { path, .. } = handle.wait_for(trigger) else {
        panic!("{:?}", handle.status())
    };
    handle.wait();

    let other = dir.path().join("other").display().to_string();
    let savepoint: Arc<dyn Store> = Arc::new(LocalStore::open(&path).unwrap());
    let files = block_on(savepoint.list("")).unwrap();
    let mut claiming = config(3, 50);
    claiming.restore = alluvium_runtime::Restore::From(path);
    claiming.claim = alluvium_runtime::ClaimMode::Claim;
    let open = || Arc::new(LocalStore::create_dir(&other).unwrap());
    let handle = runtime.start(&job, claiming, open(), &other);
    let checkpoint = handle.trigger_checkpoint();
    assert!(matches!(handle.wait_for(checkpoint), TriggerStatus::Completed { .. }), "{:?}", handle.status());
    handle.cancel();
    handle.wait();
    let snapshot = alluvium_snapshot::locate(&other).unwrap().open().unwrap();
    assert_eq!(snapshot.manifest().roots.len(), 2);

    let job = totals_job(input.clone(), &out, None, None);
    let handle = runtime.start(&job, config(1, 50), open(), &other);
    assert_eq!(handle.wait().state, JobState::Finished, "{:?}", handle.status());
    assert_eq!(sorted(&out), expected(&input));
    assert!(!files.is_empty());
    assert_eq!(block_on(savepoint.list("")).unwrap(), files, "nothing of it is changed or deleted");
}
