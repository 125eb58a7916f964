//! Views of classes and enum constants.

use std::fmt;
use std::sync::Arc;

use super::graph::{ClassDescription, Graph, Slot};
use super::view::Value;

/// A class as the stream describes it.
#[derive(Clone, Copy)]
pub struct Class<'g> {
    pub(super) graph: &'g Graph,
    pub(super) description: &'g Arc<ClassDescription>,
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

/// An enum constant.
#[derive(Debug, Clone, Copy)]
pub struct Enum<'g> {
    pub(super) class: Class<'g>,
    pub(super) name: &'g str,
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
