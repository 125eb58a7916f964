//! The grammar of object streams.

use std::sync::Arc;

use super::graph::{ClassDescription, Elements, Entity, Graph, Id, Instance, Part, Piece, Slot};
use super::{DEPTH_MAX, VALUES_MAX};
use crate::Error;
use crate::bytes::{Input, decode_modified_utf8, decode_modified_utf16};

const HEADER: u32 = 0xACED_0005;
const FIRST_HANDLE: u32 = 0x7E_0000;

pub(super) const NULL: u8 = 0x70;
pub(super) const REFERENCE: u8 = 0x71;
pub(super) const CLASS_DESCRIPTION: u8 = 0x72;
const OBJECT: u8 = 0x73;
const STRING: u8 = 0x74;
const ARRAY: u8 = 0x75;
const CLASS: u8 = 0x76;
const BLOCK: u8 = 0x77;
const END_OF_BLOCK: u8 = 0x78;
const RESET: u8 = 0x79;
const LONG_BLOCK: u8 = 0x7A;
const EXCEPTION: u8 = 0x7B;
const LONG_STRING: u8 = 0x7C;
pub(super) const PROXY_DESCRIPTION: u8 = 0x7D;
const ENUM: u8 = 0x7E;

const HAS_WRITE_OBJECT: u8 = 0x01;
pub(super) const SERIALIZABLE: u8 = 0x02;
pub(super) const EXTERNALIZABLE: u8 = 0x04;
const IN_BLOCKS: u8 = 0x08;

pub(super) const SECTION: &str = "Java object stream";

/// Boxed, because every level of an object has a dozen of these on the stack.
pub(super) type Result<T> = std::result::Result<T, Box<Error>>;

/// One item of a stream.
enum Content {
    Slot(Slot),
    Block(Vec<u8>),
    End,
}

pub(super) struct Parser<'p, 'a> {
    pub(super) input: &'p mut Input<'a>,
    /// By handle: nothing but the start of a stream may reset the numbering.
    entities: Vec<Entity>,
    spent: usize,
}

impl<'p, 'a> Parser<'p, 'a> {
    pub(super) fn new(input: &'p mut Input<'a>) -> Self {
        Parser { input, entities: Vec::new(), spent: 0 }
    }

    pub(super) fn stream(mut self) -> Result<Graph> {
        let header = self.input.clone().u32(SECTION)?;
        if header != HEADER {
            return Err(self.malformed("AC ED 00 05", format!("{header:08x}")));
        }
        self.input.u32(SECTION)?;
        while self.peek()? == RESET {
            self.input.u8(SECTION)?;
        }
        let root = self.value(0)?;
        Ok(Graph { entities: self.entities, root })
    }

    /// Reads content that must be an object or null.
    fn value(&mut self, depth: usize) -> Result<Slot> {
        let offset = self.input.offset();
        let found = match self.content(depth)? {
            Content::Slot(slot) => return Ok(slot),
            Content::Block(_) => "block data",
            Content::End => "the end of block data",
        };
        let found = found.into();
        Err(Error::Malformed { section: SECTION, offset, wanted: "an object", found }.into())
    }

    fn content(&mut self, depth: usize) -> Result<Content> {
        self.spend(1)?;
        if depth > DEPTH_MAX {
            return Err(self.too_large(depth, DEPTH_MAX));
        }
        match self.peek()? {
            BLOCK | LONG_BLOCK => self.block(),
            END_OF_BLOCK => self.input.u8(SECTION).map(|_| Content::End).map_err(Box::new),
            _ => self.slot(depth).map(Content::Slot),
        }
    }

    fn slot(&mut self, depth: usize) -> Result<Slot> {
        if matches!(self.peek()?, CLASS_DESCRIPTION | PROXY_DESCRIPTION) {
            return Ok(self.description(depth)?.map_or(Slot::Null, Slot::Entity));
        }
        match self.tag()? {
            NULL => Ok(Slot::Null),
            REFERENCE => self.reference().map(Slot::Entity),
            OBJECT => self.object(depth),
            tag @ (STRING | LONG_STRING) => self.string(tag),
            ARRAY => self.array(depth),
            CLASS => self.class_object(depth),
            ENUM => self.enum_constant(depth),
            EXCEPTION => Err(self.unsupported("an exception in the stream")),
            other => Err(self.malformed("a type code", format!("{other:02x}"))),
        }
    }

