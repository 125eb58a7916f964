use std::sync::Arc;

use alluvium_model::{ElementType, Value};

use super::basic::Basic;
use super::describe::Notes;
use super::{Codec, Decoder};
use crate::bytes::Input;
use crate::{Error, Result};

/// A serializer as its snapshot describes it, with all serializers inside it.
#[derive(Debug, Clone)]
pub struct Serializer {
    class: Arc<str>,
    codec: Codec,
    length: Option<usize>,
    least: usize,
    delimits: bool,
    notes: Option<Arc<Notes>>,
}

/// A decoded value, and its original bytes if encoding it would give other ones.
#[derive(Debug, Clone, PartialEq)]
pub struct Cell {
    /// The value; [`Value::Opaque`] where its bytes have no typed form.
    pub value: Value,
    /// The bytes as found, set exactly when encoding the value gives others.
    pub raw: Option<Vec<u8>>,
}

impl Serializer {
    pub(super) fn new(class: impl Into<Arc<str>>, codec: Codec) -> Self {
        Serializer {
            class: class.into(),
            length: codec.fixed_length(),
            least: codec.least(),
            delimits: codec.delimits(),
            codec,
            notes: None,
        }
    }

    /// Adds what the snapshot says and values do not need.
    pub(super) fn with_notes(self, notes: Notes) -> Self {
        if notes.is_empty() { self } else { Serializer { notes: Some(Arc::new(notes)), ..self } }
    }

    pub(super) fn notes(&self) -> Option<&Notes> {
        self.notes.as_deref()
    }

    /// Sets what the serializer says of its length, where that is not what its parts give.
    pub(super) fn with_length(self, length: Option<usize>) -> Self {
        Serializer { length, ..self }
    }

    /// Returns the class of the serializer in Flink, such as
    /// `org.apache.flink.api.common.typeutils.base.LongSerializer`; the type's own class follows in
    /// angle brackets where the serializer alone says nothing (Kryo, POJO).
    pub fn class(&self) -> &str {
        &self.class
    }

    /// Returns the type of its values, and whether the serializer itself can write null.
    pub fn element_type(&self) -> ElementType {
        self.codec.element_type(&self.class)
    }

    /// Returns Flink's `getLength`: the bytes of every value, or none if they vary.
    ///
    /// It decides one thing only: keys and namespaces of variable length carry their lengths. The
    /// void namespace says 0 and writes one byte.
    pub fn fixed_length(&self) -> Option<usize> {
        self.length
    }

    /// Returns whether the end of a value follows from its bytes. Otherwise (Kryo and unknown classes)
    /// a value needs a place with a length of its own.
    pub fn is_self_delimiting(&self) -> bool {
        self.delimits
    }

    /// Returns the least number of bytes of a value.
    pub(super) fn least(&self) -> usize {
        self.least
    }

    pub(super) fn codec(&self) -> &Codec {
        &self.codec
    }

    pub(super) fn codec_mut(&mut self) -> &mut Codec {
        &mut self.codec
    }

    /// Decodes the next value and leaves the input behind it.
    ///
    /// # Errors
    /// [`Error::Truncated`] and [`Error::Malformed`] for bytes that the serializer does not write;
    /// [`Error::Unsupported`] where a value has no end of its own; [`Error::TooLarge`] above
    /// [`super::VALUE_BYTES_MAX`].
    pub fn decode(&self, input: &mut Input<'_>) -> Result<Value> {
        Ok(self.run(input, false)?.0)
    }

    /// Decodes the next value, leaves the input behind it and keeps the bytes of an odd one.
    ///
    /// # Errors
    /// As for [`Serializer::decode`].
    pub fn decode_next(&self, input: &mut Input<'_>) -> Result<Cell> {
        let start = input.consumed();
        let (value, exact) = self.run(input, false)?;
        Ok(Cell { value, raw: (!exact).then(|| input.since(start).to_vec()) })
    }

