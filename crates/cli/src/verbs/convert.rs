use std::path::{Path, PathBuf};

use alluvium::env::Env;
use alluvium::failure::{Exit, Told};
use alluvium_convert::{Format as FileFormat, ImportPlan, Report, SCHEMA_FILE, Schemas, Tolerant};
use alluvium_model::job::job_from_json;
use alluvium_model::{ErrorKind, SnapshotSource};
use anyhow::{Context, Result};
use clap::ValueEnum;
use serde_json::json;

use crate::open::{Opened, Options};
use crate::output::{Format, Out, escape};
use crate::progress::Progress;

/// Convert between formats, and say what was lost.
///
/// A snapshot, ours or of Flink, becomes files, one per state (parquet, jsonl, csv, arrow), or a compacted savepoint.
/// Files of that kind (parquet, jsonl) become a savepoint: on their own, with the schemas of a job
/// description, or over another snapshot, whose other states are kept.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// A snapshot; or a directory of files, or one file with --state.
    #[arg(value_name = "SRC")]
    source: PathBuf,
    /// Directory to write; it must not exist, or be empty.
    #[arg(value_name = "DST")]
    destination: PathBuf,
    /// What to write of a snapshot.
    #[arg(long, value_enum, value_name = "FORM")]
    to: Option<To>,
    /// Import files with the schemas of this job description. Default: job.json beside the files.
    #[arg(long, value_name = "JOB.json")]
    schemas: Option<PathBuf>,
    /// Import files over this snapshot: states without a file are copied from it.
    #[arg(long, value_name = "SNAP", conflicts_with = "schemas")]
    like: Option<String>,
    /// The state that the one file SRC holds.
    #[arg(long, value_name = "OP/STATE")]
    state: Option<String>,
    /// Time of last access, in milliseconds since 1970, of imported rows that have none.
    #[arg(long, value_name = "MS")]
    last_access: Option<i64>,
    /// Leave out the parts of a snapshot that cannot be read, and name them.
    #[arg(long)]
    keep_going: bool,
    #[command(flatten)]
    options: Options,
}

/// What can be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum To {
    /// Apache Parquet files with the columns of the tables.
    Parquet,
    /// The lines of `cat`.
    Jsonl,
    /// The lines of `cat` as comma-separated values.
    Csv,
    /// Arrow IPC files with the columns of the tables.
    Arrow,
    /// A compacted, self-contained savepoint.
    Savepoint,
}

pub(crate) fn run(args: &Args, out: &mut Out) -> Result<Exit> {
    let doing = || Told::doing(format!("cannot convert {}", args.source.display()));
    let progress = Progress::start("converting");
    let report = match import_schemas(args).with_context(doing)? {
        Some(schemas) => import(args, schemas).with_context(doing)?,
        None => export(args, &progress)?,
    };
    drop(progress);
    print(&report, out)?;
    Ok(if report.is_lossless() { Exit::Clean } else { Exit::Findings })
}

fn export(args: &Args, progress: &Progress) -> Result<Report> {
    let place = args.source.to_string_lossy();
    let destination = &args.destination;
    let opened = crate::open::open(&place, &args.options)?;
    let format = match args.to.unwrap_or(To::Parquet) {
        To::Savepoint => None,
        To::Parquet => Some(FileFormat::Parquet),
        To::Jsonl => Some(FileFormat::Jsonl),
        To::Csv => Some(FileFormat::Csv),
        To::Arrow => Some(FileFormat::ArrowIpc),
    };
    let report = match (format, opened) {
        (Some(format), opened) => {
            let source = progress.watch(opened.into_source());
            reading(args, &source, |source| alluvium_convert::export(source, destination, format))
        }
        (None, Opened::Ours(snapshot)) => {
            alluvium_convert::to_savepoint(&snapshot, destination, &Env::system())
        }
        (None, Opened::Flink(snapshot)) => {
            let copy =
                |source: &dyn SnapshotSource| alluvium_convert::copy(source, destination, &Env::system());
            reading(args, &progress.watch(snapshot), copy)
        }
    };
    report.map_err(|error| {
        let told = Told::doing(format!("cannot convert {place} to {}", destination.display()));
        let damaged = matches!(error.kind(), ErrorKind::Corrupt | ErrorKind::Unsupported);
        let hint = "`alluvium verify` names all parts that cannot be read, --keep-going leaves them out";
        anyhow::Error::new(error).context(if damaged { told.next(hint) } else { told })
    })
}

