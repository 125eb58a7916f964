//! Records in flight of unaligned checkpoints (`ChannelStateSerializerImpl`).

use crate::bytes::Input;
use crate::metadata::Channel;
use crate::{Error, ReadAt, Result};

/// Most bytes of one channel.
const CHANNEL_BYTES_MAX: u64 = 1 << 30;

/// An element of a channel (`StreamElementSerializer`): the record's own serializer is the job's and
/// not in the snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Element<'a> {
    /// Position in [`KINDS`].
    pub(crate) kind: u32,
    /// Timestamp of a record or of a watermark.
    pub(crate) timestamp: Option<i64>,
    /// What follows.
    pub(crate) bytes: &'a [u8],
}

/// Kinds of elements.
pub(crate) const KINDS: [&str; 7] = [
    "record",
    "watermark",
    "latency-marker",
    "watermark-status",
    "record-attributes",
    "internal-watermark",
    "fragment",
];
const FRAGMENT: u32 = 6;

/// Reads the buffers of a channel, one behind the other.
///
/// # Errors
/// [`Error::Truncated`], [`Error::Malformed`] and [`Error::TooLarge`]; faults of the store.
pub(crate) fn read_channel(stream: &dyn ReadAt, channel: &Channel) -> Result<Vec<u8>> {
    let section = "channel buffer";
    let mut bytes = Vec::new();
    for offset in &channel.offsets {
        let start = u64::try_from(*offset).map_err(|_| Error::Malformed {
            section,
            offset: 0,
            wanted: "an offset that is not negative",
            found: offset.to_string(),
        })?;
        let head = stream.read_at(start, 4)?;
        let len = Input::at(&head, start).length(section)?;
        let size = bytes.len() as u64 + len as u64;
        if size > CHANNEL_BYTES_MAX {
            return Err(Error::TooLarge { section, offset: start, size, limit: CHANNEL_BYTES_MAX });
        }
        bytes.extend_from_slice(&stream.read_at(start + 4, len)?);
    }
    Ok(bytes)
}

/// Gives out the elements of a channel's buffers. Buffers are cut anywhere: what is not a whole
/// element, at the front or at the end, is a fragment.
pub(crate) fn walk<'a>(bytes: &'a [u8], visit: &mut dyn FnMut(Element<'a>)) {
    let mut input = Input::new(bytes);
    while !input.is_empty() {
        let rest = input.rest();
        let element = input.bytes32("record").ok().and_then(element);
        match element {
            Some(element) => visit(element),
            None => return visit(Element { kind: FRAGMENT, timestamp: None, bytes: rest }),
        }
    }
}

fn element(bytes: &[u8]) -> Option<Element<'_>> {
    let mut input = Input::new(bytes);
    let tag = input.u8("element").ok()?;
    let kind = match tag {
        0 | 1 => 0,
        2 => 1,
        3 => 2,
        4 => 3,
        5 => 4,
        6 => 5,
        _ => return None,
    };
    let subpartition = if tag == 6 { 4 } else { 0 };
    let mut ahead = input.clone();
    ahead.take(subpartition, "element").ok()?;
    let timestamp = match tag {
        0 | 2 | 3 | 6 => Some(ahead.i64("timestamp").ok()?),
        _ => None,
    };
    if matches!(tag, 0 | 2) {
        input = ahead;
    }
    Some(Element { kind, timestamp, bytes: input.rest() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(bytes: &[u8], want: &[(&str, Option<i64>, &[u8])]) {
        let mut found = Vec::new();
        walk(bytes, &mut |element| {
            found.push((KINDS[element.kind as usize], element.timestamp, element.bytes))
        });
        assert_eq!(found, want);
    }

    #[test]
    fn records_are_told_from_watermarks() {
        let record = [0, 0, 0, 10, 0, 0, 0, 0, 0, 0, 0, 0, 5, 7];
        let plain = [0, 0, 0, 2, 1, 8];
        let watermark = [0, 0, 0, 9, 2, 0, 0, 0, 0, 0, 0, 0, 6];
        let want: [(&str, Option<i64>, &[u8]); 3] =
            [("record", Some(5), &[7]), ("record", None, &[8]), ("watermark", Some(6), &[])];
        check(&[&record[..], &plain, &watermark].concat(), &want);
    }

    #[test]
    fn what_is_cut_is_a_fragment() {
        check(&[0, 0, 0, 2, 1, 8, 0, 0], &[("record", None, &[8]), ("fragment", None, &[0, 0])]);
        check(&[9, 9, 9, 9, 9], &[("fragment", None, &[9, 9, 9, 9, 9])]);
    }
}
