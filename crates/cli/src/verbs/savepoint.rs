use alluvium::failure::{Exit, Told};
use anyhow::{Context, Result};
use clap::ValueEnum;
use serde_json::{Value as Json, json};

use crate::output::{Format, Out};
use crate::progress::Progress;
use crate::rest::{savepoint_body, text};
use crate::running::{Running, Target};

/// Take a savepoint of a running job, which goes on.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    running: Running,
    /// Directory under which the savepoint is to lie. Default: savepoints/ in the job's root.
    #[arg(value_name = "DIR")]
    directory: Option<String>,
    /// Whether its runs are merged into self-contained tables, or copied as they are.
    #[arg(long = "type", value_enum, default_value_t)]
    kind: Kind,
}

/// What a savepoint's files are like.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Kind {
    /// Compacted: one or more plain table files per state.
    #[default]
    Canonical,
    /// The runs as they are: quicker to write, slower to read.
    Native,
}

pub(crate) fn run(args: &Args, out: &mut Out) -> Result<Exit> {
    let (running, directory) = arguments(&args.running, args.directory.as_deref());
    let target = running.find()?;
    let directory = directory.as_deref().map(absolute).transpose()?;
    let body = savepoint_body(directory.as_deref(), args.kind == Kind::Native);
    let path = format!("/jobs/{}/savepoints", target.id);
    let progress = Progress::start("taking a savepoint");
    let answer = target.client.operate(&path, &body, "savepoints").with_context(|| {
        Told::doing(format!("no savepoint of job {}", target.id))
            .next("the job goes on; `alluvium checkpoint --history` tells more")
    })?;
    drop(progress);
    print_location(&target, &answer, out)?;
    Ok(Exit::Clean)
}

/// With `--rest URL DIR` the one free argument is the directory.
fn arguments(running: &Running, directory: Option<&str>) -> (Running, Option<String>) {
    let is_id = |text: &str| text.len() == 32 && text.bytes().all(|b| b.is_ascii_hexdigit());
    match (&running.rest, &running.running, directory) {
        (Some(url), Some(only), None) if !is_id(only) => {
            (Running { running: None, rest: Some(url.clone()) }, Some(only.clone()))
        }
        _ => (running.clone(), directory.map(str::to_owned)),
    }
}

/// The job has another working directory than this command.
pub(crate) fn absolute(directory: &str) -> Result<String> {
    if directory.contains("://") {
        return Ok(directory.to_owned());
    }
    let path =
        std::path::absolute(directory).with_context(|| format!("cannot use the directory {directory}"))?;
    Ok(path.to_string_lossy().into_owned())
}

/// Prints where the savepoint lies: on a terminal its path alone.
pub(crate) fn print_location(target: &Target, answer: &Json, out: &mut Out) -> Result<()> {
    let location = text(answer, "/location");
    if out.format() == Format::Table {
        return Ok(out.line(location)?);
    }
    let mut records = out.records(&["job", "location"]);
    records.push(json!({"job": target.id, "location": location}).as_object().cloned().unwrap_or_default())?;
    records.end()?;
    Ok(())
}
