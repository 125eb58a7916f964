//! GitLab's code quality report, which a merge request shows: a list of issues, gravest first.

use serde_json::{Value as Json, json};

use crate::{Answer, Finding, Gate, Graded, Severity};

/// Renders the report. An answer that nothing was compared, or that something was not checked, is an issue too: the form
/// has no other place for it.
pub fn render(gate: &Gate) -> Json {
    match &gate.answer {
        Answer::Compared(graded) => {
            let findings = graded.findings.iter().map(|finding| issue(gate, finding));
            findings.chain(not_checked(gate, graded)).collect()
        }
        Answer::Failed(failure) => {
            let text = format!("nothing was compared: {}", failure.message);
            json!([issue_of(gate, &failure.code, "blocker", &text, &fingerprint(&failure.code, gate))])
        }
    }
}

fn issue(gate: &Gate, finding: &Finding) -> Json {
    let severity = match finding.severity {
        Severity::Deny => "critical",
        Severity::Warn => "major",
        Severity::Info => "info",
    };
    let text = format!("{}: {}. Then: {}", finding.place(), finding.sees, finding.consequence);
    issue_of(gate, finding.rule.id, severity, &text, &finding.fingerprint())
}

fn not_checked(gate: &Gate, graded: &Graded) -> Option<Json> {
    let text = format!("the new job {}", graded.sentence());
    let issue = || issue_of(gate, "not-checked", "info", &text, &fingerprint("not-checked", gate));
    (graded.not_checked() > 0).then(issue)
}

/// GitLab takes paths inside the repository only; a side that is none, such as `-`, is named as it is.
fn issue_of(gate: &Gate, check: &str, severity: &str, text: &str, fingerprint: &str) -> Json {
    json!({
        "description": text,
        "check_name": check,
        "fingerprint": fingerprint,
        "severity": severity,
        "location": {"path": gate.new.trim_start_matches("./"), "lines": {"begin": 1}},
    })
}

fn fingerprint(check: &str, gate: &Gate) -> String {
    let text = format!("{}:{check};{}:{};{}", check.len(), gate.old.len(), gate.old, gate.new);
    format!("{:032x}", xxhash_rust::xxh3::xxh3_128(text.as_bytes()))
}
