use alluvium_model::{ElementType, LogicalType, StructType, Value};

use super::basic::{is_null, mismatch};
use super::collections::{null_is_odd, put_marked};
use super::{Codec, Decoder, Serializer};
use crate::bytes::put_utf;
use crate::{Error, Result};

/// A POJO: a flag, then its fields sorted by name, each behind a null marker. Objects of subclasses
/// are written by the subclass's own serializer behind a name or a number.
#[derive(Debug, Clone)]
pub(super) struct Pojo {
    class: String,
    fields: Vec<(String, Serializer)>,
    /// Subclasses registered with the job, written by their position.
    registered: Vec<Subclass>,
    /// Subclasses met by the serializer, written by name.
    others: Vec<Subclass>,
    /// Fields that only subclasses have.
    more: Vec<(String, LogicalType)>,
}

/// A subclass of a POJO.
#[derive(Debug, Clone)]
struct Subclass {
    name: String,
    serializer: Serializer,
    /// Where each of its fields stands among the fields of the type; none if a field of the same name
    /// has another type, or if it is no POJO.
    places: Option<Vec<usize>>,
    /// Fields of its own type in front of these and behind: its own subclasses, which none of its
    /// objects is here.
    around: [usize; 2],
}

fn named(subclasses: &[Subclass]) -> Vec<(&str, &Serializer)> {
    subclasses.iter().map(|subclass| (subclass.name.as_str(), &subclass.serializer)).collect()
}

/// Name of the field that holds the class of an object; null is exactly the POJO's class.
const CLASS: &str = "$class";

pub(super) const NULL: u8 = 1;
pub(super) const EXACTLY: u8 = 2;
const BY_NAME: u8 = 4;
const BY_NUMBER: u8 = 8;

impl Pojo {
    /// Makes a POJO of its fields in the order of the snapshot, and its subclasses.
    pub(super) fn new(
        class: String,
        fields: Vec<(String, Serializer)>,
        registered: Vec<(String, Serializer)>,
        others: Vec<(String, Serializer)>,
    ) -> Self {
        let subclass = |(name, serializer)| Subclass { name, serializer, places: None, around: [0; 2] };
        let registered = registered.into_iter().map(subclass).collect();
        let others = others.into_iter().map(subclass).collect();
        let mut pojo = Pojo { class, fields, registered, others, more: Vec::new() };
        pojo.place_subclasses();
        pojo
    }

    /// Adds the subclasses that another description of the same class has.
    pub(super) fn unite(&mut self, other: &Pojo) {
        if self.class != other.class {
            return;
        }
        for (name, field) in &mut self.fields {
            if let Some((_, theirs)) = other.fields.iter().find(|(theirs, _)| theirs == name) {
                field.unite(theirs);
            }
        }
        for (mine, theirs) in [(&mut self.registered, &other.registered), (&mut self.others, &other.others)] {
            for theirs in theirs {
                match mine.iter_mut().find(|mine| mine.name == theirs.name) {
                    Some(mine) => mine.serializer.unite(&theirs.serializer),
                    None => mine.push(theirs.clone()),
                }
            }
        }
        self.place_subclasses();
    }

    /// Returns the POJO's class.
    pub(super) fn class(&self) -> &str {
        &self.class
    }

    /// Gives the fields of subclasses their places; in an order that follows from the classes alone.
    fn place_subclasses(&mut self) {
        self.more.clear();
        let mut lists = [std::mem::take(&mut self.registered), std::mem::take(&mut self.others)];
        let mut all: Vec<&mut Subclass> = lists.iter_mut().flatten().collect();
        all.sort_by(|a, b| a.name.cmp(&b.name));
        for subclass in all {
            if let Codec::Pojo(pojo) = subclass.serializer.codec() {
                subclass.places = pojo.fields.iter().map(|(name, field)| self.place(name, field)).collect();
                subclass.around = [pojo.class_fields(), pojo.more.len()];
            }
        }
        [self.registered, self.others] = lists;
    }

    fn place(&mut self, name: &str, field: &Serializer) -> Option<usize> {
        let ty = field.element_type().ty;
        let own = self.fields.iter().map(|(name, field)| (name, field.element_type().ty));
        let all = own.chain(self.more.iter().map(|(name, ty)| (name, ty.clone())));
        match all.enumerate().find(|(_, (other, _))| *other == name) {
            Some((place, (_, found))) => (found == ty).then_some(place),
            None => {
                self.more.push((name.to_owned(), ty));
                Some(self.fields.len() + self.more.len() - 1)
            }
        }
    }

    fn has_subclasses(&self) -> bool {
        !self.registered.is_empty() || !self.others.is_empty()
    }

    /// Returns the number of fields in front of those of the class.
    pub(super) fn class_fields(&self) -> usize {
        usize::from(self.has_subclasses())
    }

    /// Returns the serializers of the fields of the class itself.
    pub(super) fn own_fields(&self) -> impl Iterator<Item = &Serializer> {
        self.fields.iter().map(|(_, field)| field)
    }

    /// Returns the fields of the class itself, its registered and its other subclasses.
    pub(super) fn lists(&self) -> [Vec<(&str, &Serializer)>; 3] {
        [
            self.fields.iter().map(|(name, field)| (name.as_str(), field)).collect(),
            named(&self.registered),
            named(&self.others),
        ]
    }

    /// Returns the number of fields of the type.
    pub(super) fn width(&self) -> usize {
        self.class_fields() + self.fields.len() + self.more.len()
    }

