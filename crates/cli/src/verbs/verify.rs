use alluvium::failure::Exit;
use alluvium_query::VerifyReport;
use anyhow::Result;

use crate::open::Options;
use crate::output::{self, Format, Object, Out};
use crate::progress::Progress;

/// Check a snapshot through and through.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Snapshot, ours or of Flink: a directory or s3:// URL, a manifest or _metadata, or the root of a job
    /// for its newest checkpoint.
    #[arg(value_name = "SNAP")]
    snapshot: String,
    /// Stop after so many damages.
    #[arg(long, value_name = "N", default_value_t = 100)]
    most: usize,
    #[command(flatten)]
    options: Options,
}

pub(crate) fn run(args: &Args, out: &mut Out) -> Result<Exit> {
    let progress = Progress::start(format!("verifying {}", args.snapshot));
    let source = crate::open::snapshot(&args.snapshot, &args.options)?;
    let report = alluvium_query::verify(&*source, args.most.max(1))?;
    drop(progress);
    let format = out.format_or(Format::Json);
    match format {
        Format::Json | Format::Jsonl => out.json(&report.to_json())?,
        Format::Table | Format::Csv => damages(&report, out)?,
    }
    if format == Format::Table {
        out.line(&summary(&report))?;
    }
    out.flush()?;
    if format != Format::Table {
        eprintln!("{}", summary(&report));
    }
    Ok(if report.is_clean() { Exit::Clean } else { Exit::Findings })
}

fn damages(report: &VerifyReport, out: &mut Out) -> Result<()> {
    let mut records = out.records(&["rule", "operator", "state", "place", "message"]);
    let json = report.to_json();
    for damage in json["damages"].as_array().into_iter().flatten() {
        let mut damage: Object = damage.as_object().cloned().unwrap_or_default();
        damage.retain(|_, value| !value.is_null());
        records.push(damage)?;
    }
    records.end()?;
    Ok(())
}

/// What was read and how it is: the last line of the table, a line beside any other form.
fn summary(report: &VerifyReport) -> String {
    let read = &report.verified;
    let more = if report.stopped { "; there may be more" } else { "" };
    let found = match report.damages.len() {
        0 => "sound".to_owned(),
        1 => "1 damage".to_owned(),
        n => format!("{n} damages"),
    };
    format!(
        "{found}: {} objects, {}, {} rows read{more}",
        output::count(read.objects),
        output::bytes(read.bytes),
        output::count(read.rows)
    )
}
