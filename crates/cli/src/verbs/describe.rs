use std::ffi::OsString;

use alluvium::failure::Exit;
use anyhow::Result;

/// Print the description of a job as JSON, which is what `check` takes.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// A program built with the alluvium crate, or the name of a built-in job: flights.
    #[arg(value_name = "JOB")]
    job: String,
    /// Number of subtasks of every operator that does not set its own.
    #[arg(short = 'p', long, value_name = "N", default_value_t = 1)]
    parallelism: u32,
    /// Arguments of the job.
    #[arg(last = true, value_name = "JOB ARGUMENTS")]
    rest: Vec<OsString>,
}

pub(crate) fn run(args: &Args) -> Result<Exit> {
    let mut rest: Vec<OsString> =
        vec!["describe".into(), format!("--parallelism={}", args.parallelism).into()];
    if !args.rest.is_empty() {
        rest.push("--".into());
        rest.extend(args.rest.iter().cloned());
    }
    super::run::become_job(&args.job, rest)
}
