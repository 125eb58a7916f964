//! State of subtasks: split lists, union lists and broadcast state, declared by process functions.

use std::sync::Arc;

use alluvium_dataflow::testing::{Collected, VecSource};
use alluvium_dataflow::{
    Declare, DeclareProcess, Job, JobBuilder, KeyedBroadcastProcess, KeyedContext, MAX_TIME, OperatorResult,
    Process, ProcessContext, Timer,
};
use alluvium_env::{Env, Random, SeededRandom};
use alluvium_model::{KeyGroupRange, OperatorUid, Role, spec};
use alluvium_runtime::{JobState, Restore, Runtime, SavepointFormat, TriggerStatus};
use alluvium_snapshot::{JobRoot, Snapshot};
use alluvium_state::{BroadcastState, OperatorListState, Timers, ValueState};
use alluvium_store::{LocalStore, ObjectPath, Store, SubStore, block_on};
use arrow_array::cast::AsArray;
use arrow_array::types::{Int32Type, Int64Type};

use crate::jobs::{Line, MOST_STEPS, Paid, World, config, payments, sorted};

/// Passes payments on; sums them in a list, and notes the first one of every life in a union list.
struct Notes {
    sums: OperatorListState<i64>,
    firsts: OperatorListState<i64>,
    noted: bool,
}

impl Process for Notes {
    type In = Paid;
    type Out = Paid;

    fn process(&mut self, paid: Paid, ctx: &mut ProcessContext<'_, Paid>) -> OperatorResult {
        let sums = self.sums.elements(ctx.operator_states_mut());
        match sums.last_mut() {
            Some(sum) if *sum < 500 => *sum += paid.1,
            _ => sums.push(paid.1),
        }
        if !std::mem::replace(&mut self.noted, true) {
            self.firsts.add(ctx.operator_states_mut(), paid.1);
        }
        ctx.emit(paid);
        Ok(())
    }
}

/// Counts payments by key and in all; gives, at the end, each key's count and the sum of all rates.
struct Rated {
    rates: BroadcastState<i64, i64>,
    counts: OperatorListState<i64>,
    count: ValueState<i64>,
    timers: Timers,
}

impl KeyedBroadcastProcess for Rated {
    type Key = i64;
    type In = Paid;
    type Broadcast = (i64, i64);
    type Out = Line;

    fn process(&mut self, _: Paid, ctx: &mut KeyedContext<'_, i64, Line>) -> OperatorResult {
        let count = self.count.get(ctx).unwrap_or(0) + 1;
        self.count.set(ctx, count);
        let counts = self.counts.elements(ctx.operator_states_mut());
        match counts.first_mut() {
            Some(count) => *count += 1,
            None => counts.push(1),
        }
        self.timers.register_event(ctx, MAX_TIME);
        Ok(())
    }

    fn process_broadcast(
        &mut self,
        (name, rate): (i64, i64),
        ctx: &mut ProcessContext<'_, Line>,
    ) -> OperatorResult {
        let sum = self.rates.get(ctx.operator_states(), &name).copied().unwrap_or(0) + rate;
        self.rates.put(ctx.operator_states_mut(), name, sum);
        Ok(())
    }

    fn on_timer(&mut self, _: Timer, ctx: &mut KeyedContext<'_, i64, Line>) -> OperatorResult {
        let rates: i64 = self.rates.iter(ctx.operator_states()).map(|(_, rate)| *rate).sum();
        let (key, count) = (*ctx.key(), self.count.get(ctx).unwrap_or(0));
        ctx.emit((key, count, rates));
        Ok(())
    }
}

fn rated_job(input: Vec<Vec<(Paid, i64)>>, out: &Collected<Line>, rate: Option<u64>) -> Job {
    let builder = JobBuilder::new("rated");
    let rates: Vec<_> = (0..2).map(|s| (0..RATES).map(|n| ((n % 5, n + s), n * 10)).collect()).collect();
    let rates = builder.source(VecSource::of_splits(rates)).uid("rates").rate(rate.map(|_| 300));
    let paid = builder.source(VecSource::of_splits(input)).uid("payments").rate(rate);
    paid.rebalance()
        .process(|declare: &mut DeclareProcess| Notes {
            sums: declare.operator_list("sums"),
            firsts: declare.union_list("firsts"),
            noted: false,
        })
        .uid("notes")
        .key_by(|(key, _): &Paid| *key)
        .connect(&rates)
        .process(|declare: &mut Declare<i64>| Rated {
            rates: declare.broadcast("rates"),
            counts: declare.operator_list("counts"),
            count: declare.value("count"),
            timers: declare.timers(),
        })
        .uid("rated")
        .sink(out.sink())
        .uid("lines");
    builder.build().unwrap()
}

