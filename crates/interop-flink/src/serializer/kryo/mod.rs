//! Types that Flink leaves to Kryo.
//!
//! Only Kryo and the user's classes can read such values, but for a few whose form is fixed: dates and
//! times of `java.time`, which are typed, and collections of the JDK, of which at least the end is
//! found where all elements are such themselves. Everything else is opaque and takes a place with a
//! length of its own.
//!
//! A value is a class, as a number or by name, a reference marker, and what the class's serializer writes.
//! Numbers take 7 bits per byte, low bits first. Kryo 2.24 is in Flink 1, Kryo 5.6 in Flink 2; what
//! their serializers write differs, and the snapshots do not say which wrote it.

mod kafka;
mod time;
mod walk;

use alluvium_model::{ElementType, LogicalType, Value};

use super::Decoder;
use super::basic::mismatch;
use super::snapshot::{Context, Reader};
use crate::Result;
use crate::bytes::Input;
use time::Time;
use walk::Walk;

/// A type that Flink leaves to Kryo.
#[derive(Debug, Clone)]
pub(super) struct Kryo {
    class: String,
    /// Classes with a number of their own, in the order of their numbers.
    registered: Vec<String>,
    version: Version,
    fixed: Option<Fixed>,
}

/// A class whose form is fixed and known.
#[derive(Debug, Clone, Copy)]
enum Fixed {
    Time(Time),
    TopicPartition,
}

/// The two versions of Kryo.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Version {
    /// Kryo 2.24, in Flink 1.
    Two,
    /// Kryo 5.6, since Flink 2.0.
    Five,
}

/// Number of the first registered class in the streams, where 0 is null and 1 a class by name.
const FIRST_REGISTERED: u32 = 87;

/// How a value of the serializer's own class begins: its class is always registered first, and an object
/// that was not met before has the reference marker 1.
const OWN: [u8; 2] = [FIRST_REGISTERED as u8, 1];

impl Kryo {
    /// Makes a type without other registered classes.
    pub(super) fn of(class: String, context: Context) -> Self {
        let version = if context.metadata_version < 5 { Version::Two } else { Version::Five };
        let fixed = match class.as_str() {
            kafka::CLASS if version == Version::Two => Some(Fixed::TopicPartition),
            class => Time::of(class).map(Fixed::Time),
        };
        Kryo { registered: vec![class.clone()], version, fixed, class }
    }

    /// Reads the payload of a snapshot: the class, the registered classes, two maps of default serializers.
    pub(super) fn read(r: &mut Reader<'_, '_>) -> Result<Self> {
        let mut kryo = Kryo::of(r.input.utf("Kryo class")?, r.context);
        kryo.registered = r.optional_map()?.into_iter().map(|entry| entry.name).collect();
        if kryo.registered.first() != Some(&kryo.class) {
            kryo.fixed = None;
        }
        for _ in 0..2 {
            let defaults = r.optional_map()?;
            r.notes.defaults.extend(defaults.into_iter().map(|entry| entry.name));
        }
        Ok(kryo)
    }

    /// Returns the class of the values.
    pub(super) fn class(&self) -> &str {
        &self.class
    }

    /// Returns the classes with a number of their own, in the order of their numbers.
    pub(super) fn registered(&self) -> &[String] {
        &self.registered
    }

    /// Returns 2 or 5.
    pub(super) fn version(&self) -> u32 {
        match self.version {
            Version::Two => 2,
            Version::Five => 5,
        }
    }

    pub(super) fn element_type(&self, class: &str) -> ElementType {
        match self.fixed {
            Some(Fixed::Time(time)) => ElementType::nullable(time.ty()),
            Some(Fixed::TopicPartition) => ElementType::nullable(kafka::ty()),
            None => ElementType::required(LogicalType::Opaque { serializer: class.to_owned() }),
        }
    }

    /// Returns whether the end of a value can be found, as a rule.
    pub(super) fn delimits(&self) -> bool {
        self.fixed.is_some() || walk::is_known(&self.class)
    }

    pub(super) fn decode(&self, class: &str, d: &mut Decoder<'_, '_>) -> Result<Value> {
        if let Some(fixed) = self.fixed {
            let mut input = d.input.clone();
            if let Some(value) = self.decode_fixed(fixed, &mut input)? {
                *d.input = input;
                return Ok(value);
            }
        }
        let value = self.decode_opaque(class, d)?;
        Ok(if self.fixed.is_some() { d.untyped() } else { value })
    }

    /// Returns none for what is not of the one form that writing gives.
    fn decode_fixed(&self, fixed: Fixed, input: &mut Input<'_>) -> Result<Option<Value>> {
        if input.rest().first() == Some(&0) {
            input.u8("Kryo class")?;
            return Ok(Some(Value::Null));
        }
        let start = input.consumed();
        if input.rest().get(..2) != Some(&OWN) {
            return Ok(None);
        }
        input.take(2, "Kryo class")?;
        let value = match fixed {
            Fixed::Time(time) => time.decode(self.version, input)?.map(Value::Int),
            Fixed::TopicPartition => kafka::decode(input)?,
        };
        let mut again = Vec::new();
        let same = |value: &Value| self.encode(value, &mut again).is_ok() && again == input.since(start);
        Ok(value.filter(same))
    }

    /// Takes all the rest where that is allowed; elsewhere finds the end of the value.
    fn decode_opaque(&self, class: &str, d: &mut Decoder<'_, '_>) -> Result<Value> {
        if d.last {
            return d.take_rest(class);
        }
        let start = d.input.consumed();
        Walk::new(d.input, self.version, &self.registered).object()?;
        d.opaque_since(start, class)
    }

    pub(super) fn encode(&self, value: &Value, out: &mut Vec<u8>) -> Result<()> {
        let wrong = || mismatch(&self.element_type("bytes of Kryo").ty.to_string(), value);
        let right = match (self.fixed, value) {
            (None, _) => false,
            (Some(_), Value::Null) => {
                out.push(0);
                true
            }
            (Some(fixed), value) => {
                out.extend(OWN);
                match (fixed, value) {
                    (Fixed::Time(time), Value::Int(value)) => time.encode(self.version, *value, out),
                    (Fixed::Time(_), _) => false,
                    (Fixed::TopicPartition, value) => kafka::encode(value, out),
                }
            }
        };
        if !right {
            return Err(wrong());
        }
        Ok(())
    }
}

/// Reads a number of at most 32 bits.
fn varint(input: &mut Input<'_>) -> Result<u32> {
    let mut value = 0;
    for shift in [0, 7, 14, 21, 28] {
        let byte = input.u8("Kryo number")?;
        value |= u32::from(byte & 0x7F) << shift;
        if byte < 0x80 {
            return Ok(value);
        }
    }
    Err(input.malformed("Kryo number", "at most 5 bytes", "more"))
}

/// Reads a number whose sign is in its lowest bit.
fn signed(input: &mut Input<'_>) -> Result<i32> {
    let value = varint(input)?;
    Ok((value >> 1).cast_signed() ^ -(value & 1).cast_signed())
}

fn put_varint(mut value: u32, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push((value & 0x7F) as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

fn put_signed(value: i32, out: &mut Vec<u8>) {
    put_varint((value << 1 ^ value >> 31).cast_unsigned(), out);
}
