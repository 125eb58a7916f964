use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value as Json};

use super::time;
use crate::{ElementType, Error, LogicalType, Result, Side, Value, big};

/// Reads a value of a type; JSON null is [`Value::Null`] and for the caller to accept or refuse.
///
/// # Errors
/// [`Error::Mismatch`] with the path of the part that does not fit.
///
/// Spec: JSON-1 to JSON-15.
pub fn from_json(json: &Json, ty: &LogicalType) -> Result<Value> {
    parse(json, ty, "value")
}

/// Reads a key from the command line: JSON of the type; for a string, text that does not start
/// with `"` is the string itself; so are the digits of a number of any size.
///
/// # Errors
/// [`Error::Mismatch`] for text that is no JSON or not of the type.
pub fn key_from_text(text: &str, ty: &LogicalType) -> Result<Value> {
    if matches!(ty, LogicalType::String) && !text.starts_with('"') && !text.starts_with("{\"$utf16\"") {
        return Ok(Value::String(text.to_owned()));
    }
    let odd =
        || Error::Mismatch { path: "key".into(), wanted: format!("JSON of {ty}"), found: text.to_owned() };
    let bare = matches!(
        ty,
        LogicalType::Date | LogicalType::Time(_) | LogicalType::Timestamp { .. } | LogicalType::Enum(_)
    );
    let number = matches!(ty, LogicalType::BigInteger | LogicalType::BigDecimal) && !text.starts_with('"');
    let json = match serde_json::from_str::<Json>(text) {
        _ if number => Json::String(text.to_owned()),
        Ok(json) => json,
        Err(_) if bare => Json::String(text.to_owned()),
        Err(_) => return Err(odd()),
    };
    match parse(&json, ty, "key")? {
        Value::Null => Err(odd()),
        key => Ok(key),
    }
}

fn parse(json: &Json, ty: &LogicalType, path: &str) -> Result<Value> {
    use LogicalType as T;
    let odd = || Error::Mismatch {
        path: path.to_owned(),
        wanted: ty.to_string(),
        found: json.to_string().chars().take(80).collect(),
    };
    let text = || json.as_str().ok_or_else(odd);
    let number_or = |parsed: Option<i64>| parsed.or_else(|| json.as_i64()).map(Value::Int).ok_or_else(odd);
    if json.is_null() {
        return Ok(Value::Null);
    }
    if let Some(special) = json.as_object().filter(|o| o.len() == 1).and_then(|o| special(o, ty)) {
        return special.ok_or_else(odd);
    }
    Ok(match ty {
        T::Bool => Value::Bool(json.as_bool().ok_or_else(odd)?),
        T::Int8 => Value::Int(i8::try_from(json.as_i64().ok_or_else(odd)?).map_err(|_| odd())?.into()),
        T::Int16 => Value::Int(i16::try_from(json.as_i64().ok_or_else(odd)?).map_err(|_| odd())?.into()),
        T::Int32 => Value::Int(i32::try_from(json.as_i64().ok_or_else(odd)?).map_err(|_| odd())?.into()),
        T::Int64 => Value::Int(json.as_i64().ok_or_else(odd)?),
        T::UInt8 => Value::UInt(u8::try_from(json.as_u64().ok_or_else(odd)?).map_err(|_| odd())?.into()),
        T::UInt16 => Value::UInt(u16::try_from(json.as_u64().ok_or_else(odd)?).map_err(|_| odd())?.into()),
        T::UInt32 => Value::UInt(u32::try_from(json.as_u64().ok_or_else(odd)?).map_err(|_| odd())?.into()),
        T::UInt64 => Value::UInt(json.as_u64().ok_or_else(odd)?),
        T::Float32 => Value::Float32(float32(json).ok_or_else(odd)?),
        T::Float64 => Value::Float64(float(json).ok_or_else(odd)?),
        T::String => Value::String(text()?.to_owned()),
        T::Bytes => Value::Bytes(STANDARD.decode(text()?).map_err(|_| odd())?),
        T::Date => number_or(json.as_str().and_then(time::parse_date))?,
        T::Time(unit) => number_or(json.as_str().and_then(|t| time::parse_time(t, *unit)))?,
        T::Timestamp { unit, utc } => {
            number_or(json.as_str().and_then(|t| time::parse_timestamp(t, *unit, *utc)))?
        }
        T::Decimal { precision, scale } => {
            Value::Decimal(decimal(text()?, *precision, *scale).ok_or_else(odd)?)
        }
        T::BigInteger => Value::BigInteger(digits(json).filter(|t| big::is_integer(t)).ok_or_else(odd)?),
        T::BigDecimal => Value::big_decimal(text()?).ok_or_else(odd)?,
        T::Either(left, right) => either(json, left, right, path, odd)?,
        T::List(element) => Value::List(elements(json, element, path, odd)?),
        T::Set(element) => {
            Value::List(elements(json, &ElementType::required((**element).clone()), path, odd)?)
        }
        T::Map(key, value) => Value::Map(entries(json, key, value, path, odd)?),
        T::Struct(fields) => {
            let members: Vec<_> = fields.fields.iter().map(|f| (f.name.clone(), &f.ty)).collect();
            Value::Struct(members_of(json.as_object().ok_or_else(odd)?, &members, path)?)
        }
        T::Tuple(types) => match json.as_array() {
            Some(parts) if parts.len() == types.len() => {
                let parts = parts.iter().zip(types).enumerate();
                Value::Struct(
                    parts.map(|(i, (p, t))| element(p, t, &format!("{path}[{i}]"))).collect::<Result<_>>()?,
                )
            }
            _ => {
                let members: Vec<_> = types.iter().enumerate().map(|(i, t)| (format!("f{i}"), t)).collect();
                Value::Struct(members_of(json.as_object().ok_or_else(odd)?, &members, path)?)
            }
        },
        T::Enum(symbols) => {
            let symbol = text()?;
            let ordinal = symbols.symbols.iter().position(|s| s == symbol).ok_or_else(odd)?;
            Value::Enum(ordinal as u32)
        }
        T::TimeWindow => {
            let part = |name| json.get(name).and_then(Json::as_i64).ok_or_else(odd);
            Value::Window { start: part("start")?, end: part("end")? }
        }
        T::Opaque { .. } => return Err(odd()),
    })
}

