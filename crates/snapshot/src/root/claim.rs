use alluvium_store::ObjectPath;
use bytes::Bytes;
use serde_json::{Value as Json, json};

use crate::{CheckpointName, Error, JobRoot, Result};

/// A claim to run a job: whoever holds the highest one may commit.
///
/// Spec: FENCE-1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attempt {
    /// Its number, from 1.
    pub number: u64,
    /// The newest complete checkpoint when it started: the one to restore.
    pub start: Option<CheckpointName>,
    /// The first checkpoint id that no checkpoint of the root has reached.
    pub next_checkpoint_id: u64,
}

impl JobRoot {
    /// Claims the job: takes the next attempt number, then lists the checkpoints, then records
    /// where the attempt starts. Checkpoints that an older attempt publishes later are superseded.
    ///
    /// # Errors
    /// Faults of the store. A claim that failed half way supersedes nothing; the next one goes
    /// above it.
    ///
    /// Spec: FENCE-1, FENCE-2.
    pub async fn claim(&self) -> Result<Attempt> {
        let number = self.take_number().await?;
        let entries = self.checkpoints().await?;
        let start = entries.iter().rev().find(|entry| !entry.superseded).map(|entry| entry.name);
        let highest = entries.iter().map(|entry| entry.name.checkpoint_id).max().unwrap_or(0);
        let path = attempt_path(&format!("{number}.start"))?;
        let after = start.map(|start| [start.attempt, start.checkpoint_id]);
        let text = json!({ "after": after }).to_string();
        self.store().create(&path, Bytes::from(text)).await.map_err(|e| Error::store(&path, e))?;
        Ok(Attempt { number, start, next_checkpoint_id: highest.saturating_add(1) })
    }

    async fn take_number(&self) -> Result<u64> {
        loop {
            let number = self.newest_claim().await?.unwrap_or(0).saturating_add(1);
            let path = attempt_path(&number.to_string())?;
            match self.store().create(&path, Bytes::new()).await.map_err(|e| Error::store(&path, e)) {
                Ok(()) => return Ok(number),
                Err(e) if e.is_conflict() => {}
                Err(e) => return Err(e),
            }
        }
    }

    /// Returns the highest attempt that ever claimed the job.
    ///
    /// # Errors
    /// Faults of the store.
    pub async fn newest_claim(&self) -> Result<Option<u64>> {
        let found = self.store().list("attempts/").await.map_err(|e| Error::store("listing attempts", e))?;
        Ok(found.iter().filter_map(|entry| attempt_number(entry.path.name())).max())
    }

    /// Checks that no newer attempt has claimed the job.
    ///
    /// # Errors
    /// [`Error::Fenced`]; faults of the store.
    ///
    /// Spec: FENCE-4.
    pub async fn check_claim(&self, attempt: u64) -> Result<()> {
        match self.newest_claim().await? {
            Some(newer) if newer > attempt => Err(Error::Fenced { attempt, newer }),
            _ => Ok(()),
        }
    }

    /// Returns where each attempt that got so far started.
    pub(super) async fn starts(&self) -> Result<Vec<(u64, CheckpointName)>> {
        let found = self.store().list("attempts/").await.map_err(|e| Error::store("listing attempts", e))?;
        let mut starts = Vec::new();
        for entry in found {
            let Some(number) = entry.path.name().strip_suffix(".start").and_then(attempt_number) else {
                continue;
            };
            let bytes = self.store().get(&entry.path).await.map_err(|e| Error::store(&entry.path, e))?;
            starts.push((number, parse_start(&entry.path, &bytes)?));
        }
        Ok(starts)
    }
}

fn attempt_path(name: &str) -> Result<ObjectPath> {
    crate::objects::object_path(&format!("attempts/{name}"))
}

fn attempt_number(name: &str) -> Option<u64> {
    let number: u64 = name.parse().ok()?;
    (number > 0 && number.to_string() == name).then_some(number)
}

fn parse_start(path: &ObjectPath, bytes: &[u8]) -> Result<CheckpointName> {
    let broken = || Error::Broken {
        place: path.to_string(),
        found: String::from_utf8_lossy(bytes).chars().take(80).collect(),
        rule: "FENCE-2",
    };
    let json: Json = serde_json::from_slice(bytes).map_err(|_| broken())?;
    match json.get("after").ok_or_else(broken)? {
        Json::Null => Ok(CheckpointName::default()),
        Json::Array(numbers) => match numbers.iter().map(Json::as_u64).collect::<Vec<_>>().as_slice() {
            [Some(attempt), Some(checkpoint_id)] => {
                Ok(CheckpointName { attempt: *attempt, checkpoint_id: *checkpoint_id })
            }
            _ => Err(broken()),
        },
        _ => Err(broken()),
    }
}
