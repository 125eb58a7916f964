//! Opening what `SNAP` names: ours or Flink's, recognised by content.

mod bucket;
mod flink;

use std::path::PathBuf;
use std::sync::Arc;

use alluvium::failure::Told;
use alluvium_model::{ErrorKind, SnapshotSource};
use alluvium_snapshot::Snapshot;
use anyhow::{Context, Result};

use crate::running::Running;

/// How snapshots of Flink are opened; snapshots of ours need none of it.
#[derive(Debug, Clone, Default, clap::Args)]
#[command(next_help_heading = "Flink snapshots")]
pub(crate) struct Options {
    /// Read the files that a snapshot records under OLD from NEW: s3://bucket/cp=/backup/cp. May be
    /// repeated; the first that fits counts.
    #[arg(long, value_name = "OLD=NEW", value_parser = remap)]
    pub(crate) remap: Vec<(String, String)>,
    /// Name operators of which a snapshot holds only the hash of their uid: a file with one uid a
    /// line, or a directory of sources, whose text literals are tried. May be repeated.
    #[arg(long, value_name = "FILE|DIR")]
    pub(crate) uids: Vec<PathBuf>,
}

fn remap(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((old, new)) if !old.is_empty() && !new.is_empty() => Ok((old.to_owned(), new.to_owned())),
        _ => Err("of the form OLD=NEW: where files were, and where they are now".into()),
    }
}

/// A snapshot of either engine.
pub(crate) enum Opened {
    /// One of ours.
    Ours(Box<Snapshot>),
    /// One of Flink.
    Flink(Box<dyn SnapshotSource>),
}

impl Opened {
    /// Returns it as what every question goes to.
    pub(crate) fn into_source(self) -> Box<dyn SnapshotSource> {
        match self {
            Opened::Ours(snapshot) => snapshot,
            Opened::Flink(snapshot) => snapshot,
        }
    }
}

/// Opens a snapshot: a directory, a manifest or `_metadata` file, the root of a job for its newest
/// complete checkpoint, or `latest` for that of the only running job.
pub(crate) fn snapshot(location: &str, options: &Options) -> Result<Box<dyn SnapshotSource>> {
    open(location, options).map(Opened::into_source)
}

/// As [`snapshot`], telling whose it is.
pub(crate) fn open(location: &str, options: &Options) -> Result<Opened> {
    if alluvium_store_cloud::is_cloud(location) {
        return open_in_bucket(location, options)
            .with_context(|| Told::doing(format!("cannot open snapshot {location}")).next(ENVIRONMENT));
    }
    let location = resolve(location)?;
    let doing = || Told::doing(format!("cannot open snapshot {location}"));
    let not_ours = match alluvium_snapshot::locate(&location).and_then(|found| found.open()) {
        Ok(snapshot) => return Ok(Opened::Ours(Box::new(snapshot))),
        Err(error) if error.is_unrecognised() => error,
        Err(error) => return Err(error).with_context(|| doing().next(next(&location))),
    };
    match flink::open(&location, options).with_context(doing)? {
        Some(snapshot) => Ok(Opened::Flink(snapshot)),
        None => {
            let neither = "neither ours nor Flink's, which has a file _metadata or folders chk-<n>";
            Err(not_ours).context(neither).with_context(|| doing().next(next(&location)))
        }
    }
}

fn open_in_bucket(location: &str, options: &Options) -> Result<Opened> {
    if let Some(snapshot) = bucket::ours(location)? {
        return Ok(Opened::Ours(Box::new(snapshot)));
    }
    match flink::open_on(Arc::new(bucket::volume(location)?), location, options)? {
        Some(snapshot) => Ok(Opened::Flink(snapshot)),
        None => {
            let neither =
                "no snapshot there: neither savepoint.manifest or checkpoints/ nor _metadata or chk-<n>/";
            Err(Told::new(ErrorKind::Missing, neither).into())
        }
    }
}

const ENVIRONMENT: &str = "AWS_ENDPOINT_URL, AWS_REGION, AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY say where buckets are and who asks";

/// Returns the place that `SNAP` names, without opening it.
pub(crate) fn resolve(location: &str) -> Result<String> {
    if location == "latest" {
        let target = Running { running: None, rest: None }.find()?;
        return newest_of(&target);
    }
    if location.is_empty() {
        return Err(Told::new(ErrorKind::Input, "the path of the snapshot is empty").into());
    }
    if let Some(path) = local(location) {
        return Ok(path.to_owned());
    }
    match location.split_once("://") {
        Some((scheme, _)) => {
            let told = format!("{scheme}:// is no place that can be used here");
            Err(Told::new(ErrorKind::Unsupported, told).next("copy it to a local directory").into())
        }
        None => Ok(location.to_owned()),
    }
}

/// Returns the path of a `file:` URI in any of its forms: `file:/a`, `file:///a`.
fn local(location: &str) -> Option<&str> {
    let rest = location.strip_prefix("file:")?;
    match rest.strip_prefix("//") {
        Some(path) => {
            Some(path.strip_prefix("localhost").filter(|path| path.starts_with('/')).unwrap_or(path))
        }
        None => Some(rest),
    }
}

pub(crate) fn newest_of(target: &crate::running::Target) -> Result<String> {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_named_by_path_or_uri() {
        for (location, path) in [
            ("data/sp", "data/sp"),
            ("file:/data/sp", "/data/sp"),
            ("file:///data/sp", "/data/sp"),
            ("file://localhost/data/sp", "/data/sp"),
        ] {
            assert_eq!(resolve(location).unwrap(), path, "{location}");
        }
        assert!(resolve("gs://bucket/sp").is_err() && resolve("").is_err());
    }

    #[test]
    fn a_remap_has_two_sides() {
        assert_eq!(remap("s3://b/cp=/data"), Ok(("s3://b/cp".into(), "/data".into())));
        assert!(remap("/data").is_err() && remap("=/data").is_err() && remap("/data=").is_err());
    }
}
