use alluvium::failure::Exit;
use alluvium::registry;
use anyhow::Result;
use serde_json::{Value as Json, json};

use crate::output::{Format, Object, Out};
use crate::rest::{Client, text};

/// List the running jobs of this user, or those of a server.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// URL of a REST API, ours or Flink's; else the jobs of this user on this machine.
    #[arg(long, value_name = "URL")]
    rest: Option<String>,
}

pub(crate) fn run(args: &Args, out: &mut Out) -> Result<Exit> {
    let jobs = match &args.rest {
        Some(url) => of_server(&Client::new(url), None)?,
        None => of_user(),
    };
    if jobs.is_empty() && out.format() == Format::Table {
        eprintln!("no job is running");
        return Ok(Exit::Clean);
    }
    let mut records =
        out.records(&["id", "name", "state", "seconds", "checkpoints", "failed", "url", "root"]);
    for job in jobs {
        records.push(job)?;
    }
    records.end()?;
    Ok(Exit::Clean)
}

fn of_user() -> Vec<Object> {
    let mut jobs = Vec::new();
    for job in registry::running() {
        let root = job.root.to_string_lossy().into_owned();
        match of_server(&Client::new(&job.url), Some(&root)) {
            Ok(found) => jobs.extend(found),
            // The process lives but does not answer: stopped by a signal, perhaps.
            Err(_) => jobs.push(object(json!({
                "id": job.id, "name": job.name, "state": "UNREACHABLE", "url": job.url, "root": root,
            }))),
        }
    }
    jobs
}

fn of_server(client: &Client, root: Option<&str>) -> Result<Vec<Object>> {
    let overview = client.get("/jobs/overview")?;
    let jobs = overview.get("jobs").and_then(Json::as_array).cloned().unwrap_or_default();
    Ok(jobs.iter().map(|job| of_job(client, job, root)).collect())
}

fn of_job(client: &Client, job: &Json, root: Option<&str>) -> Object {
    let id = text(job, "/jid");
    let checkpoints = client.get(&format!("/jobs/{id}/checkpoints")).unwrap_or(Json::Null);
    let mut row = object(json!({
        "id": id,
        "name": text(job, "/name"),
        "state": text(job, "/state"),
        "seconds": job.get("duration").and_then(Json::as_i64).unwrap_or(0) / 1000,
        "checkpoints": checkpoints.pointer("/counts/completed"),
        "failed": checkpoints.pointer("/counts/failed"),
        "url": client.url(),
    }));
    if let Some(root) = root {
        row.insert("root".into(), root.into());
    }
    row
}

fn object(json: Json) -> Object {
    json.as_object().cloned().unwrap_or_default()
}
