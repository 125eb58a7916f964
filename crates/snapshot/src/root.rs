mod claim;
mod collect;
mod name;
mod pin;
mod publish;

use std::sync::Arc;

use alluvium_env::Env;
use alluvium_format::decode;
use alluvium_store::{ObjectPath, Store};

pub use claim::Attempt;
pub use collect::{Collected, Retention};
pub use name::CheckpointName;
pub use publish::Published;
pub(crate) use publish::write_manifest;

use crate::{Error, Result, Snapshot};

/// The root of a job: where its objects, checkpoints and claims lie.
///
/// **Owns** the layout, claims and fencing, publication, pins and collection. **Does not own**
/// which run belongs to which checkpoint, and savepoints, which belong to people.
///
/// ```text
/// objects/<32 hex digits>                              data, and lists of block digests
/// checkpoints/<attempt, 8>-<checkpoint id, 10>.manifest
/// attempts/<n>            claimed                      attempts/<n>.start   where it starts
/// pins/<name>             the path of a manifest that retention must leave
/// savepoints/<name>/                                   by default
/// ```
///
/// Spec: ROOT-1, FENCE-1 to FENCE-5, PUB-1 to PUB-4, COLLECT-1 to COLLECT-3.
#[derive(Debug, Clone)]
pub struct JobRoot {
    store: Arc<dyn Store>,
    env: Env,
}

/// A checkpoint that lies in a root.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckpointEntry {
    /// Its attempt and id.
    pub name: CheckpointName,
    /// Bytes of its manifest.
    pub manifest_bytes: u64,
    /// When it appeared, by the clock of the store.
    pub modified_ms: i64,
    /// Whether a newer attempt started below it: not the latest, not restored unless named.
    pub superseded: bool,
}

impl JobRoot {
    /// Wraps the store of a root; nothing is read or written.
    pub fn new(store: Arc<dyn Store>, env: Env) -> Self {
        JobRoot { store, env }
    }

    /// Returns the store.
    pub fn store(&self) -> &Arc<dyn Store> {
        &self.store
    }

    /// Returns the checkpoints, ascending by (attempt, id). Two listings and one small read for
    /// each attempt.
    ///
    /// # Errors
    /// Faults of the store; [`Error::Broken`] for a start record that cannot be read.
    ///
    /// Spec: FENCE-3.
    pub async fn checkpoints(&self) -> Result<Vec<CheckpointEntry>> {
        let found =
            self.store.list("checkpoints/").await.map_err(|e| Error::store("listing checkpoints", e))?;
        let starts = self.starts().await?;
        let entry = |entry: alluvium_store::Entry| {
            let name = CheckpointName::from_path(entry.path.as_str())?;
            let superseded = starts.iter().any(|(attempt, start)| *attempt > name.attempt && name > *start);
            Some(CheckpointEntry {
                name,
                manifest_bytes: entry.size,
                modified_ms: entry.modified_ms,
                superseded,
            })
        };
        let mut entries: Vec<_> = found.into_iter().filter_map(entry).collect();
        entries.sort_by_key(|entry| entry.name);
        Ok(entries)
    }

    /// Returns the newest complete checkpoint that is not superseded.
    ///
    /// # Errors
    /// As for [`JobRoot::checkpoints`].
    pub async fn latest(&self) -> Result<Option<CheckpointName>> {
        let entries = self.checkpoints().await?;
        Ok(entries.iter().rev().find(|entry| !entry.superseded).map(|entry| entry.name))
    }

    /// Returns whether a newer attempt started below a checkpoint.
    ///
    /// # Errors
    /// As for [`JobRoot::checkpoints`].
    pub async fn is_superseded(&self, name: CheckpointName) -> Result<bool> {
        let starts = self.starts().await?;
        Ok(starts.iter().any(|(attempt, start)| *attempt > name.attempt && name > *start))
    }

    /// Opens a checkpoint of this root.
    ///
    /// # Errors
    /// As for [`Snapshot::open`].
    pub async fn open(&self, name: CheckpointName) -> Result<Snapshot> {
        Snapshot::open(Arc::clone(&self.store), &name.path()?).await
    }

    /// Returns where a savepoint of that name lies by default.
    ///
    /// # Errors
    /// For a name that is no single segment of a path.
    pub fn savepoint_path(&self, name: &str) -> Result<ObjectPath> {
        crate::objects::object_path(&format!("savepoints/{}", alluvium_format::name::encode(name)))
    }

    async fn manifest(&self, name: CheckpointName) -> Result<alluvium_format::Manifest> {
        let path = name.path()?;
        let bytes = self.store.get(&path).await.map_err(|e| Error::store(&path, e))?;
        decode(&bytes, crate::snapshot::MANIFEST_BUDGET).map_err(|e| Error::manifest(&path, e))
    }
}
