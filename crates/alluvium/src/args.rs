use std::ffi::OsString;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use clap::{Args, ValueEnum};

use crate::duration;

/// What a job is given after `--`.
///
/// ```
/// let args = alluvium::JobArgs::new(["--rate", "100", "--input=a.parquet"]);
/// assert_eq!(args.parsed::<u64>("rate"), Ok(Some(100)));
/// assert_eq!(args.option("input"), Some("a.parquet"));
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct JobArgs {
    values: Vec<String>,
}

impl JobArgs {
    /// Wraps arguments.
    pub fn new(values: impl IntoIterator<Item = impl Into<String>>) -> Self {
        JobArgs { values: values.into_iter().map(Into::into).collect() }
    }

    /// Returns all arguments as given.
    pub fn values(&self) -> &[String] {
        &self.values
    }

    /// Returns the value of `--name VALUE` or `--name=VALUE`; the last one counts.
    pub fn option(&self, name: &str) -> Option<&str> {
        let mut found = None;
        for (i, value) in self.values.iter().enumerate() {
            let Some(rest) = value.strip_prefix("--").and_then(|v| v.strip_prefix(name)) else { continue };
            if rest.is_empty() {
                found = self.values.get(i + 1).map(String::as_str);
            } else if let Some(value) = rest.strip_prefix('=') {
                found = Some(value);
            }
        }
        found
    }

    /// Returns the value of an option, read as a `T`.
    ///
    /// # Errors
    /// A sentence that names the option and its value.
    pub fn parsed<T: FromStr<Err: std::fmt::Display>>(&self, name: &str) -> Result<Option<T>, String> {
        let read = |text: &str| text.parse().map_err(|error| format!("--{name} {text}: {error}"));
        self.option(name).map(read).transpose()
    }

    /// Returns whether `--name` is among the arguments.
    pub fn flag(&self, name: &str) -> bool {
        self.values.iter().any(|v| v.strip_prefix("--") == Some(name))
    }
}

/// How a snapshot that a job starts from is treated.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum ClaimMode {
    /// Not even the first checkpoint refers to it: what it holds is copied, and it may go.
    #[default]
    NoClaim,
    /// Checkpoints refer to its objects until merges have replaced them, so it must stay as long as
    /// `inspect` says that one is borrowing. Nothing of it is changed or deleted.
    Claim,
}

/// What happens at a restore to transactions that the snapshot holds as pending.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Pending {
    /// They are committed before the first record.
    Commit,
    /// They are dropped, as for a fork of a job that goes on elsewhere.
    Abort,
}

/// When a failed job is started again.
#[derive(Debug, Clone, PartialEq)]
pub enum Restart {
    /// Never.
    None,
    /// After a fixed delay, a number of times.
    FixedDelay {
        /// How many times.
        attempts: u32,
        /// How long to wait.
        delay: Duration,
    },
    /// After a delay that doubles, with jitter, without end.
    ExponentialDelay {
        /// First delay.
        first: Duration,
        /// Longest delay.
        most: Duration,
    },
    /// After a fixed delay, unless it fails too often.
    FailureRate {
        /// Most failures in an interval.
        failures: u32,
        /// The interval.
        interval: Duration,
        /// How long to wait.
        delay: Duration,
    },
}

impl FromStr for Restart {
    type Err = String;

