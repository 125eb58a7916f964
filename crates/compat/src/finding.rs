use serde_json::{Value as Json, json};

use crate::Rule;
use crate::suggestion::{Impact, Suggestion};

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
    /// What was seen, for programs: names and values in a fixed order, no prose.
    pub facts: Vec<(&'static str, String)>,
    /// What a program can do about it.
    pub suggestion: Option<Suggestion>,
    /// How much state it concerns, where that was counted.
    pub impact: Option<Impact>,
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
            facts: Vec::new(),
            suggestion: None,
            impact: None,
        }
    }

    pub(crate) fn fact(mut self, name: &'static str, value: impl ToString) -> Self {
        self.facts.push((name, value.to_string()));
        self
    }

    pub(crate) fn suggest(mut self, suggestion: Suggestion) -> Self {
        self.suggestion = Some(suggestion);
        self
    }

    /// Says how much state it concerns.
    pub fn set_impact(&mut self, impact: Impact) {
        self.impact = Some(impact);
    }

    /// Returns what stays the same while the finding does: 128 bits in hexadecimal, of the rule, the
    /// operator, the state and the facts.
    ///
    /// No prose is in it, nor the severity. An operator without uid counts by its id, not its name.
    pub fn fingerprint(&self) -> String {
        let mut text = String::new();
        let state = self.state.as_deref().unwrap_or_default();
        for part in [self.rule.id, self.operator_key(), state] {
            text += &format!("{}:{part};", part.len());
        }
        for (name, value) in &self.facts {
            text += &format!("{name}={}:{value};", value.len());
        }
        format!("{:032x}", xxhash_rust::xxh3::xxh3_128(text.as_bytes()))
    }

    /// Returns the uid, else the id: the label without a display name before it.
    pub(crate) fn operator_key(&self) -> &str {
        let inner =
            self.operator.strip_suffix(')').and_then(|label| label.rsplit_once(" (")).map(|(_, id)| id);
        let is_id = |id: &&str| id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit());
        inner.filter(is_id).unwrap_or(&self.operator)
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
            "facts": self.facts.iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect::<Json>(),
            "suggestion": self.suggestion.as_ref().map(Suggestion::to_json),
            "impact": self.impact.as_ref().map(Impact::to_json),
            "fingerprint": self.fingerprint(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::{STA002, UID001};

    #[test]
    fn fingerprint_does_not_change_with_prose_severity_or_display_name() {
        let id = "0da08f51eaa85fc298e176a139b3649a";
        let plain = Finding::new(&STA002, id).state("count").fact("kind", "value");
        let mut other = Finding::new(&STA002, format!("a name ({id})")).state("count").fact("kind", "value");
        other = other.sees("other").consequence("words").fix("here");
        other.severity = Severity::Info;
        other.set_impact(Impact { rows: Some(3), ..Impact::default() });
        assert_eq!(plain.fingerprint(), other.fingerprint());
        assert_eq!(plain.fingerprint().len(), 32);
    }

    #[test]
    fn fingerprint_changes_with_rule_operator_state_and_facts() {
        let plain = Finding::new(&STA002, "a").state("count").fact("kind", "value");
        for other in [
            Finding::new(&UID001, "a").state("count").fact("kind", "value"),
            Finding::new(&STA002, "b").state("count").fact("kind", "value"),
            Finding::new(&STA002, "a").state("other").fact("kind", "value"),
            Finding::new(&STA002, "a").fact("kind", "value"),
            Finding::new(&STA002, "a").state("count").fact("kind", "list"),
            Finding::new(&STA002, "a").state("count"),
        ] {
            assert_ne!(plain.fingerprint(), other.fingerprint(), "{other:?}");
        }
    }
}
