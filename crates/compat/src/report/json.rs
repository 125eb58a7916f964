//! The report for programs. Schema: `schemas/check-report.schema.json`.

use serde_json::{Value as Json, json};

use crate::{Answer, Finding, Gate, Graded, Severity, Waived, Waiver};

/// Version of the shape of the report; a member may be added without a new one.
pub const REPORT_VERSION: u64 = 1;

/// Renders the report.
pub fn render(gate: &Gate) -> Json {
    let mut report = json!({
        "report_version": REPORT_VERSION,
        "inputs": {"old": gate.old, "new": gate.new},
        "conclusion": gate.conclusion(),
    });
    let rest = match &gate.answer {
        Answer::Compared(graded) => compared(graded),
        Answer::Failed(failure) => {
            json!({"error": {"code": failure.code, "message": failure.message, "exit": failure.exit}})
        }
    };
    if let (Json::Object(report), Json::Object(rest)) = (&mut report, rest) {
        report.extend(rest);
    }
    report
}

fn compared(graded: &Graded) -> Json {
    let states = graded.states.iter().map(
        |state| json!({ "operator": state.operator, "state": state.state, "verdict": state.verdict.name() }),
    );
    json!({
        "overall": graded.overall.name(),
        "fail_on": graded.fail_on.name(),
        "counts": {
            "deny": graded.count(Severity::Deny),
            "warn": graded.count(Severity::Warn),
            "info": graded.count(Severity::Info),
            "waived": graded.waived.len(),
            "allowed": graded.allowed,
            "not_checked": graded.not_checked(),
        },
        "findings": graded.findings.iter().map(Finding::to_json).collect::<Vec<_>>(),
        "waived": graded.waived.iter().map(waived).collect::<Vec<_>>(),
        "expired_waivers": graded.expired.iter().map(expired).collect::<Vec<_>>(),
        "states": states.collect::<Vec<_>>(),
    })
}

fn waived(waived: &Waived) -> Json {
    let until = waived.until.map(|date| date.to_string());
    json!({"finding": waived.finding.to_json(), "reason": waived.reason, "until": until})
}

fn expired(waiver: &Waiver) -> Json {
    json!({"rule": waiver.rule, "uid": waiver.uid, "state": waiver.state, "reason": waiver.reason,
        "until": waiver.until.to_string()})
}