/// Rates of each split.
const RATES: i64 = 60;
/// Kills of one job.
const KILLS: u64 = 5;

fn expected(input: &[Vec<(Paid, i64)>]) -> Vec<Line> {
    let rates: i64 = (0..2).flat_map(|s| (0..RATES).map(move |n| n + s)).sum();
    let mut counts = std::collections::BTreeMap::new();
    for ((key, _), _) in input.iter().flatten() {
        *counts.entry(*key).or_insert(0) += 1;
    }
    counts.into_iter().map(|(key, count)| (key, count, rates)).collect()
}

fn amounts(input: &[Vec<(Paid, i64)>]) -> i64 {
    input.iter().flatten().map(|((_, amount), _)| amount).sum()
}

/// The rows of an operator state as (subtask, value), in order; broadcast ones have no subtask.
fn rows(snapshot: &Snapshot, uid: &str, state: &str) -> Vec<(i32, i64)> {
    let id = OperatorUid::new(uid).id();
    let (_, table) = snapshot.table(id, state).unwrap();
    let schema = Arc::clone(snapshot.schema(table).unwrap());
    let mut merged = snapshot.merged(id, state, KeyGroupRange::new(0, 1), &schema).unwrap();
    let mut rows = Vec::new();
    while let Some(batch) = block_on(merged.next()).unwrap() {
        let values = batch.column(Role::Value).unwrap().as_primitive::<Int64Type>().clone();
        let subtasks = batch.column(Role::Subtask).map(|c| c.as_primitive::<Int32Type>().clone());
        rows.extend(
            (0..batch.len()).map(|i| (subtasks.as_ref().map_or(-1, |s| s.value(i)), values.value(i))),
        );
    }
    rows
}

fn latest(store: &Arc<dyn Store>) -> Snapshot {
    let root = JobRoot::new(Arc::clone(store), Env::simulated(0));
    let name = block_on(root.latest()).unwrap().unwrap();
    block_on(root.open(name)).unwrap()
}

fn sum(rows: &[(i32, i64)]) -> i64 {
    rows.iter().map(|(_, value)| value).sum()
}

#[test]
fn a_description_has_the_operator_states_beside_the_keyed_ones() {
    let description = rated_job(payments(1, 1, 1), &Collected::new(), None).describe(2);
    let states = |uid: &str| {
        let of = |o: &&alluvium_model::OperatorDescription| o.uid.as_ref().is_some_and(|u| u.as_str() == uid);
        let states = &description.operators.iter().find(of).unwrap().states;
        states.iter().map(|s| format!("{} {}", s.name, s.kind.name())).collect::<Vec<_>>()
    };
    assert_eq!(states("notes"), ["sums operator-list", "firsts operator-union"]);
    let rated = states("rated");
    assert!(rated.contains(&"count value".into()), "{rated:?}");
    assert_eq!(rated[rated.len() - 2..], ["rates broadcast", "counts operator-list"]);
}

