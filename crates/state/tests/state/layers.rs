//! Random programs on the layered backend and on ordered maps.

use std::any::Any;
use std::collections::VecDeque;
use std::fmt::Debug;

use alluvium_model::typed::{StateKey, key_group};
use alluvium_model::{MaxParallelism, StateKind, TimeDomain, Value, spec};
use alluvium_state::{
    BackendOptions, EVENT_TIMERS, EncodingSizes, FrozenId, KeyedBackend, KeyedStates, ListState, MapState,
    Native, ReducingState, Reply, Request, StateHost, StateOptions, Timers, ValueState,
};
use proptest::prelude::*;

use crate::oracle::{Oracle, Step, TTL_MS, entry, program};
use crate::rows::{Merged, batches, merge, rows_of};

#[derive(Clone, Copy)]
struct Handles {
    value: ValueState<i64>,
    sum: ReducingState<i64>,
    list: ListState<i64>,
    map: MapState<String, i64>,
    timers: Timers,
}

fn backend<K: StateKey>(ttl: bool, first_sequence: u32) -> (Handles, Box<dyn KeyedBackend>) {
    let options = StateOptions { ttl_ms: ttl.then_some(TTL_MS) };
    let mut states = KeyedStates::<K>::new();
    let handles = Handles {
        value: states.value_with("value", options),
        sum: states.reducing_with("sum", |a, b| a + b, options),
        list: states.list_with("list", options),
        map: states.map_with("map", options),
        timers: states.timers(),
    };
    // So few that a handful of keys makes several parts, passes and pieces.
    let encoding = EncodingSizes { part_rows: 2, pass_bytes: 256, piece_bytes: 64 };
    (handles, states.into_backend(BackendOptions { first_sequence, encoding, ..BackendOptions::default() }))
}

/// A host that never hands out typed access, as a remote one.
struct Remote<'a>(&'a mut dyn StateHost);

impl StateHost for Remote<'_> {
    fn native(&mut self, _: usize) -> Option<Native<'_>> {
        None
    }

    fn exchange(&mut self, slot: usize, request: Request) -> Reply {
        self.0.exchange(slot, request)
    }

    fn now_ms(&self) -> i64 {
        self.0.now_ms()
    }

    fn current_key(&self) -> &dyn Any {
        self.0.current_key()
    }
}

struct Run<K: StateKey> {
    handles: Handles,
    backend: Box<dyn KeyedBackend>,
    oracle: Oracle<K>,
    keys: Vec<K>,
    key: usize,
    /// Frozen layers that are not durable, oldest first.
    encoding: VecDeque<FrozenId>,
    /// What all runs so far merge to, by slot.
    stored: Vec<Merged>,
    sequence: u32,
    ttl: bool,
    remote: bool,
}

impl<K: StateKey + Ord + Debug> Run<K> {
    fn new(keys: Vec<K>, ttl: bool, remote: bool) -> Self {
        let (handles, backend) = backend::<K>(ttl, 1);
        let stored = vec![Merged::new(); backend.schemas().len()];
        let oracle = Oracle::new(ttl);
        let mut run = Run {
            handles,
            backend,
            oracle,
            keys,
            key: 0,
            encoding: VecDeque::new(),
            stored,
            sequence: 0,
            ttl,
            remote,
        };
        run.select(0);
        run
    }

    fn select(&mut self, key: usize) {
        self.key = key % self.keys.len();
        let group = key_group(&self.keys[self.key], max());
        self.backend.set_current_key(&self.keys[self.key], group);
    }

    fn step(&mut self, step: &Step) {
        let handles = self.handles;
        match step {
            Step::Key(key) => self.select(*key),
            Step::Freeze => self.freeze(),
            Step::Durable => self.durable(),
            Step::Absorb(budget) => {
                self.backend.absorb(*budget);
            }
            Step::Restore(batch_rows) => self.restore(*batch_rows),
            Step::PopDue(until) => self.pop_due(*until),
            Step::Wait(ms) => self.backend.set_now(self.oracle.now_ms + ms),
            _ if self.remote => act(handles, &mut Remote(self.backend.host()), step),
            _ => act(handles, self.backend.host(), step),
        }
        let key = self.keys[self.key].clone();
        self.oracle.apply(&key, key_group(&key, max()).0, step);
        self.check_reads();
    }

