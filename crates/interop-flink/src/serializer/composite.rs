//! Tuples, optional values, timers and other fixed arrangements of parts.

use alluvium_model::{ElementType, EnumType, LogicalType, StructType, Value};

use super::basic::{is_null, mismatch};
use super::collections::{null_is_odd, put_marked};
use super::{Decoder, Serializer};
use crate::Result;

/// Parts in order without anything between them: tuples, case classes, buffer entries of joins.
#[derive(Debug, Clone)]
pub(super) struct Fields(pub(super) Vec<Serializer>);

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

/// A constant of an enum, as its position among the names of the snapshot.
#[derive(Debug, Clone)]
pub(super) struct Symbols(pub(super) Vec<String>);

impl Fields {
    pub(super) fn ty(&self) -> LogicalType {
        LogicalType::Tuple(self.0.iter().map(Serializer::element_type).collect())
    }

    /// Returns the sum of the lengths if every one of them is fixed and not 0.
    pub(super) fn fixed_length(&self) -> Option<usize> {
        self.0.iter().try_fold(0, |sum, field| Some(sum + field.fixed_length().filter(|len| *len > 0)?))
    }

    pub(super) fn least(&self) -> usize {
        self.0.iter().map(Serializer::least).fold(0, usize::saturating_add)
    }

    pub(super) fn delimits(&self) -> bool {
        self.0.iter().all(Serializer::is_self_delimiting)
    }

    pub(super) fn decode(&self, d: &mut Decoder<'_, '_>) -> Result<Value> {
        let mut values = d.values(self.0.len())?;
        decode_parts(&self.0, d, &mut values)?;
        Ok(Value::Struct(values))
    }

    pub(super) fn encode(&self, value: &Value, out: &mut Vec<u8>) -> Result<()> {
        match value {
            Value::Struct(values) if values.len() == self.0.len() => {
                self.0.iter().zip(values).try_for_each(|(field, value)| field.encode(value, out))
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
    pub(super) fn ty(&self) -> LogicalType {
        LogicalType::Enum(EnumType { symbols: self.0.clone() })
    }

    pub(super) fn decode(&self, d: &mut Decoder<'_, '_>) -> Result<Value> {
        let position = u32::try_from(d.input.i32("enum")?).ok();
        let known = position.filter(|position| (*position as usize) < self.0.len());
        Ok(known.map_or_else(|| d.untyped(), Value::Enum))
    }

    pub(super) fn encode(&self, value: &Value, out: &mut Vec<u8>) -> Result<()> {
        match value {
            Value::Enum(position) if (*position as usize) < self.0.len() => {
                out.extend(position.to_be_bytes());
                Ok(())
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
