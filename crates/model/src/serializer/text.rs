use serde_json::{Map, Value as Json};

use super::{Part, SerializerTree, StateSerializers, names};
use crate::document::Node;
use crate::{Error, Result};

/// Deepest nesting of serializers that is read; deeper ones are refused.
const DEPTH_MAX: usize = 64;

/// Prints a serializer: one that is nothing but its class as a string, short where there is a short
/// name, others as an object whose members that do not apply are absent.
///
/// Spec: JOB-3.
pub fn serializer_to_json(tree: &SerializerTree) -> Json {
    let mut object = Map::new();
    if let Some(version) = tree.version {
        object.insert("version".into(), version.into());
    }
    if let Some(class) = &tree.type_class {
        object.insert("type".into(), class.clone().into());
    }
    for (name, parts) in
        [("parts", &tree.parts), ("registered", &tree.registered), ("subclasses", &tree.subclasses)]
    {
        if !parts.is_empty() {
            object.insert(name.into(), parts.iter().map(part_to_json).collect());
        }
    }
    if !tree.symbols.is_empty() {
        object.insert("symbols".into(), tree.symbols.clone().into());
    }
    if let Some(schema) = &tree.schema {
        object.insert("schema".into(), schema.clone().into());
    }
    if !tree.facts.is_empty() {
        object.insert("facts".into(), tree.facts.clone().into());
    }
    let class = Json::from(tree.name());
    if object.is_empty() {
        return class;
    }
    Json::Object(std::iter::once(("class".to_owned(), class)).chain(object).collect())
}

fn part_to_json(part: &Part) -> Json {
    let name = ("name".to_owned(), part.name.clone().into());
    let serializer = part.serializer.as_ref().map(|s| ("serializer".to_owned(), serializer_to_json(s)));
    Json::Object(std::iter::once(name).chain(serializer).collect())
}

/// Reads a serializer; the class may be a short name.
///
/// # Errors
/// [`Error::Mismatch`] with the member that is missing or odd.
///
/// Spec: JOB-3.
pub fn serializer_from_json(json: &Json) -> Result<SerializerTree> {
    read(json, 0)
}

fn read(json: &impl Node, depth: usize) -> Result<SerializerTree> {
    if depth >= DEPTH_MAX {
        return Err(odd("serializer", "at most 64 levels", json));
    }
    if let Some(class) = json.text() {
        return Ok(SerializerTree::new(class));
    }
    let class = json.get("class").and_then(Node::text);
    let class = class.ok_or_else(|| odd("serializer", "a class name, or an object with `class`", json))?;
    let text = |name: &str| {
        let member = json.get(name).filter(|member| !member.is_null());
        member
            .map(|text| text.text().map(str::to_owned).ok_or_else(|| odd(name, "a string", text)))
            .transpose()
    };
    let version = json.get("version").map(|version| {
        version
            .signed()
            .and_then(|v| i32::try_from(v).ok())
            .ok_or_else(|| odd("version", "a number", version))
    });
    let symbols = array(json, "symbols")?.iter();
    let symbols = symbols.map(|s| s.text().map(str::to_owned).ok_or_else(|| odd("symbols", "strings", s)));
    let facts = match json.get("facts") {
        None => Map::new(),
        Some(facts) => match facts.to_json() {
            Json::Object(facts) => facts,
            _ => return Err(odd("facts", "an object", facts)),
        },
    };
    Ok(SerializerTree {
        class: names::full(class).to_owned(),
        version: version.transpose()?,
        type_class: text("type")?,
        parts: parts(json, "parts", depth)?,
        registered: parts(json, "registered", depth)?,
        subclasses: parts(json, "subclasses", depth)?,
        symbols: symbols.collect::<Result<_>>()?,
        schema: text("schema")?,
        facts,
    })
}

fn parts<N: Node>(json: &N, member: &str, depth: usize) -> Result<Vec<Part>> {
    let part = |json: &N| {
        let name =
            json.get("name").and_then(Node::text).ok_or_else(|| odd(member, "parts with `name`", json))?;
        let serializer = json.get("serializer").map(|serializer| read(serializer, depth + 1)).transpose()?;
        Ok(Part { name: name.to_owned(), serializer })
    };
    array(json, member)?.iter().map(part).collect()
}

fn array<'a, N: Node>(json: &'a N, member: &str) -> Result<&'a [N]> {
    match json.get(member) {
        None => Ok(&[]),
        Some(list) => list.list().ok_or_else(|| odd(member, "an array", list)),
    }
}

fn odd(path: &str, wanted: &str, found: &impl Node) -> Error {
    let found = found.to_json().to_string().chars().take(120).collect();
    Error::Mismatch { path: path.to_owned(), wanted: wanted.to_owned(), found }
}

const PARTS: [&str; 4] = ["key", "namespace", "map_key", "value"];

impl StateSerializers {
    /// Prints the serializers that are known, by part; none where there are none.
    ///
    /// Spec: JOB-2.
    pub fn to_json(&self) -> Option<Json> {
        let trees = [&self.key, &self.namespace, &self.map_key, &self.value];
        let known = PARTS.into_iter().zip(trees);
        let known =
            known.filter_map(|(name, tree)| Some((name.to_owned(), serializer_to_json(tree.as_ref()?))));
        (!self.is_empty()).then(|| Json::Object(known.collect()))
    }

    /// Reads the serializers of a state.
    ///
    /// # Errors
    /// As for [`serializer_from_json`].
    ///
    /// Spec: JOB-2.
    pub fn from_json(json: &impl Node) -> Result<Self> {
        if !json.is_table() {
            return Err(odd("serializers", "an object with key, namespace, map_key, value", json));
        }
        let part = |name: &str| json.get(name).map(|part| read(part, 0).map(Box::new)).transpose();
        let [key, namespace, map_key, value] = PARTS.map(part);
        Ok(StateSerializers { key: key?, namespace: namespace?, map_key: map_key?, value: value? })
    }
}
