mod columns;

use std::sync::Mutex;

use ::bytes::Bytes;
use alluvium_model::{KeyGroup, KeyGroupFunction, KeyGroupRange, MaxParallelism, StateKind};

use super::*;
use crate::bytes::put_utf;
use crate::files::LocalVolume;
use crate::locate::SnapshotKind;
use crate::metadata::{KeyedHandle, Operator, OperatorHandle, OperatorState, StreamHandle, Subtask};

const GROUPS: u32 = 4;
const BASE: &str = "org.apache.flink.api.common.typeutils.base.";
const VOID: &str = "org.apache.flink.runtime.state.VoidNamespaceSerializer$VoidNamespaceSerializerSnapshot";

/// A file being written.
#[derive(Default, Clone)]
struct Out(Vec<u8>);

impl Out {
    fn raw(mut self, bytes: &[u8]) -> Self {
        self.0.extend_from_slice(bytes);
        self
    }

    fn int(self, value: usize) -> Self {
        self.raw(&(value as u32).to_be_bytes())
    }

    fn utf(mut self, text: &str) -> Self {
        put_utf(text, "test", &mut self.0).unwrap();
        self
    }

    fn bytes(self, bytes: &[u8]) -> Self {
        self.int(bytes.len()).raw(bytes)
    }

    /// A simple serializer snapshot in form V.
    fn simple(self, class: &str) -> Self {
        self.utf(class).int(3)
    }

    /// A composite serializer snapshot in form V.
    fn composite(self, class: &str, parts: &[&str]) -> Self {
        let head = self.utf(class).int(3).int(911_108).int(1).int(1_333_245).int(1).int(parts.len());
        parts.iter().fold(head, |out, part| out.simple(part))
    }

    fn state(self, name: &str, kind: &str, value: impl FnOnce(Out) -> Out) -> Self {
        let head = self.utf(name).int(0).int(1).utf("KEYED_STATE_TYPE").utf(kind).int(2);
        let head = head.utf("NAMESPACE_SERIALIZER").int(2).simple(VOID).utf("VALUE_SERIALIZER").int(2);
        value(head)
    }
}

fn basic(name: &str) -> String {
    format!("{BASE}{name}Serializer${name}SerializerSnapshot")
}

/// The header of a file with Long keys: a value, a list and a map.
fn header(value: &str) -> Out {
    let (string, int) = (basic("String"), basic("Int"));
    let out = Out::default().int(6).raw(&[0]).int(2).simple(&basic("Long")).raw(&[0, 3]);
    out.state("v", "VALUE", |out| out.simple(value))
        .state("l", "LIST", |out| out.composite(&format!("{BASE}ListSerializerSnapshot"), &[&string]))
        .state("m", "MAP", |out| out.composite(&format!("{BASE}MapSerializerSnapshot"), &[&string, &int]))
}

fn group_of(key: i64) -> u16 {
    let hash = (key ^ (key >> 32)) as u32;
    MaxParallelism::new(GROUPS).unwrap().key_group_of_hash(hash).0
}

fn keys_of(group: u16) -> impl Iterator<Item = i64> {
    (-6..6).filter(move |key| group_of(*key) == group)
}

/// A canonical file of the key groups of a range.
fn canonical(range: KeyGroupRange, empty: Option<u16>) -> (Vec<u8>, Vec<i64>) {
    let mut out = header(&basic("Long"));
    let mut offsets = Vec::new();
    for group in range.start as u16..range.end as u16 {
        if empty == Some(group) || keys_of(group).next().is_none() {
            offsets.push(0);
            continue;
        }
        offsets.push(out.0.len() as i64);
        let last = keys_of(group).count() - 1;
        for (id, tail, value) in [
            (0u16, &b""[..], &7i64.to_be_bytes()[..]),
            (1, b"", &[2, b'a', b',', 3, b'b', b'c']),
            (2, &[2, b'k'], &[0, 0, 0, 0, 9]),
        ] {
            out = out.raw(&id.to_be_bytes());
            for (i, key) in keys_of(group).enumerate() {
                let flag = if i == last { 0x80 } else { 0 };
                let head = [&[group as u8 | flag][..], &key.to_be_bytes(), &[0], tail].concat();
                out = out.bytes(&head).bytes(value);
            }
        }
        out = out.raw(&[0xFF, 0xFF]);
    }
    (out.0, offsets)
}

