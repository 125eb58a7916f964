//! Journeys across crates.

mod corpus;
mod flink;
mod flink_damage;
mod flips;
mod gate;
mod gate_own;
mod journeys;
mod kills;
mod memory;
mod model;
mod mutations;
mod process;
mod rules;
mod verdicts;
mod zombie;

use alluvium_testkit::allocation::Counting;

#[global_allocator]
static ALLOCATOR: Counting = Counting;
