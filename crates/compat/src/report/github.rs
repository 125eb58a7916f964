//! Annotations of a GitHub workflow step.
//!
//! GitHub shows at most ten errors, ten warnings and ten notices of a step, so no more are written, the
//! gravest first, and a last notice says how many were left out.

use crate::{Answer, Finding, Gate, Severity};

/// Most annotations of one kind in a step; what was left out is told in place of the last two notices.
const SHOWN: usize = 10;

/// Renders the workflow commands, one a line.
pub fn render(gate: &Gate) -> String {
    let graded = match &gate.answer {
        Answer::Compared(graded) => graded,
        Answer::Failed(failure) => {
            let title = format!("check: nothing was compared ({})", failure.code);
            return command("error", &title, &failure.message);
        }
    };
    let mut text = String::new();
    let mut left_out = 0;
    for (severity, level, shown) in [
        (Severity::Deny, "error", SHOWN),
        (Severity::Warn, "warning", SHOWN),
        (Severity::Info, "notice", SHOWN - 2),
    ] {
        let findings = || graded.findings.iter().filter(|finding| finding.severity == severity);
        findings().take(shown).for_each(|finding| text += &annotation(level, finding));
        left_out += findings().skip(shown).count();
    }
    if graded.not_checked() > 0 {
        text += &command("notice", "check", &format!("the new job {}", graded.sentence()));
    }
    if left_out > 0 {
        text += &command("notice", "check", &format!("{left_out} more findings are left out here"));
    }
    text
}

fn annotation(level: &str, finding: &Finding) -> String {
    let title = format!("{} {}", finding.rule.id, finding.rule.title);
    let mut message = format!("{}: {}", finding.place(), finding.sees);
    for (name, part) in [("then", &finding.consequence), ("fix", &finding.fix)] {
        if !part.is_empty() {
            message += &format!("\n{name}: {part}");
        }
    }
    command(level, &title, &message)
}

fn command(level: &str, title: &str, message: &str) -> String {
    let data = |text: &str| text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A");
    let title = data(title).replace(':', "%3A").replace(',', "%2C");
    format!("::{level} title={title}::{}\n", data(message))
}
