mod text;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use alluvium::failure::{Exit, Told};
use alluvium_model::job::{OperatorDescription, job_from_json, job_to_json};
use alluvium_model::{Finished, JobDescription, StateSchema};
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
        operator.chain = None;
        operator.finished = Finished::No;
        operator.states.sort_by(|a, b| a.name.cmp(&b.name));
        if job.engine.is_some() {
            operator.states.iter_mut().for_each(|state| Arc::make_mut(state).raw.clear());
        }
    }
    let mut json = job_to_json(&job);
    if let Some(job) = json.as_object_mut() {
        job.shift_remove("edges");
    }
    without_given_types(&mut json, &job);
    without_given_keys(&mut json);
    Ok(format!("{HEADER}{}", text::print(&json)))
}

/// Leaves out the types that follow from a state's serializers (rule JOB-2): nothing is said twice.
fn without_given_types(json: &mut Json, job: &JobDescription) {
    let mut short = json.clone();
    for state in states(&mut short).filter(|state| state.contains_key("serializers")) {
        TYPES.into_iter().for_each(|name| drop(state.shift_remove(name)));
    }
    // What cannot be read without its types keeps them all.
    let Ok(read) = job_from_json(&short) else { return };
    let same = |(a, b): (&OperatorDescription, &OperatorDescription)| {
        let same = |a: &StateSchema, b: &StateSchema| {
            StateSchema { field_id_max: b.field_id_max, ..a.clone() } == *b
        };
        a.states.iter().zip(&b.states).map(|(a, b)| same(a, b)).collect::<Vec<_>>()
    };
    let same = read.operators.iter().zip(&job.operators).flat_map(same);
    for (state, _) in states(json).zip(same).filter(|(_, same)| *same) {
        if state.contains_key("serializers") {
            TYPES.into_iter().for_each(|name| drop(state.shift_remove(name)));
        }
    }
}

/// Leaves out the key types that are those of their operators, which the reader of a document fills in.
fn without_given_keys(json: &mut Json) {
    for operator in list(json, "operators") {
        let key = operator.get("key_type").filter(|key| !key.is_null()).cloned();
        for state in list(operator, "states").iter_mut().filter_map(Json::as_object_mut) {
            if key.is_some() && state.get("key_type") == key.as_ref() {
                state.shift_remove("key_type");
            }
        }
    }
}

/// Members of a state that its serializers may give.
const TYPES: [&str; 5] = ["key_type", "namespace_type", "map_key_type", "value_type", "field_id_max"];

/// Returns every state of a description, in order.
fn states(job: &mut Json) -> impl Iterator<Item = &mut Map<String, Json>> {
    let states = list(job, "operators").iter_mut().flat_map(|operator| list(operator, "states"));
    states.filter_map(Json::as_object_mut)
}

fn list<'j>(json: &'j mut Json, name: &str) -> &'j mut [Json] {
    json.get_mut(name).and_then(Json::as_array_mut).map_or(&mut [], Vec::as_mut_slice)
}

const HEADER: &str = "# The state of this job, as its snapshots hold it. Made by `alluvium lock`; kept in git, compared by\n\
                      # `alluvium check NEW --against git:REV`. Do not edit.\n\n";
