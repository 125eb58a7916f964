//! Serializers of Flink's libraries and connectors, put together from the common parts.

use super::basic::Basic;
use super::collections::Marked;
use super::composite::{Either, Fields, Optional, Symbols};
use super::names::{basic, long};
use super::snapshot::Reader;
use super::{Codec, Serializer};
use crate::Result;

/// Scala's serializers, of `org.apache.flink.api.scala.typeutils`.
pub(super) fn scala(r: &mut Reader<'_, '_>, name: &str, version: i32) -> Result<Option<Codec>> {
    Ok(Some(match name {
        "ScalaCaseClassSerializer" | "SpecificCaseClassSerializer" | "Tuple2CaseClassSerializer" => {
            r.composite(version)?;
            r.type_class("case class")?;
            Codec::Fields(Fields::tuple(r.nested()?))
        }
        "ScalaOptionSerializer" => {
            r.composite(version)?;
            optional(r.only()?)
        }
        "ScalaEitherSerializer" | "ScalaTrySerializer" => {
            r.composite(version)?;
            either(r.exactly()?, [1, 0])
        }
        "TraversableSerializer" => {
            r.composite(version)?;
            r.type_class("collection builder")?;
            Codec::Marked(Box::new(Marked { element: r.only()?, present: true, set: false }))
        }
        "ScalaEnumSerializer" => {
            r.type_class("enumeration")?;
            let count = r.input.count(6, "enumeration values")?;
            let mut constants = Vec::with_capacity(count);
            for _ in 0..count {
                constants.push((r.input.utf("enumeration value")?, r.input.i32("enumeration value")?));
            }
            Codec::Symbols(Symbols::by_id(constants))
        }
        _ => return Ok(None),
    }))
}

/// Serializers of complex event processing, of `org.apache.flink.cep.nfa`.
pub(super) fn cep(r: &mut Reader<'_, '_>, name: &str, version: i32) -> Result<Option<Codec>> {
    Ok(Some(match name {
        "NFAStateSerializer" => {
            let previous = r.composite(version)? >= 2 && r.input.bool("previous timestamp support")?;
            r.nested_notes()?;
            let class = "org.apache.flink.cep.nfa.ComputationState";
            let state = Serializer::new(class, computation(previous));
            let states = || Serializer::new(class, Codec::List(Box::new(state.clone())));
            Codec::Fields(Fields::named([states(), states()], &["partial_matches", "completed_matches"]))
        }
        "sharedbuffer.NodeId$NodeIdSerializer" => {
            r.composite(version)?;
            r.nested_notes()?;
            node_id()
        }
        "sharedbuffer.SharedBufferEdge$SharedBufferEdgeSerializer" => {
            r.composite(version)?;
            r.nested_notes()?;
            edge()
        }
        "sharedbuffer.SharedBufferNodeSerializer" | "sharedbuffer.SharedBufferNodeSerializerSnapshotV2" => {
            r.composite(version)?;
            r.nested_notes()?;
            Codec::List(Box::new(Serializer::new("", lockable(Serializer::new("", edge())))))
        }
        "sharedbuffer.LockableTypeSerializer" | "sharedbuffer.Lockable$LockableTypeSerializer" => {
            r.composite(version)?;
            lockable(r.only()?)
        }
        _ => return Ok(None),
    }))
}

/// Serializers of complex event processing that have no parts of their own.
pub(super) fn cep_simple(name: &str) -> Option<Codec> {
    Some(match name {
        "sharedbuffer.EventId$EventIdSerializer" => event_id(),
        "DeweyNumber$DeweyNumberSerializer" => dewey(),
        _ => return None,
    })
}

fn int() -> Serializer {
    basic("IntSerializer", Basic::Int32)
}

fn text() -> Serializer {
    basic("StringSerializer", Basic::String)
}

fn event_id() -> Codec {
    Codec::Fields(Fields::named([int(), long()], &["id", "timestamp"]))
}

fn dewey() -> Codec {
    Codec::List(Box::new(int()))
}

fn node_id() -> Codec {
    let parts = [Serializer::new("", event_id()), text()];
    optional(Serializer::new("", Codec::Fields(Fields::named(parts, &["event", "page"]))))
}

fn edge() -> Codec {
    let parts = [Serializer::new("", node_id()), Serializer::new("", dewey())];
    Codec::Fields(Fields::named(parts, &["target", "version"]))
}

fn lockable(element: Serializer) -> Codec {
    Codec::Fields(Fields::named([int(), element], &["references", "element"]))
}

fn computation(previous: bool) -> Codec {
    let (node, version) = (Serializer::new("", node_id()), Serializer::new("", dewey()));
    let event = Serializer::new("", optional(Serializer::new("", event_id())));
    Codec::Fields(match previous {
        false => Fields::named(
            [text(), node, version, long(), event],
            &["state", "previous", "version", "start_timestamp", "start_event"],
        ),
        true => Fields::named(
            [text(), node, version, long(), long(), event],
            &["state", "previous", "version", "start_timestamp", "previous_timestamp", "start_event"],
        ),
    })
}

/// State of the Kafka producer, of `org.apache.flink.streaming.connectors.kafka`.
pub(super) fn kafka(name: &str) -> Option<Codec> {
    let (_, name) = name.split_once('$')?;
    Some(match name {
        "TransactionStateSerializer" => {
            let id = optional(basic("Utf", Basic::ModifiedUtf8));
            let parts = [Serializer::new("", id), long(), basic("ShortSerializer", Basic::Int16)];
            Codec::Fields(Fields::named(parts, &["transactional_id", "producer_id", "epoch"]))
        }
        "ContextStateSerializer" => Codec::List(Box::new(basic("Utf", Basic::ModifiedUtf8))),
        "NextTransactionalIdHintSerializer" => {
            let names = &["next_free_transactional_id", "last_parallelism"];
            Codec::Fields(Fields::named([long(), int()], names))
        }
        _ => return None,
    })
}

/// A value behind a byte of one, or a byte of zero.
pub(super) fn optional(value: Serializer) -> Codec {
    Codec::Optional(Box::new(Optional { value, present: true, padding: None }))
}

/// A value of one of two types behind a marker.
pub(super) fn either([left, right]: [Serializer; 2], markers: [u8; 2]) -> Codec {
    Codec::Either(Box::new(Either { left, right, markers }))
}
