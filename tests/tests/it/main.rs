//! Journeys across crates.

mod flips;
mod model;
mod mutations;
mod rules;

use alluvium_testkit::allocation::Counting;

#[global_allocator]
static ALLOCATOR: Counting = Counting;