    /// Reads `none`, `fixed-delay[:N[,DELAY]]`, `exponential-delay[:FIRST[,MOST]]` or
    /// `failure-rate[:N[,INTERVAL[,DELAY]]]`.
    fn from_str(text: &str) -> Result<Self, String> {
        let (name, rest) = text.split_once(':').unwrap_or((text, ""));
        let parts: Vec<&str> = rest.split(',').filter(|part| !part.is_empty()).collect();
        let number = |i: usize, default: u32| match parts.get(i) {
            Some(part) => part.trim().parse().map_err(|_| format!("{part:?} is not a number")),
            None => Ok(default),
        };
        let time = |i: usize, default: u64| match parts.get(i) {
            Some(part) => duration::parse(part),
            None => Ok(Duration::from_millis(default)),
        };
        match name {
            "none" => Ok(Restart::None),
            "fixed-delay" => Ok(Restart::FixedDelay { attempts: number(0, 3)?, delay: time(1, 1000)? }),
            "exponential-delay" => {
                Ok(Restart::ExponentialDelay { first: time(0, 1000)?, most: time(1, 60_000)? })
            }
            "failure-rate" => Ok(Restart::FailureRate {
                failures: number(0, 3)?,
                interval: time(1, 60_000)?,
                delay: time(2, 1000)?,
            }),
            _ => Err("one of none, fixed-delay:N,DELAY, exponential-delay:FIRST,MOST, \
                      failure-rate:N,INTERVAL,DELAY is wanted"
                .into()),
        }
    }
}

impl std::fmt::Display for Restart {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let time = |d: &Duration| duration::print(*d);
        match self {
            Restart::None => f.write_str("none"),
            Restart::FixedDelay { attempts, delay } => write!(f, "fixed-delay:{attempts},{}", time(delay)),
            Restart::ExponentialDelay { first, most } => {
                write!(f, "exponential-delay:{},{}", time(first), time(most))
            }
            Restart::FailureRate { failures, interval, delay } => {
                write!(f, "failure-rate:{failures},{},{}", time(interval), time(delay))
            }
        }
    }
}

/// The flags of `run`, the same for a job binary and for `alluvium run JOB`.
#[derive(Debug, Clone, PartialEq, Args)]
pub struct RunArgs {
    /// Start from this snapshot: a savepoint, a checkpoint's manifest, a job's root, or `latest`
    /// for the newest complete checkpoint of --root.
    #[arg(short = 's', long, value_name = "SNAP")]
    pub from_savepoint: Option<String>,
    /// Allow state in the snapshot that no operator of the job takes.
    #[arg(short = 'n', long)]
    pub allow_non_restored_state: bool,
    /// Number of subtasks of every operator that does not set its own.
    #[arg(short = 'p', long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=32_768))]
    pub parallelism: u32,
    /// Directory of the job: its checkpoints and, by default, its savepoints. Default: alluvium/<job name>.
    #[arg(long, value_name = "DIR")]
    pub root: Option<PathBuf>,
    /// Time from the start of one checkpoint to the next, for example 10s; `none` for none.
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = interval)]
    pub checkpoint_interval: Interval,
    /// Least time between the end of a checkpoint and the start of the next.
    #[arg(long, value_name = "TIME", default_value = "0ms", value_parser = duration::parse)]
    pub min_pause: Duration,
    /// Most time for one checkpoint.
    #[arg(long, value_name = "TIME", default_value = "10min", value_parser = duration::parse)]
    pub timeout: Duration,
    /// Most checkpoints at the same time, 1 or 2; with --min-pause always one.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    pub max_concurrent: u32,
    /// How many checkpoints in a row may fail before the job does; any number if absent.
    #[arg(long, value_name = "N")]
    pub tolerable_failed: Option<u32>,
    /// How many complete checkpoints are kept.
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..))]
    pub retain: u32,
    /// Delete the checkpoints when the job is cancelled.
    #[arg(long)]
    pub delete_on_cancellation: bool,
    /// When a failed job starts again: none, fixed-delay:N,DELAY, exponential-delay:FIRST,MOST or
    /// failure-rate:N,INTERVAL,DELAY.
    #[arg(long, value_name = "STRATEGY", default_value = "exponential-delay")]
    pub restart: Restart,
    /// Whether checkpoints may refer to the objects of the snapshot that the job starts from.
    #[arg(long, value_enum, default_value_t)]
    pub claim_mode: ClaimMode,
    /// What happens to pending sink transactions of that snapshot.
    #[arg(long, value_enum)]
    pub pending: Option<Pending>,
    /// Port of the REST API on 127.0.0.1, 0 for any. Default: 8081 or the next free one.
    #[arg(long, value_name = "PORT")]
    pub rest_port: Option<u16>,
    /// Arguments of the job.
    #[arg(id = "job_arguments", last = true, value_name = "JOB ARGUMENTS")]
    pub job: Vec<String>,
}

