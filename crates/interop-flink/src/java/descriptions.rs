//! Class descriptions in object streams.

use std::sync::Arc;

use super::DEPTH_MAX;
use super::graph::{ClassDescription, Entity, FieldDescription, Id};
use super::parse::{
    CLASS_DESCRIPTION, EXTERNALIZABLE, NULL, PROXY_DESCRIPTION, Parser, REFERENCE, Result, SECTION,
    SERIALIZABLE,
};

/// Longest chain of superclasses.
const CHAIN_MAX: usize = 64;

impl Parser<'_, '_> {
    pub(super) fn some_description(&mut self, depth: usize) -> Result<Id> {
        let found = self.description(depth + 1)?;
        found.ok_or_else(|| self.malformed("a class description", "null"))
    }

    pub(super) fn description(&mut self, depth: usize) -> Result<Option<Id>> {
        if depth > DEPTH_MAX {
            return Err(self.too_large(depth, DEPTH_MAX));
        }
        match self.input.u8(SECTION)? {
            NULL => Ok(None),
            REFERENCE => {
                let id = self.reference()?;
                self.known(id)?;
                Ok(Some(id))
            }
            CLASS_DESCRIPTION => self.ordinary_description(depth).map(Some),
            PROXY_DESCRIPTION => self.proxy_description(depth).map(Some),
            other => Err(self.malformed("a class description", format!("{other:02x}"))),
        }
    }

    fn ordinary_description(&mut self, depth: usize) -> Result<Id> {
        self.spend(1)?;
        let name = self.input.utf(SECTION)?;
        let suid = self.input.i64(SECTION)?;
        let id = self.reserve();
        let flags = self.input.u8(SECTION)?;
        if flags & SERIALIZABLE != 0 && flags & EXTERNALIZABLE != 0 {
            return Err(self.malformed("a serializable or an externalizable class", &name));
        }
        let mut fields = Vec::new();
        for _ in 0..self.input.u16(SECTION)? {
            fields.push(self.field_description(depth)?);
        }
        let interfaces = Vec::new();
        self.rest_of_description(
            id,
            ClassDescription { name, suid, flags, fields, superclass: None, interfaces, chain: 1 },
            depth,
        )
    }

    fn field_description(&mut self, depth: usize) -> Result<FieldDescription> {
        self.spend(1)?;
        let code = self.input.u8(SECTION)?;
        let name = self.input.utf(SECTION)?;
        let type_name = match code {
            b'L' | b'[' => Some(self.text(depth)?),
            b'B' | b'C' | b'D' | b'F' | b'I' | b'J' | b'S' | b'Z' => None,
            other => return Err(self.malformed("a type of a field", format!("{other:02x}"))),
        };
        Ok(FieldDescription { code, name, type_name })
    }

    fn proxy_description(&mut self, depth: usize) -> Result<Id> {
        self.spend(1)?;
        let id = self.reserve();
        let mut interfaces = Vec::new();
        for _ in 0..self.input.count(2, SECTION)? {
            self.spend(1)?;
            interfaces.push(self.input.utf(SECTION)?);
        }
        let (name, fields) = (String::new(), Vec::new());
        self.rest_of_description(
            id,
            ClassDescription {
                name,
                suid: 0,
                flags: SERIALIZABLE,
                fields,
                superclass: None,
                interfaces,
                chain: 1,
            },
            depth,
        )
    }

    /// Reads the annotation, which no reader needs, and the superclass.
    fn rest_of_description(&mut self, id: Id, mut class: ClassDescription, depth: usize) -> Result<Id> {
        self.annotation(depth)?;
        class.superclass = self.description(depth + 1)?;
        if let Some(above) = class.superclass {
            class.chain = self.known(above)?.chain + 1;
        }
        if class.chain > CHAIN_MAX {
            return Err(self.too_large(class.chain, CHAIN_MAX));
        }
        self.complete(id, Entity::Description(Arc::new(class)));
        Ok(id)
    }
}
