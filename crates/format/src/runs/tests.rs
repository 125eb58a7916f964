use alluvium_model::digest::Digest;
use alluvium_model::spec;
use bytes::Bytes;

use super::*;
use crate::{Place, Unknown};

fn run(sequence: (u32, u32), clip: (u32, u32), bytes: usize) -> RunRef {
    RunRef {
        place: Place::Inline(Bytes::from(vec![0; bytes])),
        rows: 1,
        deletes: 0,
        clears: 0,
        sequence,
        clip: KeyGroupRange::new(clip.0, clip.1),
        schema_id: 0,
        base: false,
        rows_digest: Digest { rows: 1, sum: 1 },
        subtask: None,
        unknown: Unknown::default(),
    }
}

fn base(sequence: (u32, u32), clip: (u32, u32), bytes: usize) -> RunRef {
    RunRef { base: true, ..run(sequence, clip, bytes) }
}

#[test]
fn sequences_may_meet_only_in_different_groups() {
    spec!("SEQ-2");
    assert_eq!(
        overlap(&[run((1, 1), (0, 64), 1), run((1, 1), (64, 128), 1), run((2, 3), (0, 128), 1)]),
        None
    );
    let found = overlap(&[run((2, 4), (32, 128), 1), run((1, 2), (0, 64), 1)]);
    assert_eq!(found, Some(Overlap { first: 0, second: 1, group: 32 }));
}

#[test]
fn newest_run_comes_first() {
    spec!("SEQ-3");
    let runs = [base((1, 4), (0, 128), 1), run((6, 6), (0, 64), 1), run((5, 5), (0, 128), 1)];
    let order = |group| covering(&runs, KeyGroup(group)).iter().map(|r| r.sequence.0).collect::<Vec<_>>();
    assert_eq!(order(3), [6, 5, 1]);
    assert_eq!(order(64), [5, 1]);
    assert_eq!(fan_in(&runs), 3);
}

#[test]
fn only_adjacent_runs_merge() {
    spec!("MERGE-8");
    let runs = [base((1, 1), (0, 128), 1), run((2, 2), (0, 128), 1), run((3, 3), (0, 64), 1)];
    assert_eq!(merged(&runs, &[0, 2]), None);
    let upper = merged(&runs, &[1, 2]).unwrap();
    assert_eq!((upper.sequence, upper.clip, upper.base), ((2, 3), KeyGroupRange::new(0, 128), false));
}

#[test]
fn merge_is_a_base_only_with_nothing_below() {
    spec!("MERGE-9");
    let runs = [base((1, 1), (0, 128), 1), run((2, 2), (0, 128), 1), run((3, 3), (0, 64), 1)];
    assert!(merged(&runs, &[0, 1]).unwrap().base);
    assert!(!merged(&runs, &[1]).unwrap().base);
    let elsewhere = [run((1, 1), (0, 64), 1), run((2, 2), (64, 128), 1)];
    assert!(merged(&elsewhere, &[1]).unwrap().base);
}

#[test]
fn hull_must_not_swallow_a_run_of_another_parent() {
    spec!("MERGE-8");
    let runs = [run((1, 1), (0, 64), 1), run((2, 2), (64, 128), 1), run((3, 3), (0, 64), 1)];
    assert!(merged(&runs, &[0, 2]).is_some());
    assert!(merged(&runs, &[0, 1, 2]).is_some());
    let wide = [run((1, 1), (0, 64), 1), run((2, 2), (0, 128), 1), run((3, 3), (64, 128), 1)];
    assert!(merged(&wide, &[0, 2]).is_none());
}

#[test]
fn selection_keeps_the_bound_and_rewrites_little() {
    spec!("MERGE-10");
    let mut runs = vec![base((1, 1), (0, 128), 100_000)];
    let (mut rewritten, mut written) = (0u64, 0u64);
    for sequence in 2..200 {
        runs.push(run((sequence, sequence), (0, 128), 100));
        written += 100;
        while let Some(chosen) = select(&runs, FAN_IN_MAX) {
            let merged = merged(&runs, &chosen).expect("a selection is adjacent");
            let bytes: u64 = chosen.iter().map(|i| runs[*i].bytes()).sum();
            rewritten += bytes;
            let mut left: Vec<RunRef> =
                (0..runs.len()).filter(|i| !chosen.contains(i)).map(|i| runs[i].clone()).collect();
            left.push(RunRef { base: merged.base, ..run(merged.sequence, (0, 128), bytes as usize) });
            runs = left;
        }
        assert!(fan_in(&runs) <= FAN_IN_MAX);
        assert_eq!(overlap(&runs), None);
    }
    assert!(rewritten < 8 * (written + 100_000), "{rewritten} bytes rewritten for {written}");
}

#[test]
fn base_runs_lie_lowest() {
    spec!("RUN-3");
    assert_eq!(
        clash(&[base((1, 1), (0, 64), 1), base((2, 2), (63, 128), 1), run((3, 3), (0, 128), 1)]),
        None
    );
    let below = [run((1, 1), (0, 64), 1), base((2, 2), (63, 128), 1)];
    assert_eq!(clash(&below), Some(Clash::DeltaBelowBase { group: 63 }));
}

#[test]
fn pieces_of_a_base_count_as_one() {
    spec!("MERGE-10");
    let runs = [base((1, 1), (0, 1), 1), base((2, 2), (0, 1), 1), run((3, 3), (0, 1), 1)];
    assert_eq!(fan_in(&runs), 2);
    assert_eq!(select(&runs, 2), None);
}

#[test]
fn sweep_agrees_with_comparing_all_pairs() {
    spec!("SEQ-2", "RUN-3");
    let mut state = 7u64;
    let mut next = |below: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % below
    };
    for _ in 0..5000 {
        let runs: Vec<RunRef> = (0..next(5))
            .map(|_| {
                let (first, start) = (next(8) as u32 + 1, next(6) as u32);
                let one = run((first, first + next(2) as u32), (start, start + next(4) as u32), 1);
                RunRef { base: next(3) == 0, ..one }
            })
            .collect();
        let pairs = || runs.iter().flat_map(|a| runs.iter().map(move |b| (a, b)));
        let meet = |a: &RunRef, b: &RunRef| !a.clip.intersect(b.clip).is_empty();
        let overlaps = pairs().any(|(a, b)| {
            !std::ptr::eq(a, b) && meet(a, b) && a.sequence.0 <= b.sequence.1 && b.sequence.0 <= a.sequence.1
        });
        let below = pairs().any(|(a, b)| meet(a, b) && a.base && !b.base && b.sequence.0 < a.sequence.0);
        assert_eq!(clash(&runs).is_some(), overlaps || below, "{runs:?}");
        assert!(overlap(&runs).is_none() || overlaps);
    }
}
