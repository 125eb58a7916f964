//! Timers: a set of live ones in the order in which they are due, and a log of changes per layer.

use std::any::Any;
use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};
use std::hash::BuildHasher;
use std::sync::Arc;

use alluvium_model::typed::{ColumnReader, StateKey};
use alluvium_model::{KeyGroup, Op, Role, RowBatch};
use foldhash::fast::FixedState;
use hashbrown::HashTable;

use super::ByCanon;
use super::cell::Cell;
use super::encode::{CellRow, Encode, FrozenRows, Positions};
use super::layers::{Current, Entry, Layer};
use super::slot::{Holder, Slot, SlotOptions, Table, current, hold, unfit};
use crate::host::At;
use crate::{Error, FrozenId, FrozenTable, Garbage, Reply, Request, Result};

/// The timers of the current key, whatever the key type.
pub(crate) trait TimerAccess: Table {
    fn register(&mut self, at: At<'_>, timestamp: i64);

    fn delete(&mut self, at: At<'_>, timestamp: i64);

    /// Returns the timestamp of the first timer.
    fn next(&self) -> Option<i64>;

    /// Returns this as the `TimerTable` that it is.
    fn as_any(&mut self) -> &mut dyn Any;
}

hold!(TimerAccess);

/// A live timer, in the order in which timers are due.
pub(super) struct Due<K> {
    pub(super) timestamp: i64,
    pub(super) group: KeyGroup,
    pub(super) key: ByCanon<K>,
}

impl<K: StateKey> Ord for Due<K> {
    fn cmp(&self, other: &Self) -> Ordering {
        let place = (self.timestamp, self.group).cmp(&(other.timestamp, other.group));
        place.then_with(|| self.key.cmp(&other.key))
    }
}

impl<K: StateKey> PartialOrd for Due<K> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<K: StateKey> PartialEq for Due<K> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl<K: StateKey> Eq for Due<K> {}

/// Changes of the timers of a key in a layer.
#[derive(Default)]
pub(super) struct TimerCell(BTreeMap<i64, Change>);

struct Change {
    /// Whether the layers below hold the timer.
    below: bool,
    /// Whether it is live.
    live: bool,
}

impl Cell for TimerCell {
    fn weight(&self) -> usize {
        self.0.len()
    }

    fn absorb_into(&mut self, _: &mut Self, _: bool, _: &mut usize, _: &mut Garbage) -> bool {
        true
    }

    fn prune(&mut self, _: bool) {}

    fn is_void(&self, _: bool) -> bool {
        true
    }
}

impl Encode for TimerCell {
    type Entries = Positions;
    type Value = bool;

    fn rows(&self, _: u32) -> impl Iterator<Item = CellRow<'_, Self>> + Send {
        self.0.iter().map(|(timestamp, change)| CellRow {
            op: if change.live { Op::Put } else { Op::Delete },
            entry: Some(*timestamp),
            value: None,
            last_access: None,
        })
    }
}

/// The timers of one time domain. The live set is whole in memory and no layer is ever read, so that a
/// frozen log belongs to its encoder alone.
pub(super) struct TimerTable<K: StateKey> {
    live: BTreeSet<Due<K>>,
    log: Layer<K, TimerCell>,
    restored: Vec<Due<K>>,
    hasher: FixedState,
    options: SlotOptions,
}

/// Makes the slot of the timers of one domain.
pub(crate) fn timer<K: StateKey>(options: SlotOptions) -> Box<dyn Slot> {
    let table: Box<dyn TimerAccess> = Box::new(TimerTable::<K> {
        live: BTreeSet::new(),
        log: HashTable::new(),
        restored: Vec::new(),
        hasher: options.hasher(),
        options,
    });
    Box::new(Holder(table))
}

impl<K: StateKey> TimerTable<K> {
    /// Removes the first timer due at or before a time.
    pub(super) fn pop(&mut self, until_ms: i64) -> Option<Due<K>> {
        if self.next()? > until_ms {
            return None;
        }
        let due = self.live.pop_first()?;
        let hash = self.hasher.hash_one(&due.key.0);
        self.note(&due.key.0, hash, due.timestamp, false);
        Some(due)
    }

