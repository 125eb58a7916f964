use std::collections::BTreeSet;
use std::sync::Arc;

use alluvium_format::{RunRef, runs};
use alluvium_model::{KeyGroupRange, SnapshotSource, spec};
use alluvium_store::{Fault, FaultKind, FaultyStore, MemoryStore, ObjectPath, Store, block_on};

use super::support::*;
use crate::{MergeRequest, ObjectReader, SavepointOptions, Snapshot, merge_runs, write_savepoint};

/// As few bytes as there are: two runs at once.
const TINY: u64 = 1;
const USUAL: u64 = crate::MERGE_BYTES_MAX;
const PIECES: u32 = 3;
const SEQUENCES: u32 = 14;

/// A base of some pieces and deltas above it, those of odd sequences by two subtasks with half of the
/// key groups each. Values do not fit into a manifest.
async fn stack(world: &World) -> (Vec<RunRef>, Contents) {
    let (mut found, mut expected) = (Vec::new(), Contents::new());
    for sequence in 1..=SEQUENCES {
        let base = sequence <= PIECES;
        let rows = if base { piece(sequence) } else { changes(sequence) };
        apply(&mut expected, &rows);
        let run = write_run(&world.store(), &world.env, sequence, base, &rows).await.unwrap();
        match sequence % 2 == 1 && !base {
            false => found.extend(run),
            true => {
                found.extend(runs::within(&run, KeyGroupRange::new(0, GROUPS / 2)));
                found.extend(runs::within(&run, KeyGroupRange::new(GROUPS / 2, GROUPS)));
            }
        }
    }
    (found, expected)
}

fn piece(sequence: u32) -> Vec<Do> {
    let keys = (0..400).filter(|key| key % PIECES as i64 == i64::from(sequence) - 1);
    keys.flat_map(|key| (0..2).map(move |entry| put(key, entry, sequence))).collect()
}

fn changes(sequence: u32) -> Vec<Do> {
    let step = i64::from(sequence);
    let keys = (0..400i64).filter(move |key| (key * 7 + step) % 5 == 0);
    let change = |key: i64| match (key + step) % 4 {
        0 => vec![Do::Delete(key, 0)],
        1 => vec![Do::Clear(key), put(key, 2, sequence)],
        2 => vec![Do::Clear(key)],
        _ => vec![put(key, 0, sequence), put(key, 5, sequence)],
    };
    keys.flat_map(change).collect()
}

fn put(key: i64, entry: i64, sequence: u32) -> Do {
    Do::Put(key, entry, noise(40, (key * 100 + entry * 20) as u64 + u64::from(sequence)))
}

fn request(all: &[RunRef], chosen: &[usize], merge_bytes_max: u64) -> MergeRequest {
    MergeRequest {
        operator: UID.into(),
        schema: schema(),
        schema_id: 0,
        schemas: vec![schema()],
        runs: chosen.iter().map(|i| all[*i].clone()).collect(),
        merged: runs::merged(all, chosen).unwrap(),
        as_of_ms: None,
        merge_bytes_max,
    }
}

async fn names(store: &Arc<dyn Store>) -> BTreeSet<ObjectPath> {
    store.list("").await.unwrap().into_iter().map(|entry| entry.path).collect()
}

fn without_places(mut found: Vec<RunRef>) -> Vec<RunRef> {
    for run in &mut found {
        run.place = alluvium_format::Place::Inline(Default::default());
    }
    found
}

