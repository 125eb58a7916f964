//! The tables of an operator: one for every state, whatever files it lies in.

use std::sync::Arc;

use alluvium_model::serializer::StateSerializers;
use alluvium_model::{ElementType, KeyGroupFunction, LogicalType, Role, StateKind, StateSchema, TimeDomain};
use bytes::Bytes;

use super::rows::{may_be_odd, same_but_ids};
use crate::header::StateMeta;
use crate::layout::shape::Shape;
use crate::serializer::{Serializer, SerializerSnapshot};

/// A state of an operator.
#[derive(Debug)]
pub(super) struct Table {
    /// Its name, kind and types.
    pub(super) schema: Arc<StateSchema>,
    /// Serializer snapshots by their part, in the form of the files.
    pub(super) origin: Vec<(Role, Bytes)>,
    /// Descriptions of its serializers.
    pub(super) serializers: StateSerializers,
    /// Number of rows, where offsets tell.
    pub(super) rows: Option<u64>,
    /// Where its rows are.
    pub(super) source: Source,
}

impl Table {
    /// Makes a table without serializers.
    pub(super) fn plain(schema: StateSchema, source: Source) -> Self {
        let serializers = StateSerializers::default();
        Table { schema: Arc::new(schema), origin: Vec::new(), serializers, rows: None, source }
    }
}

/// Where the rows of a table are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Source {
    /// In keyed state, under this name.
    Keyed(String),
    /// Among the timers of raw keyed state.
    RawTimers {
        /// Name of the service.
        service: String,
        /// Time domain.
        domain: TimeDomain,
    },
    /// In raw keyed state that is no timers, one row per key group.
    RawKeyed,
    /// In a split or union list, under this name, of this member of a chain.
    List(String, u32),
    /// In broadcast state, under this name, of this member of a chain.
    Broadcast(String, u32),
    /// In raw operator state of this member of a chain.
    RawOperator(u32),
    /// In legacy state of this member of a chain.
    Legacy(u32),
    /// In flight before or behind the operator.
    Channels {
        /// Behind it.
        output: bool,
        /// Gate of an input, partition of an output.
        gate: u32,
    },
}

/// Collects tables and keeps their names apart.
#[derive(Debug, Default)]
pub(super) struct Tables {
    pub(super) tables: Vec<Table>,
    /// What the files of one state disagree on.
    pub(super) conflicts: Vec<String>,
}

impl Tables {
    /// Describes the serializers of a state that is not there yet: subtasks share one description.
    pub(super) fn serializers(
        &self,
        source: &Source,
        meta: &StateMeta,
        key: Option<&SerializerSnapshot>,
    ) -> StateSerializers {
        if self.tables.iter().any(|known| known.source == *source) {
            return StateSerializers::default();
        }
        let tree = |snapshot: Option<&SerializerSnapshot>| snapshot.map(|s| Box::new(s.serializer.tree()));
        StateSerializers {
            key: tree(key),
            namespace: tree(meta.namespace.as_ref()),
            map_key: tree(meta.user_key.as_ref().or(meta.key.as_ref())),
            value: tree(meta.value.as_ref()),
        }
    }

    /// Adds a state, or compares it with the one already there from the same source.
    pub(super) fn add(&mut self, mut table: Table) {
        if let Some(known) = self.tables.iter_mut().find(|known| known.source == table.source) {
            if let Some(what) = difference(&known.schema, &table.schema) {
                let raw = known.schema.as_ref().clone().with_all_raw();
                self.conflicts.push(format!("state {}: subtasks disagree on {what}", known.schema.name));
                known.schema = Arc::new(raw);
            }
            known.rows = known.rows.zip(table.rows).map(|(a, b)| a.saturating_add(b));
            return;
        }
        let name = &table.schema.name;
        if self.tables.iter().any(|known| known.schema.name == *name) {
            let mut schema = table.schema.as_ref().clone();
            schema.name = format!("{name}${}", table.schema.kind.word());
            table.schema = Arc::new(schema);
        }
        self.tables.push(table);
    }
}

/// Returns the first thing on which two schemas of one state disagree.
fn difference(a: &StateSchema, b: &StateSchema) -> Option<&'static str> {
    let same = |a: Option<&LogicalType>, b: Option<&LogicalType>| match (a, b) {
        (Some(a), Some(b)) => same_but_ids(a, b),
        (None, None) => true,
        _ => false,
    };
    let value = |schema: &StateSchema| schema.value.as_ref().map(|value| value.ty.clone());
    if a.kind != b.kind {
        Some("its kind")
    } else if !same(a.key.as_ref(), b.key.as_ref()) {
        Some("the type of its keys")
    } else if !same(a.namespace.as_ref(), b.namespace.as_ref()) {
        Some("the type of its namespaces")
    } else if !same(a.map_key.as_ref(), b.map_key.as_ref()) {
        Some("the type of its map keys")
    } else if !same(value(a).as_ref(), value(b).as_ref()) {
        Some("the type of its values")
    } else if a.has_last_access() != b.has_last_access() {
        Some("its time to live")
    } else {
        None
    }
}

