//! Whether Avro can read what another schema wrote (`SchemaCompatibility`, which `AvroSerializerSnapshot` asks).

use std::collections::BTreeMap;

use serde_json::Value as Json;

/// The answer for two schemas.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Answer {
    /// They are equal but for their documentation.
    Equal,
    /// The reader resolves what the writer wrote.
    Readable,
    /// It does not, and why.
    Unreadable(String),
}

/// Compares the schema that wrote with the one that is to read.
pub(crate) fn resolve(writer: &str, reader: &str) -> Answer {
    let parse = |text: &str| serde_json::from_str::<Json>(text).ok();
    let (Some(old), Some(new)) = (parse(writer), parse(reader)) else {
        return if writer == reader {
            Answer::Equal
        } else {
            Answer::Unreadable("it is no Avro schema".into())
        };
    };
    if plain(&old) == plain(&new) {
        return Answer::Equal;
    }
    let mut names = [BTreeMap::new(), BTreeMap::new()];
    collect(&old, "", &mut names[0]);
    collect(&new, "", &mut names[1]);
    let [writers, readers] = names;
    let mut walk = Walk { writers, readers, open: Vec::new() };
    match walk.reads(Place { json: &old, space: "" }, Place { json: &new, space: "" }) {
        Ok(()) => Answer::Readable,
        Err(why) => Answer::Unreadable(why),
    }
}

/// Returns the schema without what has no part in equality.
fn plain(json: &Json) -> Json {
    match json {
        Json::Object(object) => {
            let members = object.iter().filter(|(name, _)| name.as_str() != "doc");
            Json::Object(members.map(|(name, value)| (name.clone(), plain(value))).collect())
        }
        Json::Array(list) => Json::Array(list.iter().map(plain).collect()),
        other => other.clone(),
    }
}

/// A schema and the namespace that it stands in.
#[derive(Debug, Clone, Copy)]
struct Place<'s> {
    json: &'s Json,
    space: &'s str,
}

type Names<'s> = BTreeMap<String, Place<'s>>;

fn text<'s>(json: &'s Json, name: &str) -> Option<&'s str> {
    json.get(name).and_then(Json::as_str)
}

fn qualified(name: &str, space: &str) -> String {
    if name.contains('.') || space.is_empty() { name.to_owned() } else { format!("{space}.{name}") }
}

fn space_of<'s>(json: &'s Json, outer: &'s str) -> &'s str {
    match text(json, "name").and_then(|name| name.rsplit_once('.')) {
        Some((space, _)) => space,
        None => text(json, "namespace").unwrap_or(outer),
    }
}

/// Finds the named types of a schema.
fn collect<'s>(json: &'s Json, space: &'s str, names: &mut Names<'s>) {
    match json {
        Json::Array(branches) => branches.iter().for_each(|branch| collect(branch, space, names)),
        Json::Object(_) => {
            let space = space_of(json, space);
            if let Some(name) = text(json, "name").filter(|_| json.get("type").is_some()) {
                names.entry(qualified(name, space)).or_insert(Place { json, space });
            }
            for member in ["type", "items", "values"] {
                json.get(member).into_iter().for_each(|inner| collect(inner, space, names));
            }
            let fields = json.get("fields").and_then(Json::as_array);
            fields
                .into_iter()
                .flatten()
                .filter_map(|field| field.get("type"))
                .for_each(|ty| collect(ty, space, names));
        }
        _ => {}
    }
}

struct Walk<'s> {
    writers: Names<'s>,
    readers: Names<'s>,
    /// Pairs of records being compared: one that holds itself is what it is.
    open: Vec<(String, String)>,
}

const DEPTH_MAX: usize = 64;

impl<'s> Walk<'s> {
    fn reads(&mut self, writer: Place<'s>, reader: Place<'s>) -> Result<(), String> {
        let (writer, reader) = (found(writer, &self.writers), found(reader, &self.readers));
        if self.open.len() > DEPTH_MAX {
            return Ok(());
        }
        if let Some(branches) = writer.json.as_array() {
            return branches.iter().try_for_each(|json| self.reads(Place { json, ..writer }, reader));
        }
        if let Some(branches) = reader.json.as_array() {
            let open = self.open.len();
            let fits = branches.iter().any(|json| {
                self.open.truncate(open);
                self.reads(writer, Place { json, ..reader }).is_ok()
            });
            let missing = || format!("no branch of the union reads {}", kind(writer.json));
            return fits.then_some(()).ok_or_else(missing);
        }
        match (kind(writer.json), kind(reader.json)) {
            ("record", "record") => self.record(writer, reader),
            ("enum", "enum") => same_name(writer, reader).and_then(|()| symbols(writer.json, reader.json)),
            ("fixed", "fixed") => same_name(writer, reader).and_then(|()| {
                let same = writer.json.get("size") == reader.json.get("size");
                same.then_some(()).ok_or_else(|| "a fixed type of another size".to_owned())
            }),
            ("array", "array") => self.inner("items", writer, reader),
            ("map", "map") => self.inner("values", writer, reader),
            (old, new) if old == new || promotes(old, new) => Ok(()),
            (old, new) => Err(format!("{new} cannot read {old}")),
        }
    }

    fn inner(&mut self, member: &str, writer: Place<'s>, reader: Place<'s>) -> Result<(), String> {
        match (writer.json.get(member), reader.json.get(member)) {
            (Some(old), Some(new)) => {
                self.reads(Place { json: old, ..writer }, Place { json: new, ..reader })
            }
            _ => Err(format!("no {member}")),
        }
    }

