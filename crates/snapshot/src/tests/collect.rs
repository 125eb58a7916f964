use std::collections::BTreeSet;
use std::sync::Arc;

use alluvium_model::{ErrorKind, spec};
use alluvium_store::{Fault, FaultKind, FaultyStore, Store, block_on};

use super::support::*;
use crate::{JobRoot, Retention};

const GRACE_MS: u64 = 600_000;

/// Publishes checkpoints 1 to 4, each with one more run in an object of its own.
async fn four_checkpoints(world: &World) -> Contents {
    let root = world.root();
    root.claim().await.unwrap();
    let (mut runs, mut expected) = (Vec::new(), Contents::new());
    for id in 1..=4u32 {
        let rows = puts(0..2000 + i64::from(id), &format!("value {id}"));
        apply(&mut expected, &rows);
        // Every second checkpoint replaces all runs, so that older ones become unreachable.
        let base = id % 2 == 1;
        if base {
            runs.clear();
        }
        runs.extend(write_run(&world.store(), &world.env, id, base, &rows).await.unwrap());
        let published = publish(&root, 1, id.into(), runs).await.unwrap();
        runs = runs_of(&published);
    }
    expected
}

async fn objects(world: &World) -> usize {
    world.memory.list("objects/").await.unwrap().len()
}

#[test]
fn collection_leaves_what_is_retained_and_removes_the_rest() {
    spec!("COLLECT-1", "COLLECT-3");
    let world = World::new();
    let root = world.root();
    block_on(async {
        let expected = four_checkpoints(&world).await;
        assert_eq!(objects(&world).await, 4);
        world.clock.advance_ms(GRACE_MS);
        let collected = root.collect(1, &Retention::of(2)).await.unwrap();
        let dropped: Vec<_> = collected.checkpoints.iter().map(|name| name.checkpoint_id).collect();
        assert_eq!((dropped, collected.objects), (vec![1, 2], 2));
        assert_eq!(objects(&world).await, 2);
        let snapshot = latest(&root).unwrap();
        assert_sound(&snapshot);
        assert_eq!(contents(&snapshot), expected);
        assert_eq!(root.collect(1, &Retention::of(2)).await.unwrap(), Default::default());
    });
}

#[test]
fn young_objects_and_those_in_progress_are_spared() {
    spec!("COLLECT-2", "COLLECT-4");
    let world = World::new();
    let root = world.root();
    block_on(async {
        four_checkpoints(&world).await;
        let rows = puts(0..3000, "aborted");
        let aborted = write_run(&world.store(), &world.env, 9, false, &rows).await.unwrap();
        let name = aborted[0].object().unwrap().name.clone();
        assert_eq!(root.collect(1, &Retention::of(4)).await.unwrap().objects, 0, "all are young");
        world.clock.advance_ms(GRACE_MS);
        let spared = Retention { in_progress: BTreeSet::from([name.clone()]), ..Retention::of(4) };
        assert_eq!(root.collect(1, &spared).await.unwrap().objects, 0);
        assert_eq!(root.collect(1, &Retention::of(4)).await.unwrap().objects, 1, "an orphan");

        let listed = write_run(&world.store(), &world.env, 9, false, &rows).await.unwrap();
        let mut manifest = checkpoint(1, 5, vec![]);
        manifest.aborted.push((**listed[0].object().unwrap()).clone());
        root.publish(manifest).await.unwrap();
        world.clock.advance_ms(GRACE_MS);
        root.collect(1, &Retention::of(1)).await.unwrap();
        assert_eq!(objects(&world).await, 1, "what the next complete checkpoint lists is kept");
    });
}

#[test]
fn a_pinned_checkpoint_outlives_retention() {
    spec!("COLLECT-1");
    let world = World::new();
    let root = world.root();
    block_on(async {
        four_checkpoints(&world).await;
        let second = root.checkpoints().await.unwrap()[1].name;
        root.pin("before upgrade", second).await.unwrap();
        world.clock.advance_ms(GRACE_MS);
        root.collect(1, &Retention::of(1)).await.unwrap();
        assert_sound(&root.open(second).await.unwrap());
        root.unpin("before upgrade").await.unwrap();
        let collected = root.collect(1, &Retention::of(1)).await.unwrap();
        assert_eq!((collected.checkpoints, collected.objects), (vec![second], 2));
    });
}

#[test]
fn a_fenced_attempt_collects_nothing() {
    spec!("FENCE-4");
    let world = World::new();
    let root = world.root();
    block_on(async {
        four_checkpoints(&world).await;
        root.claim().await.unwrap();
        world.clock.advance_ms(GRACE_MS);
        let refused = root.collect(1, &Retention::of(1)).await.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Conflict);
        assert_eq!(objects(&world).await, 4);
    });
}

#[test]
fn collection_interrupted_at_every_operation_leaves_only_whole_checkpoints() {
    spec!("COLLECT-1", "COLLECT-3");
    for kind in [FaultKind::Fail, FaultKind::LoseAnswer, FaultKind::CrashBefore, FaultKind::CrashAfter] {
        for at in 0.. {
            let world = World::new();
            let expected = block_on(four_checkpoints(&world));
            world.clock.advance_ms(GRACE_MS);
            let faulty = FaultyStore::with_fault(world.store(), Fault { at, kind });
            let store: Arc<dyn Store> = Arc::new(faulty.clone());
            let done = block_on(JobRoot::new(store, world.env.clone()).collect(1, &Retention::of(1)));
            if faulty.operations() <= at {
                assert!(done.is_ok() && at > 6);
                break;
            }
            let root = world.root();
            for entry in block_on(root.checkpoints()).unwrap() {
                assert_sound(&block_on(root.open(entry.name)).unwrap());
            }
            assert_eq!(contents(&latest(&root).unwrap()), expected);
        }
    }
}

#[test]
fn a_manifest_that_cannot_be_read_stops_collection() {
    spec!("COLLECT-1");
    let world = World::new();
    let root = world.root();
    block_on(async {
        four_checkpoints(&world).await;
        world.clock.advance_ms(GRACE_MS);
        let path = root.latest().await.unwrap().unwrap().path().unwrap();
        world.memory.overwrite(&path, "ALLUVIUM and nothing else".into());
        assert_eq!(root.collect(1, &Retention::of(1)).await.unwrap_err().kind(), ErrorKind::Corrupt);
        assert_eq!(objects(&world).await, 4);
        assert_eq!(root.checkpoints().await.unwrap().len(), 4);
    });
}
