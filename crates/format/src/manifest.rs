use std::sync::Arc;

use alluvium_model::digest::TableDigest;
use alluvium_model::{KeyGroupFunction, OperatorId, OperatorUid, StateSchema};

use crate::{ObjectRef, RunRef};

/// Everything that one snapshot holds, by reference.
///
/// Spec: MAN-1.
#[derive(Debug, Clone, PartialEq)]
pub struct Manifest {
    /// Savepoint or checkpoint.
    pub profile: Profile,
    /// The job whose state this is.
    pub job: JobRef,
    /// Attempt that wrote it, from 1; 0 for one that no attempt wrote.
    pub attempt: u64,
    /// Checkpoint id, ascending over all attempts of a job.
    pub checkpoint_id: u64,
    /// When it was made, in milliseconds since 1970.
    pub created_ms: i64,
    /// The time by which its state has expired, in milliseconds since 1970; none where nothing has.
    pub as_of_ms: Option<i64>,
    /// Features without which it must not be read, ascending.
    pub features: Vec<String>,
    /// Where object names start; entry 0 is the manifest's own.
    pub roots: Vec<Root>,
    /// The job's description as an object of JSON.
    pub job_description: Option<ObjectRef>,
    /// Schemas; the schema id is the index.
    pub schemas: Vec<Arc<StateSchema>>,
    /// The object that holds the schemas where they are not in the manifest itself.
    ///
    /// After [`decode`](crate::decode) of such a manifest `schemas` is empty until
    /// [`supply_schemas`](crate::supply_schemas) is called.
    pub schemas_object: Option<ObjectRef>,
    /// What another engine said of the states, as an object of JSON.
    pub origin: Option<ObjectRef>,
    /// Operators with state, and those without that had a place in the job.
    pub operators: Vec<OperatorEntry>,
    /// Objects of aborted checkpoints that a later one may still refer to.
    pub aborted: Vec<ObjectRef>,
}

/// The two profiles of a manifest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Profile {
    /// Asked for by a person and owned by them: self-contained.
    Savepoint {
        /// Whether every table is base runs in files of its own; otherwise the layout is `stacked`.
        compacted: bool,
    },
    /// Periodic, owned by the runtime; may borrow and stack.
    Checkpoint,
}

/// A job by id and name.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct JobRef {
    /// Id given when the job was first started.
    pub id: String,
    /// Name given by its author.
    pub name: String,
}

/// A place from which object names are relative.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Root {
    /// Whether it is the one that the manifest lies in.
    pub own: bool,
    /// Where it is; none for the own one.
    pub uri: Option<String>,
}

impl Root {
    /// Returns the root that a manifest lies in.
    pub fn own() -> Self {
        Root { own: true, uri: None }
    }

    /// Returns a claimed root elsewhere.
    pub fn claimed(uri: impl Into<String>) -> Self {
        Root { own: false, uri: Some(uri.into()) }
    }
}

/// An operator and its tables.
#[derive(Debug, Clone, PartialEq)]
pub struct OperatorEntry {
    /// Its id.
    pub id: OperatorId,
    /// Its uid, where known.
    pub uid: Option<OperatorUid>,
    /// Its display name, where known.
    pub name: Option<String>,
    /// Number of subtasks.
    pub parallelism: u32,
    /// Number of key groups.
    pub max_parallelism: u32,
    /// How its keys are placed.
    pub key_group_function: KeyGroupFunction,
    /// Largest sequence ever given by a subtask of it; 0 before the first.
    pub sequence_max: u32,
    /// Its tables.
    pub tables: Vec<TableEntry>,
}

/// A state table: its schema and its runs.
#[derive(Debug, Clone, PartialEq)]
pub struct TableEntry {
    /// Index of the newest schema in [`Manifest::schemas`].
    pub schema_id: u32,
    /// Runs in any order; [`crate::runs`] orders them.
    pub runs: Vec<RunRef>,
    /// Canonical digests of the live rows.
    pub digest: Option<TableDigest>,
    /// Lines that `cat` prints, where counted.
    pub entries: Option<u64>,
}

impl Manifest {
    /// Starts an empty manifest of a profile, with its own root.
    pub fn new(profile: Profile, job: JobRef) -> Self {
        Manifest {
            profile,
            job,
            attempt: 0,
            checkpoint_id: 0,
            created_ms: 0,
            as_of_ms: None,
            features: Vec::new(),
            roots: vec![Root::own()],
            job_description: None,
            schemas: Vec::new(),
            schemas_object: None,
            origin: None,
            operators: Vec::new(),
            aborted: Vec::new(),
        }
    }

    /// Returns the schema of an id.
    pub fn schema(&self, id: u32) -> Option<&Arc<StateSchema>> {
        self.schemas.get(usize::try_from(id).ok()?)
    }

    /// Returns the id of a schema, adding it if it is new.
    pub fn intern_schema(&mut self, schema: &Arc<StateSchema>) -> u32 {
        let found = self.schemas.iter().position(|s| Arc::ptr_eq(s, schema) || s == schema);
        let id = found.unwrap_or_else(|| {
            self.schemas.push(Arc::clone(schema));
            self.schemas.len() - 1
        });
        u32::try_from(id).unwrap_or(u32::MAX)
    }

    /// Returns the operator of an id.
    pub fn operator(&self, id: OperatorId) -> Option<&OperatorEntry> {
        self.operators.iter().find(|operator| operator.id == id)
    }

    /// Returns whether some object lies outside its own root, so that it cannot be moved.
    pub fn is_borrowing(&self) -> bool {
        crate::reach::objects(self).iter().any(|object| object.root != 0)
    }
}

impl OperatorEntry {
    /// Returns how to call the operator: its uid, else its id.
    pub fn label(&self) -> String {
        self.uid.as_ref().map_or_else(|| self.id.to_string(), OperatorUid::to_string)
    }
}
