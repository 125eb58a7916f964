//! Integers and decimals of any size as text, in the forms of Java's `BigInteger` and
//! `BigDecimal`.
//!
//! Text is the form in which [`crate::Value`], Arrow and JSON hold them; binary forms are made
//! where an engine's bytes or canonical bytes need them.
//!
//! Spec: TYPE-26, TYPE-27.

/// Most bytes of a magnitude: numbers of 2^32768 and beyond are no values of these types, so that
/// the conversion to text stays cheap.
pub const MAGNITUDE_BYTES_MAX: usize = 4096;

/// Digits that one step of a conversion takes.
const CHUNK_DIGITS: usize = 9;
/// Ten to the power of [`CHUNK_DIGITS`].
const CHUNK: u64 = 1_000_000_000;

/// Returns the decimal text of a two's complement big-endian number, as `BigInteger.toByteArray`
/// gives it.
///
/// `None` for no bytes and for a magnitude of more than [`MAGNITUDE_BYTES_MAX`] bytes. Bytes with
/// needless leading ones (00 or FF) are read like those without.
pub fn integer_from_be(bytes: &[u8]) -> Option<String> {
    let negative = bytes.first()? & 0x80 != 0;
    if let Ok(text) = small(bytes, negative) {
        return Some(text);
    }
    let magnitude = if negative { negated(bytes) } else { bytes.to_vec() };
    integer_text(negative, &magnitude)
}

fn small(bytes: &[u8], negative: bool) -> Result<String, ()> {
    let mut wide = [if negative { 0xFF } else { 0 }; 16];
    let start = wide.len().checked_sub(bytes.len()).ok_or(())?;
    wide.get_mut(start..).ok_or(())?.copy_from_slice(bytes);
    Ok(i128::from_be_bytes(wide).to_string())
}

/// Returns the shortest two's complement big-endian bytes of a number, as `BigInteger.toByteArray`
/// gives them: at least one byte.
///
/// `None` for text that is not the one form of an integer ([`is_integer`]).
pub fn integer_to_be(text: &str) -> Option<Vec<u8>> {
    let (negative, mut bytes) = integer_parts(text)?;
    bytes.insert(0, 0);
    if negative {
        bytes = negated(&bytes);
    }
    let sign = if negative { 0xFF } else { 0x00 };
    while let [first, second, ..] = bytes.as_slice()
        && *first == sign
        && (second ^ sign) & 0x80 == 0
    {
        bytes.remove(0);
    }
    Some(bytes)
}

/// Returns the two's complement negation in as many bytes.
fn negated(bytes: &[u8]) -> Vec<u8> {
    let mut out: Vec<u8> = bytes.iter().map(|b| !b).collect();
    for byte in out.iter_mut().rev() {
        let (sum, carry) = byte.overflowing_add(1);
        *byte = sum;
        if !carry {
            return out;
        }
    }
    // Only the least number of a width comes here: its magnitude needs the sign bit.
    out
}

/// Returns whether text is the one form of an integer: digits without a leading zero, `-` before
/// those of a negative one, and a magnitude of at most [`MAGNITUDE_BYTES_MAX`] bytes.
pub fn is_integer(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    if !plain(digits, text.len() != digits.len()) {
        return false;
    }
    // 2^32768 has 9865 digits.
    digits.len() < 9865 || integer_parts(text).is_some()
}

fn plain(digits: &str, negative: bool) -> bool {
    let zero = digits == "0" && !negative;
    zero || (!digits.is_empty() && !digits.starts_with('0') && digits.bytes().all(|b| b.is_ascii_digit()))
}

