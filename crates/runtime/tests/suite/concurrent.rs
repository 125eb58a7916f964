//! Two checkpoints at a time, and what is left of those that came to nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::Poll;

use alluvium_dataflow::testing::{Collected, VecSource};
use alluvium_dataflow::{Declare, Job, JobBuilder, KeyedContext, KeyedProcess, OperatorResult};
use alluvium_env::{Random, SeededRandom};
use alluvium_model::spec;
use alluvium_runtime::{CheckpointState, JobHandle, JobState, RunConfig};
use alluvium_snapshot::format::{Blocks, Manifest, decode, reach};
use alluvium_state::ValueState;
use alluvium_store::{Entry, Error, ObjectPath, ObjectWriter, Pending, Store, block_on};
use bytes::Bytes;

use crate::jobs::{Line, MOST_STEPS, Paid, World, config, expected, payments, sorted, totals_job};

/// Keeps a long text per key, so that every run is an object.
struct Texts {
    text: ValueState<String>,
}

impl KeyedProcess for Texts {
    type Key = i64;
    type In = Paid;
    type Out = Line;

    fn process(&mut self, (key, amount): Paid, ctx: &mut KeyedContext<'_, i64, Line>) -> OperatorResult {
        let random = SeededRandom::new((ctx.time_ms() ^ key) as u64);
        let text: String = (0..60).map(|_| format!("{:016x}", random.next_u64())).collect();
        self.text.set(ctx, text);
        ctx.emit((key, ctx.time_ms(), amount));
        Ok(())
    }
}

fn texts_job(input: Vec<Vec<(Paid, i64)>>, out: &Collected<Line>, rate: u64) -> Job {
    let builder = JobBuilder::new("texts");
    let paid = builder.source(VecSource::of_splits(input)).uid("payments").rate(Some(rate));
    paid.key_by(|(key, _): &Paid| *key)
        .process(|declare: &mut Declare<i64>| Texts { text: declare.value("text") })
        .uid("texts")
        .sink(out.sink())
        .uid("lines");
    builder.build().unwrap()
}

/// Holds the end of the first object back until it is released, and lets that of the fifth fail.
#[derive(Debug)]
struct Held {
    store: Arc<dyn Store>,
    ends: AtomicUsize,
    released: AtomicBool,
}

impl Held {
    fn new(store: Arc<dyn Store>) -> Arc<Self> {
        Arc::new(Held { store, ends: AtomicUsize::new(0), released: AtomicBool::new(false) })
    }

    fn release(&self) {
        self.released.store(true, Ordering::SeqCst);
    }
}

#[derive(Debug)]
struct HeldStore(Arc<Held>);

struct HeldWriter {
    writer: Box<dyn ObjectWriter>,
    held: Arc<Held>,
}

impl ObjectWriter for HeldWriter {
    fn write(&mut self, bytes: Bytes) -> Pending<'_, ()> {
        self.writer.write(bytes)
    }

    fn finish(self: Box<Self>) -> Pending<'static, ()> {
        Box::pin(async move {
            match self.held.ends.fetch_add(1, Ordering::SeqCst) {
                0 => {
                    std::future::poll_fn(|_| match self.held.released.load(Ordering::SeqCst) {
                        true => Poll::Ready(()),
                        false => Poll::Pending,
                    })
                    .await;
                }
                4 => {
                    let source = std::io::Error::from(std::io::ErrorKind::TimedOut);
                    return Err(Error::Io { operation: "writing", path: "an object".into(), source });
                }
                _ => {}
            }
            self.writer.finish().await
        })
    }
}

impl Store for HeldStore {
    fn get<'a>(&'a self, path: &'a ObjectPath) -> Pending<'a, Bytes> {
        self.0.store.get(path)
    }

    fn get_ranges<'a>(&'a self, path: &'a ObjectPath, ranges: &'a [Range<u64>]) -> Pending<'a, Vec<Bytes>> {
        self.0.store.get_ranges(path, ranges)
    }

    fn size<'a>(&'a self, path: &'a ObjectPath) -> Pending<'a, Option<u64>> {
        self.0.store.size(path)
    }

    fn create<'a>(&'a self, path: &'a ObjectPath, bytes: Bytes) -> Pending<'a, ()> {
        self.0.store.create(path, bytes)
    }

    fn writer<'a>(&'a self, path: &'a ObjectPath) -> Pending<'a, Box<dyn ObjectWriter>> {
        Box::pin(async move {
            let writer = self.0.store.writer(path).await?;
            Ok(Box::new(HeldWriter { writer, held: Arc::clone(&self.0) }) as Box<dyn ObjectWriter>)
        })
    }

    fn list<'a>(&'a self, prefix: &'a str) -> Pending<'a, Vec<Entry>> {
        self.0.store.list(prefix)
    }

    fn delete<'a>(&'a self, path: &'a ObjectPath) -> Pending<'a, ()> {
        self.0.store.delete(path)
    }
}

fn two_at_a_time(parallelism: u32, interval_ms: u64) -> RunConfig {
    let mut config = config(parallelism, interval_ms);
    config.checkpoints.max_concurrent = 2;
    config.checkpoints.tolerable_failures = 1_000_000;
    config
}

