use std::collections::BTreeMap;

use alluvium_model::evolution::assign_field_ids;
use alluvium_model::{ElementType, LogicalType, Row, RowBatch, StructType, TimeDomain, Value, spec};
use proptest::prelude::*;

use super::budget::leaf_columns;
use super::*;
use crate::testing::*;
use crate::{RunOptions, drive_merge, merge_in_memory};

const ALL: KeyGroupRange = KeyGroupRange { start: 0, end: 128 };

fn merge_run(schema: &Arc<StateSchema>, bytes: &Bytes, base: bool, sequence: (u32, u32)) -> MergeRun {
    MergeRun { length: bytes.len() as u64, schema: Arc::clone(schema), base, clip: ALL, sequence }
}

fn base(schema: &Arc<StateSchema>, rows: &[Row], sequence: (u32, u32)) -> (MergeRun, Bytes) {
    let (bytes, _) = run(schema, rows, small(RunOptions::base(sequence)));
    (merge_run(schema, &bytes, true, sequence), bytes)
}

fn delta(schema: &Arc<StateSchema>, rows: &[Row], sequence: (u32, u32)) -> (MergeRun, Bytes) {
    let (bytes, _) = run(schema, rows, small(RunOptions::delta(sequence)));
    (merge_run(schema, &bytes, false, sequence), bytes)
}

fn clipped((run, bytes): (MergeRun, Bytes), start: u32, end: u32) -> (MergeRun, Bytes) {
    (MergeRun { clip: KeyGroupRange::new(start, end), ..run }, bytes)
}

/// Returns (op, group, sort key, value) of every row.
fn shape(batches: &[RowBatch]) -> Vec<(Op, u16, Vec<u8>, Option<i64>)> {
    let mut rows = Vec::new();
    for batch in batches {
        for row in 0..batch.len() {
            let value =
                batch.int64s(Role::Value).filter(|_| batch.op(row) == Op::Put).map(|values| values[row]);
            rows.push((batch.op(row), batch.key_group(row).0, batch.sort_key(row).to_vec(), value));
        }
    }
    rows
}

fn visit(op: Op, key: &str, map_key: &str, value: i64) -> Row {
    Row {
        op,
        key_group: KeyGroup(5),
        key: Value::String(key.into()),
        map_key: if op == Op::Clear { Value::Null } else { Value::String(map_key.into()) },
        value: if op == Op::Put { Value::Int(value) } else { Value::Null },
        ..Row::default()
    }
}

fn example() -> Vec<(MergeRun, Bytes)> {
    let schema = map_schema();
    use Op::*;
    vec![
        delta(&schema, &[visit(Put, "N1", "BOS", 2)], (5, 5)),
        base(
            &schema,
            &[visit(Put, "N1", "EWR", 4), visit(Put, "N1", "JFK", 7), visit(Put, "N2", "LGA", 1)],
            (1, 3),
        ),
        delta(
            &schema,
            &[visit(Clear, "N1", "", 0), visit(Put, "N1", "JFK", 1), visit(Delete, "N2", "LGA", 0)],
            (4, 4),
        ),
    ]
}

#[test]
fn live_rows_are_those_of_the_worked_example() {
    spec!("MERGE-1", "MERGE-2", "MERGE-3", "MERGE-5", "SEQ-3", "RUN-3");
    let found = shape(&merge_in_memory(map_schema(), example(), MergeOptions::default()).unwrap());
    let expected = [
        (Op::Put, 5, b"N1\0\0\x01BOS\0\0".to_vec(), Some(2)),
        (Op::Put, 5, b"N1\0\0\x01JFK\0\0".to_vec(), Some(1)),
    ];
    assert_eq!(found, expected);
}

#[test]
fn deltas_merge_into_the_delta_of_the_worked_example() {
    spec!("MERGE-5", "MERGE-6");
    let mut runs = example();
    runs.remove(1);
    let options = MergeOptions { output: MergeOutput::Delta, ..MergeOptions::default() };
    let merged = merge_in_memory(map_schema(), runs, options).unwrap();
    let expected = [
        (Op::Clear, 5, b"N1\0\0\0".to_vec(), None),
        (Op::Put, 5, b"N1\0\0\x01BOS\0\0".to_vec(), Some(2)),
        (Op::Put, 5, b"N1\0\0\x01JFK\0\0".to_vec(), Some(1)),
        (Op::Delete, 5, b"N2\0\0\x01LGA\0\0".to_vec(), None),
    ];
    assert_eq!(shape(&merged), expected);
    assert!(merged.iter().all(RowBatch::has_ops));
}

