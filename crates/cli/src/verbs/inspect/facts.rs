//! Facts of a snapshot for people.

use alluvium_model::{LogicalType, Value, json};
use serde_json::Value as Json;

use crate::output::{self, cell, escape};

/// Prints facts, a line each; of a list, a line for each member.
pub(super) fn lines(facts: &[(&'static str, Json)]) -> Vec<String> {
    let mut lines = Vec::new();
    for (fact, value) in facts {
        let name = fact.strip_suffix("_ms").unwrap_or(fact).replace('_', " ");
        let parts = value.as_array().filter(|parts| !parts.is_empty());
        let parts = parts.map_or(std::slice::from_ref(value), Vec::as_slice);
        for (i, part) in parts.iter().enumerate() {
            let name = if i == 0 { &*name } else { "" };
            lines.push(format!("  {name:<18} {}", text(fact, part)));
        }
    }
    lines
}

/// Times as dates, sizes with a unit, objects by their members.
fn text(fact: &str, value: &Json) -> String {
    match value {
        Json::Number(number) if fact.ends_with("_ms") => {
            let ms = number.as_i64().unwrap_or_default();
            cell(&json::to_json(&Value::Int(ms), &LogicalType::timestamp_ms()))
        }
        Json::Number(number) if fact == "bytes" || fact.ends_with("_bytes") => {
            output::bytes(number.as_u64().unwrap_or_default())
        }
        Json::String(text) => escape(text),
        Json::Object(members) => {
            let member = |(name, value): (&String, &Json)| {
                let shown = escape(&name.replace('_', " "));
                match value {
                    Json::Null | Json::Bool(false) => None,
                    Json::Bool(true) => Some(shown),
                    value => Some(format!("{shown} {}", text(name, value))),
                }
            };
            members.iter().filter_map(member).collect::<Vec<_>>().join(", ")
        }
        other => cell(other),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn facts_are_printed_for_people() {
        let facts = [
            ("created_ms", json!(1_357_035_300_000_i64)),
            ("state_bytes", json!(2048)),
            ("properties", json!({"type": "savepoint", "unclaimed": false, "kept_when_cancelled": true})),
            ("warnings", json!(["one", "two\u{1b}[2J"])),
            ("features", json!([])),
        ];
        assert_eq!(
            lines(&facts),
            [
                "  created            2013-01-01T10:15:00Z",
                "  state bytes        2.0 KiB",
                "  properties         type savepoint, kept when cancelled",
                "  warnings           one",
                "                     two\\u{1b}[2J",
                "  features           []",
            ]
        );
    }
}
