use std::collections::BTreeMap;
use std::sync::Arc;

use alluvium_snapshot::Published;
use alluvium_snapshot::format::{ObjectRef, reach};

use super::in_flight::{InFlight, Purpose, Stage};
use super::{Command, Coordinator, Event, Phase};
use crate::Error;
use crate::channel::Barrier;
use crate::ledger::AckedTable;
use crate::plan::TaskId;
use crate::planted::{Bug, is_planted};
use crate::scheduler::in_background;
use crate::status::{CheckpointState, CheckpointStatus, TriggerStatus};
use crate::task::Mail;

impl Coordinator {
    /// Gives up what takes too long and starts what is due.
    pub(super) fn tick_checkpoints(&mut self, now_ns: u64) {
        let ms = self.shared.config.checkpoints.timeout_ms;
        let late = |f: &&InFlight| f.stage == Stage::Collecting && now_ns >= self.times_out_ns(f);
        let late: Vec<u64> = self.in_flight.values().filter(late).map(InFlight::id).collect();
        for id in late {
            self.give_up(id, format!("not complete after {ms} ms"));
        }
        if self.phase != Phase::Running || !self.has_room() {
            return;
        }
        if let Some(purpose) = self.next_purpose(now_ns) {
            self.start_snapshot(purpose, now_ns);
        }
    }

    pub(super) fn next_checkpoint_due_ns(&self) -> Option<u64> {
        let collecting = self.in_flight.values().filter(|f| f.stage == Stage::Collecting);
        let times_out = collecting.map(|f| self.times_out_ns(f)).min();
        times_out.into_iter().chain(self.start_due_ns()).min()
    }

    /// Returns whether another snapshot may be started beside those in flight.
    fn has_room(&self) -> bool {
        let config = &self.shared.config.checkpoints;
        // A pause between checkpoints means that there are no two at a time.
        let most = if config.min_pause_ms > 0 { 1 } else { config.max_concurrent.max(1) };
        let shared = self.in_flight.values().all(|f| !f.purpose.is_alone());
        self.ending.is_none() && shared && self.in_flight.len() < most
    }

    /// Takes what is to be started now: what was asked for goes first, and nothing is started
    /// before it while it waits to be alone.
    fn next_purpose(&mut self, now_ns: u64) -> Option<Purpose> {
        if now_ns >= self.ask_again_ns && !self.asked.is_empty() {
            return if self.asked_must_wait() { None } else { self.asked.pop_front().and_then(Purpose::of) };
        }
        self.periodic_due_ns().filter(|due| *due <= now_ns)?;
        Some(if self.all_ended() { Purpose::Final } else { Purpose::Periodic })
    }

    fn asked_must_wait(&self) -> bool {
        let alone = |command: &Command| !matches!(command, Command::Checkpoint { .. });
        !self.in_flight.is_empty() && self.asked.front().is_some_and(alone)
    }

    fn start_due_ns(&self) -> Option<u64> {
        if !self.has_room() {
            return None;
        }
        let asked = (!self.asked.is_empty() && !self.asked_must_wait()).then_some(self.ask_again_ns);
        let periodic = if self.asked_must_wait() { None } else { self.periodic_due_ns() };
        asked.into_iter().chain(periodic).min()
    }

    fn times_out_ns(&self, in_flight: &InFlight) -> u64 {
        in_flight.triggered_ns.saturating_add(ns(self.shared.config.checkpoints.timeout_ms))
    }

    /// Returns when the next checkpoint is due that nobody asks for.
    fn periodic_due_ns(&self) -> Option<u64> {
        let config = &self.shared.config.checkpoints;
        if self.all_ended() {
            if !self.in_flight.is_empty() {
                return None;
            }
            let pause = if self.failures_in_row == 0 { 0 } else { FINAL_RETRY_MS };
            return Some(self.last_ended_ns.saturating_add(ns(pause)));
        }
        let by_interval = self.last_triggered_ns.saturating_add(ns(config.interval_ms?));
        Some(by_interval.max(self.last_ended_ns.saturating_add(ns(config.min_pause_ms))))
    }

