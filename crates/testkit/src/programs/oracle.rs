use std::collections::{BTreeMap, BTreeSet};

use super::program::{Op, Program, TTL_MS};
use super::{Line, START_MS, StateRows, line_text};

/// Rows of an undisturbed world at the end of each phase, and every line that it writes.
#[derive(Debug)]
pub(super) struct Oracle {
    /// By phase: state by its name.
    pub(super) rows: Vec<StateRows>,
    /// Sorted.
    pub(super) lines: Vec<Line>,
}

/// The state of a key, in ordered maps.
#[derive(Debug, Default)]
struct Key {
    value: Option<i64>,
    map: BTreeMap<i64, i64>,
    /// Element and when it was appended.
    list: Vec<(i64, i64)>,
    total: Option<i64>,
    timers: BTreeMap<i64, i64>,
    alarms: BTreeSet<i64>,
    waiting: BTreeMap<i64, Op>,
}

impl Oracle {
    pub(super) fn of(program: &Program) -> Self {
        let mut keys: BTreeMap<i64, Key> = BTreeMap::new();
        let mut oracle = Oracle { rows: Vec::new(), lines: Vec::new() };
        let mut read = [0; super::SPLITS];
        for (phase, described) in program.phases.iter().enumerate() {
            let now_ms = START_MS + described.now_ms;
            for (key, state) in &mut keys {
                state.ring(*key, now_ms, &mut oracle.lines);
            }
            for (split, records) in program.splits.iter().enumerate() {
                for (index, (key, op)) in
                    records.iter().enumerate().take(described.released[split]).skip(read[split])
                {
                    keys.entry(*key).or_default().waiting.insert(Program::time_of(split, index), *op);
                }
            }
            read = described.released;
            let watermark = program.watermark_after(phase);
            for (key, state) in &mut keys {
                state.advance(*key, watermark, now_ms, &mut oracle.lines);
            }
            oracle.rows.push(rows(&keys, &read, now_ms));
        }
        oracle.lines.sort();
        oracle
    }
}

impl Key {
    fn ring(&mut self, key: i64, now_ms: i64, lines: &mut Vec<Line>) {
        while let Some(at) = self.alarms.first().copied().filter(|at| *at <= now_ms) {
            self.alarms.remove(&at);
            self.total = Some(self.total.unwrap_or(0) + 1000);
            self.write(key, at, now_ms, lines);
        }
    }

    fn advance(&mut self, key: i64, watermark: i64, now_ms: i64, lines: &mut Vec<Line>) {
        loop {
            let timer = self.timers.first_key_value().map(|(at, n)| (*at, *n));
            let record = self.waiting.first_key_value().map(|(at, op)| (*at, *op));
            let next = [timer.map(|t| t.0), record.map(|r| r.0)].into_iter().flatten().min();
            let Some(at) = next.filter(|at| *at <= watermark) else { return };
            match (timer, record) {
                (Some((timer_at, n)), _) if timer_at == at => {
                    self.timers.remove(&at);
                    self.value = Some((self.value.unwrap_or(0) * 3 + n).rem_euclid(1_000_003));
                }
                (_, Some((_, op))) => {
                    self.waiting.remove(&at);
                    self.apply(op, at, now_ms);
                }
                _ => return,
            }
            self.write(key, at, now_ms, lines);
        }
    }

    fn apply(&mut self, op: Op, at: i64, now_ms: i64) {
        match op {
            Op::Nothing => {}
            Op::Put(v) => self.value = Some(v),
            Op::Delete => self.value = None,
            Op::PutEntry(e, v) => drop(self.map.insert(e, v)),
            Op::DeleteEntry(e) => drop(self.map.remove(&e)),
            Op::ClearMap => self.map.clear(),
            Op::Append(v) => self.list.push((v, now_ms)),
            Op::Replace(a, b) => self.list = vec![(a, now_ms), (b, now_ms)],
            Op::ClearList => self.list.clear(),
            Op::Add(v) => self.total = Some(self.total.unwrap_or(0) + v),
            Op::ClearTotal => self.total = None,
            Op::Timer(steps, n) => drop(self.timers.insert(at + 2 * steps + 1, n)),
            Op::DeleteTimer => drop(self.timers.pop_first()),
            Op::Alarm(delay) => drop(self.alarms.insert(now_ms + delay)),
        }
    }

    fn live(&self, now_ms: i64) -> impl Iterator<Item = (i64, i64)> {
        self.list.iter().copied().filter(move |(_, at)| at + TTL_MS > now_ms)
    }

    fn write(&self, key: i64, at: i64, now_ms: i64, lines: &mut Vec<Line>) {
        let map: Vec<(i64, i64)> = self.map.iter().map(|(e, v)| (*e, *v)).collect();
        let list: Vec<i64> = self.live(now_ms).map(|(v, _)| v).collect();
        lines.push((key, at, line_text(self.value, &map, &list, self.total)));
    }
}

fn rows(keys: &BTreeMap<i64, Key>, read: &[usize], now_ms: i64) -> StateRows {
    let mut rows = StateRows::default();
    for (key, state) in keys {
        if let Some(value) = state.value {
            rows.add("value", format!("{key} = {value}"));
        }
        for (entry, value) in &state.map {
            rows.add("map", format!("{key} [{entry}] = {value}"));
        }
        for (rank, (value, at)) in state.live(now_ms).enumerate() {
            rows.add("list", format!("{key} #{rank} = {value} @{at}"));
        }
        if let Some(total) = state.total {
            rows.add("total", format!("{key} = {total}"));
        }
        for (at, n) in &state.timers {
            rows.add("timers", format!("{key} [{at}] = {n}"));
        }
        for (at, op) in &state.waiting {
            rows.add("waiting", format!("{key} [{at}] = {}", super::job::stored_text(*op)));
        }
        for at in state.timers.keys().chain(state.waiting.keys()) {
            rows.add(alluvium_state::EVENT_TIMERS, format!("{key} ^{at}"));
        }
        for at in &state.alarms {
            rows.add(alluvium_state::PROCESSING_TIMERS, format!("{key} ^{at}"));
        }
    }
    for (split, read) in read.iter().enumerate() {
        rows.add(alluvium_dataflow::SOURCE_POSITIONS, format!(" = ({split}, {read})"));
    }
    rows
}
