use serde::Serialize;
use serde_json::{Map, Value as Json, json};

use crate::summary::Summary;
use crate::{
    CheckpointOutcome, CheckpointReport, CheckpointSettings, CheckpointsReport, RestoredReport, SnapshotType,
};

/// Answer of `/jobs/:id/checkpoints`.
#[derive(Debug, Serialize)]
pub(crate) struct Statistics {
    counts: Counts,
    summary: Summaries,
    latest: Latest,
    history: Vec<Checkpoint>,
}

#[derive(Debug, Serialize)]
struct Counts {
    restored: u64,
    total: u64,
    in_progress: u64,
    completed: u64,
    failed: u64,
}

#[derive(Debug, Serialize)]
struct Summaries {
    checkpointed_size: Summary,
    state_size: Summary,
    end_to_end_duration: Summary,
    alignment_buffered: Summary,
    processed_data: Summary,
    persisted_data: Summary,
}

#[derive(Debug, Serialize)]
struct Latest {
    completed: Option<Checkpoint>,
    savepoint: Option<Checkpoint>,
    failed: Option<Checkpoint>,
    restored: Option<Restored>,
}

#[derive(Debug, Serialize)]
struct Restored {
    id: u64,
    restore_timestamp: i64,
    is_savepoint: bool,
    external_path: Option<String>,
}

impl Statistics {
    pub(crate) fn of(report: &CheckpointsReport, now_ms: i64) -> Self {
        let completed = || report.history.iter().filter(|c| is_completed(c));
        let first = |wanted: &dyn Fn(&CheckpointReport) -> bool| {
            report.history.iter().find(|c| wanted(c)).map(|c| Checkpoint::of(c, now_ms))
        };
        Statistics {
            counts: Counts {
                restored: report.counts.restored,
                total: report.counts.total,
                in_progress: report.counts.in_progress,
                completed: report.counts.completed,
                failed: report.counts.failed,
            },
            summary: Summaries {
                checkpointed_size: Summary::of(completed().map(|c| c.bytes_written)),
                state_size: Summary::of(completed().map(|c| c.bytes_referenced)),
                end_to_end_duration: Summary::of(completed().map(|c| c.duration_ms.unwrap_or(0))),
                alignment_buffered: Summary::default(),
                processed_data: Summary::default(),
                persisted_data: Summary::default(),
            },
            latest: Latest {
                completed: first(&|c| is_completed(c) && c.kind == SnapshotType::Checkpoint),
                savepoint: first(&|c| is_completed(c) && c.kind != SnapshotType::Checkpoint),
                failed: first(&|c| matches!(c.outcome, CheckpointOutcome::Failed { .. })),
                restored: report.restored.as_ref().map(Restored::of),
            },
            history: report.history.iter().map(|c| Checkpoint::of(c, now_ms)).collect(),
        }
    }
}

fn is_completed(checkpoint: &CheckpointReport) -> bool {
    matches!(checkpoint.outcome, CheckpointOutcome::Completed { .. })
}

impl Restored {
    fn of(report: &RestoredReport) -> Self {
        Restored {
            id: report.id,
            restore_timestamp: report.at_ms,
            is_savepoint: report.savepoint,
            external_path: report.path.clone(),
        }
    }
}

/// One checkpoint: member of the history and answer of `/jobs/:id/checkpoints/details/:cid`.
#[derive(Debug, Serialize)]
pub(crate) struct Checkpoint {
    #[serde(rename = "className")]
    class_name: &'static str,
    id: u64,
    status: &'static str,
    is_savepoint: bool,
    #[serde(rename = "savepointFormat")]
    savepoint_format: Option<&'static str>,
    trigger_timestamp: i64,
    latest_ack_timestamp: i64,
    checkpointed_size: u64,
    state_size: u64,
    end_to_end_duration: i64,
    alignment_buffered: u64,
    processed_data: u64,
    persisted_data: u64,
    num_subtasks: u32,
    num_acknowledged_subtasks: u32,
    checkpoint_type: &'static str,
    tasks: Map<String, Json>,
    #[serde(flatten)]
    outcome: Outcome,
}

#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Outcome {
    InProgress {},
    Completed { external_path: String, discarded: bool },
    Failed { failure_timestamp: i64, failure_message: String },
}

impl Checkpoint {
    pub(crate) fn of(report: &CheckpointReport, now_ms: i64) -> Self {
        let (class_name, status, outcome) = match &report.outcome {
            CheckpointOutcome::InProgress => ("in_progress", "IN_PROGRESS", Outcome::InProgress {}),
            CheckpointOutcome::Completed { path, discarded } => {
                let outcome = Outcome::Completed { external_path: path.clone(), discarded: *discarded };
                ("completed", "COMPLETED", outcome)
            }
            CheckpointOutcome::Failed { at_ms, message } => {
                let outcome = Outcome::Failed { failure_timestamp: *at_ms, failure_message: message.clone() };
                ("failed", "FAILED", outcome)
            }
        };
        let running_ms = now_ms.saturating_sub(report.trigger_ms).max(0);
        let duration = report.duration_ms.map_or(running_ms, |ms| i64::try_from(ms).unwrap_or(i64::MAX));
        let (checkpoint_type, savepoint_format) = kind_words(report.kind);
        Checkpoint {
            class_name,
            id: report.id,
            status,
            is_savepoint: savepoint_format.is_some(),
            savepoint_format,
            trigger_timestamp: report.trigger_ms,
            latest_ack_timestamp: report.latest_ack_ms.unwrap_or(-1),
            checkpointed_size: report.bytes_written,
            state_size: report.bytes_referenced,
            end_to_end_duration: duration,
            alignment_buffered: 0,
            processed_data: 0,
            persisted_data: 0,
            num_subtasks: report.subtasks,
            num_acknowledged_subtasks: report.acknowledged,
            checkpoint_type,
            tasks: Map::new(),
            outcome,
        }
    }
}

fn kind_words(kind: SnapshotType) -> (&'static str, Option<&'static str>) {
    let format = |native| Some(if native { "NATIVE" } else { "CANONICAL" });
    match kind {
        SnapshotType::Checkpoint => ("CHECKPOINT", None),
        SnapshotType::Savepoint { native } => ("SAVEPOINT", format(native)),
        SnapshotType::StopSavepoint { native } => ("SYNC_SAVEPOINT", format(native)),
    }
}

/// Answer of `/jobs/:id/checkpoints/config`; an interval that never comes is Flink's largest.
pub(crate) fn config(settings: &CheckpointSettings) -> Json {
    json!({
        "mode": "exactly_once",
        "interval": settings.interval_ms.map_or(i64::MAX, |ms| i64::try_from(ms).unwrap_or(i64::MAX)),
        "timeout": settings.timeout_ms,
        "min_pause": settings.min_pause_ms,
        "max_concurrent": settings.max_concurrent,
        "externalization": {"enabled": true, "delete_on_cancellation": settings.delete_on_cancellation},
        "state_backend": "memory",
        "checkpoint_storage": "alluvium",
        "unaligned_checkpoints": false,
        "tolerable_failed_checkpoints": settings.tolerable_failed,
        "aligned_checkpoint_timeout": 0,
        "checkpoints_after_tasks_finish": true,
        "state_changelog_enabled": false,
        "changelog_periodic_materialization_interval": -1,
        "changelog_storage": null,
    })
}
