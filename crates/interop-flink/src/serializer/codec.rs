use alluvium_model::{ElementType, LogicalType, Value};

use super::avro::Avro;
use super::basic::{Basic, mismatch};
use super::collections::{self, Map, Marked, Masked};
use super::composite::{self, Either, Fields, Optional, Symbols, Timer};
use super::kryo::Kryo;
use super::pojo::Pojo;
use super::row::Row;
use super::stream::{self, TwoPhaseCommit};
use super::table::{BinaryArray, BinaryMap, BinaryRow, TableDecimal, TableTimestamp};
use super::{Decoder, Serializer};
use crate::{Result, java};

/// How values are laid out. Made once per serializer; decoding matches on it.
#[derive(Debug, Clone)]
pub(super) enum Codec {
    /// A type without parts.
    Basic(Basic),
    /// A count and that many elements.
    List(Box<Serializer>),
    /// A count and elements behind a marker each.
    Marked(Box<Marked>),
    /// A count, a null mask and elements.
    Masked(Box<Masked>),
    /// A count, keys and values.
    Map(Box<Map>),
    /// Parts in order.
    Fields(Fields),
    /// A row with a null mask.
    Row(Row),
    /// A value or nothing.
    Optional(Box<Optional>),
    /// A value of one of two types.
    Either(Box<Either>),
    /// A constant of an enum.
    Symbols(Symbols),
    /// An object with named fields.
    Pojo(Box<Pojo>),
    /// A time of last access and a value.
    Ttl(Box<Serializer>),
    /// A timer.
    Timer(Box<Timer>),
    /// A record or another element of a stream.
    StreamElement(Box<Serializer>),
    /// State of a sink that commits in two phases.
    TwoPhaseCommit(Box<TwoPhaseCommit>),
    /// A row of Flink SQL.
    BinaryRow(Box<BinaryRow>),
    /// An array of Flink SQL.
    BinaryArray(Box<BinaryArray>),
    /// A map of Flink SQL.
    BinaryMap(Box<BinaryMap>),
    /// A decimal of Flink SQL.
    TableDecimal(TableDecimal),
    /// A timestamp of Flink SQL.
    TableTimestamp(TableTimestamp),
    /// What another serializer writes.
    Same(Box<Serializer>),
    /// A value of an Avro schema.
    Avro(Box<Avro>),
    /// What Kryo wrote.
    Kryo(Box<Kryo>),
    /// A Java object stream, kept as it is.
    JavaObject,
    /// A 32-bit length and bytes that only a class that is not here understands.
    Framed,
    /// Bytes without an end of their own, which only a class that is not here understands.
    Opaque,
}

impl Codec {
    /// Returns the type of values and whether they may be null.
    pub(super) fn element_type(&self, class: &str) -> ElementType {
        ElementType::required(match self {
            Codec::Basic(basic) => return basic.element_type(class),
            Codec::Optional(optional) => return optional.element_type(),
            Codec::Pojo(pojo) => return ElementType::nullable(pojo.ty()),
            Codec::Same(inner) => return inner.element_type(),
            Codec::Kryo(kryo) => return kryo.element_type(class),
            Codec::Avro(avro) => return avro.element_type(),
            Codec::Either(either) => either.ty(),
            Codec::BinaryRow(row) => row.ty(),
            Codec::BinaryArray(array) => array.ty(),
            Codec::BinaryMap(map) => map.ty(),
            Codec::TableDecimal(decimal) => decimal.ty(),
            Codec::TableTimestamp(timestamp) => timestamp.ty(),
            Codec::List(element) => collections::list_type(element),
            Codec::Marked(list) => list.ty(),
            Codec::Masked(list) => list.ty(),
            Codec::Map(map) => map.ty(),
            Codec::Fields(fields) => fields.ty(),
            Codec::Row(row) => row.ty(),
            Codec::Symbols(symbols) => symbols.ty(),
            Codec::Ttl(value) => composite::ttl_type(value),
            Codec::Timer(timer) => timer.ty(),
            Codec::StreamElement(value) => stream::record_type(value),
            Codec::TwoPhaseCommit(state) => state.ty(),
            Codec::JavaObject | Codec::Framed | Codec::Opaque => {
                LogicalType::Opaque { serializer: class.to_owned() }
            }
        })
    }

    /// Returns Flink's length.
    pub(super) fn fixed_length(&self) -> Option<usize> {
        match self {
            Codec::Basic(basic) => basic.fixed_length(),
            Codec::Fields(fields) => fields.fixed_length(),
            Codec::Optional(optional) => optional.fixed_length(),
            Codec::Symbols(_) => Some(4),
            Codec::Ttl(value) => Some(8 + value.fixed_length()?),
            Codec::Timer(timer) => timer.fixed_length(),
            Codec::Same(inner) => inner.fixed_length(),
            Codec::TableTimestamp(timestamp) => timestamp.fixed_length(),
            _ => None,
        }
    }

    /// Returns the least number of bytes of a value.
    pub(super) fn least(&self) -> usize {
        match self {
            Codec::Basic(basic) => basic.least(),
            Codec::List(_) | Codec::Marked(_) | Codec::Masked(_) | Codec::Map(_) | Codec::Symbols(_) => 4,
            Codec::Fields(fields) => fields.least(),
            Codec::Row(row) => row.least(),
            Codec::Optional(_) | Codec::Pojo(_) | Codec::StreamElement(_) => 1,
            Codec::Ttl(value) => value.least().saturating_add(8),
            Codec::Either(_) => 1,
            Codec::Same(inner) => inner.least(),
            Codec::BinaryRow(_) | Codec::BinaryArray(_) | Codec::BinaryMap(_) | Codec::Framed => 4,
            Codec::TableDecimal(_) => 4,
            Codec::Timer(_) | Codec::TableTimestamp(_) => 8,
            Codec::JavaObject => 5,
            Codec::TwoPhaseCommit(_) => 5,
            Codec::Avro(avro) => avro.least(),
            Codec::Kryo(_) => 1,
            Codec::Opaque => 0,
        }
    }

