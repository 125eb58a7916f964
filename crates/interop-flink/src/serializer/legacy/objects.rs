use super::super::avro::Avro;
use super::super::basic::Basic;
use super::super::collections::{Map, Marked};
use super::super::composite::{Fields, Symbols, Timer};
use super::super::extras::either;
use super::super::known::finish;
use super::super::kryo::Kryo;
use super::super::names::{self, codec_of};
use super::super::pojo::Pojo;
use super::super::row::Row;
use super::super::snapshot::Reader;
use super::super::stream::TwoPhaseCommit;
use super::super::{Codec, Serializer, extras};
use super::block::{self, Known};
use super::config::Config;
use crate::bytes::Input;
use crate::{Result, java};

/// Builds the serializer of a Java object stream and leaves the input behind it.
pub(in super::super) fn from_input(r: &mut Reader<'_, '_>, stream: &mut Input<'_>) -> Result<Serializer> {
    build(r, java::read(stream)?.root(), None)
}

/// Builds the serializer of a Java object stream at the start of an input.
pub(super) fn from_stream(
    r: &mut Reader<'_, '_>,
    mut stream: Input<'_>,
    config: Option<&Config<'_>>,
) -> Result<Serializer> {
    build(r, java::read(&mut stream)?.root(), config)
}

const RUNTIME: &str = "org.apache.flink.api.java.typeutils.runtime.";
const FLINK: &str = "org.apache.flink.";

/// Builds the serializer of a Java object. Parts that several objects share are built for each.
fn build(r: &mut Reader<'_, '_>, value: java::Value<'_>, config: Option<&Config<'_>>) -> Result<Serializer> {
    let Some(object) = value.as_object() else {
        return Ok(Serializer::new("a serializer that the snapshot lacks", Codec::Opaque));
    };
    r.deeper(|r| {
        r.noted(|r| {
            let class = object.class().name();
            let codec = match codec_of(class) {
                Some(codec) => Some(codec),
                None => Object { r, object, config }.codec(class)?,
            };
            Ok(finish(class.to_owned(), codec.unwrap_or(Codec::Opaque)))
        })
    })
}

/// A serializer object being looked at.
struct Object<'o, 'r, 'a, 'g> {
    r: &'o mut Reader<'r, 'a>,
    object: java::Object<'g>,
    config: Option<&'o Config<'o>>,
}

impl Object<'_, '_, '_, '_> {
    fn codec(&mut self, class: &str) -> Result<Option<Codec>> {
        let named = ["tupleClass", "enumClass", "componentClass"];
        let named = named.into_iter().map(|field| self.class_name(field)).find(|class| !class.is_empty());
        self.r.notes.type_class = named;
        let Some(name) = class.strip_prefix(FLINK) else { return self.subclass() };
        let runtime = class.strip_prefix(RUNTIME);
        Ok(Some(match runtime.or_else(|| name.strip_prefix("api.common.typeutils.base.")).unwrap_or(name) {
            "ListSerializer" | "runtime.state.ArrayListSerializer" => {
                Codec::List(Box::new(self.part("elementSerializer", 0)?))
            }
            "MapSerializer" | "runtime.state.HashMapSerializer" => Codec::Map(Box::new(Map {
                key: self.part("keySerializer", 0)?,
                value: self.part("valueSerializer", 1)?,
                marked_keys: false,
            })),
            "GenericArraySerializer" => {
                let element = self.part("componentSerializer", 0)?;
                Codec::Marked(Box::new(Marked { element, present: true, set: false }))
            }
            "TupleSerializer" => Codec::Fields(Fields::tuple(self.parts("fieldSerializers")?)),
            "RowSerializer" => {
                Codec::Row(Row { fields: self.parts("fieldSerializers")?, kinds: false, shows_kind: false })
            }
            "EitherSerializer" => {
                either([self.part("leftSerializer", 0)?, self.part("rightSerializer", 1)?], [1, 0])
            }
            "streaming.api.datastream.CoGroupedStreams$UnionSerializer" => {
                either([self.part("oneSerializer", 0)?, self.part("twoSerializer", 1)?], [1, 2])
            }
            "streaming.api.operators.co.IntervalJoinOperator$BufferEntrySerializer" => {
                let joined = names::basic("BooleanSerializer", Basic::Bool);
                Codec::Fields(Fields::tuple(vec![joined, self.part("elementSerializer", 0)?]))
            }
            "streaming.runtime.streamrecord.StreamElementSerializer"
            | "streaming.runtime.streamrecord.MultiplexingStreamRecordSerializer" => {
                Codec::StreamElement(Box::new(self.part("typeSerializer", 0)?))
            }
            "streaming.api.operators.TimerSerializer" => Codec::Timer(Box::new(Timer {
                key: self.part("keySerializer", 0)?,
                namespace: self.part("namespaceSerializer", 1)?,
            })),
            "runtime.state.ttl.TtlStateFactory$TtlSerializer" => {
                let mut parts = self.parts("fieldSerializers")?;
                match parts.pop() {
                    Some(value) => Codec::Ttl(Box::new(value)),
                    None => return Ok(None),
                }
            }
            "streaming.api.functions.sink.TwoPhaseCommitSinkFunction$StateSerializer" => {
                Codec::TwoPhaseCommit(Box::new(TwoPhaseCommit {
                    transaction: self.part("transactionSerializer", 0)?,
                    context: self.part("contextSerializer", 1)?,
                    optional: false,
                }))
            }
            "formats.avro.typeutils.AvroSerializer" => return Ok(self.avro()),
            "EnumSerializer" => self.symbols(),
            "PojoSerializer" => self.pojo(class)?,
            "kryo.KryoSerializer" => Codec::Kryo(Box::new(Kryo::of(self.class_name("type"), self.r.context))),
            "runtime.state.JavaSerializer" => Codec::JavaObject,
            _ => return self.subclass(),
        }))
    }

