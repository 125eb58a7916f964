//! The nouns of Alluvium and its narrow waist.
//!
//! Everything that touches state meets here in one shape: **a stream of state rows in canonical
//! order** — (key group, key, namespace, entry), bytes compared unsigned, travelling in
//! [`RowBatch`]es. Snapshots of any engine are a [`SnapshotSource`]; jobs are a
//! [`JobDescription`]; states are a [`StateSchema`].
//!
//! This crate does no I/O, starts no thread and reads no clock.
//!
//! * types and values: [`LogicalType`], [`Value`], [`canonical`], [`json`], [`column`]
//! * placement: [`KeyGroup`], [`KeyGroupRange`], [`KeyGroupFunction`]
//! * rows: [`StateSchema`], [`RowBatch`], [`Op`], [`digest`]
//! * where state came from: [`Origin`], [`serializer`]
//! * documents: [`job`], [`document`]
//! * questions: [`SnapshotSource`], [`SnapshotDescription`]
#![deny(missing_docs)]

pub mod big;
pub mod canonical;
pub mod column;
pub mod digest;
pub mod document;
mod error;
pub mod evolution;
pub mod job;
pub mod json;
pub mod key_group;
mod operator;
pub mod origin;
mod row;
mod schema;
pub mod serializer;
pub mod source;
mod spec_rule;
pub mod typed;
pub mod types;
mod value;

pub use error::{Error, ErrorKind, Result};
pub use job::{EngineDescription, JobDescription, OperatorDescription};
pub use key_group::{KeyGroup, KeyGroupFunction, KeyGroupRange, MaxParallelism};
pub use operator::{Finished, OperatorId, OperatorUid};
pub use origin::Origin;
pub use row::{Op, Original, Originals, Row, RowBatch, RowBatchBuilder};
pub use schema::{Role, StateKind, StateSchema, TimeDomain};
pub use source::{RowStream, Scan, SnapshotDescription, SnapshotSource};
pub use spec_rule::is_rule_id;
pub use types::{ElementType, EnumType, Field, LogicalType, StructType, TimeUnit};
pub use value::{Side, Value};
