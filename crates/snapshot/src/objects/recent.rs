use std::collections::VecDeque;

use bytes::Bytes;

/// The blocks with which recent reads ended.
///
/// Pages are smaller than blocks and are read one after the other, so the next read of a column
/// begins in the block with which the last one ended. Blocks are known by the digest of their
/// object, and were checked.
#[derive(Debug, Default)]
pub(super) struct Recent {
    blocks: VecDeque<(u128, u64, Bytes)>,
}

/// Blocks kept: 4 MiB.
const BLOCKS_MAX: usize = 64;

impl Recent {
    /// Returns a block that was read lately.
    pub(super) fn get(&self, object: u128, block: u64) -> Option<Bytes> {
        let found = self.blocks.iter().find(|(digest, at, _)| (*digest, *at) == (object, block));
        found.map(|(_, _, bytes)| bytes.clone())
    }

    /// Keeps a block in place of the oldest one.
    pub(super) fn keep(&mut self, object: u128, block: u64, bytes: Bytes) {
        self.blocks.retain(|(digest, at, _)| (*digest, *at) != (object, block));
        if self.blocks.len() == BLOCKS_MAX {
            self.blocks.pop_front();
        }
        self.blocks.push_back((object, block, bytes));
    }
}