#[test]
fn newer_clear_hides_older_clear_and_its_puts() {
    spec!("MERGE-3", "MERGE-6");
    let schema = map_schema();
    let runs = || {
        vec![
            delta(&schema, &[visit(Op::Clear, "N1", "", 0), visit(Op::Put, "N1", "A", 1)], (2, 2)),
            delta(&schema, &[visit(Op::Clear, "N1", "", 0), visit(Op::Put, "N1", "B", 2)], (3, 3)),
            delta(&schema, &[visit(Op::Put, "N1", "C", 3)], (4, 4)),
        ]
    };
    let options = MergeOptions { output: MergeOutput::Delta, ..MergeOptions::default() };
    let values = |batches: Vec<RowBatch>| shape(&batches).into_iter().map(|row| row.3).collect::<Vec<_>>();
    assert_eq!(values(merge_in_memory(map_schema(), runs(), options).unwrap()), [None, Some(2), Some(3)]);
    assert_eq!(
        values(merge_in_memory(map_schema(), runs(), MergeOptions::default()).unwrap()),
        [Some(2), Some(3)]
    );
}

#[test]
fn a_put_of_null_is_live() {
    spec!("MERGE-4", "RUN-5");
    let schema = schema_of(alluvium_model::StateKind::Value, LogicalType::Int64, LogicalType::Int64, false);
    let mut schema = (*schema).clone();
    schema.value = Some(ElementType::nullable(LogicalType::Int64));
    let schema = Arc::new(schema);
    let row = |value| Row { key: Value::Int(1), value, ..Row::default() };
    let runs =
        vec![base(&schema, &[row(Value::Int(1))], (1, 1)), delta(&schema, &[row(Value::Null)], (2, 2))];
    let merged = merge_in_memory(schema, runs, MergeOptions::default()).unwrap();
    assert_eq!(merged.len(), 1);
    assert!(!merged[0].has_ops());
    assert_eq!(merged[0].column(Role::Value).unwrap().null_count(), 1);
}

fn element(key: i64, position: i64, value: i64) -> Row {
    Row { key: Value::Int(key), position, value: Value::Int(value), ..Row::default() }
}

#[test]
fn lists_are_numbered_anew_and_keep_their_positions_in_deltas() {
    spec!("LIST-1", "LIST-2", "LIST-4");
    let schema = list_schema();
    let clear = Row { op: Op::Clear, key: Value::Int(2), ..Row::default() };
    let at = |sequence: i64, ordinal: i64| (sequence << 32) | ordinal;
    let runs = || {
        vec![
            base(&schema, &[element(1, 0, 10), element(1, 1, 11), element(2, 0, 20)], (1, 1)),
            delta(&schema, &[element(1, at(2, 0), 12), element(1, at(2, 9), 13)], (2, 2)),
            delta(&schema, &[element(1, at(3, 0), 14), clear.clone(), element(2, at(3, 0), 21)], (3, 3)),
        ]
    };
    let pairs = |batches: &[RowBatch]| {
        let column = |role| batches.iter().flat_map(move |b| b.int64s(role).unwrap().to_vec());
        column(Role::ListPos).zip(column(Role::Value)).collect::<Vec<_>>()
    };
    let live = merge_in_memory(Arc::clone(&schema), runs(), MergeOptions::default()).unwrap();
    assert_eq!(pairs(&live), [(0, 10), (1, 11), (2, 12), (3, 13), (4, 14), (0, 21)]);
    for batch in &live {
        let positions = batch.int64s(Role::ListPos).unwrap();
        for (row, position) in positions.iter().enumerate() {
            assert!(batch.sort_key(row).ends_with(&((*position as u64) ^ (1 << 63)).to_be_bytes()));
        }
    }
    let options = MergeOptions { output: MergeOutput::Delta, ..MergeOptions::default() };
    let merged = merge_in_memory(Arc::clone(&schema), runs().split_off(1), options).unwrap();
    assert_eq!(pairs(&merged)[..3], [(at(2, 0), 12), (at(2, 9), 13), (at(3, 0), 14)]);
}