    pub(super) fn ty(&self) -> LogicalType {
        let class = (CLASS.to_owned(), ElementType::nullable(LogicalType::String));
        let own = self.fields.iter().map(|(name, field)| (name.clone(), field.element_type().ty));
        let fields = own.chain(self.more.iter().cloned()).map(|(name, ty)| (name, ElementType::nullable(ty)));
        let class = self.has_subclasses().then_some(class);
        LogicalType::Struct(StructType::of(class.into_iter().chain(fields)))
    }

    pub(super) fn delimits(&self) -> bool {
        self.fields.iter().all(|(_, field)| field.is_self_delimiting())
            && self.registered.iter().chain(&self.others).all(|s| s.serializer.is_self_delimiting())
    }

    pub(super) fn decode(&self, d: &mut Decoder<'_, '_>) -> Result<Value> {
        match d.input.u8("POJO flag")? {
            NULL => Ok(Value::Null),
            EXACTLY => self.decode_fields(d),
            BY_NAME => {
                let offset = d.input.offset();
                let name = d.input.utf("POJO subclass")?;
                let mut known = self.others.iter().chain(&self.registered);
                let subclass = known.find(|subclass| subclass.name == name);
                let subclass = subclass.ok_or_else(|| Error::Unsupported {
                    section: "POJO subclass",
                    offset,
                    what: format!(
                        "{name}, which the serializer snapshot of {} does not describe",
                        self.class
                    ),
                })?;
                d.odd_if(self.registered.iter().any(|subclass| subclass.name == name));
                self.decode_subclass(subclass, d)
            }
            BY_NUMBER => {
                let number = usize::from(d.input.u8("POJO subclass")?);
                let subclass = self.registered.get(number);
                let subclass =
                    subclass.ok_or_else(|| d.input.malformed("POJO subclass", "a registered one", number))?;
                let first = self.registered.iter().position(|other| other.name == subclass.name);
                d.odd_if(first != Some(number));
                self.decode_subclass(subclass, d)
            }
            flag => Err(d.input.malformed("POJO flag", "1, 2, 4 or 8", flag)),
        }
    }

    fn decode_fields(&self, d: &mut Decoder<'_, '_>) -> Result<Value> {
        let mut values = d.values(self.width())?;
        if self.has_subclasses() {
            values.push(Value::Null);
        }
        let last = d.last;
        for (index, (_, field)) in self.fields.iter().enumerate() {
            d.last = last && index + 1 == self.fields.len();
            values.push(match d.flag()? {
                true => Value::Null,
                false => null_is_odd(field.part(d)?, d),
            });
        }
        d.last = last;
        values.resize(self.width(), Value::Null);
        Ok(Value::Struct(values))
    }

    fn decode_subclass(&self, subclass: &Subclass, d: &mut Decoder<'_, '_>) -> Result<Value> {
        let (Value::Struct(found), Some(places)) = (subclass.serializer.part(d)?, &subclass.places) else {
            return Ok(d.untyped());
        };
        let [before, after] = subclass.around;
        let (front, found) = found.split_at(before.min(found.len()));
        let (found, back) = found.split_at(found.len().saturating_sub(after));
        if !front.iter().chain(back).all(is_null) {
            return Ok(d.untyped());
        }
        d.charge(subclass.name.len())?;
        d.values(self.width())?;
        let mut values = vec![Value::Null; self.width()];
        let class = std::iter::once((0, Value::String(subclass.name.clone())));
        for (place, value) in class.chain(places.iter().map(|place| place + 1).zip(found.iter().cloned())) {
            if let Some(slot) = values.get_mut(place) {
                *slot = value;
            }
        }
        Ok(Value::Struct(values))
    }

    pub(super) fn encode(&self, value: &Value, out: &mut Vec<u8>) -> Result<()> {
        let wrong = || mismatch(&self.ty().to_string(), value);
        let values = match value {
            Value::Null => {
                out.push(NULL);
                return Ok(());
            }
            Value::Struct(values) if values.len() == self.width() => values,
            _ => return Err(wrong()),
        };
        let (class, fields) = values.split_at(self.class_fields());
        match class {
            [] | [Value::Null] => {
                out.push(EXACTLY);
                if !fields.iter().skip(self.fields.len()).all(is_null) {
                    return Err(wrong());
                }
                let own = self.fields.iter().zip(fields);
                own.into_iter().try_for_each(|((_, field), value)| put_marked(field, value, false, out))
            }
            [Value::String(name)] => self.encode_subclass(name, fields, out).ok_or_else(wrong)?,
            _ => Err(wrong()),
        }
    }

    /// None for a class that is no subclass, and for values of fields that it lacks.
    fn encode_subclass(&self, name: &str, fields: &[Value], out: &mut Vec<u8>) -> Option<Result<()>> {
        let number = self.registered.iter().position(|subclass| subclass.name == name);
        let subclass = match number {
            Some(number) => self.registered.get(number),
            None => self.others.iter().find(|subclass| subclass.name == name),
        }?;
        let places = subclass.places.as_ref()?;
        let absent = |(place, value): (usize, &Value)| is_null(value) || places.contains(&place);
        if !fields.iter().enumerate().all(absent) {
            return None;
        }
        let own = places.iter().map(|place| fields.get(*place).cloned());
        let [before, after] = subclass.around.map(|count| std::iter::repeat_n(Some(Value::Null), count));
        let values = before.chain(own).chain(after).collect::<Option<Vec<_>>>()?;
        match number {
            Some(number) => out.extend([BY_NUMBER, u8::try_from(number).ok()?]),
            None => {
                out.push(BY_NAME);
                if let Err(error) = put_utf(name, "POJO subclass", out) {
                    return Some(Err(error));
                }
            }
        }
        Some(subclass.serializer.encode(&Value::Struct(values), out))
    }
}
