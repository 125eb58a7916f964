use alluvium_env::{Random, SeededRandom};
use alluvium_runtime::{JobState, RestartStrategy};

use crate::jobs::{Bomb, MOST_STEPS, World, config, expected, payments, sorted, totals_job};

#[test]
fn a_seed_replays_exactly_and_another_differs() {
    let run = |seed| {
        let world = World::new(seed);
        let job = totals_job(payments(4, 100, 10), &world.out, None, None);
        let (scheduler, handle) = world.start(&job, config(2, 20), 0);
        assert!(scheduler.run_until(1_000_000, || handle.state().is_terminal()), "{:?}", handle.status());
        (scheduler.trace(), scheduler.steps(), world.out.committed())
    };
    assert_eq!(run(1), run(1));
    assert_ne!(run(1).0, run(2).0);
}

#[test]
fn every_line_is_written_once_under_any_seed_and_parallelism() {
    for seed in 0..12 {
        let input = payments(8, 60, 7);
        let world = World::new(seed);
        let rate = (seed % 2 == 0).then_some(1000);
        let job = totals_job(input.clone(), &world.out, rate, None);
        let handle = world.finish(&job, config(1 + (seed % 3) as u32, 15), 0);
        assert_eq!(handle.state(), JobState::Finished, "seed {seed}: {:?}", handle.status());
        assert_eq!(sorted(&world.out), expected(&input), "seed {seed}");
    }
}

#[test]
fn killed_at_any_step_and_restored_at_any_parallelism_a_job_writes_every_line_once() {
    let mut restored = 0;
    for seed in 0..15 {
        let input = payments(8, 80, 9);
        let world = World::new(seed);
        let random = SeededRandom::new(seed);
        let job = totals_job(input.clone(), &world.out, Some(500), None);
        let mut process = 0;
        loop {
            let parallelism = 1 + random.below(3) as u32;
            let (scheduler, handle) = world.start(&job, config(parallelism, 10), process);
            let steps = if process < KILLS { 100 + random.below(700) } else { MOST_STEPS };
            let ended = scheduler.run_until(steps, || handle.state().is_terminal());
            restored += u64::from(handle.checkpoints().restored.is_some());
            if ended {
                assert_eq!(handle.state(), JobState::Finished, "seed {seed}: {:?}", handle.status());
                break;
            }
            assert!(process < KILLS, "seed {seed}: {:?} {:?}", handle.status(), handle.checkpoints());
            scheduler.crash();
            process += 1;
        }
        assert_eq!(sorted(&world.out), expected(&input), "seed {seed}");
        assert_eq!(world.out.staged(), 0, "seed {seed}: something staged is left behind");
    }
    assert!(restored > 40, "only {restored} starts had a checkpoint to restore");
}

#[test]
fn failures_of_tasks_lose_and_double_nothing() {
    for seed in 0..10 {
        let input = payments(4, 100, 6);
        let world = World::new(seed);
        let bomb = Bomb::at(&[(1, 5 + seed as u32), (2, 30), (3, 50)]);
        let job = totals_job(input.clone(), &world.out, Some(1000), Some(bomb));
        let handle = world.finish(&job, config(2, 10), 0);
        assert_eq!(handle.state(), JobState::Finished, "seed {seed}: {:?}", handle.status());
        assert_eq!(handle.status().restarts, 3, "seed {seed}");
        assert_eq!(sorted(&world.out), expected(&input), "seed {seed}");
        assert_eq!(world.out.staged(), 0, "seed {seed}: something staged is left behind");
    }
}

#[test]
fn a_store_that_fails_now_and_then_loses_and_doubles_nothing() {
    let mut given_up = 0;
    for seed in 0..12 {
        let input = payments(8, 80, 9);
        let mut world = World::new(seed);
        world.faults = 15;
        let job = totals_job(input.clone(), &world.out, Some(1000), None);
        let mut patient = config(2, 10);
        patient.checkpoints.tolerable_failures = 3;
        patient.restart = RestartStrategy::FixedDelay { attempts: 1000, delay_ms: 1 };
        let mut process = 0;
        loop {
            let handle = world.finish(&job, patient.clone(), process);
            let history = handle.checkpoints();
            assert_eq!(
                history.failed as usize,
                history.entries.iter().filter(|c| c.failure.is_some()).count()
            );
            given_up += history.failed;
            if handle.state() == JobState::Finished {
                break;
            }
            // A claim that failed: a person would start it again.
            process += 1;
            assert!(process < 100, "seed {seed}: {:?}", handle.status());
        }
        assert_eq!(sorted(&world.out), expected(&input), "seed {seed}");
    }
    assert!(given_up > 10, "only {given_up} checkpoints were given up");
}

#[test]
fn another_process_takes_over_and_the_old_one_commits_nothing_more() {
    for seed in 0..10 {
        let input = payments(8, 150, 9);
        let world = World::new(seed);
        let job = totals_job(input.clone(), &world.out, Some(1000), None);
        let (old, old_handle) = world.start(&job, config(2, 10), 0);
        old.run_until(400 + 57 * seed, || old_handle.state().is_terminal());
        let new_handle = world.finish(&job, config(3, 10), 1);
        assert_eq!(new_handle.state(), JobState::Finished, "seed {seed}");
        let committed = sorted(&world.out);
        assert_eq!(committed, expected(&input), "seed {seed}");
        assert!(old.run_until(1_000_000, || old_handle.state().is_terminal()), "seed {seed}");
        assert_eq!(old_handle.state(), JobState::Failed, "seed {seed}");
        assert!(old_handle.status().failure.unwrap().contains("superseded"), "seed {seed}");
        assert_eq!(sorted(&world.out), committed, "seed {seed}");
    }
}

#[test]
fn runs_of_a_table_stay_few_and_old_checkpoints_go() {
    let input = payments(4, 600, 50);
    let world = World::new(3);
    let job = totals_job(input.clone(), &world.out, Some(2000), None);
    let mut config = config(2, 5);
    config.checkpoints.retain = 2;
    config.checkpoints.grace_ms = 100;
    let handle = world.finish(&job, config, 0);
    assert!(handle.checkpoints().completed > 10, "{:?}", handle.checkpoints().completed);
    let manifests = alluvium_store::block_on(world.store.list("root/checkpoints/")).unwrap();
    assert_eq!(manifests.len(), 2);
    for entry in manifests {
        let bytes = alluvium_store::block_on(world.store.get(&entry.path)).unwrap();
        let manifest = alluvium_snapshot::format::decode(&bytes, 1 << 28).unwrap();
        let tables = manifest.operators.iter().flat_map(|o| &o.tables);
        for table in tables {
            alluvium_model::spec!("MERGE-10");
            assert!(alluvium_snapshot::format::runs::fan_in(&table.runs) <= 8);
        }
    }
    assert_eq!(sorted(&world.out), expected(&input));
}

/// Kills of one job.
const KILLS: u64 = 8;