    fn all_ended(&self) -> bool {
        !self.tasks.is_empty() && self.tasks.values().all(|task| task.ended)
    }

    fn start_snapshot(&mut self, purpose: Purpose, now_ns: u64) {
        let id = self.next_checkpoint_id;
        self.next_checkpoint_id += 1;
        let now_ms = self.shared.env.clock.now_ms();
        let barrier = Arc::new(Barrier { checkpoint_id: id, cause: purpose.cause(), as_of_ms: now_ms });
        self.shared.board.change(|board| {
            let status = CheckpointStatus {
                id,
                kind: purpose.kind(),
                format: purpose.format(),
                state: CheckpointState::InProgress,
                triggered_ms: now_ms,
                duration_ms: 0,
                bytes_written: 0,
                bytes_referenced: 0,
                tasks_done: 0,
                tasks: self.tasks.len(),
                failure: None,
                path: None,
                discarded: false,
            };
            board.history.entries.insert(0, status);
            board.history.entries.truncate(HISTORY_MAX);
        });
        if let Some(plan) = &self.plan {
            for (_, task) in self.tasks.iter().filter(|(id, _)| plan.is_source(id.vertex)) {
                task.mailbox.post(Mail::Trigger(Arc::clone(&barrier)));
            }
        }
        self.last_triggered_ns = now_ns;
        let in_flight = InFlight {
            barrier,
            purpose,
            triggered_ns: now_ns,
            triggered_ms: now_ms,
            waiting: self.task_ids(),
            acked: BTreeMap::new(),
            stage: Stage::Collecting,
            manifest: None,
        };
        self.in_flight.insert(id, in_flight);
    }

    /// Takes a task's part; the last one completes the cut.
    pub(super) fn acked(&mut self, task: TaskId, id: u64, tables: Vec<AckedTable>, bytes_written: u64) {
        let collecting = |f: &&mut InFlight| f.stage == Stage::Collecting;
        let Some(in_flight) = self.in_flight.get_mut(&id).filter(collecting) else { return };
        if in_flight.waiting.remove(&task) {
            in_flight.acked.insert(task, tables);
        }
        let done = in_flight.acked.len();
        let complete = in_flight.waiting.is_empty();
        self.note(id, |status| {
            status.bytes_written += bytes_written;
            status.tasks_done = done;
        });
        if complete {
            self.cut_complete(id);
        }
    }

    /// Publishes a manifest of the cut; a savepoint in mid-run is written from it instead.
    fn cut_complete(&mut self, id: u64) {
        let Some(in_flight) = self.in_flight.get_mut(&id) else { return };
        in_flight.stage = Stage::Cut;
        if matches!(in_flight.purpose, Purpose::Savepoint { .. }) {
            let manifest = self.compose(id);
            return self.write_savepoint(id, manifest);
        }
        self.publish_next();
    }

    /// Publishes the oldest cut, unless a manifest is on its way: one after another, so that each
    /// builds on what the one before has made of its objects.
    fn publish_next(&mut self) {
        if self.is_publishing() {
            return;
        }
        let Some(id) = self.in_flight.values().find(|f| f.stage == Stage::Cut).map(InFlight::id) else {
            return;
        };
        let manifest = self.compose(id);
        if let Some(in_flight) = self.in_flight.get_mut(&id) {
            in_flight.stage = Stage::Publishing;
        }
        if is_planted(Bug::CommitBeforeManifest) {
            self.tell_all(|| Mail::Complete(id));
        }
        let shared = Arc::clone(&self.shared);
        let events = Arc::clone(&shared.events);
        let work = async move {
            shared
                .root
                .publish(manifest)
                .await
                .map_err(Error::snapshot(format!("publishing checkpoint {id}")))
        };
        in_background(&*self.shared.scheduler, work, move |result| {
            let result = flatten(result, "publishing");
            events.post(Event::Published { checkpoint_id: id, result });
        });
    }

