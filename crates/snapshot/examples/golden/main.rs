//! Writes the valid golden fixtures: `cargo run --release -p alluvium-snapshot --example golden -- DIR`.
//!
//! Each case is a snapshot and an `expected.json` with its live rows, made from the rows that were
//! put in and, for stacked cases, written down by hand: never read back from the files.

mod deltas;
mod foreign;
mod rows;
mod savepoint;
mod special;
mod stack;
mod tables;

use std::error::Error;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use alluvium_env::Env;
use alluvium_model::{
    ElementType, KeyGroup, KeyGroupFunction, KeyGroupRange, LogicalType, MaxParallelism, Op, OperatorUid,
    Role, Row, RowBatch, RowBatchBuilder, StateKind, StateSchema, TimeDomain, Value,
    evolution::assign_field_ids, types,
};
use alluvium_snapshot::format::{
    Blocks, JobRef, Manifest, ObjectRef, OperatorEntry, Place, Profile, RunRef, TableEntry, digest, encode,
    encode_schemas,
};
use alluvium_snapshot::{OperatorSpec, RunSpec, SnapshotWriter};
use alluvium_store::{LocalStore, Store, block_on};
use alluvium_table::{RunOptions, RunWriter};
use serde_json::{Map, Value as Json, json};

use deltas::{list_deltas, map_deltas, ttl_deltas};
use rows::*;
use savepoint::{live, savepoint, write_expected};
use special::{clipped, evolved, operator_state, timer_deltas};
use stack::{Part, Stack, part, stacked};
use tables::savepoints;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// A table and its rows.
type Table = (Arc<StateSchema>, Vec<Row>);

const GROUPS: u32 = 8;

fn main() -> Result<()> {
    let folder = std::env::args().nth(1).ok_or("usage: golden DIR")?;
    let folder = Path::new(&folder);
    for (name, tables) in savepoints() {
        savepoint(&folder.join(name), tables, false)?;
    }
    for (name, tables, with_origin) in foreign::cases() {
        savepoint(&folder.join(name), tables, with_origin)?;
    }
    stacked(&folder.join("checkpoint-map"), map_deltas())?;
    stacked(&folder.join("checkpoint-list"), list_deltas())?;
    stacked(&folder.join("checkpoint-ttl"), ttl_deltas())?;
    stacked(&folder.join("checkpoint-clips"), clipped())?;
    stacked(&folder.join("checkpoint-evolution"), evolved())?;
    stacked(&folder.join("checkpoint-timers"), timer_deltas())?;
    stacked(&folder.join("checkpoint-operator-state"), operator_state())?;
    Ok(())
}
