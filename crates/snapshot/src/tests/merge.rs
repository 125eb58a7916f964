use alluvium_format::{RunRef, runs};
use alluvium_model::spec;
use alluvium_store::block_on;

use super::support::*;
use crate::{MERGE_BYTES_MAX, MergeRequest, ObjectReader, merge_runs};

/// Runs 1 (base) to 4, and what is live after each.
async fn stack(world: &World) -> (Vec<RunRef>, Contents) {
    let layers = [
        puts(0..50, "one"),
        vec![Do::Delete(1, 0), Do::Put(2, 0, b"two".into()), Do::Put(60, 0, b"new".into())],
        vec![Do::Clear(3), Do::Put(3, 9, b"after the clear".into()), Do::Delete(60, 0)],
        puts(5..9, "four"),
    ];
    let (mut runs, mut expected) = (Vec::new(), Contents::new());
    for (sequence, rows) in (1..).zip(&layers) {
        apply(&mut expected, rows);
        runs.extend(write_run(&world.store(), &world.env, sequence, sequence == 1, rows).await.unwrap());
    }
    (runs, expected)
}

async fn merge(world: &World, all: &[RunRef], chosen: &[usize]) -> Vec<RunRef> {
    let request = MergeRequest {
        operator: UID.into(),
        schema: schema(),
        schema_id: 0,
        schemas: vec![schema()],
        runs: chosen.iter().map(|i| all[*i].clone()).collect(),
        merged: runs::merged(all, chosen).unwrap(),
        as_of_ms: None,
        merge_bytes_max: MERGE_BYTES_MAX,
    };
    let objects = ObjectReader::new(world.store());
    let mut left: Vec<_> = (0..all.len()).filter(|i| !chosen.contains(i)).map(|i| all[i].clone()).collect();
    left.extend(merge_runs(&objects, &world.env.ids, request).await.unwrap());
    left
}

#[test]
fn any_adjacent_runs_may_be_merged_and_the_live_rows_stay() {
    spec!("MERGE-1", "MERGE-2", "MERGE-3", "MERGE-5", "MERGE-8", "MERGE-9");
    let world = World::new();
    let root = world.root();
    block_on(async {
        let (all, expected) = stack(&world).await;
        for (id, chosen) in (1..).zip([&[][..], &[0, 1], &[1, 2], &[2, 3], &[1, 2, 3], &[0, 1, 2, 3]]) {
            let left = if chosen.is_empty() { all.clone() } else { merge(&world, &all, chosen).await };
            let merged = left.last().unwrap();
            if !chosen.is_empty() {
                assert_eq!(merged.base, chosen[0] == 0, "{chosen:?}");
                let (first, last) = (chosen[0] as u32 + 1, chosen[chosen.len() - 1] as u32 + 1);
                assert_eq!(merged.sequence, (first, last));
            }
            let published = publish(&root, 1, id, left).await.unwrap();
            let snapshot = root.open(published.name).await.unwrap();
            assert_eq!(contents(&snapshot), expected, "{chosen:?}");
            assert_sound(&snapshot);
        }
    });
}

#[test]
fn deletes_and_clears_end_only_in_a_merge_with_the_oldest_run() {
    spec!("MERGE-5", "MERGE-6");
    let world = World::new();
    block_on(async {
        let (all, _) = stack(&world).await;
        let delta = merge(&world, &all, &[1, 2]).await.pop().unwrap();
        assert_eq!((delta.base, delta.deletes, delta.clears), (false, 2, 1));
        let base = merge(&world, &all, &[0, 1, 2, 3]).await.pop().unwrap();
        assert_eq!((base.base, base.deletes, base.clears), (true, 0, 0));
    });
}

#[test]
fn a_clip_hides_the_rows_outside_it() {
    spec!("CLIP-2", "MERGE-7");
    let world = World::new();
    let root = world.root();
    block_on(async {
        let (all, expected) = stack(&world).await;
        let half = alluvium_model::KeyGroupRange::new(0, GROUPS / 2);
        let clipped = runs::within(&all, half);
        let published = publish(&root, 1, 1, clipped.clone()).await.unwrap();
        let snapshot = root.open(published.name).await.unwrap();
        let inside: Contents =
            expected.into_iter().filter(|((key, _), _)| half.contains(group_of(*key))).collect();
        assert!(!inside.is_empty());
        assert_eq!(contents(&snapshot), inside);
        let merged = merge(&world, &clipped, &[0, 1, 2, 3]).await;
        assert_eq!(merged[0].rows as usize, inside.len());
        assert_sound(&snapshot);
    });
}

#[test]
fn a_merge_that_leaves_nothing_gives_no_run() {
    let world = World::new();
    block_on(async {
        let mut all = write_run(&world.store(), &world.env, 1, true, &puts(0..1, "x")).await.unwrap();
        all.extend(write_run(&world.store(), &world.env, 2, false, &[Do::Clear(0)]).await.unwrap());
        assert!(merge(&world, &all, &[0, 1]).await.is_empty());
    });
}