    pub(super) fn is_publishing(&self) -> bool {
        self.in_flight.values().any(|f| f.stage == Stage::Publishing)
    }

    pub(super) fn published(&mut self, id: u64, result: Result<Published, Error>) {
        let publishing = |f: &&InFlight| f.stage == Stage::Publishing;
        let Some(in_flight) = self.in_flight.get(&id).filter(publishing) else { return };
        let purpose = in_flight.purpose.clone();
        let draining = self.phase == Phase::Draining;
        match result {
            Ok(published) => {
                if let (Some(newer), Some(attempt)) = (published.fenced_by, self.attempt) {
                    let error = Error::Fenced { attempt: attempt.number, newer };
                    self.forget(id, &error.to_string());
                    self.phase = Phase::Running;
                    return self.failed(error);
                }
                alluvium_snapshot::step("before-notify");
                self.checkpoint_complete(id, &published, &purpose, draining);
            }
            Err(error) => {
                let conflict = error.is_final();
                if draining {
                    self.forget(id, &error.chain());
                } else if conflict {
                    self.forget(id, &error.chain());
                    return self.failed(error);
                } else {
                    self.give_up(id, error.chain());
                }
            }
        }
        if draining && self.phase == Phase::Draining {
            self.phase = Phase::WaitingToRestart { until_ns: self.restart_at_ns };
        }
        self.publish_next();
    }

    fn checkpoint_complete(&mut self, id: u64, published: &Published, purpose: &Purpose, draining: bool) {
        let objects: BTreeMap<String, Arc<ObjectRef>> = reach::references(&published.manifest)
            .filter(|object| object.root == 0)
            .map(|object| (object.name.clone(), Arc::new(object.clone())))
            .collect();
        for task in self.tasks.values() {
            task.ledger.published(&objects);
        }
        self.listed = objects;
        // What they left is in the tables of this one, or on its list.
        self.aborted.retain(|aborted| *aborted > id);
        let path = format!("{}/checkpoints/{}.manifest", self.shared.root_location, published.name);
        let bytes = published.bytes;
        self.note(id, |status| status.bytes_written += bytes);
        self.failures_in_row = 0;
        self.declined_in_row = 0;
        if let (Purpose::Stop { .. }, false) = (purpose, draining) {
            return self.write_savepoint(id, (*published.manifest).clone());
        }
        self.tell_all(|| Mail::Complete(id));
        self.finish_in_flight(id, path, published.manifest.checkpoint_id);
        if matches!(purpose, Purpose::Final) && !draining {
            self.begin_ending(id);
        }
        self.collect();
    }

    /// Takes the snapshot out of flight; what was asked for is answered once sinks have committed.
    pub(super) fn finish_later(&mut self, id: u64, path: String) -> (Option<u64>, u64, String) {
        let trigger = self.in_flight.get(&id).and_then(|f| f.purpose.trigger());
        self.complete_status(id, &path);
        (trigger, id, path)
    }

    pub(super) fn finish_in_flight(&mut self, id: u64, path: String, checkpoint_id: u64) {
        let trigger = self.in_flight.get(&id).and_then(|f| f.purpose.trigger());
        self.complete_status(id, &path);
        self.settle(trigger, TriggerStatus::Completed { checkpoint_id, path });
    }

    fn complete_status(&mut self, id: u64, path: &str) {
        let duration_ms = self.duration_ms(id);
        self.note(id, |status| {
            status.state = CheckpointState::Completed;
            status.duration_ms = duration_ms;
            status.path = Some(path.to_owned());
        });
        self.shared.board.change(|board| board.history.completed += 1);
        self.in_flight.remove(&id);
        self.last_ended_ns = self.shared.env.clock.monotonic_ns();
    }

