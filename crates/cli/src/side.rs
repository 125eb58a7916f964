//! A side of `check`: what wrote state, or what is to read it, opened from wherever it lies.
//!
//! | place | what it is |
//! |---|---|
//! | a directory, a manifest, `_metadata`, `s3://…` | a snapshot, ours or Flink's |
//! | a file, `-`, `http(s)://…` | a document: job description, lock file, descriptor, compiled SQL plan |
//! | `git:REV[:FILE]` | a document as git keeps it; `alluvium.lock.toml` unless a file is named |
//! | `rest:URL[/JOB]` | the newest checkpoint of a running job, ours or Flink's |
//!
//! A document is JSON, TOML or YAML. Nothing is ever run.

mod document;
mod git;
mod plan;
mod running;
mod url;

use std::io::Read;
use std::path::Path;

use alluvium::failure::Told;
use alluvium_model::{ErrorKind, JobDescription, SnapshotSource};
use anyhow::{Context, Result};

use crate::open::Options;

/// Name of the lock file.
pub(crate) const LOCK_FILE: &str = "alluvium.lock.toml";

/// One side, opened.
pub(crate) enum Side {
    /// What says which states there are, and holds no data.
    Job(Box<JobDescription>),
    /// A snapshot.
    Snapshot(Box<dyn SnapshotSource>),
}

impl Side {
    /// Returns what the side says of its job.
    pub(crate) fn job(self) -> JobDescription {
        match self {
            Side::Job(job) => *job,
            Side::Snapshot(source) => JobDescription::of_snapshot(source.describe()),
        }
    }
}

/// Opens the side that a place names.
///
/// A side that cannot be opened is an error, never an empty side.
pub(crate) fn open(place: &str, options: &Options) -> Result<Side> {
    if let Some(rest) = place.strip_prefix("git:") {
        let (file, text) = git::show(rest)?;
        return job(place, &file, text);
    }
    if let Some(rest) = place.strip_prefix("rest:") {
        return running::newest(rest, options).map(Side::Snapshot);
    }
    if place.starts_with("http://") || place.starts_with("https://") {
        return job(place, place, url::fetch(place)?);
    }
    if place == "-" {
        let text = read("standard input", std::io::stdin(), 0)?;
        return job("standard input", "", text);
    }
    let path = Path::new(place);
    if !path.is_file() {
        return crate::open::snapshot(place, options).map(Side::Snapshot);
    }
    let file = std::fs::File::open(path).with_context(|| Told::doing(format!("cannot read {place}")))?;
    let bytes = file.metadata().map_or(0, |found| found.len().min(DOCUMENT_BYTES));
    let text = read(place, file, bytes as usize)?;
    match document::kind(place, &text) {
        document::Kind::Program => {
            Err(Told::new(ErrorKind::Input, format!("{place} is a program; check never runs one"))
                .next(format!("alluvium describe {place} > job.json, and check job.json"))
                .into())
        }
        document::Kind::Jar => {
            Err(Told::new(ErrorKind::Input, format!("{place} is a jar; check never runs one"))
                .next(format!("alluvium describe --flink DIR {place} > job.json, and check job.json"))
                .into())
        }
        document::Kind::Document(_) => job(place, place, text),
        document::Kind::Other => crate::open::snapshot(place, options).map(Side::Snapshot),
    }
}

/// Reads a document; `name` tells its syntax where its first bytes do not.
fn job(place: &str, name: &str, text: Vec<u8>) -> Result<Side> {
    let job = document::read(place, name, &text)?;
    Ok(Side::Job(Box::new(job)))
}

/// Reads a document, of about so many bytes, to its end, or as much of it as shows that it is too long.
fn read(place: &str, input: impl Read, bytes: usize) -> Result<Vec<u8>> {
    let mut text = Vec::with_capacity(bytes + 1);
    let doing = || Told::doing(format!("cannot read {place}"));
    input.take(DOCUMENT_BYTES + 1).read_to_end(&mut text).with_context(doing)?;
    within(place, text)
}

fn within(place: &str, text: Vec<u8>) -> Result<Vec<u8>> {
    if text.len() as u64 > DOCUMENT_BYTES && !matches!(document::kind(place, &text), document::Kind::Other) {
        let told = format!("{place} is larger than {} MiB: no document of a job", DOCUMENT_BYTES >> 20);
        return Err(Told::new(ErrorKind::Input, told).into());
    }
    Ok(text)
}

/// Most bytes of a document.
const DOCUMENT_BYTES: u64 = 64 << 20;

#[cfg(test)]
mod tests {
    use alluvium_compat::{Contract, Overall, check};

    use super::*;

    fn side(of: &str) -> Contract {
        let place = format!("{}/../../fixtures/plans/{of}", env!("CARGO_MANIFEST_DIR"));
        Contract::from(open(&place, &Options::default()).unwrap().job())
    }

    #[test]
    fn a_compiled_plan_names_the_operators_of_the_savepoint_of_its_job() {
        for query in ["groupby", "join"] {
            let report = check(&side(&format!("{query}/savepoint")), &side(&format!("{query}/plan.json")));
            assert_eq!(report.findings, [], "{query}");
            assert!(!report.states.is_empty());
        }
        let report = check(&side("groupby/savepoint"), &side("join/plan.json"));
        assert_eq!(report.overall, Overall::RestoresWithLoss);
    }

    #[test]
    fn a_side_that_cannot_be_opened_is_an_error() {
        for place in ["git:", "git::x", "git:-x", "/nowhere/at/all", "gs://bucket/x", "rest:127.0.0.1:1"] {
            assert!(open(place, &Options::default()).is_err(), "{place}");
        }
    }
}
