use chrono::NaiveDate;

use crate::report::{StateVerdict, Verdict};
use crate::{Finding, Overall, Severity, Waiver};

/// One run of the gate: what was compared, and the answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Gate {
    /// The old side, as given.
    pub old: String,
    /// The new side, as given.
    pub new: String,
    /// The answer.
    pub answer: Answer,
}

/// The answer of the gate. A comparison that was not made is never an empty one.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    /// Both sides were read and compared.
    Compared(Graded),
    /// A side could not be read.
    Failed(Failure),
}

/// Why there is no comparison.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The code of the error, for example `missing`; `explain` has a page for it.
    pub code: String,
    /// What is wrong.
    pub message: String,
    /// The exit code.
    pub exit: u8,
}

/// What was found, weighed by a policy.
#[derive(Debug, Clone, PartialEq)]
pub struct Graded {
    /// What becomes of the whole. No policy changes it.
    pub overall: Overall,
    /// What becomes of every state.
    pub states: Vec<StateVerdict>,
    /// Findings that count: gravest first.
    pub findings: Vec<Finding>,
    /// Findings that are accepted.
    pub waived: Vec<Waived>,
    /// Waivers that hold no longer.
    pub expired: Vec<Waiver>,
    /// Number of findings of rules that are set to `allow`.
    pub allowed: usize,
    /// The gate fails on findings that weigh at least so much.
    pub fail_on: Severity,
}

/// A finding that is accepted.
#[derive(Debug, Clone, PartialEq)]
pub struct Waived {
    /// The finding.
    pub finding: Finding,
    /// Why.
    pub reason: String,
    /// The last day on which it is; none for one of the baseline.
    pub until: Option<NaiveDate>,
}

impl Graded {
    pub(crate) fn new(overall: Overall, states: Vec<StateVerdict>, fail_on: Severity) -> Self {
        let (findings, waived, expired) = (Vec::new(), Vec::new(), Vec::new());
        Graded { overall, states, findings, waived, expired, allowed: 0, fail_on }
    }

    /// Returns the number of findings of a severity that count.
    pub fn count(&self, severity: Severity) -> usize {
        self.findings.iter().filter(|finding| finding.severity == severity).count()
    }

    /// Returns whether the gate fails.
    pub fn fails(&self) -> bool {
        self.findings.iter().any(|finding| finding.severity >= self.fail_on)
    }

    /// Returns the number of states that were not checked, because a side does not describe them.
    pub fn not_checked(&self) -> usize {
        self.states.iter().filter(|state| state.verdict == Verdict::NotChecked).count()
    }

    /// Returns what becomes of the whole, for people, and how many states were not checked.
    pub fn sentence(&self) -> String {
        let sentence = self.overall.sentence();
        match self.not_checked() {
            0 => sentence.to_owned(),
            n => format!("{sentence} as far as it is described; {n} states not checked"),
        }
    }

    /// Returns the counts for people: `2 deny, 0 warn, 1 info`, and what else there is.
    pub fn counts(&self) -> String {
        let count = |severity| self.count(severity);
        let mut text = format!(
            "{} deny, {} warn, {} info",
            count(Severity::Deny),
            count(Severity::Warn),
            count(Severity::Info)
        );
        for (number, what) in [(self.waived.len(), "waived"), (self.allowed, "allowed")] {
            if number > 0 {
                text += &format!(", {number} {what}");
            }
        }
        text
    }
}

impl Gate {
    /// Returns `passed`, `failed` or `error`.
    pub fn conclusion(&self) -> &'static str {
        match &self.answer {
            Answer::Compared(graded) if graded.fails() => "failed",
            Answer::Compared(_) => "passed",
            Answer::Failed(_) => "error",
        }
    }
}
