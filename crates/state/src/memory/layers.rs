//! The stack of layers of one slot.

use std::collections::VecDeque;
use std::hash::BuildHasher;
use std::sync::Arc;

use alluvium_model::KeyGroup;
use alluvium_model::typed::StateKey;
use foldhash::fast::FixedState;
use hashbrown::HashTable;
use hashbrown::hash_table::Entry as TableEntry;

use super::backend::MAX_FROZEN;
use super::cell::Cell;
use crate::{FrozenId, Garbage};

/// The current key, with what every slot would otherwise compute anew.
pub(super) struct Current<K> {
    pub(super) key: K,
    pub(super) hash: u64,
    pub(super) group: KeyGroup,
}

/// A key and what a layer holds for it.
pub(super) struct Entry<K, C> {
    pub(super) key: K,
    pub(super) cell: C,
}

pub(super) type Layer<K, C> = HashTable<Entry<K, C>>;

struct FrozenLayer<K, C> {
    id: FrozenId,
    layer: Arc<Layer<K, C>>,
    /// Buckets before this one have been moved to the base.
    moved: usize,
}

/// Active, frozen and base layers.
pub(super) struct Layers<K, C> {
    active: Layer<K, C>,
    /// Oldest first.
    frozen: VecDeque<FrozenLayer<K, C>>,
    /// In parts by hash, so that a part which grows does not hold the task for long.
    base: Vec<Layer<K, C>>,
    hasher: FixedState,
    garbage: Garbage,
}

impl<K: StateKey, C: Cell> Layers<K, C> {
    pub(super) fn new(hasher: FixedState) -> Self {
        Layers {
            active: HashTable::new(),
            frozen: VecDeque::new(),
            base: (0..BASE_PARTS).map(|_| HashTable::new()).collect(),
            hasher,
            garbage: Vec::new(),
        }
    }

    /// Returns the newest cell of the key.
    #[inline]
    pub(super) fn newest(&self, at: &Current<K>) -> Option<&C> {
        find(&self.active, at).or_else(|| self.newest_below(at))
    }

    /// Returns the newest cell of the key below the active layer.
    #[inline]
    pub(super) fn newest_below(&self, at: &Current<K>) -> Option<&C> {
        for frozen in self.frozen.iter().rev() {
            if let Some(cell) = find(&frozen.layer, at) {
                return Some(cell);
            }
        }
        find(&self.base[part_of(at.hash)], at)
    }

    /// Returns the cells of the key, newest first.
    pub(super) fn cells(&self, at: &Current<K>) -> impl Iterator<Item = &C> {
        let frozen = self.frozen.iter().rev().map(|frozen| &*frozen.layer);
        let base = &self.base[part_of(at.hash)];
        std::iter::once(&self.active).chain(frozen).chain([base]).filter_map(|layer| find(layer, at))
    }

    /// Returns the cells of the key below the active layer, newest first.
    pub(super) fn cells_below(&self, at: &Current<K>) -> impl Iterator<Item = &C> {
        let frozen = self.frozen.iter().rev().map(|frozen| &*frozen.layer);
        frozen.chain([&self.base[part_of(at.hash)]]).filter_map(|layer| find(layer, at))
    }

    /// Returns the cells of the key, newest first, down to one that hides all below; and whether none
    /// does.
    pub(super) fn visible(&self, at: &Current<K>, hides: impl Fn(&C) -> bool) -> ([Option<&C>; DEPTH], bool) {
        let mut cells = [None; DEPTH];
        for (place, cell) in cells.iter_mut().zip(self.cells(at)) {
            *place = Some(cell);
            if hides(cell) {
                return (cells, false);
            }
        }
        (cells, true)
    }

    #[inline]
    pub(super) fn active(&self, at: &Current<K>) -> Option<&C> {
        find(&self.active, at)
    }

    #[inline]
    pub(super) fn active_mut(&mut self, at: &Current<K>) -> Option<&mut C> {
        self.active.find_mut(at.hash, |entry| entry.key == at.key).map(|entry| &mut entry.cell)
    }

    /// Returns the active cell of the key, made if there is none.
    #[inline]
    pub(super) fn write(&mut self, at: &Current<K>, make: impl FnOnce() -> C) -> &mut C {
        let hasher = &self.hasher;
        let place = self.active.entry(at.hash, |e| e.key == at.key, |e| hasher.hash_one(&e.key));
        let entry = place.or_insert_with(|| Entry { key: at.key.clone(), cell: make() });
        &mut entry.into_mut().cell
    }

