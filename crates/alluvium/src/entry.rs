use std::error::Error as StdError;
use std::ffi::OsString;
use std::io::Write;
use std::process::ExitCode;

use alluvium_dataflow::Job;
use alluvium_model::ErrorKind;
use alluvium_model::job::job_to_json;
use clap::{Args, Parser, Subcommand};

use crate::failure::{self, Exit, Told};
use crate::{JobArgs, RunArgs, run};

/// Makes a program of a job: it answers `describe` and `run`.
///
/// `describe` prints the job description as JSON, which is what `alluvium check` compares. `run`
/// takes the flags of [`RunArgs`] and runs the job until it ends; what follows `--` is given to
/// the job. The exit code is that of the contract: 0 for a job that finished, 2 for arguments that
/// do not fit, 5 for a job that failed, 130 after Ctrl-C.
///
/// ```no_run
/// use alluvium::prelude::*;
///
/// fn job(args: JobArgs) -> Result<Job, Box<dyn std::error::Error + Send + Sync>> {
///     let job = JobBuilder::new("example");
///     # let _ = args;
///     Ok(job.build()?)
/// }
///
/// fn main() -> std::process::ExitCode {
///     alluvium::main(job)
/// }
/// ```
pub fn main<E>(job: impl Fn(JobArgs) -> Result<Job, E>) -> ExitCode
where
    E: Into<Box<dyn StdError + Send + Sync>>,
{
    main_from(std::env::args_os(), job)
}

/// As [`main`], with the arguments given: the first is the name of the program.
pub fn main_from<E>(
    args: impl IntoIterator<Item = OsString>,
    job: impl Fn(JobArgs) -> Result<Job, E>,
) -> ExitCode
where
    E: Into<Box<dyn StdError + Send + Sync>>,
{
    let program = match Program::try_parse_from(args) {
        Ok(program) => program,
        Err(error) => {
            let _ = error.print();
            return if error.use_stderr() { Exit::Usage.into() } else { Exit::Clean.into() };
        }
    };
    let done = match program.verb {
        Verb::Describe(args) => build(&job, &args.job).and_then(|job| describe(&args, &job)),
        Verb::Run(args) => build(&job, &args.job).and_then(|job| run::run(&job, &args)),
    };
    done.unwrap_or_else(|error| {
        let kind = failure::kind_of(&error, run::kind_of);
        let _ = write!(std::io::stderr(), "{}", failure::render(&error, kind));
        Exit::of(kind)
    })
    .into()
}

/// A job of Alluvium.
#[derive(Debug, Parser)]
#[command(disable_help_subcommand = true)]
struct Program {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Print the job description as JSON, without running anything.
    Describe(DescribeArgs),
    /// Run the job until it ends.
    Run(RunArgs),
}

#[derive(Debug, Args)]
struct DescribeArgs {
    /// Number of subtasks of every operator that does not set its own.
    #[arg(short = 'p', long, value_name = "N", default_value_t = 1)]
    parallelism: u32,
    /// Arguments of the job.
    #[arg(last = true, value_name = "JOB ARGUMENTS")]
    job: Vec<String>,
}

fn build<E>(job: impl Fn(JobArgs) -> Result<Job, E>, args: &[String]) -> anyhow::Result<Job>
where
    E: Into<Box<dyn StdError + Send + Sync>>,
{
    job(JobArgs::new(args.iter().cloned())).map_err(|error| {
        let error = error.into();
        let told =
            Told::new(ErrorKind::Input, "the job cannot be built").next("check the arguments after `--`");
        anyhow::anyhow!(error).context(told)
    })
}

fn describe(args: &DescribeArgs, job: &Job) -> anyhow::Result<Exit> {
    let text = serde_json::to_string_pretty(&job_to_json(&job.describe(args.parallelism)))?;
    match writeln!(std::io::stdout(), "{text}") {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(Exit::Clean),
    }
}