    fn freeze(&mut self) {
        let outstanding = self.backend.frozen_layers();
        match self.backend.freeze() {
            Err(full) => {
                assert_eq!(outstanding, 2);
                assert_eq!(full.durable, self.encoding.len() < 2);
            }
            Ok(frozen) => {
                assert_eq!(frozen.id.sequence(), self.sequence + 1);
                self.sequence += 1;
                for table in &frozen.tables {
                    let rows: Vec<_> = table.rows(3).flat_map(|batch| rows_of(&batch.unwrap())).collect();
                    assert!(!rows.is_empty());
                    assert_eq!(table.schema(), &self.backend.schemas()[table.slot()]);
                    merge(&mut self.stored[table.slot()], &rows);
                }
                if !frozen.tables.is_empty() {
                    self.encoding.push_back(frozen.id);
                }
            }
        }
    }

    fn durable(&mut self) {
        if let Some(id) = self.encoding.pop_front() {
            self.backend.durable(id);
        }
    }

    fn settle(&mut self) {
        while !self.encoding.is_empty() {
            self.durable();
        }
        while self.backend.absorb(7) {}
        assert_eq!(self.backend.frozen_layers(), 0);
    }

    fn restore(&mut self, batch_rows: usize) {
        self.settle();
        self.freeze();
        self.encoding.clear();
        let (handles, mut backend) = backend::<K>(self.ttl, self.sequence + 1);
        backend.set_now(self.oracle.now_ms);
        for (slot, stored) in self.stored.iter_mut().enumerate() {
            let schema = backend.schemas()[slot].clone();
            let batches = batches(&schema, stored, batch_rows);
            // The runs of before are now one base run.
            stored.clear();
            for batch in batches {
                merge(stored, &rows_of(&batch));
                backend.restore(slot, batch).unwrap();
            }
        }
        backend.finish_restore().unwrap();
        (self.handles, self.backend) = (handles, backend);
        self.select(self.key);
    }

    fn pop_due(&mut self, until: i64) {
        let wanted = self.oracle.timers.first().cloned().filter(|timer| timer.0 <= until);
        let due = self.backend.pop_due_timer(TimeDomain::Event, until);
        assert_eq!(
            due.map(|due| (due.timestamp, due.key_group.0)),
            wanted.as_ref().map(|timer| (timer.0, timer.1))
        );
        if let Some(timer) = wanted {
            assert_eq!(self.backend.host().key::<K>(), &timer.2);
            self.key = self.keys.iter().position(|key| *key == timer.2).unwrap();
            self.oracle.timers.remove(&timer);
        }
    }

    fn check_reads(&mut self) {
        let key = &self.keys[self.key];
        let host = self.backend.host();
        assert_eq!(self.handles.value.get(host), self.oracle.value(key));
        assert_eq!(self.handles.sum.get(host), self.oracle.sum(key));
        assert_eq!(self.handles.list.get(host), self.oracle.list(key));
        let map = self.oracle.map(key);
        assert_eq!(self.handles.map.entries(host), map);
        assert_eq!(self.handles.map.first(host), map.first().cloned());
        for number in 0..6 {
            let wanted = map.iter().find(|(held, _)| *held == entry(number)).map(|(_, v)| *v);
            assert_eq!(self.handles.map.get(host, &entry(number)), wanted);
        }
        let next = self.oracle.timers.first().map(|timer| timer.0);
        assert_eq!(self.backend.next_timer(TimeDomain::Event), next);
    }

