//! The report for a terminal.

use crate::{Answer, Finding, Gate, Graded, Impact, Suggestion};

/// Renders the report. Control characters of names are escaped.
pub fn render(gate: &Gate) -> String {
    let graded = match &gate.answer {
        Answer::Compared(graded) => graded,
        Answer::Failed(failure) => {
            return format!(
                "error[{}]: {}\n\ncheck: nothing was compared\n",
                failure.code,
                escape(&failure.message)
            );
        }
    };
    let mut text = String::new();
    for finding in &graded.findings {
        text += &finding_text(finding, &gate.new);
    }
    text += &waived(graded);
    text += &states(graded);
    text += &format!("check: {}; the new job {}\n", graded.counts(), graded.sentence());
    text
}

fn finding_text(finding: &Finding, new: &str) -> String {
    let mut text = format!(
        "{}[{}]: {}\n  --> {} in {}\n",
        finding.severity.name(),
        finding.rule.id,
        finding.rule.title,
        escape(&finding.place()),
        escape(new)
    );
    let impact = finding.impact.as_ref().map(Impact::sentence).unwrap_or_default();
    let apply = finding.suggestion.as_ref().map(Suggestion::sentence).unwrap_or_default();
    let parts = [
        ("sees", &finding.sees),
        ("then", &finding.consequence),
        ("holds", &impact),
        ("fix", &finding.fix),
        ("apply", &apply),
    ];
    for (name, part) in parts.into_iter().filter(|(_, part)| !part.is_empty()) {
        text += &format!("   = {name}: {}\n", escape(part));
    }
    text += &format!("   = more: alluvium explain {}\n\n", finding.rule.id);
    text
}

fn waived(graded: &Graded) -> String {
    let mut text = String::new();
    for waived in &graded.waived {
        let until = waived.until.map_or_else(String::new, |date| format!(" until {date}"));
        let (rule, place) = (waived.finding.rule.id, waived.finding.place());
        text += &format!("waived[{rule}]{until}: {}: {}\n", escape(&place), escape(&waived.reason));
    }
    for waiver in &graded.expired {
        text += &format!("expired waiver: {}\n", escape(&waiver.to_string()));
    }
    if !text.is_empty() {
        text.push('\n');
    }
    text
}

fn states(graded: &Graded) -> String {
    let place = |operator: &str, state: &str| format!("{}/{}", escape(operator), escape(state));
    let rows: Vec<(String, String)> = graded
        .states
        .iter()
        .map(|state| (place(&state.operator, &state.state), state.verdict.name().replace('-', " ")))
        .collect();
    let Some(width) = rows.iter().map(|(place, _)| place.chars().count()).max() else { return String::new() };
    let width = width.max("STATE".len());
    let mut text = format!("{:width$}  VERDICT\n", "STATE");
    for (place, verdict) in rows {
        text += &format!("{place:width$}  {verdict}\n");
    }
    text.push('\n');
    text
}

/// Escapes control characters and those that turn the direction of writing.
pub(super) fn escape(text: &str) -> String {
    let turns = |c| matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_control() || turns(c) { escaped.extend(c.escape_default()) } else { escaped.push(c) }
    }
    escaped
}
