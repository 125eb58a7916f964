use serde_json::{Value as Json, json};

use crate::Rule;

/// How much a finding weighs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Severity {
    /// Good to know; nothing is lost.
    Info,
    /// Something may be lost or surprise.
    Warn,
    /// State is lost or the restore fails.
    Deny,
}

impl Severity {
    /// Returns the severity of a word.
    pub fn of(word: &str) -> Option<Self> {
        [Severity::Info, Severity::Warn, Severity::Deny].into_iter().find(|severity| severity.name() == word)
    }

    /// Returns the word printed.
    pub fn name(self) -> &'static str {
        match self {
            Severity::Info => "info",
            Severity::Warn => "warn",
            Severity::Deny => "deny",
        }
    }
}

/// What a rule found.
#[derive(Debug, Clone, PartialEq)]
pub struct Finding {
    /// The rule.
    pub rule: &'static Rule,
    /// How much it weighs here.
    pub severity: Severity,
    /// The operator, as people call it.
    pub operator: String,
    /// The state, if it concerns one.
    pub state: Option<String>,
    /// What is seen: before and now.
    pub sees: String,
    /// What happens at a restore.
    pub consequence: String,
    /// What to do.
    pub fix: String,
}

impl Finding {
    pub(crate) fn new(rule: &'static Rule, operator: impl Into<String>) -> Self {
        Finding {
            rule,
            severity: rule.severity,
            operator: operator.into(),
            state: None,
            sees: String::new(),
            consequence: String::new(),
            fix: String::new(),
        }
    }

    pub(crate) fn state(mut self, state: &str) -> Self {
        self.state = Some(state.to_owned());
        self
    }

    pub(crate) fn sees(mut self, text: impl Into<String>) -> Self {
        self.sees = text.into();
        self
    }

    pub(crate) fn consequence(mut self, text: impl Into<String>) -> Self {
        self.consequence = text.into();
        self
    }

    pub(crate) fn fix(mut self, text: impl Into<String>) -> Self {
        self.fix = text.into();
        self
    }

    /// Returns the operator and, if it concerns one, the state.
    pub fn place(&self) -> String {
        match &self.state {
            Some(state) => format!("{}/{state}", self.operator),
            None => self.operator.clone(),
        }
    }

    /// Prints the finding.
    pub fn to_json(&self) -> Json {
        json!({
            "rule": self.rule.id,
            "name": self.rule.name,
            "severity": self.severity.name(),
            "operator": self.operator,
            "state": self.state,
            "sees": self.sees,
            "consequence": self.consequence,
            "fix": self.fix,
        })
    }
}
