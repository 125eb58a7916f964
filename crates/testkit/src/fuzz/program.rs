use std::collections::BTreeMap;
use std::sync::Arc;

use alluvium_model::digest::RowHasher;
use alluvium_model::{
    ElementType, KeyGroup, KeyGroupRange, LogicalType, Op, Role, Row, RowBatch, RowBatchBuilder, StateKind,
    StateSchema, Value,
};
use alluvium_table::{MergeOptions, MergeOutput, MergeRun, RunOptions, RunWriter, merge_in_memory};
use bytes::Bytes;

use super::choices::Choices;

const GROUPS: u32 = 16;
/// Most runs of the table before the oldest are merged, as a job does.
const RUNS_MAX: usize = 8;

/// Runs the input as a program of put, delete, clear, append, freeze and merge on the runs of one
/// map or list state, and compares what is live with an ordered map after every freeze and merge.
///
/// # Panics
/// When they differ.
///
/// Spec: RUN-1 to RUN-5, MERGE-1 to MERGE-6, SEQ-1, CLIP-2, LIST-1 to LIST-4.
pub fn program(data: &[u8]) {
    let mut choices = Choices::new(data.get(..4096).unwrap_or(data));
    let kind = if choices.flag() { StateKind::List } else { StateKind::Map };
    let mut table = Table::new(kind);
    while !choices.is_empty() {
        table.step(&mut choices);
    }
    table.freeze(KeyGroupRange::new(0, GROUPS));
    table.check();
}

/// Live contents by (key group, key); a map's by entry, a list's by rank.
type Live = BTreeMap<(u16, i64), BTreeMap<i64, i64>>;

struct Run {
    reference: MergeRun,
    bytes: Bytes,
}

struct Table {
    schema: Arc<StateSchema>,
    /// What should be live.
    live: Live,
    /// What changed since the last freeze, by (key, clears first, entry).
    changed: BTreeMap<(i64, bool, i64), Row>,
    sequence: u32,
    appended: u32,
    /// Oldest first.
    runs: Vec<Run>,
}

fn group_of(key: i64) -> u16 {
    (key * 7 % i64::from(GROUPS)) as u16
}

impl Table {
    fn new(kind: StateKind) -> Self {
        let mut schema = StateSchema::new("state", kind)
            .with_key(LogicalType::Int64)
            .with_value(ElementType::required(LogicalType::Int64));
        if kind == StateKind::Map {
            schema = schema.with_map_key(LogicalType::Int64);
        }
        Table {
            schema: Arc::new(schema),
            live: Live::new(),
            changed: BTreeMap::new(),
            sequence: 1,
            appended: 0,
            runs: Vec::new(),
        }
    }

    fn is_list(&self) -> bool {
        self.schema.kind == StateKind::List
    }

    fn step(&mut self, choices: &mut Choices<'_>) {
        let key = choices.below(8) as i64;
        match choices.below(12) {
            0..=4 if self.is_list() => self.append(key, i64::from(choices.byte())),
            0..=4 => self.put(key, choices.below(6) as i64, i64::from(choices.byte())),
            5..=6 if self.is_list() => self.replace(key, choices),
            5..=6 => self.delete(key, choices.below(6) as i64),
            7..=8 => self.clear(key),
            9..=10 => {
                self.freeze(KeyGroupRange::new(0, choices.below(GROUPS as usize + 1) as u32));
                self.check();
            }
            _ => {
                self.merge(choices.byte().into(), choices.byte().into());
                self.check();
            }
        }
    }

    fn put(&mut self, key: i64, entry: i64, value: i64) {
        self.live.entry((group_of(key), key)).or_default().insert(entry, value);
        self.change(Op::Put, key, entry, Value::Int(value));
    }

    fn delete(&mut self, key: i64, entry: i64) {
        if let Some(entries) = self.live.get_mut(&(group_of(key), key)) {
            entries.remove(&entry);
        }
        self.change(Op::Delete, key, entry, Value::Null);
    }

    fn append(&mut self, key: i64, value: i64) {
        let list = self.live.entry((group_of(key), key)).or_default();
        list.insert(list.len() as i64, value);
        let position = i64::from(self.sequence) << 32 | i64::from(self.appended);
        self.appended += 1;
        self.change(Op::Put, key, position, Value::Int(value));
    }

    fn clear(&mut self, key: i64) {
        self.live.remove(&(group_of(key), key));
        self.changed.retain(|(changed, ..), _| *changed != key);
        self.change(Op::Clear, key, 0, Value::Null);
    }

    fn replace(&mut self, key: i64, choices: &mut Choices<'_>) {
        self.clear(key);
        for _ in 0..choices.below(4) {
            self.append(key, i64::from(choices.byte()));
        }
    }

    fn change(&mut self, op: Op, key: i64, entry: i64, value: Value) {
        let row = Row {
            op,
            key_group: KeyGroup(group_of(key)),
            key: Value::Int(key),
            map_key: if op == Op::Clear { Value::Null } else { Value::Int(entry) },
            position: entry,
            value,
            ..Row::default()
        };
        self.changed.insert((key, op != Op::Clear, entry), row);
    }

