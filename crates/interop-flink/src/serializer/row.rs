use alluvium_model::{ElementType, EnumType, LogicalType, StructType, Value};

use super::basic::{is_null, mismatch};
use super::collections::{mask_bit, null_is_odd, put_mask};
use super::{Decoder, Serializer};
use crate::Result;

/// A `Row`: a bit mask of the row's kind and of the null fields, then the other fields.
#[derive(Debug, Clone)]
pub(super) struct Row {
    pub(super) fields: Vec<Serializer>,
    /// Whether the mask begins with two bits of the kind (since Flink 1.11).
    pub(super) kinds: bool,
    /// Whether the kind is a field of the type; otherwise another kind than insert is odd.
    pub(super) shows_kind: bool,
}

/// The kinds of a row, in the order of their bytes.
const KINDS: [&str; 4] = ["INSERT", "UPDATE_BEFORE", "UPDATE_AFTER", "DELETE"];

/// Name of the field that holds the kind of a row; null is an insert.
pub(super) const KIND: &str = "$kind";

/// Returns the type of rows: named fields if their kind is one, else as given.
pub(super) fn row_type(shows_kind: bool, fields: Vec<(Option<&str>, ElementType)>) -> LogicalType {
    if !shows_kind && fields.iter().all(|(name, _)| name.is_none()) {
        return LogicalType::Tuple(fields.into_iter().map(|(_, ty)| ty).collect());
    }
    let symbols = KINDS.iter().map(ToString::to_string).collect();
    let kind = ElementType::nullable(LogicalType::Enum(EnumType { symbols }));
    let kind = shows_kind.then(|| (KIND.to_owned(), kind));
    let named = |(index, (name, ty)): (usize, (Option<&str>, ElementType))| {
        (name.map_or_else(|| format!("f{index}"), str::to_owned), ty)
    };
    LogicalType::Struct(StructType::of(kind.into_iter().chain(fields.into_iter().enumerate().map(named))))
}

/// Returns the value of a row's kind, null for an insert and none for a byte that is no kind.
pub(super) fn kind_value(kind: u8) -> Option<Value> {
    match kind {
        0 => Some(Value::Null),
        1..=3 => Some(Value::Enum(kind.into())),
        _ => None,
    }
}

/// Returns the byte of a row's kind.
pub(super) fn kind_byte(value: &Value) -> Option<u8> {
    match value {
        Value::Null => Some(0),
        Value::Enum(kind @ 0..=3) => u8::try_from(*kind).ok(),
        _ => None,
    }
}

/// Splits the kind of a row from its fields.
pub(super) fn split_kind(shows_kind: bool, values: &[Value]) -> Option<(u8, &[Value])> {
    match values {
        [kind, fields @ ..] if shows_kind => Some((kind_byte(kind)?, fields)),
        fields => Some((0, fields)),
    }
}

impl Row {
    pub(super) fn ty(&self) -> LogicalType {
        let field = |field: &Serializer| (None, ElementType::nullable(field.element_type().ty));
        row_type(self.shows_kind, self.fields.iter().map(field).collect())
    }

    pub(super) fn least(&self) -> usize {
        self.mask_bits().div_ceil(8)
    }

    pub(super) fn delimits(&self) -> bool {
        self.fields.iter().all(Serializer::is_self_delimiting)
    }

    fn kind_bits(&self) -> usize {
        if self.kinds { 2 } else { 0 }
    }

    fn mask_bits(&self) -> usize {
        self.kind_bits() + self.fields.len()
    }

    pub(super) fn decode(&self, d: &mut Decoder<'_, '_>) -> Result<Value> {
        let mask = d.input.take(self.least(), "row mask")?;
        d.odd_if((self.mask_bits()..8 * mask.len()).any(|bit| mask_bit(mask, bit)));
        let mut values = d.values(self.fields.len() + usize::from(self.shows_kind))?;
        let kind = match self.kinds {
            true => u8::from(mask_bit(mask, 0)) | u8::from(mask_bit(mask, 1)) << 1,
            false => 0,
        };
        match self.shows_kind {
            true => values.push(kind_value(kind).unwrap_or(Value::Null)),
            false => d.odd_if(kind != 0),
        }
        let last = d.last;
        for (index, field) in self.fields.iter().enumerate() {
            d.last = last && index + 1 == self.fields.len();
            values.push(match mask_bit(mask, self.kind_bits() + index) {
                true => Value::Null,
                false => null_is_odd(field.part(d)?, d),
            });
        }
        d.last = last;
        Ok(Value::Struct(values))
    }

    pub(super) fn encode(&self, value: &Value, out: &mut Vec<u8>) -> Result<()> {
        let wrong = || mismatch(&self.ty().to_string(), value);
        let Value::Struct(values) = value else { return Err(wrong()) };
        let (kind, fields) = split_kind(self.shows_kind, values).ok_or_else(wrong)?;
        if fields.len() != self.fields.len() {
            return Err(wrong());
        }
        let kind = [kind & 1 != 0, kind & 2 != 0].into_iter().take(self.kind_bits());
        put_mask(kind.chain(fields.iter().map(is_null)), out);
        let present = self.fields.iter().zip(fields).filter(|(_, value)| !is_null(value));
        present.into_iter().try_for_each(|(field, value)| field.encode(value, out))
    }
}
