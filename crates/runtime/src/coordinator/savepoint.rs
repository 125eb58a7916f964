use std::collections::BTreeMap;
use std::sync::Arc;

use alluvium_snapshot::format::{Manifest, Place};
use alluvium_snapshot::{SavepointOptions, Snapshot, write_savepoint};

use super::checkpoint::flatten;
use super::in_flight::{Purpose, Stage};
use super::staged;
use super::{Coordinator, Event, Shared};
use crate::Error;
use crate::scheduler::in_background;
use crate::status::SavepointFormat;
use crate::task::Mail;

impl Coordinator {
    /// Writes a savepoint from a cut whose runs are durable.
    pub(super) fn write_savepoint(&mut self, id: u64, manifest: Manifest) {
        let Some(in_flight) = self.in_flight.get_mut(&id) else { return };
        let (directory, format) = match &in_flight.purpose {
            Purpose::Savepoint { directory, format, .. } | Purpose::Stop { directory, format, .. } => {
                (directory.clone(), *format)
            }
            _ => return,
        };
        in_flight.stage = Stage::Writing;
        in_flight.manifest = Some(Arc::new(manifest.clone()));
        let (shared, generation) = (Arc::clone(&self.shared), self.generation);
        let events = Arc::clone(&shared.events);
        let attempt = self.attempt.map_or(0, |a| a.number);
        let work = async move { savepoint(&shared, manifest, directory, format, attempt).await };
        in_background(&*self.shared.scheduler, work, move |result| {
            let result = flatten(result, "writing a savepoint");
            events.post(Event::SavepointWritten { generation, checkpoint_id: id, result });
        });
    }

    pub(super) fn savepoint_written(&mut self, id: u64, result: Result<(String, u64), Error>) {
        let Some(in_flight) = self.in_flight.get(&id) else { return };
        let stop = matches!(in_flight.purpose, Purpose::Stop { .. });
        match result {
            Ok((path, bytes)) => {
                self.note(id, |status| {
                    status.bytes_written += bytes;
                    status.bytes_referenced = bytes;
                });
                if stop {
                    self.stopping = Some(self.finish_later(id, path.clone()));
                    self.tell_all(|| Mail::Complete(id));
                    self.begin_ending(id);
                } else {
                    self.finish_in_flight(id, path, id);
                }
            }
            Err(error) if matches!(error, Error::Fenced { .. }) => {
                self.forget(id, &error.chain());
                self.failed(error);
            }
            Err(error) => self.give_up(id, error.chain()),
        }
    }
}

async fn savepoint(
    shared: &Shared,
    manifest: Manifest,
    directory: Option<String>,
    format: SavepointFormat,
    attempt: u64,
) -> Result<(String, u64), Error> {
    let short = manifest.job.id.get(..6).unwrap_or(&manifest.job.id).to_owned();
    let name = format!("savepoint-{short}-{}", &shared.env.ids.next()[..12]);
    let directory_given = directory.is_some();
    let parent = directory.unwrap_or_else(|| format!("{}/savepoints", shared.root_location));
    let path = format!("{}/{name}", parent.trim_end_matches('/'));
    let store = shared.places.open(&path)?;
    let source =
        Snapshot::of(Arc::clone(shared.root.store()), manifest).await.map_err(Error::snapshot("the cut"))?;
    let options =
        SavepointOptions { compacted: format == SavepointFormat::Canonical, ..SavepointOptions::default() };
    let written = write_savepoint(&source, store, &shared.env, &options).await;
    let written = written.map_err(Error::snapshot(format!("savepoint {path}")))?;
    // Only the root tells later attempts which savepoints elsewhere may yet need what sinks staged.
    if directory_given && staged::has_pending(&written) {
        shared.root.pin_place(&name, &path).await.map_err(Error::snapshot("pinning a savepoint"))?;
    }
    shared.root.check_claim(attempt).await.map_err(super::prepare::fenced)?;
    Ok((path, manifest_bytes(&written)))
}

/// Returns the bytes of every run that a manifest lists.
pub(super) fn manifest_bytes(manifest: &Manifest) -> u64 {
    let runs = manifest.operators.iter().flat_map(|o| &o.tables).flat_map(|t| &t.runs);
    let mut objects = BTreeMap::new();
    let mut bytes = 0;
    for run in runs {
        match &run.place {
            Place::Inline(inline) => bytes += inline.len() as u64,
            Place::Object { object, offset, length } => {
                objects.insert((object.root, object.name.clone(), *offset), *length);
            }
        }
    }
    bytes + objects.values().sum::<u64>()
}
