use std::sync::Arc;

use alluvium_format::JobRef;
use alluvium_model::source::Scan;
use alluvium_model::{
    ElementType, ErrorKind, KeyGroupFunction, KeyGroupRange, LogicalType, OperatorUid, Row, RowBatchBuilder,
    SnapshotSource, StateKind, StateSchema, Value, spec,
};
use alluvium_store::{MemoryStore, Store, block_on};

use super::support::*;
use crate::{OperatorSpec, Snapshot, SnapshotWriter};

async fn savepoint_of(rows: &[Do], batch_rows: usize, object_bytes_max: u64) -> Snapshot {
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
    let writer = SnapshotWriter::savepoint(Arc::clone(&store), &World::new().env, JobRef::default());
    let mut writer = writer.with_object_bytes_max(object_bytes_max);
    writer.operator(OperatorSpec::new(UID, GROUPS, KeyGroupFunction::JavaHash)).await.unwrap();
    writer.begin_table(schema()).await.unwrap();
    let all = batch(false, rows);
    for at in (0..all.len()).step_by(batch_rows) {
        writer.write(&all.slice(at, batch_rows.min(all.len() - at))).await.unwrap();
    }
    let manifest = writer.finish().await.unwrap();
    Snapshot::of(store, manifest).await.unwrap()
}

#[test]
fn rows_written_are_rows_read_however_they_are_asked_for() {
    spec!("MAN-9", "MAN-10", "NAME-4");
    let rows = puts(0..3000, "value");
    let snapshot = block_on(savepoint_of(&rows, 500, 256 << 20));
    assert_sound(&snapshot);
    let whole = contents(&snapshot);
    assert_eq!(whole.len(), rows.len());

    let mut by_group = Contents::new();
    for group in 0..GROUPS {
        let key_groups = Some(KeyGroupRange::new(group, group + 1));
        let part = read(&snapshot, &Scan { key_groups, ..Scan::all(operator(), STATE) });
        assert!(part.keys().all(|(key, _)| u32::from(group_of(*key).0) == group));
        by_group.extend(part);
    }
    assert_eq!(by_group, whole);

    let mut paged = Contents::new();
    let mut after = None;
    loop {
        let scan = Scan { after: after.clone(), batch_rows: 700, ..Scan::all(operator(), STATE) };
        let Some(page) = snapshot.scan(&scan).unwrap().next_batch().unwrap() else { break };
        assert!(page.len() <= 700);
        collect(&page, &mut paged);
        let last = page.len() - 1;
        after = Some((page.key_group(last), page.sort_key(last).to_vec()));
    }
    assert_eq!(paged, whole);
}

#[test]
fn a_key_is_found_in_its_key_group_and_a_missing_one_is_not() {
    spec!("KEYGROUP-4");
    let snapshot = block_on(savepoint_of(&puts(0..500, "value"), 500, 256 << 20));
    let found = |key| {
        let mut contents = Contents::new();
        for batch in snapshot.lookup(operator(), STATE, &Value::Int(key)).unwrap() {
            collect(&batch, &mut contents);
        }
        contents.into_keys().collect::<Vec<_>>()
    };
    assert_eq!(found(77), [(77, 0), (77, 1)]);
    assert_eq!(found(500), []);
    let odd = snapshot.lookup(operator(), STATE, &Value::String("77".into())).unwrap_err();
    assert_eq!(odd.kind, ErrorKind::Input);
    assert_eq!(snapshot.scan(&Scan::all(operator(), "nothing")).err().unwrap().kind, ErrorKind::Input);
    let nobody = OperatorUid::new("nobody").id();
    assert_eq!(snapshot.scan(&Scan::all(nobody, STATE)).err().unwrap().kind, ErrorKind::Input);
}

#[test]
fn a_table_larger_than_a_file_goes_on_in_another_anywhere() {
    spec!("MAN-9", "NAME-4", "SEQ-2");
    let rows: Vec<Do> = (0..40).map(|i| Do::Put(i % 4, i, noise(3000, i as u64))).collect();
    let snapshot = block_on(savepoint_of(&rows, 3, 20_000));
    let table = &snapshot.manifest().operators[0].tables[0];
    assert!(table.runs.len() > 1);
    let names: Vec<_> = table.runs.iter().map(|run| run.object().unwrap().name.clone()).collect();
    assert_eq!(names[1], "tables/airports/visits-0001.parquet");
    assert_sound(&snapshot);
    assert_eq!(contents(&snapshot).len(), rows.len());
}

#[test]
fn the_description_counts_what_the_manifest_holds() {
    let snapshot = block_on(savepoint_of(&puts(0..100, "value"), 500, 256 << 20));
    let description = snapshot.describe();
    assert_eq!(
        (description.format, description.kind, description.layout.as_str()),
        ("alluvium", "savepoint", "compacted")
    );
    let state = &description.operators[0].states[0];
    assert_eq!((state.entries, state.elements, state.opaque), (Some(200), None, false));
    assert_eq!(state.rows_by_key_group.iter().map(|(_, rows)| rows).sum::<u64>(), 200);
    assert!(snapshot.digest(operator(), STATE).unwrap().is_some());
}

#[test]
fn lists_count_once_per_key_and_operator_state_comes_back_in_order() {
    spec!("RUN-6");
    let list = StateSchema::new("rotations", StateKind::List)
        .with_key(LogicalType::String)
        .with_value(ElementType::required(LogicalType::Int64));
    let positions = StateSchema::new("source-positions", StateKind::OperatorList)
        .with_value(ElementType::required(LogicalType::Int64));
    let (list, positions) = (Arc::new(list), Arc::new(positions));
    let mut elements = RowBatchBuilder::new(Arc::clone(&list), false);
    for (key, position) in [("a", 0), ("a", 1), ("a", 7), ("b", 3)] {
        let key = Value::String(key.into());
        elements.push(Row { key, position, value: Value::Int(position), ..Row::default() }).unwrap();
    }
    let mut splits = RowBatchBuilder::new(Arc::clone(&positions), false);
    for (subtask, position) in [(1, 0), (0, 0), (0, 1)] {
        splits.push(Row { subtask, position, value: Value::Int(position), ..Row::default() }).unwrap();
    }
    let snapshot = block_on(async {
        let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
        let mut writer = SnapshotWriter::savepoint(Arc::clone(&store), &World::new().env, JobRef::default());
        writer.operator(OperatorSpec::new("o", 1, KeyGroupFunction::JavaHash)).await.unwrap();
        writer.begin_table(list).await.unwrap();
        writer.write(&elements.finish().unwrap()).await.unwrap();
        writer.begin_table(positions).await.unwrap();
        writer.write(&splits.finish().unwrap()).await.unwrap();
        let manifest = writer.finish().await.unwrap();
        Snapshot::of(store, manifest).await.unwrap()
    });
    assert_sound(&snapshot);
    let states = &snapshot.describe().operators[0].states;
    assert_eq!((states[0].entries, states[0].elements), (Some(2), Some(4)));
    assert_eq!((states[1].entries, states[1].elements), (Some(3), None));
    let id = OperatorUid::new("o").id();
    let batch = snapshot.scan(&Scan::all(id, "source-positions")).unwrap().next_batch().unwrap().unwrap();
    assert_eq!(batch.len(), 3);
    let rest = snapshot.lookup(id, "source-positions", &Value::Int(0)).unwrap_err();
    assert_eq!(rest.kind, ErrorKind::Input);
}
