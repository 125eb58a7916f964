use std::os::unix::fs::symlink;
use std::sync::Arc;

use alluvium_model::{ErrorKind, spec};

use super::*;

fn path(text: &str) -> ObjectPath {
    ObjectPath::new(text).unwrap()
}

fn each_store(check: impl Fn(Arc<dyn Store>)) {
    let dir = tempfile::tempdir().unwrap();
    check(Arc::new(MemoryStore::new()));
    check(Arc::new(LocalStore::open(dir.path()).unwrap()));
    check(Arc::new(SubStore::new(Arc::new(MemoryStore::new()), path("a/b"))));
    check(Arc::new(FaultyStore::new(Arc::new(MemoryStore::new()))));
}

async fn write(store: &dyn Store, at: &str, pieces: &[&'static str]) -> Result<()> {
    let at = path(at);
    let mut writer = store.writer(&at).await?;
    for piece in pieces {
        writer.write(Bytes::from_static(piece.as_bytes())).await?;
    }
    writer.finish().await
}

#[test]
fn what_was_created_is_read_back_whole_and_in_ranges() {
    spec!("STORE-2");
    each_store(|store| {
        block_on(async {
            store.create(&path("x/one"), "0123456789".into()).await.unwrap();
            write(&*store, "x/two", &["abc", "", "def"]).await.unwrap();
            assert_eq!(store.get(&path("x/two")).await.unwrap(), "abcdef");
            let ranges = store.get_ranges(&path("x/one"), &[8..10, 0..1, 3..3]).await.unwrap();
            assert_eq!(ranges, ["89", "0", ""]);
            assert_eq!(store.size(&path("x/one")).await.unwrap(), Some(10));
            assert_eq!(store.size(&path("x/none")).await.unwrap(), None);
        });
    });
}

#[test]
fn an_object_is_created_once() {
    spec!("STORE-3");
    each_store(|store| {
        block_on(async {
            store.create(&path("one"), "first".into()).await.unwrap();
            let again = store.create(&path("one"), "second".into()).await.unwrap_err();
            assert_eq!(again.kind(), ErrorKind::Conflict);
            let again = write(&*store, "one", &["third"]).await.unwrap_err();
            assert_eq!(again.kind(), ErrorKind::Conflict);
            assert_eq!(store.get(&path("one")).await.unwrap(), "first");
        });
    });
}

#[test]
fn listing_is_by_prefix_and_ascending() {
    spec!("STORE-4");
    each_store(|store| {
        block_on(async {
            for at in ["b/2", "b/1", "bb/3", "a", "b/sub/0"] {
                store.create(&path(at), "x".into()).await.unwrap();
            }
            let listed = async |prefix: &str| {
                let found = store.list(prefix).await.unwrap();
                found.iter().map(|entry| entry.path.to_string()).collect::<Vec<_>>()
            };
            assert_eq!(listed("b/").await, ["b/1", "b/2", "b/sub/0"]);
            assert_eq!(listed("b").await, ["b/1", "b/2", "b/sub/0", "bb/3"]);
            assert_eq!(listed("").await.len(), 5);
            assert!(listed("none/").await.is_empty());
        });
    });
}

#[test]
fn an_unfinished_writer_leaves_nothing() {
    spec!("STORE-2");
    each_store(|store| {
        block_on(async {
            let at = path("late");
            let mut writer = store.writer(&at).await.unwrap();
            writer.write("half".into()).await.unwrap();
            assert!(store.list("").await.unwrap().is_empty());
            drop(writer);
            assert!(store.get(&at).await.is_err());
            store.create(&at, "whole".into()).await.unwrap();
        });
    });
}

#[test]
fn deleting_twice_is_no_error_and_missing_objects_are_named() {
    each_store(|store| {
        block_on(async {
            store.create(&path("one"), "x".into()).await.unwrap();
            store.delete(&path("one")).await.unwrap();
            store.delete(&path("one")).await.unwrap();
            let missing = store.get(&path("one")).await.unwrap_err();
            assert_eq!(missing.kind(), ErrorKind::Missing);
            assert!(missing.to_string().contains("one"));
        });
    });
}

#[test]
fn a_range_behind_the_end_is_corrupt_whatever_its_length() {
    spec!("STORE-5");
    each_store(|store| {
        block_on(async {
            store.create(&path("one"), "0123".into()).await.unwrap();
            for range in [0..5, 9..10, 0..u64::MAX] {
                let error = store.get_ranges(&path("one"), &[range]).await.unwrap_err();
                assert_eq!(error.kind(), ErrorKind::Corrupt);
            }
        });
    });
}

#[test]
fn links_that_lead_out_of_the_directory_are_refused() {
    spec!("STORE-1");
    let (dir, outside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    std::fs::write(outside.path().join("secret"), "s").unwrap();
    symlink(outside.path(), dir.path().join("out")).unwrap();
    symlink(dir.path().join("nowhere"), dir.path().join("dangling")).unwrap();
    let store = LocalStore::open(dir.path()).unwrap();
    for at in ["out/secret", "out/new", "out/deep/new", "dangling", "dangling/x"] {
        assert!(block_on(store.get(&path(at))).is_err(), "{at}");
        assert!(block_on(store.create(&path(at), "x".into())).is_err(), "{at}");
    }
    assert!(!outside.path().join("new").exists());
}

#[test]
fn sweeping_removes_what_a_dead_writer_left() {
    let dir = tempfile::tempdir().unwrap();
    let store = LocalStore::open(dir.path()).unwrap();
    let mut writer = block_on(store.writer(&path("objects/a"))).unwrap();
    block_on(writer.write("x".into())).unwrap();
    std::mem::forget(writer);
    assert_eq!(block_on(store.sweep(0)).unwrap(), 0);
    assert_eq!(block_on(store.sweep(i64::MAX)).unwrap(), 1);
    assert_eq!(std::fs::read_dir(dir.path().join("objects")).unwrap().count(), 0);
}

#[test]
fn opening_a_missing_directory_or_a_file_is_an_error_by_kind() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    std::fs::write(&file, "x").unwrap();
    assert_eq!(LocalStore::open(dir.path().join("none")).unwrap_err().kind(), ErrorKind::Missing);
    assert_eq!(LocalStore::open(file).unwrap_err().kind(), ErrorKind::Input);
}

#[test]
fn faults_come_at_their_operation_and_a_crash_lasts() {
    let run = |kind| {
        let memory = MemoryStore::new();
        let store = FaultyStore::with_fault(Arc::new(memory.clone()), Fault { at: 1, kind });
        let created: Vec<bool> =
            ["a", "b", "c"].map(|at| block_on(store.create(&path(at), "0123".into())).is_ok()).into();
        let found = block_on(memory.list("")).unwrap();
        let found = found.iter().map(|e| format!("{}{}", e.path, e.size)).collect::<Vec<_>>().join(" ");
        (created, found)
    };
    assert_eq!(run(FaultKind::Fail), (vec![true, false, true], "a4 c4".into()));
    assert_eq!(run(FaultKind::LoseAnswer), (vec![true, false, true], "a4 b4 c4".into()));
    assert_eq!(run(FaultKind::CrashBefore), (vec![true, false, false], "a4".into()));
    assert_eq!(run(FaultKind::CrashAfter), (vec![true, false, false], "a4 b4".into()));
    assert_eq!(run(FaultKind::Tear), (vec![true, false, false], "a4 b2".into()));
}

#[test]
fn a_deleted_object_leaves_no_empty_directory() {
    let dir = tempfile::tempdir().unwrap();
    let store = LocalStore::open(dir.path()).unwrap();
    for at in ["a/b/one", "a/two"] {
        block_on(store.create(&path(at), "x".into())).unwrap();
    }
    block_on(store.delete(&path("a/b/one"))).unwrap();
    assert!(!dir.path().join("a/b").exists() && dir.path().join("a/two").exists());
    block_on(store.delete(&path("a/two"))).unwrap();
    assert!(dir.path().exists() && !dir.path().join("a").exists());
}
