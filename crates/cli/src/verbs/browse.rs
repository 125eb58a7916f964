use std::io::IsTerminal;
use std::sync::Arc;

use alluvium::failure::Exit;
use alluvium_model::SnapshotSource;
use anyhow::{Context, Result};

use crate::open::Options;
use crate::output::Out;

/// Browse snapshots in the terminal; prints `inspect` where no terminal is.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Snapshots, ours or of Flink: directories, manifests or _metadata files, or roots of jobs for their
    /// newest checkpoints.
    #[arg(value_name = "SNAP", required = true)]
    snapshots: Vec<String>,
    #[command(flatten)]
    options: Options,
}

pub(crate) fn run(args: &Args, out: &mut Out) -> Result<Exit> {
    let open = |name: &String| Ok((name.clone(), Arc::from(crate::open::snapshot(name, &args.options)?)));
    let sources: Vec<(String, Arc<dyn SnapshotSource>)> =
        args.snapshots.iter().map(open).collect::<Result<_>>()?;
    if out.is_terminal() && std::io::stdin().is_terminal() {
        alluvium_tui::browse(sources).context("browsing")?;
        return Ok(Exit::Clean);
    }
    for (name, source) in &sources {
        let answer = alluvium_query::inspect(&**source, false)?;
        super::inspect::print(source.describe(), &answer, name, out)?;
    }
    Ok(Exit::Clean)
}
