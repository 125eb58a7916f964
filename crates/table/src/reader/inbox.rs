use std::ops::Range;

use bytes::Bytes;

use crate::{Error, Result, rule};

/// The bytes that a reader asked for and was given.
///
/// A step that needs bytes calls [`Inbox::take`] with the same ranges until it gets them.
pub(super) struct Inbox {
    pub(super) length: u64,
    held: Option<(u64, Bytes)>,
    asked: Vec<Range<u64>>,
    supplied: Option<Vec<Bytes>>,
}

impl Inbox {
    pub(super) fn new(length: u64) -> Self {
        Inbox { length, held: None, asked: Vec::new(), supplied: None }
    }

    /// Keeps the bytes from `start` at hand.
    pub(super) fn hold(&mut self, start: u64, bytes: Bytes) {
        self.held = Some((start, bytes));
    }

    /// Forgets held bytes unless they are the whole file.
    pub(super) fn release(&mut self) {
        if self.held.as_ref().is_some_and(|(start, _)| *start > 0) {
            self.held = None;
        }
    }

    pub(super) fn clear(&mut self) {
        *self = Inbox::new(self.length);
    }

    pub(super) fn asked(&self) -> Vec<Range<u64>> {
        self.asked.clone()
    }

    pub(super) fn supply(&mut self, bytes: Vec<Bytes>) -> Result<()> {
        let wanted: u64 = self.asked.iter().map(|r| r.end - r.start).sum();
        let found: u64 = bytes.iter().map(|b| b.len() as u64).sum();
        let lengths = self.asked.iter().map(|r| r.end - r.start);
        if !lengths.eq(bytes.iter().map(|b| b.len() as u64)) {
            return Err(Error::Supplied { wanted, found });
        }
        self.supplied = Some(bytes);
        Ok(())
    }

    /// Returns the bytes of ranges, or nothing when they have been asked for just now.
    pub(super) fn take(&mut self, ranges: &[Range<u64>]) -> Result<Option<Vec<Bytes>>> {
        if let Some(odd) = ranges.iter().find(|r| r.start > r.end || r.end > self.length) {
            let found = format!("bytes {}..{} of {}", odd.start, odd.end, self.length);
            return Err(Error::malformed("layout", rule::NUMBERS, found));
        }
        if let Some(bytes) = ranges.iter().map(|range| self.at_hand(range)).collect() {
            return Ok(Some(bytes));
        }
        if self.asked == ranges
            && let Some(bytes) = self.supplied.take()
        {
            self.asked.clear();
            return Ok(Some(bytes));
        }
        self.supplied = None;
        self.asked = ranges.to_vec();
        Ok(None)
    }

    fn at_hand(&self, range: &Range<u64>) -> Option<Bytes> {
        let (start, held) = self.held.as_ref()?;
        let from = usize::try_from(range.start.checked_sub(*start)?).ok()?;
        let to = usize::try_from(range.end.checked_sub(*start)?).ok()?;
        (to <= held.len()).then(|| held.slice(from..to))
    }
}