/// The same as a heap-native file.
fn native(range: KeyGroupRange, value: &str) -> (Vec<u8>, Vec<i64>) {
    let mut out = header(value);
    let mut offsets = Vec::new();
    for group in range.start as u16..range.end as u16 {
        offsets.push(out.0.len() as i64);
        out = out.int(group.into());
        for (id, value) in [
            (2u16, &[0, 0, 0, 1, 2, b'k', 0, 0, 0, 0, 9][..]),
            (0, &7i64.to_be_bytes()),
            (1, &[0, 0, 0, 2, 2, b'a', 3, b'b', b'c']),
        ] {
            out = out.raw(&id.to_be_bytes()).int(keys_of(group).count());
            for key in keys_of(group) {
                out = out.raw(&[0]).raw(&key.to_be_bytes()).raw(value);
            }
        }
    }
    (out.0, offsets)
}

fn keyed(tag: u8, index: u32, range: KeyGroupRange, (data, offsets): (Vec<u8>, Vec<i64>)) -> Subtask {
    let stream = StreamHandle::InMemory { name: format!("file-{index}"), data: data.into() };
    let handle = KeyedHandle::KeyGroups { tag, range, offsets, stream, id: None };
    Subtask { index, managed_keyed: Some(Box::new(handle)), ..Subtask::default() }
}

fn snapshot(subtasks: Vec<Subtask>) -> FlinkSnapshot {
    let operator = Operator {
        id: OperatorUid::new("op").id(),
        uid: Some(OperatorUid::new("op")),
        name: None,
        parallelism: 2,
        max_parallelism: GROUPS,
        chain_length: 1,
        coordinator: None,
        finished: false,
        subtasks,
    };
    let metadata = Metadata {
        version: 6,
        checkpoint_id: 1,
        master_states: Vec::new(),
        operators: vec![operator],
        properties: None,
    };
    let located = Located {
        metadata,
        files: Files::new(Arc::new(LocalVolume), "nowhere"),
        kind: SnapshotKind::Checkpoint,
        job_id: None,
        path: "_metadata".into(),
    };
    FlinkSnapshot::of(located, &|_| None)
}

const LOW: KeyGroupRange = KeyGroupRange { start: 0, end: 2 };
const HIGH: KeyGroupRange = KeyGroupRange { start: 2, end: GROUPS };

fn of_canonical() -> FlinkSnapshot {
    // Subtasks in the order in which a metadata file may have them: any.
    snapshot(vec![keyed(7, 1, HIGH, canonical(HIGH, None)), keyed(7, 0, LOW, canonical(LOW, None))])
}

fn of_native(value: &str) -> FlinkSnapshot {
    snapshot(vec![keyed(12, 0, LOW, native(LOW, value)), keyed(12, 1, HIGH, native(HIGH, value))])
}

/// Reads all rows of a state: key group, sort key, and how many errors there were.
fn rows(snapshot: &FlinkSnapshot, scan: &Scan) -> (Vec<(u16, Vec<u8>)>, usize) {
    let mut stream = snapshot.scan(scan).unwrap();
    let (mut rows, mut errors) = (Vec::new(), 0);
    loop {
        match stream.next_batch() {
            Ok(None) => return (rows, errors),
            Ok(Some(batch)) => {
                assert!(batch.len() <= scan.batch_rows);
                rows.extend(
                    (0..batch.len()).map(|row| (batch.key_group(row).0, batch.sort_key(row).to_vec())),
                );
            }
            Err(error) => {
                assert_eq!(error.kind, ErrorKind::Corrupt, "{error}");
                errors += 1;
            }
        }
    }
}

fn scan(state: &str) -> Scan {
    Scan { batch_rows: 3, ..Scan::all(OperatorUid::new("op").id(), state) }
}

#[test]
fn layouts_give_the_same_rows_in_canonical_order() {
    let (one, other) = (of_canonical(), of_native(&basic("Long")));
    assert_eq!((one.describe().layout.as_str(), other.describe().layout.as_str()), ("canonical", "native"));
    for (state, count) in [("v", 12), ("l", 24), ("m", 12)] {
        let (found, errors) = rows(&one, &scan(state));
        assert_eq!((found.len(), errors), (count, 0));
        assert!(found.windows(2).all(|pair| pair[0] < pair[1]), "{found:?}");
        assert_eq!(rows(&other, &scan(state)), (found, 0));
    }
}

