use super::super::DEPTH_MAX;
use super::super::decoder::too_deep;
use super::{FIRST_REGISTERED, Version, varint};
use crate::bytes::Input;
use crate::{Error, Result};

/// Finds the end of an object, if it and all inside it are of known classes.
pub(super) struct Walk<'w, 'a> {
    input: &'w mut Input<'a>,
    version: Version,
    registered: &'w [String],
    /// Classes met by name, which later only have a number.
    named: Vec<Option<Form>>,
    depth: usize,
}

/// What a serializer writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    /// A number of at most so many bytes, 7 bits per byte but for a ninth.
    Variable(usize),
    /// So many bytes.
    Fixed(usize),
    Text,
    Collection,
    Map,
}

/// Numbers of the classes that Kryo itself registers, from 2 on.
const PRIMITIVES: [Form; 9] = [
    Form::Variable(5),
    Form::Text,
    Form::Fixed(4),
    Form::Fixed(1),
    Form::Fixed(1),
    Form::Fixed(2),
    Form::Fixed(2),
    Form::Variable(9),
    Form::Fixed(8),
];

const COLLECTIONS: [&str; 7] = [
    "java.util.ArrayList",
    "java.util.LinkedList",
    "java.util.HashSet",
    "java.util.LinkedHashSet",
    "java.util.ArrayDeque",
    "java.util.Vector",
    "java.util.concurrent.CopyOnWriteArrayList",
];

const MAPS: [&str; 4] = [
    "java.util.HashMap",
    "java.util.LinkedHashMap",
    "java.util.Hashtable",
    "java.util.concurrent.ConcurrentHashMap",
];

/// Interfaces whose objects are of such classes as a rule.
const INTERFACES: [&str; 5] =
    ["java.util.Collection", "java.util.List", "java.util.Set", "java.util.Queue", "java.util.Map"];

/// Returns whether the end of a value of the class can be found as a rule.
pub(super) fn is_known(class: &str) -> bool {
    form_of(class).is_some() || INTERFACES.contains(&class)
}

fn form_of(class: &str) -> Option<Form> {
    if COLLECTIONS.contains(&class) {
        return Some(Form::Collection);
    }
    MAPS.contains(&class).then_some(Form::Map)
}

impl Form {
    /// Returns whether a reference marker precedes the object: not for boxed numbers.
    fn has_marker(self) -> bool {
        matches!(self, Form::Text | Form::Collection | Form::Map)
    }
}

impl<'w, 'a> Walk<'w, 'a> {
    pub(super) fn new(input: &'w mut Input<'a>, version: Version, registered: &'w [String]) -> Self {
        Walk { input, version, registered, named: Vec::new(), depth: 0 }
    }

    /// Passes a class and an object.
    ///
    /// # Errors
    /// [`Error::Unsupported`] for a class that is not known.
    pub(super) fn object(&mut self) -> Result<()> {
        match self.class()? {
            None => Ok(()),
            Some(form) => self.marked(form),
        }
    }

    /// Passes a class; none for null.
    fn class(&mut self) -> Result<Option<Form>> {
        let form = match varint(self.input)? {
            0 => return Ok(None),
            1 => self.class_by_name()?,
            number @ FIRST_REGISTERED.. => {
                let class = self.registered.get((number - FIRST_REGISTERED) as usize);
                class.and_then(|class| form_of(class))
            }
            number => PRIMITIVES.get(number as usize - 2).copied(),
        };
        form.map(Some).ok_or_else(|| self.unknown())
    }

    fn class_by_name(&mut self) -> Result<Option<Form>> {
        let number = varint(self.input)? as usize;
        if number == self.named.len() {
            let start = self.input.consumed();
            self.text()?;
            // Class names are ASCII; the last byte has its highest bit set.
            let name: Vec<u8> = self.input.since(start).iter().map(|byte| byte & 0x7F).collect();
            self.named.push(form_of(&String::from_utf8_lossy(&name)));
        }
        match self.named.get(number) {
            Some(form) => Ok(*form),
            None => Err(self.input.malformed("Kryo class", "a name met before", number)),
        }
    }

