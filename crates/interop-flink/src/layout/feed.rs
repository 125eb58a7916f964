use std::io::{self, Read};

use snap::read::FrameDecoder;

use crate::{Error, ReadAt, Result};

/// The ten bytes in front of every Snappy framed stream.
pub(crate) const SNAPPY_IDENTIFIER: [u8; 10] = *b"\xFF\x06\x00\x00sNaPpY";

/// Bytes read at once.
const STEP: usize = 256 * 1024;

/// A stretch of a stream read in order, plain or out of Snappy frames
/// (`SnappyStreamCompressionDecorator`).
///
/// Holds what [`Feed::want`] asked for and at most [`STEP`] bytes more. Offsets count from the
/// start of the stream where it is plain, from the start of the stretch in uncompressed bytes
/// where it is compressed.
pub(crate) struct Feed<'a> {
    source: Source<'a>,
    buffer: Vec<u8>,
    start: usize,
    offset: u64,
}

enum Source<'a> {
    Plain(Stretch<'a>),
    Snappy(Box<FrameDecoder<io::Chain<&'static [u8], Stretch<'a>>>>),
}

impl<'a> Feed<'a> {
    /// Reads `from..to` as it is.
    pub(crate) fn plain(stream: &'a dyn ReadAt, from: u64, to: u64) -> Self {
        Self::over(Source::Plain(Stretch { stream, next: from, end: to }), from)
    }

    /// Reads `from..to` as Snappy frames; `from` may be a boundary between frames.
    pub(crate) fn snappy(stream: &'a dyn ReadAt, from: u64, to: u64) -> Self {
        let frames = SNAPPY_IDENTIFIER.chain(Stretch { stream, next: from, end: to });
        Self::over(Source::Snappy(Box::new(FrameDecoder::new(frames))), 0)
    }

    /// Reads `from..to`, as Snappy frames if `compressed`.
    pub(crate) fn of(stream: &'a dyn ReadAt, from: u64, to: u64, compressed: bool) -> Self {
        if compressed { Self::snappy(stream, from, to) } else { Self::plain(stream, from, to) }
    }

    fn over(source: Source<'a>, offset: u64) -> Self {
        Feed { source, buffer: Vec::new(), start: 0, offset }
    }

    /// Returns the offset of the next byte.
    pub(crate) fn offset(&self) -> u64 {
        self.offset
    }

    /// Returns at least `len` bytes from the next one on, without consuming them.
    pub(crate) fn want(&mut self, len: usize, section: &'static str) -> Result<&[u8]> {
        if self.ready().len() < len {
            self.fill(len, section)?;
        }
        Ok(self.ready())
    }

    /// Consumes bytes that [`Feed::want`] gave.
    pub(crate) fn consume(&mut self, len: usize) {
        let len = len.min(self.ready().len());
        self.start += len;
        self.offset += len as u64;
    }

    /// Consumes bytes without looking at them; plain ones that are not at hand are not read.
    pub(crate) fn skip(&mut self, len: usize, section: &'static str) -> Result<()> {
        let here = self.ready().len().min(len);
        self.consume(here);
        let mut left = len - here;
        if let Source::Plain(stretch) = &mut self.source {
            let ahead = (stretch.end.saturating_sub(stretch.next)).min(left as u64);
            stretch.next += ahead;
            self.offset += ahead;
            left -= usize::try_from(ahead).unwrap_or(left);
        }
        while left > 0 {
            let step = left.min(STEP);
            self.want(step, section)?;
            self.consume(step);
            left -= step;
        }
        Ok(())
    }

    /// Returns whether nothing is left.
    pub(crate) fn is_empty(&mut self) -> Result<bool> {
        if self.ready().is_empty() {
            self.more(1)?;
        }
        Ok(self.ready().is_empty())
    }

    /// Reads everything that is left.
    pub(crate) fn rest(mut self, section: &'static str, limit: u64) -> Result<Vec<u8>> {
        loop {
            let size = self.ready().len() as u64;
            if size > limit {
                return Err(Error::TooLarge { section, offset: self.offset, size, limit });
            }
            if self.more(STEP)? == 0 {
                self.buffer.drain(..self.start);
                return Ok(self.buffer);
            }
        }
    }

    /// Returns the bytes at hand.
    pub(crate) fn ready(&self) -> &[u8] {
        self.buffer.get(self.start..).unwrap_or_default()
    }

    fn fill(&mut self, len: usize, section: &'static str) -> Result<()> {
        self.buffer.drain(..self.start.min(self.buffer.len()));
        self.start = 0;
        while self.ready().len() < len {
            if self.more(len - self.ready().len())? == 0 {
                let (offset, left) = (self.offset, self.ready().len() as u64);
                return Err(Error::Truncated { section, offset, wanted: len as u64, left });
            }
        }
        Ok(())
    }

