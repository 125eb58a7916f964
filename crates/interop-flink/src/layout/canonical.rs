use alluvium_model::KeyGroup;

use super::feed::Feed;
use crate::{Error, Result};

/// Set in the first key byte of the last entry before another state, and of the last of all.
const LAST: u8 = 0x80;
/// Stands where the next state's id would, behind the last entry of a key group.
const END: u16 = 0xFFFF;

/// What the framing of one canonical key group must agree with.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Frame {
    /// The key group.
    pub(crate) group: KeyGroup,
    /// Bytes of the key group in front of each key: 1 up to 128 key groups, else 2.
    pub(crate) prefix: usize,
    /// Number of states in the header.
    pub(crate) states: u16,
}

/// An entry of a canonical key group (`FullSnapshotAsyncWriter`), not yet decoded.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RawEntry<'a> {
    /// The key behind the key group's bytes.
    pub(crate) key: &'a [u8],
    /// The value.
    pub(crate) value: &'a [u8],
    /// Where the entry begins.
    pub(crate) offset: u64,
}

/// What takes the entries of a canonical key group, with the id of their state.
pub(crate) type VisitRaw<'v> = &'v mut dyn FnMut(u16, RawEntry<'_>);

/// Returns how many bytes the key group takes in front of a key.
pub(crate) fn prefix_bytes(max_parallelism: u32) -> usize {
    if max_parallelism <= 128 { 1 } else { 2 }
}

/// Gives out the entries of one canonical key group, of `only` one state or of all.
///
/// Entries of other states are passed over by their lengths. With `only`, reading ends behind the
/// state, whose entries are contiguous.
///
/// # Errors
/// [`Error::Truncated`] and [`Error::Malformed`] for a framing that breaks its laws.
pub(crate) fn walk(feed: &mut Feed<'_>, frame: &Frame, only: Option<u16>, visit: VisitRaw<'_>) -> Result<()> {
    let mut state = state_id(feed, frame)?;
    loop {
        let wanted = only.is_none_or(|only| only == state);
        at_hand(feed, frame, state, wanted.then_some(&mut *visit));
        let last = entry(feed, frame, state, wanted.then_some(&mut *visit))?;
        if !last {
            continue;
        }
        match next_state(feed, frame)? {
            Some(_) if only == Some(state) => return Ok(()),
            Some(next) => state = next,
            None => return Ok(()),
        }
    }
}

/// Checks that a key group has the canonical framing from its first byte to its last.
pub(crate) fn is_canonical(mut feed: Feed<'_>, frame: &Frame) -> Result<bool> {
    match walk(&mut feed, frame, None, &mut |_, _| {}) {
        Ok(()) => feed.is_empty(),
        Err(Error::Truncated { .. } | Error::Malformed { .. }) => Ok(false),
        Err(other) => Err(other),
    }
}

fn state_id(feed: &mut Feed<'_>, frame: &Frame) -> Result<u16> {
    let offset = feed.offset();
    let id = number(feed)?;
    if id >= frame.states {
        return Err(Error::Malformed {
            section: "state id",
            offset,
            wanted: "the id of a state in the header",
            found: id.to_string(),
        });
    }
    Ok(id)
}

fn next_state(feed: &mut Feed<'_>, frame: &Frame) -> Result<Option<u16>> {
    let ahead = feed.want(2, "state id")?;
    if ahead.starts_with(&END.to_be_bytes()) {
        feed.consume(2);
        return Ok(None);
    }
    state_id(feed, frame).map(Some)
}

fn number(feed: &mut Feed<'_>) -> Result<u16> {
    let bytes = feed.want(2, "state id")?.first_chunk().copied().unwrap_or_default();
    feed.consume(2);
    Ok(u16::from_be_bytes(bytes))
}

/// Reads the entries of a state that are at hand as a whole, but the last of the state and the first that
/// breaks a law: [`entry`] reads these.
fn at_hand(feed: &mut Feed<'_>, frame: &Frame, state: u16, mut visit: Option<VisitRaw<'_>>) {
    let (start, bytes) = (feed.offset(), feed.ready());
    let mut rest = bytes;
    while let Some((key, behind)) = sized(rest)
        && let Some((value, behind)) = sized(behind)
        && let Some((group, key)) = key.split_at_checked(frame.prefix)
        && group.iter().fold(0, |group, byte| group << 8 | u16::from(*byte)) == frame.group.0
    {
        if let Some(visit) = &mut visit {
            visit(state, RawEntry { key, value, offset: start + (bytes.len() - rest.len()) as u64 });
        }
        rest = behind;
    }
    let read = bytes.len() - rest.len();
    feed.consume(read);
}

/// Splits off bytes with their length in front; none if that is negative or they are not all there.
#[inline]
fn sized(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk()?;
    rest.split_at_checked(usize::try_from(i32::from_be_bytes(*length)).ok()?)
}

/// Reads one entry and returns whether it is the last of its state.
fn entry(feed: &mut Feed<'_>, frame: &Frame, state: u16, visit: Option<VisitRaw<'_>>) -> Result<bool> {
    let offset = feed.offset();
    let key_len = length(feed, 0, "key length")?;
    if key_len < frame.prefix {
        return Err(Error::Malformed {
            section: "key length",
            offset,
            wanted: "room for the key group",
            found: key_len.to_string(),
        });
    }
    let head = feed.want(4 + frame.prefix, "key")?.get(4..4 + frame.prefix).unwrap_or_default();
    let last = head.first().is_some_and(|first| first & LAST != 0);
    let group = head.iter().fold(0u16, |group, byte| group << 8 | u16::from(*byte))
        & !(u16::from(LAST) << (8 * (frame.prefix - 1)));
    if group != frame.group.0 {
        return Err(Error::Malformed {
            section: "key group of a key",
            offset: offset + 4,
            wanted: "the key group of its place in the file",
            found: format!("{group} in key group {}", frame.group),
        });
    }
    match visit {
        None => {
            feed.skip(4 + key_len, "key")?;
            let value_len = length(feed, 0, "value length")?;
            feed.skip(4 + value_len, "value")?;
        }
        Some(visit) => {
            let value_len = length(feed, 4 + key_len, "value length")?;
            let size = (8 + key_len).saturating_add(value_len);
            let bytes = feed.want(size, "value")?;
            let key = bytes.get(4 + frame.prefix..4 + key_len).unwrap_or_default();
            let value = bytes.get(8 + key_len..size).unwrap_or_default();
            visit(state, RawEntry { key, value, offset });
            feed.consume(size);
        }
    }
    Ok(last)
}

/// Reads a length that stands `ahead` bytes on, without consuming it.
fn length(feed: &mut Feed<'_>, ahead: usize, section: &'static str) -> Result<usize> {
    let offset = feed.offset() + ahead as u64;
    let bytes = feed.want(ahead.saturating_add(4), section)?;
    let found = bytes.get(ahead..).and_then(|rest| rest.first_chunk()).copied().unwrap_or_default();
    let found = i32::from_be_bytes(found);
    usize::try_from(found).map_err(|_| Error::Malformed {
        section,
        offset,
        wanted: "a length that is not negative",
        found: found.to_string(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::InMemory;

    /// flink-format.md, 18.3: a key group with String keys and String namespaces.
    pub(crate) const GROUP: &str = "0002 0000000E 01046B313804066E732D31380601 00000003 000277 \
        00000015 01046B313804066E732D31380608756B6E732D3138 00000004 00037576 \
        00000009 01046B313804010101 00000003 000277 0000000B 81046B31380401010375 6B \
        00000004 00037576 0000 0000000D 01046B313804066E732D313806 0000000C \
        0365312C0865326E732D3138 00000008 81046B3138040101 00000007 0365312C036532 0001 \
        0000000D 01046B313804066E732D313806 00000008 00000000000000C6 00000008 81046B3138040101 \
        00000008 00000000000000C6 FFFF";

    pub(crate) fn hex(text: &str) -> Vec<u8> {
        let digits: Vec<u8> = text.bytes().filter(u8::is_ascii_hexdigit).collect();
        let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
        digits.chunks(2).map(byte).collect()
    }

    const FRAME: Frame = Frame { group: KeyGroup(1), prefix: 1, states: 3 };

    fn check(bytes: &[u8], only: Option<u16>) -> Result<Vec<(u16, usize, usize)>> {
        let stream = InMemory::new("s", bytes.to_vec());
        let mut found = Vec::new();
        let mut feed = Feed::plain(&stream, 0, bytes.len() as u64);
        walk(&mut feed, &FRAME, only, &mut |state, entry| {
            found.push((state, entry.key.len(), entry.value.len()));
        })?;
        Ok(found)
    }

    #[test]
    fn entries_of_every_state_are_found() {
        let found = check(&hex(GROUP), None).unwrap();
        let want =
            [(2, 13, 3), (2, 20, 4), (2, 8, 3), (2, 10, 4), (0, 12, 12), (0, 7, 7), (1, 12, 8), (1, 7, 8)];
        assert_eq!(found, want);
    }

    #[test]
    fn other_states_are_passed_over() {
        assert_eq!(check(&hex(GROUP), Some(1)).unwrap(), [(1, 12, 8), (1, 7, 8)]);
        assert_eq!(check(&hex(GROUP), Some(0)).unwrap(), [(0, 12, 12), (0, 7, 7)]);
    }

    #[test]
    fn a_key_group_cut_anywhere_is_not_canonical() {
        let whole = hex(GROUP);
        for len in 0..whole.len() {
            assert!(check(&whole[..len], None).is_err(), "{len}");
        }
        let stream = InMemory::new("s", whole.clone());
        assert!(is_canonical(Feed::plain(&stream, 0, whole.len() as u64), &FRAME).unwrap());
        let other = Frame { group: KeyGroup(2), ..FRAME };
        assert!(!is_canonical(Feed::plain(&stream, 0, whole.len() as u64), &other).unwrap());
    }

    #[test]
    fn two_bytes_of_key_group_keep_their_flag_apart() {
        let bytes = hex("0000 00000003 812C07 00000000 FFFF");
        let stream = InMemory::new("s", bytes.clone());
        let frame = Frame { group: KeyGroup(300), prefix: 2, states: 1 };
        assert!(is_canonical(Feed::plain(&stream, 0, bytes.len() as u64), &frame).unwrap());
    }
}
