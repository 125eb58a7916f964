//! `describe --flink`: what a job of Flink will look like to a restore, from its jar.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::str::FromStr;

use alluvium::failure::{Exit, Told};
use alluvium_model::job::{EdgeDescription, job_to_json};
use alluvium_model::{ErrorKind, Finished, JobDescription, OperatorDescription, OperatorId, OperatorUid};
use anyhow::{Context, Result};
use serde_json::Value as Json;

use super::Args;
use super::helper::{self, Flink};
use crate::open::Options;
use crate::rest::text;

pub(super) const HELP: &str = "\
Jobs of Flink:
  `describe --flink DIR JOB.jar` runs the jar's main as Flink would, takes the stream graph instead of
  executing it, puts something idle in the place of every source and sink, and starts the rest on a
  cluster inside one process with one subtask for each operator, so that all operators open and
  register their states. Then it takes a savepoint, which holds no data, and prints what it says.

  Sources and sinks do not connect, and no checkpoint is written where the job says. Everything else
  is the job's own code and happens: its main, the open() and initializeState() of its functions, and
  initializeState() of sources and sinks of the old interface. Run it where that may happen; without
  network, for instance. A state that is registered only with the first record cannot be seen, unless
  --probe gives the sources some records; those go through the job's operators, never into its sinks.

  Needs a JDK of version 11 or newer (17 for Flink 2): java and javac in JAVA_HOME or in PATH.";

pub(super) fn run(args: &Args, directory: &Path) -> Result<Exit> {
    let jar = Path::new(&args.job);
    if !jar.is_file() {
        return Err(Told::new(ErrorKind::Missing, format!("there is no jar {}", jar.display()))
            .next("build the job first; JOB.jar is what `flink run` takes")
            .into());
    }
    let flink = Flink::find(directory)?;
    let classes = helper::compiled(&flink)?;
    let scratch = Scratch::new()?;
    ask(args, &flink, &classes, jar, &scratch)?;
    let doing = || Told::doing("cannot read what the helper wrote of the job");
    let said = std::fs::read(scratch.0.join("job.json")).with_context(doing)?;
    let said: Json = serde_json::from_slice(&said).with_context(doing)?;
    let snapshot = crate::open::snapshot(text(&said, "/savepoint"), &Options::default())?;
    let job = joined(JobDescription::of_snapshot(snapshot.describe()), &said).with_context(doing)?;
    for warning in warnings(&job, &said, args.flink.probe.is_some()) {
        eprintln!("warning: {warning}");
    }
    println!("{:#}", job_to_json(&job));
    Ok(Exit::Clean)
}

/// Runs the helper; what the job itself prints goes to standard error.
fn ask(args: &Args, flink: &Flink, classes: &Path, jar: &Path, scratch: &Scratch) -> Result<()> {
    let mut paths = vec![classes.to_owned()];
    paths.extend(flink.jars.iter().cloned());
    paths.push(jar.to_owned());
    paths.extend(args.flink.class_path.iter().cloned());
    let mut command = Command::new(helper::tool("java")?);
    command.args(JAVA_OPTIONS).arg("-cp").arg(std::env::join_paths(paths)?);
    command.arg(helper::MAIN).arg(&scratch.0).arg(jar).arg(args.flink.timeout.to_string());
    if let Some(class) = &args.flink.class {
        command.args(["-class", class]);
    }
    if let Some(probe) = &args.flink.probe {
        if !probe.is_file() {
            let told = format!("there is no file {}", probe.display());
            return Err(Told::new(ErrorKind::Missing, told)
                .next("--probe takes records, one in a line")
                .into());
        }
        command.arg("-probe").arg(probe);
    }
    command.args(["-D", &format!("parallelism.default={}", args.parallelism)]);
    for setting in &args.flink.settings {
        command.args(["-D", setting]);
    }
    command.arg("--").args(&args.rest);
    command.stdin(Stdio::null()).stdout(std::io::stderr());
    let status = command.status().context("cannot execute java")?;
    if status.success() && scratch.0.join("job.json").is_file() {
        return Ok(());
    }
    let failure = std::fs::read_to_string(scratch.0.join("failure.txt"))
        .unwrap_or_else(|_| format!("its main ended the Java process ({status})"));
    Err(anyhow::Error::new(Told::new(ErrorKind::Corrupt, failure))
        .context(Told::doing(format!("cannot describe the job in {}", jar.display()))))
}

