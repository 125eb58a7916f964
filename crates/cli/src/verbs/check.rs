use alluvium::failure::{Exit, Told};
use alluvium_compat::{Contract, Engine, Finding, Report, Severity, Verdict};
use alluvium_model::ErrorKind;
use anyhow::Result;
use clap::ValueEnum;

use crate::open::Options;
use crate::output::{self, Format, Object, Out, escape};
use crate::progress::Progress;
use crate::side::{self, Side};

/// Check whether a new version of a job can take the state of an old one.
///
/// Either side is a snapshot, ours or of Flink; or a document: a job description (what `alluvium describe JOB`
/// prints), a lock file, a descriptor in JSON, TOML or YAML, a compiled SQL plan of Flink. It lies in a
/// file or directory, behind s3://, http:// or https://, in git (git:REV[:FILE], by default alluvium.lock.toml)
/// or is the newest checkpoint of a running job (rest:URL[/JOB]). No job is ever run.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The new side: what is to read the state; `-` reads a document from standard input.
    #[arg(value_name = "NEW")]
    new: String,
    /// The old side: what wrote the state.
    #[arg(long, value_name = "OLD")]
    against: String,
    /// The release that is to restore, such as `flink-2.3`; without it the new side's own.
    #[arg(long, value_name = "RELEASE")]
    target: Option<String>,
    /// Exit with 1 for findings that weigh at least so much.
    #[arg(long, value_enum, default_value_t, value_name = "SEVERITY")]
    fail_on: FailOn,
    /// Restore without a job: read every row of OLD as NEW would, and print what each subtask would get. Exits
    /// with 1 when a row cannot be read.
    #[arg(long)]
    dry_run: bool,
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
    let new = side::open(&args.new, &args.options)?;
    let old = side::open(&args.against, &args.options)?;
    if args.dry_run {
        return dry_run(old, &new, &args.against, out);
    }
    let mut restores = Contract::from(&new.job());
    if let Some(target) = &args.target {
        restores.engine = Engine::target(target).ok_or_else(|| {
            Told::new(ErrorKind::Input, format!("--target {target} names no release"))
                .next("write it as flink-2.3")
        })?;
    }
    let report = alluvium_compat::check(&Contract::from(&old.job()), &restores);
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

fn dry_run(old: Side, new: &Side, place: &str, out: &mut Out) -> Result<Exit> {
    match old {
        Side::Snapshot(source) => {
            let progress = Progress::start("reading rows");
            let source = progress.watch(source);
            crate::dry_run::run(&source, &new.job(), out)
        }
        Side::Job(_) => Err(Told::new(ErrorKind::Input, format!("{place} holds no rows to restore"))
            .next("--dry-run needs a snapshot behind --against")
            .into()),
    }
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
        "check: {} deny, {} warn, {} info; the new job {}{}",
        count(Severity::Deny),
        count(Severity::Warn),
        count(Severity::Info),
        report.overall.sentence(),
        not_checked(report)
    ))?;
    Ok(())
}

/// Tells how many states were not checked, if some were not.
fn not_checked(report: &Report) -> String {
    match report.states.iter().filter(|state| state.verdict == Verdict::NotChecked).count() {
        0 => String::new(),
        n => format!(" as far as it is described; {n} states not checked"),
    }
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