    /// Reads a step more, however much is wanted: a length that lies does not take memory.
    fn more(&mut self, wanted: usize) -> Result<usize> {
        match &mut self.source {
            Source::Plain(stretch) => stretch.append(wanted.clamp(STEP, 64 * STEP), &mut self.buffer),
            Source::Snappy(frames) => {
                let before = self.buffer.len();
                let step = frames.as_mut().take(wanted.clamp(STEP, 64 * STEP) as u64);
                { step }.read_to_end(&mut self.buffer).map_err(|error| of_frames(error, self.offset))?;
                Ok(self.buffer.len() - before)
            }
        }
    }
}

/// A stretch of a stream, for readers that want [`Read`].
struct Stretch<'a> {
    stream: &'a dyn ReadAt,
    next: u64,
    end: u64,
}

impl Stretch<'_> {
    fn append(&mut self, most: usize, out: &mut Vec<u8>) -> Result<usize> {
        let left = self.end.min(self.stream.len()).saturating_sub(self.next);
        let len = usize::try_from(left).map_or(most, |left| left.min(most));
        if len > 0 {
            self.stream.read_onto(self.next, len, out)?;
            self.next += len as u64;
        }
        Ok(len)
    }
}

impl Read for Stretch<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let left = self.end.min(self.stream.len()).saturating_sub(self.next);
        let len = usize::try_from(left).map_or(out.len(), |left| left.min(out.len()));
        if len > 0 {
            let bytes = self.stream.read_at(self.next, len).map_err(io::Error::other)?;
            for (to, from) in out.iter_mut().zip(&bytes) {
                *to = *from;
            }
            self.next += len as u64;
        }
        Ok(len)
    }
}

/// Takes the room's own error out of one that passed through [`Read`].
fn of_frames(error: io::Error, offset: u64) -> Error {
    let section = "Snappy frame";
    if error.get_ref().is_some_and(|inner| inner.is::<Error>()) {
        return match error.into_inner().map(|inner| inner.downcast::<Error>()) {
            Some(Ok(inner)) => *inner,
            _ => Error::Truncated { section, offset, wanted: 1, left: 0 },
        };
    }
    match error.kind() {
        io::ErrorKind::UnexpectedEof => Error::Truncated { section, offset, wanted: 1, left: 0 },
        _ => Error::Malformed { section, offset, wanted: "frames that are whole", found: error.to_string() },
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;
    use crate::InMemory;

    fn framed(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = snap::write::FrameEncoder::new(Vec::new());
        encoder.write_all(bytes).unwrap();
        encoder.into_inner().unwrap()
    }

    #[test]
    fn a_repeated_stream_identifier_is_read_over() {
        let mut bytes = framed(b"one");
        bytes.extend(framed(b"two"));
        let stream = InMemory::new("s", bytes.clone());
        let all = Feed::snappy(&stream, 0, bytes.len() as u64).rest("all", 100).unwrap();
        assert_eq!(all, b"onetwo");
    }

    #[test]
    fn frames_are_read_from_a_boundary() {
        let whole = framed(b"element");
        let stream = InMemory::new("s", whole.clone());
        let bytes = Feed::snappy(&stream, 10, whole.len() as u64).rest("element", 100).unwrap();
        assert_eq!(bytes, b"element");
    }

    #[test]
    fn a_wrong_checksum_is_found() {
        let mut bytes = framed(&[7; 100]);
        bytes[15] ^= 1;
        let stream = InMemory::new("s", bytes.clone());
        let error = Feed::snappy(&stream, 0, bytes.len() as u64).rest("all", 1000).unwrap_err();
        assert!(matches!(error, Error::Malformed { section: "Snappy frame", .. }), "{error}");
    }

    #[test]
    fn what_is_skipped_is_not_read() {
        let stream = InMemory::new("s", vec![5u8; 3 * STEP]);
        let mut feed = Feed::plain(&stream, 1, 3 * STEP as u64);
        assert_eq!(feed.want(1, "x").unwrap()[0], 5);
        feed.skip(2 * STEP, "x").unwrap();
        assert_eq!(feed.offset(), 2 * STEP as u64 + 1);
        assert!(feed.skip(STEP, "x").is_err());
    }

    #[test]
    fn a_length_that_lies_takes_no_memory() {
        let stream = InMemory::new("s", vec![0u8; 10]);
        let mut feed = Feed::plain(&stream, 0, 10);
        assert!(matches!(feed.want(usize::MAX, "x"), Err(Error::Truncated { left: 10, .. })));
    }
}
