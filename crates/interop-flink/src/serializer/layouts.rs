//! What layouts ask of serializers beyond values.

use bytes::Bytes;

use super::basic::Basic;
use super::{Codec, Serializer, SerializerSnapshot, pojo};
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
            _ => match length_of(self, input.rest()) {
                Some(length) => input.take(length, "value").map(drop),
                None => self.decode(input).map(drop),
            },
        }
    }
}

/// Longer texts are decoded, which accounts for their memory.
const TEXT_MAX: usize = 0x7F;

/// Returns the length of the first value of bytes where it is seen without decoding, of values that can be
/// decoded only.
pub(super) fn length_of(serializer: &Serializer, bytes: &[u8]) -> Option<usize> {
    match serializer.codec() {
        Codec::Basic(Basic::String) => {
            let length = usize::from(*bytes.first()?);
            let text = bytes.get(1..length.max(1)).filter(|_| length <= TEXT_MAX)?;
            text.is_ascii().then_some(length.max(1))
        }
        Codec::Basic(Basic::VoidNamespace) => bytes.first().map(|_| 1),
        Codec::Basic(basic) if basic.takes_any_bytes() => {
            basic.fixed_length().filter(|length| *length <= bytes.len())
        }
        Codec::Same(inner) => length_of(inner, bytes),
        Codec::Fields(fields) => fields.parts.iter().try_fold(0, |sum, part| {
            let length = length_of(part, bytes.get(sum..)?)?;
            Some(sum + length)
        }),
        Codec::Pojo(pojo) => match *bytes.first()? {
            pojo::NULL => Some(1),
            pojo::EXACTLY => pojo.own_fields().try_fold(1, |sum, field| match bytes.get(sum)? {
                0 => Some(sum + 1 + length_of(field, bytes.get(sum + 1..)?)?),
                1 => Some(sum + 1),
                _ => None,
            }),
            _ => None,
        },
        _ => None,
    }
}

impl SerializerSnapshot {
    /// Makes the snapshot of a serializer whose class is not known.
    pub fn unknown(class: &str, origin: &[u8]) -> Self {
        SerializerSnapshot { serializer: Serializer::unknown(class), origin: Bytes::copy_from_slice(origin) }
    }
}