/// Time between checkpoints; none if they are only taken on request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Interval(pub Option<Duration>);

fn interval(text: &str) -> Result<Interval, String> {
    match text {
        "none" => Ok(Interval(None)),
        text => match duration::parse(text)? {
            Duration::ZERO => Err("an interval above 0, or none, is wanted".into()),
            interval => Ok(Interval(Some(interval))),
        },
    }
}

impl RunArgs {
    /// Returns the flags as arguments that read back equal, for another process.
    pub fn to_args(&self) -> Vec<OsString> {
        let mut args: Vec<OsString> = Vec::new();
        let mut option = |name: &str, value: Option<OsString>| {
            if let Some(value) = value {
                // One argument each, so that no value can pass for a flag.
                let mut arg = OsString::from(format!("--{name}="));
                arg.push(value);
                args.push(arg);
            }
        };
        let time = |d: Duration| Some(duration::print(d).into());
        option("from-savepoint", self.from_savepoint.clone().map(Into::into));
        option("parallelism", Some(self.parallelism.to_string().into()));
        option("root", self.root.clone().map(Into::into));
        option("checkpoint-interval", self.checkpoint_interval.0.map_or(Some("none".into()), time));
        option("min-pause", time(self.min_pause));
        option("timeout", time(self.timeout));
        option("max-concurrent", Some(self.max_concurrent.to_string().into()));
        option("tolerable-failed", self.tolerable_failed.map(|n| n.to_string().into()));
        option("retain", Some(self.retain.to_string().into()));
        option("restart", Some(self.restart.to_string().into()));
        option("claim-mode", word(&self.claim_mode));
        option("pending", self.pending.as_ref().and_then(word));
        option("rest-port", self.rest_port.map(|port| port.to_string().into()));
        for (name, given) in [
            ("--allow-non-restored-state", self.allow_non_restored_state),
            ("--delete-on-cancellation", self.delete_on_cancellation),
        ] {
            if given {
                args.push(name.into());
            }
        }
        if !self.job.is_empty() {
            args.push("--".into());
            args.extend(self.job.iter().map(OsString::from));
        }
        args
    }
}

fn word(value: &impl ValueEnum) -> Option<OsString> {
    value.to_possible_value().map(|v| v.get_name().into())
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Alone {
        #[command(flatten)]
        run: RunArgs,
    }

    fn parse(args: &[&str]) -> RunArgs {
        Alone::try_parse_from(std::iter::once(&"job").chain(args)).unwrap().run
    }

    #[test]
    fn flags_read_back_what_they_print() {
        for args in [
            &[][..],
            &["-s", "latest", "-n", "-p", "4", "--root", "a b", "--checkpoint-interval", "none"],
            &[
                "--restart",
                "failure-rate:2,1min,5s",
                "--claim-mode",
                "claim",
                "--pending",
                "abort",
                "--",
                "--rate",
                "-1",
            ],
            &["--rest-port", "0", "--retain", "5", "--tolerable-failed", "1", "--delete-on-cancellation"],
        ] {
            let run = parse(args);
            let printed: Vec<OsString> = std::iter::once("job".into()).chain(run.to_args()).collect();
            assert_eq!(Alone::try_parse_from(printed).unwrap().run, run);
        }
    }

    #[test]
    fn odd_flags_are_refused() {
        for args in
            [&["-p", "0"][..], &["--checkpoint-interval", "0s"], &["--restart", "always"], &["--retain", "0"]]
        {
            assert!(Alone::try_parse_from(std::iter::once(&"job").chain(args)).is_err(), "{args:?}");
        }
    }

    #[test]
    fn job_options_take_the_last_value() {
        let args = JobArgs::new(["--rate", "1", "--rate=2", "--quiet"]);
        assert_eq!(args.option("rate"), Some("2"));
        assert!(args.flag("quiet") && !args.flag("rates") && args.option("rat").is_none());
        assert!(args.parsed::<bool>("rate").is_err());
    }
}