    fn block(&mut self) -> Result<Content> {
        let len = match self.tag()? {
            BLOCK => self.input.u8(SECTION)?.into(),
            _ => self.input.length(SECTION)?,
        };
        Ok(Content::Block(self.input.take(len, SECTION)?.to_vec()))
    }

    pub(super) fn reference(&mut self) -> Result<Id> {
        let handle = self.input.u32(SECTION)?;
        let index = handle.checked_sub(FIRST_HANDLE).and_then(|index| usize::try_from(index).ok());
        match index.filter(|index| *index < self.entities.len()) {
            Some(index) => Ok(Id(index)),
            None => Err(self.malformed("a handle given before", format!("{handle:08x}"))),
        }
    }

    fn string(&mut self, tag: u8) -> Result<Slot> {
        let id = self.reserve();
        let len = match tag {
            STRING => u64::from(self.input.u16(SECTION)?),
            _ => self.input.u64(SECTION)?,
        };
        let len = usize::try_from(len).map_err(|_| self.input.truncated(SECTION, len))?;
        let bytes = self.input.take(len, SECTION)?;
        let entity = match decode_modified_utf8(bytes) {
            Some(text) => Entity::Text(text),
            None => Entity::Utf16(
                decode_modified_utf16(bytes)
                    .ok_or_else(|| self.malformed("modified UTF-8", "other bytes"))?,
            ),
        };
        Ok(self.complete(id, entity))
    }

    fn object(&mut self, depth: usize) -> Result<Slot> {
        let class = self.some_description(depth)?;
        let id = self.reserve();
        let mut chain = Vec::new();
        let mut next = Some(class);
        while let Some(id) = next {
            let description = self.known(id)?;
            next = description.superclass;
            chain.push((id, description));
        }
        let mut parts = Vec::new();
        for (class, description) in chain.into_iter().rev() {
            let part = self.part(class, &description, depth)?;
            if !part.fields.is_empty() || !part.annotation.is_empty() {
                parts.push(part);
            }
        }
        Ok(self.complete(id, Entity::Instance(Instance { class, parts })))
    }

    /// Reads what one class of an object's chain has in it.
    fn part(&mut self, class: Id, description: &ClassDescription, depth: usize) -> Result<Part> {
        let mut part = Part { class, fields: Vec::new(), annotation: Vec::new() };
        let flags = description.flags;
        if flags & EXTERNALIZABLE != 0 {
            if flags & IN_BLOCKS == 0 {
                return Err(self.unsupported(&format!("{} (protocol 1)", description.name)));
            }
            part.annotation = self.annotation(depth)?;
        } else if flags & SERIALIZABLE != 0 {
            for field in &description.fields {
                part.fields.push(self.element(field.code, depth)?);
            }
            if flags & HAS_WRITE_OBJECT != 0 {
                part.annotation = self.annotation(depth)?;
            }
        }
        Ok(part)
    }

    /// Reads a field or an array element.
    fn element(&mut self, code: u8, depth: usize) -> Result<Slot> {
        match code {
            b'L' | b'[' => self.value(depth + 1),
            _ => self.primitive(code),
        }
    }

    fn primitive(&mut self, code: u8) -> Result<Slot> {
        self.spend(1)?;
        let input = &mut *self.input;
        Ok(match code {
            b'Z' => Slot::Bool(input.bool(SECTION)?),
            b'B' => Slot::Byte(input.i8(SECTION)?),
            b'C' => Slot::Char(input.u16(SECTION)?),
            b'S' => Slot::Short(input.i16(SECTION)?),
            b'I' => Slot::Int(input.i32(SECTION)?),
            b'J' => Slot::Long(input.i64(SECTION)?),
            b'F' => Slot::Float(f32::from_bits(input.u32(SECTION)?)),
            b'D' => Slot::Double(f64::from_bits(input.u64(SECTION)?)),
            other => return Err(self.malformed("a type of a field", format!("{other:02x}"))),
        })
    }

