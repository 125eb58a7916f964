use alluvium::failure::Exit;
use anyhow::{Context, Result};

use crate::open::Options;
use crate::output::Out;
use crate::progress::Progress;

/// Look one key up.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Snapshot, ours or of Flink: a directory or s3:// URL, a manifest or _metadata, or the root of a job
    /// for its newest checkpoint.
    #[arg(value_name = "SNAP")]
    snapshot: String,
    /// Operator, by uid or id, and state: aircraft/position.
    #[arg(value_name = "OP/STATE")]
    state: String,
    /// The key: JSON of the key type; for a string, the text itself.
    #[arg(value_name = "KEY")]
    key: String,
    #[command(flatten)]
    options: Options,
}

pub(crate) fn run(args: &Args, out: &mut Out) -> Result<Exit> {
    let source = crate::open::snapshot(&args.snapshot, &args.options)?;
    let target = alluvium_query::find(source.describe(), &args.state)?;
    let progress = Progress::start(format!("looking {} up", args.key));
    let lines = alluvium_query::get(&*source, &target, &args.key)
        .with_context(|| format!("reading {}", args.state))?;
    drop(progress);
    let mut records = out.records(&super::cat::columns(&target.table.schema));
    for line in lines {
        records.push(line.json.as_object().cloned().unwrap_or_default())?;
    }
    if records.end()? > 0 {
        return Ok(Exit::Clean);
    }
    eprintln!("{} has no row of key {}", args.state, args.key);
    Ok(Exit::Findings)
}
