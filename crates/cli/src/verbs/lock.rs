use std::path::{Path, PathBuf};

use alluvium::failure::{Exit, Told};
use alluvium_model::job::job_to_json;
use alluvium_model::{ErrorKind, JobDescription};
use anyhow::{Context, Result};
use serde_json::{Map, Value as Json};

use crate::open::Options;
use crate::output::Out;
use crate::side::{self, LOCK_FILE};

/// Write the lock file of a job: its operators, uids, states and types, without data.
///
/// Kept in git, it is what `check` compares a new version with where no snapshot can be read:
/// `alluvium check NEW --against git:origin/main`. Operators and states are in the order of their names, so that a
/// difference shows what changed.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// What is locked: anything that `check` takes as a side.
    #[arg(value_name = "SIDE")]
    side: String,
    /// The lock file; `-` prints it.
    #[arg(long, default_value = LOCK_FILE, value_name = "FILE")]
    file: PathBuf,
    /// Write nothing; exit with 1 when the lock file is not current.
    #[arg(long)]
    check: bool,
    #[command(flatten)]
    options: Options,
}

pub(crate) fn run(args: &Args, out: &mut Out) -> Result<Exit> {
    let text = lock(side::open(&args.side, &args.options)?.job())?;
    if args.file == Path::new("-") {
        out.line(text.trim_end())?;
        return Ok(Exit::Clean);
    }
    let place = args.file.display();
    if args.check {
        let there = std::fs::read_to_string(&args.file)
            .with_context(|| Told::doing(format!("cannot read {place}")).next(update(&args.side)))?;
        if there == text {
            return Ok(Exit::Clean);
        }
        eprintln!("{place} is not current\n  next: {}", update(&args.side));
        return Ok(Exit::Findings);
    }
    std::fs::write(&args.file, text).with_context(|| Told::doing(format!("cannot write {place}")))?;
    Ok(Exit::Clean)
}

fn update(side: &str) -> String {
    format!("alluvium lock {side}")
}

/// Prints a lock file: a job description (rule JOB-1) as TOML, without what a restore does not depend on.
fn lock(mut job: JobDescription) -> Result<String> {
    job.edges.clear();
    job.layout = None;
    job.operators.sort_by(|a, b| (&a.uid, a.id).cmp(&(&b.uid, b.id)));
    for operator in &mut job.operators {
        operator.states.sort_by(|a, b| a.name.cmp(&b.name));
    }
    let mut json = without_nulls(job_to_json(&job));
    if let Some(job) = json.as_object_mut() {
        job.shift_remove("edges");
    }
    let text = toml::to_string_pretty(&json)
        .map_err(|error| Told::new(ErrorKind::Internal, format!("the description is no TOML: {error}")))?;
    Ok(format!("{HEADER}{text}"))
}

/// TOML has no null: a member that is null is absent.
fn without_nulls(json: Json) -> Json {
    match json {
        Json::Object(members) => {
            let there = members.into_iter().filter(|(_, value)| !value.is_null());
            Json::Object(there.map(|(name, value)| (name, without_nulls(value))).collect::<Map<_, _>>())
        }
        Json::Array(all) => all.into_iter().map(without_nulls).collect(),
        other => other,
    }
}

const HEADER: &str = "# The state of this job, as its snapshots hold it. Made by `alluvium lock`; kept in git, compared by\n\
                      # `alluvium check NEW --against git:REV`. Do not edit.\n\n";
