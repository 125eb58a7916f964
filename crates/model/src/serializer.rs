//! Flink's serializers as a description: what its compatibility rules compare, without the code.
//!
//! A [`SerializerTree`] holds what a serializer snapshot of Flink says of itself: its class, the
//! class of the values, the parts by name, the constants of an enum, the schema of Avro records.
//! It travels in job descriptions and lock files (rule JOB-2) and is compared by the checker.

mod names;
mod text;
mod types;

use serde_json::{Map, Value as Json};

pub use text::{serializer_from_json, serializer_to_json};
pub(crate) use types::fill;

/// A serializer of Flink with all serializers inside it.
///
/// ```
/// use alluvium_model::serializer::{SerializerTree, serializer_from_json, serializer_to_json};
///
/// let long = SerializerTree::new("org.apache.flink.api.common.typeutils.base.LongSerializer");
/// assert_eq!(serializer_to_json(&long), "long");
/// assert_eq!(serializer_from_json(&"long".into())?, long);
/// # Ok::<(), alluvium_model::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Default)]
pub struct SerializerTree {
    /// Flink's serializer class, full name.
    pub class: String,
    /// Version of its snapshot, where it was read from one and has parts or members of its own.
    pub version: Option<i32>,
    /// Class of the values, where the serializer's class does not say it: POJO, enum, tuple, Avro,
    /// Kryo, case class, component of an array.
    pub type_class: Option<String>,
    /// The serializers inside, in the order of the snapshot. Fields of a POJO have their names; others
    /// have `key`, `value`, `element`, `f0`, ….
    pub parts: Vec<Part>,
    /// Registered subclasses of a POJO, in the order of their numbers; registered classes of Kryo, which
    /// have no serializers here.
    pub registered: Vec<Part>,
    /// Subclasses of a POJO that the serializer has met, by name.
    pub subclasses: Vec<Part>,
    /// Constants of an enum in stored order.
    pub symbols: Vec<String>,
    /// Text of the Avro schema.
    pub schema: Option<String>,
    /// What else the snapshot says, by name: `types` of a row of SQL, `padding` of a nullable value,
    /// `kryo` (2 or 5).
    pub facts: Map<String, Json>,
}

/// A serializer inside another one.
#[derive(Debug, Clone, PartialEq)]
pub struct Part {
    /// Name of the field, of the subclass or of the role.
    pub name: String,
    /// Its serializer; none where the snapshot names the part only.
    pub serializer: Option<SerializerTree>,
}

/// The serializers of a state, as far as they are known.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct StateSerializers {
    /// Of the key of keyed state.
    pub key: Option<Box<SerializerTree>>,
    /// Of the namespace of keyed state.
    pub namespace: Option<Box<SerializerTree>>,
    /// Of the keys of broadcast state, and of a map of the second state API.
    pub map_key: Option<Box<SerializerTree>>,
    /// Flink's own serializer of the state: for a map state the map's, for a list state the list's, for
    /// operator state that of an element; around it that of the time to live.
    pub value: Option<Box<SerializerTree>>,
}

impl SerializerTree {
    /// Makes a serializer without parts, of a full class name or a short one such as `long`.
    pub fn new(class: &str) -> Self {
        SerializerTree { class: names::full(class).to_owned(), ..SerializerTree::default() }
    }

    /// Sets the class of the values.
    pub fn of(mut self, type_class: impl Into<String>) -> Self {
        self.type_class = Some(type_class.into());
        self
    }

    /// Adds a part.
    pub fn with(mut self, name: impl Into<String>, part: SerializerTree) -> Self {
        self.parts.push(Part { name: name.into(), serializer: Some(part) });
        self
    }

    /// Returns the short name of the class, such as `long` or `pojo`; else the class.
    pub fn name(&self) -> &str {
        names::short(&self.class)
    }

    /// Returns the serializer of a part.
    pub fn part(&self, name: &str) -> Option<&SerializerTree> {
        self.parts.iter().find(|part| part.name == name)?.serializer.as_ref()
    }

    /// Returns the serializers inside, those of subclasses too.
    pub fn children(&self) -> impl Iterator<Item = &SerializerTree> {
        let all = self.parts.iter().chain(&self.registered).chain(&self.subclasses);
        all.filter_map(|part| part.serializer.as_ref())
    }

    /// Returns the serializer of the user's value behind a time of last access, if this is one.
    pub fn without_ttl(&self) -> &SerializerTree {
        if self.is_ttl() {
            self.parts.last().and_then(|part| part.serializer.as_ref()).unwrap_or(self)
        } else {
            self
        }
    }

    /// Returns whether values carry a time of last access (`TtlSerializer`).
    pub fn is_ttl(&self) -> bool {
        self.class.ends_with("TtlStateFactory$TtlSerializer")
    }
}

impl StateSerializers {
    /// Returns whether nothing is known.
    pub fn is_empty(&self) -> bool {
        self.key.is_none() && self.namespace.is_none() && self.map_key.is_none() && self.value.is_none()
    }
}

#[cfg(test)]
mod tests;
