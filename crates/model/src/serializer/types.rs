//! The types of values, as far as a description of their serializer tells.

use super::SerializerTree;
use crate::{ElementType, EnumType, LogicalType, StateKind, StateSchema, StructType, TimeUnit};

impl SerializerTree {
    /// Returns the type of the values; opaque where the description does not tell.
    ///
    /// It is for people and for finding states that look alike. What Flink can restore follows from
    /// the serializers themselves.
    pub fn element_type(&self) -> ElementType {
        let required = |ty| ElementType::required(ty);
        match self.name() {
            "pojo" => ElementType::nullable(self.fields()),
            "nullable" => self
                .nth(0)
                .map_or_else(|| self.opaque(), |part| ElementType::nullable(part.element_type().ty)),
            "tuple" => required(LogicalType::Tuple(self.trees().map(SerializerTree::element_type).collect())),
            "row" => required(LogicalType::Tuple(
                self.trees().map(|part| ElementType::nullable(part.element_type().ty)).collect(),
            )),
            "list" | "array" => match self.nth(0) {
                Some(element) => required(LogicalType::List(Box::new(element.element_type()))),
                None => self.opaque(),
            },
            "set" => match self.nth(0) {
                Some(element) => required(LogicalType::Set(Box::new(element.element_type().ty))),
                None => self.opaque(),
            },
            "map" => match (self.nth(0), self.nth(1)) {
                (Some(key), Some(value)) => {
                    let key = key.element_type().ty;
                    let value = ElementType::nullable(value.element_type().ty);
                    required(LogicalType::Map(Box::new(key), Box::new(value)))
                }
                _ => self.opaque(),
            },
            "enum" => required(LogicalType::Enum(EnumType { symbols: self.symbols.clone() })),
            "ttl" => self.without_ttl().element_type(),
            name => match scalar(name) {
                Some(ty) => required(ty),
                None => self.opaque(),
            },
        }
    }

    fn trees(&self) -> impl Iterator<Item = &SerializerTree> {
        self.parts.iter().filter_map(|part| part.serializer.as_ref())
    }

    fn nth(&self, index: usize) -> Option<&SerializerTree> {
        self.parts.get(index)?.serializer.as_ref()
    }

    fn fields(&self) -> LogicalType {
        let field = |part: &super::Part| {
            let ty = part.serializer.as_ref().map_or_else(|| self.opaque(), SerializerTree::element_type).ty;
            (part.name.clone(), ElementType::nullable(ty))
        };
        LogicalType::Struct(StructType::of(self.parts.iter().map(field)))
    }

    fn opaque(&self) -> ElementType {
        ElementType::required(LogicalType::Opaque { serializer: self.label() })
    }

    /// Returns the class, with that of the values in angle brackets where it has one.
    pub fn label(&self) -> String {
        match &self.type_class {
            Some(ty) => format!("{}<{ty}>", self.class),
            None => self.class.clone(),
        }
    }
}

fn scalar(name: &str) -> Option<LogicalType> {
    use LogicalType as T;
    if let Some(element) = name.strip_suffix("[]") {
        let list = |ty| T::List(Box::new(ElementType::required(ty)));
        return if element == "byte" { Some(T::Bytes) } else { scalar(element).map(list) };
    }
    Some(match name {
        "boolean" => T::Bool,
        "byte" => T::Int8,
        "short" => T::Int16,
        "int" => T::Int32,
        "long" => T::Int64,
        "float" => T::Float32,
        "double" => T::Float64,
        "string" | "string-data" => T::String,
        "local-date" => T::Date,
        "date" | "sql-date" | "sql-time" => T::timestamp_ms(),
        "local-time" => T::Time(TimeUnit::Nano),
        "time-window" => T::TimeWindow,
        _ => return None,
    })
}

/// Gives a schema the types that it lacks, from the serializers of its state.
pub(crate) fn fill(schema: &mut StateSchema, serializers: &super::StateSerializers) {
    let ty = |tree: &Option<Box<SerializerTree>>| tree.as_ref().map(|tree| tree.element_type().ty);
    let opaque = || LogicalType::Opaque { serializer: "unknown".into() };
    if schema.kind.is_keyed() {
        schema.key = schema.key.take().or_else(|| ty(&serializers.key)).or_else(|| Some(opaque()));
        let namespace = serializers.namespace.as_ref().filter(|tree| tree.name() != "void-namespace");
        schema.namespace = schema.namespace.take().or_else(|| namespace.map(|tree| tree.element_type().ty));
    }
    if matches!(schema.kind, StateKind::Timer(_)) {
        return;
    }
    let value = serializers.value.as_deref();
    if value.is_some_and(SerializerTree::is_ttl) && !schema.has_last_access() && schema.kind.is_keyed() {
        schema.ttl_unknown = true;
    }
    let value = value.map(SerializerTree::without_ttl);
    let inner = |index: usize| value.and_then(|value| value.nth(index)).map(SerializerTree::without_ttl);
    let (map_key, value) = match (schema.kind, value.map(SerializerTree::name)) {
        (StateKind::Map, Some("map")) => (inner(0), inner(1)),
        (StateKind::List, Some("list")) => (None, inner(0)),
        _ => (serializers.map_key.as_deref(), value),
    };
    if matches!(schema.kind, StateKind::Map | StateKind::Broadcast) && schema.map_key.is_none() {
        schema.map_key = Some(map_key.map_or_else(opaque, |tree| tree.element_type().ty));
    }
    if schema.value.is_none() {
        let value = value.map_or_else(|| ElementType::required(opaque()), SerializerTree::element_type);
        let nullable = value.nullable || schema.kind == StateKind::Map;
        schema.value = Some(ElementType { nullable, ..value });
    }
}
