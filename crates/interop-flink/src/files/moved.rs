//! Snapshots that lie elsewhere than where they were written.

use std::collections::BTreeSet;
use std::sync::{Arc, PoisonError};

use super::uri::Uri;
use super::{Files, Found, join};
use crate::{Error, Result};

/// Directories around the metadata that are searched: its own, and three above. From
/// `<base>/<job id>/chk-<n>` that reaches the base and what lies beside it.
const ABOVE: usize = 4;

/// Most names at the end of a recorded path that are looked for, such as
/// `checkpoints/<job id>/shared/<folder of merged files>/<file>`.
const TAIL: usize = 6;

impl Files {
    /// Looks for a file under its last names in the directories around the metadata, and remembers
    /// how the paths differ.
    pub(super) fn find_moved(&self, uri: &Uri, recorded: &str) -> Result<Option<Found>> {
        let mut paths = BTreeSet::new();
        let mut moves = Vec::new();
        for (folder, least) in self.around() {
            for count in least..=TAIL.min(uri.names().len()) {
                let tail = uri.names().get(uri.names().len() - count..).unwrap_or_default();
                if count == 1 && !tail.iter().all(|name| is_uuid(name)) {
                    continue;
                }
                let path = join(folder, tail);
                if self.home.size(&path)?.is_some() {
                    moves.push((uri.without(count), folder.to_owned()));
                    paths.insert(path);
                }
            }
        }
        if paths.len() > 1 {
            let candidates = paths.iter().map(|path| self.home.shown(path)).collect();
            return Err(Error::Ambiguous { what: recorded.into(), candidates });
        }
        let Some(path) = paths.pop_first() else { return Ok(None) };
        self.learned.lock().unwrap_or_else(PoisonError::into_inner).extend(moves);
        let len = self.home.size(&path)?;
        Ok(len.map(|len| Found { volume: Arc::clone(&self.home), path, len }))
    }

    /// Returns how recorded paths and those of files found elsewhere differ, so far: what a path began
    /// with, and the folder that stands for it now.
    pub fn moved(&self) -> Vec<(String, String)> {
        let learned = self.learned.lock().unwrap_or_else(PoisonError::into_inner);
        let pairs = learned.iter().map(|(old, new)| (old.to_string(), self.home.shown(new)));
        pairs.collect::<BTreeSet<_>>().into_iter().collect()
    }

    /// Returns the directories to search, with the fewest names that must agree in each. One name
    /// is enough beside the metadata, and only if it is a UUID, as the files of savepoints are.
    fn around(&self) -> impl Iterator<Item = (&str, usize)> {
        let mut next = Some(self.base.as_str());
        let above = std::iter::from_fn(move || {
            let folder = next?;
            next = match folder.rsplit_once('/') {
                Some((above, _)) => Some(above),
                None if folder.is_empty() => None,
                None => Some(""),
            };
            Some(folder)
        });
        above.take(ABOVE).enumerate().map(|(level, folder)| (folder, if level == 0 { 1 } else { 2 }))
    }
}

fn is_uuid(name: &str) -> bool {
    let parts: Vec<&str> = name.split('-').collect();
    let lengths: Vec<usize> = parts.iter().map(|part| part.len()).collect();
    lengths == [8, 4, 4, 4, 12] && parts.iter().all(|part| part.bytes().all(|byte| byte.is_ascii_hexdigit()))
}
