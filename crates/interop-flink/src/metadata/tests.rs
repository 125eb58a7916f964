use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use alluvium_model::Finished;

use super::*;

mod made;

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

/// Metadata of real Flink: `fixtures/flink/metadata`.
fn fixtures() -> Vec<(String, Vec<u8>)> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/flink/metadata");
    let mut files = Vec::new();
    metadata_files(&dir, &mut files);
    files.sort();
    let name = |file: &Path| file.file_stem().unwrap().to_string_lossy().into_owned();
    files.iter().map(|file| (name(file), std::fs::read(file).unwrap())).collect()
}

#[test]
fn every_fixture_holds_what_its_name_says_and_writes_back() {
    let kinds = |name: &str| -> &'static [&'static str] {
        match name {
            "v1-1.2.1-legacy-heap-savepoint" => &["legacy", "key groups", "operator", "file"],
            "v2-1.3.2-legacy-heap-savepoint" => &["legacy", "key groups", "file"],
            "v2-1.8.3-small-rocksdb-rdbtimers-savepoint" => &["key groups", "operator", "file"],
            "v3-1.11.4-unaligned-heap-chk-unaligned" => &["channel", "memory"],
            "v3-1.13.6-a-scalars-hashmap-canonical" => &["savepoint key groups", "relative file"],
            "v4-1.20.5-g-changelog-mat-changelog-hashmap-chk-full" => &["changelog", "key groups"],
            "v4-1.20.5-g-unaligned-hashmap-chk-unaligned" => &["channel"],
            "v4-1.20.5-g-filemerging-hashmap-chk-full" => &["merged operator", "segment", "empty segment"],
            "v5-2.0.2-b-changes-rocksdb-chk-inc" => &["incremental", "file"],
            "v6-2.3.0-g-unaligned-hashmap-chk-unaligned" => &["merged channels"],
            "v6-2.3.0-g-forst-forst-native" => &["incremental", "relative file"],
            "v6-2.3.0-f-sql-groupby-hashmap-canonical" => &["savepoint key groups", "relative file"],
            "v6-2.3.0-finished-hashmap-canonical" => &["operator", "memory"],
            "v6-2.3.0-partly-finished-hashmap-canonical" => &["operator", "memory"],
            other => panic!("no test knows {other}"),
        }
    };
    let fixtures = fixtures();
    assert_eq!(fixtures.len(), 14);
    for (name, bytes) in fixtures {
        let metadata = read(&bytes).unwrap();
        assert_eq!(metadata.version, name[1..2].parse::<u32>().unwrap(), "{name}");
        assert!(write(&metadata).unwrap() == bytes, "{name}");
        let facts = metadata.facts();
        for kind in kinds(&name) {
            assert!(facts.handles.contains_key(kind) || facts.streams.contains_key(kind), "{name}: {kind}");
        }
        assert_eq!(metadata.properties.is_some(), metadata.version >= 4);
    }
}

#[test]
fn operators_that_had_finished_are_told() {
    let told = |name: &str| -> Vec<_> {
        let (_, bytes) = fixtures().into_iter().find(|(found, _)| found == name).unwrap();
        let told = |operator: Operator| (operator.uid.as_ref().unwrap().to_string(), operator.finished());
        let all = read(&bytes).unwrap().operators.into_iter().map(told);
        all.filter(|(_, finished)| *finished != Finished::No).collect()
    };
    let both = |finished| vec![("parse".to_owned(), finished), ("few".to_owned(), finished)];
    assert_eq!(told("v6-2.3.0-finished-hashmap-canonical"), both(Finished::Fully));
    assert_eq!(told("v6-2.3.0-partly-finished-hashmap-canonical"), both(Finished::Partially));
}

#[test]
fn a_snapshot_knows_whether_it_is_a_savepoint_and_its_operators_their_uids() {
    let fixtures = fixtures();
    let of = |name: &str| read(&fixtures.iter().find(|(found, _)| found == name).unwrap().1).unwrap();
    let native = of("v6-2.3.0-g-forst-forst-native");
    let format = SavepointFormat::Native;
    let properties = native.properties.as_ref().unwrap();
    assert!(
        matches!(properties.snapshot_type, SnapshotType::Savepoint { format: found, .. } if found == format)
    );
    assert!(properties.forced && !properties.discard_subsumed);
    let incremental = of("v5-2.0.2-b-changes-rocksdb-chk-inc");
    let properties = incremental.properties.as_ref().unwrap();
    let sharing = SharingFilesStrategy::ForwardBackward;
    assert_eq!(properties.snapshot_type, SnapshotType::Checkpoint { sharing });
    assert!(properties.discard_finished && properties.discard_subsumed && !properties.forced);
    for operator in native.operators.iter().chain(&incremental.operators) {
        assert!(operator.name.is_some());
        assert!(operator.uid.as_ref().is_none_or(|uid| uid.id() == operator.id));
    }
    let uids = incremental.operators.iter().filter(|operator| operator.uid.is_some()).count();
    assert!(uids > 0);
}

