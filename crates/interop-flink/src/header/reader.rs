//! Reading the serializers of a header, and passing over those of unknown classes.
//!
//! A serializer snapshot has no length, so that one unknown class would hide all that follows it in
//! the header. What must follow is strict enough to find it again: see [`may_follow`].

use std::collections::BTreeMap;

use crate::bytes::Input;
use crate::serializer::{self, Context, Form, SerializerSnapshot};
use crate::{Error, Result};

/// Most serializers of unknown classes that are passed over in one header.
const GAPS_MAX: usize = 64;
/// Most bytes that the snapshot of an unknown class may take.
const GAP_BYTES_MAX: usize = 1 << 20;
/// Keys under which a state names its serializers.
const SERIALIZER_KEYS: [&str; 4] =
    ["NAMESPACE_SERIALIZER", "VALUE_SERIALIZER", "KEY_SERIALIZER", "USER_KEY_SERIALIZER"];

/// A place in a header.
pub(super) struct Reader<'a> {
    pub(super) input: Input<'a>,
    context: &'a Context,
    /// Snapshots of unknown classes: where they begin and where they end.
    gaps: BTreeMap<usize, usize>,
    /// The snapshot that could not be read.
    unknown: Option<usize>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(input: Input<'a>, context: &'a Context) -> Self {
        Reader { input, context, gaps: BTreeMap::new(), unknown: None }
    }

    /// Reads a serializer snapshot as since 1.7.
    pub(super) fn snapshot(&mut self) -> Result<SerializerSnapshot> {
        let start = self.input.consumed();
        if let Some(end) = self.gaps.get(&start) {
            let bytes = self.input.take(end.saturating_sub(start), "serializer snapshot")?;
            return Ok(unknown_class(bytes));
        }
        let read = serializer::read_snapshot(&mut self.input, Form::Proxy, self.context);
        if matches!(read, Err(Error::Unsupported { .. } | Error::Malformed { .. } | Error::Truncated { .. }))
        {
            self.unknown = Some(start);
        }
        read
    }

    /// Reads a serializer as 1.2 writes it for keyed state: framed.
    pub(super) fn java_framed(&mut self) -> Result<SerializerSnapshot> {
        serializer::read_snapshot(&mut self.input, Form::FramedObject, self.context)
    }

    /// Reads a serializer as 1.2 writes it for operator state: a Java object stream without a frame.
    pub(super) fn java(&mut self) -> Result<SerializerSnapshot> {
        serializer::read_snapshot(&mut self.input, Form::Object, self.context)
    }

    /// Reads `count` serializers as 1.3 to 1.6 write them.
    pub(super) fn block(&mut self, count: usize) -> Result<Vec<SerializerSnapshot>> {
        let offset = self.input.offset();
        let snapshots = serializer::read_block(&mut self.input, self.context)?;
        if snapshots.len() != count {
            return Err(Error::Malformed {
                section: "serializers",
                offset,
                wanted: "as many serializers as their place asks for",
                found: format!("{} instead of {count}", snapshots.len()),
            });
        }
        Ok(snapshots)
    }

    /// Reads a block of one serializer.
    pub(super) fn one_of_block(&mut self) -> Result<SerializerSnapshot> {
        let none = self.input.malformed("serializers", "one serializer", "none");
        self.block(1)?.pop().ok_or(none)
    }

    /// Reads a block of two serializers.
    pub(super) fn two_of_block(&mut self) -> Result<(SerializerSnapshot, SerializerSnapshot)> {
        let none = self.input.malformed("serializers", "two serializers", "none");
        let mut snapshots = self.block(2)?.into_iter();
        snapshots.next().zip(snapshots.next()).ok_or(none)
    }
}

/// Reads a header, passing over serializers of unknown classes where the header's end is known to be
/// that of `bytes`.
pub(super) fn through_gaps<T>(
    bytes: &[u8],
    context: &Context,
    read: fn(&mut Reader<'_>) -> Result<T>,
) -> Result<T> {
    let mut reader = Reader::new(Input::new(bytes), context);
    let error = match read(&mut reader) {
        Ok(header) => return Ok(header),
        Err(error) => error,
    };
    let mut gaps = BTreeMap::new();
    while let Some(start) = reader.unknown.filter(|_| gaps.len() < GAPS_MAX) {
        let Some(end) = end_of_gap(bytes, start) else { return Err(error) };
        gaps.insert(start, end);
        reader = Reader { gaps: gaps.clone(), ..Reader::new(Input::new(bytes), context) };
        match read(&mut reader) {
            Ok(header) if reader.input.is_empty() => return Ok(header),
            _ => {}
        }
    }
    Err(error)
}

/// Returns the first place behind the class name of a snapshot at which a header can go on.
fn end_of_gap(bytes: &[u8], start: usize) -> Option<usize> {
    let mut input = Input::new(bytes.get(start.checked_add(4)?..)?);
    input.utf("class").ok()?;
    input.i32("version").ok()?;
    let least = start + 4 + input.consumed();
    let most = bytes.len().min(least.saturating_add(GAP_BYTES_MAX));
    (least..=most).find(|end| bytes.get(*end..).is_some_and(may_follow))
}

/// Returns whether bytes are something that may follow a serializer in a header: its end, the key of
/// the state's next serializer, the next state, or a number of states and the first of them.
fn may_follow(rest: &[u8]) -> bool {
    let counted = |rest: &[u8]| match rest.split_first_chunk() {
        Some(([0, 0], behind)) => behind.is_empty() || counted_state(behind),
        Some((_, behind)) => is_state(behind),
        None => false,
    };
    rest.is_empty() || is_serializer_key(rest) || is_state(rest) || counted(rest)
}

fn counted_state(rest: &[u8]) -> bool {
    matches!(rest.split_first_chunk(), Some(([0, count], behind)) if *count > 0 && is_state(behind))
}

fn is_serializer_key(rest: &[u8]) -> bool {
    Input::new(rest).utf("key").is_ok_and(|key| SERIALIZER_KEYS.contains(&key.as_str()))
}

fn is_state(rest: &[u8]) -> bool {
    let mut input = Input::new(rest);
    let mut state = || -> Result<bool> {
        input.utf("state name")?;
        let ty = input.i32("type")?;
        let options = input.i32("options")?;
        if !(0..=4).contains(&ty) || !(0..=4).contains(&options) {
            return Ok(false);
        }
        for _ in 0..options {
            let key = input.utf("option")?;
            if !key.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_') {
                return Ok(false);
            }
            input.utf("option value")?;
        }
        let serializers = input.i32("serializers")?;
        Ok((1..=4).contains(&serializers) && is_serializer_key(input.rest()))
    };
    state().unwrap_or(false)
}

/// Returns what stands for a serializer of an unknown class: its values are opaque.
fn unknown_class(bytes: &[u8]) -> SerializerSnapshot {
    let class = bytes.get(4..).and_then(|rest| Input::new(rest).utf("class").ok());
    SerializerSnapshot::unknown(class.as_deref().unwrap_or("unknown"), bytes)
}
