use super::super::Serializer;
use super::super::snapshot::Reader;
use super::block::{Pair, from, pairs};
use super::{framed_stream, objects};
use crate::bytes::Input;
use crate::{Error, Result, java};

/// What a configuration snapshot says beyond the serializer's object.
#[derive(Debug, Clone)]
pub(super) enum Config<'a> {
    /// Nothing.
    Plain,
    /// The parts of a composite.
    Parts(Vec<Pair<'a>>),
    /// The schema of Avro records.
    Avro(String),
    /// The constants of an enum.
    Enum(Vec<String>),
    /// A POJO: its class, its fields, its registered and its other subclasses.
    Pojo { class: String, lists: [Vec<(String, Pair<'a>)>; 3] },
}

const BASE: &str = "org.apache.flink.api.common.typeutils.base.";
const RUNTIME: &str = "org.apache.flink.api.java.typeutils.runtime.";

/// Reads a configuration snapshot in form C behind its first number: class, version, payload.
pub(super) fn form_c<'a>(input: &mut Input<'a>) -> Result<Config<'a>> {
    let offset = input.offset();
    let class = input.utf("serializer configuration class")?;
    let version = input.i32("serializer configuration version")?;
    payload(input, &class, version, offset)
}

/// Reads what is behind the adapter's version in form V: the serializer's object, then the version and
/// the payload of the configuration snapshot, without a length.
pub(in super::super) fn adapter(r: &mut Reader<'_, '_>, class: &str) -> Result<Serializer> {
    let offset = r.input.offset();
    let object = framed_stream(r.input)?;
    let version = r.input.i32("serializer configuration version")?;
    let config = payload(r.input, class, version, offset)?;
    objects::from_stream(r, object, Some(&config))
}

fn payload<'a>(input: &mut Input<'a>, class: &str, version: i32, offset: u64) -> Result<Config<'a>> {
    let name = class.strip_prefix(BASE).or_else(|| class.strip_prefix(RUNTIME)).unwrap_or(class);
    Ok(match name {
        "org.apache.flink.api.common.typeutils.ParameterlessTypeSerializerConfig" => {
            input.utf("serializer class")?;
            Config::Plain
        }
        "TupleSerializerConfigSnapshot" | "GenericArraySerializerConfigSnapshot" => {
            let parts = pairs(input)?;
            java::read(input)?;
            Config::Parts(parts)
        }
        "EnumSerializer$EnumSerializerConfigSnapshot" => {
            input.utf("enum class")?;
            let count = input.count(2, "enum constants")?;
            Config::Enum((0..count).map(|_| input.utf("enum constant")).collect::<Result<_>>()?)
        }
        "PojoSerializer$PojoSerializerConfigSnapshot" => pojo(input)?,
        "kryo.KryoSerializer$KryoSerializerConfigSnapshot" => {
            kryo(input)?;
            Config::Plain
        }
        "org.apache.flink.formats.avro.typeutils.AvroSerializer$AvroSchemaSerializerConfigSnapshot" => {
            Config::Avro(input.utf("Avro schema")?)
        }
        name if COMPOSITES.contains(&name) => Config::Parts(pairs(input)?),
        _ => {
            return Err(Error::Unsupported {
                section: "serializer configuration",
                offset,
                what: format!("{class} version {version}"),
            });
        }
    })
}

/// Composites whose payload is a block of pairs and nothing else.
const COMPOSITES: [&str; 14] = [
    "CollectionSerializerConfigSnapshot",
    "MapSerializerConfigSnapshot",
    "EitherSerializerConfigSnapshot",
    "RowSerializer$RowSerializerConfigSnapshot",
    "org.apache.flink.api.common.typeutils.CompositeSerializer$ConfigSnapshot",
    "org.apache.flink.streaming.runtime.streamrecord.StreamElementSerializer$StreamElementSerializerConfigSnapshot",
    "org.apache.flink.streaming.api.operators.TimerSerializer$TimerSerializerConfigSnapshot",
    "org.apache.flink.streaming.api.datastream.CoGroupedStreams$UnionSerializerConfigSnapshot",
    "org.apache.flink.streaming.api.operators.co.IntervalJoinOperator$BufferEntrySerializer$BufferSerializerConfigSnapshot",
    "org.apache.flink.streaming.api.functions.sink.TwoPhaseCommitSinkFunction$StateSerializerConfigSnapshot",
    "org.apache.flink.api.scala.typeutils.ScalaOptionSerializerConfigSnapshot",
    "org.apache.flink.api.scala.typeutils.ScalaEitherSerializerConfigSnapshot",
    "org.apache.flink.api.scala.typeutils.ScalaTrySerializerConfigSnapshot",
    "org.apache.flink.api.scala.typeutils.TraversableSerializerConfigSnapshot",
];

fn pojo<'a>(input: &mut Input<'a>) -> Result<Config<'a>> {
    let class = input.utf("POJO class")?;
    let mut lists = [const { Vec::<[usize; 2]>::new() }; 3];
    for list in &mut lists {
        let count = input.count(8, "POJO entries")?;
        for _ in 0..count {
            list.push([input.length("serializer position")?, input.length("serializer position")?]);
        }
    }
    let base = input.offset().saturating_add(4);
    let data = Input::at(input.bytes32("POJO entries")?, base);
    let read = |list: &Vec<[usize; 2]>| {
        list.iter()
            .map(|[object, config]| {
                let (object_input, config) = (from(&data, *object)?, from(&data, *config)?);
                let pair = Pair { object: object_input, config, bytes: &[] };
                Ok((name_before(&data, *object)?, pair))
            })
            .collect::<Result<Vec<_>>>()
    };
    let [fields, registered, others] = &lists;
    Ok(Config::Pojo { class, lists: [read(fields)?, read(registered)?, read(others)?] })
}

/// Reads the name that ends at a position: no byte of it is zero, and the first byte of its length is,
/// for lengths below 256.
fn name_before(data: &Input<'_>, end: usize) -> Result<String> {
    let before = data.rest().get(..end).unwrap_or_default();
    let zero = before.iter().rposition(|byte| *byte == 0);
    let start = match before {
        [.., 0, 0] => Some(end - 2),
        _ => zero,
    };
    let name = from(data, start.unwrap_or(end)).and_then(|mut name| {
        let from = name.consumed();
        let text = name.utf("POJO entry name")?;
        Ok((text, name.consumed() - from))
    })?;
    match (name, start) {
        ((text, length), Some(start)) if start + length == end => Ok(text),
        _ => Err(data.malformed("POJO entry name", "a name that ends where its serializer begins", end)),
    }
}

fn kryo(input: &mut Input<'_>) -> Result<()> {
    input.utf("Kryo class")?;
    let count = input.count(8, "Kryo registrations")?;
    for _ in 0..count {
        input.utf("Kryo registration")?;
        input.utf("Kryo registration")?;
        match input.i32("Kryo registration")? {
            0 => {}
            1 => drop(input.utf("Kryo serializer class")?),
            2 => drop(java::read(input)?),
            kind => return Err(input.malformed("Kryo registration", "a kind from 0 to 2", kind)),
        }
    }
    Ok(())
}
