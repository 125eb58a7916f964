use std::any::Any;
use std::collections::VecDeque;
use std::hash::BuildHasher;
use std::sync::Arc;

use alluvium_model::typed::StateKey;
use alluvium_model::{KeyGroup, RowBatch, StateSchema, TimeDomain};
use foldhash::fast::FixedState;

use super::layers::Current;
use super::slot::{Slot, access};
use super::timer::{TimerAccess, TimerTable};
use crate::handle::Timers;
use crate::host::At;
use crate::{
    BackendOptions, DueTimer, Error, Frozen, FrozenFull, FrozenId, Garbage, KeyedBackend, Native, Reply,
    Request, Result, StateHost,
};

/// Frozen layers that may be outstanding.
pub(super) const MAX_FROZEN: usize = 2;

/// The keyed state of a subtask, in memory.
struct MemoryBackend<K> {
    schemas: Vec<Arc<StateSchema>>,
    slots: Vec<Box<dyn Slot>>,
    timers: Option<Timers>,
    current: Option<Current<K>>,
    now_ms: i64,
    hasher: FixedState,
    next_sequence: u32,
    options: BackendOptions,
    /// Oldest first.
    frozen: VecDeque<Outstanding>,
    failure: Option<Error>,
}

/// A frozen layer that is not yet absorbed.
struct Outstanding {
    id: FrozenId,
    durable: bool,
}

/// Makes a backend of slots.
pub(crate) fn backend<K: StateKey>(
    schemas: Vec<Arc<StateSchema>>,
    slots: Vec<Box<dyn Slot>>,
    timers: Option<Timers>,
    options: BackendOptions,
) -> Box<dyn KeyedBackend> {
    Box::new(MemoryBackend::<K> {
        schemas,
        slots,
        timers,
        current: None,
        now_ms: 0,
        hasher: FixedState::with_seed(options.hash_seed),
        next_sequence: options.first_sequence,
        options,
        frozen: VecDeque::new(),
        failure: None,
    })
}

const NO_KEY: &str = "the runtime sets the current key before an operator runs";

impl<K: StateKey> MemoryBackend<K> {
    fn make_current(&mut self, key: &K, group: KeyGroup) {
        debug_assert!(
            self.options.key_groups.contains(group),
            "key group {group} is not of this subtask ({})",
            self.options.key_groups
        );
        let hash = self.hasher.hash_one(key);
        match &mut self.current {
            Some(current) => {
                current.key.clone_from(key);
                (current.hash, current.group) = (hash, group);
            }
            None => self.current = Some(Current { key: key.clone(), hash, group }),
        }
    }

    fn slot_mut(&mut self, slot: usize) -> Result<&mut Box<dyn Slot>> {
        self.slots.get_mut(slot).ok_or_else(|| Error::Unknown { name: format!("slot {slot}") })
    }
}

impl<K: StateKey> StateHost for MemoryBackend<K> {
    #[inline]
    fn native(&mut self, slot: usize) -> Option<Native<'_>> {
        let at = At { key: self.current.as_ref().expect(NO_KEY), now_ms: self.now_ms };
        let table = self.slots.get_mut(slot).expect("a handle is used with the backend of its declarations");
        Some(Native { table: table.native(), at })
    }

    fn exchange(&mut self, slot: usize, request: Request) -> Reply {
        let at = At { key: self.current.as_ref().expect(NO_KEY), now_ms: self.now_ms };
        let reply = match self.slots.get_mut(slot) {
            Some(slot) => slot.exchange(at, request),
            None => Err(Error::Unknown { name: format!("slot {slot}") }),
        };
        reply.unwrap_or_else(|failure| {
            self.failure.get_or_insert(failure);
            Reply::Done
        })
    }

    fn now_ms(&self) -> i64 {
        self.now_ms
    }

    fn current_key(&self) -> &dyn Any {
        &self.current.as_ref().expect(NO_KEY).key
    }
}

impl<K: StateKey> KeyedBackend for MemoryBackend<K> {
    fn host(&mut self) -> &mut dyn StateHost {
        self
    }

    fn schemas(&self) -> &[Arc<StateSchema>] {
        &self.schemas
    }

    #[inline]
    fn set_current_key(&mut self, key: &dyn Any, group: KeyGroup) {
        let key = key.downcast_ref().expect("keys are of the type declared");
        self.make_current(key, group);
    }

    fn set_now(&mut self, now_ms: i64) {
        self.now_ms = now_ms;
    }

    fn take_failure(&mut self) -> Option<Error> {
        self.failure.take()
    }

    fn freeze(&mut self) -> Result<Frozen, FrozenFull> {
        if self.frozen.len() >= MAX_FROZEN
            && let Some(oldest) = self.frozen.front()
        {
            return Err(FrozenFull { oldest: oldest.id, durable: oldest.durable });
        }
        let id = FrozenId(self.next_sequence);
        self.next_sequence += 1;
        let tables: Vec<_> = self.slots.iter_mut().filter_map(|slot| slot.freeze(id)).collect();
        if !tables.is_empty() {
            self.frozen.push_back(Outstanding { id, durable: false });
        }
        Ok(Frozen { id, tables })
    }

    fn durable(&mut self, id: FrozenId) {
        if let Some(frozen) = self.frozen.iter_mut().find(|frozen| frozen.id == id) {
            frozen.durable = true;
        }
    }

    fn absorb(&mut self, budget: usize) -> bool {
        let mut left = budget;
        while let Some(oldest) = self.frozen.front().filter(|oldest| oldest.durable) {
            let id = oldest.id;
            // Every slot is asked again after an interruption; those that are done say so at once.
            if !self.slots.iter_mut().all(|slot| slot.absorb(id, &mut left)) {
                return left < budget;
            }
            self.frozen.pop_front();
        }
        false
    }

    fn frozen_layers(&self) -> usize {
        self.frozen.len()
    }

    fn take_garbage(&mut self) -> Garbage {
        let mut garbage = Vec::new();
        self.slots.iter_mut().for_each(|slot| slot.take_garbage(&mut garbage));
        garbage
    }

    fn restore(&mut self, slot: usize, rows: RowBatch) -> Result<()> {
        self.slot_mut(slot)?.restore(rows)
    }

    fn finish_restore(&mut self) -> Result<()> {
        self.slots.iter_mut().try_for_each(|slot| slot.finish_restore())
    }

    fn pop_due_timer(&mut self, domain: TimeDomain, until_ms: i64) -> Option<DueTimer> {
        let slot = self.slots.get_mut(self.timers?.slot(domain))?;
        let table = access::<dyn TimerAccess>(slot.native());
        let table: &mut TimerTable<K> =
            table.as_any().downcast_mut().expect("timers have the key type of the backend");
        let due = table.pop(until_ms)?;
        self.make_current(&due.key.0, due.group);
        Some(DueTimer { timestamp: due.timestamp, key_group: due.group })
    }

    fn next_timer(&mut self, domain: TimeDomain) -> Option<i64> {
        let slot = self.slots.get_mut(self.timers?.slot(domain))?;
        access::<dyn TimerAccess>(slot.native()).next()
    }
}
