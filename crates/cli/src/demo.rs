//! The tour of the main job: run, kill, recover, stop, look inside, upgrade, rescale, prove.
//!
//! Every step is a command that a user could type, run as a process of this binary; the tour
//! prints it, shows its answer and checks it.

mod screen;
mod worker;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use alluvium::failure::{Exit, Told};
use alluvium_flights::Output;
use alluvium_model::ErrorKind;
use anyhow::{Context, Result, bail};

use self::screen::Screen;
use self::worker::{Checkpoint, Worker};
use crate::output::{self, Out};

/// Flags of the tour.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Directory of the tour; what an earlier tour left there is deleted.
    #[arg(long, value_name = "DIR", default_value = "alluvium-demo")]
    dir: PathBuf,
    /// Rows a second while the job is watched.
    #[arg(long, value_name = "N", default_value_t = 30_000, value_parser = clap::value_parser!(u64).range(1000..))]
    rate: u64,
}

/// Runs the tour; exit code 0 only if every step held.
pub(crate) fn run(args: &Args, out: &mut Out) -> Result<Exit> {
    out.flush()?;
    let tour = Tour::begin(args)?;
    let began = Instant::now();
    match tour.steps() {
        Ok(()) => {
            tour.screen.held(&format!("every step held, in {:.0} s", began.elapsed().as_secs_f64()));
            tour.farewell();
            Ok(Exit::Clean)
        }
        Err(error) => {
            let told = Told::new(ErrorKind::Internal, "the demo did not hold").next(format!(
                "what it left is in {}, the logs of its workers beside it",
                args.dir.display()
            ));
            Err(error.context(told))
        }
    }
}

/// A tour in its directory.
struct Tour {
    dir: PathBuf,
    rate: u64,
    screen: Screen,
}

impl Tour {
    fn begin(args: &Args) -> Result<Self> {
        let marker = args.dir.join(MARKER);
        let taken = args.dir.read_dir().is_ok_and(|mut entries| entries.next().is_some());
        if taken && !marker.exists() {
            return Err(Told::new(
                ErrorKind::Input,
                format!("{} is no directory of a demo", args.dir.display()),
            )
            .next("give another one with --dir")
            .into());
        }
        let doing = || Told::doing(format!("cannot use the directory {}", args.dir.display()));
        if taken {
            std::fs::remove_dir_all(&args.dir).with_context(doing)?;
        }
        std::fs::create_dir_all(&args.dir).with_context(doing)?;
        std::fs::write(&marker, "the directory of a demo; the next demo deletes it\n").with_context(doing)?;
        Ok(Tour { dir: args.dir.clone(), rate: args.rate, screen: Screen::new() })
    }

    fn steps(&self) -> Result<()> {
        self.undisturbed()?;
        self.killed()?;
        let savepoint = self.recovered_and_stopped()?;
        self.look_inside(&savepoint)?;
        self.check_upgrades(&savepoint)?;
        self.finish_at_another_parallelism(&savepoint)?;
        self.prove()
    }

    fn undisturbed(&self) -> Result<()> {
        self.screen.step("An undisturbed run, to compare with: 336 776 departures from New York in 2013");
        let began = Instant::now();
        let worker = Worker::start(&self.job("undisturbed", "undisturbed-out", &["-p", "2"], None))?;
        self.screen.command(worker.command());
        worker.finish()?;
        let output = self.output("undisturbed-out")?;
        self.screen.say(&format!(
            "{} rotations of aircraft, {} monthly totals and {} flights of unknown aircraft in {:.1} s",
            output::count(output.rotations.len() as u64),
            output.totals.len(),
            output::count(output.unknown_aircraft.len() as u64),
            began.elapsed().as_secs_f64()
        ));
        if output.rotations.is_empty() || output.totals.is_empty() {
            bail!("the undisturbed run gave no output");
        }
        Ok(())
    }

