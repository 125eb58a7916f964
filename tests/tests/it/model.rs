//! Random programs on the real runtime, against ordered maps.

use std::time::Instant;

use alluvium_testkit::programs::{Bug, Failure, Program, check, run, shrink, with_bug};

/// Seeds of a plain run; `ALLUVIUM_SEEDS` sets another number.
const SEEDS: u64 = 50;
/// Seeds within which a planted bug must be found.
const SEEDS_TO_FIND: u64 = 200;

#[test]
fn random_programs_lose_and_double_nothing_whatever_happens_to_them() {
    alluvium_model::spec!("SEQ-1", "CLIP-1", "MERGE-1", "TTL-1", "ROWHASH-1", "PUB-1");
    let seeds = std::env::var("ALLUVIUM_SEEDS").ok().and_then(|n| n.parse().ok()).unwrap_or(SEEDS);
    let first = std::env::var("ALLUVIUM_SEED").ok().and_then(|n| n.parse().ok()).unwrap_or(0);
    let started = Instant::now();
    let mut sums = [0; 10];
    for seed in first..first + seeds {
        let tally = check(seed).unwrap_or_else(|failure| panic!("{failure}")).tally;
        let counts = [
            tally.completed,
            tally.aborted,
            tally.crashes,
            tally.from_checkpoints,
            tally.from_savepoints,
            tally.rescaled,
            tally.failed,
            tally.compared,
            tally.stacked,
            tally.merged,
        ];
        sums.iter_mut().zip(counts).for_each(|(sum, n)| *sum += n);
    }
    let [completed, aborted, crashes, checkpoints, savepoints, rescaled, failed, compared, stacked, merged] =
        sums;
    println!(
        "{seeds} seeds in {:.1} s: {completed} snapshots, {aborted} aborted, {crashes} crashes, {failed} failures, \
         {checkpoints} starts from checkpoints, {savepoints} from savepoints, {rescaled} rescaled, \
         {compared} compared, {stacked} stacked, {merged} merged",
        started.elapsed().as_secs_f64()
    );
    if seeds >= SEEDS {
        assert!(sums.iter().all(|sum| *sum > 0), "something never happened: {sums:?}");
    }
}

#[test]
fn a_seed_replays_exactly() {
    for seed in 0..6 {
        let program = Program::of_seed(seed);
        assert_eq!(program, Program::of_seed(seed));
        let (first, second) = (run(&program).unwrap(), run(&program).unwrap());
        assert_eq!(first.trace, second.trace, "seed {seed}");
        assert_eq!(first, second, "seed {seed}");
    }
}

#[test]
fn a_commit_before_the_manifest_is_found() {
    assert_found(Bug::CommitBeforeManifest);
}

#[test]
fn a_record_lost_in_alignment_is_found() {
    assert_found(Bug::RecordLostInAlignment);
}

#[test]
fn a_clear_that_forgets_older_runs_is_found() {
    assert_found(Bug::ClearForgetsOlderRuns);
}

fn assert_found(bug: Bug) {
    let found = with_bug(bug, || (0..SEEDS_TO_FIND).find_map(failure_of));
    let failure = found.unwrap_or_else(|| panic!("{bug:?} was not found in {SEEDS_TO_FIND} seeds"));
    println!("{bug:?} was found: {failure}");
    assert!(run(&failure.program).is_ok(), "without the bug the program fails too:\n{failure}");
}

fn failure_of(seed: u64) -> Option<Failure> {
    let program = Program::of_seed(seed);
    run(&program).err().map(|reason| shrink(&program, reason))
}
