use std::io::Read;
use std::path::Path;

use alluvium::failure::{Exit, Told};
use alluvium_compat::{Contract, Engine, Finding, Report, Severity};
use alluvium_model::job::job_from_json;
use alluvium_model::{ErrorKind, SnapshotSource};
use anyhow::{Context, Result};
use clap::ValueEnum;
use serde_json::Value as Json;

use crate::open::Options;
use crate::output::{self, Format, Object, Out, escape};

/// Check whether a new version of a job can take the state of an old one.
///
/// Either side is a job description (what `alluvium describe JOB` prints) or a snapshot, ours or of
/// Flink. Files are read; no job is ever run.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The new side: a job description or a snapshot; `-` reads a description from standard input.
    #[arg(value_name = "NEW")]
    new: String,
    /// The old side, whose state there is.
    #[arg(long, value_name = "OLD")]
    against: String,
    /// The release that is to restore, such as `flink-2.3`; without it the new side's own.
    #[arg(long, value_name = "RELEASE")]
    target: Option<String>,
    /// Exit with 1 for findings that weigh at least so much.
    #[arg(long, value_enum, default_value_t, value_name = "SEVERITY")]
    fail_on: FailOn,
    #[command(flatten)]
    options: Options,
}

/// A weight of findings.
#[derive(Debug, Clone, Copy, Default, ValueEnum)]
enum FailOn {
    /// Anything that changed.
    Info,
    /// What may be lost or surprise.
    #[default]
    Warn,
    /// What is lost or does not restore.
    Deny,
}

pub(crate) fn run(args: &Args, out: &mut Out) -> Result<Exit> {
    let mut new = side(&args.new, &args.options)?;
    if let Some(target) = &args.target {
        new.engine = Engine::target(target).ok_or_else(|| {
            Told::new(ErrorKind::Input, format!("--target {target} names no release"))
                .next("write it as flink-2.3")
        })?;
    }
    let old = side(&args.against, &args.options)?;
    let report = alluvium_compat::check(&old, &new);
    match out.format_or(Format::Json) {
        Format::Json | Format::Jsonl => out.json(&report.to_json())?,
        Format::Csv => csv(&report, out)?,
        Format::Table => text(&report, out)?,
    }
    let weight = match args.fail_on {
        FailOn::Info => Severity::Info,
        FailOn::Warn => Severity::Warn,
        FailOn::Deny => Severity::Deny,
    };
    Ok(if report.fails_on(weight) { Exit::Findings } else { Exit::Clean })
}

/// Reads one side: JSON is a job description, everything else is opened as a snapshot.
fn side(place: &str, options: &Options) -> Result<Contract> {
    let path = Path::new(place);
    if place != "-" && !path.is_file() {
        return snapshot(place, options);
    }
    let mut head = Vec::new();
    let doing = || format!("cannot read {place}");
    let mut input: Box<dyn Read> = if place == "-" {
        Box::new(std::io::stdin())
    } else {
        Box::new(std::fs::File::open(path).with_context(doing)?)
    };
    input.by_ref().take(DESCRIPTION_BYTES).read_to_end(&mut head).with_context(doing)?;
    match head.iter().find(|byte| !byte.is_ascii_whitespace()) {
        Some(b'{') => description(place, &head),
        Some(0x7f | b'#') => {
            Err(Told::new(ErrorKind::Input, format!("{place} is a program; check never runs one"))
                .next(format!("alluvium describe {place} > job.json, and check job.json"))
                .into())
        }
        _ if place == "-" => Err(Told::new(ErrorKind::Input, "standard input is no job description").into()),
        _ => snapshot(place, options),
    }
}

fn description(place: &str, text: &[u8]) -> Result<Contract> {
    let doing =
        || Told::doing(format!("{place} is no job description")).next("`alluvium describe JOB` prints one");
    let json: Json = serde_json::from_slice(text)
        .map_err(|error| Told::new(ErrorKind::Corrupt, error.to_string()))
        .with_context(doing)?;
    let job = job_from_json(&json).map_err(|error| {
        let kind = if error.kind() == ErrorKind::Input { ErrorKind::Corrupt } else { error.kind() };
        anyhow::Error::new(Told::new(kind, error.to_string())).context(doing())
    })?;
    Ok(Contract::from(&job))
}

fn snapshot(place: &str, options: &Options) -> Result<Contract> {
    let source: Box<dyn SnapshotSource> = crate::open::snapshot(place, options)?;
    Ok(Contract::from(source.describe()))
}

fn csv(report: &Report, out: &mut Out) -> Result<()> {
    let mut records =
        out.records(&["rule", "name", "severity", "operator", "state", "sees", "consequence", "fix"]);
    for finding in &report.findings {
        let object: Object = finding.to_json().as_object().cloned().unwrap_or_default();
        records.push(object)?;
    }
    records.end()?;
    Ok(())
}

fn text(report: &Report, out: &mut Out) -> Result<()> {
    for finding in &report.findings {
        for line in finding_lines(finding) {
            out.line(&line)?;
        }
        out.line("")?;
    }
    if !report.states.is_empty() {
        let mut table = output::plain_table(["STATE", "VERDICT"].map(str::to_owned));
        for state in &report.states {
            table.add_row([
                format!("{}/{}", escape(&state.operator), escape(&state.state)),
                state.verdict.name().replace('-', " "),
            ]);
        }
        output::write_table(out, &table)?;
        out.line("")?;
    }
    let count = |severity| report.count(severity);
    out.line(&format!(
        "check: {} deny, {} warn, {} info; the new job {}",
        count(Severity::Deny),
        count(Severity::Warn),
        count(Severity::Info),
        report.overall.sentence()
    ))?;
    Ok(())
}

fn finding_lines(finding: &Finding) -> Vec<String> {
    let mut lines = vec![
        format!("{}[{}]: {}", finding.severity.name(), finding.rule.id, finding.rule.title),
        format!("  --> {}", escape(&finding.place())),
    ];
    for (name, text) in [("sees", &finding.sees), ("then", &finding.consequence), ("fix", &finding.fix)] {
        if !text.is_empty() {
            lines.push(format!("   = {name}: {}", escape(text)));
        }
    }
    lines.push(format!("   = more: alluvium explain {}", finding.rule.id));
    lines
}

/// Most bytes of a job description.
const DESCRIPTION_BYTES: u64 = 64 << 20;