/// Returns the sign and the magnitude, big-endian without leading zeros, of an integer's text.
pub(crate) fn integer_parts(text: &str) -> Option<(bool, Vec<u8>)> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let negative = digits.len() != text.len();
    // Ten digits are more than four bytes.
    if !plain(digits, negative) || digits.len() > MAGNITUDE_BYTES_MAX / 4 * 10 {
        return None;
    }
    let mut words: Vec<u32> = Vec::new();
    let head = digits.len() % CHUNK_DIGITS;
    let (first, rest) = digits.as_bytes().split_at(head);
    for chunk in std::iter::once(first).filter(|c| !c.is_empty()).chain(rest.chunks(CHUNK_DIGITS)) {
        let mut carry = chunk.iter().fold(0u64, |n, digit| n * 10 + u64::from(digit - b'0'));
        for word in &mut words {
            let product = u64::from(*word) * CHUNK + carry;
            *word = product as u32;
            carry = product >> 32;
        }
        if carry != 0 {
            words.push(carry as u32);
        }
    }
    let bytes = words.iter().rev().flat_map(|word| word.to_be_bytes()).skip_while(|byte| *byte == 0);
    let bytes: Vec<u8> = bytes.collect();
    (bytes.len() <= MAGNITUDE_BYTES_MAX).then_some((negative, bytes))
}

/// Returns the text of a sign and a magnitude; `None` when it is too large or a negative zero.
pub(crate) fn integer_text(negative: bool, magnitude: &[u8]) -> Option<String> {
    let start = magnitude.iter().position(|byte| *byte != 0).unwrap_or(magnitude.len());
    let magnitude = magnitude.get(start..)?;
    if magnitude.len() > MAGNITUDE_BYTES_MAX || (negative && magnitude.is_empty()) {
        return None;
    }
    let mut words: Vec<u32> = magnitude
        .rchunks(4)
        .rev()
        .map(|chunk| chunk.iter().fold(0, |word, byte| word << 8 | u32::from(*byte)))
        .collect();
    let mut chunks = Vec::new();
    let mut first = 0;
    while first < words.len() {
        let mut rest = 0u64;
        for word in words.iter_mut().skip(first) {
            let part = rest << 32 | u64::from(*word);
            *word = (part / CHUNK) as u32;
            rest = part % CHUNK;
        }
        chunks.push(rest);
        first += words.iter().skip(first).take_while(|word| **word == 0).count();
    }
    let mut text = String::with_capacity(chunks.len() * CHUNK_DIGITS + 1);
    text.push_str(if negative { "-" } else { "" });
    text.push_str(&chunks.pop().unwrap_or(0).to_string());
    for chunk in chunks.iter().rev() {
        text.push_str(&format!("{chunk:09}"));
    }
    Some(text)
}

/// Returns the text of `unscaled` · 10^−`scale`, as `java.math.BigDecimal.toString` gives it:
/// different for every pair.
///
/// `unscaled` is an integer's text ([`is_integer`]).
pub fn decimal_text(unscaled: &str, scale: i32) -> String {
    let digits = unscaled.strip_prefix('-').unwrap_or(unscaled);
    let sign = if digits.len() == unscaled.len() { "" } else { "-" };
    let exponent = -i64::from(scale) + digits.len() as i64 - 1;
    match usize::try_from(scale) {
        Ok(0) => unscaled.to_owned(),
        Ok(places) if exponent >= -6 => {
            let padded = format!("{digits:0>width$}", width = places + 1);
            let (whole, fraction) = padded.split_at(padded.len() - places);
            format!("{sign}{whole}.{fraction}")
        }
        _ => {
            let (first, rest) = digits.split_at(digits.len().min(1));
            let point = if rest.is_empty() { "" } else { "." };
            format!("{sign}{first}{point}{rest}E{exponent:+}")
        }
    }
}

