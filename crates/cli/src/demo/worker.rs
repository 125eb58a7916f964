use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use alluvium::registry;
use anyhow::{Context, Result, bail};
use serde_json::Value as Json;

use crate::rest::{Client, text};

/// A job in a process of this binary, asked through its REST API. Killed when dropped.
pub(super) struct Worker {
    child: Child,
    command: String,
    root: PathBuf,
    log: PathBuf,
}

/// A complete checkpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Checkpoint {
    pub(super) id: u64,
    pub(super) duration_ms: u64,
    pub(super) bytes_written: u64,
    pub(super) bytes_referenced: u64,
}

impl Worker {
    /// Starts `alluvium ARGS`; `--root DIR` among them is where its log lies beside.
    pub(super) fn start(args: &[String]) -> Result<Self> {
        let root = args.iter().skip_while(|arg| *arg != "--root").nth(1).context("a worker needs a root")?;
        let root = PathBuf::from(root);
        let mut log = root.clone().into_os_string();
        log.push(".log");
        let log = PathBuf::from(log);
        let to = File::options().create(true).append(true).open(&log)?;
        let child = Command::new(std::env::current_exe()?)
            .args(args)
            .stdin(Stdio::null())
            .stdout(to.try_clone()?)
            .stderr(to)
            .spawn()
            .context("starting a worker")?;
        Ok(Worker { child, command: format!("alluvium {}", args.join(" ")), root, log })
    }

    pub(super) fn command(&self) -> &str {
        &self.command
    }

    pub(super) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Kills the process at once; it gets no chance to clean up.
    pub(super) fn kill(&mut self) -> Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    /// Waits until the job has ended by itself, and well.
    pub(super) fn finish(mut self) -> Result<()> {
        let status = self.child.wait()?;
        if !status.success() {
            bail!("{}: {status}\n{}", self.command, self.told());
        }
        Ok(())
    }

    /// Returns the complete checkpoints, oldest first; none while the API is not up.
    pub(super) fn checkpoints(&self) -> Result<Vec<Checkpoint>> {
        let Some(answer) = self.ask("/checkpoints")? else { return Ok(Vec::new()) };
        let history = answer.get("history").and_then(Json::as_array).cloned().unwrap_or_default();
        let number = |json: &Json, name: &str| json.get(name).and_then(Json::as_u64).unwrap_or_default();
        let mut complete: Vec<Checkpoint> = history
            .iter()
            .filter(|checkpoint| text(checkpoint, "/status") == "COMPLETED")
            .map(|checkpoint| Checkpoint {
                id: number(checkpoint, "id"),
                duration_ms: number(checkpoint, "end_to_end_duration"),
                bytes_written: number(checkpoint, "checkpointed_size"),
                bytes_referenced: number(checkpoint, "state_size"),
            })
            .collect();
        complete.sort_by_key(|checkpoint| checkpoint.id);
        Ok(complete)
    }

    /// Returns the checkpoint from which the job was restored, once the API says so.
    pub(super) fn restored_from(&self, patience: Duration) -> Result<Option<u64>> {
        let end = Instant::now() + patience;
        while Instant::now() < end {
            if let Some(answer) = self.ask("/checkpoints")? {
                return Ok(answer.pointer("/latest/restored/id").and_then(Json::as_u64));
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(None)
    }

    fn ask(&self, path: &str) -> Result<Option<Json>> {
        let running = registry::running();
        let Some(job) = running.iter().rev().find(|job| job.pid == self.pid()) else {
            return self.alive().map(|()| None);
        };
        match Client::new(&job.url).get(&format!("/jobs/{}{path}", job.id)) {
            Ok(answer) => Ok(Some(answer)),
            Err(_) => self.alive().map(|()| None),
        }
    }

    /// Fails when the process is gone, with the end of what it said.
    fn alive(&self) -> Result<()> {
        if Path::new("/proc").exists() && !Path::new(&format!("/proc/{}/exe", self.pid())).exists() {
            bail!("the worker in {} has ended too early\n{}", self.root.display(), self.told());
        }
        Ok(())
    }

    fn told(&self) -> String {
        let mut told = String::new();
        if let Ok(mut log) = File::open(&self.log) {
            let _ = log.read_to_string(&mut told);
        }
        let lines: Vec<&str> = told.lines().collect();
        lines[lines.len().saturating_sub(12)..].join("\n")
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
