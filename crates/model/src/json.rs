//! The JSON forms of values, as `cat` prints and `--key` takes them.
//!
//! Integers and finite floats are numbers, other floats `"NaN"`, `"Infinity"`, `"-Infinity"`;
//! decimals and numbers of any size are strings, bytes base64, dates and times ISO 8601; lists and
//! sets are arrays, maps arrays of `[key, value]`, structs objects, in which a member whose name
//! begins with `$` is left out when it is null; enums are their symbol, time windows
//! `{"start":ms,"end":ms}`, one of two `{"left":…}` or `{"right":…}`; text with lone surrogates is `{"$utf16":hex}` and opaque bytes are
//! `{"$opaque":{"serializer":…,"bytes":base64}}`.
//!
//! Spec: JSON-1 to JSON-15.

mod parse;
mod time;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Number, Value as Json, json};

pub use parse::{from_json, key_from_text};

use crate::{Field, LogicalType, Value, big};

/// Prints a value.
///
/// A value that is not of the type prints as null; producers of [`Value`]s never make one.
pub fn to_json(value: &Value, ty: &LogicalType) -> Json {
    use LogicalType as T;
    match (ty, value) {
        (_, Value::Opaque { serializer, bytes }) => {
            json!({ "$opaque": { "serializer": serializer, "bytes": STANDARD.encode(bytes) } })
        }
        (_, Value::Wtf8(bytes)) => json!({ "$utf16": utf16_hex(bytes) }),
        (_, Value::Bool(v)) => Json::Bool(*v),
        (T::Date, Value::Int(days)) => time::date(*days),
        (T::Time(unit), Value::Int(v)) => time::time_of_day(*v, *unit),
        (T::Timestamp { unit, utc }, Value::Int(v)) => time::timestamp(*v, *unit, *utc),
        (_, Value::Int(v)) => Json::from(*v),
        (_, Value::UInt(v)) => Json::from(*v),
        (_, Value::Float32(v)) => match v.to_string().parse() {
            Ok(shortest) => float(shortest),
            Err(_) => float(f64::from(*v)),
        },
        (_, Value::Float64(v)) => float(*v),
        (_, Value::String(v)) => Json::String(v.clone()),
        (_, Value::Bytes(v)) => Json::String(STANDARD.encode(v)),
        (T::Decimal { scale, .. }, Value::Decimal(v)) => Json::String(decimal_text(*v, *scale)),
        (_, Value::BigInteger(v)) => Json::String(v.clone()),
        (_, Value::BigDecimal { unscaled, scale }) => Json::String(big::decimal_text(unscaled, *scale)),
        (T::Either(left, right), Value::Either(side, value)) => {
            json!({ side.name(): to_json(value, &side.of(left, right).ty) })
        }
        (T::List(element), Value::List(values)) => values.iter().map(|v| to_json(v, &element.ty)).collect(),
        (T::Set(element), Value::List(values)) => values.iter().map(|v| to_json(v, element)).collect(),
        (T::Map(key, element), Value::Map(entries)) => {
            entries.iter().map(|(k, v)| json!([to_json(k, key), to_json(v, &element.ty)])).collect()
        }
        (T::Struct(fields), Value::Struct(values)) => {
            let shown = |field: &Field, value: &Value| *value != Value::Null || !field.name.starts_with('$');
            let members = fields.fields.iter().zip(values).filter(|(f, v)| shown(f, v));
            Json::Object(members.map(|(f, v)| (f.name.clone(), to_json(v, &f.ty.ty))).collect())
        }
        (T::Tuple(types), Value::Struct(values)) => {
            let members = types.iter().zip(values).enumerate();
            Json::Object(members.map(|(i, (t, v))| (format!("f{i}"), to_json(v, &t.ty))).collect())
        }
        (T::Enum(symbols), Value::Enum(v)) => {
            symbols.symbols.get(*v as usize).cloned().map_or(Json::Null, Json::String)
        }
        (_, Value::Window { start, end }) => json!({ "start": start, "end": end }),
        _ => Json::Null,
    }
}

fn float(v: f64) -> Json {
    match Number::from_f64(v) {
        Some(number) => Json::Number(number),
        None if v.is_nan() => Json::String("NaN".into()),
        None if v > 0.0 => Json::String("Infinity".into()),
        None => Json::String("-Infinity".into()),
    }
}

fn decimal_text(unscaled: i128, scale: i8) -> String {
    let sign = if unscaled < 0 { "-" } else { "" };
    let digits = unscaled.unsigned_abs().to_string();
    let Ok(places) = usize::try_from(scale) else {
        let zeros = "0".repeat(usize::from(scale.unsigned_abs()));
        return if unscaled == 0 { "0".into() } else { format!("{sign}{digits}{zeros}") };
    };
    if places == 0 {
        return format!("{sign}{digits}");
    }
    let padded = format!("{digits:0>width$}", width = places + 1);
    let (whole, fraction) = padded.split_at(padded.len() - places);
    format!("{sign}{whole}.{fraction}")
}

/// Prints WTF-8 as the hex digits of its UTF-16 units.
fn utf16_hex(wtf8: &[u8]) -> String {
    utf16_units(wtf8).map(|unit| format!("{unit:04x}")).collect()
}

/// Returns the UTF-16 units of WTF-8.
pub(crate) fn utf16_units(wtf8: &[u8]) -> impl Iterator<Item = u16> {
    let mut rest = wtf8;
    let mut low = None;
    std::iter::from_fn(move || {
        if let Some(unit) = low.take() {
            return Some(unit);
        }
        let (first, behind) = rest.split_first()?;
        let (len, start) = match first {
            0x00..=0x7F => (0, u32::from(*first)),
            0xC0..=0xDF => (1, u32::from(first & 0x1F)),
            0xE0..=0xEF => (2, u32::from(first & 0x0F)),
            _ => (3, u32::from(first & 0x07)),
        };
        let (tail, next) = behind.split_at(len.min(behind.len()));
        let point = tail.iter().fold(start, |p, b| p << 6 | u32::from(b & 0x3F));
        rest = next;
        Some(match point.checked_sub(0x1_0000) {
            Some(high) => {
                low = Some(0xDC00 | (high & 0x3FF) as u16);
                0xD800 | (high >> 10 & 0x3FF) as u16
            }
            None => point as u16,
        })
    })
}

#[cfg(test)]
mod tests;
