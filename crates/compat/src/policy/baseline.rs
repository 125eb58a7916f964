use std::collections::BTreeSet;

use serde_json::{Value as Json, json};

use crate::Finding;

/// Findings that were there before and are accepted, by fingerprint.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Baseline {
    fingerprints: BTreeSet<String>,
}

impl Baseline {
    /// Reads a baseline. None if the text is not one.
    pub fn parse(text: &str) -> Option<Self> {
        let json: Json = serde_json::from_str(text).ok()?;
        if json.get("baseline_version")?.as_u64()? != VERSION {
            return None;
        }
        let fingerprint = |entry: &Json| Some(entry.get("fingerprint")?.as_str()?.to_owned());
        let fingerprints =
            json.get("findings")?.as_array()?.iter().map(fingerprint).collect::<Option<_>>()?;
        Some(Baseline { fingerprints })
    }

    /// Prints a baseline that accepts these findings: sorted, so that it changes little from one to the next.
    pub fn print<'a>(findings: impl IntoIterator<Item = &'a Finding>) -> String {
        let entry = |finding: &Finding| {
            let (operator, state) = (finding.operator_key(), finding.state.as_deref());
            let entry = json!({"rule": finding.rule.id, "operator": operator, "state": state,
                "fingerprint": finding.fingerprint()});
            (entry.to_string(), entry)
        };
        let mut entries: Vec<(String, Json)> = findings.into_iter().map(entry).collect();
        entries.sort_by(|a, b| a.0.cmp(&b.0));
        entries.dedup_by(|a, b| a.0 == b.0);
        let entries: Vec<Json> = entries.into_iter().map(|(_, entry)| entry).collect();
        format!("{:#}\n", json!({"baseline_version": VERSION, "findings": entries}))
    }

    /// Returns whether it accepts a finding.
    pub fn contains(&self, finding: &Finding) -> bool {
        self.fingerprints.contains(&finding.fingerprint())
    }
}

const VERSION: u64 = 1;
