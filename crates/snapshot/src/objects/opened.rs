use std::collections::VecDeque;

use alluvium_format::Place;
use alluvium_table::OpenRun;

/// Runs opened for look-ups, so that the next look-up does not open them again.
///
/// Known by the digest of their object and their place in it; their metadata was checked.
#[derive(Debug, Default)]
pub(crate) struct Opened {
    runs: VecDeque<(u128, u64, OpenRun)>,
}

/// Runs kept; the metadata of a file of 256 MiB takes some hundred KiB.
const RUNS_MAX: usize = 16;

impl Opened {
    /// Returns a run that was opened lately.
    pub(crate) fn get(&self, place: &Place) -> Option<OpenRun> {
        let Place::Object { object, offset, .. } = place else { return None };
        let found = self.runs.iter().find(|(digest, at, _)| (*digest, *at) == (object.digest, *offset));
        found.map(|(_, _, run)| run.clone())
    }

    /// Keeps a run in place of the one that was kept first.
    pub(crate) fn keep(&mut self, place: &Place, run: OpenRun) {
        let Place::Object { object, offset, .. } = place else { return };
        if self.get(place).is_some() {
            return;
        }
        if self.runs.len() == RUNS_MAX {
            self.runs.pop_front();
        }
        self.runs.push_back((object.digest, *offset, run));
    }
}
