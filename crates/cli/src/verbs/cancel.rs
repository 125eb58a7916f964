use std::time::Duration;

use alluvium::failure::Exit;
use anyhow::{Context, Result};

use crate::output::Out;
use crate::progress::Progress;
use crate::running::Running;

/// Cancel a running job without a savepoint.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    running: Running,
}

pub(crate) fn run(args: &Args, _out: &mut Out) -> Result<Exit> {
    let target = args.running.find()?;
    let progress = Progress::start("cancelling");
    target.client.cancel(&target.id).with_context(|| format!("job {} was not cancelled", target.id))?;
    target.client.wait_until_ended(&target.id, PATIENCE);
    drop(progress);
    eprintln!("job {} is cancelled", target.id);
    Ok(Exit::Clean)
}

const PATIENCE: Duration = Duration::from_secs(30);
