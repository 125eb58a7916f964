mod flink;
mod helper;

use std::ffi::OsString;
use std::path::PathBuf;

use alluvium::failure::Exit;
use anyhow::Result;

/// Print the description of a job as JSON, which is what `check` takes.
#[derive(Debug, clap::Args)]
#[command(after_long_help = flink::HELP)]
pub(crate) struct Args {
    /// A program built with the alluvium crate, or the name of a built-in job: flights; with
    /// `--flink`, the jar of a job of Flink.
    #[arg(value_name = "JOB")]
    job: String,
    /// Number of subtasks of every operator that does not set its own.
    #[arg(short = 'p', long, value_name = "N", default_value_t = 1)]
    parallelism: u32,
    /// Arguments of the job.
    #[arg(last = true, value_name = "JOB ARGUMENTS")]
    rest: Vec<OsString>,
    #[command(flatten)]
    flink: FlinkArgs,
}

/// How a job of Flink is described from its jar.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Jobs of Flink")]
struct FlinkArgs {
    /// Describe the job of Flink in this jar. DIR is an unpacked Flink, or the folder of the jars of
    /// the Python package apache-flink-libraries: the release that is to run the job.
    #[arg(long, value_name = "DIR")]
    flink: Option<PathBuf>,
    /// The class whose main makes the job; without it, the one that the jar's manifest names.
    #[arg(long, value_name = "CLASS", requires = "flink")]
    class: Option<String>,
    /// A setting of Flink that the job finds, such as state.backend.type=rocksdb. May be repeated.
    #[arg(short = 'D', value_name = "KEY=VALUE", requires = "flink", value_parser = setting)]
    settings: Vec<String>,
    /// More jars that the job needs, such as its connectors. May be repeated.
    #[arg(long, value_name = "JAR", requires = "flink")]
    class_path: Vec<PathBuf>,
    /// Records that the sources give before they are idle, so that states which are registered with the first record
    /// are seen: lines of {"source": UID OR NAME, "record": …, "timestamp": MILLISECONDS}. A job of one source needs not name
    /// it; POJOs are objects, tuples and rows arrays or objects of their fields.
    #[arg(long, value_name = "RECORDS.jsonl", requires = "flink")]
    probe: Option<PathBuf>,
    /// Seconds that the operators may take to open.
    #[arg(long, value_name = "SECONDS", default_value_t = 120, requires = "flink")]
    timeout: u32,
}

fn setting(text: &str) -> Result<String, String> {
    match text.split_once('=') {
        Some((key, _)) if !key.is_empty() => Ok(text.to_owned()),
        _ => Err("of the form KEY=VALUE, as in Flink's configuration".into()),
    }
}

pub(crate) fn run(args: &Args) -> Result<Exit> {
    if let Some(directory) = &args.flink.flink {
        return flink::run(args, directory);
    }
    let mut rest: Vec<OsString> =
        vec!["describe".into(), format!("--parallelism={}", args.parallelism).into()];
    if !args.rest.is_empty() {
        rest.push("--".into());
        rest.extend(args.rest.iter().cloned());
    }
    super::run::become_job(&args.job, rest)
}
