//! Views of objects and arrays.

use std::fmt;

use super::class::Class;
use super::graph::{ClassDescription, Elements, Graph, Id, Instance, Part, Piece};
use super::view::Value;

/// An object: fields by declaring class, and what its classes wrote by themselves.
#[derive(Clone, Copy)]
pub struct Object<'g> {
    pub(super) graph: &'g Graph,
    pub(super) id: Id,
    pub(super) instance: &'g Instance,
    pub(super) class: Class<'g>,
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
    pub(super) graph: &'g Graph,
    pub(super) class: Class<'g>,
    pub(super) elements: &'g Elements,
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
