use alluvium_env::{Random, SeededRandom};
use alluvium_runtime::JobState;

use crate::jobs::{Bomb, World, config, expected, payments, sorted, totals_job};

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
        let job = totals_job(input.clone(), &world.out, None, None);
        let handle = world.finish(&job, config(1 + (seed % 3) as u32, 15), 0);
        assert_eq!(handle.state(), JobState::Finished, "seed {seed}: {:?}", handle.status());
        assert_eq!(sorted(&world.out), expected(&input), "seed {seed}");
    }
}

#[test]
fn killed_at_any_step_and_restored_at_any_parallelism_a_job_writes_every_line_once() {
    for seed in 0..30 {
        let input = payments(8, 80, 9);
        let world = World::new(seed);
        let random = SeededRandom::new(seed);
        let job = totals_job(input.clone(), &world.out, None, None);
        let mut process = 0;
        loop {
            let parallelism = 1 + random.below(3) as u32;
            let (scheduler, handle) = world.start(&job, config(parallelism, 10), process);
            let steps = if process < 6 { 200 + random.below(4000) } else { 3_000_000 };
            let ended = scheduler.run_until(steps, || handle.state().is_terminal());
            if ended {
                assert_eq!(handle.state(), JobState::Finished, "seed {seed}: {:?}", handle.status());
                break;
            }
            assert!(process < 6, "seed {seed}: {:?} {:?}", handle.status(), handle.checkpoints());
            scheduler.crash();
            process += 1;
        }
        assert_eq!(sorted(&world.out), expected(&input), "seed {seed}");
    }
}

#[test]
fn failures_of_tasks_lose_and_double_nothing() {
    for seed in 0..10 {
        let input = payments(4, 100, 6);
        let world = World::new(seed);
        let bomb = Bomb::at(&[(1, 5 + seed as u32), (2, 30), (3, 50)]);
        let job = totals_job(input.clone(), &world.out, None, Some(bomb));
        let handle = world.finish(&job, config(2, 10), 0);
        assert_eq!(handle.state(), JobState::Finished, "seed {seed}: {:?}", handle.status());
        assert_eq!(handle.status().restarts, 3, "seed {seed}");
        assert_eq!(sorted(&world.out), expected(&input), "seed {seed}");
    }
}
