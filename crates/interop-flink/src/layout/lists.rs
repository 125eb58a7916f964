//! Operator state: lists by their offsets, and maps that every subtask has
//! (`PartitionableListState`, `HeapBroadcastState`).

use super::feed::Feed;
use super::shape::next;
use crate::bytes::Input;
use crate::metadata::OperatorHandle;
use crate::serializer::Serializer;
use crate::{Error, ReadAt, Result};

/// Most bytes of one element or one broadcast state.
const ELEMENT_BYTES_MAX: u64 = 1 << 30;

/// The data of a file of operator state.
#[derive(Debug)]
pub(crate) struct ListFile<'a> {
    stream: &'a dyn ReadAt,
    compressed: bool,
    /// Where an element begins, ascending.
    starts: Vec<u64>,
}

impl<'a> ListFile<'a> {
    /// Wraps a stream with the offsets of its handle.
    pub(crate) fn new(stream: &'a dyn ReadAt, handle: &OperatorHandle, compressed: bool) -> Self {
        let offsets = handle.states.iter().flat_map(|state| &state.offsets);
        let mut starts: Vec<u64> = offsets.filter_map(|offset| u64::try_from(*offset).ok()).collect();
        starts.sort_unstable();
        starts.dedup();
        ListFile { stream, compressed, starts }
    }

    /// Returns the bytes of the element at an offset: to where the next one begins.
    ///
    /// # Errors
    /// [`Error::Truncated`] for an offset behind the file; [`Error::Malformed`] for a negative one and
    /// for broken frames; faults of the store.
    pub(crate) fn element(&self, offset: i64) -> Result<Vec<u8>> {
        let Ok(start) = u64::try_from(offset) else {
            return Err(Error::Malformed {
                section: "element offset",
                offset: 0,
                wanted: "an offset that is not negative",
                found: offset.to_string(),
            });
        };
        if start > self.stream.len() {
            let (wanted, left) = (start - self.stream.len(), 0);
            return Err(Error::Truncated { section: "element", offset: self.stream.len(), wanted, left });
        }
        let next = self.starts.partition_point(|other| *other <= start);
        let end = self.starts.get(next).copied().unwrap_or(self.stream.len());
        Feed::of(self.stream, start, end, self.compressed).rest("element", ELEMENT_BYTES_MAX)
    }
}

/// Gives out key and value of each entry of broadcast state: i32 size, then keys and values.
///
/// # Errors
/// [`Error::Undecodable`] behind the last entry that could be read.
pub(crate) fn walk_broadcast(
    bytes: &[u8],
    base: u64,
    key: &Serializer,
    value: &Serializer,
    visit: &mut dyn FnMut(&[u8], &[u8]),
) -> Result<()> {
    let mut input = Input::at(bytes, base);
    let count = input.count(1, "broadcast state size")?;
    for done in 0..count {
        let offset = input.offset();
        let key = next(key, &mut input);
        match key.and_then(|key| Ok((key, next(value, &mut input)?))) {
            Ok((key, value)) => visit(key, value),
            Err(cause) => {
                let (entry, entries) = (done as u64, count as u64);
                let left = (input.offset() + input.left() as u64).saturating_sub(offset);
                return Err(Error::Undecodable { entry, entries, offset, left, cause: Box::new(cause) });
            }
        }
    }
    Ok(())
}
