//! Views of a graph; each is a reference and costs nothing to copy.

use super::class::{Class, Enum};
use super::graph::{Entity, Graph, Id, Slot};
use super::object::{Array, Object};

/// What a field, an element or an annotation holds.
#[derive(Debug, Clone, Copy)]
pub enum Value<'g> {
    /// No object.
    Null,
    /// `boolean`.
    Bool(bool),
    /// `byte`.
    Byte(i8),
    /// `char`: one UTF-16 unit.
    Char(u16),
    /// `short`.
    Short(i16),
    /// `int`.
    Int(i32),
    /// `long`.
    Long(i64),
    /// `float`.
    Float(f32),
    /// `double`.
    Double(f64),
    /// A string.
    String(&'g str),
    /// A string with lone surrogates, as UTF-16 units.
    Utf16(&'g [u16]),
    /// An object.
    Object(Object<'g>),
    /// An array.
    Array(Array<'g>),
    /// An enum constant.
    Enum(Enum<'g>),
    /// An object of `java.lang.Class`.
    Class(Class<'g>),
    /// An object of `java.io.ObjectStreamClass`.
    Description(Class<'g>),
}

impl<'g> Value<'g> {
    pub(super) fn of(graph: &'g Graph, slot: Slot) -> Self {
        let id = match slot {
            Slot::Null => return Value::Null,
            Slot::Bool(value) => return Value::Bool(value),
            Slot::Byte(value) => return Value::Byte(value),
            Slot::Char(value) => return Value::Char(value),
            Slot::Short(value) => return Value::Short(value),
            Slot::Int(value) => return Value::Int(value),
            Slot::Long(value) => return Value::Long(value),
            Slot::Float(value) => return Value::Float(value),
            Slot::Double(value) => return Value::Double(value),
            Slot::Entity(id) => id,
        };
        let class = |id: &Id| graph.description(*id).map(|description| Class { graph, description });
        let found = match graph.entity(id) {
            None | Some(Entity::Pending) => None,
            Some(Entity::Text(text)) => Some(Value::String(text)),
            Some(Entity::Utf16(units)) => Some(Value::Utf16(units)),
            Some(Entity::Description(_)) => class(&id).map(Value::Description),
            Some(Entity::ClassObject { class: id }) => class(id).map(Value::Class),
            Some(Entity::Instance(instance)) => {
                class(&instance.class).map(|class| Value::Object(Object { graph, id, instance, class }))
            }
            Some(Entity::Array { class: id, elements }) => {
                class(id).map(|class| Value::Array(Array { graph, class, elements }))
            }
            Some(Entity::Enum { class: id, constant }) => match (class(id), graph.entity(*constant)) {
                (Some(class), Some(Entity::Text(name))) => Some(Value::Enum(Enum { class, name })),
                _ => None,
            },
        };
        found.unwrap_or(Value::Null)
    }

    /// Returns whether it is null.
    pub fn is_null(self) -> bool {
        matches!(self, Value::Null)
    }

    /// Returns the text of a string.
    pub fn as_str(self) -> Option<&'g str> {
        if let Value::String(text) = self { Some(text) } else { None }
    }

    /// Returns a `boolean`.
    pub fn as_bool(self) -> Option<bool> {
        if let Value::Bool(value) = self { Some(value) } else { None }
    }

    /// Returns a `byte`, `short`, `int` or `long`, or the one inside a boxed number.
    pub fn as_i64(self) -> Option<i64> {
        match self {
            Value::Byte(value) => Some(value.into()),
            Value::Short(value) => Some(value.into()),
            Value::Int(value) => Some(value.into()),
            Value::Long(value) => Some(value),
            Value::Object(object) => match object.class().name() {
                name @ ("java.lang.Byte" | "java.lang.Short" | "java.lang.Integer" | "java.lang.Long") => {
                    object.field(name, "value")?.as_i64()
                }
                _ => None,
            },
            _ => None,
        }
    }

    /// Returns the object.
    pub fn as_object(self) -> Option<Object<'g>> {
        if let Value::Object(object) = self { Some(object) } else { None }
    }

    /// Returns the array.
    pub fn as_array(self) -> Option<Array<'g>> {
        if let Value::Array(array) = self { Some(array) } else { None }
    }

    /// Returns the enum constant.
    pub fn as_enum(self) -> Option<Enum<'g>> {
        if let Value::Enum(constant) = self { Some(constant) } else { None }
    }

    /// Returns the class that a `java.lang.Class` object stands for.
    pub fn as_class(self) -> Option<Class<'g>> {
        if let Value::Class(class) = self { Some(class) } else { None }
    }

    /// Returns the name of the class of an object, array, string or enum constant.
    pub fn class_name(self) -> Option<&'g str> {
        match self {
            Value::String(_) | Value::Utf16(_) => Some("java.lang.String"),
            Value::Object(object) => Some(object.class().name()),
            Value::Array(array) => Some(array.class().name()),
            Value::Enum(constant) => Some(constant.class().name()),
            Value::Class(_) => Some("java.lang.Class"),
            _ => None,
        }
    }
}
