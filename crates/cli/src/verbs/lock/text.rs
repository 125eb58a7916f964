//! A document as TOML for people who read differences: a table per operator, a line per state and per part of one.

use serde_json::{Map, Value as Json};

/// Prints a job description: what is of the job itself, then `[[operators]]`.
///
/// TOML has no null: a member that is null is absent.
pub(super) fn print(job: &Json) -> String {
    let mut text = String::new();
    let Some(job) = job.as_object() else { return text };
    let own = job.iter().filter(|(name, _)| *name != OPERATORS);
    members(&mut text, own);
    for operator in job.get(OPERATORS).and_then(Json::as_array).into_iter().flatten() {
        text += "\n[[operators]]\n";
        members(&mut text, operator.as_object().into_iter().flatten());
    }
    text
}

const OPERATORS: &str = "operators";

fn members<'j>(text: &mut String, members: impl Iterator<Item = (&'j String, &'j Json)>) {
    for (name, value) in members.filter(|(_, value)| !value.is_null()) {
        *text += &format!("{} = ", key(name));
        inline(text, value, 0);
        text.push('\n');
    }
}

/// Prints a value. Lists of tables have one in a line, which TOML allows inside a list only.
fn inline(text: &mut String, value: &Json, depth: usize) {
    match value {
        Json::Object(table) => self::table(text, table, depth),
        Json::Array(list) if list.iter().any(Json::is_object) => {
            text.push_str("[\n");
            for one in list {
                indent(text, depth + 1);
                inline(text, one, depth + 1);
                text.push_str(",\n");
            }
            indent(text, depth);
            text.push(']');
        }
        Json::Array(list) => {
            text.push('[');
            for (index, one) in list.iter().enumerate() {
                text.push_str(if index == 0 { "" } else { ", " });
                inline(text, one, depth);
            }
            text.push(']');
        }
        Json::String(string) => text.push_str(&quoted(string)),
        // Numbers and truth values look the same in both.
        other => text.push_str(&other.to_string()),
    }
}

fn table(text: &mut String, table: &Map<String, Json>, depth: usize) {
    text.push('{');
    for (index, (name, value)) in table.iter().filter(|(_, value)| !value.is_null()).enumerate() {
        text.push_str(if index == 0 { " " } else { ", " });
        *text += &format!("{} = ", key(name));
        inline(text, value, depth);
    }
    text.push_str(" }");
}

fn indent(text: &mut String, depth: usize) {
    text.extend(std::iter::repeat_n("  ", depth));
}

fn key(name: &str) -> String {
    let is_bare = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if !name.is_empty() && name.chars().all(is_bare) { name.to_owned() } else { quoted(name) }
}

/// A string on one line: JSON escapes what TOML wants escaped, but for one character.
fn quoted(string: &str) -> String {
    Json::from(string).to_string().replace('\u{7f}', "\\u007f")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn a_state_is_a_line_and_so_is_each_of_its_parts() {
        let parts = json!([{"name": "id", "serializer": "string"}, {"name": "n", "serializer": "long"}]);
        let states = json!([
            {"name": "count", "kind": "value", "ttl_ms": null},
            {"name": "a \"b\"", "serializers": {"value": {"class": "pojo", "parts": parts}}, "symbols": ["A", "B"]},
        ]);
        let job = json!({"name": "job", "operators": [{"uid": "counter", "states": states}]});
        let wanted = r#"name = "job"

[[operators]]
uid = "counter"
states = [
  { name = "count", kind = "value" },
  { name = "a \"b\"", serializers = { value = { class = "pojo", parts = [
    { name = "id", serializer = "string" },
    { name = "n", serializer = "long" },
  ] } }, symbols = ["A", "B"] },
]
"#;
        assert_eq!(print(&job), wanted);
    }

    fn value() -> impl Strategy<Value = Json> {
        let leaf = prop_oneof![
            any::<bool>().prop_map(Json::from),
            any::<i64>().prop_map(Json::from),
            ".*".prop_map(Json::from)
        ];
        leaf.prop_recursive(4, 24, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Json::from),
                prop::collection::btree_map(".{0,6}", inner, 0..4)
                    .prop_map(|table| Json::Object(table.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn any_document_is_read_back(own in value(), operators in prop::collection::vec(prop::collection::btree_map(".{0,6}", value(), 0..4), 0..4)) {
            let operators: Vec<Json> = operators.into_iter().map(|o| Json::Object(o.into_iter().collect())).collect();
            let mut job = json!({"own": own});
            if !operators.is_empty() {
                job["operators"] = operators.into();
            }
            let read: Json = toml::from_str(&print(&job)).unwrap();
            prop_assert_eq!(read, job);
        }
    }
}
