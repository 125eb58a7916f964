use std::collections::BTreeSet;

use alluvium_format::reach;

use crate::{CheckpointName, Error, JobRoot, Result};

/// What collection leaves.
#[derive(Debug, Clone)]
pub struct Retention {
    /// Number of newest checkpoints to keep, superseded ones not counted; at least 1.
    pub retain: usize,
    /// Unreachable objects that appeared less than this ago are spared, in milliseconds.
    pub grace_ms: i64,
    /// Checkpoints to keep besides, for example those whose sinks have not committed.
    pub keep: BTreeSet<CheckpointName>,
    /// Names of objects that a publication in progress will refer to.
    pub in_progress: BTreeSet<String>,
}

impl Retention {
    /// Keeps that many checkpoints, with a grace period of ten minutes.
    pub fn of(retain: usize) -> Self {
        Retention { retain, grace_ms: 600_000, keep: BTreeSet::new(), in_progress: BTreeSet::new() }
    }
}

/// What collection removed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Collected {
    /// Checkpoints that retention dropped.
    pub checkpoints: Vec<CheckpointName>,
    /// Objects that no manifest reaches.
    pub objects: u64,
    /// Bytes of those objects.
    pub bytes: u64,
}

impl JobRoot {
    /// Drops checkpoints beyond the retention and deletes objects that no manifest reaches.
    ///
    /// Objects are listed before manifests are read, so that one written meanwhile is no
    /// candidate. A manifest that cannot be read stops collection before anything is deleted.
    ///
    /// # Errors
    /// [`Error::Fenced`] when a newer attempt has claimed the job; unreadable manifests; faults of
    /// the store.
    ///
    /// Spec: COLLECT-1 to COLLECT-3.
    pub async fn collect(&self, attempt: u64, retention: &Retention) -> Result<Collected> {
        let now_ms = self.env.clock.now_ms();
        let candidates =
            self.store().list("objects/").await.map_err(|e| Error::store("listing objects", e))?;
        let (kept, dropped) = self.divide(retention).await?;
        let reached = self.reached(&kept).await?;
        self.check_claim(attempt).await?;
        let mut collected = Collected::default();
        for name in dropped {
            self.delete(name.path()?.as_str()).await?;
            collected.checkpoints.push(name);
        }
        for entry in candidates {
            let name = entry.path.as_str();
            let young = entry.modified_ms.saturating_add(retention.grace_ms) > now_ms;
            if young || reached.contains(name) || retention.in_progress.contains(name) {
                continue;
            }
            self.delete(name).await?;
            collected.objects += 1;
            collected.bytes += entry.size;
        }
        let before_ms = now_ms.saturating_sub(retention.grace_ms);
        self.store().sweep(before_ms).await.map_err(|e| Error::store("sweeping", e))?;
        Ok(collected)
    }

    /// Returns the checkpoints to keep and those to drop.
    async fn divide(&self, retention: &Retention) -> Result<(Vec<CheckpointName>, Vec<CheckpointName>)> {
        let pinned = self.pinned().await?;
        let mut left = retention.retain.max(1);
        let (mut kept, mut dropped) = (Vec::new(), Vec::new());
        for entry in self.checkpoints().await?.iter().rev() {
            let newest = !entry.superseded && left > 0;
            left -= usize::from(newest);
            let keep = newest || pinned.contains(&entry.name) || retention.keep.contains(&entry.name);
            if keep { &mut kept } else { &mut dropped }.push(entry.name);
        }
        dropped.reverse();
        Ok((kept, dropped))
    }

    /// Returns the names of the objects of this root that the given checkpoints reach.
    async fn reached(&self, kept: &[CheckpointName]) -> Result<BTreeSet<String>> {
        let mut reached = BTreeSet::new();
        for name in kept {
            let manifest = self.manifest(*name).await?;
            let own = reach::objects(&manifest).into_iter().filter(|object| object.root == 0);
            reached.extend(own.map(|object| object.name));
        }
        Ok(reached)
    }

    async fn delete(&self, name: &str) -> Result<()> {
        let path = crate::objects::object_path(name)?;
        self.store().delete(&path).await.map_err(|e| Error::store(path, e))
    }
}
