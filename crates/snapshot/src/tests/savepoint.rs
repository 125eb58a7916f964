use std::sync::Arc;

use alluvium_format::Profile;
use alluvium_model::{ErrorKind, KeyGroupRange, MaxParallelism, SnapshotSource, spec};
use alluvium_store::{Fault, FaultKind, FaultyStore, MemoryStore, ObjectPath, Store, block_on};

use super::support::*;
use crate::{SavepointOptions, Snapshot, dispose, write_savepoint};

/// A checkpoint of three runs, one of them with a block list.
async fn stacked(world: &World) -> (Snapshot, Contents) {
    let large: Vec<Do> = (100..103).map(|i| Do::Put(i, 0, noise(500_000, i as u64))).collect();
    let layers =
        [puts(0..300, "one"), large, vec![Do::Clear(3), Do::Delete(4, 0), Do::Put(5, 0, b"x".into())]];
    let (mut runs, mut expected) = (Vec::new(), Contents::new());
    for (sequence, rows) in (1..).zip(&layers) {
        apply(&mut expected, rows);
        runs.extend(write_run(&world.store(), &world.env, sequence, sequence == 1, rows).await.unwrap());
    }
    let published = publish(&world.root(), 1, 1, runs).await.unwrap();
    (world.root().open(published.name).await.unwrap(), expected)
}

fn native() -> SavepointOptions {
    SavepointOptions { compacted: false, ..SavepointOptions::default() }
}

async fn reopened(store: &Arc<dyn Store>) -> crate::Result<Snapshot> {
    Snapshot::open(Arc::clone(store), &ObjectPath::new("savepoint.manifest").unwrap()).await
}

#[test]
fn compacted_and_native_savepoints_hold_the_same_rows_and_digests() {
    spec!("MAN-8", "MAN-9", "MAN-10", "ROWHASH-1");
    let world = World::new();
    block_on(async {
        let (source, expected) = stacked(&world).await;
        let mut digests = Vec::new();
        for options in [SavepointOptions::default(), native()] {
            let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
            write_savepoint(&source, Arc::clone(&store), &world.env, &options).await.unwrap();
            let savepoint = reopened(&store).await.unwrap();
            assert_eq!(savepoint.manifest().profile, Profile::Savepoint { compacted: options.compacted });
            assert_sound(&savepoint);
            assert_eq!(contents(&savepoint), expected);
            digests.push(savepoint.digest(operator(), STATE).unwrap().unwrap());
            let runs = &savepoint.manifest().operators[0].tables[0].runs;
            assert_eq!(runs.len(), if options.compacted { 1 } else { 3 });

            // It needs nothing of the job's root, and a savepoint of it is the same again.
            let again: Arc<dyn Store> = Arc::new(MemoryStore::new());
            write_savepoint(&savepoint, Arc::clone(&again), &world.env, &SavepointOptions::default())
                .await
                .unwrap();
            assert_eq!(contents(&reopened(&again).await.unwrap()), expected);
        }
        assert_eq!(digests[0], digests[1]);
    });
}

#[test]
fn one_base_run_is_copied_without_encoding_it_again() {
    spec!("MAN-9");
    let world = World::new();
    block_on(async {
        let runs = write_run(&world.store(), &world.env, 4, true, &puts(0..2000, "value")).await.unwrap();
        let published = publish(&world.root(), 1, 1, runs).await.unwrap();
        let source = world.root().open(published.name).await.unwrap();
        let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
        let manifest = write_savepoint(&source, Arc::clone(&store), &world.env, &SavepointOptions::default())
            .await
            .unwrap();
        let object = |s: &Snapshot| s.manifest().operators[0].tables[0].runs[0].object().unwrap().clone();
        let savepoint = reopened(&store).await.unwrap();
        assert_eq!(object(&source).digest, object(&savepoint).digest);
        assert_eq!(object(&savepoint).name, "tables/airports/visits-0000.parquet");
        assert_sound(&savepoint);
        assert_eq!(savepoint.manifest().operators, manifest.operators);
    });
}

/// Writes base runs, each of the rows that one subtask of so many would have.
async fn based(world: &World, subtasks: u32, rows: &[Do]) -> Snapshot {
    let mut runs = Vec::new();
    for subtask in 0..subtasks {
        let range = MaxParallelism::new(GROUPS).unwrap().range_of(subtask, subtasks);
        let of_range = |row: &&Do| range.contains(group_of(row.key()));
        let own: Vec<Do> = rows.iter().filter(of_range).cloned().collect();
        let mut written = write_run(&world.store(), &world.env, 1, true, &own).await.unwrap();
        written.iter_mut().for_each(|run| run.clip = range);
        runs.extend(written);
    }
    let published = publish(&world.root(), 1, 1, runs).await.unwrap();
    world.root().open(published.name).await.unwrap()
}

