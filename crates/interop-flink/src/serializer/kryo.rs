use alluvium_model::{ElementType, LogicalType, Value};

use super::Decoder;
use super::basic::mismatch;
use super::snapshot::{Context, Reader};
use crate::Result;

/// A type that Flink leaves to Kryo.
#[derive(Debug, Clone)]
pub(super) struct Kryo {
    class: String,
    /// Classes with a number of their own, in the order of their numbers.
    registered: Vec<String>,
    version: Version,
}

/// The two versions of Kryo, whose bytes differ and whose snapshots do not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Version {
    /// Kryo 2.24, in Flink 1.
    Two,
    /// Kryo 5.6, since Flink 2.0.
    Five,
}

impl Kryo {
    /// Makes a type without registered classes.
    pub(super) fn of(class: String, context: Context) -> Self {
        let version = if context.metadata_version < 5 { Version::Two } else { Version::Five };
        Kryo { class, registered: Vec::new(), version }
    }

    /// Reads the payload of a snapshot: the class, the registered classes, two maps of default serializers.
    pub(super) fn read(r: &mut Reader<'_, '_>) -> Result<Self> {
        let mut kryo = Kryo::of(r.input.utf("Kryo class")?, r.context);
        kryo.registered = r.optional_map()?.into_iter().map(|entry| entry.name).collect();
        r.optional_map()?;
        r.optional_map()?;
        Ok(kryo)
    }

    /// Returns the class of the values.
    pub(super) fn class(&self) -> &str {
        &self.class
    }

    pub(super) fn element_type(&self, class: &str) -> ElementType {
        ElementType::required(LogicalType::Opaque { serializer: class.to_owned() })
    }

    pub(super) fn delimits(&self) -> bool {
        false
    }

    pub(super) fn decode(&self, class: &str, d: &mut Decoder<'_, '_>) -> Result<Value> {
        d.take_rest(class)
    }

    pub(super) fn encode(&self, value: &Value, _out: &mut Vec<u8>) -> Result<()> {
        Err(mismatch("bytes of Kryo", value))
    }
}
