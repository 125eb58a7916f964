//! Which serializers have no parts, by class name.

use super::basic::Basic;
use super::{Codec, Serializer, extras};

const BASE: &str = "org.apache.flink.api.common.typeutils.base.";
const TABLE: &str = "org.apache.flink.table.";

/// Returns the codec of a serializer without parts, none for other classes.
pub(super) fn codec_of(class: &str) -> Option<Codec> {
    if let Some(name) = class.strip_prefix(BASE) {
        return match name.strip_prefix("array.") {
            Some(array) => array_of(array),
            None => basic_of(name).map(Codec::Basic),
        };
    }
    if let Some(name) = class.strip_prefix("org.apache.flink.cep.nfa.") {
        return extras::cep_simple(name);
    }
    if let Some(name) = class.strip_prefix("org.apache.flink.streaming.connectors.kafka.") {
        return extras::kafka(name);
    }
    Some(Codec::Basic(match class {
        "org.apache.flink.runtime.state.VoidNamespaceSerializer"
        | "org.apache.flink.queryablestate.client.VoidNamespaceSerializer" => Basic::VoidNamespace,
        "org.apache.flink.streaming.api.windowing.windows.TimeWindow$Serializer" => Basic::TimeWindow,
        "org.apache.flink.streaming.api.windowing.windows.GlobalWindow$Serializer" => GLOBAL_WINDOW,
        "org.apache.flink.api.java.typeutils.runtime.Tuple0Serializer" => TUPLE0,
        "org.apache.flink.api.scala.typeutils.UnitSerializer" => UNIT,
        other => table_of(other.strip_prefix(TABLE)?)?,
    }))
}

/// Returns the serializer of a `Long`.
pub(super) fn long() -> Serializer {
    basic("LongSerializer", Basic::Int64)
}

/// Returns a basic serializer.
pub(super) fn basic(name: &str, basic: Basic) -> Serializer {
    Serializer::new(format!("{BASE}{name}"), Codec::Basic(basic))
}

const GLOBAL_WINDOW: Basic = Basic::Single { name: "GlobalWindow", byte: 0 };
const TUPLE0: Basic = Basic::Single { name: "Tuple0", byte: 42 };
const UNIT: Basic = Basic::Single { name: "Unit", byte: 0 };

fn basic_of(name: &str) -> Option<Basic> {
    Some(match name {
        "BooleanSerializer" | "BooleanValueSerializer" => Basic::Bool,
        "ByteSerializer" | "ByteValueSerializer" => Basic::Int8,
        "ShortSerializer" | "ShortValueSerializer" => Basic::Int16,
        "IntSerializer" | "IntValueSerializer" => Basic::Int32,
        "LongSerializer" | "LongValueSerializer" => Basic::Int64,
        "FloatSerializer" | "FloatValueSerializer" => Basic::Float32,
        "DoubleSerializer" | "DoubleValueSerializer" => Basic::Float64,
        "CharSerializer" | "CharValueSerializer" => Basic::Char,
        "StringSerializer" => Basic::String,
        "StringValueSerializer" => Basic::PlainString,
        "BigIntSerializer" => Basic::BigInteger,
        "BigDecSerializer" => Basic::BigDecimal,
        "DateSerializer" | "SqlDateSerializer" | "SqlTimeSerializer" => Basic::Millis,
        "SqlTimestampSerializer" => Basic::SqlTimestamp,
        "InstantSerializer" => Basic::Instant,
        "LocalDateSerializer" => Basic::LocalDate,
        "LocalTimeSerializer" => Basic::LocalTime,
        "LocalDateTimeSerializer" => Basic::LocalDateTime,
        "VoidSerializer" => Basic::Null { bytes: 1 },
        "NullValueSerializer" => Basic::Null { bytes: 0 },
        "VariantSerializer" => Basic::Variant,
        "BitmapSerializer" => Basic::Bytes,
        _ => return None,
    })
}

fn array_of(name: &str) -> Option<Codec> {
    let element = match name.strip_suffix("Serializer")? {
        "BytePrimitiveArray" => return Some(Codec::Basic(Basic::Bytes)),
        "BooleanPrimitiveArray" => "Boolean",
        "ShortPrimitiveArray" => "Short",
        "IntPrimitiveArray" => "Int",
        "LongPrimitiveArray" => "Long",
        "FloatPrimitiveArray" => "Float",
        "DoublePrimitiveArray" => "Double",
        "CharPrimitiveArray" => "Char",
        "StringArray" => "String",
        _ => return None,
    };
    let class = format!("{element}Serializer");
    Some(Codec::List(Box::new(basic(&class, basic_of(&class)?))))
}

fn table_of(name: &str) -> Option<Basic> {
    Some(match name {
        "runtime.typeutils.StringDataSerializer" => Basic::Utf8,
        "dataview.NullSerializer" => Basic::Null { bytes: 1 },
        "runtime.operators.window.TimeWindow$Serializer" => Basic::TimeWindow,
        "runtime.operators.window.CountWindow$Serializer" => Basic::Int64,
        "runtime.operators.window.GlobalWindow$Serializer" => GLOBAL_WINDOW,
        "runtime.operators.sink.SortedLongSerializer" => Basic::SortedInt64,
        _ => return None,
    })
}