/// The forms with a `$` name: outer none when this is not one, inner none when it is malformed.
fn special(object: &Map<String, Json>, ty: &LogicalType) -> Option<Option<Value>> {
    if let Some(hex) = object.get("$utf16").filter(|_| *ty == LogicalType::String) {
        return Some(hex.as_str().and_then(wtf8_from_hex).map(|bytes| match String::from_utf8(bytes) {
            Ok(text) => Value::String(text),
            Err(odd) => Value::Wtf8(odd.into_bytes()),
        }));
    }
    let opaque = object.get("$opaque").filter(|_| !has_member(ty, "$opaque"))?;
    let text = |name| opaque.get(name).and_then(Json::as_str);
    Some(text("serializer").zip(text("bytes")).and_then(|(serializer, bytes)| {
        Some(Value::Opaque { serializer: serializer.to_owned(), bytes: STANDARD.decode(bytes).ok()? })
    }))
}

fn has_member(ty: &LogicalType, name: &str) -> bool {
    matches!(ty, LogicalType::Struct(fields) if fields.fields.iter().any(|f| f.name == name))
}

fn wtf8_from_hex(hex: &str) -> Option<Vec<u8>> {
    if !hex.is_ascii() || !hex.len().is_multiple_of(4) {
        return None;
    }
    let units: Option<Vec<u16>> =
        (0..hex.len() / 4).map(|i| u16::from_str_radix(hex.get(4 * i..4 * i + 4)?, 16).ok()).collect();
    let mut out = Vec::new();
    for unit in char::decode_utf16(units?) {
        match unit {
            Ok(c) => out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
            Err(lone) => {
                let u = lone.unpaired_surrogate();
                out.extend_from_slice(&[
                    0xE0 | (u >> 12) as u8,
                    0x80 | (u >> 6 & 0x3F) as u8,
                    0x80 | (u & 0x3F) as u8,
                ]);
            }
        }
    }
    Some(out)
}

