//! Tuples, optional values, timers and other fixed arrangements of parts.

use alluvium_model::{ElementType, EnumType, LogicalType, Side, StructType, Value};

use super::basic::{is_null, mismatch};
use super::collections::{null_is_odd, put_marked};
use super::{Decoder, Serializer};
use crate::Result;

/// Parts in order without anything between them: tuples, case classes, buffer entries of joins.
#[derive(Debug, Clone)]
pub(super) struct Fields {
    pub(super) parts: Vec<Serializer>,
    /// Names of the parts; none for a tuple.
    names: &'static [&'static str],
}

/// A value of one of two serializers behind a marker.
#[derive(Debug, Clone)]
pub(super) struct Either {
    pub(super) left: Serializer,
    pub(super) right: Serializer,
    /// The markers of left and right.
    pub(super) markers: [u8; 2],
}

/// A value behind a marker, or nothing (`NullableSerializer`, Scala's `Option`).
#[derive(Debug, Clone)]
pub(super) struct Optional {
    pub(super) value: Serializer,
    /// The marker of a value that is there.
    pub(super) present: bool,
    /// Zeros behind the marker of one that is not.
    pub(super) padding: Option<usize>,
}

/// A timer (`TimerSerializer`).
#[derive(Debug, Clone)]
pub(super) struct Timer {
    pub(super) key: Serializer,
    pub(super) namespace: Serializer,
}

/// A constant of an enum in 32 bits.
#[derive(Debug, Clone)]
pub(super) struct Symbols {
    names: Vec<String>,
    /// The number of each; the position where there are none.
    ids: Vec<i32>,
}

impl Fields {
    /// Makes a tuple.
    pub(super) fn tuple(parts: Vec<Serializer>) -> Self {
        Fields { parts, names: &[] }
    }

    pub(super) fn parts(&self) -> &[Serializer] {
        &self.parts
    }

    pub(super) fn parts_mut(&mut self) -> &mut [Serializer] {
        &mut self.parts
    }

    /// Returns the names of the parts; none for a tuple.
    pub(super) fn names(&self) -> &'static [&'static str] {
        self.names
    }

    /// Makes a struct.
    pub(super) fn named<const N: usize>(parts: [Serializer; N], names: &'static [&'static str; N]) -> Self {
        Fields { parts: parts.into(), names }
    }

    pub(super) fn ty(&self) -> LogicalType {
        let types = self.parts.iter().map(Serializer::element_type);
        match self.names {
            [] => LogicalType::Tuple(types.collect()),
            names => LogicalType::Struct(StructType::of(names.iter().copied().zip(types))),
        }
    }

    /// Returns the sum of the lengths if every one of them is fixed (`CompositeSerializer`).
    pub(super) fn composite_length(&self) -> Option<usize> {
        self.parts.iter().try_fold(0, |sum, part| Some(sum + part.fixed_length()?))
    }

    /// Returns the sum of the lengths if every one of them is fixed and not 0 (`TupleSerializer`).
    pub(super) fn fixed_length(&self) -> Option<usize> {
        self.parts.iter().try_fold(0, |sum, field| Some(sum + field.fixed_length().filter(|len| *len > 0)?))
    }

    pub(super) fn least(&self) -> usize {
        self.parts.iter().map(Serializer::least).fold(0, usize::saturating_add)
    }

    pub(super) fn delimits(&self) -> bool {
        self.parts.iter().all(Serializer::is_self_delimiting)
    }

    pub(super) fn decode(&self, d: &mut Decoder<'_, '_>) -> Result<Value> {
        let mut values = d.values(self.parts.len())?;
        decode_parts(&self.parts, d, &mut values)?;
        Ok(Value::Struct(values))
    }

    pub(super) fn encode(&self, value: &Value, out: &mut Vec<u8>) -> Result<()> {
        match value {
            Value::Struct(values) if values.len() == self.parts.len() => {
                self.parts.iter().zip(values).try_for_each(|(field, value)| field.encode(value, out))
            }
            other => Err(mismatch(&self.ty().to_string(), other)),
        }
    }
}

/// Decodes parts, of which only the last may take the rest of the bytes.
pub(super) fn decode_parts(
    parts: &[Serializer],
    d: &mut Decoder<'_, '_>,
    values: &mut Vec<Value>,
) -> Result<()> {
    if let Some((last, before)) = parts.split_last() {
        d.inner(|d| {
            for part in before {
                values.push(part.part(d)?);
            }
            Ok(())
        })?;
        values.push(last.part(d)?);
    }
    Ok(())
}

impl Optional {
    pub(super) fn element_type(&self) -> ElementType {
        ElementType::nullable(self.value.element_type().ty)
    }

    pub(super) fn fixed_length(&self) -> Option<usize> {
        self.padding.map(|padding| padding + 1)
    }

    pub(super) fn decode(&self, d: &mut Decoder<'_, '_>) -> Result<Value> {
        if d.flag()? == self.present {
            let value = self.value.part(d)?;
            return Ok(null_is_odd(value, d));
        }
        let padding = d.input.take(self.padding.unwrap_or(0), "padding of null")?;
        d.odd_if(padding.iter().any(|byte| *byte != 0));
        Ok(Value::Null)
    }

    pub(super) fn encode(&self, value: &Value, out: &mut Vec<u8>) -> Result<()> {
        put_marked(&self.value, value, self.present, out)?;
        if is_null(value) {
            out.resize(out.len() + self.padding.unwrap_or(0), 0);
        }
        Ok(())
    }
}

