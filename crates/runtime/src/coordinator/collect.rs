use std::sync::Arc;

use alluvium_snapshot::format::reach;
use alluvium_snapshot::{Collected, Retention};

use super::checkpoint::flatten;
use super::{Coordinator, Event};
use crate::Error;
use crate::scheduler::in_background;
use crate::status::SnapshotKind;

impl Coordinator {
    /// Removes checkpoints beyond those retained and what only they needed, in the background.
    pub(super) fn collect(&mut self) {
        let Some(attempt) = self.attempt.filter(|_| !self.collecting) else { return };
        self.collecting = true;
        let config = &self.shared.config.checkpoints;
        let mut retention = Retention::of(config.retain.max(1));
        retention.grace_ms = i64::try_from(config.grace_ms).unwrap_or(i64::MAX);
        retention.in_progress = self.tasks.values().flat_map(|t| t.ledger.object_names()).collect();
        retention.in_progress.extend(self.description.iter().map(|o| o.name.clone()));
        for in_flight in self.in_flight.values() {
            retention.in_progress.extend(in_flight.object_names());
            let manifest = in_flight.manifest.iter().flat_map(|m| reach::references(m));
            retention.in_progress.extend(manifest.map(|o| o.name.clone()));
        }
        let shared = Arc::clone(&self.shared);
        let events = Arc::clone(&shared.events);
        let work = async move {
            shared
                .root
                .collect(attempt.number, &retention)
                .await
                .map_err(Error::snapshot("collecting checkpoints"))
        };
        in_background(&*self.shared.scheduler, work, move |result| {
            events.post(Event::Collected { result: flatten(result, "collecting") });
        });
    }

    pub(super) fn collected(&mut self, result: Result<Collected, Error>) {
        self.collecting = false;
        // What could not be collected now is found again by the next collection.
        if let Ok(collected) = result {
            self.shared.board.change(|board| {
                for status in &mut board.history.entries {
                    let checkpoint = status.kind == SnapshotKind::Checkpoint;
                    let gone = |name: &alluvium_snapshot::CheckpointName| name.checkpoint_id == status.id;
                    status.discarded |= checkpoint && collected.checkpoints.iter().any(gone);
                }
            });
        }
        self.end_if_settled();
    }
}
