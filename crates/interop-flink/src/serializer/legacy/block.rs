use super::super::Serializer;
use super::super::snapshot::Reader;
use super::config::Config;
use super::{config, framed_stream, objects};
use crate::bytes::Input;
use crate::{Error, Result};

/// A serializer's Java object stream and its configuration snapshot, each from its start to the end of
/// what may be its bytes.
#[derive(Debug, Clone)]
pub(in super::super) struct Pair<'a> {
    /// In form J.
    pub(in super::super) object: Input<'a>,
    /// In form C, or in form P of Flink 1.7.
    pub(in super::super) config: Input<'a>,
    /// All the bytes of the pair.
    pub(in super::super) bytes: &'a [u8],
}

/// Reads a block of pairs (block Z): their positions, the length of the data, the data.
pub(in super::super) fn pairs<'a>(input: &mut Input<'a>) -> Result<Vec<Pair<'a>>> {
    let count = input.count(8, "serializers")?;
    let mut positions = Vec::with_capacity(count);
    for _ in 0..count {
        positions.push([input.length("serializer position")?, input.length("serializer position")?]);
    }
    let base = input.offset().saturating_add(4);
    let data = Input::at(input.bytes32("serializers")?, base);
    let starts = positions.iter().map(|[object, _]| *object);
    let ends = starts.skip(1).chain([data.left()]);
    let pair = |([object, config], end): (&[usize; 2], usize)| {
        Ok(Pair {
            object: from(&data, *object)?,
            config: from(&data, *config)?,
            bytes: data.rest().get(*object..end).unwrap_or_default(),
        })
    };
    positions.iter().zip(ends).map(pair).collect()
}

/// Returns an input from a position on.
pub(super) fn from<'a>(data: &Input<'a>, position: usize) -> Result<Input<'a>> {
    let mut input = data.clone();
    input.take(position, "serializer position")?;
    Ok(input)
}

/// What the second part of a pair says.
pub(super) enum Known<'a> {
    /// All that there is to know, in form P of Flink 1.7.
    Serializer(Serializer),
    /// What the object does not.
    Config(Config<'a>),
    /// Nothing that is known here.
    Nothing,
}

/// Reads the second part of a pair.
pub(super) fn known<'a>(r: &mut Reader<'_, '_>, pair: &Pair<'a>) -> Result<Known<'a>> {
    let mut config = pair.config.clone();
    let known = match config.i32("serializer configuration")? {
        1 => config::form_c(&mut config).map(Known::Config),
        2 => r.within(&mut config, |r| r.versioned()).map(Known::Serializer),
        version => return Err(config.malformed("serializer configuration", "version 1 or 2", version)),
    };
    match known {
        Err(Error::Unsupported { .. }) => Ok(Known::Nothing),
        other => other,
    }
}

/// Builds the serializer of a pair.
///
/// A class that is not known becomes an opaque serializer, since the pair says where it ends.
pub(in super::super) fn pair(r: &mut Reader<'_, '_>, pair: &Pair<'_>) -> Result<Serializer> {
    let mut object = pair.object.clone();
    let stream = framed_stream(&mut object)?;
    match known(r, pair)? {
        Known::Serializer(serializer) => Ok(serializer),
        Known::Config(config) => objects::from_stream(r, stream, Some(&config)),
        Known::Nothing => objects::from_stream(r, stream, None),
    }
}