/// Returns the unscaled integer and the scale of a decimal's text.
///
/// `None` for text that [`decimal_text`] never gives.
pub fn decimal_parts(text: &str) -> Option<(String, i32)> {
    let (number, exponent) = match text.split_once('E') {
        Some((number, exponent)) => (number, exponent.parse::<i64>().ok()?),
        None => (text, 0),
    };
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let sign = if whole.starts_with('-') { "-" } else { "" };
    let digits = format!("{}{fraction}", whole.strip_prefix('-').unwrap_or(whole));
    let digits = match digits.trim_start_matches('0') {
        "" if digits.is_empty() => return None,
        "" => "0",
        digits => digits,
    };
    let unscaled = format!("{sign}{digits}");
    let scale = i32::try_from((fraction.len() as i64).checked_sub(exponent)?).ok()?;
    (is_integer(&unscaled) && decimal_text(&unscaled, scale) == text).then_some((unscaled, scale))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_of_any_size_are_the_same_in_text_and_bytes() {
        for (text, bytes) in [
            ("0", &[0][..]),
            ("127", &[0x7F]),
            ("128", &[0, 0x80]),
            ("-1", &[0xFF]),
            ("-128", &[0x80]),
            ("-129", &[0xFF, 0x7F]),
            ("12345678901234567890", &[0, 0xAB, 0x54, 0xA9, 0x8C, 0xEB, 0x1F, 0x0A, 0xD2]),
        ] {
            assert_eq!(integer_to_be(text).unwrap(), bytes, "{text}");
            assert_eq!(integer_from_be(bytes).unwrap(), text);
        }
        for len in [15, 16, 17, 18, 40, 500, MAGNITUDE_BYTES_MAX] {
            for first in [0x01, 0x7F, 0x80, 0xFF, 0x81] {
                let mut bytes = vec![0; len];
                bytes[0] = first;
                bytes[len - 1] = 5;
                bytes[len / 2] = 0x9C;
                let text = integer_from_be(&bytes).unwrap();
                assert!(is_integer(&text));
                let shortest: &[u8] =
                    if first == 0xFF && bytes[1] & 0x80 != 0 { &bytes[1..] } else { &bytes };
                assert_eq!(integer_to_be(&text).unwrap(), shortest, "{len} bytes from {first:#x}");
            }
        }
        let least = [&[0x80][..], &[0; 31]].concat();
        assert_eq!(integer_to_be(&integer_from_be(&least).unwrap()).unwrap(), least);
        assert_eq!(integer_from_be(&[0xFF, 0xFF, 0xFE]).as_deref(), Some("-2"));
    }

    #[test]
    fn other_texts_and_sizes_are_no_integers() {
        for odd in ["", "-", "-0", "00", "01", "+1", "1.0", " 1", "1 ", "0x1"] {
            assert!(!is_integer(odd) && integer_to_be(odd).is_none(), "{odd:?}");
        }
        assert!(integer_from_be(&[]).is_none());
        let large = [&[1][..], &[0; MAGNITUDE_BYTES_MAX]].concat();
        assert!(integer_from_be(&large).is_none());
        assert!(!is_integer(&"9".repeat(9865)) && is_integer(&"9".repeat(9864)));
    }

    #[test]
    fn decimals_are_printed_as_in_java() {
        for (unscaled, scale, text) in [
            ("0", 0, "0"),
            ("100", 2, "1.00"),
            ("10", 1, "1.0"),
            ("-5", 2, "-0.05"),
            ("123", -2, "1.23E+4"),
            ("-5", -1, "-5E+1"),
            ("0", 3, "0.000"),
            ("0", -2, "0E+2"),
            ("1", 6, "0.000001"),
            ("1", 7, "1E-7"),
            ("12", 8, "1.2E-7"),
            ("0", 10, "0E-10"),
            ("1", i32::MIN, "1E+2147483648"),
            ("1", i32::MAX, "1E-2147483647"),
            ("-1234567890123456789015", 1, "-123456789012345678901.5"),
        ] {
            assert_eq!(decimal_text(unscaled, scale), text);
            assert_eq!(decimal_parts(text), Some((unscaled.to_owned(), scale)), "{text}");
        }
        for odd in
            ["", ".", "-", "1.", ".5", "-0.0", "00.1", "1E5", "1E+05", "10E+3", "0.0000001", "1e-7", "E+5"]
        {
            assert_eq!(decimal_parts(odd), None, "{odd:?}");
        }
    }
}
