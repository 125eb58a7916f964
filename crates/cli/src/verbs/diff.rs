use std::ops::ControlFlow;

use alluvium::failure::Exit;
use alluvium_query::Difference;
use anyhow::{Context, Result};
use serde_json::Value as Json;

use crate::open::Options;
use crate::output::{Format, Object, Out, cell, escape};
use crate::progress::Progress;

/// Compare two snapshots entry by entry.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The snapshot before, ours or of Flink.
    #[arg(value_name = "A")]
    left: String,
    /// The snapshot after, ours or of Flink.
    #[arg(value_name = "B")]
    right: String,
    /// Only say how much differs.
    #[arg(long)]
    summary: bool,
    /// Print at most so many differences, and stop there.
    #[arg(long, value_name = "N")]
    limit: Option<u64>,
    #[command(flatten)]
    options: Options,
}

pub(crate) fn run(args: &Args, out: &mut Out) -> Result<Exit> {
    let progress = Progress::start("comparing");
    let left = progress.watch(crate::open::snapshot(&args.left, &args.options)?);
    let right = progress.watch(crate::open::snapshot(&args.right, &args.options)?);
    let format = out.format();
    let mut list = List { out, format, first: true, printed: 0, limit: args.limit, silent: args.summary };
    let mut failed = None;
    let summary = alluvium_query::diff(&left, &right, &mut |difference| match list.push(&difference) {
        Ok(flow) => flow,
        Err(error) => {
            failed = Some(error);
            ControlFlow::Break(())
        }
    })
    .with_context(|| format!("comparing {} with {}", args.left, args.right))?;
    drop(progress);
    if let Some(error) = failed {
        return Err(error.into());
    }
    list.end(&summary)?;
    Ok(if summary.is_equal() { Exit::Clean } else { Exit::Findings })
}

struct List<'a> {
    out: &'a mut Out,
    format: Format,
    first: bool,
    printed: u64,
    limit: Option<u64>,
    silent: bool,
}

impl List<'_> {
    fn push(&mut self, difference: &Difference) -> std::io::Result<ControlFlow<()>> {
        if self.silent {
            return Ok(ControlFlow::Continue(()));
        }
        if self.limit.is_some_and(|limit| self.printed >= limit) {
            return Ok(ControlFlow::Break(()));
        }
        self.printed += 1;
        self.item(&difference.to_json())?;
        Ok(ControlFlow::Continue(()))
    }

    fn item(&mut self, json: &Json) -> std::io::Result<()> {
        let first = std::mem::replace(&mut self.first, false);
        match self.format {
            Format::Table => self.out.line(&line(json)),
            Format::Jsonl => self.out.line(&json.to_string()),
            Format::Json if first => self.out.line(&format!("[\n{json}")),
            Format::Json => self.out.line(&format!(",{json}")),
            Format::Csv => {
                if first {
                    self.out.line("what,change,operator,state,detail")?;
                }
                self.out.line(&crate::output::csv_line(&[
                    text(json, "what"),
                    text(json, "change"),
                    text(json, "operator"),
                    text(json, "state"),
                    &json.to_string(),
                ]))
            }
        }
    }

    fn end(&mut self, summary: &alluvium_query::DiffSummary) -> std::io::Result<()> {
        let json = summary.to_json();
        match self.format {
            Format::Json | Format::Jsonl => self.item(&json)?,
            Format::Table | Format::Csv => {
                self.out.flush()?;
                eprintln!(
                    "{} added, {} removed, {} changed, {} equal, {} structural{}",
                    summary.added,
                    summary.removed,
                    summary.changed,
                    summary.equal,
                    summary.structure,
                    if summary.key_groups_skipped > 0 {
                        format!("; {} key groups of equal digest not read", summary.key_groups_skipped)
                    } else {
                        String::new()
                    }
                );
            }
        }
        if self.format == Format::Json { self.out.line("]") } else { Ok(()) }
    }
}

/// One difference for people: `~ aircraft/position key=N14228  {…} → {…}`.
fn line(json: &Json) -> String {
    let sign = match text(json, "change") {
        "added" => '+',
        "removed" => '-',
        _ => '~',
    };
    let place = match (text(json, "operator"), text(json, "state")) {
        (operator, "") => escape(operator),
        (operator, state) => format!("{}/{}", escape(operator), escape(state)),
    };
    let hidden = ["what", "change", "operator", "state", "before", "after", "key_group", "differences"];
    let object = json.as_object().cloned().unwrap_or_default();
    let identity: Vec<String> = object
        .iter()
        .filter(|(name, _)| !hidden.contains(&name.as_str()))
        .map(|(n, v)| format!("{n}={}", cell(v)))
        .collect();
    let what = if text(json, "what") == "entry" { String::new() } else { format!("{} ", text(json, "what")) };
    let detail = match (payload(&object, "before"), payload(&object, "after"), object.get("differences")) {
        (_, _, Some(differences)) => cell(differences),
        (Some(before), Some(after), _) => format!("{before} → {after}"),
        (Some(one), None, _) | (None, Some(one), _) => one,
        _ => String::new(),
    };
    format!("{sign} {what}{place} {}  {detail}", identity.join(" ")).trim_end().to_owned()
}

fn payload(object: &Object, member: &str) -> Option<String> {
    let value = object.get(member).filter(|v| !v.is_null())?;
    Some(cell(value.get("value").unwrap_or(value)))
}

fn text<'a>(json: &'a Json, member: &str) -> &'a str {
    json.get(member).and_then(Json::as_str).unwrap_or_default()
}