#[test]
fn a_metadata_file_cut_anywhere_is_an_error() {
    for (name, bytes) in fixtures().into_iter().chain(made()) {
        for len in 0..bytes.len() {
            assert!(read(&bytes[..len]).is_err(), "{name} cut at {len}");
        }
        let more = [bytes.as_slice(), &[0]].concat();
        assert!(read(&more).is_err(), "{name} with a byte more");
    }
}

#[test]
fn a_metadata_file_flipped_anywhere_is_an_error_or_a_value_that_writes_back() {
    for (name, bytes) in fixtures().into_iter().chain(made()) {
        for at in 0..bytes.len() {
            let mut flipped = bytes.clone();
            flipped[at] ^= if at % 2 == 0 { 0x01 } else { 0xFF };
            if let Ok(metadata) = read(&flipped) {
                assert!(write(&metadata).is_ok(), "{name} flipped at {at}");
            }
        }
    }
}

#[test]
fn an_error_names_operator_subtask_and_offset() {
    let (_, bytes) = fixtures().into_iter().find(|(name, _)| name.starts_with("v3-1.13.6")).unwrap();
    let operator = read(&bytes).unwrap().operators[0].id;
    let at = 24 + 16 + 8 + 1 + 4 + 4;
    let mut wrong = bytes.clone();
    wrong[at..at + 4].copy_from_slice(&2_i32.to_be_bytes());
    let Err(Error::In { place, cause }) = read(&wrong) else { panic!("an operator") };
    assert_eq!(place, format!("operator {operator}"));
    let Error::In { place, cause } = *cause else { panic!("a subtask") };
    assert!(place.starts_with("subtask "));
    assert!(matches!(*cause, Error::Malformed { offset, .. } if offset == at as u64 + 4));
}

#[test]
fn versions_of_the_future_are_refused_by_name() {
    let (_, mut bytes) = fixtures().pop().unwrap();
    bytes[7] = 7;
    let Err(Error::Unsupported { what, offset: 4, .. }) = read(&bytes) else { panic!("unsupported") };
    assert_eq!(what, "version 7");
    bytes[0] = 0;
    assert!(matches!(read(&bytes), Err(Error::Malformed { .. })));
}

#[test]
fn handles_within_handles_end_at_the_depth_limit() {
    let mut bytes = MAGIC.to_be_bytes().to_vec();
    bytes.extend([0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1]);
    bytes.extend([0; 24]);
    for _ in 0..100_000 {
        bytes.extend([3, 0, 0, 0, 0, 0, 0, 0, 0]);
    }
    let mut cause = read(&bytes).unwrap_err();
    while let Error::In { cause: inner, .. } = cause {
        cause = *inner;
    }
    assert!(matches!(cause, Error::TooLarge { limit: 64, .. }));
}

#[test]
fn every_kind_of_handle_reads_back_in_every_version_that_has_it() {
    for (name, bytes) in made() {
        let metadata = read(&bytes).unwrap_or_else(|error| panic!("{name}: {error:?}"));
        assert_eq!(write(&metadata).unwrap(), bytes, "{name}");
        assert_eq!(metadata, made::metadata(metadata.version), "{name}");
    }
}

#[test]
fn what_a_version_has_no_place_for_is_not_written() {
    let mut old = made::metadata(2);
    old.operators[0].finished = true;
    assert!(write(&old).is_err());
    let mut without = made::metadata(6);
    without.properties = None;
    assert!(write(&without).is_err());
    let mut merged = made::metadata(6);
    merged.version = 5;
    assert!(write(&merged).is_err());
    let mut twice = made::metadata(3);
    let handle = twice.operators[0].subtasks[1].managed_operator[0].clone();
    twice.operators[0].subtasks[1].managed_operator.push(handle);
    assert!(write(&twice).is_err());
}

/// Made metadata with every kind of handle, one for each version.
fn made() -> Vec<(String, Vec<u8>)> {
    (1..=6).map(|version| (format!("made v{version}"), write(&made::metadata(version)).unwrap())).collect()
}
