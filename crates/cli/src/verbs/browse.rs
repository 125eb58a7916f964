use std::io::IsTerminal;
use std::sync::Arc;

use alluvium::failure::Exit;
use alluvium_model::SnapshotSource;
use anyhow::{Context, Result};

use crate::output::Out;

/// Browse snapshots in the terminal; prints `inspect` where no terminal is.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Snapshots: directories, manifests, or roots of jobs for their newest checkpoints.
    #[arg(value_name = "SNAP", required = true)]
    snapshots: Vec<String>,
}

pub(crate) fn run(args: &Args, out: &mut Out) -> Result<Exit> {
    let open = |name: &String| Ok((name.clone(), Arc::from(crate::open::snapshot(name)?)));
    let sources: Vec<(String, Arc<dyn SnapshotSource>)> =
        args.snapshots.iter().map(open).collect::<Result<_>>()?;
    if out.is_terminal() && std::io::stdin().is_terminal() {
        alluvium_tui::browse(sources).context("browsing")?;
        return Ok(Exit::Clean);
    }
    for (name, source) in &sources {
        super::inspect::print(&**source, name, false, out)?;
    }
    Ok(Exit::Clean)
}
