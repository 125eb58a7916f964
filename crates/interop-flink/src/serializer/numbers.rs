//! Numbers of any size. Zero, one and ten have short forms, which Flink chooses by the identity of the
//! object: the long forms of these numbers are legal too.

use alluvium_model::{Value, big};

use super::Decoder;
use super::basic::put_count;
use crate::Result;

/// The numbers with a short form, from the length 1 on; 0 is null.
const SHORT: [&str; 3] = ["0", "1", "10"];

/// What is added to the length of the bytes of all other numbers.
const LONG: usize = 4;

/// Reads a `BigInteger`.
pub(super) fn decode_integer(d: &mut Decoder<'_, '_>) -> Result<Value> {
    Ok(match integer(d)? {
        None => Value::Null,
        Some(Some(text)) => Value::BigInteger(text),
        Some(None) => d.untyped(),
    })
}

/// Reads a `BigDecimal`: its unscaled number and its scale; null has no scale.
pub(super) fn decode_decimal(d: &mut Decoder<'_, '_>) -> Result<Value> {
    let Some(unscaled) = integer(d)? else { return Ok(Value::Null) };
    let scale = d.input.i32("scale")?;
    Ok(unscaled.map_or_else(|| d.untyped(), |unscaled| Value::BigDecimal { unscaled, scale }))
}

/// The outer none is null, the inner none a number larger than our types hold.
fn integer(d: &mut Decoder<'_, '_>) -> Result<Option<Option<String>>> {
    let length = d.input.length("big integer")?;
    let Some(short) = length.checked_sub(1) else { return Ok(None) };
    if let Some(number) = SHORT.get(short) {
        d.charge(number.len())?;
        return Ok(Some(Some((*number).to_owned())));
    }
    let bytes = d.input.take(length - LONG, "big integer")?;
    if bytes.is_empty() {
        return Err(d.input.malformed("big integer", "at least one byte", "none"));
    }
    // Three digits hold more than a byte.
    d.charge(3 * bytes.len())?;
    let Some(text) = big::integer_from_be(bytes) else { return Ok(Some(None)) };
    let padded = match bytes {
        [0x00, second, ..] => *second < 0x80,
        [0xFF, second, ..] => *second >= 0x80,
        _ => false,
    };
    d.odd_if(padded || SHORT.contains(&text.as_str()));
    Ok(Some(Some(text)))
}

/// Appends a `BigInteger`; none for text that is no integer.
pub(super) fn encode_integer(text: &str, out: &mut Vec<u8>) -> Option<Result<()>> {
    if let Some(short) = SHORT.iter().position(|number| *number == text) {
        return Some(put_count(short + 1, out));
    }
    let bytes = big::integer_to_be(text)?;
    let length = put_count(bytes.len() + LONG, out);
    out.extend(bytes);
    Some(length)
}

/// Appends a `BigDecimal`; none for text that is no integer.
pub(super) fn encode_decimal(unscaled: &str, scale: i32, out: &mut Vec<u8>) -> Option<Result<()>> {
    let result = encode_integer(unscaled, out);
    out.extend(scale.to_be_bytes());
    result
}