    /// Passes a reference marker and, if the object was not met before, the object.
    fn marked(&mut self, form: Form) -> Result<()> {
        if form.has_marker() {
            match varint(self.input)? {
                1 => {}
                0 => return Err(self.input.malformed("Kryo reference", "an object", "null")),
                _ => return Ok(()),
            }
        }
        self.data(form)
    }

    /// Passes the same, or null.
    fn marked_or_null(&mut self, form: Form) -> Result<()> {
        match varint(self.input)? {
            1 => self.data(form),
            0 => Ok(()),
            _ if form.has_marker() => Ok(()),
            other => Err(self.input.malformed("Kryo reference", "0 or 1", other)),
        }
    }

    fn data(&mut self, form: Form) -> Result<()> {
        match form {
            Form::Fixed(len) => self.input.take(len, "Kryo value").map(drop),
            Form::Variable(most) => self.variable(most),
            Form::Text => self.text(),
            Form::Collection | Form::Map => {
                if self.depth >= DEPTH_MAX {
                    return Err(too_deep(self.input));
                }
                self.depth += 1;
                let result = self.members(form);
                self.depth -= 1;
                result
            }
        }
    }

    fn variable(&mut self, most: usize) -> Result<()> {
        for index in 1..=most {
            if self.input.u8("Kryo number")? < 0x80 || index == 9 {
                return Ok(());
            }
        }
        Err(self.input.malformed("Kryo number", "at most 5 bytes", "more"))
    }

    fn members(&mut self, form: Form) -> Result<()> {
        match (self.version, form) {
            (Version::Two, _) => {
                let count = varint(self.input)?;
                self.objects(count, form)
            }
            (Version::Five, Form::Map) => match varint(self.input)? {
                0 => Ok(()),
                count => self.objects(count - 1, form),
            },
            (Version::Five, _) => self.collection(),
        }
    }

    fn objects(&mut self, count: u32, form: Form) -> Result<()> {
        let each = if form == Form::Map { 2 } else { 1 };
        for _ in 0..u64::from(count) * each {
            self.object()?;
        }
        Ok(())
    }

    /// Passes a collection of Kryo 5: its count plus one with a flag, which says whether all elements are of
    /// one class.
    fn collection(&mut self) -> Result<()> {
        let (one_class, count) = self.flagged()?;
        let Some(count) = count.checked_sub(1).filter(|count| *count > 0) else { return Ok(()) };
        if !one_class {
            return self.objects(count, Form::Collection);
        }
        let Some(form) = self.class()? else { return Ok(()) };
        let nullable = self.input.bool("Kryo flag")?;
        for _ in 0..count {
            if nullable { self.marked_or_null(form)? } else { self.marked(form)? }
        }
        Ok(())
    }

    /// Reads a number with a flag in the highest bit of its first byte.
    fn flagged(&mut self) -> Result<(bool, u32)> {
        let first = self.input.u8("Kryo number")?;
        let mut value = u32::from(first & 0x3F);
        let mut more = first & 0x40 != 0;
        for shift in [6, 13, 20, 27] {
            if !more {
                break;
            }
            let byte = self.input.u8("Kryo number")?;
            value |= u32::from(byte & 0x7F) << shift;
            more = byte & 0x80 != 0;
        }
        Ok((first & 0x80 != 0, value))
    }

    /// Passes a string: ASCII up to a byte with its highest bit set, or a length and modified UTF-8.
    fn text(&mut self) -> Result<()> {
        if self.input.rest().first().is_some_and(|first| first & 0x80 == 0) {
            while self.input.u8("Kryo text")? & 0x80 == 0 {}
            return Ok(());
        }
        let (_, length) = self.flagged()?;
        for _ in 1..length.max(1) {
            let more = match self.input.u8("Kryo text")? >> 4 {
                0..=7 => 0,
                12 | 13 => 1,
                14 => 2,
                other => return Err(self.input.malformed("Kryo text", "UTF-8", other)),
            };
            self.input.take(more, "Kryo text")?;
        }
        Ok(())
    }

    fn unknown(&self) -> Error {
        Error::Unsupported {
            section: "Kryo value",
            offset: self.input.offset(),
            what: "a class whose form is not fixed".into(),
        }
    }
}