    fn record(&mut self, writer: Place<'s>, reader: Place<'s>) -> Result<(), String> {
        same_name(writer, reader)?;
        let pair = (full_name(writer), full_name(reader));
        if self.open.contains(&pair) {
            return Ok(());
        }
        self.open.push(pair);
        let list = |json: &'s Json| {
            json.get("fields").and_then(Json::as_array).map(Vec::as_slice).unwrap_or_default()
        };
        for field in list(reader.json) {
            let name = text(field, "name").unwrap_or_default();
            let by = |name: &str| list(writer.json).iter().find(|old| text(old, "name") == Some(name));
            let before = by(name).or_else(|| aliases(field).find_map(by));
            match (before.and_then(|old| old.get("type")), field.get("type")) {
                (Some(old), Some(new)) => {
                    let old = Place { json: old, space: space_of(writer.json, writer.space) };
                    let new = Place { json: new, space: space_of(reader.json, reader.space) };
                    self.reads(old, new).map_err(|why| format!("field {name}: {why}"))?;
                }
                _ if field.get("default").is_some() => {}
                _ => return Err(format!("field {name} is new and has no default")),
            }
        }
        self.open.pop();
        Ok(())
    }
}

fn found<'s>(place: Place<'s>, names: &Names<'s>) -> Place<'s> {
    let Some(name) = place.json.as_str() else {
        let inner = place.json.get("type").filter(|ty| ty.is_object() || ty.is_array());
        return inner.map_or(place, |json| found(Place { json, ..place }, names));
    };
    let named = names.get(&qualified(name, place.space)).or_else(|| names.get(name));
    named.copied().unwrap_or(place)
}

fn kind(json: &Json) -> &str {
    json.as_str().or_else(|| text(json, "type")).unwrap_or("union")
}

fn full_name(place: Place<'_>) -> String {
    qualified(text(place.json, "name").unwrap_or_default(), space_of(place.json, place.space))
}

fn aliases(json: &Json) -> impl Iterator<Item = &str> {
    json.get("aliases").and_then(Json::as_array).into_iter().flatten().filter_map(Json::as_str)
}

/// Names are compared without their namespaces, as `SchemaCompatibility.schemaNameEquals` does.
fn same_name(writer: Place<'_>, reader: Place<'_>) -> Result<(), String> {
    let last = |name: &str| name.rsplit('.').next().unwrap_or_default().to_owned();
    let (old, new) = (full_name(writer), full_name(reader));
    let known = last(&old) == last(&new) || aliases(reader.json).any(|alias| last(alias) == last(&old));
    known.then_some(()).ok_or_else(|| format!("{new} is another name than {old}"))
}

fn symbols(writer: &Json, reader: &Json) -> Result<(), String> {
    let list = |json: &Json| -> Vec<Json> {
        json.get("symbols").and_then(Json::as_array).cloned().unwrap_or_default()
    };
    let known = list(reader);
    match list(writer).iter().find(|symbol| !known.contains(symbol)) {
        Some(gone) if reader.get("default").is_none() => Err(format!("the symbol {gone} is gone")),
        _ => Ok(()),
    }
}

fn promotes(old: &str, new: &str) -> bool {
    matches!(
        (old, new),
        ("int", "long" | "float" | "double")
            | ("long", "float" | "double")
            | ("float", "double")
            | ("string", "bytes")
            | ("bytes", "string")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(fields: &str) -> String {
        format!(r#"{{"type":"record","name":"a.R","fields":[{fields}]}}"#)
    }

    #[track_caller]
    fn check(old: &str, new: &str, wanted: &str) {
        let found = match resolve(&record(old), &record(new)) {
            Answer::Equal => "equal".to_owned(),
            Answer::Readable => "readable".to_owned(),
            Answer::Unreadable(why) => why,
        };
        assert_eq!(found, wanted);
    }

    #[test]
    fn schemas_are_resolved_by_avros_rules() {
        let id = r#"{"name":"id","type":"int"}"#;
        check(id, id, "equal");
        check(id, r#"{"name":"id","type":"int","doc":"x"}"#, "equal");
        check(id, r#"{"name":"id","type":"long"}"#, "readable");
        check(r#"{"name":"id","type":"long"}"#, id, "field id: int cannot read long");
        check(id, &format!(r#"{id},{{"name":"x","type":"int"}}"#), "field x is new and has no default");
        check(id, &format!(r#"{id},{{"name":"x","type":"int","default":0}}"#), "readable");
        check(&format!(r#"{id},{{"name":"x","type":"int"}}"#), id, "readable");
        check(id, r#"{"name":"no","type":"int","aliases":["id"]}"#, "readable");
        check(id, r#"{"name":"id","type":["null","int"]}"#, "readable");
        check(r#"{"name":"id","type":["null","int"]}"#, id, "field id: int cannot read null");
        let kind = |symbols: &str| {
            format!(r#"{{"name":"k","type":{{"type":"enum","name":"K","symbols":[{symbols}]}}}}"#)
        };
        check(&kind(r#""A","B""#), &kind(r#""B","A""#), "readable");
        check(&kind(r#""A","B""#), &kind(r#""A""#), "field k: the symbol \"B\" is gone");
        let itself = r#"{"name":"next","type":["null","a.R"]}"#;
        check(itself, &format!(r#"{itself},{{"name":"x","type":"int","default":0}}"#), "readable");
        let list = |ty: &str| format!(r#"{{"name":"l","type":{{"type":"array","items":"{ty}"}}}}"#);
        check(&list("string"), &list("bytes"), "readable");
        check(&list("string"), &list("int"), "field l: int cannot read string");
    }
}
