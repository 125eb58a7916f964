use std::fs;
use std::path::PathBuf;

use alluvium_store::{MemoryStore, ObjectPath, Store, block_on};

use super::*;
use crate::files::StoreVolume;
use crate::metadata::{PostCheckpointAction, Retention, SavepointFormat};
use crate::metadata::{Properties, SharingFilesStrategy};

const JOB: &str = "0123456789abcdef0123456789abcdef";
const OTHER: &str = "fedcba98765432100123456789abcdef";

fn bytes(version: u32, checkpoint_id: u64, properties: Option<Properties>) -> Vec<u8> {
    let (master_states, operators) = (Vec::new(), Vec::new());
    metadata::write(&Metadata { version, checkpoint_id, master_states, operators, properties }).unwrap()
}

fn checkpoint(id: u64) -> Vec<u8> {
    let properties = Properties::checkpoint(SharingFilesStrategy::ForwardBackward, Retention::OnCancellation);
    bytes(6, id, Some(properties))
}

fn put(dir: &Path, path: &str, bytes: &[u8]) -> PathBuf {
    let file = dir.join(path);
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    fs::write(&file, bytes).unwrap();
    file
}

fn found(path: &Path) -> u64 {
    locate_local(path).unwrap().metadata.checkpoint_id
}

#[test]
fn a_savepoint_is_found_by_its_folder_and_by_its_file() {
    let dir = tempfile::tempdir().unwrap();
    let properties = Properties::savepoint(SavepointFormat::Native, PostCheckpointAction::None);
    let file = put(dir.path(), "s/_metadata", &bytes(5, 3, Some(properties)));
    for path in [file.clone(), dir.path().join("s"), dir.path().to_path_buf()] {
        let located = locate_local(&path).unwrap();
        assert_eq!(located.kind, SnapshotKind::Savepoint(Some(SavepointFormat::Native)));
        assert_eq!(fs::canonicalize(&located.path).unwrap(), fs::canonicalize(&file).unwrap());
    }
}

#[test]
fn a_job_stands_for_its_newest_complete_checkpoint() {
    let dir = tempfile::tempdir().unwrap();
    for n in [2, 9, 10] {
        put(dir.path(), &format!("{JOB}/chk-{n}/_metadata"), &checkpoint(n));
    }
    put(dir.path(), &format!("{JOB}/chk-11/part"), b"unfinished");
    put(dir.path(), &format!("{JOB}/shared/x"), b"state");
    put(dir.path(), "README", b"");
    assert_eq!(found(&dir.path().join(JOB)), 10);
    assert_eq!(found(dir.path()), 10);
    assert_eq!(found(&dir.path().join(JOB).join("chk-9")), 9);
    let located = locate_local(dir.path()).unwrap();
    assert_eq!((located.kind, located.job_id.as_deref()), (SnapshotKind::Checkpoint, Some(JOB)));
}

#[test]
fn several_jobs_are_an_error_that_names_them() {
    let dir = tempfile::tempdir().unwrap();
    for job in [JOB, OTHER] {
        put(dir.path(), &format!("{job}/chk-1/_metadata"), &checkpoint(1));
    }
    let Err(Error::Ambiguous { candidates, .. }) = locate_local(dir.path()) else { panic!("ambiguous") };
    assert!(candidates.len() == 2 && candidates.iter().any(|path| path.contains(OTHER)));
}

#[test]
fn a_savepoint_of_one_file_and_an_externalised_checkpoint_are_found_by_content() {
    let dir = tempfile::tempdir().unwrap();
    let file = put(dir.path(), "savepoint-a9", &bytes(1, 4, None));
    put(dir.path(), "savepoint-b0", b"something else");
    assert_eq!(found(&file), 4);
    assert_eq!(found(dir.path()), 4);
    assert_eq!(locate_local(&file).unwrap().kind, SnapshotKind::Savepoint(None));
    let file = put(dir.path(), "m/checkpoint_metadata-1", &bytes(2, 5, None));
    assert_eq!(locate_local(&file).unwrap().kind, SnapshotKind::Checkpoint);
    assert_eq!(found(&dir.path().join("m")), 5);
}