    fn duration_ms(&self, id: u64) -> u64 {
        let now_ns = self.shared.env.clock.monotonic_ns();
        self.in_flight.get(&id).map_or(0, |f| now_ns.saturating_sub(f.triggered_ns) / 1_000_000)
    }

    /// Gives a snapshot up that a task cannot take part in now. What was asked for is tried again:
    /// the layers that are in the way are on their way to disk.
    pub(super) fn declined(&mut self, id: u64, reason: String) {
        let Some(in_flight) = self.in_flight.get_mut(&id) else { return };
        let Some(again) = in_flight.purpose.again() else { return self.give_up(id, reason) };
        let stop = matches!(again, Command::Stop { .. });
        // Nobody is told of the attempt that came to nothing.
        in_flight.purpose = Purpose::Periodic;
        self.forget(id, &reason);
        self.tell_all(|| Mail::Abort(id));
        if stop {
            self.tell_all(|| Mail::Resume);
        }
        self.declined_in_row += 1;
        if self.declined_in_row > DECLINED_MAX {
            self.declined_in_row = 0;
            return self.settle(again.trigger(), TriggerStatus::Failed { reason });
        }
        self.ask_again_ns = self.shared.env.clock.monotonic_ns().saturating_add(ns(ASK_AGAIN_MS));
        self.asked.push_front(again);
    }

    /// Gives a snapshot up while the job goes on, or fails the job when too many failed in a row.
    pub(super) fn give_up(&mut self, id: u64, reason: String) {
        let Some(in_flight) = self.in_flight.get(&id) else { return };
        let purpose = in_flight.purpose.clone();
        self.forget(id, &reason);
        self.tell_all(|| Mail::Abort(id));
        let error = Error::Checkpoint { checkpoint_id: id, reason };
        match purpose {
            // Behind a drained watermark there is no way back but from a checkpoint.
            Purpose::Stop { drain: true, .. } => self.failed(error),
            Purpose::Stop { .. } => self.tell_all(|| Mail::Resume),
            Purpose::Savepoint { .. } | Purpose::Asked { .. } => {}
            Purpose::Periodic | Purpose::Final => {
                self.failures_in_row += 1;
                if self.failures_in_row > self.shared.config.checkpoints.tolerable_failures {
                    self.failures_in_row = 0;
                    self.failed(error);
                }
            }
        }
    }

    /// Enters a snapshot into the history as failed.
    pub(super) fn forget(&mut self, id: u64, reason: &str) {
        let duration_ms = self.duration_ms(id);
        let Some(in_flight) = self.in_flight.remove(&id) else { return };
        self.aborted.insert(id);
        self.note(id, |status| {
            status.state = CheckpointState::Failed;
            status.duration_ms = duration_ms;
            status.failure = Some(reason.to_owned());
        });
        self.shared.board.change(|board| board.history.failed += 1);
        self.settle(in_flight.purpose.trigger(), TriggerStatus::Failed { reason: reason.to_owned() });
        self.last_ended_ns = self.shared.env.clock.monotonic_ns();
    }

    pub(super) fn note(&self, id: u64, change: impl FnOnce(&mut CheckpointStatus)) {
        self.shared.board.change(|board| {
            if let Some(status) = board.history.entries.iter_mut().find(|s| s.id == id) {
                change(status);
            }
        });
    }
}

pub(super) fn flatten<T>(result: Result<Result<T, Error>, String>, what: &str) -> Result<T, Error> {
    let panicked = |message| Error::Panic { what: what.to_owned(), message };
    result.map_err(panicked).and_then(|result| result)
}

fn ns(ms: u64) -> u64 {
    ms.saturating_mul(1_000_000)
}

/// How often something asked for may be declined before it fails.
const DECLINED_MAX: u32 = 100;
/// Milliseconds before something declined is tried again.
const ASK_AGAIN_MS: u64 = 50;
/// Snapshots that the history keeps.
const HISTORY_MAX: usize = 1000;
/// Milliseconds before the last checkpoint is tried again.
const FINAL_RETRY_MS: u64 = 100;
