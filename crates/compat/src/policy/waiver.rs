use std::fmt;

use chrono::NaiveDate;

use crate::Finding;

/// A finding that is accepted for a time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiver {
    /// The id of a rule, or `*`.
    pub rule: String,
    /// The uid of an operator, its id where it has none, or `*`.
    pub uid: String,
    /// A state, or `*`.
    pub state: String,
    /// Why.
    pub reason: String,
    /// The last day on which it holds.
    pub until: NaiveDate,
}

impl Waiver {
    /// Returns whether it speaks of a finding, on whatever day.
    pub fn covers(&self, finding: &Finding) -> bool {
        let fits = |pattern: &str, text: &str| pattern == "*" || pattern == text;
        fits(&self.rule, finding.rule.id)
            && fits(&self.uid, finding.operator_key())
            && fits(&self.state, finding.state.as_deref().unwrap_or_default())
    }
}

impl fmt::Display for Waiver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Waiver { rule, uid, state, reason, until } = self;
        write!(f, "{rule} of {uid}/{state} until {until}: {reason}")
    }
}