#[test]
fn merging_in_passes_gives_what_one_pass_gives_and_leaves_nothing_else() {
    spec!("MERGE-5", "MERGE-6", "MERGE-7", "MERGE-8", "MERGE-9");
    let world = World::new();
    let root = world.root();
    block_on(async {
        let (all, expected) = stack(&world).await;
        let everything: Vec<usize> = (0..all.len()).collect();
        let deltas: Vec<usize> = (PIECES as usize..all.len()).collect();
        let newest = deltas[3..].to_vec();
        for (id, chosen) in (1..).zip([everything, deltas, newest]) {
            let objects = ObjectReader::new(world.store());
            let mut merged = Vec::new();
            for merge_bytes_max in [USUAL, TINY] {
                let before = names(&world.store()).await;
                let request = request(&all, &chosen, merge_bytes_max);
                merged.push(merge_runs(&objects, &world.env.ids, request).await.unwrap());
                let added = names(&world.store()).await.difference(&before).count();
                assert_eq!(added, 1, "the merged run and no scratch");
            }
            assert!(merged[0][0].rows > 100 && merged[1][0].object().is_some_and(|object| object.root == 0));
            let left = (0..all.len()).filter(|i| !chosen.contains(i)).map(|i| all[i].clone());
            let left: Vec<RunRef> = left.chain(merged[1].clone()).collect();
            let [once, passes] = merged.try_into().unwrap();
            assert_eq!(without_places(once), without_places(passes), "rows, digests, sequences and clips");
            if left.len() <= 8 {
                let published = publish(&root, 1, id, left).await.unwrap();
                let snapshot = root.open(published.name).await.unwrap();
                assert_eq!(contents(&snapshot), expected);
                assert_sound(&snapshot);
            }
        }
    });
}

#[test]
fn a_savepoint_made_in_passes_is_the_one_made_in_one_pass() {
    spec!("MAN-9", "MERGE-5", "ROWHASH-1");
    let world = World::new();
    block_on(async {
        let (all, expected) = stack(&world).await;
        let source = Snapshot::of(world.store(), checkpoint(1, 1, all)).await.unwrap();
        let mut made = Vec::new();
        for (compacted, merge_bytes_max) in [(true, USUAL), (true, TINY), (false, TINY)] {
            let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
            let options = SavepointOptions { compacted, merge_bytes_max, ..SavepointOptions::default() };
            write_savepoint(&source, Arc::clone(&store), &world.env, &options).await.unwrap();
            let path = ObjectPath::new("savepoint.manifest").unwrap();
            let savepoint = Snapshot::open(Arc::clone(&store), &path).await.unwrap();
            assert_eq!(contents(&savepoint), expected);
            assert_sound(&savepoint);
            let table = savepoint.manifest().operators[0].tables[0].clone();
            let bytes = table.runs[0].object().map(|object| object.digest);
            made.push((
                savepoint.digest(operator(), STATE).unwrap(),
                table.entries,
                bytes,
                names(&store).await.len(),
            ));
        }
        assert_eq!(made[0], made[1], "digests, entries, bytes of the file, number of objects");
        assert_eq!((&made[1].0, made[1].1), (&made[2].0, made[2].1));
    });
}

#[test]
fn a_merge_in_passes_that_fails_anywhere_leaves_no_scratch() {
    spec!("MERGE-8", "COLLECT-1");
    let world = World::new();
    let (all, _) = block_on(stack(&world));
    let everything: Vec<usize> = (0..all.len()).collect();
    let before = block_on(names(&world.store()));
    let merge = |store: FaultyStore| {
        let objects = ObjectReader::new(Arc::new(store.clone()));
        let result = block_on(merge_runs(&objects, &world.env.ids, request(&all, &everything, TINY)));
        let left: Vec<ObjectPath> = block_on(names(&world.store())).difference(&before).cloned().collect();
        for path in &left {
            block_on(world.store().delete(path)).unwrap();
        }
        (result, left, store.operations())
    };
    let (merged, _, operations) = merge(FaultyStore::new(world.store()));
    assert!(merged.is_ok() && operations > 50, "{operations} operations: {merged:?}");
    for at in 0..operations {
        let fault = Fault { at, kind: FaultKind::LoseAnswer };
        let (_, left, _) = merge(FaultyStore::with_fault(world.store(), fault));
        // An object whose answer was lost may be the result; the next collection takes it.
        assert!(left.len() <= 1, "operation {at}: {left:?}");
    }
}
