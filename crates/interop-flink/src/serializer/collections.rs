//! Lists, sets, maps and arrays: a 32-bit count and that many elements.

use std::mem::size_of;

use alluvium_model::{ElementType, LogicalType, Value};

use super::basic::{is_null, put_count};
use super::{Decoder, Serializer};
use crate::Result;

/// A map: keys, and values behind a null marker (`MapSerializer`).
#[derive(Debug, Clone)]
pub(super) struct Map {
    pub(super) key: Serializer,
    pub(super) value: Serializer,
    /// Whether keys have a null marker too (`NullAwareMapSerializer`).
    pub(super) marked_keys: bool,
}

/// Elements behind a marker each.
#[derive(Debug, Clone)]
pub(super) struct Marked {
    pub(super) element: Serializer,
    /// The marker of an element that is there; the other one is null.
    pub(super) present: bool,
    /// Whether it is a set, whose members cannot be null in our types.
    pub(super) set: bool,
}

/// A list without nulls but for a bit mask in front of the elements (`LinkedListSerializer`).
#[derive(Debug, Clone)]
pub(super) struct Masked {
    pub(super) element: Serializer,
}

pub(super) fn list_type(element: &Serializer) -> LogicalType {
    LogicalType::List(Box::new(element.element_type()))
}

pub(super) fn decode_list(element: &Serializer, d: &mut Decoder<'_, '_>) -> Result<Value> {
    let count = d.count(element.least())?;
    d.inner(|d| {
        let mut values = Vec::with_capacity(count);
        for _ in 0..count {
            values.push(element.part(d)?);
        }
        Ok(Value::List(values))
    })
}

pub(super) fn encode_list(element: &Serializer, values: &[Value], out: &mut Vec<u8>) -> Result<()> {
    put_count(values.len(), out)?;
    values.iter().try_for_each(|value| element.encode(value, out))
}

impl Map {
    pub(super) fn ty(&self) -> LogicalType {
        let value = ElementType::nullable(self.value.element_type().ty);
        LogicalType::Map(Box::new(self.key.element_type().ty), Box::new(value))
    }

    pub(super) fn decode(&self, d: &mut Decoder<'_, '_>) -> Result<Value> {
        let marker = usize::from(self.marked_keys);
        let least = if self.marked_keys { 2 } else { 1 + self.key.least() };
        let count = d.count(least)?;
        d.charge(count.saturating_mul(size_of::<Value>()))?;
        d.inner(|d| {
            let mut entries = Vec::with_capacity(count);
            for _ in 0..count {
                let key = if marker == 1 && d.flag()? { Value::Null } else { self.key.part(d)? };
                if is_null(&key) {
                    d.untyped();
                }
                let value = if d.flag()? { Value::Null } else { null_is_odd(self.value.part(d)?, d) };
                entries.push((key, value));
            }
            Ok(Value::Map(entries))
        })
    }

    pub(super) fn encode(&self, entries: &[(Value, Value)], out: &mut Vec<u8>) -> Result<()> {
        put_count(entries.len(), out)?;
        for (key, value) in entries {
            if self.marked_keys {
                out.push(0);
            }
            self.key.encode(key, out)?;
            put_marked(&self.value, value, false, out)?;
        }
        Ok(())
    }
}

impl Marked {
    pub(super) fn ty(&self) -> LogicalType {
        let element = self.element.element_type().ty;
        match self.set {
            true => LogicalType::Set(Box::new(element)),
            false => LogicalType::List(Box::new(ElementType::nullable(element))),
        }
    }

    pub(super) fn decode(&self, d: &mut Decoder<'_, '_>) -> Result<Value> {
        let count = d.count(1)?;
        d.inner(|d| {
            let mut values = Vec::with_capacity(count);
            for _ in 0..count {
                let there = d.flag()? == self.present;
                let value = if there { null_is_odd(self.element.part(d)?, d) } else { Value::Null };
                if self.set && is_null(&value) {
                    d.untyped();
                }
                values.push(value);
            }
            Ok(Value::List(values))
        })
    }

    pub(super) fn encode(&self, values: &[Value], out: &mut Vec<u8>) -> Result<()> {
        put_count(values.len(), out)?;
        values.iter().try_for_each(|value| put_marked(&self.element, value, self.present, out))
    }
}

impl Masked {
    pub(super) fn ty(&self) -> LogicalType {
        LogicalType::List(Box::new(ElementType::nullable(self.element.element_type().ty)))
    }

    pub(super) fn decode(&self, d: &mut Decoder<'_, '_>) -> Result<Value> {
        let count = d.count(0)?;
        let mask = d.input.take(count.div_ceil(8), "null mask")?;
        d.inner(|d| {
            let mut values = Vec::with_capacity(count);
            for index in 0..count {
                let value = match mask_bit(mask, index) {
                    true => Value::Null,
                    false => null_is_odd(self.element.part(d)?, d),
                };
                values.push(value);
            }
            d.odd_if((count..8 * mask.len()).any(|index| mask_bit(mask, index)));
            Ok(Value::List(values))
        })
    }

    pub(super) fn encode(&self, values: &[Value], out: &mut Vec<u8>) -> Result<()> {
        put_count(values.len(), out)?;
        put_mask(values.iter().map(is_null), out);
        let present = values.iter().filter(|value| !is_null(value));
        present.into_iter().try_for_each(|value| self.element.encode(value, out))
    }
}

/// A null that the serializer wrote where a marker says that there is a value: it reads as null, and
/// would be written as the marker.
pub(super) fn null_is_odd(value: Value, d: &mut Decoder<'_, '_>) -> Value {
    d.odd_if(is_null(&value));
    value
}

/// Appends a marker and, unless null, the value.
pub(super) fn put_marked(
    serializer: &Serializer,
    value: &Value,
    present: bool,
    out: &mut Vec<u8>,
) -> Result<()> {
    if is_null(value) {
        out.push(u8::from(!present));
        return Ok(());
    }
    out.push(u8::from(present));
    serializer.encode(value, out)
}

/// Returns a bit of a mask whose first bit is the most significant one of its first byte.
pub(super) fn mask_bit(mask: &[u8], index: usize) -> bool {
    mask.get(index / 8).is_some_and(|byte| byte & 0x80 >> (index % 8) != 0)
}

/// Appends a mask whose first bit is the most significant one of its first byte.
pub(super) fn put_mask(bits: impl Iterator<Item = bool>, out: &mut Vec<u8>) {
    let start = out.len();
    for (index, bit) in bits.enumerate() {
        if index % 8 == 0 {
            out.push(0);
        }
        if let Some(byte) = out.get_mut(start + index / 8)
            && bit
        {
            *byte |= 0x80 >> (index % 8);
        }
    }
}
