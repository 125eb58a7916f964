//! The blocks that look-ups and indexes have read last.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use super::sst::Block;
use crate::Result;

/// What the cache of a database holds.
const CAPACITY: usize = 4 << 20;

/// Blocks by table and place, the least recently used dropped first.
#[derive(Debug, Default)]
pub(super) struct BlockCache {
    held: Mutex<Held>,
}

#[derive(Debug, Default)]
struct Held {
    blocks: HashMap<(u64, u64), (Block, u64)>,
    bytes: usize,
    clock: u64,
}

impl BlockCache {
    /// Returns the block of a table at an offset, reading it when it is not held. Blocks that would
    /// push out much else are not kept.
    pub(super) fn get_or_read(
        &self,
        table: u64,
        offset: u64,
        read: impl FnOnce() -> Result<Block>,
    ) -> Result<Block> {
        if let Some(block) = self.lock().get((table, offset)) {
            return Ok(block);
        }
        let block = read()?;
        if block.len() <= CAPACITY / 4 {
            self.lock().insert((table, offset), block.clone());
        }
        Ok(block)
    }

    /// Nothing is left half done by a thread that panicked.
    fn lock(&self) -> std::sync::MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Held {
    fn get(&mut self, place: (u64, u64)) -> Option<Block> {
        self.clock += 1;
        let (block, used) = self.blocks.get_mut(&place)?;
        *used = self.clock;
        Some(block.clone())
    }

    fn insert(&mut self, place: (u64, u64), block: Block) {
        self.bytes += block.len();
        if let Some((old, _)) = self.blocks.insert(place, (block, self.clock)) {
            self.bytes -= old.len();
        }
        if self.bytes > CAPACITY {
            self.drop_oldest();
        }
    }

    /// Drops the older half.
    fn drop_oldest(&mut self) {
        let mut ages: Vec<u64> = self.blocks.values().map(|(_, used)| *used).collect();
        ages.sort_unstable();
        let middle = ages.get(ages.len() / 2).copied().unwrap_or_default();
        self.blocks.retain(|_, (_, used)| *used > middle);
        self.bytes = self.blocks.values().map(|(block, _)| block.len()).sum();
    }
}
