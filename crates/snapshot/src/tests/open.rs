use std::fs;
use std::path::Path;
use std::sync::Arc;

use alluvium_env::Env;
use alluvium_format::JobRef;
use alluvium_model::{ErrorKind, KeyGroupFunction, spec};
use alluvium_store::{LocalStore, Store, block_on};

use super::support::*;
use crate::{JobRoot, OperatorSpec, SnapshotWriter, locate, open_location};

fn local(dir: &Path) -> Arc<dyn Store> {
    Arc::new(LocalStore::create_dir(dir).unwrap())
}

fn write_savepoint_to(dir: &Path) {
    block_on(async {
        let mut writer = SnapshotWriter::savepoint(local(dir), &Env::simulated(1), JobRef::default());
        writer.operator(OperatorSpec::new(UID, GROUPS, KeyGroupFunction::JavaHash)).await.unwrap();
        writer.begin_table(schema()).await.unwrap();
        writer.write(&batch(false, &puts(0..10, "v"))).await.unwrap();
        writer.finish().await.unwrap();
    });
}

fn error_of(path: &Path) -> (ErrorKind, String) {
    let error = open_location(path).err().expect("it must not open");
    (error.kind, error.message)
}

#[test]
fn a_savepoint_opens_by_its_directory_and_by_its_manifest() {
    let dir = tempfile::tempdir().unwrap();
    let savepoint = dir.path().join("sp");
    write_savepoint_to(&savepoint);
    for path in [savepoint.clone(), savepoint.join("savepoint.manifest")] {
        let snapshot = open_location(&path).unwrap();
        assert_eq!((snapshot.describe().kind, snapshot.describe().operators.len()), ("savepoint", 1));
        assert_sound(&locate(&path).unwrap().open().unwrap());
    }
}

#[test]
fn a_savepoint_may_be_moved() {
    spec!("MAN-8");
    let dir = tempfile::tempdir().unwrap();
    write_savepoint_to(&dir.path().join("here"));
    fs::rename(dir.path().join("here"), dir.path().join("there")).unwrap();
    let snapshot = locate(dir.path().join("there")).unwrap().open().unwrap();
    assert_sound(&snapshot);
    assert_eq!(contents(&snapshot).len(), 20);
}

#[test]
fn a_jobs_root_stands_for_its_newest_complete_checkpoint() {
    spec!("FENCE-3");
    let dir = tempfile::tempdir().unwrap();
    let store = local(dir.path());
    let env = Env::simulated(1);
    let root = JobRoot::new(Arc::clone(&store), env.clone());
    block_on(async {
        root.claim().await.unwrap();
        let (kind, message) = error_of(dir.path());
        assert_eq!(kind, ErrorKind::Missing);
        assert!(message.contains("without a complete checkpoint"), "{message}");
        for id in [1, 2] {
            let rows = puts(0..1000 * i64::from(id), "v");
            let runs = write_run(&store, &env, id, true, &rows).await.unwrap();
            publish(&root, 1, id.into(), runs).await.unwrap();
        }
    });
    let snapshot = open_location(dir.path()).unwrap();
    assert_eq!((snapshot.describe().kind, snapshot.describe().id), ("checkpoint", Some(2)));
    let first = dir.path().join("checkpoints/00000001-0000000001.manifest");
    let snapshot = locate(first).unwrap().open().unwrap();
    assert_eq!(contents(&snapshot).len(), 2000);
    assert_sound(&snapshot);
}

#[test]
fn what_is_no_snapshot_is_told_apart() {
    spec!("PRE-2");
    let dir = tempfile::tempdir().unwrap();
    let (kind, message) = error_of(&dir.path().join("none"));
    assert!(kind == ErrorKind::Missing && message.contains("none"), "{message}");
    let (kind, message) = error_of(dir.path());
    assert!(kind == ErrorKind::Missing && message.contains("an empty directory"), "{message}");
    fs::write(dir.path().join("readme"), "x").unwrap();
    let (kind, message) = error_of(dir.path());
    assert!(kind == ErrorKind::Missing && message.contains("looked for savepoint.manifest"), "{message}");
    let (kind, message) = error_of(&dir.path().join("readme"));
    assert!(kind == ErrorKind::Corrupt && message.contains("not an Alluvium manifest"), "{message}");

    let savepoint = dir.path().join("sp");
    write_savepoint_to(&savepoint);
    let manifest = savepoint.join("savepoint.manifest");
    let bytes = fs::read(&manifest).unwrap();
    for length in 0..bytes.len() {
        fs::write(&manifest, &bytes[..length]).unwrap();
        assert_eq!(error_of(&savepoint).0, ErrorKind::Corrupt, "cut at {length}");
    }
}

#[test]
fn a_feature_that_nobody_knows_is_refused_by_name() {
    spec!("FEAT-1");
    let dir = tempfile::tempdir().unwrap();
    write_savepoint_to(dir.path());
    let mut manifest = locate(dir.path()).unwrap().open().unwrap().manifest().as_ref().clone();
    manifest.features = vec!["time-travel".into()];
    let file = dir.path().join("savepoint.manifest");
    fs::write(&file, alluvium_format::encode(&manifest).unwrap()).unwrap();
    let (kind, message) = error_of(&file);
    assert!(kind == ErrorKind::Unsupported && message.contains("time-travel"), "{message}");
}
