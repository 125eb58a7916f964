//! Headers of keyed and operator state of all releases, as far as reading their serializers needs.

use alluvium_interop_flink::bytes::Input;
use alluvium_interop_flink::serializer::{Context, Form, Serializer, read_block, read_snapshot};
use alluvium_interop_flink::{Error, Result};

pub(crate) struct Header {
    pub(crate) version: i32,
    pub(crate) compressed: bool,
    pub(crate) key: Option<Serializer>,
    pub(crate) states: Vec<State>,
    pub(crate) length: usize,
}

#[derive(Debug)]
pub(crate) struct State {
    pub(crate) name: String,
    pub(crate) kind: String,
    pub(crate) serializers: Vec<(String, Serializer)>,
}

impl State {
    pub(crate) fn get(&self, name: &str) -> Option<&Serializer> {
        self.serializers.iter().find(|(key, _)| key == name).map(|(_, serializer)| serializer)
    }
}

pub(crate) fn keyed(bytes: &[u8], context: &Context) -> Result<Header> {
    let mut input = Input::new(bytes);
    let i = &mut input;
    let version = i.i32("version")?;
    let compressed = version >= 4 && i.bool("compression")?;
    let key = Some(match version {
        1 => read_snapshot(i, Form::FramedObject, context)?.serializer,
        2..=5 => first(block(i, context)?, i)?,
        6 => read_snapshot(i, Form::Proxy, context)?.serializer,
        other => return Err(i.malformed("keyed header", "version 1 to 6", other)),
    });
    let count = i.u16("states")?;
    let states = (0..count).map(|_| keyed_state(i, version, context)).collect::<Result<_>>()?;
    Ok(Header { version, compressed, key, states, length: input.consumed() })
}

fn first(block: Vec<Serializer>, i: &Input<'_>) -> Result<Serializer> {
    block.into_iter().next().ok_or_else(|| i.malformed("block", "a serializer", "none"))
}

fn block(i: &mut Input<'_>, context: &Context) -> Result<Vec<Serializer>> {
    Ok(read_block(i, context)?.into_iter().map(|snapshot| snapshot.serializer).collect())
}

fn keyed_state(i: &mut Input<'_>, version: i32, context: &Context) -> Result<State> {
    if version >= 5 {
        return meta_info(i, version == 6, context);
    }
    let kinds = ["UNKNOWN", "VALUE", "LIST", "REDUCING", "FOLDING", "AGGREGATING", "MAP"];
    let kind = named(&kinds, i)?;
    let name = i.utf("name")?;
    let serializers = match version {
        1 => (0..2)
            .map(|_| Ok(read_snapshot(i, Form::FramedObject, context)?.serializer))
            .collect::<Result<_>>()?,
        _ => block(i, context)?,
    };
    let names = ["NAMESPACE_SERIALIZER", "VALUE_SERIALIZER"].map(str::to_owned);
    Ok(State { name, kind, serializers: names.into_iter().zip(serializers).collect() })
}

fn named(names: &[&str], i: &mut Input<'_>) -> Result<String> {
    let number = i.i32("kind")?;
    let name = usize::try_from(number).ok().and_then(|number| names.get(number));
    name.map(ToString::to_string).ok_or_else(|| i.malformed("kind", "a known one", number))
}

/// The self-describing form: since 1.6 with a block of serializers, since 1.7 with snapshots.
fn meta_info(i: &mut Input<'_>, snapshots: bool, context: &Context) -> Result<State> {
    let name = i.utf("name")?;
    let kinds = ["KEY_VALUE", "OPERATOR", "BROADCAST", "PRIORITY_QUEUE", "KEY_VALUE_V2"];
    let mut kind = named(&kinds, i)?;
    for _ in 0..i.i32("options")? {
        let (key, value) = (i.utf("option")?, i.utf("option")?);
        if key == "KEYED_STATE_TYPE" {
            kind = format!("{kind} {value}");
        }
    }
    let count = i.i32("serializers")?;
    let mut serializers = Vec::new();
    if snapshots {
        for _ in 0..count {
            let key = i.utf("serializer")?;
            let at = |error: Error| error.within(format!("state {name} {key}"));
            serializers.push((key.clone(), read_snapshot(i, Form::Proxy, context).map_err(at)?.serializer));
        }
    } else {
        let names: Vec<String> = (0..count).map(|_| i.utf("serializer")).collect::<Result<_>>()?;
        serializers = names.into_iter().zip(block(i, context)?).collect();
    }
    Ok(State { name, kind, serializers })
}

pub(crate) fn operator(bytes: &[u8], context: &Context) -> Result<Header> {
    let mut input = Input::new(bytes);
    let i = &mut input;
    let version = i.i32("version")?;
    if !(1..=6).contains(&version) {
        return Err(i.malformed("operator header", "version 1 to 6", version));
    }
    let compressed = version >= 6 && i.bool("compression")?;
    let mut states = Vec::new();
    for kind in ["OPERATOR", "BROADCAST"] {
        if kind == "BROADCAST" && version < 3 {
            break;
        }
        for _ in 0..i.u16("states")? {
            states.push(match version {
                4.. => meta_info(i, version > 4, context)?,
                _ => operator_state(i, version, kind, context)?,
            });
        }
    }
    Ok(Header { version, compressed, key: None, states, length: input.consumed() })
}

fn operator_state(i: &mut Input<'_>, version: i32, kind: &str, context: &Context) -> Result<State> {
    let name = i.utf("name")?;
    i.i8("mode")?;
    let mut serializers = match version {
        1 => vec![read_snapshot(i, Form::Object, context)?.serializer],
        _ => block(i, context)?,
    };
    let value = serializers.pop().unwrap();
    let mut named = vec![("VALUE_SERIALIZER".to_owned(), value)];
    named.extend(serializers.pop().map(|key| ("KEY_SERIALIZER".to_owned(), key)));
    Ok(State { name, kind: kind.to_owned(), serializers: named })
}
