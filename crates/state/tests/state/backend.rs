//! Single laws of the in-memory backend.

use alluvium_model::typed::key_group;
use alluvium_model::{Op, Role, Row, RowBatchBuilder, TimeDomain, Value, spec};
use alluvium_state::{Aggregate, BackendOptions, Error, Frozen, KeyedBackend, KeyedStates};

use crate::rows::rows_of;

fn select(backend: &mut dyn KeyedBackend, key: i64) {
    backend.set_current_key(&key, key_group(&key, BackendOptions::default().max_parallelism));
}

fn start(states: KeyedStates<i64>) -> Box<dyn KeyedBackend> {
    let mut backend = states.into_backend(BackendOptions::default());
    select(&mut *backend, 1);
    backend
}

fn rows(frozen: &Frozen) -> Vec<Row> {
    let batches = frozen.tables.iter().flat_map(|table| table.rows(10));
    batches.flat_map(|batch| rows_of(&batch.unwrap())).map(|(_, row)| row).collect()
}

fn absorb_all(backend: &mut dyn KeyedBackend, frozen: Frozen) {
    let (id, before) = (frozen.id, backend.frozen_layers());
    drop(frozen);
    backend.durable(id);
    while backend.absorb(100) {}
    assert_eq!(backend.frozen_layers(), before - 1);
}

#[test]
fn insert_then_delete_leaves_nothing_where_nothing_lies_below() {
    let mut states = KeyedStates::new();
    let (value, map) = (states.value::<i64>("value"), states.map::<i64, i64>("map"));
    let (list, timers) = (states.list::<i64>("list"), states.timers());
    let mut backend = start(states);
    let host = backend.host();
    value.set(host, 1);
    value.clear(host);
    map.put(host, 1, 1);
    map.remove(host, &1);
    map.put(host, 2, 2);
    map.clear(host);
    list.add(host, 1);
    list.clear(host);
    timers.register_event(host, 5);
    timers.delete_event(host, 5);
    assert!(backend.freeze().unwrap().tables.is_empty());
    assert_eq!(backend.frozen_layers(), 0);
}

#[test]
fn delete_hides_the_older_put_of_a_frozen_layer() {
    spec!("RUN-4");
    let mut states = KeyedStates::new();
    let value = states.value::<i64>("value");
    let mut backend = start(states);
    value.set(backend.host(), 1);
    let first = backend.freeze().unwrap();
    value.set(backend.host(), 2);
    value.clear(backend.host());
    assert_eq!(value.get(backend.host()), None);
    let second = backend.freeze().unwrap();
    assert_eq!(rows(&second)[0].op, Op::Delete);
    absorb_all(&mut *backend, first);
    assert_eq!(value.get(backend.host()), None);
    absorb_all(&mut *backend, second);
    value.set(backend.host(), 3);
    value.clear(backend.host());
    assert!(backend.freeze().unwrap().tables.is_empty(), "the base no longer holds the key");
}

#[test]
fn clearing_a_large_map_costs_one_row() {
    spec!("RUN-5");
    let mut states = KeyedStates::new();
    let map = states.map::<i64, i64>("map");
    let mut backend = start(states);
    for entry in 0..1000 {
        map.put(backend.host(), entry, entry);
    }
    let frozen = backend.freeze().unwrap();
    assert_eq!(rows(&frozen).len(), 1000);
    absorb_all(&mut *backend, frozen);
    map.clear(backend.host());
    map.put(backend.host(), 7, 8);
    assert_eq!(map.entries(backend.host()), [(7, 8)]);
    let frozen = backend.freeze().unwrap();
    let ops: Vec<_> = rows(&frozen).iter().map(|row| row.op).collect();
    assert_eq!(ops, [Op::Clear, Op::Put]);
    absorb_all(&mut *backend, frozen);
    assert!(!backend.take_garbage().is_empty(), "the old map is dropped elsewhere");
    assert_eq!(map.entries(backend.host()), [(7, 8)]);
}

#[test]
fn list_positions_are_sequence_and_ordinal() {
    spec!("LIST-2");
    let mut states = KeyedStates::new();
    let list = states.list::<i64>("list");
    let mut backend = start(states);
    let mut positions = Vec::new();
    for round in 0..2 {
        list.add_all(backend.host(), [round, round]);
        let frozen = backend.freeze().unwrap();
        positions.extend(rows(&frozen).iter().map(|row| row.position));
        absorb_all(&mut *backend, frozen);
    }
    assert_eq!(positions, [1 << 32, (1 << 32) + 1, 2 << 32, (2 << 32) + 1]);
}

#[test]
fn third_freeze_is_declined_until_a_layer_is_absorbed() {
    let mut states = KeyedStates::new();
    let value = states.value::<i64>("value");
    let mut backend = start(states);
    let mut frozen = Vec::new();
    for round in 0..2 {
        value.set(backend.host(), round);
        frozen.push(backend.freeze().unwrap());
    }
    value.set(backend.host(), 2);
    let full = backend.freeze().err().unwrap();
    assert_eq!((full.oldest, full.durable), (frozen[0].id, false));
    backend.durable(frozen[0].id);
    assert!(!backend.absorb(10), "the encoder still shares the layer");
    assert!(backend.freeze().err().unwrap().durable);
    absorb_all(&mut *backend, frozen.remove(0));
    assert_eq!(backend.freeze().unwrap().id.sequence(), 3);
    assert_eq!(value.get(backend.host()), Some(2));
}

