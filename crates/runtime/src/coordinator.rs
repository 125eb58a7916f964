//! What leads a job: claims, restores, checkpoints, recovers, ends.

mod checkpoint;
mod collect;
mod compose;
mod deploy;
mod ending;
mod in_flight;
mod prepare;
mod restart;
mod savepoint;
mod staged;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use alluvium_dataflow::Job;
use alluvium_env::Env;
use alluvium_snapshot::{Attempt, JobRoot, Published};

use crate::Error;
use crate::config::{Places, RunConfig};
use crate::handle::Board;
use crate::ledger::{AckedTable, Ledger};
use crate::mailbox::Mailbox;
use crate::plan::{Plan, TaskId};
use crate::scheduler::{Progress, Scheduler, Unit, UnitId};
use crate::status::{JobState, SavepointFormat, TriggerStatus};
use crate::task::Mail;

use deploy::Restored;
use ending::Ending;
use in_flight::InFlight;
use prepare::Prepared;
use restart::RestartState;

/// What the coordinator is told.
pub(crate) enum Event {
    /// The root is claimed and the snapshot to restore is open.
    Prepared {
        generation: u64,
        result: Result<Prepared, Error>,
    },
    /// A task's operators are made and restored.
    TaskRestored {
        generation: u64,
        task: TaskId,
        result: Result<Restored, Error>,
    },
    TaskFailed {
        generation: u64,
        error: Error,
    },
    /// A task has passed the end of its input on.
    TaskEnded {
        task: TaskId,
        generation: u64,
    },
    /// A task's part of a snapshot is durable.
    Acked {
        task: TaskId,
        generation: u64,
        checkpoint_id: u64,
        tables: Vec<AckedTable>,
        bytes_written: u64,
    },
    /// A task cannot do its part.
    Declined {
        task: TaskId,
        generation: u64,
        checkpoint_id: u64,
        reason: String,
    },
    /// A manifest is visible, or will never be.
    Published {
        checkpoint_id: u64,
        result: Result<Published, Error>,
    },
    /// A savepoint is complete at a place, or will never be.
    SavepointWritten {
        generation: u64,
        checkpoint_id: u64,
        result: Result<(String, u64), Error>,
    },
    /// A task's sinks have committed what a checkpoint covers.
    Committed {
        task: TaskId,
        generation: u64,
        checkpoint_id: u64,
    },
    /// Old checkpoints and what only they needed are gone.
    Collected {
        result: Result<alluvium_snapshot::Collected, Error>,
    },
    Command(Command),
}

/// What people ask of a job.
pub(crate) enum Command {
    Checkpoint { trigger: u64 },
    Savepoint { trigger: u64, directory: Option<String>, format: SavepointFormat },
    Stop { trigger: u64, directory: Option<String>, drain: bool, format: SavepointFormat },
    Cancel,
}

/// What everything of a job shares.
pub(crate) struct Shared {
    pub(crate) job: Job,
    pub(crate) config: RunConfig,
    pub(crate) env: Env,
    pub(crate) scheduler: Arc<dyn Scheduler>,
    pub(crate) root: JobRoot,
    /// How people name the root.
    pub(crate) root_location: String,
    pub(crate) places: Arc<dyn Places>,
    pub(crate) board: Arc<Board>,
    pub(crate) events: Arc<Mailbox<Event>>,
}

/// Leads one job.
///
/// **Owns** the attempt, the tasks' lives, the snapshots in flight, what is restored, when to
/// restart and when the job has ended. **Does not own** tasks' state and runs, the layout of the
/// root (`snapshot` does), nor threads.
pub(crate) struct Coordinator {
    shared: Arc<Shared>,
    phase: Phase,
    /// Counts starts and restarts: what an earlier one still sends is ignored.
    generation: u64,
    attempt: Option<Attempt>,
    next_checkpoint_id: u64,
    plan: Option<Arc<Plan>>,
    tasks: BTreeMap<TaskId, TaskEntry>,
    restored: BTreeMap<TaskId, Restored>,
    /// What the job was started from; restarts go back to it while there is no checkpoint.
    restore: Option<Arc<prepare::RestoreSource>>,
    /// The table of roots of checkpoints.
    roots: Vec<alluvium_snapshot::format::Root>,
    /// The description of the job as an object of the root.
    description: Option<alluvium_snapshot::format::ObjectRef>,
    /// By checkpoint id.
    in_flight: BTreeMap<u64, InFlight>,
    /// Checkpoints that came to nothing since the last complete one.
    aborted: BTreeSet<u64>,
    /// The root's objects as the last manifest refers to them, by name.
    listed: BTreeMap<String, Arc<alluvium_snapshot::format::ObjectRef>>,
    asked: VecDeque<Command>,
    last_triggered_ns: u64,
    last_ended_ns: u64,
    failures_in_row: u32,
    declined_in_row: u32,
    /// When something declined is tried again.
    ask_again_ns: u64,
    collecting: bool,
    ending: Option<Ending>,
    /// What a stop that is only waiting for sinks to commit will answer: trigger, id and place.
    stopping: Option<(Option<u64>, u64, String)>,
    restarts: RestartState,
    /// When the job starts anew once a manifest under way is settled.
    restart_at_ns: u64,
}

