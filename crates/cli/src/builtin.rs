//! Jobs that are part of this binary.

use std::ffi::OsString;
use std::process::ExitCode;

use alluvium::failure::Exit;

/// A built-in job and what it is asked.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Name of the job.
    name: String,
    /// `describe` or `run`, with the flags of a job binary.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    rest: Vec<OsString>,
}

/// Names of the built-in jobs.
pub(crate) const NAMES: [&str; 1] = ["flights"];

/// Answers as the binary of a built-in job would.
pub(crate) fn main(args: &Args) -> ExitCode {
    let program = OsString::from(format!("alluvium job {}", args.name));
    let args_given = std::iter::once(program).chain(args.rest.iter().cloned());
    match args.name.as_str() {
        "flights" => alluvium::main_from(args_given, alluvium_flights::job),
        other => {
            eprintln!("error[input]: there is no built-in job {other}\n  next: {}", NAMES.join(", "));
            Exit::Usage.into()
        }
    }
}
