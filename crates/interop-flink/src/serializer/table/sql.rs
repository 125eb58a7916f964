//! Types of Flink SQL as it prints them.

use super::super::DEPTH_MAX;
use crate::java;

/// Longest text of a type; what is behind it is left out.
const TEXT_MAX: usize = 1 << 14;

/// Prints a Java object of `LogicalType` as SQL, such as `BIGINT NOT NULL`; types that are not known by
/// their class.
pub(super) fn sql_type(value: java::Value<'_>) -> String {
    let mut text = String::new();
    put(value, 0, &mut text);
    text
}

fn put(value: java::Value<'_>, depth: usize, out: &mut String) {
    let Some(object) = value.as_object().filter(|_| depth < DEPTH_MAX && out.len() < TEXT_MAX) else {
        out.push('?');
        return;
    };
    let class = object.class().name();
    let class = class.rsplit('.').next().unwrap_or(class);
    let name = class.strip_suffix("Type").unwrap_or(class);
    let number = |field: &str| object.find(field).and_then(java::Value::as_i64).unwrap_or_default();
    match (name, number("length")) {
        ("VarChar", MAX) => out.push_str("STRING"),
        ("VarBinary", MAX) => out.push_str("BYTES"),
        ("Char" | "VarChar" | "Binary" | "VarBinary", length) => {
            out.push_str(&format!("{}({length})", name.to_uppercase()));
        }
        ("Decimal", _) => out.push_str(&format!("DECIMAL({}, {})", number("precision"), number("scale"))),
        ("Time" | "Timestamp", _) => {
            out.push_str(&format!("{}({})", name.to_uppercase(), number("precision")))
        }
        ("LocalZonedTimestamp", _) => out.push_str(&format!("TIMESTAMP_LTZ({})", number("precision"))),
        ("Array" | "Multiset", _) => nested(name, object, &["elementType"], depth, out),
        ("Map", _) => nested(name, object, &["keyType", "valueType"], depth, out),
        ("Row", _) => fields(object, "fields", depth, out),
        ("Structured", _) => fields(object, "attributes", depth, out),
        _ => out.push_str(&name.to_uppercase()),
    }
    if object.find("isNullable").and_then(java::Value::as_bool) == Some(false) {
        out.push_str(" NOT NULL");
    }
}

/// Length of `STRING` and `BYTES`.
const MAX: i64 = i32::MAX as i64;

fn nested(name: &str, object: java::Object<'_>, parts: &[&str], depth: usize, out: &mut String) {
    out.push_str(&name.to_uppercase());
    for (index, part) in parts.iter().enumerate() {
        out.push_str(if index == 0 { "<" } else { ", " });
        put(object.find(part).unwrap_or(java::Value::Null), depth + 1, out);
    }
    out.push('>');
}

fn fields(object: java::Object<'_>, list: &str, depth: usize, out: &mut String) {
    out.push_str("ROW<");
    let fields = object.find(list).and_then(java::Value::elements).unwrap_or_default();
    for (index, field) in fields.into_iter().enumerate() {
        let Some(field) = field.as_object() else { continue };
        let name = field.find("name").and_then(java::Value::as_str).unwrap_or_default();
        out.push_str(&format!("{}`{name}` ", if index == 0 { "" } else { ", " }));
        put(field.find("type").unwrap_or(java::Value::Null), depth + 1, out);
    }
    out.push('>');
}
