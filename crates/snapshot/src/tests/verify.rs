use std::sync::Arc;

use alluvium_format::{ObjectRef, Place};
use alluvium_model::digest::Digest;
use alluvium_model::{ErrorKind, KeyGroup, spec};
use alluvium_store::{MemoryStore, ObjectPath, Store, block_on};

use super::support::*;
use crate::{ObjectReader, SavepointOptions, Snapshot, write_savepoint};

/// A root with one checkpoint of a small run, a large one and an inline one.
fn golden() -> (World, crate::CheckpointName) {
    let world = World::new();
    let name = block_on(async {
        let large: Vec<Do> = (100..103).map(|i| Do::Put(i, 0, noise(450_000, i as u64))).collect();
        let mut runs = Vec::new();
        for (sequence, rows) in (1..).zip([puts(0..2000, "one"), large, puts(0..2, "three")]) {
            runs.extend(write_run(&world.store(), &world.env, sequence, sequence == 1, &rows).await.unwrap());
        }
        publish(&world.root(), 1, 1, runs).await.unwrap().name
    });
    (world, name)
}

fn flip(memory: &MemoryStore, path: &ObjectPath, at: usize) {
    let mut bytes = block_on(memory.get(path)).unwrap().to_vec();
    bytes[at] ^= 0x40;
    memory.overwrite(path, bytes.into());
}

#[test]
fn every_flipped_byte_is_found_and_named() {
    spec!("DIGEST-4", "DIGEST-5", "PRE-3", "PRE-7");
    let (world, name) = golden();
    for entry in block_on(world.memory.list("")).unwrap() {
        let size = entry.size as usize;
        let stride = (size / 12).max(1);
        for at in (0..size).step_by(stride).chain([size.saturating_sub(1)]).filter(|at| *at < size) {
            let damaged = world.memory.fork();
            flip(&damaged, &entry.path, at);
            let store: Arc<dyn Store> = Arc::new(damaged);
            match block_on(Snapshot::open(store, &name.path().unwrap())) {
                Err(error) => assert!(matches!(error.kind(), ErrorKind::Corrupt | ErrorKind::Unsupported)),
                Ok(snapshot) => {
                    let found = damages(&snapshot);
                    assert!(!found.is_empty(), "{} byte {at}", entry.path);
                    assert!(found.iter().any(|d| d.place.contains(entry.path.as_str())), "{found:?}");
                }
            }
        }
    }
}

#[test]
fn every_cut_object_is_found() {
    spec!("DIGEST-5", "PRE-6");
    let (world, name) = golden();
    for entry in block_on(world.memory.list("")).unwrap() {
        for length in [0, 1, entry.size as usize / 2, entry.size as usize - 1] {
            let damaged = world.memory.fork();
            let bytes = block_on(damaged.get(&entry.path)).unwrap();
            damaged.overwrite(&entry.path, bytes.slice(..length));
            let opened = block_on(Snapshot::open(Arc::new(damaged), &name.path().unwrap()));
            match opened {
                Err(error) => assert_eq!(error.kind(), ErrorKind::Corrupt, "{error}"),
                Ok(snapshot) => assert!(!damages(&snapshot).is_empty(), "{} at {length}", entry.path),
            }
        }
    }
}

#[test]
fn a_damaged_block_is_reported_once_and_the_rest_is_still_checked() {
    spec!("DIGEST-5");
    let (world, name) = golden();
    let sizes = block_on(world.memory.list("objects/")).unwrap();
    let large = sizes.iter().find(|e| e.size > 1 << 20).unwrap();
    flip(&world.memory, &large.path, 3 * 65_536 + 5);
    flip(&world.memory, &large.path, 4 * 65_536 + 5);
    flip(&world.memory, &large.path, 9 * 65_536);
    let snapshot = block_on(world.root().open(name)).unwrap();
    let found = damages(&snapshot);
    let places: Vec<_> = found.iter().map(|d| d.place.split_once(", ").unwrap().1).collect();
    assert_eq!(places, ["blocks 3..5 (bytes 196608..327680)", "blocks 9..10 (bytes 589824..655360)"]);
    assert!(found.iter().all(|d| d.rule == "DIGEST-5" && d.message.contains("run 2..=2 of airports/visits")));
    assert_eq!(found[0].state.as_deref(), Some(STATE));
}

#[test]
fn a_range_is_checked_by_the_blocks_it_touches_and_by_no_others() {
    spec!("DIGEST-1", "DIGEST-2", "DIGEST-4");
    let store = MemoryStore::new();
    let bytes = noise(3 << 20, 1);
    let object = alluvium_format::ObjectRef::of_bytes("objects/a", &bytes);
    let path = ObjectPath::new("objects/a").unwrap();
    block_on(store.create(&path, bytes.clone().into())).unwrap();
    flip(&store, &path, 10 * 65_536);
    let read = |range: std::ops::Range<u64>| {
        let reader = ObjectReader::new(Arc::new(store.clone()));
        block_on(reader.read(&object, std::slice::from_ref(&range), "test"))
    };
    assert_eq!(read(5..200_000).unwrap()[0], bytes[5..200_000]);
    assert_eq!(read(11 * 65_536..(3 << 20)).unwrap()[0], bytes[11 * 65_536..]);
    let error = read(10 * 65_536 + 9..10 * 65_536 + 10).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt);
    assert!(error.to_string().contains("objects/a, blocks 10..11 (test)"), "{error}");
    assert_eq!(read(0..(3 << 20) + 1).unwrap_err().kind(), ErrorKind::Corrupt);
}