/// Converts a snapshot, or what of it can be read.
fn reading(
    args: &Args,
    source: &dyn SnapshotSource,
    convert: impl FnOnce(&dyn SnapshotSource) -> Result<Report, alluvium_convert::Error>,
) -> Result<Report, alluvium_convert::Error> {
    if !args.keep_going {
        return convert(source);
    }
    let tolerant = Tolerant::new(source);
    let mut report = convert(&tolerant)?;
    tolerant.mark(&mut report);
    for fault in tolerant.faults() {
        eprintln!("left out: {}", escape(&fault));
    }
    Ok(report)
}

/// Returns the schemas of an import; none when SRC is a snapshot.
fn import_schemas(args: &Args) -> Result<Option<Schemas>> {
    if let Some(like) = &args.like {
        return Ok(Some(match crate::open::open(like, &args.options)? {
            Opened::Ours(snapshot) => Schemas::Like(snapshot),
            Opened::Flink(snapshot) => Schemas::LikeOther(snapshot),
        }));
    }
    let beside = if args.source.is_dir() {
        args.source.join(SCHEMA_FILE)
    } else {
        args.source.with_file_name(SCHEMA_FILE)
    };
    let is_file_of_state = args.source.is_file() && args.state.is_some();
    match &args.schemas {
        Some(path) => description(path).map(Some),
        None if (args.source.is_dir() || is_file_of_state) && beside.is_file() => {
            description(&beside).map(Some)
        }
        None if is_file_of_state => Err(Told::new(ErrorKind::Input, "the schema of the state is not known")
            .next("--schemas JOB.json, or --like SNAP to patch a snapshot")
            .into()),
        None => Ok(None),
    }
}

fn description(path: &Path) -> Result<Schemas> {
    let doing = || format!("cannot read the job description {}", path.display());
    let text = std::fs::read(path).with_context(doing)?;
    let json = serde_json::from_slice(&text)
        .map_err(|error| Told::new(ErrorKind::Corrupt, error.to_string()))
        .with_context(doing)?;
    Ok(Schemas::Job(job_from_json(&json).with_context(doing)?))
}

fn import(args: &Args, schemas: Schemas) -> Result<Report> {
    if args.to.is_some_and(|to| to != To::Savepoint) {
        let told = Told::new(ErrorKind::Unsupported, "files are converted to savepoints only");
        return Err(told.next("convert them to a savepoint first, and that to the other form").into());
    }
    let mut plan = ImportPlan::new(schemas);
    plan.state = args.state.clone();
    plan.last_access_ms = args.last_access;
    Ok(alluvium_convert::import(&args.source, &args.destination, &plan, &Env::system())?)
}

fn print(report: &Report, out: &mut Out) -> Result<()> {
    if matches!(out.format_or(Format::Json), Format::Json | Format::Jsonl) {
        return Ok(out.json(&report.to_json())?);
    }
    let mut records = out.records(&["operator", "state", "file", "read", "written", "lost"]);
    for state in &report.states {
        let lost: Vec<&str> = state.losses.iter().map(|loss| loss.sentence()).collect();
        let row = json!({
            "operator": state.operator,
            "state": state.state,
            "file": state.file,
            "read": state.read,
            "written": state.written,
            "lost": lost.join("; "),
        });
        records.push(row.as_object().cloned().unwrap_or_default())?;
    }
    records.end()?;
    Ok(())
}
