//! Serializers of states of SQL operators.

use alluvium_model::serializer::{Part, SerializerTree};

use super::types::{Row, Type};

/// What a state holds, in serializers; none where one is not known.
#[derive(Debug, Clone)]
pub(super) enum Held {
    /// One value.
    Value(Option<Box<SerializerTree>>),
    /// Values by keys.
    Map(Option<Box<[SerializerTree; 2]>>),
}

impl Held {
    /// A value; none where its serializer is not known.
    pub(super) fn value(value: Option<SerializerTree>) -> Self {
        Held::Value(value.map(Box::new))
    }

    /// A map; none where the serializer of its keys or of its values is not known.
    pub(super) fn map(key: Option<SerializerTree>, value: Option<SerializerTree>) -> Self {
        Held::Map(key.zip(value).map(|(key, value)| Box::new([key, value])))
    }

    /// Returns the word for the kind of state.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Held::Value(_) => "value",
            Held::Map(_) => "map",
        }
    }

    /// Returns the serializer of the state, with or without a time of last access.
    pub(super) fn tree(&self, has_ttl: bool) -> Option<SerializerTree> {
        let wrapped = |value: &SerializerTree| match has_ttl {
            true => tree("ttl").with("timestamp", tree("long")).with("value", value.clone()),
            false => value.clone(),
        };
        match self {
            Held::Value(value) => value.as_deref().map(wrapped),
            Held::Map(parts) => {
                let [key, value] = parts.as_deref()?;
                Some(tree("map").with("key", key.clone()).with("value", wrapped(value)))
            }
        }
    }
}

/// Makes a serializer without parts.
pub(super) fn tree(name: &str) -> SerializerTree {
    SerializerTree::new(name)
}

pub(super) fn list(element: SerializerTree) -> SerializerTree {
    tree("list").with("element", element)
}

pub(super) fn pair(first: SerializerTree, second: SerializerTree) -> SerializerTree {
    tree("tuple").of("org.apache.flink.api.java.tuple.Tuple2").with("f0", first).with("f1", second)
}

/// Makes the serializer of a row; none where a field is not known.
pub(super) fn row(fields: &Row) -> Option<SerializerTree> {
    let texts = fields.iter().map(|field| field.as_ref().map(Type::text));
    Some(of_texts(texts.collect::<Option<Vec<_>>>()?))
}

/// Makes the serializer of a row of some of the fields.
pub(super) fn projected(fields: &Row, indices: &[usize]) -> Option<SerializerTree> {
    row(&indices.iter().map(|index| fields.get(*index).cloned()).collect::<Option<Row>>()?)
}

/// Makes the serializer of a row of types as SQL prints them. What follows from the types is not told
/// of the fields.
///
/// Source: `RowDataSerializer`, whose snapshots compare the types.
pub(super) fn of_texts(types: Vec<String>) -> SerializerTree {
    let mut row = tree("row-data");
    row.parts = (0..types.len()).map(|index| Part { name: format!("f{index}"), serializer: None }).collect();
    if !types.is_empty() {
        row.facts.insert("types".into(), types.into());
    }
    row
}
