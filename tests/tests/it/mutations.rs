//! The fuzz targets on stable: a fixed number of seeded mutations of every fixture.

use std::collections::BTreeSet;

use alluvium_model::spec;
use alluvium_testkit::allocation::peak_of;
use alluvium_testkit::fixtures::{self, Case};
use alluvium_testkit::fuzz;
use alluvium_testkit::mutate::{Numbers, mutate};

/// Mutations of each seed input.
const ROUNDS: usize = 60;
/// Programs and keys made of noise alone.
const NOISE: u64 = 4_000;

fn cases() -> Vec<Case> {
    fixtures::valid().into_iter().chain(fixtures::invalid()).collect()
}

fn manifests() -> Vec<Vec<u8>> {
    distinct(cases().iter().map(|case| case.manifest_bytes().to_vec()))
}

fn distinct(inputs: impl Iterator<Item = Vec<u8>>) -> Vec<Vec<u8>> {
    inputs.collect::<BTreeSet<_>>().into_iter().collect()
}

/// Runs a target on every input as it is, then damaged.
fn run(target: fn(&[u8]), inputs: &[Vec<u8>], seed: u64) {
    assert!(!inputs.is_empty());
    let mut numbers = Numbers::new(seed);
    let mut most = 0;
    for (i, input) in inputs.iter().enumerate() {
        most = most.max(peak_of(|| target(input)).1);
        for _ in 0..ROUNDS {
            let other = &inputs[numbers.below(inputs.len())];
            let damaged = mutate(input, other, &mut numbers);
            let (_, peak) = peak_of(|| target(&damaged));
            assert!(
                peak <= fuzz::MEMORY_MAX,
                "input {i}: {peak} bytes of memory for {} bytes",
                damaged.len()
            );
            most = most.max(peak);
        }
    }
    println!(
        "{} inputs, {} mutations each, seed {seed}, at most {most} bytes of memory",
        inputs.len(),
        ROUNDS
    );
}

#[test]
fn damaged_preambles_are_refused_or_read() {
    spec!("PRE-2", "PRE-3", "PRE-4");
    run(fuzz::preamble, &manifests(), 1);
}

#[test]
fn damaged_manifests_are_refused_or_obey_every_law() {
    spec!("PRE-3", "PRE-6", "PRE-7", "PRE-8");
    run(fuzz::manifest, &manifests(), 2);
}

#[test]
fn manifests_of_damaged_json_are_refused_or_obey_every_law() {
    spec!("PRE-8", "MAN-1", "MAN-3", "MAN-6");
    run(fuzz::manifest, &distinct(manifests().iter().filter_map(|bytes| body(bytes))), 3);
}

/// The JSON of a manifest.
fn body(manifest: &[u8]) -> Option<Vec<u8>> {
    let preamble = alluvium_format::Preamble::parse(manifest).ok()?;
    zstd::stream::decode_all(&manifest[preamble.length..]).ok()
}

#[test]
fn every_manifest_of_the_fixtures_is_the_same_in_another_frame() {
    spec!("PRE-8");
    for case in fixtures::valid() {
        let bytes = case.manifest_bytes();
        let other = fuzz::framed(&body(&bytes).unwrap());
        let read = |bytes| alluvium_format::decode(bytes, u64::MAX).unwrap();
        assert_eq!(read(&other), read(&bytes), "{}", case.name);
    }
}

#[test]
fn damaged_table_files_are_refused_or_give_the_same_rows_however_they_are_read() {
    spec!("FILE-1", "FILE-4", "FILE-7", "ORDER-1");
    let runs = cases().into_iter().flat_map(|case| case.runs()).map(|bytes| bytes.to_vec());
    run(fuzz::table_file, &distinct(runs), 4);
}

#[test]
fn canonical_bytes_are_injective_and_ordered_for_any_type() {
    spec!(
        "CANON-1", "CANON-2", "CANON-3", "CANON-5", "CANON-6", "CANON-10", "CANON-11", "CANON-12", "CANON-14"
    );
    noise(fuzz::key_bytes, 5, 10 * NOISE, 96);
}

#[test]
fn programs_on_runs_agree_with_an_ordered_map() {
    spec!("RUN-1", "MERGE-1", "MERGE-2", "MERGE-3", "LIST-1", "LIST-4", "CLIP-2");
    noise(fuzz::program, 6, NOISE / 20, 200);
}

fn noise(target: fn(&[u8]), seed: u64, count: u64, length: usize) {
    let mut numbers = Numbers::new(seed);
    for _ in 0..count {
        let input: Vec<u8> = (0..numbers.below(length)).map(|_| numbers.next_u64() as u8).collect();
        let (_, peak) = peak_of(|| target(&input));
        assert!(peak <= fuzz::MEMORY_MAX, "{peak} bytes of memory for {input:?}");
    }
}
