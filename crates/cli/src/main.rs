//! `alluvium`: the one binary. Each verb is a file in `verbs`; data goes to standard output,
//! everything else to standard error; exit codes are those of `alluvium help`.

mod builtin;
mod demo;
mod dry_run;
mod evidence;
mod gate;
mod kind;
mod open;
mod output;
mod progress;
mod rest;
mod running;
mod side;
mod verbs;
mod watched;

use std::io::Write;
use std::process::ExitCode;

use alluvium::failure::{self, Exit};
use clap::{Parser, Subcommand};

use crate::output::{Format, Out};

/// Documents and rows are many small values; the system's allocator takes a third of the time of `check`.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// A toolkit for the state of stream processors: looks into snapshots, checks upgrades against
/// them, converts them, and runs jobs that write them.
#[derive(Debug, Parser)]
#[command(name = "alluvium", version, after_help = EXIT_CODES, arg_required_else_help = true)]
struct Cli {
    /// Form of the answer. Default: table on a terminal, else jsonl (json for one document).
    #[arg(short, long, value_enum, global = true, value_name = "FORM")]
    output: Option<Format>,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Show the operators and states of a snapshot: types, counts, sizes, skew.
    Inspect(verbs::inspect::Args),
    /// Print the rows of a state.
    Cat(verbs::cat::Args),
    /// Look one key up.
    Get(verbs::get::Args),
    /// Check digests, coverage and order of a snapshot, and that every row decodes.
    Verify(verbs::verify::Args),
    /// Compare two snapshots entry by entry.
    Diff(verbs::diff::Args),
    /// Convert between formats, and say what was lost.
    Convert(verbs::convert::Args),
    /// Check whether a new version of a job can take the state of an old one.
    Check(verbs::check::Args),
    /// Write the lock file of a job, which `check` compares with.
    Lock(verbs::lock::Args),
    /// List the rules of `check`.
    Rules(verbs::rules::Args),
    /// Explain a rule of `check` or the code of an error.
    Explain(verbs::explain::Args),
    /// Browse snapshots in the terminal.
    Browse(verbs::browse::Args),
    /// List the snapshots under a directory.
    Ls(verbs::ls::Args),
    /// Delete a savepoint.
    Dispose(verbs::dispose::Args),
    /// Run a job.
    Run(verbs::run::Args),
    /// Print the description of a job, without running it.
    Describe(verbs::describe::Args),
    /// List the running jobs.
    List(verbs::list::Args),
    /// Take a savepoint of a running job.
    Savepoint(verbs::savepoint::Args),
    /// Stop a running job with a savepoint.
    Stop(verbs::stop::Args),
    /// Cancel a running job without a savepoint.
    Cancel(verbs::cancel::Args),
    /// Take a checkpoint of a running job now, or list those it has taken.
    Checkpoint(verbs::checkpoint::Args),
    /// Run the flights job, kill it, recover, look inside, upgrade it: the tour of a minute.
    Demo(demo::Args),
    /// Be a built-in job: what a job binary answers (`describe`, `run`).
    #[command(hide = true)]
    Job(builtin::Args),
}

const EXIT_CODES: &str = "\
Exit codes:
  0    clean
  1    findings or differences
  2    the arguments do not fit, or name an operator, state or key type that is not there
  3    input missing, unreadable or corrupt
  4    input valid but not supported
  5    internal error, failed job or failed demo
  130  interrupted";

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            let _ = error.print();
            return if error.use_stderr() { Exit::Usage.into() } else { Exit::Clean.into() };
        }
    };
    // A built-in job has its own command line and talks to no one here.
    if let Verb::Job(args) = &cli.verb {
        return builtin::main(args);
    }
    let mut out = Out::new(cli.output);
    let done = dispatch(cli.verb, &mut out).and_then(|exit| {
        out.flush()?;
        Ok(exit)
    });
    match done {
        Ok(exit) => exit,
        Err(error) if is_broken_pipe(&error) => Exit::Clean,
        Err(error) => tell(&error, &mut out),
    }
    .into()
}

fn dispatch(verb: Verb, out: &mut Out) -> anyhow::Result<Exit> {
    match verb {
        Verb::Inspect(args) => verbs::inspect::run(&args, out),
        Verb::Cat(args) => verbs::cat::run(&args, out),
        Verb::Get(args) => verbs::get::run(&args, out),
        Verb::Verify(args) => verbs::verify::run(&args, out),
        Verb::Diff(args) => verbs::diff::run(&args, out),
        Verb::Convert(args) => verbs::convert::run(&args, out),
        Verb::Check(args) => verbs::check::run(&args, out),
        Verb::Lock(args) => verbs::lock::run(&args, out),
        Verb::Rules(args) => verbs::rules::run(&args, out),
        Verb::Explain(args) => verbs::explain::run(&args, out),
        Verb::Browse(args) => verbs::browse::run(&args, out),
        Verb::Ls(args) => verbs::ls::run(&args, out),
        Verb::Dispose(args) => verbs::dispose::run(&args, out),
        Verb::Run(args) => verbs::run::run(&args),
        Verb::Describe(args) => verbs::describe::run(&args),
        Verb::List(args) => verbs::list::run(&args, out),
        Verb::Savepoint(args) => verbs::savepoint::run(&args, out),
        Verb::Stop(args) => verbs::stop::run(&args, out),
        Verb::Cancel(args) => verbs::cancel::run(&args, out),
        Verb::Checkpoint(args) => verbs::checkpoint::run(&args, out),
        Verb::Demo(args) => demo::run(&args, out),
        Verb::Job(_) => unreachable!("answered before"),
    }
}

/// Prints an error and returns its exit code; what was printed so far stays.
fn tell(error: &anyhow::Error, out: &mut Out) -> Exit {
    let _ = out.flush();
    let kind = failure::kind_of(error, kind::of);
    let _ = write!(std::io::stderr(), "{}", failure::render(error, kind));
    Exit::of(kind)
}

/// Whether the reader of standard output has gone, as `head` does: no error.
fn is_broken_pipe(error: &anyhow::Error) -> bool {
    let broken = |e: &std::io::Error| e.kind() == std::io::ErrorKind::BrokenPipe;
    error.downcast_ref::<std::io::Error>().is_some_and(broken)
        || error.chain().any(|cause| cause.downcast_ref::<std::io::Error>().is_some_and(broken))
}
