use std::collections::HashMap;

use serde_json::Value as Json;

use super::super::VALUE_BYTES_MAX;

/// A parsed schema: nodes that refer to each other by place, so that types may hold themselves.
#[derive(Debug)]
pub(super) struct Schema {
    nodes: Vec<Node>,
    root: usize,
}

/// A type of a schema; numbers are places of other nodes.
#[derive(Debug, Clone)]
pub(super) enum Node {
    Null,
    Bool,
    Int(Option<String>),
    Long(Option<String>),
    Float,
    Double,
    Bytes(Option<Decimal>),
    Text,
    Fixed { size: usize, decimal: Option<Decimal> },
    Enum(Vec<String>),
    Array(usize),
    Map(usize),
    Union(Vec<usize>),
    Record { name: String, fields: Vec<(String, usize)> },
}

/// What the logical type `decimal` says.
#[derive(Debug, Clone, Copy)]
pub(super) struct Decimal {
    pub(super) precision: u8,
    pub(super) scale: i8,
}

/// Nodes of one schema; serde_json bounds their depth.
const NODES_MAX: usize = 1 << 16;

impl Schema {
    /// Parses the JSON of a schema; none if it is none.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let json: Json = serde_json::from_str(text).ok()?;
        let mut parser = Parser { nodes: Vec::new(), names: HashMap::new() };
        let root = parser.node(&json, "")?;
        Some(Schema { nodes: parser.nodes, root })
    }

    pub(super) fn root(&self) -> usize {
        self.root
    }

    pub(super) fn node(&self, place: usize) -> Option<&Node> {
        self.nodes.get(place)
    }

    /// Returns the name of the outermost type.
    pub(super) fn root_name(&self) -> &str {
        self.name(self.root)
    }

    /// Returns the name of a type, as unions call it.
    pub(super) fn name(&self, place: usize) -> &str {
        match self.nodes.get(place) {
            Some(Node::Record { name, .. }) => name,
            Some(Node::Null) => "null",
            Some(Node::Bool) => "boolean",
            Some(Node::Int(_)) => "int",
            Some(Node::Long(_)) => "long",
            Some(Node::Float) => "float",
            Some(Node::Double) => "double",
            Some(Node::Bytes(_)) => "bytes",
            Some(Node::Text) => "string",
            Some(Node::Array(_)) => "array",
            Some(Node::Map(_)) => "map",
            Some(Node::Fixed { .. }) => "fixed",
            Some(Node::Enum(_)) => "enum",
            Some(Node::Union(_)) | None => "union",
        }
    }
}

struct Parser {
    nodes: Vec<Node>,
    /// Places of the named types, by their full names.
    names: HashMap<String, usize>,
}

impl Parser {
    fn push(&mut self, node: Node) -> Option<usize> {
        if self.nodes.len() >= NODES_MAX {
            return None;
        }
        self.nodes.push(node);
        Some(self.nodes.len() - 1)
    }

    fn node(&mut self, json: &Json, namespace: &str) -> Option<usize> {
        match json {
            Json::String(name) => self.named(name, json, namespace),
            Json::Array(branches) => {
                let branches = branches.iter().map(|b| self.node(b, namespace)).collect::<Option<_>>()?;
                self.push(Node::Union(branches))
            }
            Json::Object(object) => match object.get("type")? {
                Json::String(name) => self.named(name, json, namespace),
                inner => self.node(inner, namespace),
            },
            _ => None,
        }
    }

    /// Parses what a type's name says, with the attributes beside it.
    fn named(&mut self, name: &str, json: &Json, namespace: &str) -> Option<usize> {
        let logical = json.get("logicalType").and_then(Json::as_str);
        let node = match name {
            "null" => Node::Null,
            "boolean" => Node::Bool,
            "int" => Node::Int(logical.map(str::to_owned)),
            "long" => Node::Long(logical.map(str::to_owned)),
            "float" => Node::Float,
            "double" => Node::Double,
            "bytes" => Node::Bytes(decimal(json)),
            "string" => Node::Text,
            "array" => Node::Array(self.node(json.get("items")?, namespace)?),
            "map" => Node::Map(self.node(json.get("values")?, namespace)?),
            "record" | "error" | "enum" | "fixed" => return self.define(name, json, namespace),
            name => return self.names.get(&full_name(name, namespace)).copied(),
        };
        self.push(node)
    }

    fn define(&mut self, kind: &str, json: &Json, namespace: &str) -> Option<usize> {
        let given = json.get("namespace").and_then(Json::as_str).unwrap_or(namespace);
        let name = full_name(json.get("name")?.as_str()?, given);
        let namespace = name.rsplit_once('.').map_or("", |(namespace, _)| namespace).to_owned();
        // The place is known before the fields are, which may name it.
        let place = self.push(Node::Record { name: name.clone(), fields: Vec::new() })?;
        self.names.insert(name.clone(), place);
        let node = match kind {
            "enum" => Node::Enum(strings(json.get("symbols")?)?),
            "fixed" => Node::Fixed {
                size: usize::try_from(json.get("size")?.as_u64()?)
                    .ok()
                    .filter(|size| *size <= VALUE_BYTES_MAX)?,
                decimal: decimal(json),
            },
            _ => {
                let mut fields = Vec::new();
                for field in json.get("fields")?.as_array()? {
                    let ty = self.node(field.get("type")?, &namespace)?;
                    fields.push((field.get("name")?.as_str()?.to_owned(), ty));
                }
                Node::Record { name, fields }
            }
        };
        *self.nodes.get_mut(place)? = node;
        Some(place)
    }
}

fn full_name(name: &str, namespace: &str) -> String {
    match name.contains('.') || namespace.is_empty() {
        true => name.to_owned(),
        false => format!("{namespace}.{name}"),
    }
}

fn strings(json: &Json) -> Option<Vec<String>> {
    json.as_array()?.iter().map(|text| Some(text.as_str()?.to_owned())).collect()
}

/// Returns the logical type decimal of at most 38 digits; larger ones stay bytes.
fn decimal(json: &Json) -> Option<Decimal> {
    if json.get("logicalType")?.as_str()? != "decimal" {
        return None;
    }
    let precision = u8::try_from(json.get("precision")?.as_u64()?).ok()?;
    let scale = json.get("scale").map_or(Some(0), Json::as_u64)?;
    let scale = i8::try_from(scale).ok().filter(|scale| scale.unsigned_abs() <= precision)?;
    (1..=38).contains(&precision).then_some(Decimal { precision, scale })
}