#[test]
fn some_pieces_of_a_base_keep_their_list_positions() {
    spec!("RUN-3", "LIST-4");
    let schema = list_schema();
    let pieces = vec![
        base(&schema, &[element(1, 4, 10), element(3, 7, 30)], (1, 1)),
        base(&schema, &[element(1, 6, 11), element(2, 9, 20)], (2, 2)),
    ];
    let options = MergeOptions { output: MergeOutput::Pieces, ..MergeOptions::default() };
    let merged = merge_in_memory(schema, pieces, options).unwrap();
    let positions: Vec<i64> = merged.iter().flat_map(|b| b.int64s(Role::ListPos).unwrap().to_vec()).collect();
    assert_eq!(positions, [4, 6, 9, 7]);
    assert!(merged.iter().all(|batch| !batch.has_ops()));
}

#[test]
fn expired_rows_are_dropped_and_still_hide_older_ones() {
    spec!("TTL-1", "TTL-2", "TTL-3", "TTL-4");
    let schema = Arc::new((*value_schema()).clone().with_ttl_ms(100));
    let row = |key, last_access, value| Row {
        key: Value::Int(key),
        value: Value::Int(value),
        last_access: Some(last_access),
        ..Row::default()
    };
    let runs = || {
        vec![
            base(&schema, &[row(1, 950, 1), row(2, 900, 2), row(3, 901, 3), row(4, i64::MIN, 4)], (1, 1)),
            delta(&schema, &[row(1, 899, 5), row(3, i64::MAX, 6)], (2, 2)),
        ]
    };
    let live = |as_of_ms| {
        let options = MergeOptions { output: MergeOutput::Live { as_of_ms }, ..MergeOptions::default() };
        shape(&merge_in_memory(Arc::clone(&schema), runs(), options).unwrap())
            .iter()
            .map(|r| r.3.unwrap())
            .collect::<Vec<_>>()
    };
    assert_eq!(live(Some(1000)), [6]);
    assert_eq!(live(Some(999)), [2, 6]);
    assert_eq!(live(None), [5, 2, 6, 4]);
    assert_eq!(live(Some(i64::MIN)), [5, 2, 6, 4]);
    let options = MergeOptions { output: MergeOutput::Delta, ..MergeOptions::default() };
    assert_eq!(shape(&merge_in_memory(Arc::clone(&schema), runs().split_off(1), options).unwrap()).len(), 2);
}

#[test]
fn nothing_expires_by_an_unknown_time_to_live() {
    spec!("TTL-5");
    let schema = Arc::new((*value_schema()).clone().with_unknown_ttl());
    let row = Row { key: Value::Int(1), value: Value::Int(2), last_access: Some(i64::MIN), ..Row::default() };
    let output = MergeOutput::Live { as_of_ms: Some(i64::MAX) };
    let options = MergeOptions { output, ..MergeOptions::default() };
    let runs = vec![base(&schema, &[row], (1, 1))];
    let merged = merge_in_memory(Arc::clone(&schema), runs, options).unwrap();
    assert_eq!(
        merged.iter().flat_map(|b| b.int64s(Role::LastAccess).unwrap()).collect::<Vec<_>>(),
        [&i64::MIN]
    );
}

#[test]
fn rows_outside_a_clip_are_not_seen() {
    spec!("CLIP-2", "MERGE-7");
    let schema = value_schema();
    let row = |group, value| Row {
        key_group: KeyGroup(group),
        key: Value::Int(7),
        value: Value::Int(value),
        ..Row::default()
    };
    let old = base(&schema, &[row(1, 1), row(60, 2), row(90, 3)], (1, 1));
    let new = delta(&schema, &[row(1, 4), row(60, 5), row(90, 6)], (2, 2));
    let runs = vec![clipped(old.clone(), 0, 64), clipped(old, 64, 90), clipped(new, 50, 128)];
    let found = shape(&merge_in_memory(schema, runs, MergeOptions::default()).unwrap());
    assert_eq!(found.iter().map(|r| (r.1, r.3.unwrap())).collect::<Vec<_>>(), [(1, 1), (60, 5), (90, 6)]);
}