    pub(super) fn annotation(&mut self, depth: usize) -> Result<Vec<Piece>> {
        let mut pieces = Vec::new();
        loop {
            match self.content(depth + 1)? {
                Content::Slot(slot) => pieces.push(Piece::Slot(slot)),
                Content::Block(bytes) => pieces.push(Piece::Block(bytes)),
                Content::End => return Ok(pieces),
            }
        }
    }

    fn array(&mut self, depth: usize) -> Result<Slot> {
        let class = self.some_description(depth)?;
        let id = self.reserve();
        let description = self.known(class)?;
        let code = match description.name.as_bytes() {
            [b'[', code, ..] => *code,
            _ => return Err(self.malformed("the class of an array", &description.name)),
        };
        let len = self.input.count(1, SECTION)?;
        let elements = if code == b'B' {
            Elements::Bytes(self.input.take(len, SECTION)?.to_vec())
        } else {
            let mut slots = Vec::new();
            for _ in 0..len {
                slots.push(self.element(code, depth)?);
            }
            Elements::Slots(slots)
        };
        Ok(self.complete(id, Entity::Array { class, elements }))
    }

    fn class_object(&mut self, depth: usize) -> Result<Slot> {
        let class = self.some_description(depth)?;
        let id = self.reserve();
        Ok(self.complete(id, Entity::ClassObject { class }))
    }

    fn enum_constant(&mut self, depth: usize) -> Result<Slot> {
        let class = self.some_description(depth)?;
        let id = self.reserve();
        let constant = self.text(depth)?;
        Ok(self.complete(id, Entity::Enum { class, constant }))
    }

    /// Reads content that must be a string.
    pub(super) fn text(&mut self, depth: usize) -> Result<Id> {
        match self.value(depth + 1)? {
            Slot::Entity(id) if matches!(self.entities.get(id.0), Some(Entity::Text(_))) => Ok(id),
            _ => Err(self.malformed("a string", "another object")),
        }
    }

    /// Returns a class description that is complete.
    pub(super) fn known(&self, id: Id) -> Result<Arc<ClassDescription>> {
        match self.entities.get(id.0) {
            Some(Entity::Description(class)) => Ok(Arc::clone(class)),
            _ => Err(self.malformed("a class description", "another object")),
        }
    }

    /// Gives the next handle.
    pub(super) fn reserve(&mut self) -> Id {
        let id = Id(self.entities.len());
        self.entities.push(Entity::Pending);
        id
    }

    pub(super) fn complete(&mut self, id: Id, entity: Entity) -> Slot {
        if let Some(place) = self.entities.get_mut(id.0) {
            *place = entity;
        }
        Slot::Entity(id)
    }

    fn peek(&self) -> Result<u8> {
        self.input.rest().first().copied().ok_or_else(|| self.input.truncated(SECTION, 1).into())
    }

    pub(super) fn spend(&mut self, values: usize) -> Result<()> {
        self.spent += values;
        if self.spent > VALUES_MAX {
            return Err(self.too_large(self.spent, VALUES_MAX));
        }
        Ok(())
    }

    fn tag(&mut self) -> Result<u8> {
        Ok(self.input.u8(SECTION)?)
    }

    pub(super) fn malformed(&self, wanted: &'static str, found: impl ToString) -> Box<Error> {
        self.input.malformed(SECTION, wanted, found).into()
    }

    fn unsupported(&self, what: &str) -> Box<Error> {
        Error::Unsupported { section: SECTION, offset: self.input.offset(), what: what.into() }.into()
    }

    pub(super) fn too_large(&self, size: usize, limit: usize) -> Box<Error> {
        let (size, limit) = (size as u64, limit as u64);
        Error::TooLarge { section: SECTION, offset: self.input.offset(), size, limit }.into()
    }
}
