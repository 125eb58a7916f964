//! Views of a graph; each is a reference and costs nothing to copy.

use std::fmt;
use std::sync::Arc;

use super::graph::{ClassDescription, Elements, Entity, Graph, Id, Instance, Part, Piece, Slot};

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

/// An object: fields by declaring class, and what its classes wrote by themselves.
#[derive(Clone, Copy)]
pub struct Object<'g> {
    graph: &'g Graph,
    id: Id,
    instance: &'g Instance,
    class: Class<'g>,
}

/// A piece of what `writeObject` or `writeExternal` wrote.
#[derive(Debug, Clone, Copy)]
pub enum Annotation<'g> {
    /// Primitive data; one write may be cut into several pieces.
    Block(&'g [u8]),
    /// An object or null.
    Value(Value<'g>),
}

impl<'g> Object<'g> {
    /// Returns its class.
    pub fn class(self) -> Class<'g> {
        self.class
    }

    /// Returns a number that tells the objects of one graph apart.
    pub fn identity(self) -> usize {
        self.id.0
    }

    /// Returns a field that the named class declares; none when the object lacks it.
    pub fn field(self, class: &str, name: &str) -> Option<Value<'g>> {
        let (part, description) = self.part(class)?;
        let index = description.fields.iter().position(|field| field.name == name)?;
        part.fields.get(index).map(|slot| Value::of(self.graph, *slot))
    }

    /// Returns a field by name, of the class nearest to the object's own that has one.
    pub fn find(self, name: &str) -> Option<Value<'g>> {
        self.instance.parts.iter().rev().find_map(|part| {
            let description = self.graph.description(part.class)?;
            self.field(&description.name, name)
        })
    }

    /// Returns all fields with the class that declares them, the top-most ancestor's first.
    pub fn fields(self) -> impl Iterator<Item = (Class<'g>, &'g str, Value<'g>)> {
        let graph = self.graph;
        let parts = self.instance.parts.iter();
        parts.filter_map(move |part| Some((part, graph.description(part.class)?))).flat_map(
            move |(part, description)| {
                let class = Class { graph, description };
                let named = description.fields.iter().zip(&part.fields);
                named.map(move |(field, slot)| (class, field.name.as_str(), Value::of(graph, *slot)))
            },
        )
    }

    /// Returns in order what the named class wrote by itself; nothing if it did not.
    pub fn annotation(self, class: &str) -> impl Iterator<Item = Annotation<'g>> {
        let graph = self.graph;
        let pieces = self.part(class).map(|(part, _)| part.annotation.as_slice()).unwrap_or_default();
        pieces.iter().map(move |piece| match piece {
            Piece::Block(bytes) => Annotation::Block(bytes),
            Piece::Slot(slot) => Annotation::Value(Value::of(graph, *slot)),
        })
    }

    /// Returns the primitive data that the named class wrote by itself, joined.
    pub fn block_data(self, class: &str) -> Vec<u8> {
        let mut joined = Vec::new();
        for piece in self.annotation(class) {
            if let Annotation::Block(bytes) = piece {
                joined.extend(bytes);
            }
        }
        joined
    }

    /// Returns the objects that the named class wrote by itself.
    pub fn values(self, class: &str) -> impl Iterator<Item = Value<'g>> {
        self.annotation(class).filter_map(|piece| match piece {
            Annotation::Value(value) => Some(value),
            Annotation::Block(_) => None,
        })
    }

    fn part(self, class: &str) -> Option<(&'g Part, &'g ClassDescription)> {
        self.instance.parts.iter().find_map(|part| {
            let description = self.graph.description(part.class)?;
            (description.name == class).then_some((part, description.as_ref()))
        })
    }
}

impl fmt::Debug for Object<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Object({})", self.class.name())
    }
}

/// An array.
#[derive(Clone, Copy)]
pub struct Array<'g> {
    graph: &'g Graph,
    class: Class<'g>,
    elements: &'g Elements,
}

impl<'g> Array<'g> {
    /// Returns its class, whose name is such as `[I` or `[Ljava.lang.String;`.
    pub fn class(self) -> Class<'g> {
        self.class
    }

    /// Returns the number of elements.
    pub fn len(self) -> usize {
        match self.elements {
            Elements::Bytes(bytes) => bytes.len(),
            Elements::Slots(slots) => slots.len(),
        }
    }

    /// Returns whether it has no element.
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// Returns an element.
    pub fn get(self, index: usize) -> Option<Value<'g>> {
        match self.elements {
            Elements::Bytes(bytes) => bytes.get(index).map(|byte| Value::Byte(byte.cast_signed())),
            Elements::Slots(slots) => slots.get(index).map(|slot| Value::of(self.graph, *slot)),
        }
    }

    /// Returns the elements.
    pub fn iter(self) -> impl Iterator<Item = Value<'g>> {
        (0..self.len()).filter_map(move |index| self.get(index))
    }

    /// Returns the bytes of a `byte[]`.
    pub fn bytes(self) -> Option<&'g [u8]> {
        if let Elements::Bytes(bytes) = self.elements { Some(bytes) } else { None }
    }
}

impl fmt::Debug for Array<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Array({}, {})", self.class.name(), self.len())
    }
}

/// An enum constant.
#[derive(Debug, Clone, Copy)]
pub struct Enum<'g> {
    class: Class<'g>,
    name: &'g str,
}

impl<'g> Enum<'g> {
    /// Returns its class.
    pub fn class(self) -> Class<'g> {
        self.class
    }

    /// Returns the name of the constant.
    pub fn name(self) -> &'g str {
        self.name
    }
}

/// A class as the stream describes it.
#[derive(Clone, Copy)]
pub struct Class<'g> {
    graph: &'g Graph,
    description: &'g Arc<ClassDescription>,
}

/// A field of a class.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Field<'g> {
    /// Its name.
    pub name: &'g str,
    /// Its type code: one of `BCDFIJSZL[`.
    pub code: u8,
    /// Its type, such as `Ljava/lang/String;`, for objects and arrays.
    pub type_name: Option<&'g str>,
}

impl<'g> Class<'g> {
    /// Returns its binary name, such as `java.util.Map$Entry`; empty for a proxy class.
    pub fn name(self) -> &'g str {
        &self.description.name
    }

    /// Returns its serialVersionUID.
    pub fn suid(self) -> i64 {
        self.description.suid
    }

    /// Returns its flags: 1 has data of its own, 2 serializable, 4 externalizable, 16 enum.
    pub fn flags(self) -> u8 {
        self.description.flags
    }

    /// Returns the class above, if the stream has it.
    pub fn superclass(self) -> Option<Class<'g>> {
        let description = self.graph.description(self.description.superclass?)?;
        Some(Class { graph: self.graph, description })
    }

    /// Returns its fields in stream order: primitives by name, then objects by name.
    pub fn fields(self) -> impl Iterator<Item = Field<'g>> {
        self.description.fields.iter().map(move |field| Field {
            name: &field.name,
            code: field.code,
            type_name: field.type_name.and_then(|id| Value::of(self.graph, Slot::Entity(id)).as_str()),
        })
    }

    /// Returns the interfaces of a proxy class.
    pub fn interfaces(self) -> impl Iterator<Item = &'g str> {
        self.description.interfaces.iter().map(String::as_str)
    }

    /// Returns whether it is the named class or has it above.
    pub fn is(self, name: &str) -> bool {
        std::iter::successors(Some(self), |class| class.superclass()).any(|class| class.name() == name)
    }
}

impl fmt::Debug for Class<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Class({})", self.name())
    }
}
