use serde::Serialize;
use serde_json::{Map, Value as Json, json};

use crate::{JobReport, JobState, VertexReport};

#[derive(Debug, Serialize)]
pub(crate) struct JobIds {
    jobs: Vec<JobIdAndStatus>,
}

#[derive(Debug, Serialize)]
struct JobIdAndStatus {
    id: String,
    status: &'static str,
}

impl JobIds {
    pub(crate) fn of(job: &JobReport) -> Self {
        JobIds { jobs: vec![JobIdAndStatus { id: job.id.clone(), status: job.state.word() }] }
    }
}

#[derive(Debug, Serialize)]
pub(crate) struct JobsOverview {
    jobs: Vec<JobOverview>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
struct JobOverview {
    jid: String,
    name: String,
    state: &'static str,
    start_time: i64,
    end_time: i64,
    duration: i64,
    last_modification: i64,
    tasks: Tasks,
}

impl JobsOverview {
    pub(crate) fn of(job: &JobReport, now_ms: i64) -> Self {
        let last = job.state_times.iter().map(|(_, at)| *at).max().unwrap_or(job.start_ms);
        JobsOverview {
            jobs: vec![JobOverview {
                jid: job.id.clone(),
                name: job.name.clone(),
                state: job.state.word(),
                start_time: job.start_ms,
                end_time: job.end_ms.unwrap_or(-1),
                duration: duration(job, now_ms),
                last_modification: last,
                tasks: Tasks::all_in(job.state, job.vertices.iter().map(|v| v.parallelism).sum()),
            }],
        }
    }
}

/// Numbers of subtasks by state. Subtasks follow their job: there are no half-deployed jobs here.
#[derive(Debug, Default, Serialize)]
struct Tasks {
    total: u32,
    created: u32,
    scheduled: u32,
    deploying: u32,
    running: u32,
    finished: u32,
    canceling: u32,
    canceled: u32,
    failed: u32,
    reconciling: u32,
    initializing: u32,
}

impl Tasks {
    fn all_in(state: JobState, total: u32) -> Self {
        let mut tasks = Tasks { total, ..Tasks::default() };
        *match task_word(state) {
            "INITIALIZING" => &mut tasks.initializing,
            "RUNNING" => &mut tasks.running,
            "FINISHED" => &mut tasks.finished,
            "CANCELING" => &mut tasks.canceling,
            "CANCELED" => &mut tasks.canceled,
            "FAILED" => &mut tasks.failed,
            _ => &mut tasks.created,
        } = total;
        tasks
    }
}

fn task_word(job: JobState) -> &'static str {
    match job {
        JobState::Created | JobState::Restarting => "CREATED",
        JobState::Initializing => "INITIALIZING",
        JobState::Running => "RUNNING",
        JobState::Failing | JobState::Cancelling => "CANCELING",
        JobState::Failed => "FAILED",
        JobState::Canceled => "CANCELED",
        JobState::Finished => "FINISHED",
    }
}

#[derive(Debug, Serialize)]
pub(crate) struct JobDetails {
    jid: String,
    name: String,
    #[serde(rename = "isStoppable")]
    is_stoppable: bool,
    state: &'static str,
    #[serde(rename = "job-type")]
    job_type: &'static str,
    #[serde(rename = "start-time")]
    start_time: i64,
    #[serde(rename = "end-time")]
    end_time: i64,
    duration: i64,
    #[serde(rename = "maxParallelism")]
    max_parallelism: i64,
    now: i64,
    timestamps: Map<String, Json>,
    vertices: Vec<Vertex>,
    #[serde(rename = "status-counts")]
    status_counts: Map<String, Json>,
    plan: Json,
}

impl JobDetails {
    pub(crate) fn of(job: &JobReport, now_ms: i64) -> Self {
        let mut timestamps: Map<String, Json> =
            JobState::ALL.iter().map(|state| (state.word().to_owned(), 0.into())).collect();
        for (state, at) in &job.state_times {
            timestamps.insert(state.word().to_owned(), (*at).into());
        }
        let mut status_counts = Map::new();
        status_counts.insert(task_word(job.state).to_owned(), job.vertices.len().into());
        JobDetails {
            jid: job.id.clone(),
            name: job.name.clone(),
            is_stoppable: !job.state.is_terminal(),
            state: job.state.word(),
            job_type: "STREAMING",
            start_time: job.start_ms,
            end_time: job.end_ms.unwrap_or(-1),
            duration: duration(job, now_ms),
            max_parallelism: -1,
            now: now_ms,
            timestamps,
            vertices: job.vertices.iter().map(|vertex| Vertex::of(vertex, job, now_ms)).collect(),
            status_counts,
            plan: plan(job),
        }
    }
}