#[test]
fn what_is_no_snapshot_is_missing_and_no_error_to_ask_for() {
    let dir = tempfile::tempdir().unwrap();
    put(dir.path(), "_metadata", b"no metadata of flink");
    put(dir.path(), "empty/_metadata", b"");
    assert!(matches!(locate_local(dir.path()), Err(Error::Missing { .. })));
    assert!(matches!(locate_local(&dir.path().join("nothing")), Err(Error::Missing { .. })));
    let text = dir.path().to_str().unwrap();
    assert!(find(&LocalVolume, text).unwrap().is_none());
    assert!(find(&LocalVolume, &format!("file://{text}")).unwrap().is_none());
    assert!(matches!(find(&LocalVolume, "s3://bucket/a"), Err(Error::Unsupported { .. })));
}

#[test]
fn damaged_metadata_is_named_with_its_file() {
    let dir = tempfile::tempdir().unwrap();
    let mut bytes = checkpoint(1);
    bytes.truncate(40);
    put(dir.path(), "_metadata", &bytes);
    let Err(Error::In { place, .. }) = locate_local(dir.path()) else { panic!("named") };
    assert!(place.ends_with("/_metadata"));
}

#[test]
fn a_checkpoint_in_a_bucket_is_found_by_its_uri() {
    let store = MemoryStore::new();
    for n in [1, 2] {
        let path = ObjectPath::new(format!("ck/{JOB}/chk-{n}/_metadata")).unwrap();
        block_on(store.create(&path, checkpoint(n).into())).unwrap();
    }
    let volume = Arc::new(StoreVolume::new(Arc::new(store), "s3://bucket").unwrap());
    for uri in ["s3://bucket/ck".to_owned(), format!("s3a://bucket/ck/{JOB}")] {
        let located = locate(Arc::clone(&volume) as Arc<dyn Volume>, &uri).unwrap();
        assert_eq!(located.metadata.checkpoint_id, 2);
        assert_eq!(located.path, format!("s3://bucket/ck/{JOB}/chk-2/_metadata"));
    }
    assert!(matches!(locate(volume, "s3://other/ck"), Err(Error::Unsupported { .. })));
}

/// Every metadata file below a folder.
fn metadata_files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            metadata_files(&path, found);
        } else if fs::read(&path).is_ok_and(|bytes| metadata::is_metadata(&bytes)) {
            found.push(path);
        }
    }
}

/// Every case of the corpus, moved as it is, opens by itself and has all its files.
#[test]
fn every_case_of_the_corpus_is_found_with_all_its_files() {
    let Ok(corpus) = std::env::var("ALLUVIUM_FLINK_CORPUS") else { return };
    let (mut cases, mut snapshots, mut files, mut bytes) = (0_u64, 0_u64, 0, 0);
    let mut folders: Vec<PathBuf> = std::env::split_paths(&corpus).collect();
    while let Some(folder) = folders.pop() {
        if let Ok(text) = fs::read_to_string(folder.join("truth.json")) {
            let truth: serde_json::Value = serde_json::from_str(&text).unwrap();
            let located = locate_local(&folder.join("snapshot"))
                .unwrap_or_else(|error| panic!("{}: {error:?}", folder.display()));
            let mut all = Vec::new();
            metadata_files(&folder.join("snapshot"), &mut all);
            for file in all {
                let located = locate_local(&file).unwrap();
                let survey = located.files.survey(&located.metadata).unwrap();
                assert!(survey.is_whole(), "{}: {survey:?}", file.display());
                snapshots += 1;
                files += survey.present;
                bytes += survey.present_bytes;
            }
            // One file of 1.2 looks like the other.
            if truth["flink_version"] != "1.2.1" {
                let checkpoint = located.kind == SnapshotKind::Checkpoint;
                assert_eq!(checkpoint, truth["kind"] == "checkpoint", "{}", folder.display());
            }
            cases += 1;
        }
        let below = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path());
        folders.extend(below.filter(|path| path.is_dir() && !path.ends_with("snapshot")));
    }
    println!("{cases} cases, {snapshots} snapshots, {files} files, {bytes} bytes");
    assert!(cases > 0);
}