/// Returns the schema of a keyed state.
pub(super) fn keyed_schema(shape: &Shape) -> StateSchema {
    let mut schema = StateSchema::new(&shape.name, shape.kind);
    schema.key = Some(shape.key.element_type().ty);
    if !shape.namespace.is_void_namespace() {
        schema.namespace = Some(shape.namespace.element_type().ty);
    }
    schema.map_key = shape.map_key.as_ref().map(|key| key.element_type().ty);
    schema.value = shape.value.as_ref().map(Serializer::element_type);
    if schema.kind == StateKind::Map
        && let Some(value) = &mut schema.value
    {
        value.nullable = true;
    }
    if shape.ttl {
        schema = schema.with_unknown_ttl();
    }
    let odd = |role, serializer: Option<&Serializer>| serializer.filter(|s| may_be_odd(s)).map(|_| role);
    let namespace = schema.namespace.as_ref().map(|_| &shape.namespace);
    let whole_lists = schema.kind == StateKind::List;
    schema.raw.extend(odd(Role::KeyRaw, Some(&shape.key)));
    schema.raw.extend(odd(Role::NamespaceRaw, namespace));
    schema.raw.extend(odd(Role::MapKeyRaw, shape.map_key.as_ref()));
    schema
        .raw
        .extend(odd(Role::ValueRaw, shape.value.as_ref()).filter(|_| schema.value.is_some() || whole_lists));
    with_ids(schema)
}

/// Returns the schema of a list or broadcast state.
pub(super) fn operator_schema(meta: &StateMeta) -> StateSchema {
    let serializer = |snapshot: &Option<SerializerSnapshot>| snapshot.as_ref().map(|s| s.serializer.clone());
    let (key, value) = (serializer(&meta.key), serializer(&meta.value));
    let mut schema = StateSchema::new(&meta.name, meta.kind);
    schema.value = Some(value.as_ref().map_or_else(opaque_element, Serializer::element_type));
    if meta.kind == StateKind::Broadcast {
        let unknown = || LogicalType::Opaque { serializer: "unknown".into() };
        schema.map_key = Some(key.as_ref().map_or_else(unknown, |key| key.element_type().ty));
        schema.raw.extend(key.as_ref().is_none_or(may_be_odd).then_some(Role::MapKeyRaw));
    }
    schema.raw.extend(value.as_ref().is_none_or(may_be_odd).then_some(Role::ValueRaw));
    with_ids(schema)
}

/// Returns the schema of bytes that an operator wrote by itself.
pub(super) fn bytes_schema(name: String, kind: StateKind, value: LogicalType) -> StateSchema {
    StateSchema::new(name, kind).with_value(ElementType::required(value))
}

fn opaque_element() -> ElementType {
    ElementType::required(LogicalType::Opaque { serializer: "unknown".into() })
}

pub(super) fn with_ids(schema: StateSchema) -> StateSchema {
    alluvium_model::evolution::assign_field_ids(&schema, None)
}

/// Returns the original serializer snapshots of a state.
pub(super) fn origin(meta: &StateMeta, key: Option<&SerializerSnapshot>) -> Vec<(Role, Bytes)> {
    let parts = [
        (Role::Key, key),
        (Role::Namespace, meta.namespace.as_ref()),
        (Role::MapKey, meta.user_key.as_ref().or(meta.key.as_ref())),
        (Role::Value, meta.value.as_ref()),
    ];
    parts.into_iter().filter_map(|(role, part)| Some((role, part?.origin.clone()))).collect()
}

/// Returns how the keys of a serializer are placed.
pub(super) fn key_group_function(key: &Serializer) -> KeyGroupFunction {
    if is_binary_row(key) {
        KeyGroupFunction::FlinkBinaryRow
    } else if has_java_hash(key) {
        KeyGroupFunction::JavaHash
    } else {
        KeyGroupFunction::Stored
    }
}

/// Returns whether keys are rows of SQL operators.
pub(super) fn is_binary_row(key: &Serializer) -> bool {
    let class = key.class().rsplit('.').next().unwrap_or_default();
    matches!(class, "RowDataSerializer" | "BinaryRowDataSerializer")
}

/// Returns whether the class of a serializer's values has the hash code that the type has in
/// `java-hash/1`. User classes, rows and dates of `java.util` have others.
fn has_java_hash(key: &Serializer) -> bool {
    let class = key.class().rsplit('.').next().unwrap_or_default();
    match class {
        "TupleSerializer" => key.fields().is_some_and(|fields| fields.iter().all(has_java_hash)),
        _ => JAVA_HASH.contains(&class),
    }
}

/// Serializers of classes whose hash code follows from the value.
const JAVA_HASH: [&str; 14] = [
    "BooleanSerializer",
    "ByteSerializer",
    "ShortSerializer",
    "IntSerializer",
    "LongSerializer",
    "FloatSerializer",
    "DoubleSerializer",
    "CharSerializer",
    "StringSerializer",
    "LocalDateSerializer",
    "LocalTimeSerializer",
    "LocalDateTimeSerializer",
    "InstantSerializer",
    "BigIntSerializer",
];