impl Timer {
    pub(super) fn ty(&self) -> LogicalType {
        let at = ElementType::required(LogicalType::Int64);
        LogicalType::Tuple(vec![at, self.key.element_type(), self.namespace.element_type()])
    }

    pub(super) fn fixed_length(&self) -> Option<usize> {
        Some(8 + self.key.fixed_length()? + self.namespace.fixed_length()?)
    }

    pub(super) fn decode(&self, d: &mut Decoder<'_, '_>) -> Result<Value> {
        let at = Value::Int(d.input.i64("timer")? ^ i64::MIN);
        let key = d.inner(|d| self.key.part(d))?;
        d.values(3)?;
        Ok(Value::Struct(vec![at, key, self.namespace.part(d)?]))
    }

    pub(super) fn encode(&self, value: &Value, out: &mut Vec<u8>) -> Result<()> {
        match value {
            Value::Struct(parts) => match parts.as_slice() {
                [Value::Int(at), key, namespace] => {
                    out.extend((at ^ i64::MIN).to_be_bytes());
                    self.key.encode(key, out)?;
                    self.namespace.encode(namespace, out)
                }
                _ => Err(mismatch(&self.ty().to_string(), value)),
            },
            other => Err(mismatch(&self.ty().to_string(), other)),
        }
    }
}

impl Symbols {
    /// Returns the constants in stored order.
    pub(super) fn names(&self) -> &[String] {
        &self.names
    }

    /// Makes an enum whose constants are stored as their position.
    pub(super) fn by_position(names: Vec<String>) -> Self {
        Symbols { names, ids: Vec::new() }
    }

    /// Makes an enum whose constants are stored as a number of their own.
    pub(super) fn by_id(constants: Vec<(String, i32)>) -> Self {
        let (names, ids) = constants.into_iter().unzip();
        Symbols { names, ids }
    }

    pub(super) fn ty(&self) -> LogicalType {
        LogicalType::Enum(EnumType { symbols: self.names.clone() })
    }

    pub(super) fn decode(&self, d: &mut Decoder<'_, '_>) -> Result<Value> {
        let stored = d.input.i32("enum")?;
        let position = match self.ids.as_slice() {
            [] => usize::try_from(stored).ok().filter(|position| *position < self.names.len()),
            ids => ids.iter().position(|id| *id == stored),
        };
        let position = position.and_then(|position| u32::try_from(position).ok());
        Ok(position.map_or_else(|| d.untyped(), Value::Enum))
    }

    pub(super) fn encode(&self, value: &Value, out: &mut Vec<u8>) -> Result<()> {
        match value {
            Value::Enum(position) if (*position as usize) < self.names.len() => {
                match self.ids.get(*position as usize) {
                    Some(id) => out.extend(id.to_be_bytes()),
                    None => out.extend(position.to_be_bytes()),
                }
                Ok(())
            }
            other => Err(mismatch(&self.ty().to_string(), other)),
        }
    }
}

impl Either {
    pub(super) fn ty(&self) -> LogicalType {
        LogicalType::Either(Box::new(self.left.element_type()), Box::new(self.right.element_type()))
    }

    pub(super) fn delimits(&self) -> bool {
        self.left.is_self_delimiting() && self.right.is_self_delimiting()
    }

    pub(super) fn decode(&self, d: &mut Decoder<'_, '_>) -> Result<Value> {
        let marker = d.input.u8("either")?;
        let side = match self.markers {
            [left, _] if marker == left => Side::Left,
            [_, right] if marker == right => Side::Right,
            // A boolean: every byte but zero is true.
            [1, 0] => {
                d.odd();
                Side::Left
            }
            _ => return Err(d.input.malformed("either", "the marker of one of two", marker)),
        };
        d.values(1)?;
        let value = side.of(&self.left, &self.right).part(d)?;
        Ok(Value::Either(side, Box::new(value)))
    }

    pub(super) fn encode(&self, value: &Value, out: &mut Vec<u8>) -> Result<()> {
        match value {
            Value::Either(side, value) => {
                let [left, right] = self.markers;
                out.push(side.of(left, right));
                side.of(&self.left, &self.right).encode(value, out)
            }
            other => Err(mismatch(&self.ty().to_string(), other)),
        }
    }
}

/// Returns the type of a value and the time of its last access.
pub(super) fn ttl_type(value: &Serializer) -> LogicalType {
    let at = ElementType::required(LogicalType::Int64);
    LogicalType::Struct(StructType::of([("last_access", at), ("value", value.element_type())]))
}

/// Reads the time of last access in milliseconds, and the value.
pub(super) fn decode_ttl(value: &Serializer, d: &mut Decoder<'_, '_>) -> Result<Value> {
    let at = Value::Int(d.input.i64("time of last access")?);
    d.values(2)?;
    Ok(Value::Struct(vec![at, value.part(d)?]))
}

/// Appends the time of last access and the value.
pub(super) fn encode_ttl(inner: &Serializer, value: &Value, out: &mut Vec<u8>) -> Result<()> {
    match value {
        Value::Struct(parts) => match parts.as_slice() {
            [Value::Int(at), value] => {
                out.extend(at.to_be_bytes());
                inner.encode(value, out)
            }
            _ => Err(mismatch("a time of last access and a value", value)),
        },
        other => Err(mismatch("a time of last access and a value", other)),
    }
}
