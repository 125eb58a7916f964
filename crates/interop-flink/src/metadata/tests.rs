use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::*;

fn unhex(hex: &str) -> Vec<u8> {
    let hex: Vec<u8> = hex.bytes().filter(u8::is_ascii_hexdigit).collect();
    let digits = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
    hex.chunks(2).map(digits).collect()
}

/// Every metadata file below a directory.
fn metadata_files(dir: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            metadata_files(&path, found);
        } else if std::fs::read(&path).is_ok_and(|bytes| is_metadata(&bytes)) {
            found.push(path);
        }
    }
}

#[test]
fn every_metadata_file_of_the_corpus_reads_to_its_last_byte_and_writes_back() {
    let Ok(corpus) = std::env::var("ALLUVIUM_FLINK_CORPUS") else { return };
    let mut files = Vec::new();
    for dir in std::env::split_paths(&corpus) {
        metadata_files(&dir, &mut files);
    }
    let mut counts: BTreeMap<u32, (u64, u64, u64)> = BTreeMap::new();
    let mut handles: BTreeMap<&'static str, u64> = BTreeMap::new();
    for file in &files {
        let bytes = std::fs::read(file).unwrap();
        let metadata = read(&bytes).unwrap_or_else(|error| panic!("{}: {error:?}", file.display()));
        assert!(write(&metadata).unwrap() == bytes, "{}", file.display());
        let count = counts.entry(metadata.version).or_default();
        count.0 += 1;
        count.1 += bytes.len() as u64;
        count.2 += metadata.operators.iter().map(|operator| operator.subtasks.len() as u64).sum::<u64>();
        let facts = metadata.facts();
        for (kind, number) in facts.handles.into_iter().chain(facts.streams) {
            *handles.entry(kind).or_default() += number;
        }
    }
    assert!(!files.is_empty());
    for (version, (files, bytes, subtasks)) in counts {
        println!("version {version}: {files} files, {bytes} bytes, {subtasks} subtasks");
    }
    println!("{handles:?}");
}

#[test]
fn properties_are_written_as_flink_writes_them() {
    let stop = unhex(include_str!("tests/stop_with_savepoint.hex"));
    let made = Properties::savepoint(SavepointFormat::Canonical, PostCheckpointAction::Suspend);
    assert_eq!((stop.len(), made.as_bytes()), (756, &Bytes::from(stop)));
    let retained = unhex(include_str!("tests/retained_checkpoint.hex"));
    let made = Properties::checkpoint(SharingFilesStrategy::ForwardBackward, Retention::OnCancellation);
    assert_eq!((retained.len(), made.as_bytes()), (604, &Bytes::from(retained)));
}

fn with(properties: Properties) -> Metadata {
    let operators = Vec::new();
    Metadata {
        version: 4,
        checkpoint_id: 7,
        master_states: Vec::new(),
        operators,
        properties: Some(properties),
    }
}

#[test]
fn properties_of_every_kind_read_back() {
    let savepoints = [SavepointFormat::Canonical, SavepointFormat::Native].into_iter().flat_map(|format| {
        [PostCheckpointAction::None, PostCheckpointAction::Suspend, PostCheckpointAction::Terminate]
            .map(|action| Properties::savepoint(format, action))
    });
    let strategies = [
        SharingFilesStrategy::ForwardBackward,
        SharingFilesStrategy::Forward,
        SharingFilesStrategy::NoSharing,
    ];
    let checkpoints = strategies.into_iter().flat_map(|sharing| {
        [Retention::OnCancellation, Retention::OnFailure, Retention::Never]
            .map(|retention| Properties::checkpoint(sharing, retention))
    });
    for properties in savepoints.chain(checkpoints) {
        let metadata = with(properties);
        assert_eq!(read(&write(&metadata).unwrap()).unwrap(), metadata);
    }
}
