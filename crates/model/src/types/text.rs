use std::fmt;

use serde_json::{Map, Value as Json, json};

use super::{ElementType, EnumType, Field, LogicalType, StructType, TimeUnit};
use crate::document::Node;
use crate::{Error, Result};

/// Deepest nesting of a type that is read; deeper ones are refused.
const DEPTH_MAX: usize = 64;

/// Prints a type in the JSON form of manifests, job descriptions and lock files.
///
/// Scalars are strings (`"int64"`, `"timestamp(ms)"`), nested types objects with one member
/// (`{"list": …}`), and a place that may be null is `{"nullable": …}`.
///
/// Spec: TYPE-23.
pub fn type_to_json(element: &ElementType) -> Json {
    let ty = logical_to_json(&element.ty);
    if element.nullable { json!({ "nullable": ty }) } else { ty }
}

fn logical_to_json(ty: &LogicalType) -> Json {
    match ty {
        LogicalType::List(element) => json!({ "list": type_to_json(element) }),
        LogicalType::Set(element) => json!({ "set": logical_to_json(element) }),
        LogicalType::Map(key, value) => {
            json!({ "map": [logical_to_json(key), type_to_json(value)] })
        }
        LogicalType::Tuple(fields) => {
            json!({ "tuple": fields.iter().map(type_to_json).collect::<Vec<_>>() })
        }
        LogicalType::Enum(symbols) => json!({ "enum": symbols.symbols }),
        LogicalType::Either(left, right) => {
            json!({ "either": [type_to_json(left), type_to_json(right)] })
        }
        LogicalType::Opaque { serializer } => json!({ "opaque": serializer }),
        LogicalType::Struct(fields) => {
            json!({ "struct": fields.fields.iter().map(field_to_json).collect::<Vec<_>>() })
        }
        scalar => Json::String(scalar.to_string()),
    }
}

fn field_to_json(field: &Field) -> Json {
    let mut object = Map::new();
    if field.id != 0 {
        object.insert("id".into(), field.id.into());
    }
    object.insert("name".into(), field.name.clone().into());
    object.insert("type".into(), type_to_json(&field.ty));
    if !field.aliases.is_empty() {
        object.insert("aliases".into(), json!(field.aliases));
    }
    Json::Object(object)
}

/// Reads the JSON form of a type.
///
/// # Errors
/// [`Error::UnknownType`] for a name or a shape that is none of the forms, or nested deeper than
/// 64 levels.
///
/// Spec: TYPE-23.
pub fn type_from_json(json: &Json) -> Result<ElementType> {
    element_from_json(json, 0)
}

/// Reads a type in any document.
pub(crate) fn type_from(node: &impl Node) -> Result<ElementType> {
    element_from_json(node, 0)
}

fn unknown(json: &impl Node) -> Error {
    let mut found = json.to_json().to_string();
    if found.len() > 200 {
        let cut = (0..=200).rev().find(|i| found.is_char_boundary(*i)).unwrap_or(0);
        found.truncate(cut);
        found.push('…');
    }
    Error::UnknownType { found }
}

fn element_from_json(json: &impl Node, depth: usize) -> Result<ElementType> {
    if depth > DEPTH_MAX {
        return Err(unknown(json));
    }
    if let Some(("nullable", inner)) = json.only() {
        return Ok(ElementType::nullable(logical_from_json(inner, depth + 1)?));
    }
    Ok(ElementType::required(logical_from_json(json, depth)?))
}

