use alluvium_runtime::{ClaimMode, JobState, Restore, SavepointFormat, SnapshotKind, TriggerStatus};

use alluvium_dataflow::testing::VecSource;
use alluvium_dataflow::{Job, JobBuilder};

use crate::jobs::{Line, MOST_STEPS, Paid, World, config, expected, payments, sorted, totals_job};

/// Runs until some lines are written, stops with a savepoint and returns its place.
fn stopped(world: &World, job: &Job, format: SavepointFormat) -> String {
    let (scheduler, handle) = world.start(job, config(2, 10), 0);
    assert!(scheduler.run_until(MOST_STEPS, || world.out.commits() >= 2));
    let trigger = handle.stop(Some("saved".into()), false, format);
    assert!(scheduler.run_until(MOST_STEPS, || handle.state().is_terminal()), "{:?}", handle.status());
    let Some(TriggerStatus::Completed { path, .. }) = handle.trigger(trigger) else {
        panic!("{:?} {:?}", handle.trigger(trigger), handle.status())
    };
    assert_eq!(handle.state(), JobState::Finished);
    assert_eq!(world.out.staged(), 0, "a stop commits everything");
    let committed = world.out.committed().len();
    assert!(committed > 0 && committed < 1000, "{committed}: stopped in mid-run");
    path
}

#[test]
fn a_savepoint_restores_at_parallelism_1_2_and_3() {
    for (parallelism, format) in
        [(1, SavepointFormat::Canonical), (2, SavepointFormat::Canonical), (3, SavepointFormat::Native)]
    {
        let input = payments(8, 150, 9);
        let world = World::new(u64::from(parallelism));
        let job = totals_job(input.clone(), &world.out, Some(1000), None);
        let path = stopped(&world, &job, format);
        let mut next = config(parallelism, 10);
        next.restore = Restore::From(path);
        let handle = world.finish(&job, next, 1);
        assert_eq!(handle.state(), JobState::Finished, "{:?}", handle.status());
        assert_eq!(sorted(&world.out), expected(&input), "parallelism {parallelism}");
    }
}

#[test]
fn a_savepoint_in_mid_run_commits_nothing_and_the_job_goes_on() {
    let input = payments(4, 200, 5);
    let world = World::new(5);
    let job = totals_job(input.clone(), &world.out, Some(500), None);
    let mut slow = config(2, 10);
    slow.checkpoints.interval_ms = None;
    let (scheduler, handle) = world.start(&job, slow, 0);
    assert!(scheduler.run_until(MOST_STEPS, || handle.status().vertices.iter().any(|v| v.records_in > 50)));
    let trigger = handle.trigger_savepoint(Some("saved".into()), SavepointFormat::Canonical);
    let done = || handle.trigger(trigger) != Some(TriggerStatus::InProgress);
    assert!(scheduler.run_until(MOST_STEPS, done));
    assert!(
        matches!(handle.trigger(trigger), Some(TriggerStatus::Completed { .. })),
        "{:?}",
        handle.trigger(trigger)
    );
    let kinds: Vec<_> = handle.checkpoints().entries.iter().map(|c| c.kind).collect();
    assert_eq!(kinds, [SnapshotKind::Savepoint]);
    assert_eq!(world.out.commits(), 0);
    assert!(scheduler.run_until(MOST_STEPS, || handle.state().is_terminal()));
    assert_eq!(sorted(&world.out), expected(&input));
}

#[test]
fn state_without_an_operator_is_refused_unless_left_behind() {
    let input = payments(4, 150, 5);
    let world = World::new(6);
    let path =
        stopped(&world, &totals_job(input.clone(), &world.out, Some(1000), None), SavepointFormat::Canonical);
    let builder = JobBuilder::new("other");
    let source = builder.source(VecSource::of_splits(input)).uid("payments");
    source.map(|(key, amount): Paid| -> Line { (key, 0, amount) }).sink(world.out.sink()).uid("lines");
    let other = builder.build().unwrap();

    let mut refused = config(1, 10);
    refused.restore = Restore::From(path.clone());
    let handle = world.finish(&other, refused.clone(), 1);
    assert_eq!(handle.state(), JobState::Failed);
    let failure = handle.status().failure.unwrap();
    assert!(failure.contains("totals"), "{failure}");

    refused.allow_non_restored_state = true;
    assert_eq!(world.finish(&other, refused, 2).state(), JobState::Finished);
}

#[test]
fn a_root_with_checkpoints_is_refused_without_restore() {
    let world = World::new(7);
    let job = totals_job(payments(2, 50, 3), &world.out, None, None);
    world.finish(&job, config(1, 10), 0);
    let mut fresh = config(1, 10);
    fresh.restore = Restore::None;
    let handle = world.finish(&job, fresh, 1);
    assert_eq!(handle.state(), JobState::Failed);
    assert!(handle.status().failure.unwrap().contains("already has checkpoints"));
}

