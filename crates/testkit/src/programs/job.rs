use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use alluvium_dataflow::testing::Collected;
use alluvium_dataflow::{
    Batch, Declare, Job, JobBuilder, KeyedContext, KeyedProcess, OperatorResult, ReadStatus, Source, Split,
    Timer,
};
use alluvium_model::TimeDomain;
use alluvium_state::{ListState, MapState, ReducingState, StateOptions, Timers, ValueState};

use super::program::{Op, Program, SPLITS, TTL_MS};
use super::{Line, line_text};

/// A record: key and operation; or a tick, which says how far a split had been read.
type Record = (i64, Option<Op>);
/// An operation as it is stored.
type Stored = (i64, i64, i64);

/// Lets records of each split through up to a number, and knows how far each was read.
#[derive(Debug, Default)]
pub(super) struct Sluice {
    released: [AtomicUsize; SPLITS],
    read: Mutex<[usize; SPLITS]>,
}

impl Sluice {
    pub(super) fn release(&self, released: &[usize; SPLITS]) {
        for (split, released) in self.released.iter().zip(released) {
            split.store(*released, Ordering::SeqCst);
        }
    }

    /// Returns whether everything that was released has been read by this process.
    pub(super) fn is_drained(&self) -> bool {
        let read = self.read.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        self.released.iter().zip(&*read).all(|(released, read)| *read >= released.load(Ordering::SeqCst))
    }
}

/// Builds the job of a program.
pub(super) fn job(program: &Program, sluice: &Arc<Sluice>, out: &Collected<Line>) -> Job {
    let builder = JobBuilder::new("program");
    let splits = Arc::new(program.splits.clone());
    builder
        .source(Script { splits, sluice: Arc::clone(sluice) })
        .uid(SOURCE)
        .key_by(|(key, _): &Record| *key)
        .process(|states: &mut Declare<i64>| Apply {
            value: states.value("value"),
            map: states.map("map"),
            list: states.list_with("list", StateOptions::ttl_ms(TTL_MS as u64)),
            total: states.reducing("total", |a, b| a + b),
            pending: states.map("timers"),
            waiting: states.map("waiting"),
            timers: states.timers(),
        })
        .uid(APPLY)
        .max_parallelism(16)
        .sink(out.sink())
        .uid("lines");
    builder.build().expect("the graph of the job is sound")
}

pub(super) const SOURCE: &str = "script";
pub(super) const APPLY: &str = "apply";

struct Script {
    splits: Arc<Vec<Vec<(i64, Op)>>>,
    sluice: Arc<Sluice>,
}

impl Source for Script {
    type Out = Record;
    type Position = (u32, u64);

    fn splits(&self) -> OperatorResult<Vec<(u32, u64)>> {
        Ok((0..SPLITS as u32).map(|split| (split, 0)).collect())
    }

    fn open(&self, (split, read): (u32, u64)) -> OperatorResult<Box<dyn Split<Record, (u32, u64)>>> {
        let (split, read) = (split as usize, read as usize);
        let (splits, sluice) = (Arc::clone(&self.splits), Arc::clone(&self.sluice));
        Ok(Box::new(ScriptSplit { splits, sluice, split, read, tick: read > 0 }))
    }
}

struct ScriptSplit {
    splits: Arc<Vec<Vec<(i64, Op)>>>,
    sluice: Arc<Sluice>,
    split: usize,
    read: usize,
    /// The watermark of a restored split is told again, by a record that does nothing.
    tick: bool,
}

impl Split<Record, (u32, u64)> for ScriptSplit {
    fn read(&mut self, budget: usize, records: &mut Batch<Record>) -> OperatorResult<ReadStatus> {
        if std::mem::take(&mut self.tick) {
            records.push((0, None), Program::time_of(self.split, self.read - 1));
        }
        let all = &self.splits[self.split];
        let released = self.sluice.released[self.split].load(Ordering::SeqCst);
        while records.len() < budget && self.read < released {
            let (key, op) = all[self.read];
            records.push((key, Some(op)), Program::time_of(self.split, self.read));
            self.read += 1;
        }
        self.sluice.read.lock().unwrap_or_else(|poisoned| poisoned.into_inner())[self.split] = self.read;
        Ok(match self.read {
            read if read == all.len() => ReadStatus::End,
            read if read < released => ReadStatus::More,
            _ => ReadStatus::Idle,
        })
    }

