use alluvium::failure::{Exit, Told};
use anyhow::{Context, Result};
use serde_json::{Value as Json, json};

use crate::output::{self, Format, Object, Out};
use crate::progress::Progress;
use crate::rest::text;
use crate::running::{Running, Target};

/// Take a checkpoint of a running job now.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    running: Running,
    /// List the checkpoints and savepoints so far instead, newest first, with the reason of every
    /// aborted one.
    #[arg(long)]
    history: bool,
}

pub(crate) fn run(args: &Args, out: &mut Out) -> Result<Exit> {
    let target = args.running.find()?;
    if args.history {
        return history(&target, out);
    }
    let progress = Progress::start("taking a checkpoint");
    let path = format!("/jobs/{}/checkpoints", target.id);
    let answer = target.client.operate(&path, &json!({"checkpointType": "CONFIGURED"}), "checkpoints");
    let answer = answer.with_context(|| {
        Told::doing(format!("no checkpoint of job {}", target.id))
            .next("`alluvium checkpoint --history` tells more")
    })?;
    drop(progress);
    let id = answer.get("checkpointId").cloned().unwrap_or(Json::Null);
    if out.format() == Format::Table {
        out.line(&format!("checkpoint {id}"))?;
        return Ok(Exit::Clean);
    }
    let mut records = out.records(&["job", "checkpoint"]);
    records.push(object(json!({"job": target.id, "checkpoint": id})))?;
    records.end()?;
    Ok(Exit::Clean)
}

fn history(target: &Target, out: &mut Out) -> Result<Exit> {
    let answer = target.client.get(&format!("/jobs/{}/checkpoints", target.id))?;
    let people = out.format() == Format::Table;
    let columns = [
        "id",
        "type",
        "format",
        "status",
        "duration_ms",
        "bytes_written",
        "bytes_referenced",
        "subtasks",
        "path",
        "failure",
    ];
    let mut records = out.records(&columns);
    for checkpoint in answer.get("history").and_then(Json::as_array).into_iter().flatten() {
        records.push(row(checkpoint, people))?;
    }
    records.end()?;
    Ok(Exit::Clean)
}

fn row(checkpoint: &Json, people: bool) -> Object {
    let size = |member: &str| match checkpoint.get(member).and_then(Json::as_u64) {
        Some(bytes) if people => output::bytes(bytes).into(),
        Some(bytes) => bytes.into(),
        None => Json::Null,
    };
    let done = |member: &str| checkpoint.get(member).and_then(Json::as_u64).unwrap_or(0);
    let mut row = object(json!({
        "id": checkpoint.get("id"),
        "type": text(checkpoint, "/checkpoint_type"),
        "status": text(checkpoint, "/status"),
        "duration_ms": checkpoint.get("end_to_end_duration"),
        "bytes_written": size("checkpointed_size"),
        "bytes_referenced": size("state_size"),
        "subtasks": format!("{}/{}", done("num_acknowledged_subtasks"), done("num_subtasks")),
    }));
    let others = [("format", "savepointFormat"), ("path", "external_path"), ("failure", "failure_message")];
    for (column, member) in others {
        if let Some(value) = checkpoint.get(member).filter(|value| !value.is_null()) {
            row.insert(column.into(), value.clone());
        }
    }
    row
}

fn object(json: Json) -> Object {
    json.as_object().cloned().unwrap_or_default()
}