    fn killed(&self) -> Result<()> {
        self.screen.step("The same job, slowly, with a checkpoint every 400 ms; then its process is killed");
        let mut worker = self.watched(&[])?;
        let seen = self.watch(&worker, KILL_AFTER)?;
        // A little into the next epoch, so that there is work to lose.
        std::thread::sleep(Duration::from_millis(150));
        let newest = seen.iter().map(|c| c.id).max().unwrap_or_default();
        worker.kill()?;
        self.screen
            .say(&format!("kill -9 {}: after checkpoint {newest}, in the middle of an epoch", worker.pid()));
        Ok(())
    }

    fn recovered_and_stopped(&self) -> Result<PathBuf> {
        self.screen.step("Recovery from the newest complete checkpoint, then a stop with a savepoint");
        let worker = self.watched(&["-s", "latest"])?;
        if let Some(id) = worker.restored_from(PATIENCE)? {
            self.screen.say(&format!("restored from checkpoint {id}; what came after it is read again"));
        }
        self.watch(&worker, STOP_AFTER)?;
        let savepoints = self.dir.join("savepoints");
        let answer =
            self.show(&["stop", &self.text("job"), "-p", &self.text("savepoints"), "-o", "table"], 0)?;
        worker.finish()?;
        let savepoint = PathBuf::from(answer.trim());
        if !savepoint.starts_with(std::path::absolute(&savepoints)?) {
            bail!("stop names no savepoint under {}: {answer}", savepoints.display());
        }
        Ok(self.dir.join("savepoints").join(savepoint.file_name().context("the savepoint has no name")?))
    }

    fn look_inside(&self, savepoint: &Path) -> Result<()> {
        self.screen.step("What is in the savepoint");
        let savepoint = savepoint.display().to_string();
        self.show(&["inspect", &savepoint, "-o", "table"], 0)?;
        self.show(&["get", &savepoint, "aircraft/position", AIRCRAFT, "-o", "jsonl"], 0)?;
        self.show(&["verify", &savepoint, "-o", "table"], 0)?;
        Ok(())
    }

    fn check_upgrades(&self, savepoint: &Path) -> Result<()> {
        self.screen.step("Two new versions of the job, checked against the savepoint before anything runs");
        let savepoint = savepoint.display().to_string();
        for (variant, exit) in [("compatible", 0), ("incompatible", 1)] {
            let description = self.dir.join(format!("{variant}.json"));
            let flag = format!("--variant={variant}");
            let describe = ["describe", "flights", "--", &flag];
            self.screen.command(&format!("alluvium {} > {}", describe.join(" "), description.display()));
            let answer = self.ask(&describe, 0)?;
            std::fs::write(&description, answer)?;
            let description = description.display().to_string();
            self.show(
                &["check", &description, "--against", &savepoint, "--fail-on", "deny", "-o", "table"],
                exit,
            )?;
        }
        Ok(())
    }

    fn finish_at_another_parallelism(&self, savepoint: &Path) -> Result<()> {
        self.screen.step("The savepoint restored at parallelism 3, to the end of the year");
        let savepoint = savepoint.display().to_string();
        let worker = Worker::start(&self.job("rescaled", "out", &["-s", &savepoint, "-p", "3"], None))?;
        self.screen.command(worker.command());
        worker.finish()
    }

    fn prove(&self) -> Result<()> {
        self.screen.step("Is the output that of the undisturbed run?");
        let (undisturbed, disturbed) = (self.output("undisturbed-out")?, self.output("out")?);
        for (name, one, other) in [
            ("rotations", &undisturbed.rotations, &disturbed.rotations),
            ("monthly totals", &undisturbed.totals, &disturbed.totals),
            ("flights of unknown aircraft", &undisturbed.unknown_aircraft, &disturbed.unknown_aircraft),
        ] {
            if one != other {
                bail!(
                    "{name}: {} lines undisturbed, {} after the kill, and they differ",
                    one.len(),
                    other.len()
                );
            }
            self.screen.say(&format!("{:>6} {name}: equal", output::count(one.len() as u64)));
        }
        Ok(())
    }