#[test]
fn a_missing_object_is_named() {
    spec!("PUB-1");
    let (world, name) = golden();
    let object = block_on(world.memory.list("objects/")).unwrap().remove(0).path;
    block_on(world.memory.delete(&object)).unwrap();
    let snapshot = block_on(world.root().open(name)).unwrap();
    let found = damages(&snapshot);
    assert!(found.iter().any(|d| d.place.contains(object.as_str()) && d.rule == "PUB-1"), "{found:?}");
}

#[test]
fn references_that_lie_about_rows_are_found() {
    spec!("ROWHASH-9", "ROWHASH-1", "TABLE-5");
    let world = World::new();
    block_on(async {
        let runs = write_run(&world.store(), &world.env, 1, true, &puts(0..50, "v")).await.unwrap();
        let source = Snapshot::of(world.store(), checkpoint(1, 1, runs)).await.unwrap();
        let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
        let manifest = write_savepoint(&source, Arc::clone(&store), &world.env, &SavepointOptions::default())
            .await
            .unwrap();

        let rules = async |change: fn(&mut alluvium_format::Manifest)| {
            let mut lying = manifest.clone();
            change(&mut lying);
            let snapshot = Snapshot::of(Arc::clone(&store), lying).await.unwrap();
            damages(&snapshot).iter().map(|d| d.rule).collect::<Vec<_>>()
        };
        assert!(rules(|_| {}).await.is_empty());
        assert_eq!(rules(|m| m.operators[0].tables[0].runs[0].rows_digest.sum ^= 1).await, ["ROWHASH-9"]);
        assert_eq!(rules(|m| m.operators[0].tables[0].runs[0].rows += 1).await, ["MAN-1"]);
        assert_eq!(rules(|m| m.operators[0].tables[0].entries = Some(7)).await, ["MAN-1"]);
        let invented = |m: &mut alluvium_format::Manifest| {
            let digest = m.operators[0].tables[0].digest.as_mut().unwrap();
            digest.groups.insert(KeyGroup(7), Digest { rows: 9, sum: 9 });
        };
        assert_eq!(rules(invented).await, ["ROWHASH-1"]);
        assert_eq!(rules(|m| m.operators[0].max_parallelism = 5).await, ["TABLE-5"]);
    });
}

#[test]
fn verification_stops_when_told_to() {
    use alluvium_model::SnapshotSource;
    let (world, name) = golden();
    for entry in block_on(world.memory.list("objects/")).unwrap() {
        flip(&world.memory, &entry.path, 0);
    }
    let snapshot = block_on(world.root().open(name)).unwrap();
    let mut count = 0;
    let stop = &mut |_| {
        count += 1;
        std::ops::ControlFlow::Break(())
    };
    snapshot.verify(stop).unwrap();
    assert_eq!(count, 1);
}

#[test]
fn canonical_digests_of_a_run_that_are_not_those_of_its_rows_are_found() {
    spec!("FILE-8");
    let world = World::new();
    block_on(async {
        let runs = write_run(&world.store(), &world.env, 1, true, &puts(0..2000, "one")).await.unwrap();
        let name = publish(&world.root(), 1, 1, runs).await.unwrap().name;
        let snapshot = world.root().open(name).await.unwrap();
        assert_sound(&snapshot);
        let mut manifest = snapshot.manifest().as_ref().clone();
        let run = &mut manifest.operators[0].tables[0].runs[0];
        let object = run.object().unwrap().clone();
        let path = ObjectPath::new(&object.name).unwrap();
        let mut bytes = world.memory.get(&path).await.unwrap().to_vec();
        let entry = b"alluvium.live";
        let at = bytes.windows(entry.len()).position(|window| window == entry).unwrap();
        let digit = at + bytes[at..].iter().position(|byte| *byte == b'"').unwrap() + 1;
        bytes[digit] = if bytes[digit] == b'0' { b'1' } else { b'0' };
        let (bytes, length) = (bytes::Bytes::from(bytes), run.place.length());
        let object = Arc::new(ObjectRef::of_bytes(object.name.clone(), &bytes));
        run.place = Place::Object { object, offset: 0, length };
        world.memory.overwrite(&path, bytes);
        let found = damages(&Snapshot::of(world.store(), manifest).await.unwrap());
        assert_eq!(found.iter().map(|damage| damage.rule).collect::<Vec<_>>(), ["FILE-8"]);
    });
}
