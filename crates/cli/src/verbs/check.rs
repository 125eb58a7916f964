use std::mem::ManuallyDrop;

use alluvium::failure::{Exit, Told};
use alluvium_compat::{Contract, Engine, Report};
use alluvium_model::{ErrorKind, JobDescription};
use anyhow::Result;

use crate::evidence::{self, Evidence};
use crate::gate;
use crate::open::Options;
use crate::output::Out;
use crate::progress::Progress;
use crate::side::{self, Side};

/// Check whether a new version of a job can take the state of an old one.
///
/// Either side is a snapshot, ours or of Flink; or a document: a job description (what `alluvium describe JOB`
/// prints), a lock file, a descriptor in JSON, TOML or YAML, a compiled SQL plan of Flink. It lies in a
/// file or directory, behind s3://, http:// or https://, in git (git:REV[:FILE], by default alluvium.lock.toml)
/// or is the newest checkpoint of a running job (rest:URL[/JOB]). No job is ever run.
#[derive(Debug, clap::Args)]
#[command(after_help = EXIT_CODES)]
pub(crate) struct Args {
    /// The new side: what is to read the state; `-` reads a document from standard input.
    #[arg(value_name = "NEW", required_unless_present = "show_config")]
    new: Option<String>,
    /// The old side: what wrote the state.
    #[arg(long, value_name = "OLD", required_unless_present = "show_config")]
    against: Option<String>,
    /// The release that is to restore, such as `flink-2.3`; without it the new side's own.
    #[arg(long, value_name = "RELEASE")]
    target: Option<String>,
    /// Restore without a job: read every row of OLD as NEW would, and print what each subtask would get. Exits
    /// with 1 when a row cannot be read.
    #[arg(long, conflicts_with = "report")]
    dry_run: bool,
    /// What is read of the rows of OLD, as NEW would: metadata (nothing but counts that are there), sample:N (at least N
    /// rows of each state) or full. A row that fails is told on standard error, and the exit code is 1.
    #[arg(long, default_value = "metadata", value_name = "EVIDENCE", conflicts_with = "dry_run")]
    evidence: Evidence,
    #[command(flatten)]
    gate: gate::Args,
    #[command(flatten)]
    options: Options,
}

const EXIT_CODES: &str = "\
Exit codes:
  0    nothing weighs as much as --fail-on
  1    something does
  2    the arguments or the policy do not fit
  3    a side is missing, unreadable or corrupt: nothing was compared
  4    a side is valid but not supported: nothing was compared";

pub(crate) fn run(args: &Args, out: &mut Out) -> Result<Exit> {
    let side = |place: &Option<String>| place.clone().unwrap_or_default();
    let (old, new) = (&side(&args.against), &side(&args.new));
    let plan = args.gate.plan(old, new, out)?;
    if args.gate.shows_config() {
        return plan.show(out);
    }
    if args.against.is_none() || args.new.is_none() {
        return Err(Told::new(ErrorKind::Input, "check needs NEW and --against OLD").into());
    }
    if args.dry_run {
        let (new, side) = both(new, old, &args.options, Side::job, |side| side)?;
        return dry_run(side, &new, old, out);
    }
    let mut failed = 0;
    let target = args.target.as_deref().map(release).transpose();
    let report = target.and_then(|target| compare(old, new, target, args)).map(|(report, rows)| {
        failed = rows;
        report
    });
    let exit = plan.answer(old, new, report, out)?;
    Ok(if failed > 0 && exit == Exit::Clean { Exit::Findings } else { exit })
}

fn release(target: &str) -> Result<Engine> {
    let no_release = || {
        Told::new(ErrorKind::Input, format!("--target {target} names no release"))
            .next("write it as flink-2.3")
    };
    Ok(Engine::target(target).ok_or_else(no_release)?)
}

/// Compares the sides; returns the report, and the number of rows that failed where rows were read.
fn compare(old: &str, new: &str, target: Option<Engine>, args: &Args) -> Result<(Report, u64)> {
    let reads_rows = args.evidence != Evidence::Metadata;
    let read_as = |side: Side| {
        let job = side.job();
        let read_as = reads_rows.then(|| job.clone());
        (Contract::from(job), read_as)
    };
    let wrote = |side: Side| match side {
        Side::Job(job) => (Contract::from(*job), None),
        Side::Snapshot(source) => (Contract::from(source.describe()), Some(source)),
    };
    let ((restores, read_as), (wrote, rows)) = both(new, old, &args.options, read_as, wrote)?;
    // The process ends with the answer: taking large trees apart before that would be a tenth of the time.
    let (mut restores, wrote) = (ManuallyDrop::new(restores), ManuallyDrop::new(wrote));
    if reads_rows && rows.is_none() {
        return Err(Told::new(ErrorKind::Input, format!("{old} holds no rows to read"))
            .next("--evidence needs a snapshot behind --against")
            .into());
    }
    if let Some(engine) = target {
        restores.engine = engine;
    }
    let mut report = alluvium_compat::check(&wrote, &restores);
    let Some(source) = rows else { return Ok((report, 0)) };
    let progress = Progress::start("reading rows");
    let source = progress.watch(source);
    let failed = evidence::gather(&mut report, &source, read_as.as_ref(), args.evidence)?;
    Ok((report, failed))
}

/// Opens both sides at once, and makes of each what is wanted; large documents take their time.
fn both<N: Send, O>(
    new: &str,
    old: &str,
    options: &Options,
    of_new: impl FnOnce(Side) -> N + Send,
    of_old: impl FnOnce(Side) -> O,
) -> Result<(N, O)> {
    std::thread::scope(|scope| {
        let opening = scope.spawn(|| side::open(new, options).map(of_new));
        let old = side::open(old, options).map(of_old);
        let new = opening.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        Ok((new?, old?))
    })
}

fn dry_run(old: Side, new: &JobDescription, place: &str, out: &mut Out) -> Result<Exit> {
    match old {
        Side::Snapshot(source) => {
            let progress = Progress::start("reading rows");
            let source = progress.watch(source);
            crate::dry_run::run(&source, new, out)
        }
        Side::Job(_) => Err(Told::new(ErrorKind::Input, format!("{place} holds no rows to restore"))
            .next("--dry-run needs a snapshot behind --against")
            .into()),
    }
}
