use std::mem::size_of;

use alluvium_model::Value;

use super::{DEPTH_MAX, VALUE_BYTES_MAX};
use crate::bytes::Input;
use crate::{Error, Result};

/// The place of a value in its bytes, and what decoding has found out about it so far.
pub(super) struct Decoder<'d, 'a> {
    /// The bytes.
    pub(super) input: &'d mut Input<'a>,
    /// Whether the value so far ends where the input ends: what has no end of its own may take the
    /// rest.
    pub(super) last: bool,
    /// Bytes of memory that the value may still take.
    budget: usize,
    depth: usize,
    exact: bool,
    typed: bool,
}

impl<'d, 'a> Decoder<'d, 'a> {
    pub(super) fn new(input: &'d mut Input<'a>, last: bool) -> Self {
        Self::within(input, last, VALUE_BYTES_MAX)
    }

    /// Decodes a value that takes no more than so many bytes of memory.
    pub(super) fn within(input: &'d mut Input<'a>, last: bool, budget: usize) -> Self {
        Decoder { input, last, budget, depth: 0, exact: true, typed: true }
    }

    /// Notes that encoding the value would give other bytes than these.
    pub(super) fn odd(&mut self) {
        self.exact = false;
    }

    /// Notes that encoding gives other bytes if the condition holds.
    pub(super) fn odd_if(&mut self, odd: bool) {
        self.exact &= !odd;
    }

    /// Notes that the type of the state cannot hold the value, whose bytes are passed all the same.
    pub(super) fn untyped(&mut self) -> Value {
        self.typed = false;
        Value::Null
    }

    /// Returns whether encoding what was decoded gives the same bytes.
    pub(super) fn is_exact(&self) -> bool {
        self.exact
    }

    /// Returns whether the type of the state can hold what was decoded.
    pub(super) fn is_typed(&self) -> bool {
        self.typed
    }

    /// Accounts for memory before it is allocated.
    pub(super) fn charge(&mut self, size: usize) -> Result<()> {
        self.budget = self.budget.checked_sub(size).ok_or_else(|| Error::TooLarge {
            section: "value",
            offset: self.input.offset(),
            size: VALUE_BYTES_MAX.saturating_sub(self.budget).saturating_add(size) as u64,
            limit: VALUE_BYTES_MAX as u64,
        })?;
        Ok(())
    }

    /// Reads a 32-bit count of values of at least `least` bytes each, and accounts for them.
    pub(super) fn count(&mut self, least: usize) -> Result<usize> {
        let count = self.input.count(least, "number of elements")?;
        self.charge(count.saturating_mul(size_of::<Value>()))?;
        Ok(count)
    }

    /// Accounts for so many values and returns room for them.
    pub(super) fn values(&mut self, count: usize) -> Result<Vec<Value>> {
        self.charge(count.saturating_mul(size_of::<Value>()))?;
        Ok(Vec::with_capacity(count))
    }

    /// Returns the bytes since `start`, a value of [`Input::consumed`], as they are.
    pub(super) fn opaque_since(&mut self, start: usize, class: &str) -> Result<Value> {
        let bytes = self.input.since(start);
        self.charge(bytes.len().saturating_add(class.len()))?;
        Ok(Value::Opaque { serializer: class.to_owned(), bytes: bytes.to_vec() })
    }

    /// Takes what has no end of its own, which only the last part of a value can.
    pub(super) fn take_rest(&mut self, class: &str) -> Result<Value> {
        if !self.last {
            return Err(Error::Unsupported {
                section: "value",
                offset: self.input.offset(),
                what: format!("a value of {class}, whose end only its own code finds,"),
            });
        }
        let start = self.input.consumed();
        self.input.take(self.input.left(), "value")?;
        self.opaque_since(start, class)
    }

    /// Takes bytes that the value will own.
    pub(super) fn take(&mut self, len: usize, section: &'static str) -> Result<&'a [u8]> {
        let bytes = self.input.take(len, section)?;
        self.charge(len)?;
        Ok(bytes)
    }

    /// Reads a byte that Flink writes as 0 or 1 and reads as zero or not.
    pub(super) fn flag(&mut self) -> Result<bool> {
        let byte = self.input.u8("flag")?;
        self.odd_if(byte > 1);
        Ok(byte != 0)
    }

    /// Reads a byte without meaning, which Flink writes as `wanted` and never looks at.
    pub(super) fn filler(&mut self, wanted: u8) -> Result<()> {
        let byte = self.input.u8("filler")?;
        self.odd_if(byte != wanted);
        Ok(())
    }

    /// Decodes a part that is not the last of its value.
    pub(super) fn inner<T>(&mut self, decode: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        let last = std::mem::replace(&mut self.last, false);
        let result = decode(self);
        self.last = last;
        result
    }

    /// Decodes something that may hold itself.
    pub(super) fn deeper<T>(&mut self, decode: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        if self.depth >= DEPTH_MAX {
            return Err(too_deep(self.input));
        }
        self.depth += 1;
        let result = decode(self);
        self.depth -= 1;
        result
    }
}

/// Returns the error of nesting past [`DEPTH_MAX`].
pub(super) fn too_deep(input: &Input<'_>) -> Error {
    Error::TooLarge {
        section: "nesting",
        offset: input.offset(),
        size: DEPTH_MAX as u64 + 1,
        limit: DEPTH_MAX as u64,
    }
}
