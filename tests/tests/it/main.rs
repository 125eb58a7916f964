//! Journeys across crates.

mod flips;
mod mutations;

use alluvium_testkit::allocation::Counting;

#[global_allocator]
static ALLOCATOR: Counting = Counting;