fn logical_from_json(json: &impl Node, depth: usize) -> Result<LogicalType> {
    if depth > DEPTH_MAX {
        return Err(unknown(json));
    }
    if let Some(name) = json.text() {
        return scalar_from_text(name).ok_or_else(|| unknown(json));
    }
    let (name, inner) = json.only().ok_or_else(|| unknown(json))?;
    let array = || inner.list().ok_or_else(|| unknown(json));
    Ok(match name {
        "list" => LogicalType::List(Box::new(element_from_json(inner, depth + 1)?)),
        "set" => LogicalType::Set(Box::new(logical_from_json(inner, depth + 1)?)),
        "map" => match array()? {
            [key, value] => LogicalType::Map(
                Box::new(logical_from_json(key, depth + 1)?),
                Box::new(element_from_json(value, depth + 1)?),
            ),
            _ => return Err(unknown(json)),
        },
        "either" => match array()? {
            [left, right] => LogicalType::Either(
                Box::new(element_from_json(left, depth + 1)?),
                Box::new(element_from_json(right, depth + 1)?),
            ),
            _ => return Err(unknown(json)),
        },
        "tuple" => LogicalType::Tuple(
            array()?.iter().map(|t| element_from_json(t, depth + 1)).collect::<Result<_>>()?,
        ),
        "enum" => LogicalType::Enum(EnumType { symbols: strings(inner).ok_or_else(|| unknown(json))? }),
        "opaque" => LogicalType::Opaque { serializer: inner.text().ok_or_else(|| unknown(json))?.to_owned() },
        "struct" => LogicalType::Struct(StructType {
            fields: array()?.iter().map(|f| field_from_json(f, depth + 1)).collect::<Result<_>>()?,
        }),
        _ => return Err(unknown(json)),
    })
}

fn field_from_json(json: &impl Node, depth: usize) -> Result<Field> {
    let name = json.get("name").and_then(Node::text).ok_or_else(|| unknown(json))?;
    let ty = json.get("type").ok_or_else(|| unknown(json))?;
    let id = match json.get("id") {
        None => 0,
        Some(id) => id.number().and_then(|n| u32::try_from(n).ok()).ok_or_else(|| unknown(json))?,
    };
    let aliases = match json.get("aliases") {
        None => Vec::new(),
        Some(aliases) => strings(aliases).ok_or_else(|| unknown(json))?,
    };
    Ok(Field { id, name: name.to_owned(), aliases, ty: element_from_json(ty, depth)? })
}

fn strings(json: &impl Node) -> Option<Vec<String>> {
    json.list()?.iter().map(|s| s.text().map(str::to_owned)).collect()
}

fn scalar_from_text(text: &str) -> Option<LogicalType> {
    use LogicalType::*;
    let unit = |text: &str| match text {
        "ms" => Some(TimeUnit::Milli),
        "us" => Some(TimeUnit::Micro),
        "ns" => Some(TimeUnit::Nano),
        _ => None,
    };
    Some(match text {
        "bool" => Bool,
        "int8" => Int8,
        "int16" => Int16,
        "int32" => Int32,
        "int64" => Int64,
        "uint8" => UInt8,
        "uint16" => UInt16,
        "uint32" => UInt32,
        "uint64" => UInt64,
        "float32" => Float32,
        "float64" => Float64,
        "string" => String,
        "bytes" => Bytes,
        "date" => Date,
        "time-window" => TimeWindow,
        "big-integer" => BigInteger,
        "big-decimal" => BigDecimal,
        other => {
            let (name, rest) = other.split_once('(')?;
            let arguments = rest.strip_suffix(')')?;
            match name {
                "time" => Time(unit(arguments)?),
                "timestamp" => Timestamp { unit: unit(arguments)?, utc: true },
                "local-timestamp" => Timestamp { unit: unit(arguments)?, utc: false },
                "decimal" => {
                    let (precision, scale) = arguments.split_once(',')?;
                    let precision = precision.trim().parse().ok().filter(|p| (1..=38).contains(p))?;
                    let scale: i8 = scale.trim().parse().ok()?;
                    if i32::from(scale).abs() > i32::from(precision) {
                        return None;
                    }
                    Decimal { precision, scale }
                }
                _ => return None,
            }
        }
    })
}

impl fmt::Display for TimeUnit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            TimeUnit::Milli => "ms",
            TimeUnit::Micro => "us",
            TimeUnit::Nano => "ns",
        })
    }
}

