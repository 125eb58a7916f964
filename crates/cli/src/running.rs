//! Which running job is meant: by id, by root, by URL, or the only one there is.

use std::path::Path;

use alluvium::failure::Told;
use alluvium::registry::{self, RunningJob};
use alluvium_model::ErrorKind;
use anyhow::Result;
use clap::Args;
use serde_json::Value as Json;

use crate::rest::{Client, text};

/// The arguments that name a running job.
#[derive(Debug, Clone, Args)]
pub(crate) struct Running {
    /// Job id, root directory or URL of the REST API; not needed when only one job runs.
    #[arg(value_name = "RUNNING")]
    pub(crate) running: Option<String>,
    /// URL of the REST API, for example http://127.0.0.1:8081.
    #[arg(long, value_name = "URL")]
    pub(crate) rest: Option<String>,
}

/// A job and how to reach it.
#[derive(Debug)]
pub(crate) struct Target {
    pub(crate) client: Client,
    pub(crate) id: String,
}

impl Running {
    /// Finds the job.
    pub(crate) fn find(&self) -> Result<Target> {
        if let Some(url) = &self.rest {
            return at_url(url, self.running.as_deref());
        }
        match self.running.as_deref() {
            Some(url) if url.contains("://") => at_url(url, None),
            Some(wanted) => registered(wanted),
            None => only_one(),
        }
    }
}

/// The job of a server, or the one of that id among several.
pub(crate) fn at_url(url: &str, wanted: Option<&str>) -> Result<Target> {
    let client = Client::new(url);
    let answer = client.get("/jobs")?;
    let jobs = answer.get("jobs").and_then(Json::as_array).cloned().unwrap_or_default();
    let running: Vec<&str> = jobs
        .iter()
        .filter(|job| wanted.is_some() || !matches!(text(job, "/status"), "FINISHED" | "CANCELED" | "FAILED"))
        .map(|job| text(job, "/id"))
        .filter(|id| wanted.is_none_or(|w| id.eq_ignore_ascii_case(w)))
        .collect();
    match running[..] {
        [id] => Ok(Target { id: id.to_owned(), client }),
        [] => Err(missing(format!("no such job runs at {}", client.url()))),
        _ => Err(Told::new(ErrorKind::Input, format!("{} jobs run at {}", running.len(), client.url()))
            .next(format!("say which: {}", running.join(", ")))
            .into()),
    }
}

fn registered(wanted: &str) -> Result<Target> {
    let jobs = registry::running();
    let by_root = |job: &&RunningJob| same_place(&job.root, Path::new(wanted));
    // The newest wins: a root may still have a stopped worker beside the one that took over.
    let found = jobs
        .iter()
        .rev()
        .find(|job| job.id.eq_ignore_ascii_case(wanted))
        .or_else(|| jobs.iter().rev().find(by_root));
    match found {
        Some(job) => Ok(target(job)),
        None => Err(missing(format!("no running job has the id or root {wanted}"))),
    }
}

fn only_one() -> Result<Target> {
    match &registry::running()[..] {
        [job] => Ok(target(job)),
        [] => Err(missing("no job is running".into())),
        jobs => {
            let names: Vec<String> = jobs.iter().map(|job| format!("{} ({})", job.id, job.name)).collect();
            Err(Told::new(ErrorKind::Input, format!("{} jobs are running", jobs.len()))
                .next(format!("say which: {}", names.join(", ")))
                .into())
        }
    }
}

fn target(job: &RunningJob) -> Target {
    Target { client: Client::new(&job.url), id: job.id.clone() }
}

fn missing(message: String) -> anyhow::Error {
    Told::new(ErrorKind::Missing, message).next("`alluvium list` shows the jobs that run").into()
}

fn same_place(a: &Path, b: &Path) -> bool {
    match (a.canonicalize(), b.canonicalize()) {
        (Ok(a), Ok(b)) => a == b,
        _ => a == b,
    }
}