#[test]
fn runs_that_claim_one_sequence_are_refused_unless_pieces_of_one_base() {
    spec!("SEQ-2", "RUN-3");
    let schema = value_schema();
    let row = |key| Row { key: Value::Int(key), value: Value::Int(key), ..Row::default() };
    let merge = |runs| merge_in_memory(Arc::clone(&schema), runs, MergeOptions::default());
    let overlapping = vec![base(&schema, &[row(1)], (1, 3)), delta(&schema, &[row(2)], (3, 4))];
    assert!(matches!(merge(overlapping.clone()), Err(Error::RunsOverlap { first: 0, second: 1, .. })));
    let apart =
        overlapping.into_iter().zip([(0, 5), (5, 9)]).map(|(run, (start, end))| clipped(run, start, end));
    assert_eq!(shape(&merge(apart.collect()).unwrap()).len(), 1);
    let pieces = vec![base(&schema, &[row(2), row(3)], (1, 3)), base(&schema, &[row(1)], (1, 3))];
    let keys: Vec<_> = shape(&merge(pieces).unwrap()).iter().map(|r| r.3.unwrap()).collect();
    assert_eq!(keys, [1, 2, 3]);
    let twice = vec![base(&schema, &[row(2)], (1, 3)), base(&schema, &[row(2)], (1, 3))];
    assert!(matches!(merge(twice), Err(Error::Malformed { rule: "ORDER-5", .. })));
}

#[test]
fn runs_of_subtasks_are_put_in_order() {
    spec!("RUN-6", "ORDER-4");
    let schema =
        schema_of(alluvium_model::StateKind::OperatorList, LogicalType::Int64, LogicalType::Int64, false);
    let row = |subtask, position| Row { subtask, position, value: Value::Int(position), ..Row::default() };
    let runs =
        vec![base(&schema, &[row(1, 0), row(1, 1)], (0, 0)), base(&schema, &[row(0, 5), row(2, 6)], (0, 0))];
    let merged = merge_in_memory(Arc::clone(&schema), runs, MergeOptions::default()).unwrap();
    assert_eq!(shape(&merged).iter().map(|r| r.3.unwrap()).collect::<Vec<_>>(), [5, 0, 1, 6]);
    let twice = vec![base(&schema, &[row(1, 0)], (0, 0)), base(&schema, &[row(1, 0)], (0, 0))];
    assert!(merge_in_memory(schema, twice, MergeOptions::default()).is_err());
}

#[test]
fn older_runs_are_read_through_the_newest_schema_by_field_id() {
    spec!("EVOL-2", "EVOL-4", "EVOL-5", "EVOL-7", "EVOL-12");
    let required = ElementType::required;
    let schema_with = |fields: Vec<(&'static str, ElementType)>| {
        let value = ElementType::required(LogicalType::Struct(StructType::of(fields)));
        StateSchema::new("s", StateKind::Value).with_key(LogicalType::Int64).with_value(value)
    };
    let old = assign_field_ids(&schema_with(vec![("flights", required(LogicalType::Int32))]), None);
    let new = schema_with(vec![
        ("flights", required(LogicalType::Int64)),
        ("airport", ElementType::nullable(LogicalType::String)),
    ]);
    let new = Arc::new(assign_field_ids(&new, Some(&old)).with_ttl_ms(10));
    let old = Arc::new(old);
    let before = Row { key: Value::Int(1), value: Value::Struct(vec![Value::Int(5)]), ..Row::default() };
    let fields = vec![Value::Int(1 << 40), Value::String("JFK".into())];
    let after =
        Row { key: Value::Int(2), value: Value::Struct(fields), last_access: Some(3), ..Row::default() };
    let runs = || {
        vec![
            base(&old, std::slice::from_ref(&before), (1, 1)),
            delta(&new, std::slice::from_ref(&after), (2, 2)),
        ]
    };
    let options = MergeOptions { last_access_ms: Some(77), ..MergeOptions::default() };
    let merged = merge_in_memory(Arc::clone(&new), runs(), options).unwrap();
    let moved = Row {
        value: Value::Struct(vec![Value::Int(5), Value::Null]),
        last_access: Some(77),
        ..before.clone()
    };
    assert_rows(&merged, &batch(&new, &[moved, after.clone()], false));
    let other = Arc::new(value_schema().as_ref().clone());
    let refused = merge_in_memory(other, runs().split_off(1), MergeOptions::default());
    assert!(matches!(refused, Err(Error::Incompatible { .. })));
}

