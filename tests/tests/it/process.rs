//! The real binary: found, started, killed, stopped, asked.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use alluvium_flights::Output;
use alluvium_testkit::outcome::Outcome;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use tempfile::TempDir;

/// The binary beside this test in the target directory.
///
/// `cargo test --workspace` builds it before any test runs, because the tests of its own package
/// need it. A test of this package alone builds it if it is missing; an old one is taken as it is.
pub(crate) static ALLUVIUM: LazyLock<PathBuf> = LazyLock::new(|| {
    let test = std::env::current_exe().unwrap();
    let profile = test.parent().and_then(Path::parent).unwrap();
    let binary = profile.join(format!("alluvium{}", std::env::consts::EXE_SUFFIX));
    if !binary.exists() {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let built = Command::new(cargo)
            .args(["build", "--quiet", "--package", "alluvium-cli", "--profile"])
            .arg(if profile.ends_with("debug") { "dev" } else { "release" })
            .arg("--target-dir")
            .arg(profile.parent().unwrap())
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .status();
        assert!(built.unwrap().success(), "the binary cannot be built");
    }
    binary
});

/// How long anything may take before a test gives up.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);

/// A directory of its own, in which `alluvium` is run and knows no running jobs but its own.
pub(crate) struct Sandbox {
    dir: TempDir,
}

impl Sandbox {
    pub(crate) fn new() -> Self {
        Sandbox { dir: tempfile::tempdir().unwrap() }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(&*ALLUVIUM);
        command.args(args).current_dir(self.dir.path()).stdin(Stdio::null());
        command.env("XDG_RUNTIME_DIR", self.path("runtime")).env_remove("ALLUVIUM_CRASH_AT");
        command
    }

    /// Runs a command to its end.
    pub(crate) fn alluvium(&self, args: &[&str]) -> Outcome {
        Outcome::of(&mut self.command(args))
    }

    /// Starts the flights job on the first `blocks` thousand flights; its log is `NAME.log`.
    pub(crate) fn flights(&self, name: &str, job: &Flights<'_>) -> Worker {
        let data = self.path(&format!("flights-{}.parquet", job.blocks));
        if !data.exists() {
            first_flights(&data, job.blocks);
        }
        let common = ["run", "flights", "--root", job.root, "--rest-port", "0"];
        let mut command =
            self.command(&[&common[..], job.flags, &["--", "--out", job.out, "--data"]].concat());
        command.arg(data);
        if let Some(rate) = job.rate {
            command.args(["--rate", &rate.to_string()]);
        }
        if let Some(variant) = job.variant {
            command.args(["--variant", variant]);
        }
        if let Some(step) = &job.crash_at {
            command.env("ALLUVIUM_CRASH_AT", step);
        }
        let log = self.path(&format!("{name}.log"));
        let to = File::options().create(true).append(true).open(&log).unwrap();
        let child = command.stdout(to.try_clone().unwrap()).stderr(to).spawn().unwrap();
        Worker { child, log }
    }

    /// Runs the job without disturbing it and returns its output.
    pub(crate) fn undisturbed(&self, blocks: usize) -> Output {
        let job = Flights { root: "undisturbed", out: "undisturbed-out", blocks, ..Flights::default() };
        self.flights("undisturbed", &job).finish();
        let output = self.output("undisturbed-out");
        assert!(output.rotations.len() > 1000 && !output.totals.is_empty());
        output
    }

    pub(crate) fn output(&self, out: &str) -> Output {
        Output::committed(&self.path(out)).unwrap()
    }

    /// The manifests of a root, by name.
    pub(crate) fn manifests(&self, root: &str) -> Vec<String> {
        names(&self.path(root).join("checkpoints"), |name| name.ends_with(".manifest"))
    }

    /// The files that sinks have committed, by name.
    pub(crate) fn committed(&self, out: &str) -> Vec<String> {
        names(&self.path(out), |name| !name.starts_with('.'))
    }

    /// The files that sinks are writing or have staged, by name.
    pub(crate) fn hidden(&self, out: &str) -> Vec<String> {
        names(&self.path(out), |name| name.starts_with('.'))
    }
}

/// How the flights job is run.
#[derive(Clone, Default)]
pub(crate) struct Flights<'a> {
    pub(crate) root: &'a str,
    pub(crate) out: &'a str,
    pub(crate) flags: &'a [&'a str],
    pub(crate) blocks: usize,
    pub(crate) rate: Option<u64>,
    pub(crate) crash_at: Option<String>,
    pub(crate) variant: Option<&'a str>,
}

/// A process that is not left behind.
pub(crate) struct Worker {
    child: Child,
    log: PathBuf,
}

impl Drop for Worker {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Worker {
    /// Kills it at once; it gets no chance to clean up.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    pub(crate) fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args([name, &pid]).status().unwrap().success());
    }

    /// How it ended, if it has.
    pub(crate) fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().unwrap()
    }

    /// Waits until it has ended by itself.
    #[track_caller]
    pub(crate) fn ends(&mut self) -> ExitStatus {
        until("the process ends", || self.ended())
    }

    /// Waits until the job has ended by itself, and well.
    #[track_caller]
    pub(crate) fn finish(&mut self) {
        let status = self.ends();
        assert!(status.success(), "{status}\n{}", self.log());
    }

    pub(crate) fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }
}

/// Asks until there is an answer.
#[track_caller]
pub(crate) fn until<T>(what: &str, mut answer: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + PATIENCE;
    loop {
        if let Some(answer) = answer() {
            return answer;
        }
        assert!(Instant::now() < end, "in vain waited until {what}");
        std::thread::sleep(Duration::from_millis(3));
    }
}

fn names(directory: &Path, wanted: impl Fn(&str) -> bool) -> Vec<String> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    let names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
    let mut names: Vec<String> = names.filter(|name| wanted(name)).collect();
    names.sort_unstable();
    names
}

/// Copies the first blocks of 1000 flights, which are those of the first days of the year.
fn first_flights(to: &Path, blocks: usize) {
    let all = File::open(alluvium_flights::default_data()).unwrap();
    let reader = ParquetRecordBatchReaderBuilder::try_new(all).unwrap().with_limit(blocks * 1000);
    let schema = Arc::clone(reader.schema());
    let mut writer = ArrowWriter::try_new(File::create(to).unwrap(), schema, None).unwrap();
    for batch in reader.build().unwrap() {
        writer.write(&batch.unwrap()).unwrap();
    }
    writer.close().unwrap();
}