    /// Returns whether values have an end of their own.
    pub(super) fn delimits(&self) -> bool {
        match self {
            Codec::Basic(_) | Codec::Symbols(_) | Codec::JavaObject | Codec::Framed => true,
            Codec::BinaryRow(_) | Codec::BinaryArray(_) | Codec::BinaryMap(_) => true,
            Codec::TableDecimal(_) | Codec::TableTimestamp(_) | Codec::Avro(_) => true,
            Codec::Either(either) => either.delimits(),
            Codec::Same(part) | Codec::List(part) | Codec::Ttl(part) | Codec::StreamElement(part) => {
                part.is_self_delimiting()
            }
            Codec::Marked(list) => list.element.is_self_delimiting(),
            Codec::Masked(list) => list.element.is_self_delimiting(),
            Codec::Map(map) => map.key.is_self_delimiting() && map.value.is_self_delimiting(),
            Codec::Fields(fields) => fields.delimits(),
            Codec::Row(row) => row.delimits(),
            Codec::Optional(optional) => optional.value.is_self_delimiting(),
            Codec::Pojo(pojo) => pojo.delimits(),
            Codec::Timer(timer) => timer.key.is_self_delimiting() && timer.namespace.is_self_delimiting(),
            Codec::TwoPhaseCommit(state) => state.delimits(),
            Codec::Kryo(kryo) => kryo.delimits(),
            Codec::Opaque => false,
        }
    }

    /// Decodes a value; `class` is the name that opaque parts carry.
    pub(super) fn decode(&self, class: &str, d: &mut Decoder<'_, '_>) -> Result<Value> {
        match self {
            Codec::Basic(basic) => basic.decode(class, d),
            Codec::List(element) => collections::decode_list(element, d),
            Codec::Marked(list) => list.decode(d),
            Codec::Masked(list) => list.decode(d),
            Codec::Map(map) => map.decode(d),
            Codec::Fields(fields) => fields.decode(d),
            Codec::Row(row) => row.decode(d),
            Codec::Optional(optional) => optional.decode(d),
            Codec::Symbols(symbols) => symbols.decode(d),
            Codec::Pojo(pojo) => pojo.decode(d),
            Codec::Ttl(value) => composite::decode_ttl(value, d),
            Codec::Timer(timer) => timer.decode(d),
            Codec::StreamElement(value) => stream::decode_element(value, d),
            Codec::TwoPhaseCommit(state) => state.decode(d),
            Codec::Either(either) => either.decode(d),
            Codec::BinaryRow(row) => row.decode(d),
            Codec::BinaryArray(array) => array.decode(d),
            Codec::BinaryMap(map) => map.decode(d),
            Codec::TableDecimal(decimal) => decimal.decode(d),
            Codec::TableTimestamp(timestamp) => timestamp.decode(d),
            Codec::Same(inner) => inner.part(d),
            Codec::JavaObject => {
                let start = d.input.consumed();
                java::read(d.input)?;
                d.opaque_since(start, class)
            }
            Codec::Framed => {
                let start = d.input.consumed();
                d.input.bytes32("value")?;
                d.opaque_since(start, class)
            }
            Codec::Avro(avro) => avro.decode(d),
            Codec::Kryo(kryo) => kryo.decode(class, d),
            Codec::Opaque => d.take_rest(class),
        }
    }

    /// Appends the bytes of a value that is not opaque.
    pub(super) fn encode(&self, value: &Value, out: &mut Vec<u8>) -> Result<()> {
        match (self, value) {
            (Codec::Basic(basic), value) => basic.encode(value, out),
            (Codec::List(element), Value::List(values)) => collections::encode_list(element, values, out),
            (Codec::Marked(list), Value::List(values)) => list.encode(values, out),
            (Codec::Masked(list), Value::List(values)) => list.encode(values, out),
            (Codec::Map(map), Value::Map(entries)) => map.encode(entries, out),
            (Codec::Fields(fields), value) => fields.encode(value, out),
            (Codec::Row(row), value) => row.encode(value, out),
            (Codec::Optional(optional), value) => optional.encode(value, out),
            (Codec::Symbols(symbols), value) => symbols.encode(value, out),
            (Codec::Pojo(pojo), value) => pojo.encode(value, out),
            (Codec::Ttl(inner), value) => composite::encode_ttl(inner, value, out),
            (Codec::Timer(timer), value) => timer.encode(value, out),
            (Codec::StreamElement(inner), value) => stream::encode_element(inner, value, out),
            (Codec::TwoPhaseCommit(state), value) => state.encode(value, out),
            (Codec::Either(either), value) => either.encode(value, out),
            (Codec::BinaryRow(row), value) => row.encode(value, out),
            (Codec::BinaryArray(array), value) => array.encode(value, out),
            (Codec::BinaryMap(map), value) => map.encode(value, out),
            (Codec::TableDecimal(decimal), value) => decimal.encode(value, out),
            (Codec::TableTimestamp(timestamp), value) => timestamp.encode(value, out),
            (Codec::Same(inner), value) => inner.encode(value, out),
            (Codec::Avro(avro), value) => avro.encode(value, out),
            (Codec::Kryo(kryo), value) => kryo.encode(value, out),
            (codec, value) => Err(mismatch(&codec.element_type("").ty.to_string(), value)),
        }
    }
}
