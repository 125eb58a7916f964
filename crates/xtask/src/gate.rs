//! Formatting, lints and tests.

use std::process::Command;
use std::time::Instant;

use anyhow::{Context, Result, bail};

use crate::tree;

/// Runs the fast subset of `.ci/run`.
pub(crate) fn run() -> Result<()> {
    for arguments in [
        vec!["fmt", "--all", "--check"],
        vec!["clippy", "--release", "--workspace", "--all-targets", "--", "-D", "warnings"],
        vec!["test", "--release", "--workspace"],
    ] {
        let start = Instant::now();
        let shown = format!("cargo {}", arguments.join(" "));
        let status = Command::new(env!("CARGO"))
            .args(&arguments)
            .current_dir(tree::root())
            .status()
            .with_context(|| format!("running {shown}"))?;
        println!("{shown}: {:.0} s", start.elapsed().as_secs_f64());
        if !status.success() {
            bail!("{shown} failed");
        }
    }
    Ok(())
}