/// Prints a type on one line for people: `struct<airport: string?, flights: int64>`.
impl fmt::Display for LogicalType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use LogicalType::*;
        match self {
            Bool => f.write_str("bool"),
            Int8 => f.write_str("int8"),
            Int16 => f.write_str("int16"),
            Int32 => f.write_str("int32"),
            Int64 => f.write_str("int64"),
            UInt8 => f.write_str("uint8"),
            UInt16 => f.write_str("uint16"),
            UInt32 => f.write_str("uint32"),
            UInt64 => f.write_str("uint64"),
            Float32 => f.write_str("float32"),
            Float64 => f.write_str("float64"),
            String => f.write_str("string"),
            Bytes => f.write_str("bytes"),
            Date => f.write_str("date"),
            Time(unit) => write!(f, "time({unit})"),
            Timestamp { unit, utc: true } => write!(f, "timestamp({unit})"),
            Timestamp { unit, utc: false } => write!(f, "local-timestamp({unit})"),
            Decimal { precision, scale } => write!(f, "decimal({precision},{scale})"),
            List(element) => write!(f, "list<{element}>"),
            Set(element) => write!(f, "set<{element}>"),
            Map(key, value) => write!(f, "map<{key}, {value}>"),
            Tuple(fields) => {
                f.write_str("tuple<")?;
                separated(f, fields, |f, t| write!(f, "{t}"))?;
                f.write_str(">")
            }
            Struct(fields) => {
                f.write_str("struct<")?;
                separated(f, &fields.fields, |f, x| write!(f, "{}: {}", x.name, x.ty))?;
                f.write_str(">")
            }
            Enum(symbols) => {
                f.write_str("enum<")?;
                separated(f, &symbols.symbols, |f, s| f.write_str(s))?;
                f.write_str(">")
            }
            TimeWindow => f.write_str("time-window"),
            BigInteger => f.write_str("big-integer"),
            BigDecimal => f.write_str("big-decimal"),
            Either(left, right) => write!(f, "either<{left}, {right}>"),
            Opaque { serializer } => write!(f, "opaque<{serializer}>"),
        }
    }
}

fn separated<T>(
    f: &mut fmt::Formatter<'_>,
    items: &[T],
    print: impl Fn(&mut fmt::Formatter<'_>, &T) -> fmt::Result,
) -> fmt::Result {
    for (i, item) in items.iter().enumerate() {
        if i > 0 {
            f.write_str(", ")?;
        }
        print(f, item)?;
    }
    Ok(())
}

impl fmt::Display for ElementType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.ty, if self.nullable { "?" } else { "" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(json: Json, text: &str) {
        let ty = type_from_json(&json).unwrap();
        assert_eq!(ty.to_string(), text);
        assert_eq!(type_to_json(&ty), json);
    }

    #[test]
    fn types_print_and_read_back() {
        check(json!("int64"), "int64");
        check(json!({"nullable": "timestamp(us)"}), "timestamp(us)?");
        check(json!("decimal(10,2)"), "decimal(10,2)");
        check(json!({"map": ["string", {"nullable": {"list": "date"}}]}), "map<string, list<date>?>");
        check(json!({"tuple": ["string", {"nullable": "int8"}]}), "tuple<string, int8?>");
        check(
            json!({"struct": [{"id": 1, "name": "a", "type": "bool", "aliases": ["b"]}]}),
            "struct<a: bool>",
        );
        check(json!({"enum": ["A", "B"]}), "enum<A, B>");
        check(json!({"opaque": "Kryo"}), "opaque<Kryo>");
    }

    #[test]
    fn odd_types_are_refused() {
        for odd in
            [json!("int65"), json!("decimal(39,0)"), json!({"list": 1}), json!({"map": ["string"]}), json!(1)]
        {
            assert!(type_from_json(&odd).is_err(), "{odd}");
        }
    }

    #[test]
    fn nesting_is_bounded() {
        let deep = (0..100).fold(json!("bool"), |inner, _| json!({ "list": inner }));
        assert!(type_from_json(&deep).is_err());
    }
}
