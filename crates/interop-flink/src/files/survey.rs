//! Whether the files of a snapshot are there.

use std::collections::BTreeMap;

use super::Files;
use crate::metadata::{KeyedHandle, Metadata, StreamHandle};
use crate::{Error, Result};

/// What became of the files that a snapshot refers to.
#[derive(Debug, Default)]
pub struct Survey {
    /// Number of files that are there and have the length recorded, or one that no record tells.
    pub present: u64,
    /// Bytes of those files.
    pub present_bytes: u64,
    /// Recorded paths of files that are not there.
    pub missing: Vec<String>,
    /// Files of another length.
    pub wrong_length: Vec<WrongLength>,
    /// Recorded paths that cannot be followed, and why.
    pub refused: Vec<(String, Error)>,
}

/// A file of another length than recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WrongLength {
    /// Its recorded path.
    pub path: String,
    /// Its length.
    pub found: u64,
    /// The length recorded; for a shared file the end of the segment farthest behind.
    pub recorded: u64,
}

impl Survey {
    /// Returns whether every file is there with its length.
    pub fn is_whole(&self) -> bool {
        self.missing.is_empty() && self.wrong_length.is_empty() && self.refused.is_empty()
    }
}

/// What the handles of one file say of its length.
#[derive(Debug, Clone, Copy)]
enum Length {
    Exactly(u64),
    AtLeast(u64),
}

impl Files {
    /// Looks for every file that the metadata refers to; reads none of them. Files of a changelog
    /// have no length recorded.
    ///
    /// # Errors
    /// Faults of the medium. Files that are not there are part of the answer.
    pub fn survey(&self, metadata: &Metadata) -> Result<Survey> {
        let mut files: BTreeMap<&str, (&StreamHandle, Length)> = BTreeMap::new();
        metadata.for_each_stream(|_, _, _, stream| note(stream, false, &mut files));
        let keyed = metadata.operators.iter().flat_map(|operator| &operator.subtasks);
        for handle in keyed.flat_map(|subtask| subtask.managed_keyed.iter().chain(&subtask.raw_keyed)) {
            note_changelog(handle, &mut files);
        }
        let mut survey = Survey::default();
        for (path, (stream, length)) in files {
            match self.find(stream, path) {
                Ok(found) => survey.add(path, found.len, length),
                Err(Error::Missing { .. }) => survey.missing.push(path.into()),
                Err(error @ Error::Store(alluvium_store::Error::Io { .. })) => return Err(error),
                Err(error) => survey.refused.push((path.into(), error)),
            }
        }
        Ok(survey)
    }
}

impl Survey {
    fn add(&mut self, path: &str, found: u64, length: Length) {
        let (fits, recorded) = match length {
            Length::Exactly(recorded) => (found == recorded, recorded),
            Length::AtLeast(recorded) => (found >= recorded, recorded),
        };
        if fits {
            self.present += 1;
            self.present_bytes = self.present_bytes.saturating_add(found);
        } else {
            self.wrong_length.push(WrongLength { path: path.into(), found, recorded });
        }
    }
}

/// Notes the file of a stream with what is known of its length.
fn note<'m>(
    stream: &'m StreamHandle,
    is_changelog: bool,
    files: &mut BTreeMap<&'m str, (&'m StreamHandle, Length)>,
) {
    let length = match stream {
        StreamHandle::InMemory { .. } | StreamHandle::EmptySegment => return,
        StreamHandle::KeyGroups { stream, .. } => return note(stream, is_changelog, files),
        StreamHandle::File { .. } if is_changelog => Length::AtLeast(0),
        StreamHandle::File { size, .. } | StreamHandle::Relative { size, .. } => {
            u64::try_from(*size).map_or(Length::AtLeast(0), Length::Exactly)
        }
        StreamHandle::Segment { start, size, .. } => {
            Length::AtLeast(u64::try_from(start.saturating_add(*size)).unwrap_or(0))
        }
    };
    let Some(path) = stream.path() else { return };
    let known = files.entry(path).or_insert((stream, length));
    known.1 = match (known.1, length) {
        _ if is_changelog => length,
        (Length::AtLeast(one), Length::AtLeast(other)) => Length::AtLeast(one.max(other)),
        (known, _) => known,
    };
}

fn note_changelog<'m>(handle: &'m KeyedHandle, files: &mut BTreeMap<&'m str, (&'m StreamHandle, Length)>) {
    match handle {
        KeyedHandle::Changelog { materialised, increments, .. } => {
            materialised.iter().chain(increments).for_each(|handle| note_changelog(handle, files));
        }
        KeyedHandle::ChangelogFiles { streams, .. } => {
            streams.iter().for_each(|(_, stream)| note(stream, true, files));
        }
        _ => {}
    }
}
