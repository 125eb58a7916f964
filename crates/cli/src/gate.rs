//! The policy and the reports of `check`: everything but the comparison.

mod config;
mod reports;

use std::time::{SystemTime, UNIX_EPOCH};

use alluvium::failure::{self, Exit, Told};
use alluvium_compat::{Answer, Baseline, Failure, Gate, Graded, Policy, Report, day_of, parse_day, report};
use alluvium_model::ErrorKind;
use anyhow::{Context, Result};
use chrono::NaiveDate;

use crate::output::{Format, Object, Out};

/// The flags of policy and reports.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Exit with 1 for findings that weigh at least so much: info, warn (default) or deny.
    #[arg(long, value_name = "SEVERITY")]
    fail_on: Option<String>,
    /// What kind of change this is: rolling (default: a new version; rules weigh what they say), strict (one step
    /// more), rescale or backend-switch (the same job: any other change denies).
    #[arg(long, value_name = "PROFILE")]
    profile: Option<String>,
    /// How much a rule weighs: deny, warn, info or allow; repeatable.
    #[arg(long, value_name = "RULE=SEVERITY")]
    severity: Vec<String>,
    /// The policy. Default: the nearest alluvium.check.toml from here up to the root of the repository.
    #[arg(long, value_name = "FILE", conflicts_with = "no_config")]
    config: Option<String>,
    /// Read no policy.
    #[arg(long)]
    no_config: bool,
    /// Print every effective value of the policy and where it was set.
    #[arg(long)]
    show_config: bool,
    /// Findings that are accepted.
    #[arg(long, value_name = "FILE")]
    baseline: Option<String>,
    /// Write a baseline that accepts every finding of now; exits with 0.
    #[arg(long, value_name = "FILE")]
    write_baseline: Option<String>,
    /// Write a report: text, json, sarif, junit, code-quality (GitLab), github, markdown or summary; repeatable. `-` is
    /// standard output; without FILE github goes there too and summary to $GITHUB_STEP_SUMMARY.
    #[arg(long, value_name = "FORMAT=FILE")]
    report: Vec<String>,
    /// The day on which waivers are looked at; default: today, in UTC.
    #[arg(long, value_name = "YYYY-MM-DD", hide = true)]
    today: Option<String>,
}

/// What was asked for, checked before anything is read.
#[derive(Debug)]
pub(crate) struct Plan {
    policy: Policy,
    baseline: Baseline,
    write_baseline: Option<String>,
    reports: Vec<reports::Target>,
    today: NaiveDate,
}

impl Args {
    /// Reads the policy and looks at every flag. A policy that cannot be read is an answer in the reports, of the sides
    /// that were to be compared.
    pub(crate) fn plan(&self, old: &str, new: &str, out: &mut Out) -> Result<Plan> {
        let reports: Vec<reports::Target> =
            self.report.iter().map(|text| reports::Target::parse(text)).collect::<Result<_>>()?;
        let settled = self.settled();
        if let (Err(error), false) = (&settled, self.show_config) {
            reports::write(&reports, &failed(old, new, error), out)?;
        }
        let (policy, baseline, today) = settled?;
        Ok(Plan { policy, baseline, write_baseline: self.write_baseline.clone(), reports, today })
    }

    fn settled(&self) -> Result<(Policy, Baseline, NaiveDate)> {
        let policy = config::policy(self)?;
        let baseline = config::baseline(&policy)?;
        let today = match &self.today {
            Some(text) => parse_day(text).ok_or_else(|| {
                Told::new(ErrorKind::Input, format!("{text:?} is no day")).next("write YYYY-MM-DD")
            })?,
            None => {
                let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
                day_of(i64::try_from(since.as_secs()).unwrap_or_default())
            }
        };
        Ok((policy, baseline, today))
    }

    /// Returns whether the policy is asked for, not an answer.
    pub(crate) fn shows_config(&self) -> bool {
        self.show_config
    }
}

impl Plan {
    /// Prints every effective value.
    pub(crate) fn show(&self, out: &mut Out) -> Result<Exit> {
        let mut records = out.records(&["name", "value", "origin"]);
        for (name, value, origin) in self.policy.effective() {
            let mut object = Object::new();
            for (key, text) in [("name", name), ("value", value), ("origin", origin.to_string())] {
                object.insert(key.to_owned(), text.into());
            }
            records.push(object)?;
        }
        records.end()?;
        Ok(Exit::Clean)
    }

    /// Writes the answer in every form that is asked for. A comparison that failed is an answer too.
    pub(crate) fn answer(
        &self,
        old: &str,
        new: &str,
        compared: Result<Report>,
        out: &mut Out,
    ) -> Result<Exit> {
        let report = match compared {
            Ok(report) => report,
            Err(error) => {
                reports::write(&self.reports, &failed(old, new, &error), out)?;
                return Err(error);
            }
        };
        if let Some(file) = &self.write_baseline {
            let text = Baseline::print(&report.findings);
            std::fs::write(file, text).with_context(|| format!("cannot write {file}"))?;
        }
        let graded = self.policy.grade(report, &self.baseline, self.today);
        let fails = graded.fails() && self.write_baseline.is_none();
        let gate = Gate { old: old.to_owned(), new: new.to_owned(), answer: Answer::Compared(graded) };
        if !reports::write(&self.reports, &gate, out)? {
            print(&gate, out)?;
        }
        Ok(if fails { Exit::Findings } else { Exit::Clean })
    }
}

/// The answer that nothing was compared.
fn failed(old: &str, new: &str, error: &anyhow::Error) -> Gate {
    let kind = failure::kind_of(error, crate::kind::of);
    let (code, text) = (failure::code(kind), failure::render(error, kind));
    let text = text.trim();
    let message = text.strip_prefix(&format!("error[{code}]: ")).unwrap_or(text).to_owned();
    let failure = Failure { code: code.to_owned(), message, exit: Exit::of(kind) as u8 };
    Gate { old: old.to_owned(), new: new.to_owned(), answer: Answer::Failed(failure) }
}

/// Prints the answer in the form of every other verb.
fn print(gate: &Gate, out: &mut Out) -> Result<()> {
    match (out.format_or(Format::Json), &gate.answer) {
        (Format::Csv, Answer::Compared(graded)) => csv(graded, out),
        (Format::Table, _) => Ok(out.line(report::text::render(gate).trim_end())?),
        _ => Ok(out.json(&report::json::render(gate))?),
    }
}

fn csv(graded: &Graded, out: &mut Out) -> Result<()> {
    let mut records = out.records(&[
        "rule",
        "name",
        "severity",
        "operator",
        "state",
        "sees",
        "consequence",
        "fix",
        "fingerprint",
    ]);
    for finding in &graded.findings {
        let object: Object = finding.to_json().as_object().cloned().unwrap_or_default();
        records.push(object)?;
    }
    records.end()?;
    Ok(())
}
