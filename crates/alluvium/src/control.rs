use std::time::{Duration, Instant};

use alluvium_model::ErrorKind;
use alluvium_runtime::{
    CheckpointState, CheckpointStatus, JobHandle, JobState, RunConfig, SavepointFormat, SnapshotKind,
    TriggerStatus, VertexStatus,
};
use alluvium_server as rest;

/// Shows a running job to the REST API.
#[derive(Debug)]
pub(crate) struct Control {
    pub(crate) job: JobHandle,
    pub(crate) config: RunConfig,
}

impl rest::JobControl for Control {
    fn job(&self) -> rest::JobReport {
        let status = self.job.status();
        let state = job_state(status.state);
        let mut state_times = vec![(rest::JobState::Initializing, status.started_ms)];
        let entered = status.ended_ms.unwrap_or(status.started_ms);
        if state != rest::JobState::Initializing {
            state_times.push((state, entered));
        }
        rest::JobReport {
            id: status.id,
            name: status.name,
            state,
            start_ms: status.started_ms,
            end_ms: status.ended_ms,
            state_times,
            vertices: status.vertices.iter().map(vertex).collect(),
            attempt: status.attempt,
            last_failure: status.failure.map(|reason| (entered, reason)),
        }
    }

    fn checkpoints(&self) -> rest::CheckpointsReport {
        let history = self.job.checkpoints();
        let status = self.job.status();
        let running =
            history.entries.iter().filter(|c| c.state == CheckpointState::InProgress).count() as u64;
        rest::CheckpointsReport {
            counts: rest::Counts {
                restored: u64::from(history.restored.is_some()),
                total: history.completed + history.failed + running,
                in_progress: running,
                completed: history.completed,
                failed: history.failed,
            },
            restored: history.restored.map(|(id, path)| rest::RestoredReport {
                id,
                at_ms: status.started_ms,
                savepoint: path.ends_with("savepoint.manifest"),
                path: Some(path),
            }),
            history: history.entries.into_iter().map(checkpoint).collect(),
            settings: self.settings(),
        }
    }

    fn checkpoint(&self) -> Result<u64, rest::ControlError> {
        self.outcome(|| self.job.trigger_checkpoint()).map(|(id, _)| id)
    }

    fn savepoint(&self, request: &rest::SavepointRequest) -> Result<String, rest::ControlError> {
        let format = if request.native { SavepointFormat::Native } else { SavepointFormat::Canonical };
        let directory = request.directory.clone();
        let trigger = || match request.stop {
            true => self.job.stop(directory.clone(), request.drain, format),
            false => self.job.trigger_savepoint(directory.clone(), format),
        };
        self.outcome(trigger).map(|(_, path)| path)
    }

    fn cancel(&self) -> Result<(), rest::ControlError> {
        let state = self.job.state();
        if state.is_terminal() {
            let message = format!("the job is {} already", state.word());
            return Err(rest::ControlError { kind: ErrorKind::Conflict, message });
        }
        self.job.cancel();
        Ok(())
    }
}

impl Control {
    /// Asks, and waits for the outcome. What a task declines for the moment, because its last
    /// layers are still being written, is asked for again: a person who asks once means it.
    fn outcome(&self, ask: impl Fn() -> u64) -> Result<(u64, String), rest::ControlError> {
        let failed = |message| Err(rest::ControlError { kind: ErrorKind::Internal, message });
        let patience = Instant::now() + PATIENCE;
        loop {
            match self.job.wait_for(ask()) {
                TriggerStatus::Completed { checkpoint_id, path } => return Ok((checkpoint_id, path)),
                TriggerStatus::Failed { reason } => {
                    let again = reason.contains(DECLINED) && !self.job.state().is_terminal();
                    if !again || Instant::now() > patience {
                        return failed(reason);
                    }
                }
                TriggerStatus::InProgress => return failed("the job ended before it was done".into()),
            }
            std::thread::sleep(PAUSE);
        }
    }

    fn settings(&self) -> rest::CheckpointSettings {
        let config = &self.config.checkpoints;
        rest::CheckpointSettings {
            interval_ms: config.interval_ms,
            timeout_ms: config.timeout_ms,
            min_pause_ms: config.min_pause_ms,
            max_concurrent: u32::try_from(config.max_concurrent).unwrap_or(u32::MAX),
            tolerable_failed: config.tolerable_failures,
            delete_on_cancellation: !config.retain_on_cancel,
        }
    }
}

fn job_state(state: JobState) -> rest::JobState {
    match state {
        JobState::Initializing => rest::JobState::Initializing,
        JobState::Running => rest::JobState::Running,
        JobState::Restarting => rest::JobState::Restarting,
        JobState::Cancelling => rest::JobState::Cancelling,
        JobState::Finished => rest::JobState::Finished,
        JobState::Failed => rest::JobState::Failed,
        JobState::Canceled => rest::JobState::Canceled,
    }
}

fn vertex(vertex: &VertexStatus) -> rest::VertexReport {
    rest::VertexReport {
        id: vertex.id.to_string(),
        name: vertex.name.clone(),
        parallelism: vertex.parallelism,
        max_parallelism: vertex.max_parallelism,
        records_in: vertex.records_in,
        records_out: vertex.records_out,
    }
}

fn checkpoint(status: CheckpointStatus) -> rest::CheckpointReport {
    let ended_ms = status.triggered_ms.saturating_add_unsigned(status.duration_ms);
    let outcome = match status.state {
        CheckpointState::InProgress => rest::CheckpointOutcome::InProgress,
        CheckpointState::Completed => rest::CheckpointOutcome::Completed {
            path: status.path.unwrap_or_default(),
            discarded: status.discarded,
        },
        CheckpointState::Failed => {
            rest::CheckpointOutcome::Failed { at_ms: ended_ms, message: status.failure.unwrap_or_default() }
        }
    };
    let ended = status.state != CheckpointState::InProgress;
    let acknowledged = u32::try_from(status.tasks_done).unwrap_or(u32::MAX);
    let native = status.format == Some(SavepointFormat::Native);
    rest::CheckpointReport {
        id: status.id,
        kind: match status.kind {
            SnapshotKind::Checkpoint => rest::SnapshotType::Checkpoint,
            SnapshotKind::Savepoint => rest::SnapshotType::Savepoint { native },
            SnapshotKind::StopSavepoint => rest::SnapshotType::StopSavepoint { native },
        },
        outcome,
        trigger_ms: status.triggered_ms,
        latest_ack_ms: (ended && acknowledged > 0).then_some(ended_ms),
        duration_ms: ended.then_some(status.duration_ms),
        bytes_written: status.bytes_written,
        bytes_referenced: status.bytes_referenced,
        subtasks: u32::try_from(status.tasks).unwrap_or(u32::MAX),
        acknowledged,
    }
}

/// The word by which the runtime says that a task could not take part in a checkpoint.
const DECLINED: &str = " declined: ";
const PATIENCE: Duration = Duration::from_secs(30);
const PAUSE: Duration = Duration::from_millis(50);
