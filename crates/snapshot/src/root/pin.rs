use std::collections::BTreeSet;

use alluvium_store::ObjectPath;
use bytes::Bytes;

use crate::{CheckpointName, Error, JobRoot, Result};

impl JobRoot {
    /// Keeps a checkpoint from retention under a name of the caller's.
    ///
    /// # Errors
    /// [`Error::Published`] when the name is in use; faults of the store.
    ///
    /// Spec: COLLECT-1.
    pub async fn pin(&self, name: &str, checkpoint: CheckpointName) -> Result<()> {
        let path = pin_path(name)?;
        let text = checkpoint.path()?.to_string();
        match self.store().create(&path, Bytes::from(text)).await.map_err(|e| Error::store(&path, e)) {
            Err(e) if e.is_conflict() => Err(Error::Published { place: path.to_string() }),
            done => done,
        }
    }

    /// Puts a savepoint elsewhere on the root's list, under a name of the caller's: what sinks have
    /// staged for it is kept as long as it is there.
    ///
    /// # Errors
    /// As for [`JobRoot::pin`].
    ///
    /// Spec: COLLECT-5.
    pub async fn pin_place(&self, name: &str, place: &str) -> Result<()> {
        let path = pin_path(name)?;
        let text = Bytes::from(format!("{PLACE}{place}"));
        match self.store().create(&path, text).await.map_err(|e| Error::store(&path, e)) {
            Err(e) if e.is_conflict() => Err(Error::Published { place: path.to_string() }),
            done => done,
        }
    }

    /// Returns the savepoints elsewhere that are on the root's list, as (name of the pin, place).
    ///
    /// # Errors
    /// Faults of the store.
    pub async fn pinned_places(&self) -> Result<Vec<(String, String)>> {
        let found = self.store().list("pins/").await.map_err(|e| Error::store("listing pins", e))?;
        let mut places = Vec::new();
        for entry in found {
            let bytes = self.store().get(&entry.path).await.map_err(|e| Error::store(&entry.path, e))?;
            if let Some(place) = String::from_utf8_lossy(&bytes).strip_prefix(PLACE) {
                places.push((entry.path.name().to_owned(), place.trim().to_owned()));
            }
        }
        Ok(places)
    }

    /// Gives a pinned checkpoint back to retention; a name that is not in use is no error.
    ///
    /// # Errors
    /// Faults of the store.
    pub async fn unpin(&self, name: &str) -> Result<()> {
        let path = pin_path(name)?;
        self.store().delete(&path).await.map_err(|e| Error::store(&path, e))
    }

    /// Returns the checkpoints that are pinned.
    ///
    /// # Errors
    /// Faults of the store; [`Error::Broken`] for a pin that names no checkpoint.
    pub async fn pinned(&self) -> Result<BTreeSet<CheckpointName>> {
        let found = self.store().list("pins/").await.map_err(|e| Error::store("listing pins", e))?;
        let mut pinned = BTreeSet::new();
        for entry in found {
            let bytes = self.store().get(&entry.path).await.map_err(|e| Error::store(&entry.path, e))?;
            let text = String::from_utf8_lossy(&bytes);
            match CheckpointName::from_path(text.trim()) {
                Some(name) => pinned.extend([name]),
                // Savepoints are never collected.
                None if text.starts_with("savepoints/") || text.starts_with(PLACE) => {}
                None => {
                    let found = text.chars().take(80).collect();
                    return Err(Error::Broken { place: entry.path.to_string(), found, rule: "COLLECT-1" });
                }
            }
        }
        Ok(pinned)
    }
}

fn pin_path(name: &str) -> Result<ObjectPath> {
    crate::objects::object_path(&format!("pins/{}", alluvium_format::name::encode(name)))
}

/// How the pin of a savepoint elsewhere begins.
const PLACE: &str = "place ";
