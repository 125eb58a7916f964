//! Serializers as a description: what Flink's compatibility rules compare.

use alluvium_model::serializer::{Part, SerializerTree};
use serde_json::{Map, json};

use super::{Codec, Serializer};

/// What a snapshot says of a serializer and its values do not need.
#[derive(Debug, Clone, Default)]
pub(super) struct Notes {
    /// Version of the snapshot.
    pub(super) version: Option<i32>,
    /// Class of the values.
    pub(super) type_class: Option<String>,
    /// Text of the Avro schema.
    pub(super) schema: Option<String>,
    /// Serializers that are only named.
    pub(super) parts: Vec<Serializer>,
    /// Types of SQL, as it prints them.
    pub(super) types: Vec<String>,
    /// Classes for which Kryo has default serializers.
    pub(super) defaults: Vec<String>,
}

impl Notes {
    /// Returns whether the class of the serializer says everything.
    pub(super) fn is_empty(&self) -> bool {
        self.version.is_none_or(|version| version == SIMPLE)
            && self.type_class.is_none()
            && self.schema.is_none()
            && self.parts.is_empty()
            && self.types.is_empty()
            && self.defaults.is_empty()
    }
}

/// Version of the snapshots of serializers without parts.
const SIMPLE: i32 = 3;

impl Serializer {
    /// Describes the serializer: its class, those inside it, and what else Flink compares at a restore.
    pub fn tree(&self) -> SerializerTree {
        let class = self.class().split_once('<').map_or(self.class(), |(class, _)| class);
        let mut tree = SerializerTree { class: class.to_owned(), ..SerializerTree::default() };
        self.describe(&mut tree);
        if let Some(notes) = self.notes() {
            note(notes, &mut tree);
        }
        let is_flinks = tree.class.starts_with("org.apache.flink.");
        if is_flinks && tree.parts.is_empty() && tree.type_class.is_none() && tree.facts.is_empty() {
            tree.version = None;
        }
        tree
    }

    fn describe(&self, tree: &mut SerializerTree) {
        let one = |name: &str, part: &Serializer| vec![named(name, part)];
        match self.codec() {
            // Parts of arrays of primitives and the like are no serializers of Flink.
            Codec::List(element) if !self.class().contains(".base.array.") => {
                tree.parts = one("element", element)
            }
            Codec::Same(inner) | Codec::StreamElement(inner) => tree.parts = one("value", inner),
            Codec::Marked(list) => tree.parts = one("element", &list.element),
            Codec::Masked(list) => tree.parts = one("element", &list.element),
            Codec::Map(map) => tree.parts = vec![named("key", &map.key), named("value", &map.value)],
            Codec::Fields(fields) => {
                let name = |index: usize| {
                    fields.names().get(index).map_or_else(|| format!("f{index}"), |n| (*n).to_owned())
                };
                tree.parts = numbered(fields.parts(), name);
            }
            Codec::Row(row) => tree.parts = numbered(&row.fields, |index| format!("f{index}")),
            Codec::Optional(optional) => {
                tree.parts = one("value", &optional.value);
                if let Some(padding) = optional.padding {
                    tree.facts.insert("padding".into(), padding.into());
                }
            }
            Codec::Either(either) => {
                tree.parts = vec![named("left", &either.left), named("right", &either.right)]
            }
            Codec::Symbols(symbols) => tree.symbols = symbols.names().to_vec(),
            Codec::Pojo(pojo) => {
                tree.type_class = Some(pojo.class().to_owned());
                let all = |list: Vec<(&str, &Serializer)>| {
                    list.into_iter().map(|(name, s)| named(name, s)).collect()
                };
                [tree.parts, tree.registered, tree.subclasses] = pojo.lists().map(all);
            }
            Codec::Ttl(value) => {
                tree.parts = vec![named("timestamp", &super::names::long()), named("value", value)];
            }
            Codec::Timer(timer) => {
                tree.parts = vec![named("key", &timer.key), named("namespace", &timer.namespace)];
            }
            Codec::TwoPhaseCommit(state) => {
                tree.parts = vec![named("transaction", &state.transaction), named("context", &state.context)];
            }
            Codec::Avro(avro) => tree.type_class = Some(avro.class().to_owned()),
            Codec::Kryo(kryo) => {
                tree.type_class = Some(kryo.class().to_owned());
                tree.facts.insert("kryo".into(), kryo.version().into());
                let others = kryo.registered().iter().filter(|class| *class != kryo.class());
                tree.registered =
                    others.map(|class| Part { name: class.clone(), serializer: None }).collect();
            }
            Codec::TableDecimal(decimal) => {
                let digits = [("precision", json!(decimal.precision)), ("scale", json!(decimal.scale))];
                tree.facts = digits.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
            }
            Codec::TableTimestamp(timestamp) => {
                tree.facts = Map::from_iter([("precision".to_owned(), json!(timestamp.precision))]);
            }
            _ => {}
        }
    }
}

fn note(notes: &Notes, tree: &mut SerializerTree) {
    tree.version = notes.version;
    tree.schema.clone_from(&notes.schema);
    if tree.type_class.is_none() {
        tree.type_class.clone_from(&notes.type_class);
    }
    if !notes.parts.is_empty() {
        tree.parts = numbered(&notes.parts, |index| format!("f{index}"));
    }
    for (name, list) in [("types", &notes.types), ("default_serializers", &notes.defaults)] {
        if !list.is_empty() {
            tree.facts.insert(name.into(), list.clone().into());
        }
    }
}

fn named(name: &str, serializer: &Serializer) -> Part {
    Part { name: name.to_owned(), serializer: Some(serializer.tree()) }
}

fn numbered(serializers: &[Serializer], name: impl Fn(usize) -> String) -> Vec<Part> {
    serializers.iter().enumerate().map(|(index, part)| named(&name(index), part)).collect()
}
