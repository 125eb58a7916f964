use std::time::Duration;

use alluvium::failure::{Exit, Told};
use anyhow::{Context, Result};

use super::savepoint::{Kind, absolute, print_location};
use crate::output::Out;
use crate::progress::Progress;
use crate::rest::stop_body;
use crate::running::Running;

/// Stop a running job with a savepoint.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    running: Running,
    /// Directory under which the savepoint is to lie. Default: savepoints/ in the job's root.
    #[arg(short = 'p', long = "savepoint-path", value_name = "DIR")]
    directory: Option<String>,
    /// Let time run to its end first: every timer fires, and the job is not meant to go on.
    #[arg(short, long)]
    drain: bool,
    /// Whether the runs of the savepoint are merged into self-contained tables, or copied as they are.
    #[arg(long = "type", value_enum, default_value_t)]
    kind: Kind,
}

pub(crate) fn run(args: &Args, out: &mut Out) -> Result<Exit> {
    let target = args.running.find()?;
    let directory = args.directory.as_deref().map(absolute).transpose()?;
    let body = stop_body(directory.as_deref(), args.kind == Kind::Native, args.drain);
    let progress = Progress::start("stopping with a savepoint");
    let answer = target
        .client
        .operate(&format!("/jobs/{}/stop", target.id), &body, "savepoints")
        .with_context(|| {
            Told::doing(format!("job {} was not stopped", target.id))
                .next("`alluvium list` shows whether it goes on")
        })?;
    target.client.wait_until_ended(&target.id, PATIENCE);
    drop(progress);
    print_location(&target, &answer, out)?;
    Ok(Exit::Clean)
}

const PATIENCE: Duration = Duration::from_secs(30);