    /// Ends a sequence: what changed becomes a delta run, referred to by two clips as after a rescale.
    fn freeze(&mut self, left: KeyGroupRange) {
        let mut rows = RowBatchBuilder::new(Arc::clone(&self.schema), true);
        for row in std::mem::take(&mut self.changed).into_values() {
            rows.push(row).unwrap_or_else(|e| panic!("{e}"));
        }
        let sequence = (self.sequence, self.sequence);
        (self.sequence, self.appended) = (self.sequence + 1, 0);
        let batch = rows.finish().unwrap_or_else(|e| panic!("{e}"));
        if batch.is_empty() {
            return;
        }
        let bytes = self.write(&[batch], RunOptions::delta(sequence));
        let right = KeyGroupRange::new(left.end, GROUPS);
        for clip in [left, right].into_iter().filter(|clip| clip.start < clip.end) {
            self.runs.push(self.run(bytes.clone(), false, sequence, clip));
        }
        if self.runs.len() > 2 * RUNS_MAX {
            self.merge(0, RUNS_MAX);
        }
    }

    /// Replaces runs of adjacent sequences by one: a base run where the oldest is among them.
    fn merge(&mut self, from: usize, count: usize) {
        let sequences: Vec<(u32, u32)> = {
            let mut all: Vec<_> = self.runs.iter().map(|run| run.reference.sequence).collect();
            all.dedup();
            all
        };
        if sequences.is_empty() {
            return;
        }
        let from = from % sequences.len();
        let to = (from + 1 + count % RUNS_MAX).min(sequences.len());
        let hull = (sequences[from].0, sequences[to - 1].1);
        let inside = |run: &Run| hull.0 <= run.reference.sequence.0 && run.reference.sequence.1 <= hull.1;
        let part: Vec<_> = self.runs.iter().filter(|run| inside(run)).map(Run::input).collect();
        let base = from == 0;
        let output = if base { MergeOutput::Live { as_of_ms: None } } else { MergeOutput::Delta };
        let merged = self.merged(part, MergeOptions { output, batch_rows: 5, ..MergeOptions::default() });
        let options = if base { RunOptions::base(hull) } else { RunOptions::delta(hull) };
        let bytes = self.write(&merged, options);
        let run = self.run(bytes, base, hull, KeyGroupRange::new(0, GROUPS));
        let at = self.runs.iter().position(inside).unwrap_or(0);
        self.runs.retain(|run| !inside(run));
        self.runs.insert(at, run);
    }

    fn run(&self, bytes: Bytes, base: bool, sequence: (u32, u32), clip: KeyGroupRange) -> Run {
        let schema = Arc::clone(&self.schema);
        Run { reference: MergeRun { length: bytes.len() as u64, schema, base, clip, sequence }, bytes }
    }

    fn write(&self, batches: &[RowBatch], options: RunOptions) -> Bytes {
        let options = RunOptions { page_rows: 4, row_group_rows: 16, ..options };
        let writer = RunWriter::new(Arc::clone(&self.schema), options);
        let mut writer = writer.unwrap_or_else(|e| panic!("{e}"));
        for batch in batches {
            writer.write(batch).unwrap_or_else(|e| panic!("{e}"));
        }
        Bytes::from(writer.finish().unwrap_or_else(|e| panic!("{e}")).0.concat())
    }

    fn merged(&self, runs: Vec<(MergeRun, Bytes)>, options: MergeOptions) -> Vec<RowBatch> {
        merge_in_memory(Arc::clone(&self.schema), runs, options).unwrap_or_else(|e| panic!("{e}"))
    }

    /// Compares live rows with the map, unless changes wait to be frozen; digests too.
    fn check(&self) {
        if !self.changed.is_empty() {
            return;
        }
        let runs = self.runs.iter().map(Run::input).collect();
        let merged = self.merged(runs, MergeOptions { batch_rows: 3, ..MergeOptions::default() });
        let mut wanted = self.live.clone();
        wanted.retain(|_, entries| !entries.is_empty());
        assert_eq!(self.contents(&merged), wanted);
        let mut rows = RowBatchBuilder::new(Arc::clone(&self.schema), false);
        for ((group, key), entries) in &wanted {
            for (entry, value) in entries {
                let row = Row {
                    key_group: KeyGroup(*group),
                    key: Value::Int(*key),
                    map_key: Value::Int(*entry),
                    position: *entry,
                    value: Value::Int(*value),
                    ..Row::default()
                };
                rows.push(row).unwrap_or_else(|e| panic!("{e}"));
            }
        }
        let fresh = rows.finish().unwrap_or_else(|e| panic!("{e}"));
        assert_eq!(digest(&merged), digest(&[fresh]));
    }

    fn contents(&self, batches: &[RowBatch]) -> Live {
        let entry = if self.is_list() { Role::ListPos } else { Role::MapKey };
        let mut found = Live::new();
        for batch in batches {
            let column = |role| batch.int64s(role).unwrap_or_else(|| panic!("no column {role:?}"));
            let (keys, entries, values) = (column(Role::Key), column(entry), column(Role::Value));
            for row in 0..batch.len() {
                let of_key = found.entry((batch.key_group(row).0, keys[row])).or_default();
                assert_eq!(of_key.insert(entries[row], values[row]), None, "a row twice");
            }
        }
        found
    }
}

impl Run {
    fn input(&self) -> (MergeRun, Bytes) {
        (self.reference.clone(), self.bytes.clone())
    }
}

fn digest(batches: &[RowBatch]) -> alluvium_model::digest::TableDigest {
    let mut hasher = RowHasher::new();
    for batch in batches.iter().filter(|batch| !batch.is_empty()) {
        hasher.update(batch).unwrap_or_else(|e| panic!("{e}"));
    }
    hasher.finish()
}