    /// Decodes bytes that are exactly one value.
    ///
    /// A value that has no typed form is [`Value::Opaque`] with all the bytes.
    ///
    /// # Errors
    /// [`Error::Truncated`] and [`Error::Malformed`] for bytes that the serializer does not write, and
    /// for bytes left over.
    pub fn decode_whole(&self, bytes: &[u8]) -> Result<Cell> {
        let mut input = Input::new(bytes);
        match self.run(&mut input, true) {
            Ok((value, exact)) if input.is_empty() => {
                Ok(Cell { value, raw: (!exact).then(|| bytes.to_vec()) })
            }
            Ok(_) => Err(input.malformed("value", "the end", format!("{} more bytes", input.left()))),
            Err(Error::Unsupported { .. } | Error::TooLarge { .. }) => Ok(self.opaque_cell(bytes)),
            Err(error) => Err(error),
        }
    }

    /// Decodes bytes that are exactly one value; whatever cannot be decoded is opaque.
    ///
    /// [`Serializer::decode_whole`] tells malformed bytes from those that nobody can type.
    pub fn decode_cell(&self, bytes: &[u8]) -> Cell {
        self.decode_whole(bytes).unwrap_or_else(|_| self.opaque_cell(bytes))
    }

    /// Appends the bytes of a value, those that Flink would write.
    ///
    /// # Errors
    /// [`alluvium_model::Error::Mismatch`] when the value is not of the type; `out` may then hold a
    /// part of it.
    pub fn encode(&self, value: &Value, out: &mut Vec<u8>) -> Result<()> {
        match value {
            Value::Opaque { bytes, .. } => out.extend_from_slice(bytes),
            value => self.codec.encode(value, out)?,
        }
        Ok(())
    }

    /// Decodes a part of a value.
    pub(super) fn part(&self, decoder: &mut Decoder<'_, '_>) -> Result<Value> {
        self.codec.decode(&self.class, decoder)
    }

    fn run(&self, input: &mut Input<'_>, last: bool) -> Result<(Value, bool)> {
        let start = input.consumed();
        let mut decoder = Decoder::new(input, last);
        let value = self.codec.decode(&self.class, &mut decoder)?;
        let (exact, typed) = (decoder.is_exact(), decoder.is_typed());
        if typed {
            return Ok((value, exact));
        }
        Ok((self.opaque(input.since(start)), true))
    }

    fn opaque(&self, bytes: &[u8]) -> Value {
        Value::Opaque { serializer: self.class.to_string(), bytes: bytes.to_vec() }
    }

    fn opaque_cell(&self, bytes: &[u8]) -> Cell {
        Cell { value: self.opaque(bytes), raw: None }
    }
}

/// The views that layouts need: what a state's serializer is made of.
impl Serializer {
    /// Returns the element serializer of a list.
    pub fn as_list(&self) -> Option<&Serializer> {
        match &self.codec {
            Codec::List(element) => Some(element),
            _ => None,
        }
    }

    /// Returns the key and value serializers of a map.
    pub fn as_map(&self) -> Option<(&Serializer, &Serializer)> {
        match &self.codec {
            Codec::Map(map) => Some((&map.key, &map.value)),
            _ => None,
        }
    }

    /// Returns the serializer of the user's value behind a time of last access (`TtlSerializer`): the
    /// bytes are an i64 of milliseconds, then that value.
    pub fn as_ttl(&self) -> Option<&Serializer> {
        match &self.codec {
            Codec::Ttl(value) => Some(value),
            _ => None,
        }
    }

    /// Returns the key and namespace serializers of a timer (`TimerSerializer`): the bytes are the
    /// timestamp in milliseconds with its sign flipped, the key and the namespace.
    pub fn as_timer(&self) -> Option<(&Serializer, &Serializer)> {
        match &self.codec {
            Codec::Timer(timer) => Some((&timer.key, &timer.namespace)),
            _ => None,
        }
    }

    /// Returns whether this is the serializer of the void namespace, one byte of zero.
    pub fn is_void_namespace(&self) -> bool {
        matches!(self.codec, Codec::Basic(Basic::VoidNamespace))
    }
}
