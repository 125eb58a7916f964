//! What tests of several crates share.
//!
//! * [`fuzz`]: one function per decoder, for the fuzz targets and for tests on stable
//! * [`mutate`]: seeded damage
//! * [`programs`]: random programs on the runtime, against ordered maps
//! * [`fixtures`]: the golden fixtures, in memory
//! * [`outcome`]: what a command came to
//! * [`allocation`]: an allocator that counts, for bounds on memory
#![deny(missing_docs)]

pub mod allocation;
pub mod fixtures;
pub mod fuzz;
pub mod mutate;
pub mod outcome;
pub mod programs;
