use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use alluvium_snapshot::Published;
use alluvium_snapshot::format::{Manifest, ObjectRef, reach};

use super::savepoint::manifest_bytes;
use super::{Command, Coordinator, Event, Phase};
use crate::Error;
use crate::channel::{Barrier, Cause};
use crate::ledger::AckedTable;
use crate::plan::TaskId;
use crate::planted::{Bug, is_planted};
use crate::scheduler::in_background;
use crate::status::{CheckpointState, CheckpointStatus, SavepointFormat, SnapshotKind, TriggerStatus};
use crate::task::Mail;

/// The snapshot that is being taken: one at a time.
pub(super) struct InFlight {
    pub(super) barrier: Arc<Barrier>,
    pub(super) purpose: Purpose,
    triggered_ns: u64,
    triggered_ms: i64,
    waiting: BTreeSet<TaskId>,
    acked: BTreeMap<TaskId, Vec<AckedTable>>,
    pub(super) stage: Stage,
    /// What must not be collected while it is being copied.
    pub(super) manifest: Option<Arc<Manifest>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// Tasks do their parts.
    Collecting,
    /// The manifest is on its way.
    Publishing,
    /// A savepoint is being written from the cut.
    Writing,
}

/// What a snapshot is taken for.
#[derive(Debug, Clone)]
pub(super) enum Purpose {
    Periodic,
    Asked {
        trigger: u64,
    },
    /// The last one, behind the end of input: sinks commit everything.
    Final,
    Savepoint {
        trigger: u64,
        directory: Option<String>,
        format: SavepointFormat,
    },
    Stop {
        trigger: u64,
        directory: Option<String>,
        format: SavepointFormat,
        drain: bool,
    },
}

impl InFlight {
    pub(super) fn id(&self) -> u64 {
        self.barrier.checkpoint_id
    }

    pub(super) fn is_publishing(&self) -> bool {
        self.stage == Stage::Publishing
    }
}

impl Purpose {
    fn trigger(&self) -> Option<u64> {
        match self {
            Purpose::Periodic | Purpose::Final => None,
            Purpose::Asked { trigger }
            | Purpose::Savepoint { trigger, .. }
            | Purpose::Stop { trigger, .. } => Some(*trigger),
        }
    }

    fn cause(&self) -> Cause {
        match self {
            Purpose::Periodic | Purpose::Asked { .. } | Purpose::Final => Cause::Checkpoint,
            Purpose::Savepoint { .. } => Cause::Savepoint,
            Purpose::Stop { drain, .. } => Cause::Stop { drain: *drain },
        }
    }

    fn kind(&self) -> SnapshotKind {
        match self {
            Purpose::Periodic | Purpose::Asked { .. } | Purpose::Final => SnapshotKind::Checkpoint,
            Purpose::Savepoint { .. } => SnapshotKind::Savepoint,
            Purpose::Stop { .. } => SnapshotKind::StopSavepoint,
        }
    }
}

impl Coordinator {
    /// Starts what is due, or gives up what takes too long.
    pub(super) fn tick_checkpoints(&mut self, now_ns: u64) {
        if let Some(in_flight) = &self.in_flight {
            let id = in_flight.id();
            if in_flight.stage == Stage::Collecting && now_ns >= self.times_out_ns(in_flight) {
                let ms = self.shared.config.checkpoints.timeout_ms;
                self.give_up(id, format!("not complete after {ms} ms"));
            }
            return;
        }
        if self.ending.is_some() {
            return;
        }
        let asked = if now_ns >= self.ask_again_ns { self.asked.pop_front() } else { None };
        let purpose = match asked {
            Some(Command::Checkpoint { trigger }) => Purpose::Asked { trigger },
            Some(Command::Savepoint { trigger, directory, format }) => {
                Purpose::Savepoint { trigger, directory, format }
            }
            Some(Command::Stop { trigger, directory, drain, format }) => {
                Purpose::Stop { trigger, directory, format, drain }
            }
            Some(Command::Cancel) => return,
            None if self.periodic_due_ns().is_some_and(|due| due <= now_ns) => match self.all_ended() {
                true => Purpose::Final,
                false => Purpose::Periodic,
            },
            None => return,
        };
        self.start_snapshot(purpose, now_ns);
    }

    pub(super) fn next_checkpoint_due_ns(&self) -> Option<u64> {
        match &self.in_flight {
            Some(in_flight) if in_flight.stage == Stage::Collecting => Some(self.times_out_ns(in_flight)),
            Some(_) => None,
            None if self.ending.is_some() => None,
            None if !self.asked.is_empty() => {
                Some(self.periodic_due_ns().map_or(self.ask_again_ns, |due| due.min(self.ask_again_ns)))
            }
            None => self.periodic_due_ns(),
        }
    }

    fn times_out_ns(&self, in_flight: &InFlight) -> u64 {
        in_flight.triggered_ns.saturating_add(ns(self.shared.config.checkpoints.timeout_ms))
    }