#[test]
fn a_single_base_run_is_handed_through() {
    spec!("MERGE-1");
    let schema = value_schema();
    let rows = rows(&schema, 900, false, 21);
    let whole = batch(&schema, &rows, false);
    for sort_keys in [true, false] {
        let options = MergeOptions { sort_keys, ..MergeOptions::default() };
        let merged =
            merge_in_memory(Arc::clone(&schema), vec![base(&schema, &rows, (1, 1))], options).unwrap();
        let mut at = 0;
        for batch in &merged {
            assert_eq!(batch.rows(), whole.slice(at, batch.len()).rows());
            assert_eq!(batch.sort_key(0).is_empty(), !sort_keys);
            at += batch.len();
        }
        assert_eq!(at, whole.len());
    }
}

#[test]
fn runs_of_disjoint_clips_are_opened_one_after_the_other() {
    spec!("CLIP-2");
    let schema = value_schema();
    let rows = rows(&schema, 900, false, 22);
    let run = base(&schema, &rows, (1, 1));
    for sort_keys in [true, false] {
        let runs = vec![clipped(run.clone(), 30, 128), clipped(run.clone(), 0, 30)];
        let (runs, bytes): (Vec<_>, Vec<_>) = runs.into_iter().unzip();
        let mut merge =
            Merge::new(Arc::clone(&schema), runs, MergeOptions { sort_keys, ..MergeOptions::default() })
                .unwrap();
        let Step::NeedRanges(needs) = merge.next().unwrap() else { panic!("no ranges") };
        assert!(needs.iter().all(|need| need.run == 1));
        let count: usize = drive_merge(&mut merge, &bytes).unwrap().iter().map(RowBatch::len).sum();
        assert_eq!(count, rows.len());
    }
}

#[test]
fn fan_in_keeps_windows_within_the_bytes_given() {
    assert_eq!(fan_in(&value_schema(), 64 * 1024 * 1024), 85);
    assert_eq!(fan_in(&value_schema(), 1), 2);
    let timers =
        schema_of(StateKind::Timer(TimeDomain::Event), LogicalType::TimeWindow, LogicalType::Int64, false);
    assert_eq!(leaf_columns(&timers), 5);
}

/// One step of a program.
#[derive(Debug, Clone)]
enum Action {
    Put(i64, i64, i64),
    Delete(i64, i64),
    Clear(i64),
    Freeze,
}

fn action() -> impl Strategy<Value = Action> {
    let (key, entry) = (0..6i64, 0..5i64);
    prop_oneof![
        6 => (key.clone(), entry.clone(), 0..1000i64).prop_map(|(k, e, v)| Action::Put(k, e, v)),
        3 => (key.clone(), entry).prop_map(|(k, e)| Action::Delete(k, e)),
        1 => key.prop_map(Action::Clear),
        2 => Just(Action::Freeze),
    ]
}

fn group_of(key: i64) -> u16 {
    (key * 13 % 50) as u16
}

/// Values by (key group, key, map key).
type Entries = BTreeMap<(u16, i64, i64), i64>;

/// Runs a program: returns what is live and the deltas, oldest first.
fn execute(program: &[Action]) -> (Entries, Vec<Vec<Row>>) {
    let mut live = BTreeMap::new();
    let mut runs = Vec::new();
    let mut cleared: BTreeMap<i64, ()> = BTreeMap::new();
    let mut changed: BTreeMap<(i64, i64), Option<i64>> = BTreeMap::new();
    for action in program.iter().chain([&Action::Freeze]) {
        match *action {
            Action::Put(key, entry, value) => {
                live.insert((group_of(key), key, entry), value);
                changed.insert((key, entry), Some(value));
            }
            Action::Delete(key, entry) => {
                live.remove(&(group_of(key), key, entry));
                changed.insert((key, entry), None);
            }
            Action::Clear(key) => {
                live.retain(|(_, k, _), _| *k != key);
                changed.retain(|(k, _), _| *k != key);
                cleared.insert(key, ());
            }
            Action::Freeze => {
                let clears = std::mem::take(&mut cleared).into_keys().map(|key| row(Op::Clear, key, 0, 0));
                let others =
                    std::mem::take(&mut changed).into_iter().map(|((key, entry), value)| match value {
                        Some(value) => row(Op::Put, key, entry, value),
                        None => row(Op::Delete, key, entry, 0),
                    });
                runs.push(clears.chain(others).collect());
            }
        }
    }
    (live, runs)
}

