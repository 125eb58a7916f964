//! The serializer snapshots that are known, by class.

use super::avro::Avro;
use super::basic::Basic;
use super::collections::{Map, Marked};
use super::composite::{Fields, Optional, Symbols, Timer};
use super::extras::either;
use super::kryo::Kryo;
use super::names::{self, codec_of};
use super::pojo::Pojo;
use super::row::Row;
use super::snapshot::{Reader, serializer_class};
use super::stream::TwoPhaseCommit;
use super::{Codec, Serializer, extras, table};
use crate::Result;

/// Reads what is behind the class and version of a snapshot; none for a class that is not known.
pub(super) fn read(r: &mut Reader<'_, '_>, snapshot: &str, version: i32) -> Result<Option<Serializer>> {
    let class = serializer_class(snapshot);
    if let Some(codec) = codec_of(&class) {
        simple(r, version)?;
        return Ok(Some(Serializer::new(class, codec)));
    }
    let Some(name) = class.strip_prefix("org.apache.flink.") else { return Ok(None) };
    let codec = if let Some(name) = name.strip_prefix("api.common.typeutils.base.") {
        base(r, name, version)?
    } else if let Some(name) = name.strip_prefix("api.java.typeutils.runtime.") {
        runtime(r, name, version)?
    } else if let Some(name) = name.strip_prefix("table.") {
        table::read(r, name, version)?
    } else if let Some(name) = name.strip_prefix("api.scala.typeutils.") {
        extras::scala(r, name, version)?
    } else if let Some(name) = name.strip_prefix("cep.nfa.") {
        extras::cep(r, name, version)?
    } else {
        other(r, name, version)?
    };
    Ok(codec.map(|codec| finish(class, codec)))
}

/// Adds to the class what it does not say, and sets the lengths that do not follow from the parts.
pub(super) fn finish(class: String, codec: Codec) -> Serializer {
    match &codec {
        Codec::Pojo(pojo) => Serializer::new(format!("{class}<{}>", pojo.class()), codec),
        Codec::Kryo(kryo) => Serializer::new(format!("{class}<{}>", kryo.class()), codec),
        Codec::Avro(avro) => Serializer::new(format!("{class}<{}>", avro.class()), codec),
        Codec::Fields(_) if is_tuple(&class) => Serializer::new(class, codec),
        Codec::Fields(fields) => {
            let composite = class.starts_with("org.apache.flink.table.runtime.sequencedmultisetstate.");
            let length = composite.then(|| fields.composite_length()).flatten();
            Serializer::new(class, codec).with_length(length)
        }
        _ => Serializer::new(class, codec),
    }
}

/// Returns whether a serializer counts its length as tuples do: also case classes, whose serializers are the
/// user's own classes in old snapshots.
fn is_tuple(class: &str) -> bool {
    class.ends_with(".TupleSerializer")
        || class.contains("CaseClass")
        || !class.starts_with("org.apache.flink.")
}

/// Reads the payload of a snapshot that holds nothing; in version 2 it is the serializer's class.
fn simple(r: &mut Reader<'_, '_>, version: i32) -> Result<()> {
    match version {
        3 => Ok(()),
        2 => r.input.utf("serializer class").map(drop),
        other => Err(r.input.malformed("serializer snapshot version", "2 or 3", other)),
    }
}

fn list(element: Serializer) -> Codec {
    Codec::List(Box::new(element))
}

fn marked(element: Serializer, present: bool, set: bool) -> Codec {
    Codec::Marked(Box::new(Marked { element, present, set }))
}

fn map([key, value]: [Serializer; 2], marked_keys: bool) -> Codec {
    Codec::Map(Box::new(Map { key, value, marked_keys }))
}

fn base(r: &mut Reader<'_, '_>, name: &str, version: i32) -> Result<Option<Codec>> {
    Ok(Some(match name {
        "ListSerializer" => {
            r.composite(version)?;
            list(r.only()?)
        }
        "SetSerializer" => {
            r.composite(version)?;
            marked(r.only()?, false, true)
        }
        "MapSerializer" => {
            r.composite(version)?;
            map(r.exactly()?, false)
        }
        "GenericArraySerializer" => {
            r.composite(version)?;
            r.type_class("component class")?;
            marked(r.only()?, true, false)
        }
        "EnumSerializer" => {
            r.type_class("enum class")?;
            let count = r.input.count(2, "enum constants")?;
            let names = (0..count).map(|_| r.input.utf("enum constant")).collect::<Result<_>>()?;
            Codec::Symbols(Symbols::by_position(names))
        }
        _ => return Ok(None),
    }))
}