#[test]
fn a_scan_goes_on_behind_a_position_and_keeps_to_its_range() {
    let snapshot = of_canonical();
    let (all, _) = rows(&snapshot, &scan("l"));
    let (group, key) = all[4].clone();
    let after = Scan { after: Some((KeyGroup(group), key)), ..scan("l") };
    assert_eq!(rows(&snapshot, &after).0, all[5..]);
    let range = KeyGroupRange::new(1, 3);
    let within = Scan { key_groups: Some(range), ..scan("l") };
    let want: Vec<_> = all.into_iter().filter(|(group, _)| range.contains(KeyGroup(*group))).collect();
    assert_eq!(rows(&snapshot, &within).0, want);
}

#[test]
fn a_key_is_looked_up_in_its_group() {
    for snapshot in [of_canonical(), of_native(&basic("Long"))] {
        let operator = &snapshot.describe().operators[0];
        assert_eq!(operator.key_group_function, KeyGroupFunction::JavaHash);
        let found = snapshot.lookup(operator.id, "l", &Value::Int(-3)).unwrap();
        assert_eq!(found.iter().map(RowBatch::len).sum::<usize>(), 2);
        assert!(snapshot.lookup(operator.id, "l", &Value::Int(77)).unwrap().is_empty());
        let error = snapshot.lookup(operator.id, "l", &Value::Bool(true)).unwrap_err();
        assert_eq!(error.kind, ErrorKind::Input);
    }
}

fn damages(snapshot: &FlinkSnapshot) -> Vec<(&'static str, String)> {
    let found = Mutex::new(Vec::new());
    let verified = snapshot.verify(&mut |damage| {
        found.lock().unwrap().push((damage.rule, damage.message));
        ControlFlow::Continue(())
    });
    verified.unwrap();
    found.into_inner().unwrap()
}

#[test]
fn whole_snapshots_verify() {
    assert_eq!(damages(&of_canonical()), []);
    assert_eq!(damages(&of_native(&basic("Long"))), []);
}

#[test]
fn a_key_in_a_group_that_its_hash_does_not_say_is_found() {
    let (mut bytes, offsets) = canonical(LOW, None);
    let key = (0..2).flat_map(keys_of).next().unwrap();
    let at = bytes.windows(8).position(|window| window == key.to_be_bytes()).unwrap();
    let other = (100..).find(|other| group_of(*other) != group_of(key)).unwrap();
    bytes[at..at + 8].copy_from_slice(&i64::to_be_bytes(other));
    let found = damages(&snapshot(vec![keyed(7, 0, LOW, (bytes, offsets))]));
    assert!(found.iter().any(|(rule, _)| *rule == "FLINK-PLACE"), "{found:?}");
}

#[test]
fn an_unknown_serializer_ends_heap_key_groups_and_the_stream_goes_on() {
    let snapshot = of_native("com.acme.MySerializerSnapshot");
    let (found, errors) = rows(&snapshot, &scan("m"));
    assert_eq!((found.len(), errors), (12, 0), "the map lies in front of the value");
    let groups = (0..4).filter(|group| keys_of(*group).next().is_some()).count();
    for state in ["v", "l"] {
        assert_eq!(rows(&snapshot, &scan(state)), (Vec::new(), groups), "{state}");
    }
    let table = &snapshot.describe().operators[0].states;
    assert!(table.iter().any(|table| table.schema.name == "v" && table.opaque));
}

#[test]
fn bytes_cut_or_flipped_anywhere_are_an_error_or_rows() {
    for (tag, whole) in [(7, canonical(LOW, None)), (12, native(LOW, &basic("Long")))] {
        for at in 0..whole.0.len() {
            let mut flipped = whole.clone();
            flipped.0[at] ^= 0xFF;
            let mut cut = whole.clone();
            cut.0.truncate(at);
            for bytes in [flipped, cut] {
                let snapshot = snapshot(vec![keyed(tag, 0, LOW, bytes)]);
                for state in ["v", "l", "m"] {
                    if snapshot.find(OperatorUid::new("op").id(), state).is_ok() {
                        rows_or_errors(&snapshot, state);
                    }
                }
            }
        }
    }
}