    fn position(&self) -> (u32, u64) {
        (self.split as u32, self.read as u64)
    }
}

/// Applies operations in the order of event time, so that nothing depends on interleaving, and
/// writes the whole state of the key after each.
struct Apply {
    value: ValueState<i64>,
    map: MapState<i64, i64>,
    list: ListState<i64>,
    total: ReducingState<i64>,
    /// Numbers of event-time timers.
    pending: MapState<i64, i64>,
    waiting: MapState<i64, Stored>,
    timers: Timers,
}

type Context<'a> = KeyedContext<'a, i64, Line>;

impl KeyedProcess for Apply {
    type Key = i64;
    type In = Record;
    type Out = Line;

    fn process(&mut self, (_, op): Record, ctx: &mut Context<'_>) -> OperatorResult {
        let Some(op) = op else { return Ok(()) };
        let time = ctx.time_ms();
        self.waiting.put(ctx, time, stored(op));
        self.timers.register_event(ctx, time);
        Ok(())
    }

    fn on_timer(&mut self, timer: Timer, ctx: &mut Context<'_>) -> OperatorResult {
        let at = timer.timestamp;
        if timer.domain == TimeDomain::Processing {
            self.total.add(ctx, 1000);
        } else if let Some(op) = self.waiting.get(ctx, &at) {
            self.waiting.remove(ctx, &at);
            self.apply(op, at, ctx);
        } else if let Some(n) = self.pending.get(ctx, &at) {
            self.pending.remove(ctx, &at);
            let value = self.value.get(ctx).unwrap_or(0);
            self.value.set(ctx, (value * 3 + n).rem_euclid(1_000_003));
        }
        let (value, total) = (self.value.get(ctx), self.total.get(ctx));
        let text = line_text(value, &self.map.entries(ctx), &self.list.get(ctx), total);
        let key = *ctx.key();
        ctx.emit((key, at, text));
        Ok(())
    }
}

impl Apply {
    fn apply(&self, (code, a, b): Stored, at: i64, ctx: &mut Context<'_>) {
        match code {
            1 => self.value.set(ctx, a),
            2 => self.value.clear(ctx),
            3 => self.map.put(ctx, a, b),
            4 => self.map.remove(ctx, &a),
            5 => self.map.clear(ctx),
            6 => self.list.add(ctx, a),
            7 => self.list.update(ctx, [a, b]),
            8 => self.list.clear(ctx),
            9 => self.total.add(ctx, a),
            10 => self.total.clear(ctx),
            11 => {
                self.pending.put(ctx, at + 2 * a + 1, b);
                self.timers.register_event(ctx, at + 2 * a + 1);
            }
            12 => {
                if let Some((earliest, _)) = self.pending.first(ctx) {
                    self.pending.remove(ctx, &earliest);
                    self.timers.delete_event(ctx, earliest);
                }
            }
            13 => {
                let due = ctx.now_ms() + a;
                self.timers.register_processing(ctx, due);
            }
            _ => {}
        }
    }
}

fn stored(op: Op) -> Stored {
    match op {
        Op::Nothing => (0, 0, 0),
        Op::Put(v) => (1, v, 0),
        Op::Delete => (2, 0, 0),
        Op::PutEntry(e, v) => (3, e, v),
        Op::DeleteEntry(e) => (4, e, 0),
        Op::ClearMap => (5, 0, 0),
        Op::Append(v) => (6, v, 0),
        Op::Replace(a, b) => (7, a, b),
        Op::ClearList => (8, 0, 0),
        Op::Add(v) => (9, v, 0),
        Op::ClearTotal => (10, 0, 0),
        Op::Timer(steps, n) => (11, steps, n),
        Op::DeleteTimer => (12, 0, 0),
        Op::Alarm(delay) => (13, delay, 0),
    }
}

/// Returns how a stored operation is shown.
pub(super) fn stored_text(op: Op) -> String {
    format!("{:?}", stored(op))
}