    /// Notes that a timer has become live, or has ceased to be.
    fn note(&mut self, key: &K, hash: u64, timestamp: i64, live: bool) {
        let hasher = &self.hasher;
        let place = self.log.entry(hash, |e| e.key == *key, |e| hasher.hash_one(&e.key));
        let mut place = place.or_insert_with(|| Entry { key: key.clone(), cell: TimerCell::default() });
        let changes = &mut place.get_mut().cell.0;
        let change = changes.entry(timestamp).or_insert(Change { below: !live, live });
        change.live = live;
        if change.live == change.below {
            changes.remove(&timestamp);
            if changes.is_empty() {
                place.remove();
            }
        }
    }

    fn due(key: &Current<K>, timestamp: i64) -> Due<K> {
        Due { timestamp, group: key.group, key: ByCanon(key.key.clone()) }
    }
}

impl<K: StateKey> TimerAccess for TimerTable<K> {
    fn register(&mut self, at: At<'_>, timestamp: i64) {
        let key = current::<K>(at);
        if self.live.insert(Self::due(key, timestamp)) {
            self.note(&key.key, key.hash, timestamp, true);
        }
    }

    fn delete(&mut self, at: At<'_>, timestamp: i64) {
        let key = current::<K>(at);
        if self.live.remove(&Self::due(key, timestamp)) {
            self.note(&key.key, key.hash, timestamp, false);
        }
    }

    fn next(&self) -> Option<i64> {
        self.live.first().map(|due| due.timestamp)
    }

    fn as_any(&mut self) -> &mut dyn Any {
        self
    }
}

impl<K: StateKey> Table for TimerTable<K> {
    fn exchange(&mut self, at: At<'_>, request: Request) -> Result<Reply> {
        match request {
            Request::RegisterTimer { timestamp, .. } => self.register(at, timestamp),
            Request::DeleteTimer { timestamp, .. } => self.delete(at, timestamp),
            _ => return Err(unfit(&self.options.schema)),
        }
        Ok(Reply::Done)
    }

    fn freeze(&mut self, id: FrozenId) -> Option<Arc<dyn FrozenTable>> {
        if self.log.is_empty() {
            return None;
        }
        let layer = Arc::new(std::mem::take(&mut self.log));
        Some(Arc::new(FrozenRows::new(&self.options, id, layer)))
    }

    fn absorb(&mut self, _: FrozenId, _: &mut usize) -> bool {
        true
    }

    fn take_garbage(&mut self, _: &mut Garbage) {}

    fn restore(&mut self, rows: RowBatch) -> Result<()> {
        self.options.check(&rows)?;
        let name = &self.options.schema.name;
        let odd = |found: &str| Error::Rows { state: name.clone(), found: found.to_owned() };
        let keys = rows.column(Role::Key).ok_or_else(|| odd("no column key"))?;
        if keys.null_count() > 0 {
            return Err(Error::Opaque { state: name.clone() });
        }
        let keys = K::Reader::open(keys).map_err(Error::model(name))?;
        let timestamps = rows.int64s(Role::Timestamp).ok_or_else(|| odd("no column timestamp"))?;
        let groups = rows.key_groups().ok_or_else(|| odd("no column key_group"))?;
        for (row, (timestamp, group)) in timestamps.iter().zip(groups).enumerate() {
            let key = ByCanon(keys.get(row));
            self.restored.push(Due { timestamp: *timestamp, group: KeyGroup(*group), key });
        }
        Ok(())
    }

    fn finish_restore(&mut self) -> Result<()> {
        self.live.extend(std::mem::take(&mut self.restored));
        Ok(())
    }
}