    /// Returns when the next checkpoint is due that nobody asks for.
    fn periodic_due_ns(&self) -> Option<u64> {
        let config = &self.shared.config.checkpoints;
        if self.all_ended() {
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
        self.in_flight = Some(InFlight {
            barrier,
            purpose,
            triggered_ns: now_ns,
            triggered_ms: now_ms,
            waiting: self.task_ids(),
            acked: BTreeMap::new(),
            stage: Stage::Collecting,
            manifest: None,
        });
    }

    /// Takes a task's part; the last one completes the cut.
    pub(super) fn acked(&mut self, task: TaskId, id: u64, tables: Vec<AckedTable>, bytes_written: u64) {
        let Some(in_flight) =
            self.in_flight.as_mut().filter(|f| f.id() == id && f.stage == Stage::Collecting)
        else {
            return;
        };
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
        let Some(in_flight) = &mut self.in_flight else { return };
        let acked = std::mem::take(&mut in_flight.acked);
        let (as_of_ms, created_ms) = (in_flight.barrier.as_of_ms, in_flight.triggered_ms);
        let manifest = self.compose(id, created_ms, as_of_ms, acked);
        let referenced = manifest_bytes(&manifest);
        self.note(id, |status| status.bytes_referenced = referenced);
        let Some(in_flight) = &mut self.in_flight else { return };
        if matches!(in_flight.purpose, Purpose::Savepoint { .. }) {
            return self.write_savepoint(manifest);
        }
        in_flight.stage = Stage::Publishing;
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

    pub(super) fn published(&mut self, id: u64, result: Result<Published, Error>) {
        let Some(in_flight) = self.in_flight.as_ref().filter(|f| f.id() == id && f.is_publishing()) else {
            return;
        };
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
    }

    fn checkpoint_complete(&mut self, id: u64, published: &Published, purpose: &Purpose, draining: bool) {
        let objects: BTreeMap<String, Arc<ObjectRef>> = reach::references(&published.manifest)
            .filter(|object| object.root == 0)
            .map(|object| (object.name.clone(), Arc::new(object.clone())))
            .collect();
        for task in self.tasks.values() {
            task.ledger.published(&objects);
        }
        let path = format!("{}/checkpoints/{}.manifest", self.shared.root_location, published.name);
        let bytes = published.bytes;
        self.note(id, |status| status.bytes_written += bytes);
        self.failures_in_row = 0;
        self.declined_in_row = 0;
        if let (Purpose::Stop { .. }, false) = (purpose, draining) {
            return self.write_savepoint((*published.manifest).clone());
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
        let trigger = self.in_flight.as_ref().and_then(|f| f.purpose.trigger());
        self.complete_status(id, &path);
        (trigger, id, path)
    }

    pub(super) fn finish_in_flight(&mut self, id: u64, path: String, checkpoint_id: u64) {
        let trigger = self.in_flight.as_ref().and_then(|f| f.purpose.trigger());
        self.complete_status(id, &path);
        self.settle(trigger, TriggerStatus::Completed { checkpoint_id, path });
    }

    fn complete_status(&mut self, id: u64, path: &str) {
        let duration_ms = self.duration_ms();
        self.note(id, |status| {
            status.state = CheckpointState::Completed;
            status.duration_ms = duration_ms;
            status.path = Some(path.to_owned());
        });
        self.shared.board.change(|board| board.history.completed += 1);
        self.in_flight = None;
        self.last_ended_ns = self.shared.env.clock.monotonic_ns();
    }

    fn duration_ms(&self) -> u64 {
        let now_ns = self.shared.env.clock.monotonic_ns();
        self.in_flight.as_ref().map_or(0, |f| now_ns.saturating_sub(f.triggered_ns) / 1_000_000)
    }

    /// Gives a snapshot up that a task cannot take part in now. What was asked for is tried again:
    /// the layers that are in the way are on their way to disk.
    pub(super) fn declined(&mut self, id: u64, reason: String) {
        let Some(in_flight) = self.in_flight.as_mut().filter(|f| f.id() == id) else { return };
        let again = match in_flight.purpose.clone() {
            Purpose::Asked { trigger } => Command::Checkpoint { trigger },
            Purpose::Savepoint { trigger, directory, format } => {
                Command::Savepoint { trigger, directory, format }
            }
            Purpose::Stop { trigger, directory, format, drain: false } => {
                Command::Stop { trigger, directory, drain: false, format }
            }
            Purpose::Stop { .. } | Purpose::Periodic | Purpose::Final => return self.give_up(id, reason),
        };
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
        let Some(in_flight) = self.in_flight.as_ref().filter(|f| f.id() == id) else { return };
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
        let duration_ms = self.duration_ms();
        let Some(in_flight) = self.in_flight.take_if(|f| f.id() == id) else { return };
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
