//! What layouts ask of serializers beyond values.

use bytes::Bytes;

use super::{Codec, Serializer, SerializerSnapshot};
use crate::Result;
use crate::bytes::Input;

impl Serializer {
    /// Makes the serializer of a class that is not known: its values are opaque and have no end of
    /// their own.
    pub fn unknown(class: &str) -> Self {
        Serializer::new(class, Codec::Opaque)
    }

    /// Returns the serializers of a tuple's fields.
    pub fn fields(&self) -> Option<&[Serializer]> {
        match self.codec() {
            Codec::Fields(fields) => Some(&fields.parts),
            _ => None,
        }
    }

    /// Passes over the next value.
    ///
    /// # Errors
    /// As for [`Serializer::decode`].
    pub fn skip(&self, input: &mut Input<'_>) -> Result<()> {
        match self.fixed_length() {
            Some(length) if length > 0 => input.take(length, "value").map(drop),
            _ => self.decode(input).map(drop),
        }
    }
}

impl SerializerSnapshot {
    /// Makes the snapshot of a serializer whose class is not known.
    pub fn unknown(class: &str, origin: &[u8]) -> Self {
        SerializerSnapshot { serializer: Serializer::unknown(class), origin: Bytes::copy_from_slice(origin) }
    }
}