fn runtime(r: &mut Reader<'_, '_>, name: &str, version: i32) -> Result<Option<Codec>> {
    Ok(Some(match name {
        "TupleSerializer" => {
            r.composite(version)?;
            r.type_class("tuple class")?;
            Codec::Fields(Fields::tuple(r.nested()?))
        }
        "RowSerializer" => {
            let kinds = match r.composite(version)? {
                ..3 => false,
                3 => true,
                _ => r.input.bool("row kind support")?,
            };
            Codec::Row(Row { fields: r.nested()?, kinds, shows_kind: kinds })
        }
        "JavaEitherSerializer" | "EitherSerializer" => {
            r.composite(version)?;
            either(r.exactly()?, [1, 0])
        }
        "ValueSerializer" | "CopyableValueSerializer" | "WritableSerializer" => {
            r.type_class("value class")?;
            Codec::Opaque
        }
        "NullableSerializer" => {
            r.composite(version)?;
            let padding = r.input.length("padding of null")?;
            let value = r.only()?;
            Codec::Optional(Box::new(Optional {
                value,
                present: false,
                padding: (padding > 0).then_some(padding),
            }))
        }
        "kryo.KryoSerializer" => Codec::Kryo(Box::new(Kryo::read(r)?)),
        "PojoSerializer" => {
            let class = r.input.utf("POJO class")?;
            let (fields, registered) = (r.named_serializers()?, r.named_serializers()?);
            Codec::Pojo(Box::new(Pojo::new(class, fields, registered, r.named_serializers()?)))
        }
        _ => return Ok(None),
    }))
}

fn other(r: &mut Reader<'_, '_>, name: &str, version: i32) -> Result<Option<Codec>> {
    Ok(Some(match name {
        "formats.avro.typeutils.AvroSerializer" => match Avro::read(r, version)? {
            Some(avro) => Codec::Avro(Box::new(avro)),
            None => Codec::Opaque,
        },
        "runtime.state.JavaSerializer" => {
            simple(r, version)?;
            Codec::JavaObject
        }
        "runtime.state.ArrayListSerializer" => {
            r.composite(version)?;
            list(r.only()?)
        }
        "runtime.state.ttl.TtlStateFactory$TtlSerializer"
        | "runtime.state.v2.ttl.TtlStateFactory$TtlSerializer" => {
            r.composite(version)?;
            let [_, value] = r.exactly()?;
            Codec::Ttl(Box::new(value))
        }
        "streaming.api.operators.TimerSerializer" => {
            r.composite(version)?;
            let [key, namespace] = r.exactly()?;
            Codec::Timer(Box::new(Timer { key, namespace }))
        }
        "streaming.api.operators.co.IntervalJoinOperator$BufferEntrySerializer" => {
            r.composite(version)?;
            let joined = names::basic("BooleanSerializer", Basic::Bool);
            Codec::Fields(Fields::tuple(vec![joined, r.only()?]))
        }
        "streaming.api.datastream.CoGroupedStreams$UnionSerializer" => {
            r.composite(version)?;
            either(r.exactly()?, [1, 2])
        }
        "streaming.runtime.streamrecord.StreamElementSerializer" => {
            r.composite(version)?;
            Codec::StreamElement(Box::new(r.only()?))
        }
        "streaming.api.functions.sink.TwoPhaseCommitSinkFunction$StateSerializer"
        | "streaming.api.functions.sink.legacy.TwoPhaseCommitSinkFunction$StateSerializer" => {
            let optional = match r.composite(version)? {
                ..3 => false,
                3 => true,
                _ => r.input.bool("null transaction support")?,
            };
            let [transaction, context] = r.exactly()?;
            Codec::TwoPhaseCommit(Box::new(TwoPhaseCommit { transaction, context, optional }))
        }
        _ => return Ok(None),
    }))
}
