//! The arena behind the views.

use std::sync::Arc;

use super::Value;

/// An object with everything that it reaches.
#[derive(Debug, Clone)]
pub struct Graph {
    pub(super) entities: Vec<Entity>,
    pub(super) root: Slot,
}

impl Graph {
    /// Returns the object that was read.
    pub fn root(&self) -> Value<'_> {
        Value::of(self, self.root)
    }

    pub(super) fn entity(&self, id: Id) -> Option<&Entity> {
        self.entities.get(id.0)
    }

    pub(super) fn description(&self, id: Id) -> Option<&Arc<ClassDescription>> {
        match self.entity(id) {
            Some(Entity::Description(class)) => Some(class),
            _ => None,
        }
    }
}

/// Place of an entity in the arena.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Id(pub(super) usize);

/// What a field, an element or an annotation holds.
#[derive(Debug, Clone, Copy)]
pub(super) enum Slot {
    Null,
    Bool(bool),
    Byte(i8),
    Char(u16),
    Short(i16),
    Int(i32),
    Long(i64),
    Float(f32),
    Double(f64),
    Entity(Id),
}

/// What a stream gives a handle.
#[derive(Debug, Clone)]
pub(super) enum Entity {
    /// Begun and not yet complete; only while parsing.
    Pending,
    Description(Arc<ClassDescription>),
    Text(String),
    /// A string with lone surrogates.
    Utf16(Vec<u16>),
    Instance(Instance),
    Array {
        class: Id,
        elements: Elements,
    },
    ClassObject {
        class: Id,
    },
    Enum {
        class: Id,
        constant: Id,
    },
}

#[derive(Debug, Clone)]
pub(super) enum Elements {
    Bytes(Vec<u8>),
    Slots(Vec<Slot>),
}

/// An object; a part for every class in its chain that has data, the top-most ancestor first.
#[derive(Debug, Clone)]
pub(super) struct Instance {
    pub(super) class: Id,
    pub(super) parts: Vec<Part>,
}

#[derive(Debug, Clone)]
pub(super) struct Part {
    pub(super) class: Id,
    /// In the order of the class description.
    pub(super) fields: Vec<Slot>,
    /// What `writeObject` or `writeExternal` wrote.
    pub(super) annotation: Vec<Piece>,
}

#[derive(Debug, Clone)]
pub(super) enum Piece {
    Block(Vec<u8>),
    Slot(Slot),
}

/// A class description; for a proxy class the name is empty.
#[derive(Debug, Clone)]
pub(super) struct ClassDescription {
    pub(super) name: String,
    pub(super) suid: i64,
    pub(super) flags: u8,
    pub(super) fields: Vec<FieldDescription>,
    pub(super) superclass: Option<Id>,
    pub(super) interfaces: Vec<String>,
    /// Number of classes from the top-most ancestor to this one.
    pub(super) chain: usize,
}

#[derive(Debug, Clone)]
pub(super) struct FieldDescription {
    pub(super) code: u8,
    pub(super) name: String,
    /// The type's name as a string; for objects and arrays.
    pub(super) type_name: Option<Id>,
}
