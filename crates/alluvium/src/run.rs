use std::error::Error as StdError;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use alluvium_dataflow::Job;
use alluvium_env::Env;
use alluvium_model::ErrorKind;
use alluvium_runtime::{
    CheckpointConfig, ClaimMode as RuntimeClaim, JobHandle, JobState, JobStatus, PendingMode, Refusal,
    RestartStrategy, Restore, RunConfig, Runtime,
};
use alluvium_server::Server;
use alluvium_snapshot::JobRoot;
use alluvium_store::{LocalStore, Store, block_on};
use anyhow::{Context, Result};

use crate::control::Control;
use crate::failure::{Exit, Told};
use crate::registry::{self, Registration, RunningJob};
use crate::{ClaimMode, Pending, Restart, RunArgs};

/// Runs a job until it ends: in threads of this process, with its state in a local directory, its
/// REST API on loopback and its address in the user's runtime directory.
pub(crate) fn run(job: &Job, args: &RunArgs) -> Result<Exit> {
    let interrupted = on_signals().context("cannot listen for signals")?;
    let env = Env::system();
    let root = root(job, args)?;
    let config = config(args)?;
    let handle = start(job, &root, config.clone())?;
    wait_until_claimed(&handle, &interrupted);
    let control = Arc::new(Control { job: handle.clone(), config });
    let server =
        Server::start(control, env, args.rest_port).context(Told::doing("cannot serve the REST API"))?;
    let registration = announce(&handle, &root, &server);
    let status = wait(&handle, &interrupted);
    server.shutdown(GRACE);
    drop(registration);
    conclude(&status, args, &root, interrupted.load(Ordering::SeqCst))
}

/// Returns what is known of an error of the rooms that run jobs.
pub(crate) fn kind_of(cause: &(dyn StdError + 'static)) -> Option<ErrorKind> {
    if let Some(error) = cause.downcast_ref::<alluvium_runtime::Error>() {
        return Some(error.kind());
    }
    if let Some(error) = cause.downcast_ref::<alluvium_dataflow::Error>() {
        return Some(error.kind());
    }
    if let Some(error) = cause.downcast_ref::<alluvium_dataflow::OperatorError>() {
        return Some(error.kind());
    }
    if let Some(error) = cause.downcast_ref::<alluvium_snapshot::Error>() {
        return Some(error.kind());
    }
    if let Some(error) = cause.downcast_ref::<alluvium_store::Error>() {
        return Some(error.kind());
    }
    cause.downcast_ref::<alluvium_server::Error>().map(alluvium_server::Error::kind)
}

fn start(job: &Job, root: &Path, config: RunConfig) -> Result<JobHandle> {
    let doing = || Told::doing(format!("cannot open the root {}", root.display()));
    let store: Arc<dyn Store> = Arc::new(LocalStore::create_dir(root).with_context(doing)?);
    restorable(&config.restore, root, &store)?;
    let workers = std::thread::available_parallelism().map_or(2, usize::from);
    Ok(Runtime::with_threads(workers).start(job, config, store, &root.to_string_lossy()))
}

/// Refuses at once what the job would fail of once it runs: a snapshot that does not open, and a
/// root that belongs to an earlier run.
fn restorable(restore: &Restore, root: &Path, store: &Arc<dyn Store>) -> Result<()> {
    match restore {
        Restore::From(snapshot) => {
            let doing = || Told::doing(format!("cannot start from snapshot {snapshot}"));
            let location = snapshot.strip_prefix("file://").unwrap_or(snapshot);
            alluvium_snapshot::open_location(location).with_context(doing)?;
            Ok(())
        }
        Restore::None => {
            let root_of_job = JobRoot::new(Arc::clone(store), Env::system());
            let doing = || Told::doing(format!("cannot read the root {}", root.display()));
            match block_on(root_of_job.latest()).with_context(doing)? {
                None => Ok(()),
                Some(_) => Err(Told::new(
                    ErrorKind::Input,
                    format!("the root {} has checkpoints of an earlier run", root.display()),
                )
                .next("-s latest goes on from the newest one; --root DIR uses another root")
                .into()),
            }
        }
        Restore::Latest => Ok(()),
    }
}

/// The flag that Ctrl-C and SIGTERM raise; a second signal ends the process at once.
fn on_signals() -> std::io::Result<Arc<AtomicBool>> {
    use signal_hook::consts::{SIGINT, SIGTERM};
    let raised = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM] {
        let code = i32::from(Exit::Interrupted as u8);
        signal_hook::flag::register_conditional_shutdown(signal, code, Arc::clone(&raised))?;
        signal_hook::flag::register(signal, Arc::clone(&raised))?;
    }
    Ok(raised)
}

fn root(job: &Job, args: &RunArgs) -> Result<PathBuf> {
    let default = || {
        let odd = |c: char| !(c.is_ascii_alphanumeric() || "-_.".contains(c));
        PathBuf::from("alluvium").join(job.name().replace(odd, "_"))
    };
    let root = args.root.clone().unwrap_or_else(default);
    std::path::absolute(&root).with_context(|| format!("cannot use the root {}", root.display()))
}