    /// Compares what the runs merge to with the oracle.
    fn check_stored(&mut self) {
        self.settle();
        self.freeze();
        let schemas = self.backend.schemas().to_vec();
        for (slot, schema) in schemas.iter().enumerate() {
            let ttl = schema.ttl_ms.unwrap_or_default();
            let live = self.stored[slot].values().filter(|row| {
                row.last_access.is_none_or(|at| at.saturating_add_unsigned(ttl) > self.oracle.now_ms)
            });
            let found: Vec<_> = live
                .map(|row| {
                    (row.key_group.0, row.key.clone(), row.map_key.clone(), row.value.clone(), row.position)
                })
                .collect();
            let mut wanted = Vec::new();
            let mut keys: Vec<&K> = self.oracle.keys.keys().collect();
            keys.sort_by_key(|key| (key_group(*key, max()), alluvium_model::typed::canonical_bytes(*key)));
            for key in keys {
                let group = key_group(key, max()).0;
                let mut push =
                    |map_key: Value, value: Value| wanted.push((group, key.to_value(), map_key, value, 0));
                match (schema.kind, schema.name.as_str()) {
                    (StateKind::Value, _) => {
                        self.oracle.value(key).into_iter().for_each(|v| push(Value::Null, Value::Int(v)));
                    }
                    (StateKind::Reducing, _) => {
                        self.oracle.sum(key).into_iter().for_each(|v| push(Value::Null, Value::Int(v)));
                    }
                    (StateKind::List, _) => {
                        self.oracle.list(key).into_iter().for_each(|v| push(Value::Null, Value::Int(v)));
                    }
                    (StateKind::Map, _) => {
                        self.oracle
                            .map(key)
                            .into_iter()
                            .for_each(|(e, v)| push(Value::String(e), Value::Int(v)));
                    }
                    (_, EVENT_TIMERS) => {
                        let timers = self.oracle.timers.iter().filter(|timer| timer.2 == *key);
                        wanted.extend(timers.map(|t| (group, key.to_value(), Value::Null, Value::Null, t.0)));
                    }
                    _ => {}
                }
            }
            let lists = schema.kind == StateKind::List;
            let found: Vec<_> =
                found.into_iter().map(|(g, k, m, v, at)| (g, k, m, v, if lists { 0 } else { at })).collect();
            assert_eq!(found, wanted, "{}", schema.name);
        }
    }
}

fn act(handles: Handles, host: &mut dyn StateHost, step: &Step) {
    match step {
        Step::Set(v) => handles.value.set(host, *v),
        Step::Modify(v) => handles.value.modify(host, || 100, |held| *held = held.wrapping_add(*v)),
        Step::Clear => handles.value.clear(host),
        Step::Add(v) => handles.sum.add(host, *v),
        Step::Append(v) => handles.list.add(host, *v),
        Step::Replace(vs) => handles.list.update(host, vs.iter().copied()),
        Step::ClearList => handles.list.clear(host),
        Step::Put(e, v) => handles.map.put(host, entry(*e), *v),
        Step::Change(e, v) => handles.map.modify(host, entry(*e), || 7, |held| *held = held.wrapping_add(*v)),
        Step::Remove(e) => handles.map.remove(host, &entry(*e)),
        Step::ClearMap => handles.map.clear(host),
        Step::Register(t) => handles.timers.register_event(host, *t),
        Step::Unregister(t) => handles.timers.delete_event(host, *t),
        _ => {}
    }
}

fn max() -> MaxParallelism {
    BackendOptions::default().max_parallelism
}

fn check<K: StateKey + Ord + Debug>(keys: Vec<K>, steps: &[Step], ttl: bool, remote: bool) {
    let mut run = Run::new(keys, ttl, remote);
    for step in steps {
        run.step(step);
    }
    run.check_stored();
    run.restore(2);
    for key in 0..run.keys.len() {
        run.select(key);
        run.check_reads();
    }
    assert!(run.backend.take_failure().is_none());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 160, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn layers_read_and_merge_as_an_ordered_map(steps in program(), ttl: bool, remote: bool) {
        spec!("MERGE-1", "RUN-4", "LIST-1", "TTL-1", "ORDER-1", "SEQ-1");
        check(vec![-3i64, 0, 1, 2, 1 << 40], &steps, ttl, remote);
    }

    #[test]
    fn keys_of_any_width_behave_alike(steps in program(), ttl: bool) {
        let keys = ["", "a", "a\0", "N14228", "é"].map(String::from).to_vec();
        check(keys, &steps, ttl, false);
        check(vec![(1u8, -1i64), (1, 0), (2, 0), (3, 5), (4, 4)], &steps, ttl, false);
    }
}