/// Where the coordinator stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    New,
    Preparing,
    Restoring,
    Running,
    /// A failure was seen while a manifest was being published: its outcome decides what to restore.
    Draining,
    WaitingToRestart {
        until_ns: u64,
    },
    Ended,
}

pub(crate) struct TaskEntry {
    pub(crate) unit: UnitId,
    pub(crate) mailbox: Arc<Mailbox<Mail>>,
    pub(crate) ledger: Arc<Ledger>,
    pub(crate) ended: bool,
}

impl Unit for Coordinator {
    fn step(&mut self, _: usize) -> Progress {
        if self.phase == Phase::New {
            self.prepare();
        }
        while let Some(event) = self.shared.events.take() {
            self.handle(event);
            if self.phase == Phase::Ended {
                return Progress::Done;
            }
        }
        self.tick();
        match (self.phase, self.next_due_ns()) {
            (Phase::Ended, _) => Progress::Done,
            (_, Some(due)) => Progress::WaitUntil(due),
            (_, None) => Progress::Wait,
        }
    }
}

impl Coordinator {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Coordinator {
            shared,
            phase: Phase::New,
            generation: 0,
            attempt: None,
            next_checkpoint_id: 1,
            plan: None,
            tasks: BTreeMap::new(),
            restored: BTreeMap::new(),
            restore: None,
            roots: Vec::new(),
            description: None,
            in_flight: BTreeMap::new(),
            aborted: BTreeSet::new(),
            listed: BTreeMap::new(),
            asked: VecDeque::new(),
            last_triggered_ns: 0,
            last_ended_ns: 0,
            failures_in_row: 0,
            declined_in_row: 0,
            ask_again_ns: 0,
            collecting: false,
            ending: None,
            stopping: None,
            restarts: RestartState::default(),
            restart_at_ns: 0,
        }
    }

    fn handle(&mut self, event: Event) {
        let current = self.generation;
        match event {
            Event::Prepared { generation, result } if generation == current => self.prepared(result),
            Event::TaskRestored { generation, task, result } if generation == current => {
                self.task_restored(task, result);
            }
            Event::TaskFailed { generation, error } if generation == current => self.failed(error),
            Event::TaskEnded { task, generation } if generation == current => self.task_ended(task),
            Event::Acked { task, generation, checkpoint_id, tables, bytes_written }
                if generation == current =>
            {
                self.acked(task, checkpoint_id, tables, bytes_written);
            }
            Event::Declined { task, generation, checkpoint_id, reason } if generation == current => {
                let name = self.task_name(task);
                self.declined(checkpoint_id, format!("{name} declined: {reason}"));
            }
            // Its outcome matters even after a failure: it decides what is restored.
            Event::Published { checkpoint_id, result } => self.published(checkpoint_id, result),
            Event::SavepointWritten { generation, checkpoint_id, result } if generation == current => {
                self.savepoint_written(checkpoint_id, result);
            }
            Event::Committed { task, generation, checkpoint_id } if generation == current => {
                self.committed(task, checkpoint_id);
            }
            Event::Collected { result } => self.collected(result),
            Event::Command(command) => self.command(command),
            _ => {}
        }
    }

    fn command(&mut self, command: Command) {
        match command {
            Command::Cancel => self.cancel(),
            command => self.asked.push_back(command),
        }
    }

    /// Does what is due by the clock.
    fn tick(&mut self) {
        let now_ns = self.shared.env.clock.monotonic_ns();
        match self.phase {
            Phase::WaitingToRestart { until_ns } if until_ns <= now_ns => self.prepare(),
            Phase::Running => self.tick_checkpoints(now_ns),
            _ => {}
        }
    }

    fn next_due_ns(&self) -> Option<u64> {
        match self.phase {
            Phase::WaitingToRestart { until_ns } => Some(until_ns),
            Phase::Running => self.next_checkpoint_due_ns(),
            _ => None,
        }
    }

    fn set_state(&self, state: JobState) {
        self.shared.board.change(|board| board.status.state = state);
    }

    fn task_name(&self, task: TaskId) -> String {
        let vertex = self.plan.as_ref().and_then(|plan| plan.vertices.get(task.vertex));
        format!("{} ({})", vertex.map_or("task", |v| v.name.as_str()), task.subtask)
    }

    /// Ends what was asked for under a trigger id.
    fn settle(&self, trigger: Option<u64>, status: TriggerStatus) {
        if let Some(trigger) = trigger {
            self.shared.board.change(|board| board.triggers.insert(trigger, status));
        }
    }

    fn drop_tasks(&mut self) {
        for entry in std::mem::take(&mut self.tasks).into_values() {
            self.shared.scheduler.remove(entry.unit);
        }
        self.restored.clear();
    }

    fn tell_all(&self, mail: impl Fn() -> Mail) {
        for entry in self.tasks.values() {
            entry.mailbox.post(mail());
        }
    }

    fn task_ids(&self) -> BTreeSet<TaskId> {
        self.tasks.keys().copied().collect()
    }
}

impl Command {
    pub(crate) fn trigger(&self) -> Option<u64> {
        match self {
            Command::Checkpoint { trigger }
            | Command::Savepoint { trigger, .. }
            | Command::Stop { trigger, .. } => Some(*trigger),
            Command::Cancel => None,
        }
    }
}