    fn farewell(&self) {
        let savepoint = self.dir.join("savepoints");
        let newest = savepoint.read_dir().ok().and_then(|mut entries| entries.next()?.ok());
        let savepoint = newest.map_or(savepoint, |entry| entry.path());
        let program = std::env::args().next().unwrap_or_else(|| "alluvium".into());
        let shown = savepoint.display();
        self.screen.next(&[
            format!("{program} browse {shown}"),
            format!("{program} cat {shown} aircraft/visits --key {AIRCRAFT}"),
            format!("{program} get {shown} monthly-totals/totals '[\"UA\", 7]'"),
            format!("duckdb -c \"SELECT key, value.airport FROM '{shown}/tables/aircraft/position-*.parquet' LIMIT 5\""),
        ]);
    }

    /// Starts the job that is watched, killed and stopped.
    fn watched(&self, more: &[&str]) -> Result<Worker> {
        let mut flags = vec!["-p", "2", "--checkpoint-interval", "400ms", "--retain", "3"];
        flags.extend(more);
        let worker = Worker::start(&self.job("job", "out", &flags, Some(self.rate)))?;
        self.screen.command(worker.command());
        Ok(worker)
    }

    /// Shows checkpoints as they complete, until so many have.
    fn watch(&self, worker: &Worker, wanted: usize) -> Result<Vec<Checkpoint>> {
        let mut seen: Vec<Checkpoint> = Vec::new();
        let end = Instant::now() + PATIENCE;
        while seen.len() < wanted {
            for checkpoint in worker.checkpoints()? {
                if !seen.iter().any(|c| c.id == checkpoint.id) {
                    self.screen.checkpoint(&checkpoint);
                    seen.push(checkpoint);
                }
            }
            if Instant::now() > end {
                bail!("only {} of {wanted} checkpoints completed", seen.len());
            }
            std::thread::sleep(Duration::from_millis(40));
        }
        Ok(seen)
    }

    fn job(&self, root: &str, out: &str, flags: &[&str], rate: Option<u64>) -> Vec<String> {
        let mut args: Vec<String> = vec!["run".into(), "flights".into(), "--root".into(), self.text(root)];
        args.extend(flags.iter().map(|flag| (*flag).to_owned()));
        args.extend(["--rest-port".into(), "0".into(), "--".into(), "--out".into(), self.text(out)]);
        args.extend(rate.map(|rate| format!("--rate={rate}")));
        args
    }

    fn text(&self, name: &str) -> String {
        self.dir.join(name).display().to_string()
    }

    fn output(&self, name: &str) -> Result<Output> {
        Output::committed(&self.dir.join(name)).with_context(|| format!("reading the output in {name}"))
    }

    /// Runs a command, prints it and its answer, and checks its exit code.
    fn show(&self, args: &[&str], exit: i32) -> Result<String> {
        self.screen.command(&format!("alluvium {}", args.join(" ")));
        let answer = self.ask(args, exit)?;
        self.screen.answer(&answer);
        if exit != 0 {
            self.screen.say(&format!("exit code {exit}"));
        }
        Ok(answer)
    }

    fn ask(&self, args: &[&str], exit: i32) -> Result<String> {
        let output = std::process::Command::new(std::env::current_exe()?).args(args).output()?;
        let code = output.status.code();
        if code != Some(exit) {
            let told = String::from_utf8_lossy(&output.stderr);
            bail!("alluvium {}: exit code {code:?} instead of {exit}\n{}", args.join(" "), told.trim());
        }
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }
}

const MARKER: &str = ".alluvium-demo";
const AIRCRAFT: &str = "N14228";
const KILL_AFTER: usize = 6;
const STOP_AFTER: usize = 6;
const PATIENCE: Duration = Duration::from_secs(60);