#[test]
fn state_expires_by_the_given_clock() {
    spec!("TTL-1");
    let mut states = KeyedStates::new();
    let value = states.value_with::<i64>("value", alluvium_state::StateOptions::ttl_ms(10));
    let mut backend = start(states);
    backend.set_now(100);
    value.set(backend.host(), 1);
    backend.set_now(109);
    assert_eq!(value.get(backend.host()), Some(1));
    backend.set_now(110);
    assert_eq!(value.get(backend.host()), None);
    value.modify(backend.host(), || 5, |_| ());
    backend.set_now(119);
    assert_eq!(value.get(backend.host()), Some(5));
    assert_eq!(rows(&backend.freeze().unwrap())[0].last_access, Some(110));
}

#[test]
fn due_timers_come_by_time_then_key_group_then_key() {
    let mut states = KeyedStates::new();
    let timers = states.timers();
    let mut backend = start(states);
    let max = BackendOptions::default().max_parallelism;
    let mut wanted = Vec::new();
    for key in 0..20i64 {
        select(&mut *backend, key);
        for timestamp in [30, 10, 10] {
            timers.register_processing(backend.host(), timestamp);
        }
        timers.register_event(backend.host(), 1);
        wanted.extend([(30, key_group(&key, max), key), (10, key_group(&key, max), key)]);
    }
    wanted.sort();
    assert_eq!(backend.next_timer(TimeDomain::Processing), Some(10));
    let mut found = Vec::new();
    while let Some(due) = backend.pop_due_timer(TimeDomain::Processing, 30) {
        found.push((due.timestamp, due.key_group, *backend.host().key::<i64>()));
    }
    assert_eq!(found, wanted);
    assert!(backend.pop_due_timer(TimeDomain::Event, 0).is_none());
}

struct Mean;

impl Aggregate for Mean {
    type Input = i64;
    type Accumulator = (i64, i64);
    type Output = f64;

    fn create() -> (i64, i64) {
        (0, 0)
    }

    fn add((sum, count): &mut (i64, i64), input: i64) {
        (*sum, *count) = (*sum + input, *count + 1);
    }

    fn result((sum, count): &(i64, i64)) -> f64 {
        *sum as f64 / *count as f64
    }
}

#[test]
fn aggregating_state_keeps_an_accumulator_per_key() {
    let mut states = KeyedStates::new();
    let mean = states.aggregating::<Mean>("mean");
    let mut backend = start(states);
    mean.add(backend.host(), 1);
    mean.add(backend.host(), 2);
    assert_eq!(mean.get(backend.host()), Some(1.5));
    select(&mut *backend, 2);
    assert_eq!(mean.get(backend.host()), None);
}

#[test]
fn rows_that_do_not_fit_are_refused() {
    let mut states = KeyedStates::<i64>::new();
    states.value::<i64>("value");
    let mut backend = states.into_backend(BackendOptions::default());
    let schema = backend.schemas()[0].clone();
    let row = Row { key: Value::Int(1), value: Value::Int(2), ..Row::default() };
    let build = |schema, deltas, row: &Row| {
        let mut rows = RowBatchBuilder::new(schema, deltas);
        rows.push(row.clone()).unwrap();
        rows.finish().unwrap()
    };
    let with_ops = build(schema.clone(), true, &row);
    assert!(matches!(backend.restore(0, with_ops), Err(Error::Rows { .. })));
    let mut raw = (*schema).clone();
    raw.raw = vec![Role::ValueRaw];
    let value = Value::Opaque { serializer: "x".into(), bytes: vec![1] };
    let opaque = build(raw.into(), false, &Row { value, ..row.clone() });
    assert!(matches!(backend.restore(0, opaque), Err(Error::Opaque { .. })));
    let mut other = (*schema).clone();
    other.key = Some(alluvium_model::LogicalType::String);
    let other = build(other.into(), false, &Row { key: Value::String("1".into()), ..row.clone() });
    assert!(matches!(backend.restore(0, other), Err(Error::Model { .. })));
    assert!(matches!(backend.restore(1, build(schema, false, &row)), Err(Error::Unknown { .. })));
}

#[test]
fn removal_over_restored_rows_stays_when_absorbed() {
    let mut states = KeyedStates::<i64>::new();
    let map = states.map::<i64, i64>("map");
    let mut backend = states.into_backend(BackendOptions { first_sequence: 5, ..BackendOptions::default() });
    let mut rows = RowBatchBuilder::new(backend.schemas()[0].clone(), false);
    let key_group = key_group(&1i64, BackendOptions::default().max_parallelism);
    for entry in 0..3 {
        let map_key = Value::Int(entry);
        rows.push(Row { key_group, key: Value::Int(1), map_key, value: Value::Int(entry), ..Row::default() })
            .unwrap();
    }
    backend.restore(0, rows.finish().unwrap()).unwrap();
    backend.finish_restore().unwrap();
    select(&mut *backend, 1);
    map.put(backend.host(), 0, 10);
    let frozen = backend.freeze().unwrap();
    assert_eq!(frozen.id.sequence(), 5);
    absorb_all(&mut *backend, frozen);
    map.remove(backend.host(), &1);
    let frozen = backend.freeze().unwrap();
    assert_eq!(self::rows(&frozen)[0].op, Op::Delete);
    absorb_all(&mut *backend, frozen);
    assert_eq!(map.entries(backend.host()), [(0, 10), (2, 2)]);
    map.clear(backend.host());
    let frozen = backend.freeze().unwrap();
    absorb_all(&mut *backend, frozen);
    assert!(map.is_empty(backend.host()));
    map.put(backend.host(), 1, 7);
    map.remove(backend.host(), &1);
    assert!(backend.freeze().unwrap().tables.is_empty(), "the restored rows are hidden");
}