fn row(op: Op, key: i64, entry: i64, value: i64) -> Row {
    Row {
        op,
        key_group: KeyGroup(group_of(key)),
        key: Value::Int(key),
        map_key: if op == Op::Clear { Value::Null } else { Value::Int(entry) },
        value: if op == Op::Put { Value::Int(value) } else { Value::Null },
        ..Row::default()
    }
}

fn entries(batches: &[RowBatch]) -> Entries {
    let mut found = BTreeMap::new();
    for batch in batches {
        let column = |role| batch.int64s(role).unwrap().to_vec();
        let parts = column(Role::Key).into_iter().zip(column(Role::MapKey)).zip(column(Role::Value));
        for (i, ((key, entry), value)) in parts.enumerate() {
            assert_eq!(found.insert((batch.key_group(i).0, key, entry), value), None);
        }
    }
    found
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn merges_agree_with_a_map(
        program in prop::collection::vec(action(), 0..120),
        cut in 0..50u32,
        from in 0..6usize,
        count in 2..4usize,
        at in 0..40usize,
    ) {
        spec!("MERGE-1", "MERGE-2", "MERGE-3", "MERGE-5", "MERGE-6", "CLIP-2", "RUN-1");
        let schema = schema_of(StateKind::Map, LogicalType::Int64, LogicalType::Int64, false);
        let (live, deltas) = execute(&program);
        let mut runs = Vec::new();
        for (rows, sequence) in deltas.iter().zip(1..) {
            let run = delta(&schema, rows, (sequence, sequence));
            // After a rescale two references share one file.
            runs.push(clipped(run.clone(), 0, cut));
            runs.push(clipped(run, cut, 128));
        }
        let options = || MergeOptions { batch_rows: 7, ..MergeOptions::default() };
        let merge = |runs: &[(MergeRun, Bytes)], options| merge_in_memory(Arc::clone(&schema), runs.to_vec(), options).unwrap();
        let merged = merge(&runs, options());
        prop_assert_eq!(entries(&merged), live.clone());
        prop_assert!(merged.iter().all(|b| b.len() <= 7));

        // Merging adjacent deltas into one changes nothing.
        let from = from.min(deltas.len() - 1) * 2;
        let to = (from + 2 * count).min(runs.len());
        let part = merge(&runs[from..to], MergeOptions { output: MergeOutput::Delta, ..options() });
        let sequence = (runs[from].0.sequence.0, runs[to - 1].0.sequence.1);
        let mut writer = crate::RunWriter::new(Arc::clone(&schema), small(RunOptions::delta(sequence))).unwrap();
        part.iter().for_each(|batch| writer.write(batch).unwrap());
        let bytes = Bytes::from(writer.finish().unwrap().0.concat());
        let mut fewer = runs.clone();
        fewer.splice(from..to, [(merge_run(&schema, &bytes, false, sequence), bytes)]);
        prop_assert_eq!(entries(&merge(&fewer, options())), live.clone());

        // Paging from any row and asking for any key gives those rows.
        let all = shape(&merged);
        if let Some((_, group, key, _)) = all.get(at % all.len().max(1)) {
            let after = Restriction { after: Some((KeyGroup(*group), key.clone())), ..Restriction::default() };
            let rest = merge(&runs, MergeOptions { restriction: after, ..options() });
            prop_assert_eq!(shape(&rest), all.iter().filter(|r| (r.1, &r.2) > (*group, key)).cloned().collect::<Vec<_>>());
            for length in [8, key.len()] {
                let prefix = Restriction { prefix: Some(key[..length].to_vec()), ..Restriction::default() };
                let found = merge(&runs, MergeOptions { restriction: prefix, ..options() });
                prop_assert_eq!(shape(&found), all.iter().filter(|r| r.2.starts_with(&key[..length])).cloned().collect::<Vec<_>>());
            }
        }
    }
}
