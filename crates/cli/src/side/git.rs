use std::process::Command;

use alluvium::failure::Told;
use alluvium_model::ErrorKind;
use anyhow::{Context, Result};

use super::LOCK_FILE;

/// Reads `REV[:FILE]` from the repository of the working directory; a relative path counts from there.
///
/// Returns the name of the file and its bytes.
pub(super) fn show(text: &str) -> Result<(String, Vec<u8>)> {
    let (revision, file) = text.split_once(':').unwrap_or((text, LOCK_FILE));
    if revision.is_empty() || revision.starts_with('-') || file.is_empty() {
        let told = format!("git:{text} names no revision and file");
        return Err(Told::new(ErrorKind::Input, told)
            .next("git:origin/main, or git:v1.2:deploy/job.json")
            .into());
    }
    let path =
        if file.starts_with('/') { file.trim_start_matches('/').to_owned() } else { format!("./{file}") };
    let answer = Command::new("git")
        .args(["show", "--no-textconv", "--end-of-options", &format!("{revision}:{path}")])
        .output()
        .with_context(|| {
            Told::new(ErrorKind::Missing, "cannot run git").next("install git, or name a file")
        })?;
    if answer.status.success() {
        return Ok((file.to_owned(), answer.stdout));
    }
    let said = String::from_utf8_lossy(&answer.stderr);
    let first = said.lines().find(|line| !line.trim().is_empty()).unwrap_or("no reason given");
    let told = format!("git has no {file} at {revision}: {}", first.trim_start_matches("fatal: "));
    Err(Told::new(ErrorKind::Missing, told)
        .next("in CI, fetch that revision first (a shallow clone lacks it)")
        .into())
}
