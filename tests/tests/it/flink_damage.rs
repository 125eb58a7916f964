//! Snapshots of Flink with bytes that are damaged: an error or a value, no panic, bounded memory.
//!
//! All layers at once: metadata, headers, key-group streams, SST files, manifests, channel state.

use alluvium_testkit::allocation::peak_of;
use alluvium_testkit::fixtures;
use alluvium_testkit::fuzz::{self, Files};
use alluvium_testkit::mutate::Numbers;

/// Damages of each snapshot; its files are damaged in turn.
const DAMAGES: usize = 24;
/// Most bytes that reading a damaged snapshot may take.
const MEMORY_MAX: usize = 256 << 20;

/// Damages one file at a place that the numbers choose: cuts it, or flips bits of one byte.
fn damaged(files: &Files, turn: usize, numbers: &mut Numbers) -> (Files, String) {
    let mut files = files.clone();
    let count = files.len();
    let (name, bytes) = &mut files[turn % count];
    let at = numbers.below(bytes.len().max(1));
    let told = if turn.is_multiple_of(3) || bytes.is_empty() {
        *bytes = bytes.slice(..at.min(bytes.len()));
        format!("{name} cut at {at}")
    } else {
        let mut other = bytes.to_vec();
        let mask = 1 << numbers.below(8);
        other[at] ^= mask;
        *bytes = other.into();
        format!("{name} byte {at} ^ {mask:#04x}")
    };
    (files, told)
}

fn check(cases: &[(String, Files)], seed: u64) {
    let mut numbers = Numbers::new(seed);
    let (mut opened, mut most) = (0, 0);
    for (case, files) in cases {
        let (rows, peak) = peak_of(|| fuzz::flink_files(files));
        assert!(rows.is_some(), "{case} does not open");
        most = most.max(peak);
        for turn in 0..DAMAGES {
            let (files, told) = damaged(files, turn, &mut numbers);
            let read = std::panic::catch_unwind(|| peak_of(|| fuzz::flink_files(&files)));
            let Ok((rows, peak)) = read else { panic!("{case}: {told}") };
            assert!(peak <= MEMORY_MAX, "{case}: {told}: {peak} bytes of memory");
            opened += usize::from(rows.is_some());
            most = most.max(peak);
        }
    }
    println!("{} snapshots, {DAMAGES} damages each: {opened} open, at most {most} bytes", cases.len());
    assert!(opened > cases.len());
}

#[test]
fn damaged_snapshots_of_flink_are_errors_or_values() {
    let cases = fixtures::flink_snapshots();
    let (first, second) = cases.split_at(cases.len() / 2);
    std::thread::scope(|scope| {
        scope.spawn(|| check(first, 1));
        scope.spawn(|| check(second, 2));
    });
}

#[test]
fn fuzz_targets_of_flink_take_the_fixtures() {
    for (_, bytes) in fixtures::flink_metadata() {
        fuzz::flink_metadata(&bytes);
        fuzz::flink_serializer(&bytes);
    }
    for (_, files) in fixtures::flink_databases() {
        fuzz::flink_database(&fuzz::pack(&files));
    }
}