/// Java 17 keeps what Flink's serializers look into closed; the rest makes a short run short.
const JAVA_OPTIONS: [&str; 10] = [
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",
    "--add-opens=java.base/java.lang=ALL-UNNAMED",
    "--add-opens=java.base/java.net=ALL-UNNAMED",
    "--add-opens=java.base/java.nio=ALL-UNNAMED",
    "--add-opens=java.base/java.text=ALL-UNNAMED",
    "--add-opens=java.base/java.time=ALL-UNNAMED",
    "--add-opens=java.base/java.util=ALL-UNNAMED",
    "--add-opens=java.base/java.util.concurrent=ALL-UNNAMED",
    "--add-opens=java.base/java.util.concurrent.atomic=ALL-UNNAMED",
];

/// Joins the states, which the savepoint has, with all that only the graph knows.
fn joined(savepoint: JobDescription, said: &Json) -> Result<JobDescription> {
    let mut found: HashMap<OperatorId, OperatorDescription> =
        savepoint.operators.into_iter().map(|operator| (operator.id, operator)).collect();
    let operators = members(said, "/operators")
        .iter()
        .map(|operator| described(operator, &mut found))
        .collect::<Result<Vec<_>>>()?;
    let edges = members(said, "/edges").iter().map(edge).collect::<Result<Vec<_>>>()?;
    let mut engine = savepoint.engine;
    if let Some(engine) = &mut engine {
        engine.version = said.get("flink").and_then(Json::as_str).map(str::to_owned);
    }
    Ok(JobDescription {
        name: text(said, "/name").to_owned(),
        operators,
        edges,
        engine,
        backend: said.get("backend").and_then(Json::as_str).map(str::to_owned),
        layout: None,
    })
}

/// Describes one operator. The savepoint has its states under the id that it writes them with, which
/// is never its uid hash.
fn described(
    said: &Json,
    found: &mut HashMap<OperatorId, OperatorDescription>,
) -> Result<OperatorDescription> {
    let written = OperatorId::from_str(text(said, "/id"))?;
    let id = |name: &str| said.get(name).and_then(Json::as_str).map(OperatorId::from_str).transpose();
    let state = found.remove(&written);
    let coordinator = state.as_ref().is_some_and(|state| state.coordinator);
    let (key, key_group_function, states, serializers) = match state {
        Some(state) => (state.key, state.key_group_function, state.states, state.serializers),
        None => Default::default(),
    };
    Ok(OperatorDescription {
        id: written,
        uid_hash: id("uid_hash")?,
        chain: id("chain")?,
        finished: Finished::No,
        coordinator,
        uid: said.get("uid").and_then(Json::as_str).map(OperatorUid::new),
        name: text(said, "/name").to_owned(),
        role: text(said, "/role").to_owned(),
        parallelism: number(said, "parallelism")?,
        max_parallelism: number(said, "max_parallelism")?,
        key_group_function: key_group_function.filter(|_| key.is_some()),
        key,
        states,
        max_parallelism_set: said.get("max_parallelism_set").and_then(Json::as_bool),
        serializers,
        states_complete: said.get("states_complete").and_then(Json::as_bool).unwrap_or(true),
    })
}

fn edge(said: &Json) -> Result<EdgeDescription> {
    Ok(EdgeDescription {
        from: OperatorId::from_str(text(said, "/from"))?,
        to: OperatorId::from_str(text(said, "/to"))?,
        input: number(said, "input")?,
        tag: said.get("tag").and_then(Json::as_str).map(str::to_owned),
        exchange: text(said, "/exchange").to_owned(),
    })
}

fn members<'a>(json: &'a Json, pointer: &str) -> &'a [Json] {
    json.pointer(pointer).and_then(Json::as_array).map_or(&[], Vec::as_slice)
}

fn number(json: &Json, name: &str) -> Result<u32> {
    let number = json.get(name).and_then(Json::as_u64).with_context(|| format!("no number {name}"))?;
    Ok(u32::try_from(number)?)
}

/// Says what this description may lack.
fn warnings(job: &JobDescription, said: &Json, probed: bool) -> Vec<String> {
    let mut all: Vec<String> =
        members(said, "/warnings").iter().filter_map(|one| Some(one.as_str()?.to_owned())).collect();
    if job.backend.is_none() {
        all.push("neither the job nor -D names a state backend: the description names none".into());
    }
    let first = if probed { "a record that the probe lacks" } else { "the first record" };
    all.push(format!("a state that is registered only with {first} is not in this description"));
    all
}

/// A directory of its own, removed at the end.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> Result<Self> {
        let name = format!("alluvium-describe-{}", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&path)
            .with_context(|| Told::doing(format!("cannot create {}", path.display())))?;
        Ok(Scratch(path))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What cannot be removed stays for the system to clear; the answer is not worse for it.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
