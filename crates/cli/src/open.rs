//! Opening what `SNAP` names.

use alluvium::failure::Told;
use alluvium_model::{ErrorKind, SnapshotSource};
use anyhow::{Context, Result};

use crate::running::Running;

/// Opens a snapshot: a directory, a manifest, the root of a job for its newest complete
/// checkpoint, or `latest` for that of the only running job.
pub(crate) fn snapshot(location: &str) -> Result<Box<dyn SnapshotSource>> {
    let location = resolve(location)?;
    alluvium_snapshot::open_location(&location)
        .map_err(anyhow::Error::new)
        .with_context(|| Told::doing(format!("cannot open snapshot {location}")).next(next(&location)))
}

/// Returns the place that `SNAP` names, without opening it.
pub(crate) fn resolve(location: &str) -> Result<String> {
    if location == "latest" {
        let target = Running { running: None, rest: None }.find()?;
        return newest_of(&target);
    }
    if location.is_empty() {
        return Err(Told::new(ErrorKind::Input, "the path of the snapshot is empty").into());
    }
    let location = location.strip_prefix("file://").unwrap_or(location);
    if let Some((scheme, _)) = location.split_once("://") {
        let told = Told::new(ErrorKind::Unsupported, format!("snapshots at {scheme}:// cannot be read yet"));
        return Err(told.next("copy it to a local directory").into());
    }
    Ok(location.to_owned())
}

fn newest_of(target: &crate::running::Target) -> Result<String> {
    let answer = target.client.get(&format!("/jobs/{}/checkpoints", target.id))?;
    match crate::rest::text(&answer, "/latest/completed/external_path") {
        "" => Err(Told::new(ErrorKind::Missing, "the running job has no complete checkpoint yet").into()),
        path => Ok(path.to_owned()),
    }
}

/// What to try when a place does not open as a snapshot.
fn next(location: &str) -> String {
    let path = std::path::Path::new(location);
    let mut near = path;
    while !near.exists() {
        match near.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => near = parent,
            _ => return "`alluvium ls` lists the snapshots below this directory".into(),
        }
    }
    format!("`alluvium ls {}` lists the snapshots there", near.display())
}
