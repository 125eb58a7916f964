//! The report for programs. Schema: `schemas/check-report.schema.json`.

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};
use serde_json::{Value as Json, json};

use crate::{Answer, Failure, Finding, Gate, Graded, Severity, StateVerdict, Waived, Waiver};

/// Version of the shape of the report; a member may be added without a new one.
pub const REPORT_VERSION: u64 = 1;

/// Returns what serializes as the report, without a copy of it.
pub fn render(gate: &Gate) -> impl Serialize {
    Shown(gate)
}

struct Shown<'g>(&'g Gate);

impl Serialize for Shown<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let gate = self.0;
        let mut report = to.serialize_map(None)?;
        report.serialize_entry("report_version", &REPORT_VERSION)?;
        report.serialize_entry("inputs", &json!({"old": gate.old, "new": gate.new}))?;
        report.serialize_entry("conclusion", gate.conclusion())?;
        match &gate.answer {
            Answer::Compared(graded) => {
                report.serialize_entry("overall", graded.overall.name())?;
                report.serialize_entry("fail_on", graded.fail_on.name())?;
                report.serialize_entry("counts", &counts(graded))?;
                report.serialize_entry("findings", &all(&graded.findings, Finding::to_json))?;
                report.serialize_entry("waived", &all(&graded.waived, waived))?;
                report.serialize_entry("expired_waivers", &all(&graded.expired, expired))?;
                report.serialize_entry("states", &States(&graded.states))?;
            }
            Answer::Failed(Failure { code, message, exit }) => {
                report.serialize_entry("error", &json!({"code": code, "message": message, "exit": exit}))?;
            }
        }
        report.end()
    }
}

/// States are many.
struct States<'g>(&'g [StateVerdict]);

impl Serialize for States<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct State<'g> {
            operator: &'g str,
            state: &'g str,
            verdict: &'static str,
        }

        to.collect_seq(self.0.iter().map(|state| State {
            operator: &state.operator,
            state: &state.state,
            verdict: state.verdict.name(),
        }))
    }
}

fn counts(graded: &Graded) -> Json {
    json!({
        "deny": graded.count(Severity::Deny),
        "warn": graded.count(Severity::Warn),
        "info": graded.count(Severity::Info),
        "waived": graded.waived.len(),
        "allowed": graded.allowed,
        "not_checked": graded.not_checked(),
    })
}

fn all<T>(of: &[T], json: impl Fn(&T) -> Json) -> Vec<Json> {
    of.iter().map(json).collect()
}

fn waived(waived: &Waived) -> Json {
    let until = waived.until.map(|date| date.to_string());
    json!({"finding": waived.finding.to_json(), "reason": waived.reason, "until": until})
}

fn expired(waiver: &Waiver) -> Json {
    json!({"rule": waiver.rule, "uid": waiver.uid, "state": waiver.state, "reason": waiver.reason,
        "until": waiver.until.to_string()})
}