fn under_way(handle: &JobHandle) -> usize {
    handle.checkpoints().entries.iter().filter(|c| c.state == CheckpointState::InProgress).count()
}

fn names(world: &World, folder: &str) -> BTreeSet<String> {
    let found = block_on(world.store.list(&format!("root/{folder}/"))).unwrap();
    found.into_iter().map(|entry| entry.path.to_string()).collect()
}

fn manifest(world: &World, name: &str) -> Manifest {
    let path = ObjectPath::new(name).unwrap();
    decode(&block_on(world.store.get(&path)).unwrap(), 1 << 28).unwrap()
}

#[test]
fn two_checkpoints_at_a_time_lose_and_double_nothing_whatever_is_killed() {
    let (mut restored, mut together) = (0, 0);
    for seed in 0..8 {
        let input = payments(8, 80, 9);
        let world = World::new(300 + seed);
        let random = SeededRandom::new(seed);
        let job = totals_job(input.clone(), &world.out, Some(300), None);
        let mut process = 0;
        loop {
            let (scheduler, handle) =
                world.start(&job, two_at_a_time(1 + random.below(3) as u32, 4), process);
            let steps = if process < KILLS { 200 + random.below(700) } else { MOST_STEPS };
            let ended = scheduler.run_until(steps, || {
                let now = under_way(&handle);
                assert!(now <= 2, "{now} checkpoints at a time");
                together += usize::from(now == 2);
                handle.state().is_terminal()
            });
            restored += u64::from(handle.checkpoints().restored.is_some());
            if ended {
                assert_eq!(handle.state(), JobState::Finished, "seed {seed}: {:?}", handle.status());
                break;
            }
            assert!(process < KILLS, "seed {seed}: {:?} {:?}", handle.status(), handle.checkpoints());
            scheduler.crash();
            process += 1;
        }
        assert_eq!(sorted(&world.out), expected(&input), "seed {seed}");
    }
    assert!(restored > 20, "only {restored} starts had a checkpoint to restore");
    assert!(together > 1000, "two were under way in {together} steps only");
}

#[test]
fn a_pause_between_checkpoints_leaves_no_two_at_a_time() {
    let world = World::new(1);
    let job = totals_job(payments(4, 100, 9), &world.out, Some(500), None);
    let mut config = two_at_a_time(2, 4);
    config.checkpoints.min_pause_ms = 1;
    let (scheduler, handle) = world.start(&job, config, 0);
    let ended = scheduler.run_until(MOST_STEPS, || {
        assert!(under_way(&handle) <= 1);
        handle.state().is_terminal()
    });
    assert!(ended && handle.checkpoints().completed > 3);
}

#[test]
fn what_an_aborted_checkpoint_wrote_is_listed_by_the_next_complete_one_until_a_table_has_it() {
    spec!("COLLECT-1", "COLLECT-4", "PUB-4");
    let (mut listed, mut adopted, mut collected) = (0, 0, 0);
    for seed in 0..3 {
        let mut world = World::new(400 + seed);
        let held = Held::new(Arc::clone(&world.store));
        world.store = Arc::new(HeldStore(Arc::clone(&held)));
        let job = texts_job(payments(8, 400, 60), &world.out, 4000);
        let mut config = two_at_a_time(3, 40);
        config.checkpoints.grace_ms = 100;
        let (scheduler, handle) = world.start(&job, config, 0);
        let mut seen = BTreeSet::new();
        let mut waiting: BTreeMap<String, Blocks> = BTreeMap::new();
        let ended = scheduler.run_until(MOST_STEPS, || {
            // The first checkpoint goes on once the second has come to nothing.
            if handle.checkpoints().failed > 0 {
                held.release();
            }
            for name in &names(&world, "checkpoints") - &seen {
                let manifest = manifest(&world, &name);
                seen.insert(name);
                let reached: BTreeMap<String, Blocks> =
                    reach::references(&manifest).map(|o| (o.name.clone(), o.blocks.clone())).collect();
                let there = names(&world, "objects");
                for name in reached.keys() {
                    assert!(there.contains(&format!("root/{name}")), "{name} was collected");
                }
                waiting.retain(|name, blocks| {
                    let still = manifest.aborted.iter().any(|o| o.name == *name);
                    if let Some(now) = reached.get(name) {
                        assert_eq!(now, blocks, "its block list was written twice");
                        adopted += usize::from(!still);
                    }
                    still
                });
                for object in &manifest.aborted {
                    if waiting.insert(object.name.clone(), object.blocks.clone()).is_none() {
                        listed += 1;
                    }
                }
            }
            handle.state().is_terminal()
        });
        assert!(ended, "seed {seed}: {:?}", handle.status());
        assert_eq!(world.out.committed().len(), 8 * 400, "seed {seed}");
        let last = manifest(&world, seen.last().unwrap());
        let reached = reach::objects(&last);
        let gone = |name: &String| !names(&world, "objects").contains(&format!("root/{name}"));
        collected += waiting.keys().filter(|n| reached.iter().all(|r| r.name != **n) && gone(n)).count();
    }
    println!("{listed} objects of aborted checkpoints listed, {adopted} adopted, {collected} collected");
    assert!(listed >= 2 && adopted >= 2, "{listed} listed, {adopted} adopted");
}

/// Kills of one job.
const KILLS: u64 = 6;