fn rows_or_errors(snapshot: &FlinkSnapshot, state: &str) {
    let mut stream = snapshot.scan(&scan(state)).unwrap();
    let mut asked = 0;
    while !matches!(stream.next_batch(), Ok(None)) {
        asked += 1;
        assert!(asked < 100, "a stream without end");
    }
}

#[test]
fn a_list_and_a_broadcast_state_of_one_name_are_both_there() {
    let meta = |out: Out, ty: usize, mode: &str| {
        let out = out.utf("x").int(ty).int(1).utf("OPERATOR_STATE_DISTRIBUTION_MODE").utf(mode);
        if ty == 1 {
            return out.int(1).utf("VALUE_SERIALIZER").int(2).simple(&basic("Long"));
        }
        let out = out.int(2).utf("KEY_SERIALIZER").int(2).simple(&basic("Long"));
        out.utf("VALUE_SERIALIZER").int(2).simple(&basic("String"))
    };
    let out = meta(Out::default().int(6).raw(&[0, 0, 1]), 1, "SPLIT_DISTRIBUTE").raw(&[0, 1]);
    let out = meta(out, 2, "BROADCAST");
    let offset = out.0.len() as i64;
    let data = out.int(1).raw(&5i64.to_be_bytes()).raw(&[2, b'b']).0;
    let state = OperatorState {
        name: "x".into(),
        mode: crate::metadata::DistributionMode::Broadcast,
        offsets: vec![offset],
    };
    let stream = StreamHandle::InMemory { name: "ops".into(), data: Bytes::from(data) };
    let handle = OperatorHandle { chain_index: 0, states: vec![state], stream, merged: None };
    let subtask = |index| Subtask { index, managed_operator: vec![handle.clone()], ..Subtask::default() };
    let snapshot = snapshot(vec![subtask(0), subtask(1)]);
    let tables = &snapshot.describe().operators[0].states;
    let found: Vec<_> = tables.iter().map(|t| (t.schema.name.as_str(), t.schema.kind)).collect();
    assert_eq!(found, [("x", StateKind::Broadcast), ("x$operator-list", StateKind::OperatorList)]);
    assert_eq!(rows(&snapshot, &scan("x")).0.len(), 1, "once, though both subtasks hold it");
    assert_eq!(rows(&snapshot, &scan("x$operator-list")), (Vec::new(), 0));
}

#[test]
fn raw_keyed_state_of_its_own_form_is_shown_by_key_group() {
    let stream = StreamHandle::InMemory { name: "raw".into(), data: Bytes::from_static(b"abcdef") };
    let handle = KeyedHandle::KeyGroups { tag: 12, range: LOW, offsets: vec![0, 4], stream, id: None };
    let raw = Subtask { index: 0, raw_keyed: Some(Box::new(handle)), ..Subtask::default() };
    let snapshot = snapshot(vec![raw]);
    let mut stream = snapshot.scan(&scan("$raw-keyed")).unwrap();
    let batch = stream.next_batch().unwrap().unwrap();
    let values = batch.column(Role::Value).unwrap();
    let values: &arrow_array::BinaryArray = values.as_any().downcast_ref().unwrap();
    assert_eq!(values.iter().flatten().collect::<Vec<_>>(), [&b"abcd"[..], b"ef"]);
}

#[test]
fn subtasks_that_disagree_are_reported_and_read_all_the_same() {
    let (other, offsets) = {
        let mut out = header(&basic("Double"));
        let head = out.0.len() as i64;
        let group = (2..4).find(|group| keys_of(*group).next().is_some()).unwrap();
        let key = keys_of(group).next().unwrap();
        let head_bytes = [&[group as u8 | 0x80][..], &key.to_be_bytes(), &[0]].concat();
        out = out.raw(&[0, 0]).bytes(&head_bytes).bytes(&1.5f64.to_be_bytes()).raw(&[0xFF, 0xFF]);
        (out.0, (2..4).map(|g| if g == group { head } else { 0 }).collect())
    };
    let snapshot =
        snapshot(vec![keyed(7, 0, LOW, canonical(LOW, None)), keyed(7, 1, HIGH, (other, offsets))]);
    let low = (0..2).flat_map(keys_of).count();
    assert_eq!(rows(&snapshot, &scan("v")).0.len(), low + 1);
    let warnings = snapshot.describe().facts.iter().find(|(name, _)| *name == "warnings").unwrap();
    assert!(warnings.1.to_string().contains("the type of its values"), "{}", warnings.1);
}