#[test]
fn a_cancelled_job_keeps_its_checkpoints_or_not() {
    for keep in [true, false] {
        let world = World::new(8);
        let job = totals_job(payments(4, 400, 3), &world.out, Some(2000), None);
        let mut config = config(2, 5);
        config.checkpoints.retain_on_cancel = keep;
        let (scheduler, handle) = world.start(&job, config, 0);
        assert!(scheduler.run_until(MOST_STEPS, || handle.checkpoints().completed >= 2));
        handle.cancel();
        assert!(scheduler.run_until(MOST_STEPS, || handle.state().is_terminal()));
        assert_eq!(handle.state(), JobState::Canceled);
        let manifests = alluvium_store::block_on(world.store.list("root/checkpoints/")).unwrap();
        assert_eq!(!manifests.is_empty(), keep);
    }
}

#[test]
fn a_native_savepoint_restores_without_being_claimed() {
    let input = payments(8, 150, 9);
    let world = World::new(9);
    let job = totals_job(input.clone(), &world.out, Some(1000), None);
    let path = stopped(&world, &job, SavepointFormat::Native);
    let mut next = config(2, 10);
    next.restore = Restore::From(path);
    next.claim = ClaimMode::NoClaim;
    let handle = world.finish(&job, next, 1);
    assert_eq!(handle.state(), JobState::Finished, "{:?}", handle.status());
    assert_eq!(sorted(&world.out), expected(&input));
}

#[test]
fn a_drained_stop_fires_every_timer_first() {
    let world = World::new(10);
    let job = totals_job(payments(4, 400, 3), &world.out, Some(1000), None);
    let (scheduler, handle) = world.start(&job, config(2, 10), 0);
    assert!(scheduler.run_until(MOST_STEPS, || world.out.commits() >= 2));
    let trigger = handle.stop(Some("saved".into()), true, SavepointFormat::Canonical);
    assert!(scheduler.run_until(MOST_STEPS, || handle.state().is_terminal()));
    assert!(
        matches!(handle.trigger(trigger), Some(TriggerStatus::Completed { .. })),
        "{:?}",
        handle.trigger(trigger)
    );
    let ends = world.out.committed().iter().filter(|(_, time, _)| *time == i64::MAX).count();
    assert_eq!(ends, 3, "one per key");
}

#[test]
fn a_checkpoint_that_takes_too_long_is_given_up_and_its_runs_are_listed_by_the_next() {
    let input = payments(4, 200, 5);
    let world = World::new(11);
    let job = totals_job(input.clone(), &world.out, Some(1000), None);
    let mut hasty = config(2, 10);
    hasty.checkpoints.timeout_ms = 15;
    hasty.checkpoints.tolerable_failures = 1_000_000;
    let (scheduler, handle) = world.start(&job, hasty, 0);
    assert!(scheduler.run_until(MOST_STEPS, || handle.checkpoints().failed >= 3));
    let reasons: Vec<_> = handle.checkpoints().entries.into_iter().filter_map(|c| c.failure).collect();
    assert!(reasons.iter().all(|r| r.contains("15 ms") || r.contains("declined")), "{reasons:?}");
    scheduler.crash();
    // Whatever was complete restores to the same end, though most checkpoints were given up.
    let handle = world.finish(&job, config(3, 20), 1);
    assert_eq!(handle.state(), JobState::Finished, "{:?}", handle.status());
    assert_eq!(sorted(&world.out), expected(&input));
}

#[test]
fn what_a_savepoint_names_as_staged_outlives_the_attempt_that_wrote_it() {
    alluvium_model::spec!("COLLECT-5");
    for elsewhere in [true, false] {
        let input = payments(4, 300, 5);
        let world = World::new(12);
        let job = totals_job(input.clone(), &world.out, Some(500), None);
        let mut rarely = config(2, 10);
        rarely.checkpoints.interval_ms = None;
        let (scheduler, handle) = world.start(&job, rarely, 0);
        let read = || handle.status().vertices.iter().any(|v| v.records_in > 100);
        assert!(scheduler.run_until(MOST_STEPS, read));
        let trigger = handle.trigger_savepoint(elsewhere.then(|| "saved".into()), SavepointFormat::Canonical);
        let done = || handle.trigger(trigger) != Some(TriggerStatus::InProgress);
        assert!(scheduler.run_until(MOST_STEPS, done));
        let Some(TriggerStatus::Completed { path, .. }) = handle.trigger(trigger) else { panic!() };
        let named = world.out.staged();
        assert!(named > 0);
        // More is staged, for checkpoints that come to nothing.
        handle.trigger_checkpoint();
        assert!(scheduler.run_until(MOST_STEPS, || world.out.staged() > named));
        scheduler.crash();

        // The next attempt knows of the savepoint though it starts from nothing.
        let (scheduler, handle) = world.start(&job, config(2, 1_000_000), 1);
        assert!(scheduler.run_until(MOST_STEPS, || handle.state() == JobState::Running));
        assert_eq!(world.out.staged(), named, "elsewhere: {elsewhere}");
        scheduler.crash();

        let mut next = config(3, 10);
        next.restore = Restore::From(path);
        let handle = world.finish(&job, next, 2);
        assert_eq!(handle.state(), JobState::Finished, "{:?}", handle.status());
        assert_eq!(sorted(&world.out), expected(&input));
        assert_eq!(world.out.staged(), 0);
    }
}
