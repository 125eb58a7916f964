//! SARIF 2.1.0, the format that code scanning takes.

use serde_json::{Value as Json, json};

use crate::{Answer, Finding, Gate, Graded, Impact, RULES, Rule, Severity, Suggestion, Waived};

/// Most results of a run; GitHub takes 25 000 and shows 5 000.
const RESULTS: usize = 5000;

/// Renders the log: one run with all rules and the results, gravest first.
pub fn render(gate: &Gate) -> Json {
    let (results, invocation) = match &gate.answer {
        Answer::Compared(graded) => results(gate, graded),
        Answer::Failed(failure) => {
            let notification = json!({
                "level": "error",
                "message": {"text": failure.message},
                "descriptor": {"id": failure.code},
            });
            let invocation = json!({
                "executionSuccessful": false,
                "exitCode": failure.exit,
                "toolExecutionNotifications": [notification],
            });
            (Vec::new(), invocation)
        }
    };
    json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": {"driver": {
                "name": "alluvium",
                "semanticVersion": env!("CARGO_PKG_VERSION"),
                "rules": RULES.iter().map(|rule| descriptor(rule)).collect::<Vec<_>>(),
            }},
            "invocations": [invocation],
            "columnKind": "unicodeCodePoints",
            "results": results,
        }],
    })
}

fn results(gate: &Gate, graded: &Graded) -> (Vec<Json>, Json) {
    let waived = graded.waived.iter().map(|waived| (&waived.finding, Some(waived)));
    let all = graded.findings.iter().map(|finding| (finding, None)).chain(waived);
    let left_out = (graded.findings.len() + graded.waived.len()).saturating_sub(RESULTS);
    let results = all.take(RESULTS).map(|(finding, waived)| result(gate, finding, waived)).collect();
    let mut notes: Vec<Json> = graded
        .expired
        .iter()
        .map(|waiver| json!({"level": "warning", "message": {"text": format!("expired waiver: {waiver}")}}))
        .collect();
    if graded.not_checked() > 0 {
        let text = format!("the new job {}", graded.sentence());
        notes.push(json!({"level": "warning", "message": {"text": text}}));
    }
    if left_out > 0 {
        let text = format!("{left_out} more findings are left out here");
        notes.push(json!({"level": "warning", "message": {"text": text}}));
    }
    let exit = u8::from(graded.fails());
    let invocation =
        json!({"executionSuccessful": true, "exitCode": exit, "toolExecutionNotifications": notes});
    (results, invocation)
}

fn result(gate: &Gate, finding: &Finding, waived: Option<&Waived>) -> Json {
    let text = format!("{}: {}. Then: {}", finding.place(), finding.sees, finding.consequence);
    let suppressions: Vec<Json> = waived
        .map(|waived| json!({"kind": "external", "status": "accepted", "justification": waived.reason}))
        .into_iter()
        .collect();
    json!({
        "ruleId": finding.rule.id,
        "ruleIndex": RULES.iter().position(|rule| rule.id == finding.rule.id),
        "level": level(finding.severity),
        "message": {"text": text},
        "locations": [{
            "physicalLocation": {"artifactLocation": {"uri": uri(&gate.new)}, "region": {"startLine": 1}},
            "logicalLocations": [{"fullyQualifiedName": finding.place(), "kind": "member"}],
        }],
        "partialFingerprints": {"alluviumFinding/v1": finding.fingerprint()},
        "suppressions": suppressions,
        "properties": {
            "fix": finding.fix,
            "suggestion": finding.suggestion.as_ref().map(Suggestion::to_json),
            "impact": finding.impact.as_ref().map(Impact::to_json),
        },
    })
}

fn descriptor(rule: &Rule) -> Json {
    let text = format!("{}\n\n{}\n\n{}", rule.sees, rule.why, rule.mend);
    json!({
        "id": rule.id,
        "name": rule.name,
        "shortDescription": {"text": rule.title},
        "fullDescription": {"text": rule.sees},
        "help": {"text": text, "markdown": rule.page()},
        "defaultConfiguration": {"level": level(rule.severity)},
        "properties": {"tags": [rule.family]},
    })
}

fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Deny => "error",
        Severity::Warn => "warning",
        Severity::Info => "note",
    }
}

/// Makes a URI reference of a path: what may not stand in one is escaped.
fn uri(place: &str) -> String {
    if place == "-" {
        return "stdin".to_owned();
    }
    let mut uri = String::with_capacity(place.len());
    let has_scheme = place.contains("://");
    for byte in place.bytes() {
        let plain = byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte);
        if plain || (has_scheme && b":?=&@".contains(&byte)) {
            uri.push(char::from(byte));
        } else {
            uri += &format!("%{byte:02X}");
        }
    }
    uri
}