fn config(args: &RunArgs) -> Result<RunConfig> {
    if args.max_concurrent > CONCURRENT_MAX {
        let found = args.max_concurrent;
        let told = Told::new(ErrorKind::Unsupported, format!("{found} checkpoints at a time are too many"));
        let next = "--max-concurrent 2 is the most: a task holds two frozen layers of its state";
        return Err(told.next(next).into());
    }
    Ok(RunConfig {
        parallelism: args.parallelism,
        restore: match args.from_savepoint.as_deref() {
            None => Restore::None,
            Some("latest") => Restore::Latest,
            Some(snapshot) => Restore::From(snapshot.to_owned()),
        },
        claim: match args.claim_mode {
            ClaimMode::NoClaim => RuntimeClaim::NoClaim,
            ClaimMode::Claim => RuntimeClaim::Claim,
        },
        allow_non_restored_state: args.allow_non_restored_state,
        pending: match args.pending {
            None | Some(Pending::Commit) => PendingMode::Commit,
            Some(Pending::Abort) => PendingMode::Abort,
        },
        checkpoints: CheckpointConfig {
            interval_ms: args.checkpoint_interval.0.map(millis),
            min_pause_ms: millis(args.min_pause),
            max_concurrent: args.max_concurrent as usize,
            timeout_ms: millis(args.timeout),
            tolerable_failures: args.tolerable_failed.unwrap_or(u32::MAX),
            retain: args.retain as usize,
            retain_on_cancel: !args.delete_on_cancellation,
            ..CheckpointConfig::default()
        },
        restart: restart(&args.restart),
        ..RunConfig::default()
    })
}

fn restart(strategy: &Restart) -> RestartStrategy {
    match *strategy {
        Restart::None => RestartStrategy::None,
        Restart::FixedDelay { attempts, delay } => {
            RestartStrategy::FixedDelay { attempts, delay_ms: millis(delay) }
        }
        Restart::ExponentialDelay { first, most } => RestartStrategy::ExponentialDelay {
            initial_ms: millis(first),
            most_ms: millis(most),
            reset_after_ms: 3_600_000,
            jitter: 0.1,
        },
        Restart::FailureRate { failures, interval, delay } => {
            RestartStrategy::FailureRate { failures, per_ms: millis(interval), delay_ms: millis(delay) }
        }
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// Says where the job can be reached, on standard error and in the runtime directory.
fn announce(handle: &JobHandle, root: &Path, server: &Server) -> Option<Registration> {
    let status = handle.status();
    let url = server.url();
    say(&format!("job {} ({})\nrest {url}\nroot {}", status.id, status.name, root.display()));
    let job = RunningJob {
        id: status.id,
        name: status.name,
        root: root.to_owned(),
        url,
        pid: std::process::id(),
        started_ms: status.started_ms,
    };
    registry::register(&job)
        .inspect_err(|error| say(&format!("warning: `alluvium list` will not find this job: {error}")))
        .ok()
}

/// Waits until the job has claimed its root: from then on its id is that of earlier runs of it.
fn wait_until_claimed(handle: &JobHandle, interrupted: &AtomicBool) {
    let claimed = || handle.state().is_terminal() || handle.status().attempt > 0;
    while !claimed() && !interrupted.load(Ordering::SeqCst) {
        std::thread::sleep(Duration::from_millis(2));
    }
}

fn wait(handle: &JobHandle, interrupted: &AtomicBool) -> JobStatus {
    let (mut told, mut restarts) = (false, 0);
    while !handle.state().is_terminal() {
        if handle.state() == JobState::Restarting {
            restarts = tell_restart(handle, restarts);
        }
        if interrupted.load(Ordering::SeqCst) && !told {
            told = true;
            say("interrupted: cancelling; once more ends the process at once");
            handle.cancel();
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    handle.wait()
}

/// Says why a job starts again; returns how often it has.
fn tell_restart(handle: &JobHandle, told: u32) -> u32 {
    let status = handle.status();
    if status.restarts > told {
        let reason = status.failure.as_deref().unwrap_or("no reason was given");
        say(&format!("job {} failed and starts again (restart {}): {reason}", status.id, status.restarts));
    }
    status.restarts
}

fn conclude(status: &JobStatus, args: &RunArgs, root: &Path, interrupted: bool) -> Result<Exit> {
    say(&format!("job {} {}", status.id, status.state.word()));
    match status.state {
        JobState::Failed => {
            let reason = status.failure.clone().unwrap_or_else(|| "no reason was given".into());
            let (kind, next) = match (status.failure_kind, status.refusal) {
                (Some(ErrorKind::Conflict), _) => {
                    (ErrorKind::Conflict, "the root belongs to the newer attempt, which goes on".to_owned())
                }
                (_, Some(refusal)) => (ErrorKind::Internal, refused(refusal, args, root)),
                _ => (ErrorKind::Internal, "-s latest goes on from its newest checkpoint".to_owned()),
            };
            let failed = anyhow::Error::new(Told::new(kind, reason));
            Err(failed.context(Told::doing(format!("job {} failed", status.id)).next(next)))
        }
        _ if interrupted => Ok(Exit::Interrupted),
        _ => Ok(Exit::Clean),
    }
}

/// Says how to find out what a snapshot has against the job, and what would make it start.
fn refused(refusal: Refusal, args: &RunArgs, root: &Path) -> String {
    let snapshot = match args.from_savepoint.as_deref() {
        None | Some("latest") => root.display().to_string(),
        Some(snapshot) => snapshot.to_owned(),
    };
    let check = format!(
        "`alluvium describe JOB > new.json`, then `alluvium check new.json --against {snapshot}` tells what \
         does not fit"
    );
    match refusal {
        Refusal::StateLeft => format!("{check}; -n starts the job and leaves that state behind"),
        Refusal::StateDoesNotFit => check,
    }
}

fn say(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}

/// Frozen layers that a task holds at most.
const CONCURRENT_MAX: u32 = 2;
/// How long the outcome of a stop waits for its client.
const GRACE: Duration = Duration::from_secs(3);