fn element(json: &Json, ty: &ElementType, path: &str) -> Result<Value> {
    match parse(json, &ty.ty, path)? {
        Value::Null if !ty.nullable => {
            Err(Error::Mismatch { path: path.to_owned(), wanted: ty.to_string(), found: "null".into() })
        }
        value => Ok(value),
    }
}

fn elements(json: &Json, ty: &ElementType, path: &str, odd: impl Fn() -> Error) -> Result<Vec<Value>> {
    let parts = json.as_array().ok_or_else(odd)?;
    parts.iter().enumerate().map(|(i, part)| element(part, ty, &format!("{path}[{i}]"))).collect()
}

fn entries(
    json: &Json,
    key: &LogicalType,
    value: &ElementType,
    path: &str,
    odd: impl Fn() -> Error,
) -> Result<Vec<(Value, Value)>> {
    let key = ElementType::required(key.clone());
    let pairs = json.as_array().ok_or_else(&odd)?;
    let pair = |(i, pair): (usize, &Json)| match pair.as_array().map(Vec::as_slice) {
        Some([k, v]) => Ok((
            element(k, &key, &format!("{path}[{i}][0]"))?,
            element(v, value, &format!("{path}[{i}][1]"))?,
        )),
        _ => Err(odd()),
    };
    pairs.iter().enumerate().map(pair).collect()
}

fn either(
    json: &Json,
    left: &ElementType,
    right: &ElementType,
    path: &str,
    odd: impl Fn() -> Error,
) -> Result<Value> {
    let object = json.as_object().filter(|object| object.len() == 1).ok_or_else(&odd)?;
    let (name, inner) = object.iter().next().ok_or_else(&odd)?;
    let side = Side::from_name(name).ok_or_else(odd)?;
    Ok(Value::Either(side, Box::new(element(inner, side.of(left, right), &format!("{path}.{name}"))?)))
}

/// The text of an integer, written as a string or as a number.
fn digits(json: &Json) -> Option<String> {
    json.as_str()
        .map(str::to_owned)
        .or_else(|| json.as_i64().map(|n| n.to_string()))
        .or_else(|| json.as_u64().map(|n| n.to_string()))
}

fn members_of(
    object: &Map<String, Json>,
    members: &[(String, &ElementType)],
    path: &str,
) -> Result<Vec<Value>> {
    if let Some(unknown) = object.keys().find(|name| !members.iter().any(|(m, _)| m == *name)) {
        let wanted = members.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>().join(", ");
        return Err(Error::Mismatch { path: path.to_owned(), wanted, found: format!("member {unknown}") });
    }
    let member = |(name, ty): &(String, &ElementType)| {
        element(object.get(name).unwrap_or(&Json::Null), ty, &format!("{path}.{name}"))
    };
    members.iter().map(member).collect()
}

fn float(json: &Json) -> Option<f64> {
    match json.as_str() {
        Some("NaN") => Some(f64::NAN),
        Some("Infinity") => Some(f64::INFINITY),
        Some("-Infinity") => Some(f64::NEG_INFINITY),
        Some(_) => None,
        None => json.as_f64(),
    }
}

fn float32(json: &Json) -> Option<f32> {
    match json.as_number() {
        Some(number) => number.to_string().parse().ok().filter(|f: &f32| f.is_finite()),
        None => float(json).map(|f| f as f32),
    }
}

fn decimal(text: &str, precision: u8, scale: i8) -> Option<i128> {
    let (sign, digits) = match text.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, text),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    if whole.is_empty() || !(whole.bytes().chain(fraction.bytes())).all(|b| b.is_ascii_digit()) {
        return None;
    }
    let unscaled: i128 = format!("{whole}{fraction}").parse().ok()?;
    let missing = i32::from(scale) - i32::try_from(fraction.len()).ok()?;
    let power = 10i128.checked_pow(missing.unsigned_abs())?;
    let value = if missing >= 0 {
        unscaled.checked_mul(power)?
    } else if unscaled % power == 0 {
        unscaled / power
    } else {
        return None;
    };
    (value < 10i128.checked_pow(precision.into())?).then_some(sign * value)
}
