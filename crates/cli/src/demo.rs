//! The tour of the main job.

use alluvium::failure::Exit;
use anyhow::Result;

use crate::output::Out;

/// Flags of the tour.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {}

/// Runs the tour; exit code 0 only if every step held.
pub(crate) fn run(_args: &Args, _out: &mut Out) -> Result<Exit> {
    Err(alluvium::failure::Told::new(
        alluvium_model::ErrorKind::Unsupported,
        "the demo needs the flights job, which this build does not have",
    )
    .into())
}