#[derive(Debug, Serialize)]
struct Vertex {
    id: String,
    name: String,
    #[serde(rename = "maxParallelism")]
    max_parallelism: u32,
    parallelism: u32,
    status: &'static str,
    #[serde(rename = "start-time")]
    start_time: i64,
    #[serde(rename = "end-time")]
    end_time: i64,
    duration: i64,
    tasks: Map<String, Json>,
    metrics: VertexMetrics,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
struct VertexMetrics {
    read_bytes: u64,
    read_bytes_complete: bool,
    write_bytes: u64,
    write_bytes_complete: bool,
    read_records: u64,
    read_records_complete: bool,
    write_records: u64,
    write_records_complete: bool,
}

impl Vertex {
    fn of(vertex: &VertexReport, job: &JobReport, now_ms: i64) -> Self {
        let status = task_word(job.state);
        let mut tasks = Map::new();
        tasks.insert(status.to_owned(), vertex.parallelism.into());
        Vertex {
            id: vertex.id.clone(),
            name: vertex.name.clone(),
            max_parallelism: vertex.max_parallelism,
            parallelism: vertex.parallelism,
            status,
            start_time: job.start_ms,
            end_time: job.end_ms.unwrap_or(-1),
            duration: duration(job, now_ms),
            tasks,
            metrics: VertexMetrics {
                read_bytes: 0,
                read_bytes_complete: false,
                write_bytes: 0,
                write_bytes_complete: false,
                read_records: vertex.records_in,
                read_records_complete: true,
                write_records: vertex.records_out,
                write_records_complete: true,
            },
        }
    }
}

/// The plan as far as it is known here: nodes without their edges.
fn plan(job: &JobReport) -> Json {
    let node = |vertex: &VertexReport| {
        json!({
            "id": vertex.id,
            "parallelism": vertex.parallelism,
            "operator": "",
            "operator_strategy": "",
            "description": vertex.name,
            "optimizer_properties": {},
        })
    };
    json!({
        "jid": job.id,
        "name": job.name,
        "type": "STREAMING",
        "nodes": job.vertices.iter().map(node).collect::<Vec<_>>(),
    })
}

fn duration(job: &JobReport, now_ms: i64) -> i64 {
    job.end_ms.unwrap_or(now_ms).saturating_sub(job.start_ms).max(0)
}

pub(crate) fn overview(job: &JobReport) -> Json {
    let slots: u32 = job.vertices.iter().map(|v| v.parallelism).max().unwrap_or(0);
    let count = |state: fn(JobState) -> bool| u32::from(state(job.state));
    json!({
        "taskmanagers": 1,
        "slots-total": slots,
        "slots-available": if job.state.is_terminal() { slots } else { 0 },
        "jobs-running": count(|s| !s.is_terminal()),
        "jobs-finished": count(|s| s == JobState::Finished),
        "jobs-cancelled": count(|s| s == JobState::Canceled),
        "jobs-failed": count(|s| s == JobState::Failed),
        "flink-version": concat!("alluvium-", env!("CARGO_PKG_VERSION")),
        "flink-commit": "unknown",
    })
}

pub(crate) fn config() -> Json {
    json!({
        "refresh-interval": 3000,
        "timezone-name": "Coordinated Universal Time",
        "timezone-offset": 0,
        "flink-version": concat!("alluvium-", env!("CARGO_PKG_VERSION")),
        "flink-revision": "unknown",
        "features": {"web-submit": false, "web-cancel": true, "web-rescale": false, "web-history": false},
    })
}

pub(crate) fn exceptions(job: &JobReport) -> Json {
    let (root, at) = match &job.last_failure {
        Some((at, message)) => (Json::from(message.clone()), Json::from(*at)),
        None => (Json::Null, Json::Null),
    };
    let entries = job.last_failure.iter().map(|(at, message)| {
        json!({
            "exceptionName": "operator failure",
            "stacktrace": message,
            "timestamp": at,
            "concurrentExceptions": [],
        })
    });
    json!({
        "root-exception": root,
        "timestamp": at,
        "all-exceptions": [],
        "truncated": false,
        "exceptionHistory": {"entries": entries.collect::<Vec<_>>(), "truncated": false},
    })
}
