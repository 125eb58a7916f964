//! The dev loop: what can be checked of this repository without running it, and the fast gate.
//!
//! * `rules`: every rule of `format-spec/` is cited by a test, and every citation names a rule
//! * `arrows`: crates depend on each other only as the table of ARCHITECTURE.md allows
//! * `fixtures`: every fixture folder is well formed and claimed by a test
//! * `check`: formatting, clippy, the three above and the tests

mod arrows;
mod fixtures;
mod gate;
mod rules;
mod tree;

use std::process::ExitCode;

use anyhow::Result;

fn main() -> ExitCode {
    let task = std::env::args().nth(1).unwrap_or_default();
    let result = match task.as_str() {
        "rules" => rules::check(),
        "arrows" => arrows::check(),
        "fixtures" => fixtures::check(),
        "static" => checks(),
        "check" => checks().and_then(|()| gate::run()),
        _ => {
            eprintln!("usage: cargo xtask check | static | rules | arrows | fixtures");
            return ExitCode::from(2);
        }
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask {task}: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn checks() -> Result<()> {
    rules::check()?;
    arrows::check()?;
    fixtures::check()
}