#[test]
fn lists_are_dealt_out_unions_and_broadcast_state_given_whole_at_another_parallelism() {
    spec!("TABLE-2", "ORDER-4");
    let input = payments(8, 200, 9);
    let world = World::new(21);
    let job = rated_job(input.clone(), &world.out, Some(1000));
    let (scheduler, handle) = world.start(&job, config(2, 10), 0);
    assert!(scheduler.run_until(MOST_STEPS, || handle.checkpoints().completed >= 3), "{:?}", handle.status());
    let trigger = handle.stop(Some("saved".into()), false, SavepointFormat::Canonical);
    assert!(scheduler.run_until(MOST_STEPS, || handle.state().is_terminal()), "{:?}", handle.status());
    let Some(TriggerStatus::Completed { path, .. }) = handle.trigger(trigger) else { panic!() };
    let saved: Arc<dyn Store> =
        Arc::new(SubStore::new(Arc::clone(&world.store), ObjectPath::new(&path).unwrap()));
    let saved = block_on(Snapshot::open(saved, &ObjectPath::new("savepoint.manifest").unwrap())).unwrap();
    let (sums, firsts) = (rows(&saved, "notes", "sums"), rows(&saved, "notes", "firsts"));
    assert_eq!(firsts.iter().map(|(subtask, _)| *subtask).collect::<Vec<_>>(), [0, 1]);
    assert!(sums.len() > 3 && sums.iter().any(|(subtask, _)| *subtask == 1), "{sums:?}");
    let rates = rows(&saved, "rated", "rates");
    assert_eq!(rates.len(), 5, "once, not per subtask: {rates:?}");

    // Restored by three, with sources that are at their end: the next snapshot has what each was given.
    let mut next = config(3, 10);
    next.restore = Restore::From(path);
    next.checkpoints.interval_ms = None;
    let (scheduler, handle) = world.start(&job, next, 1);
    assert!(scheduler.run_until(MOST_STEPS, || handle.state() == JobState::Running), "{:?}", handle.status());
    let trigger = handle.trigger_checkpoint();
    let done = || handle.trigger(trigger) != Some(TriggerStatus::InProgress);
    assert!(scheduler.run_until(MOST_STEPS, done));
    let root: Arc<dyn Store> =
        Arc::new(SubStore::new(Arc::clone(&world.store), ObjectPath::new("root").unwrap()));
    let restored = latest(&root);
    let dealt = rows(&restored, "notes", "sums");
    for subtask in 0..3 {
        let wanted = sums.iter().skip(subtask).step_by(3).count();
        let got = dealt.iter().filter(|(of, _)| *of == subtask as i32).count();
        assert!(got >= wanted, "subtask {subtask} was dealt {wanted} and has {got}");
        let union = rows(&restored, "notes", "firsts");
        let mine: Vec<i64> = union.iter().filter(|(of, _)| *of == subtask as i32).map(|(_, v)| *v).collect();
        assert_eq!(mine[..2], [firsts[0].1, firsts[1].1], "every subtask has the whole union");
    }
    assert_eq!(rows(&restored, "rated", "rates").len(), 5);
    scheduler.crash();
}

#[test]
fn no_effect_on_operator_state_is_lost_or_doubled_by_kills_at_any_parallelism() {
    let mut restored = 0;
    for seed in 0..8 {
        let input = payments(8, 80, 9);
        let world = World::new(100 + seed);
        let random = SeededRandom::new(seed);
        let job = rated_job(input.clone(), &world.out, Some(200));
        let mut process = 0;
        loop {
            let (scheduler, handle) = world.start(&job, config(1 + random.below(3) as u32, 10), process);
            let steps = if process < KILLS { 300 + random.below(900) } else { MOST_STEPS };
            let ended = scheduler.run_until(steps, || handle.state().is_terminal());
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
        let root: Arc<dyn Store> =
            Arc::new(SubStore::new(Arc::clone(&world.store), ObjectPath::new("root").unwrap()));
        let last = latest(&root);
        assert_eq!(sum(&rows(&last, "notes", "sums")), amounts(&input), "seed {seed}");
        assert_eq!(sum(&rows(&last, "rated", "counts")), 640, "seed {seed}");
        assert_eq!(sum(&rows(&last, "rated", "rates")), expected(&input)[0].2, "seed {seed}");
    }
    assert!(restored > 20, "only {restored} starts had a checkpoint to restore");
}

#[test]
fn threads_restore_operator_state_at_another_parallelism() {
    let dir = tempfile::tempdir().unwrap();
    let root = |name: &str| dir.path().join(name).display().to_string();
    let open = |name: &str| -> Arc<dyn Store> { Arc::new(LocalStore::create_dir(root(name)).unwrap()) };
    let input = payments(8, 1000, 50);
    let out = Collected::new();
    let runtime = Runtime::with_threads(2);
    let job = rated_job(input.clone(), &out, Some(4000));
    let handle = runtime.start(&job, config(2, 30), open("a"), &root("a"));
    while handle.checkpoints().completed < 2 {
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    let trigger = handle.stop(None, false, SavepointFormat::Canonical);
    let TriggerStatus::Completed { path, .. } = handle.wait_for(trigger) else {
        panic!("{:?}", handle.status())
    };
    handle.wait();
    let mut next = config(3, 30);
    next.restore = Restore::From(path);
    let handle = runtime.start(&job, next, open("b"), &root("b"));
    assert_eq!(handle.wait().state, JobState::Finished, "{:?}", handle.status());
    assert_eq!(sorted(&out), expected(&input));
    let last = latest(&open("b"));
    assert_eq!(sum(&rows(&last, "notes", "sums")), amounts(&input));
    assert_eq!(sum(&rows(&last, "rated", "counts")), 8000);
}
