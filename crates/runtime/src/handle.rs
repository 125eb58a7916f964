use std::collections::BTreeMap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard};

use crate::coordinator::{Command, Event};
use crate::mailbox::Mailbox;
use crate::scheduler::Scheduler;
use crate::status::{CheckpointHistory, JobState, JobStatus, SavepointFormat, TriggerStatus, VertexStatus};
use crate::vertices::Vertices;

/// A running job, to be asked and told.
///
/// Cheap to clone. Calls return at once but for [`JobHandle::wait`]; what was asked for is done by
/// the job and its outcome found under the id that the call returned.
#[derive(Clone)]
pub struct JobHandle {
    inner: Arc<Inner>,
}

struct Inner {
    board: Arc<Board>,
    coordinator: Arc<Mailbox<Event>>,
    _scheduler: Arc<dyn Scheduler>,
}

/// What the coordinator tells the world.
pub(crate) struct Board {
    state: Mutex<BoardState>,
    changed: Condvar,
}

pub(crate) struct BoardState {
    pub(crate) status: JobStatus,
    pub(crate) vertices: Vertices,
    pub(crate) history: CheckpointHistory,
    pub(crate) triggers: BTreeMap<u64, TriggerStatus>,
}

impl Board {
    pub(crate) fn new(status: JobStatus) -> Arc<Self> {
        let state = BoardState {
            status,
            vertices: Vertices::default(),
            history: CheckpointHistory::default(),
            triggers: BTreeMap::new(),
        };
        Arc::new(Board { state: Mutex::new(state), changed: Condvar::new() })
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, BoardState> {
        self.state.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    pub(crate) fn change<T>(&self, f: impl FnOnce(&mut BoardState) -> T) -> T {
        let result = f(&mut self.lock());
        self.changed.notify_all();
        result
    }
}

impl JobHandle {
    pub(crate) fn new(
        board: Arc<Board>,
        coordinator: Arc<Mailbox<Event>>,
        scheduler: Arc<dyn Scheduler>,
    ) -> Self {
        JobHandle { inner: Arc::new(Inner { board, coordinator, _scheduler: scheduler }) }
    }

    /// Returns how the job stands.
    pub fn status(&self) -> JobStatus {
        let state = self.inner.board.lock();
        let vertices: Vec<VertexStatus> = state.vertices.status();
        JobStatus { vertices, ..state.status.clone() }
    }

    /// Returns how its snapshots went.
    pub fn checkpoints(&self) -> CheckpointHistory {
        self.inner.board.lock().history.clone()
    }

    /// Asks for a checkpoint; returns the id under which [`JobHandle::trigger`] finds its outcome.
    pub fn trigger_checkpoint(&self) -> u64 {
        self.ask(|trigger| Command::Checkpoint { trigger })
    }

    /// Asks for a savepoint below a directory, or below `savepoints/` of the job's root; returns
    /// the id under which [`JobHandle::trigger`] finds its outcome.
    pub fn trigger_savepoint(&self, directory: Option<String>, format: SavepointFormat) -> u64 {
        self.ask(|trigger| Command::Savepoint { trigger, directory, format })
    }

    /// Asks the job to stop with a savepoint. With `drain` the watermark goes to its end before,
    /// which fires every event-time timer: the job is then not meant to be resumed.
    pub fn stop(&self, directory: Option<String>, drain: bool, format: SavepointFormat) -> u64 {
        self.ask(|trigger| Command::Stop { trigger, directory, drain, format })
    }

    /// Tells the job to end now, without a snapshot.
    pub fn cancel(&self) {
        self.inner.coordinator.post(Event::Command(Command::Cancel));
    }

    /// Returns how something asked for stands; `None` for an id never given.
    pub fn trigger(&self, id: u64) -> Option<TriggerStatus> {
        self.inner.board.lock().triggers.get(&id).cloned()
    }

    /// Blocks until something asked for is done or has failed.
    pub fn wait_for(&self, id: u64) -> TriggerStatus {
        let mut state = self.inner.board.lock();
        loop {
            match state.triggers.get(&id) {
                Some(TriggerStatus::InProgress) => {}
                Some(done) => return done.clone(),
                None => return TriggerStatus::Failed { reason: format!("nothing was asked for under {id}") },
            }
            state = self.inner.board.changed.wait(state).unwrap_or_else(|poisoned| poisoned.into_inner());
        }
    }

    /// Blocks until the job has come to its end and returns how it stands.
    pub fn wait(&self) -> JobStatus {
        let mut state = self.inner.board.lock();
        while !state.status.state.is_terminal() {
            state = self.inner.board.changed.wait(state).unwrap_or_else(|poisoned| poisoned.into_inner());
        }
        drop(state);
        self.status()
    }

    /// Returns the state of the job.
    pub fn state(&self) -> JobState {
        self.inner.board.lock().status.state
    }

    fn ask(&self, command: impl FnOnce(u64) -> Command) -> u64 {
        let id = self.inner.board.change(|state| {
            let id = state.triggers.keys().next_back().map_or(1, |last| last + 1);
            let ended = state.status.state.is_terminal();
            let status = if ended {
                TriggerStatus::Failed { reason: format!("the job is {}", state.status.state.word()) }
            } else {
                TriggerStatus::InProgress
            };
            state.triggers.insert(id, status);
            id
        });
        self.inner.coordinator.post(Event::Command(command(id)));
        id
    }
}

impl std::fmt::Debug for JobHandle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let state = self.inner.board.lock();
        write!(f, "JobHandle({} {})", state.status.id, state.status.state.word())
    }
}
