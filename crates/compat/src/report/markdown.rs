//! Markdown: a comment on a pull request, or the summary of a step.

use crate::{Answer, Finding, Gate, Graded, Impact, Suggestion};

/// Begins every comment, so that a later run finds the comment of an earlier one and replaces it.
pub const MARKER: &str = "<!-- alluvium-check -->";

/// Most bytes of the summary of a step on GitHub.
pub const SUMMARY_BYTES: usize = 1 << 20;

/// Most bytes of a comment on GitHub, which counts 65 536 characters.
pub const COMMENT_BYTES: usize = 65_000;

/// Renders the comment: the marker, then as [`summary`] within [`COMMENT_BYTES`].
pub fn comment(gate: &Gate) -> String {
    let rest = COMMENT_BYTES - MARKER.len() - 1;
    format!("{MARKER}\n{}", summary(gate, rest))
}

/// Renders the summary in at most so many bytes; findings that do not fit are counted.
pub fn summary(gate: &Gate, bytes_max: usize) -> String {
    let graded = match &gate.answer {
        Answer::Compared(graded) => graded,
        Answer::Failed(failure) => {
            let message: String = failure.message.chars().take(MESSAGE_CHARS).collect();
            return format!(
                "### State check: error\n\n**Nothing was compared.** {}: {}\n",
                escape(&failure.code),
                escape(&message)
            );
        }
    };
    let mut text = head(gate, graded);
    let mut left_out = 0;
    let blocks = graded.findings.iter().map(finding_block);
    let more = graded.waived.iter().map(|waived| {
        let until = waived.until.map_or_else(String::new, |date| format!(" until {date}"));
        let place = escape(&waived.finding.place());
        format!("- waived{until}: `{}` {place}: {}\n", waived.finding.rule.id, escape(&waived.reason))
    });
    let expired = graded.expired.iter().map(|waiver| format!("- expired: {}\n", escape(&waiver.to_string())));
    for block in blocks.chain(more).chain(expired) {
        if left_out == 0 && text.len() + block.len() + TAIL_BYTES <= bytes_max {
            text += &block;
        } else {
            left_out += 1;
        }
    }
    if left_out > 0 {
        text += &format!("\n{left_out} more are left out here.\n");
    }
    text
}

fn head(gate: &Gate, graded: &Graded) -> String {
    let conclusion = gate.conclusion();
    let side = |text: &str| escape(&text.chars().take(MESSAGE_CHARS).collect::<String>());
    format!(
        "### State check: {conclusion}\n\nThe new job {}: {}.\n\nOld: {}, new: {}\n\n",
        escape(&graded.sentence()),
        graded.counts(),
        side(&gate.old),
        side(&gate.new)
    )
}

fn finding_block(finding: &Finding) -> String {
    let mut text = format!(
        "- **{}** `{}` {}: {}\n",
        finding.severity.name(),
        finding.rule.id,
        escape(&finding.place()),
        escape(finding.rule.title)
    );
    let apply = finding.suggestion.as_ref().map(Suggestion::sentence).unwrap_or_default();
    let impact = finding.impact.as_ref().map(Impact::sentence).unwrap_or_default();
    let parts = [
        ("sees", &finding.sees),
        ("then", &finding.consequence),
        ("holds", &impact),
        ("fix", &finding.fix),
        ("apply", &apply),
    ];
    for (name, part) in parts.into_iter().filter(|(_, part)| !part.is_empty()) {
        text += &format!("  - {name}: {}\n", escape(part));
    }
    text
}

/// Escapes what Markdown and HTML would take for their own, and mentions of people.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in super::text::escape(text).chars() {
        match c {
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '&' => escaped.push_str("&amp;"),
            '@' => escaped.push_str("&#64;"),
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '#' | '~' => escaped.extend(['\\', c]),
            c => escaped.push(c),
        }
    }
    escaped
}

/// Kept free for the line that says what was left out.
const TAIL_BYTES: usize = 64;
/// Most characters of a message or a side.
const MESSAGE_CHARS: usize = 2000;