    /// Takes the active cell of the key away.
    pub(super) fn forget(&mut self, at: &Current<K>) -> Option<C> {
        let found = self.active.find_entry(at.hash, |entry| entry.key == at.key).ok()?;
        Some(found.remove().0.cell)
    }

    /// Drops what may be large away from the task.
    pub(super) fn discard(&mut self, cell: Option<C>) {
        if let Some(cell) = cell
            && !cell.is_small()
        {
            self.garbage.push(Box::new(cell));
        }
    }

    /// Returns what is to be dropped away from the task.
    pub(super) fn garbage(&mut self) -> &mut Garbage {
        &mut self.garbage
    }

    /// Freezes the active layer, if anything was written.
    pub(super) fn freeze(&mut self, id: FrozenId) -> Option<Arc<Layer<K, C>>> {
        if self.active.is_empty() {
            return None;
        }
        let layer = Arc::new(std::mem::take(&mut self.active));
        self.frozen.push_back(FrozenLayer { id, layer: Arc::clone(&layer), moved: 0 });
        Some(layer)
    }

    /// Moves entries of the oldest frozen layer, if it is this one, to the base; `rests` says whether a
    /// key has rows below the base. Returns whether all are moved.
    ///
    /// Nothing is moved while the layer's encoder still shares it.
    pub(super) fn absorb(
        &mut self,
        id: FrozenId,
        budget: &mut usize,
        rests: impl Fn(&K, u64) -> bool,
    ) -> bool {
        let Some(frozen) = self.frozen.front_mut().filter(|frozen| frozen.id == id) else { return true };
        let Some(layer) = Arc::get_mut(&mut frozen.layer) else { return false };
        let mut empty = 0;
        while frozen.moved < layer.num_buckets() {
            if *budget == 0 {
                return false;
            }
            if layer.get_bucket(frozen.moved).is_none() {
                empty += 1;
                *budget -= usize::from(empty % EMPTY_BUCKETS_PER_ENTRY == 0);
            } else if !move_bucket(
                layer,
                frozen.moved,
                &mut self.base,
                &self.hasher,
                &rests,
                budget,
                &mut self.garbage,
            ) {
                return false;
            }
            frozen.moved += 1;
        }
        if let Some(spent) = self.frozen.pop_front() {
            self.garbage.push(Box::new(spent.layer));
        }
        true
    }
}

/// Empty buckets that cost as much to pass as one entry to move.
const EMPTY_BUCKETS_PER_ENTRY: usize = 8;

/// Moves the entry of a bucket to the base; returns whether all of it was moved.
fn move_bucket<K: StateKey, C: Cell>(
    from: &mut Layer<K, C>,
    bucket: usize,
    base: &mut [Layer<K, C>],
    hasher: &FixedState,
    rests: &impl Fn(&K, u64) -> bool,
    budget: &mut usize,
    garbage: &mut Garbage,
) -> bool {
    let hash = |entry: &Entry<K, C>| hasher.hash_one(&entry.key);
    let Ok(mut found) = from.get_bucket_entry(bucket) else { return true };
    let at = hash(found.get());
    let rests = rests(&found.get().key, at);
    let weight = found.get().cell.weight();
    match base[part_of(at)].entry(at, |held| held.key == found.get().key, hash) {
        TableEntry::Vacant(place) if found.get().cell.is_small() || weight <= *budget => {
            *budget = budget.saturating_sub(weight);
            let mut entry = found.remove().0;
            entry.cell.prune(rests);
            if !entry.cell.is_void(rests) {
                place.insert(entry);
            }
            true
        }
        place => {
            let entry = found.get_mut();
            let mut place = place.or_insert_with(|| Entry { key: entry.key.clone(), cell: C::default() });
            let held = &mut place.get_mut().cell;
            let done = entry.cell.absorb_into(held, rests, budget, garbage);
            if done {
                if held.is_void(rests) {
                    place.remove();
                }
                found.remove();
            }
            done
        }
    }
}

/// Parts of the base; a power of two.
const BASE_PARTS: usize = 256;

/// Returns the part of the base that holds keys of a hash, by bits that a hash table uses last.
#[inline]
fn part_of(hash: u64) -> usize {
    (hash >> 44) as usize % BASE_PARTS
}

/// Layers in memory: active, two frozen, base.
const DEPTH: usize = 2 + MAX_FROZEN;

#[inline]
fn find<'a, K: StateKey, C>(layer: &'a Layer<K, C>, at: &Current<K>) -> Option<&'a C> {
    layer.find(at.hash, |entry| entry.key == at.key).map(|entry| &entry.cell)
}
