//! The two-level digest of an object: xxh3-64 of each 64 KiB block, xxh3-128 over their list.
//!
//! Ranged reads check every block that they touch without seeing the rest of the object.
//!
//! ```
//! use alluvium_format::digest::{BlockDigester, block_digests, object_digest};
//!
//! let bytes = vec![7; 100_000];
//! let mut streamed = BlockDigester::default();
//! bytes.chunks(999).for_each(|chunk| streamed.update(chunk));
//! let (size, blocks) = streamed.finish();
//! assert_eq!((size, blocks.len()), (100_000, 2));
//! assert_eq!(object_digest(&blocks), object_digest(&block_digests(&bytes)));
//! ```
//!
//! Spec: DIGEST-1 to DIGEST-4.

use xxhash_rust::xxh3::{Xxh3Default, xxh3_64, xxh3_128};

/// Bytes of a block; the last one of an object may be shorter.
pub const BLOCK: usize = 65_536;

/// Returns the digest of every block of an object.
pub fn block_digests(object: &[u8]) -> Vec<u64> {
    object.chunks(BLOCK).map(xxh3_64).collect()
}

/// Returns the digest of an object from those of its blocks: xxh3-128 over them in order, each in
/// 8 bytes little-endian.
pub fn object_digest(blocks: &[u64]) -> u128 {
    xxh3_128(&list_bytes(blocks))
}

/// Returns the stored form of a list of block digests.
pub fn list_bytes(blocks: &[u64]) -> Vec<u8> {
    blocks.iter().flat_map(|block| block.to_le_bytes()).collect()
}

/// Reads the stored form of a list of block digests; `None` when the length is no multiple of 8.
pub fn list_from_bytes(bytes: &[u8]) -> Option<Vec<u64>> {
    let (blocks, rest) = bytes.as_chunks::<8>();
    rest.is_empty().then(|| blocks.iter().map(|block| u64::from_le_bytes(*block)).collect())
}

/// Computes block digests of an object whose bytes come piece by piece.
#[derive(Default)]
pub struct BlockDigester {
    hasher: Xxh3Default,
    in_block: usize,
    size: u64,
    blocks: Vec<u64>,
}

impl BlockDigester {
    /// Adds the next bytes.
    pub fn update(&mut self, mut bytes: &[u8]) {
        self.size += bytes.len() as u64;
        while let Some((now, later)) = bytes.split_at_checked(BLOCK - self.in_block) {
            self.hasher.update(now);
            self.end_block();
            bytes = later;
        }
        self.hasher.update(bytes);
        self.in_block += bytes.len();
    }

    fn end_block(&mut self) {
        self.blocks.push(self.hasher.digest());
        self.hasher.reset();
        self.in_block = 0;
    }

    /// Returns the size of the object and the digests of its blocks.
    pub fn finish(mut self) -> (u64, Vec<u64>) {
        if self.in_block > 0 {
            self.end_block();
        }
        (self.size, self.blocks)
    }
}

#[cfg(test)]
mod tests {
    use alluvium_model::spec;

    use super::*;

    #[test]
    fn streamed_digests_are_those_of_the_whole() {
        spec!("DIGEST-1", "DIGEST-2");
        for size in [0, 1, BLOCK - 1, BLOCK, BLOCK + 1, 3 * BLOCK] {
            let bytes: Vec<u8> = (0..size).map(|i| (i * 7 % 251) as u8).collect();
            for piece in [1, 1000, BLOCK, BLOCK + 3] {
                let mut digester = BlockDigester::default();
                bytes.chunks(piece).for_each(|chunk| digester.update(chunk));
                assert_eq!(digester.finish(), (size as u64, block_digests(&bytes)));
            }
        }
    }

    #[test]
    fn digests_are_those_of_the_specification() {
        spec!("DIGEST-1", "DIGEST-2");
        assert!(block_digests(b"").is_empty());
        assert_eq!(object_digest(&[]), 0x99AA_06D3_0147_98D8_6001_C324_468D_497F);
        let object: Vec<u8> = (0..100_000).map(|i| (i % 251) as u8).collect();
        let blocks = block_digests(&object);
        assert_eq!(blocks.len(), 2);
        assert_eq!(object_digest(&blocks), 0x1A56_4336_E077_2A3B_64F0_BAD6_2459_CCC0);
    }

    #[test]
    fn lists_read_back_and_odd_lengths_are_refused() {
        spec!("DIGEST-3");
        assert_eq!(list_from_bytes(&list_bytes(&[1, u64::MAX])), Some(vec![1, u64::MAX]));
        assert_eq!(list_from_bytes(&[0; 9]), None);
    }
}