    /// Classes that a compiler made of Scala's macros: known by their ancestors.
    fn subclass(&mut self) -> Result<Option<Codec>> {
        let is = |name: &str| self.object.class().is(&format!("org.apache.flink.api.{name}"));
        Ok(if is("java.typeutils.runtime.TupleSerializerBase") {
            Some(Codec::Fields(Fields::tuple(self.parts("fieldSerializers")?)))
        } else if is("scala.typeutils.OptionSerializer") {
            Some(extras::optional(self.part("elemSerializer", 0)?))
        } else if is("scala.typeutils.EitherSerializer") {
            Some(either([self.part("leftSerializer", 0)?, self.part("rightSerializer", 1)?], [1, 0]))
        } else if is("scala.typeutils.TrySerializer") {
            Some(either([self.part("elemSerializer", 0)?, self.part("throwableSerializer", 1)?], [1, 0]))
        } else if is("scala.typeutils.TraversableSerializer") {
            let element = self.part("elementSerializer", 0)?;
            Some(Codec::Marked(Box::new(Marked { element, present: true, set: false })))
        } else {
            None
        })
    }

    fn class_name(&self, field: &str) -> String {
        let class = self.object.find(field).and_then(java::Value::as_class);
        class.map(|class| class.name().to_owned()).unwrap_or_default()
    }

    fn part(&mut self, field: &str, index: usize) -> Result<Serializer> {
        let value = self.object.find(field).unwrap_or(java::Value::Null);
        self.nested(value, index)
    }

    fn parts(&mut self, field: &str) -> Result<Vec<Serializer>> {
        let parts = self.object.find(field).and_then(java::Value::elements).unwrap_or_default();
        parts.into_iter().enumerate().map(|(index, part)| self.nested(part, index)).collect()
    }

    /// Builds a part, with what the configuration says of it.
    fn nested(&mut self, value: java::Value<'_>, index: usize) -> Result<Serializer> {
        let pair = match self.config {
            Some(Config::Parts(parts)) => parts.get(index),
            _ => None,
        };
        match pair.map(|pair| block::known(self.r, pair)).transpose()? {
            Some(Known::Serializer(serializer)) => Ok(serializer),
            Some(Known::Config(config)) => build(self.r, value, Some(&config)),
            Some(Known::Nothing) | None => build(self.r, value, None),
        }
    }

    fn avro(&mut self) -> Option<Codec> {
        let schema = match self.config {
            Some(Config::Avro(schema)) => schema.as_str(),
            _ => self.object.find("schemaString")?.as_str()?,
        };
        let class = Some(self.class_name("type")).filter(|class| !class.is_empty());
        self.r.notes.schema = Some(schema.to_owned());
        Some(Codec::Avro(Box::new(Avro::of(class, schema)?)))
    }

    fn symbols(&self) -> Codec {
        if let Some(Config::Enum(names)) = self.config {
            return Codec::Symbols(Symbols::by_position(names.clone()));
        }
        let values = self.object.find("values").and_then(java::Value::elements);
        let names = values.and_then(|values| {
            values.into_iter().map(|value| Some(value.as_enum()?.name().to_owned())).collect()
        });
        // Flink 1.2 has no names: what is left is the number.
        names.map_or(Codec::Basic(Basic::Int32), |names| Codec::Symbols(Symbols::by_position(names)))
    }

    fn pojo(&mut self, class: &str) -> Result<Codec> {
        if let Some(Config::Pojo { class, lists }) = self.config {
            let mut built = Vec::new();
            for list in lists {
                let named = list.iter().map(|(name, pair)| Ok((name.clone(), block::pair(self.r, pair)?)));
                built.push(named.collect::<Result<Vec<_>>>()?);
            }
            let [others, registered, fields] =
                [built.pop(), built.pop(), built.pop()].map(Option::unwrap_or_default);
            return Ok(Codec::Pojo(Box::new(Pojo::new(class.clone(), fields, registered, others))));
        }
        let data = self.object.block_data(class);
        let mut names = Input::new(&data);
        let serializers = self.parts("fieldSerializers")?;
        names.i32("POJO fields")?;
        let mut fields = Vec::with_capacity(serializers.len());
        for serializer in serializers {
            fields.push((names.utf("POJO field")?, serializer));
        }
        let registered = self.parts("registeredSerializers")?;
        let named = self.registered_names().into_iter().zip(registered).collect();
        Ok(Codec::Pojo(Box::new(Pojo::new(self.class_name("clazz"), fields, named, Vec::new()))))
    }

    /// Returns the names of the registered subclasses in the order of their numbers.
    fn registered_names(&self) -> Vec<String> {
        let entries =
            self.object.find("registeredClasses").and_then(java::Value::entries).unwrap_or_default();
        let mut named: Vec<(i64, String)> = entries
            .into_iter()
            .filter_map(|(class, number)| Some((number.as_i64()?, class.as_class()?.name().to_owned())))
            .collect();
        named.sort();
        named.into_iter().map(|(_, name)| name).collect()
    }
}