#[test]
fn base_runs_of_several_subtasks_are_copied_by_the_digests_they_have() {
    spec!("FILE-8", "MAN-9", "MAN-10", "CLIP-1");
    let world = World::new();
    let rows: Vec<Do> = (0..160).map(|key| Do::Put(key, 0, noise(30_000, key as u64))).collect();
    let mut expected = Contents::new();
    apply(&mut expected, &rows);
    block_on(async {
        let source = based(&world, 2, &rows).await;
        let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
        write_savepoint(&source, Arc::clone(&store), &world.env, &SavepointOptions::default()).await.unwrap();
        let savepoint = reopened(&store).await.unwrap();
        let of = |s: &Snapshot| s.manifest().operators[0].tables[0].clone();
        let digests =
            |s: &Snapshot| of(s).runs.iter().map(|run| run.object().unwrap().digest).collect::<Vec<_>>();
        assert_eq!(digests(&savepoint), digests(&source), "bytes are as they were");
        assert_eq!(of(&savepoint).runs.iter().map(|run| run.sequence).collect::<Vec<_>>(), [(1, 1), (2, 2)]);
        assert_eq!((of(&savepoint).entries, contents(&savepoint)), (Some(160), expected));
        assert_sound(&savepoint);

        let mut clipped = source.manifest().as_ref().clone();
        clipped.operators[0].tables[0].runs[0].clip = KeyGroupRange::new(0, 1);
        let clipped = Snapshot::of(world.store(), clipped).await.unwrap();
        let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
        write_savepoint(&clipped, Arc::clone(&store), &world.env, &SavepointOptions::default())
            .await
            .unwrap();
        let savepoint = reopened(&store).await.unwrap();
        assert_eq!(contents(&savepoint), contents(&clipped), "what a clip hides is not copied");
        assert_sound(&savepoint);
    });
}

#[test]
fn a_savepoint_interrupted_at_every_operation_opens_whole_or_not_at_all() {
    spec!("PUB-1", "MAN-8");
    let world = World::new();
    let (source, expected) = block_on(stacked(&world));
    for options in [SavepointOptions::default(), native()] {
        for kind in [FaultKind::Fail, FaultKind::LoseAnswer, FaultKind::CrashBefore, FaultKind::CrashAfter] {
            for at in 0.. {
                let memory: Arc<dyn Store> = Arc::new(MemoryStore::new());
                let faulty = FaultyStore::with_fault(Arc::clone(&memory), Fault { at, kind });
                let store: Arc<dyn Store> = Arc::new(faulty.clone());
                let done = block_on(write_savepoint(&source, store, &world.env, &options));
                if faulty.operations() <= at {
                    assert!(done.is_ok() && at > 4);
                    break;
                }
                match block_on(reopened(&memory)) {
                    Ok(savepoint) => {
                        assert_sound(&savepoint);
                        assert_eq!(contents(&savepoint), expected);
                    }
                    Err(error) => assert_eq!(error.kind(), ErrorKind::Missing),
                }
            }
        }
    }
}

#[test]
fn a_directory_takes_one_savepoint() {
    spec!("PUB-2");
    let world = World::new();
    block_on(async {
        let (source, _) = stacked(&world).await;
        let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
        let options = SavepointOptions::default();
        write_savepoint(&source, Arc::clone(&store), &world.env, &options).await.unwrap();
        let again = write_savepoint(&source, store, &world.env, &options).await.unwrap_err();
        assert_eq!(again.kind(), ErrorKind::Conflict);
    });
}

#[test]
fn disposal_removes_what_the_manifest_names_and_nothing_else() {
    spec!("COLLECT-3");
    let world = World::new();
    block_on(async {
        let (source, _) = stacked(&world).await;
        let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
        write_savepoint(&source, Arc::clone(&store), &world.env, &native()).await.unwrap();
        let notes = ObjectPath::new("notes.txt").unwrap();
        store.create(&notes, "mine".into()).await.unwrap();
        dispose(&store).await.unwrap();
        let left: Vec<_> = store.list("").await.unwrap().into_iter().map(|e| e.path).collect();
        assert_eq!(left, [notes]);
        assert_eq!(dispose(&store).await.unwrap_err().kind(), ErrorKind::Missing);
    });
}

#[test]
fn disposal_interrupted_at_every_operation_leaves_nothing_that_opens() {
    spec!("COLLECT-3");
    let world = World::new();
    let (source, _) = block_on(stacked(&world));
    for at in 1.. {
        let memory: Arc<dyn Store> = Arc::new(MemoryStore::new());
        block_on(write_savepoint(&source, Arc::clone(&memory), &world.env, &native())).unwrap();
        let faulty = FaultyStore::with_fault(Arc::clone(&memory), Fault { at, kind: FaultKind::CrashBefore });
        let store: Arc<dyn Store> = Arc::new(faulty.clone());
        if block_on(dispose(&store)).is_ok() {
            break;
        }
        match block_on(reopened(&memory)) {
            Ok(savepoint) => assert_sound(&savepoint),
            Err(error) => assert_eq!(error.kind(), ErrorKind::Missing),
        }
    }
}

#[test]
fn disposal_refuses_what_is_no_savepoint() {
    let world = World::new();
    block_on(async {
        let (source, _) = stacked(&world).await;
        let name = world.root().latest().await.unwrap().unwrap().path().unwrap();
        let bytes = world.memory.get(&name).await.unwrap();
        let store: Arc<dyn Store> = Arc::new(world.memory.clone());
        store.create(&ObjectPath::new("savepoint.manifest").unwrap(), bytes).await.unwrap();
        let before = world.memory.list("").await.unwrap().len();
        assert_eq!(dispose(&store).await.unwrap_err().kind(), ErrorKind::Input);
        let broken: Arc<dyn Store> = Arc::new(MemoryStore::new());
        broken
            .create(&ObjectPath::new("savepoint.manifest").unwrap(), "something else".into())
            .await
            .unwrap();
        assert_eq!(dispose(&broken).await.unwrap_err().kind(), ErrorKind::Corrupt);
        assert_eq!(world.memory.list("").await.unwrap().len(), before);
        assert!(!source.is_savepoint());
    });
}
