use std::ffi::OsString;
use std::path::{Path, PathBuf};

use alluvium::RunArgs;
use alluvium::failure::{Exit, Told};
use alluvium_model::ErrorKind;
use anyhow::Result;

use crate::builtin;

/// Run a job until it ends.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// A program built with the alluvium crate, or the name of a built-in job: flights.
    #[arg(value_name = "JOB")]
    job: String,
    #[command(flatten)]
    run: RunArgs,
}

pub(crate) fn run(args: &Args) -> Result<Exit> {
    let mut rest: Vec<OsString> = vec!["run".into()];
    rest.extend(args.run.to_args());
    become_job(&args.job, rest)
}

/// Becomes the program of a job; comes back only when that fails.
pub(crate) fn become_job(job: &str, args: Vec<OsString>) -> Result<Exit> {
    let mut command = if builtin::NAMES.contains(&job) {
        let mut command = std::process::Command::new(std::env::current_exe()?);
        command.args(["job", job]);
        command
    } else {
        std::process::Command::new(program(job)?)
    };
    command.args(args);
    replace(command, job)
}

#[cfg(unix)]
fn replace(mut command: std::process::Command, job: &str) -> Result<Exit> {
    use std::os::unix::process::CommandExt;
    let error = command.exec();
    let kind = match error.kind() {
        std::io::ErrorKind::NotFound | std::io::ErrorKind::PermissionDenied => ErrorKind::Missing,
        _ => ErrorKind::Unsupported,
    };
    Err(anyhow::Error::new(error).context(not_a_job(kind, format!("cannot execute {job}"))))
}

#[cfg(not(unix))]
fn replace(mut command: std::process::Command, job: &str) -> Result<Exit> {
    let status = command.status().map_err(|error| {
        anyhow::Error::new(error).context(not_a_job(ErrorKind::Missing, format!("cannot execute {job}")))
    })?;
    std::process::exit(status.code().unwrap_or(Exit::Failed as i32))
}

/// Finds the program: a path, a file of this directory, or a name in `PATH`.
fn program(job: &str) -> Result<PathBuf> {
    let path = Path::new(job);
    if path.is_dir() {
        return Err(not_a_job(ErrorKind::Input, format!("{job} is a directory")).into());
    }
    if path.is_file() {
        return Ok(std::path::absolute(path)?);
    }
    let named = path.components().count() == 1;
    let directories = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&directories).map(|dir| dir.join(job)).find(|p| named && p.is_file());
    found.ok_or_else(|| not_a_job(ErrorKind::Missing, format!("there is no program {job}")).into())
}

fn not_a_job(kind: ErrorKind, message: String) -> Told {
    Told::new(kind, message).next(format!(
        "JOB is a program built with the alluvium crate, or one of: {}",
        builtin::NAMES.join(", ")
    ))
}
