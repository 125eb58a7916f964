use std::collections::BTreeSet;
use std::sync::Arc;

use alluvium_snapshot::Retention;

use super::{Coordinator, Phase};
use crate::Error;
use crate::plan::TaskId;
use crate::scheduler::in_background;
use crate::status::{JobState, TriggerStatus};

/// The end of a job whose last snapshot is complete: sinks commit, then it is finished.
pub(super) struct Ending {
    checkpoint_id: u64,
    waiting: BTreeSet<TaskId>,
}

impl Coordinator {
    pub(super) fn task_ended(&mut self, task: TaskId) {
        if let Some(entry) = self.tasks.get_mut(&task) {
            entry.ended = true;
        }
    }

    pub(super) fn begin_ending(&mut self, checkpoint_id: u64) {
        self.ending = Some(Ending { checkpoint_id, waiting: self.task_ids() });
    }

    pub(super) fn committed(&mut self, task: TaskId, checkpoint_id: u64) {
        if let Some(ending) = self.ending.as_mut().filter(|e| e.checkpoint_id == checkpoint_id) {
            ending.waiting.remove(&task);
        }
        self.end_if_settled();
    }

    /// Ends the job once every sink has committed and no collection is under way.
    pub(super) fn end_if_settled(&mut self) {
        if self.collecting || self.phase == Phase::Ended {
            return;
        }
        if self.ending.as_ref().is_some_and(|e| e.waiting.is_empty()) {
            self.ending = None;
            if let Some((trigger, checkpoint_id, path)) = self.stopping.take() {
                self.settle(trigger, TriggerStatus::Completed { checkpoint_id, path });
            }
            self.refuse_asked("the job is FINISHED");
            self.end(JobState::Finished);
        }
    }

    pub(super) fn cancel(&mut self) {
        self.set_state(JobState::Cancelling);
        self.drop_tasks();
        for id in self.in_flight.keys().copied().collect::<Vec<_>>() {
            self.forget(id, "the job was cancelled");
        }
        self.refuse_asked("the job was cancelled");
        self.generation += 1;
        if !self.shared.config.checkpoints.retain_on_cancel {
            self.delete_checkpoints();
        } else {
            self.end(JobState::Canceled);
        }
    }

    /// Deletes every checkpoint of the root and then reports the job as cancelled.
    fn delete_checkpoints(&mut self) {
        let attempt = self.attempt.map_or(0, |a| a.number);
        let shared = Arc::clone(&self.shared);
        let board = Arc::clone(&self.shared.board);
        let clock = Arc::clone(&self.shared.env.clock);
        let work = async move {
            let failed = || Error::snapshot("deleting checkpoints");
            shared.root.check_claim(attempt).await.map_err(failed())?;
            for entry in shared.root.checkpoints().await.map_err(failed())? {
                let path = entry.name.path().map_err(failed())?;
                let deleted = shared.root.store().delete(&path).await;
                deleted.map_err(|source| Error::Place { place: path.to_string(), source })?;
            }
            let retention = Retention { grace_ms: 0, ..Retention::of(1) };
            shared.root.collect(attempt, &retention).await.map_err(failed())
        };
        self.drop_tasks();
        self.phase = Phase::Ended;
        in_background(&*self.shared.scheduler, work, move |result| {
            board.change(|board| {
                if let Ok(Err(error)) = &result {
                    board.status.failure = Some(error.chain());
                }
                board.status.state = JobState::Canceled;
                board.status.ended_ms = Some(clock.now_ms());
            });
        });
    }

    pub(super) fn end(&mut self, state: JobState) {
        self.drop_tasks();
        self.phase = Phase::Ended;
        let now_ms = self.shared.env.clock.now_ms();
        self.shared.board.change(|board| {
            board.status.state = state;
            board.status.ended_ms = Some(now_ms);
            for trigger in board.triggers.values_mut() {
                if *trigger == TriggerStatus::InProgress {
                    *trigger = TriggerStatus::Failed { reason: format!("the job is {}", state.word()) };
                }
            }
        });
    }
}
