//! The same state in ordered maps, and programs that run on both.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;

use proptest::prelude::*;

/// Time to live of states that have one.
pub const TTL_MS: u64 = 50;

/// A step of a program.
#[derive(Debug, Clone)]
pub enum Step {
    Key(usize),
    Set(i64),
    Modify(i64),
    Clear,
    Add(i64),
    Append(i64),
    Replace(Vec<i64>),
    ClearList,
    Put(u8, i64),
    Change(u8, i64),
    Remove(u8),
    ClearMap,
    Register(i64),
    Unregister(i64),
    PopDue(i64),
    Wait(i64),
    Freeze,
    Durable,
    Absorb(usize),
    Restore(usize),
}

pub fn program() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        8 => (0usize..5).prop_map(Step::Key),
        3 => any::<i64>().prop_map(Step::Set),
        3 => (0i64..9).prop_map(Step::Modify),
        3 => Just(Step::Clear),
        3 => (0i64..9).prop_map(Step::Add),
        5 => any::<i64>().prop_map(Step::Append),
        1 => prop::collection::vec(any::<i64>(), 0..4).prop_map(Step::Replace),
        2 => Just(Step::ClearList),
        6 => (0u8..6, any::<i64>()).prop_map(|(e, v)| Step::Put(e, v)),
        2 => (0u8..6, 0i64..9).prop_map(|(e, v)| Step::Change(e, v)),
        4 => (0u8..6).prop_map(Step::Remove),
        2 => Just(Step::ClearMap),
        4 => (0i64..20).prop_map(Step::Register),
        2 => (0i64..20).prop_map(Step::Unregister),
        2 => (0i64..20).prop_map(Step::PopDue),
        2 => (0i64..40).prop_map(Step::Wait),
        5 => Just(Step::Freeze),
        4 => Just(Step::Durable),
        5 => (1usize..6).prop_map(Step::Absorb),
        1 => (1usize..5).prop_map(Step::Restore),
    ];
    prop::collection::vec(step, 1..120)
}

/// A value and when it was last written.
type Stamped<V> = (V, i64);

/// The state of one key.
#[derive(Debug, Default, Clone)]
pub struct KeyState {
    value: Option<Stamped<i64>>,
    sum: Option<Stamped<i64>>,
    list: Vec<Stamped<i64>>,
    map: BTreeMap<String, Stamped<i64>>,
}

/// What the program's state should be.
#[derive(Debug)]
pub struct Oracle<K> {
    pub keys: BTreeMap<K, KeyState>,
    pub timers: BTreeSet<(i64, u16, K)>,
    pub now_ms: i64,
    ttl: bool,
}

/// Name of a map entry, in an order that is not that of its number.
pub fn entry(number: u8) -> String {
    ["b", "", "a\0", "a", "é", "ab"][usize::from(number)].to_owned()
}

impl<K: Ord + Clone + Debug> Oracle<K> {
    pub fn new(ttl: bool) -> Self {
        Oracle { keys: BTreeMap::new(), timers: BTreeSet::new(), now_ms: 0, ttl }
    }

    fn live<V>(&self, stamped: &Stamped<V>) -> bool {
        !self.ttl || stamped.1 + TTL_MS as i64 > self.now_ms
    }

    pub fn value(&self, key: &K) -> Option<i64> {
        self.keys.get(key)?.value.filter(|stamped| self.live(stamped)).map(|stamped| stamped.0)
    }

    pub fn sum(&self, key: &K) -> Option<i64> {
        self.keys.get(key)?.sum.filter(|stamped| self.live(stamped)).map(|stamped| stamped.0)
    }

    pub fn list(&self, key: &K) -> Vec<i64> {
        let list = self.keys.get(key).map(|state| state.list.clone()).unwrap_or_default();
        list.iter().filter(|stamped| self.live(stamped)).map(|stamped| stamped.0).collect()
    }

    pub fn map(&self, key: &K) -> Vec<(String, i64)> {
        let map = self.keys.get(key).map(|state| state.map.clone()).unwrap_or_default();
        map.into_iter().filter(|(_, stamped)| self.live(stamped)).map(|(e, stamped)| (e, stamped.0)).collect()
    }

    /// Applies a step that changes state.
    pub fn apply(&mut self, key: &K, group: u16, step: &Step) {
        let now = self.now_ms;
        let (value, sum, map) = (self.value(key), self.sum(key), self.map(key));
        let state = self.keys.entry(key.clone()).or_default();
        match step {
            Step::Set(v) => state.value = Some((*v, now)),
            Step::Modify(v) => state.value = Some((value.unwrap_or(100).wrapping_add(*v), now)),
            Step::Clear => state.value = None,
            Step::Add(v) => state.sum = Some((sum.unwrap_or(0) + v, now)),
            Step::Append(v) => state.list.push((*v, now)),
            Step::Replace(vs) => state.list = vs.iter().map(|v| (*v, now)).collect(),
            Step::ClearList => state.list.clear(),
            Step::Put(e, v) => {
                state.map.insert(entry(*e), (*v, now));
            }
            Step::Change(e, v) => {
                let old = map.into_iter().find(|(held, _)| *held == entry(*e)).map_or(7, |(_, v)| v);
                state.map.insert(entry(*e), (old.wrapping_add(*v), now));
            }
            Step::Remove(e) => {
                state.map.remove(&entry(*e));
            }
            Step::ClearMap => state.map.clear(),
            Step::Register(t) => {
                self.timers.insert((*t, group, key.clone()));
            }
            Step::Unregister(t) => {
                self.timers.remove(&(*t, group, key.clone()));
            }
            Step::Wait(ms) => self.now_ms += ms,
            _ => {}
        }
    }
}
