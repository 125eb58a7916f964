//! From a path to a metadata file.

use super::kind::{checkpoint_number, is_job_id, job_id};
use super::read_metadata;
use crate::files::{Entry, Volume};
use crate::metadata;
use crate::{Error, Result};

/// The name of the metadata file in a directory.
const METADATA: &str = "_metadata";

/// How metadata files are called that lie beside others: externalised checkpoints of 1.3 and 1.4,
/// all of 1.2.
const LOOSE: [&str; 2] = ["checkpoint_metadata-", "savepoint-"];

/// Folders in folders that are looked into: that of a job in a base of checkpoints.
const DEPTH: usize = 1;

/// Returns the metadata file that a path leads to; none when there is no snapshot of Flink.
pub(super) fn metadata_file(volume: &dyn Volume, path: &str) -> Result<Option<String>> {
    // A folder is asked for its metadata first: in a bucket it is no object that could be looked at.
    if let Some(found) = own(volume, path)? {
        return Ok(Some(found));
    }
    if volume.size(path)?.is_some() {
        return Ok(is_metadata(volume, path)?.then(|| path.to_owned()));
    }
    beside(volume, path, DEPTH)
}

/// Returns the metadata file of a folder that is a snapshot.
fn own(volume: &dyn Volume, folder: &str) -> Result<Option<String>> {
    let file = below(folder, METADATA);
    Ok((volume.size(&file)?.is_some() && is_metadata(volume, &file)?).then_some(file))
}

fn in_folder(volume: &dyn Volume, folder: &str, depth: usize) -> Result<Option<String>> {
    match own(volume, folder)? {
        Some(found) => Ok(Some(found)),
        None => beside(volume, folder, depth),
    }
}

/// Looks for snapshots among what a folder holds that is none itself.
fn beside(volume: &dyn Volume, folder: &str, depth: usize) -> Result<Option<String>> {
    let entries = volume.list(folder)?;
    if let Some(found) = newest_checkpoint(volume, folder, &entries)? {
        return Ok(Some(found));
    }
    if let Some(found) = newest_loose(volume, folder, &entries)? {
        return Ok(Some(found));
    }
    if depth == 0 { Ok(None) } else { only_one_below(volume, folder, &entries, depth) }
}

/// Returns the newest complete checkpoint of a job's folder.
fn newest_checkpoint(volume: &dyn Volume, folder: &str, entries: &[Entry]) -> Result<Option<String>> {
    let folders = entries.iter().filter(|entry| entry.is_folder);
    let mut numbered: Vec<(u64, &str)> =
        folders.filter_map(|entry| Some((checkpoint_number(&entry.name)?, entry.name.as_str()))).collect();
    numbered.sort_unstable();
    for (_, name) in numbered.into_iter().rev() {
        let file = below(&below(folder, name), METADATA);
        if volume.size(&file)?.is_some() && is_metadata(volume, &file)? {
            return Ok(Some(file));
        }
    }
    Ok(None)
}

/// Returns the newest of the metadata files that lie in one folder, if all are of one job.
fn newest_loose(volume: &dyn Volume, folder: &str, entries: &[Entry]) -> Result<Option<String>> {
    let mut found = Vec::new();
    for entry in entries.iter().filter(|entry| !entry.is_folder) {
        let file = below(folder, &entry.name);
        if LOOSE.iter().any(|prefix| entry.name.starts_with(prefix)) && is_metadata(volume, &file)? {
            found.push(file);
        }
    }
    if found.len() < 2 {
        return Ok(found.pop());
    }
    let mut newest: Option<(u64, &String)> = None;
    let mut jobs = Vec::new();
    for file in &found {
        let metadata = read_metadata(volume, file)?;
        jobs.push(job_id(&metadata, ""));
        newest = newest.max(Some((metadata.checkpoint_id, file)));
    }
    jobs.dedup();
    match (jobs.as_slice(), newest) {
        ([Some(_)], Some((_, file))) => Ok(Some(file.clone())),
        _ => Err(ambiguous(volume, folder, &found)),
    }
}

/// Looks into the folders of a folder, of which one only may lead to a snapshot; a folder of a job
/// counts before any other.
fn only_one_below(
    volume: &dyn Volume,
    folder: &str,
    entries: &[Entry],
    depth: usize,
) -> Result<Option<String>> {
    let folders = || entries.iter().filter(|entry| entry.is_folder);
    let jobs: Vec<&Entry> = folders().filter(|entry| is_job_id(&entry.name)).collect();
    let others = folders().filter(|entry| !is_job_id(&entry.name)).collect();
    for group in [jobs, others] {
        let mut found = Vec::new();
        for entry in group {
            match in_folder(volume, &below(folder, &entry.name), depth - 1) {
                Ok(file) => found.extend(file),
                // A folder that may not be read is none of the snapshot.
                Err(Error::Store(_)) => {}
                Err(error) => return Err(error),
            }
        }
        if found.len() > 1 {
            return Err(ambiguous(volume, folder, &found));
        }
        if let Some(found) = found.pop() {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

fn ambiguous(volume: &dyn Volume, folder: &str, files: &[String]) -> Error {
    let candidates = files.iter().map(|file| volume.shown(file)).collect();
    Error::Ambiguous { what: volume.shown(folder), candidates }
}

/// Returns whether a file begins as a metadata file.
fn is_metadata(volume: &dyn Volume, file: &str) -> Result<bool> {
    let file = volume.open(file, &volume.shown(file))?;
    Ok(file.len() >= 8 && metadata::is_metadata(&file.read_at(0, 4)?))
}

fn below(folder: &str, name: &str) -> String {
    if folder.is_empty() { name.into() } else { format!("{folder}/{name}") }
}
