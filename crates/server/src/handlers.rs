use std::collections::HashMap;
use std::sync::Arc;

use alluvium_env::Env;
use alluvium_model::ErrorKind;
use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::http::{StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::de::DeserializeOwned;
use serde_json::json;

use crate::operations::{Begun, Operations, Outcome};
use crate::wire::{checkpoints, jobs, operations as wire};
use crate::{ControlError, JobControl, JobReport, SavepointRequest};

/// What every handler is given.
#[derive(Clone)]
pub(crate) struct App {
    pub(crate) job: Arc<dyn JobControl>,
    pub(crate) env: Env,
    pub(crate) operations: Arc<Operations>,
}

/// Routes every path, with and without `/v1`.
pub(crate) fn router(app: App) -> Router {
    let api = Router::new()
        .route("/overview", get(overview))
        .route("/config", get(config))
        .route("/jobs", get(job_ids))
        .route("/jobs/overview", get(jobs_overview))
        .route("/jobs/{id}", get(job).patch(cancel))
        .route("/jobs/{id}/status", get(job_status))
        .route("/jobs/{id}/exceptions", get(exceptions))
        .route("/jobs/{id}/checkpoints", get(statistics).post(checkpoint))
        .route("/jobs/{id}/checkpoints/config", get(checkpoint_config))
        .route("/jobs/{id}/checkpoints/details/{checkpoint}", get(details))
        .route("/jobs/{id}/checkpoints/{trigger}", get(operation))
        .route("/jobs/{id}/savepoints", post(savepoint))
        .route("/jobs/{id}/savepoints/{trigger}", get(operation))
        .route("/jobs/{id}/stop", post(stop));
    Router::new()
        .nest("/v1", api.clone())
        .merge(api)
        .fallback(not_found)
        .method_not_allowed_fallback(method_not_allowed)
        .with_state(app)
}

/// An answer that is an error: `{"errors":[…]}`.
#[derive(Debug)]
struct Refusal(StatusCode, String);

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        (self.0, Json(json!({"errors": [self.1]}))).into_response()
    }
}

impl From<ControlError> for Refusal {
    fn from(error: ControlError) -> Self {
        let status = match error.kind {
            ErrorKind::Input => StatusCode::BAD_REQUEST,
            ErrorKind::Missing => StatusCode::NOT_FOUND,
            ErrorKind::Conflict | ErrorKind::Retry => StatusCode::CONFLICT,
            _ => StatusCode::INTERNAL_SERVER_ERROR,
        };
        Refusal(status, error.message)
    }
}

type Answer<T> = Result<T, Refusal>;

async fn overview(State(app): State<App>) -> Response {
    Json(jobs::overview(&app.job.job())).into_response()
}

async fn config() -> Response {
    Json(jobs::config()).into_response()
}

async fn job_ids(State(app): State<App>) -> Json<jobs::JobIds> {
    Json(jobs::JobIds::of(&app.job.job()))
}

async fn jobs_overview(State(app): State<App>) -> Json<jobs::JobsOverview> {
    Json(jobs::JobsOverview::of(&app.job.job(), app.env.clock.now_ms()))
}

async fn job(State(app): State<App>, Path(id): Path<String>) -> Answer<Json<jobs::JobDetails>> {
    let report = the_job(&app, &id)?;
    Ok(Json(jobs::JobDetails::of(&report, app.env.clock.now_ms())))
}

async fn job_status(State(app): State<App>, Path(id): Path<String>) -> Answer<Response> {
    let report = the_job(&app, &id)?;
    Ok(Json(json!({"status": report.state.word()})).into_response())
}

async fn exceptions(State(app): State<App>, Path(id): Path<String>) -> Answer<Response> {
    Ok(Json(jobs::exceptions(&the_job(&app, &id)?)).into_response())
}

async fn statistics(State(app): State<App>, Path(id): Path<String>) -> Answer<Json<checkpoints::Statistics>> {
    the_job(&app, &id)?;
    Ok(Json(checkpoints::Statistics::of(&app.job.checkpoints(), app.env.clock.now_ms())))
}

async fn checkpoint_config(State(app): State<App>, Path(id): Path<String>) -> Answer<Response> {
    the_job(&app, &id)?;
    Ok(Json(checkpoints::config(&app.job.checkpoints().settings)).into_response())
}

async fn details(
    State(app): State<App>,
    Path((id, wanted)): Path<(String, String)>,
) -> Answer<Json<checkpoints::Checkpoint>> {
    the_job(&app, &id)?;
    let number: u64 = wanted
        .parse()
        .map_err(|_| Refusal(StatusCode::BAD_REQUEST, format!("{wanted} is not a checkpoint id")))?;
    let report = app.job.checkpoints();
    let found = report.history.iter().find(|c| c.id == number).ok_or_else(|| {
        Refusal(
            StatusCode::NOT_FOUND,
            format!("Could not find checkpointing statistics for checkpoint {number}."),
        )
    })?;
    Ok(Json(checkpoints::Checkpoint::of(found, app.env.clock.now_ms())))
}

async fn cancel(
    State(app): State<App>,
    Path(id): Path<String>,
    Query(query): Query<HashMap<String, String>>,
) -> Answer<Response> {
    the_job(&app, &id)?;
    match query.get("mode").map(String::as_str) {
        None | Some("cancel") => {}
        Some(other) => {
            let message =
                format!("mode {other} is not supported; cancel is, and POST …/stop stops with a savepoint");
            return Err(Refusal(StatusCode::BAD_REQUEST, message));
        }
    }
    app.job.cancel()?;
    Ok((StatusCode::ACCEPTED, Json(json!({}))).into_response())
}

async fn checkpoint(State(app): State<App>, Path(id): Path<String>, body: Bytes) -> Answer<Response> {
    the_job(&app, &id)?;
    let body: wire::CheckpointBody = parse(&body)?;
    begin(&app, body.trigger_id, |job| Outcome::Checkpoint(job.checkpoint()))
}

async fn savepoint(State(app): State<App>, Path(id): Path<String>, body: Bytes) -> Answer<Response> {
    the_job(&app, &id)?;
    let mut body: wire::SavepointBody = parse(&body)?;
    let trigger = body.trigger_id.take();
    begin_savepoint(&app, trigger, body.request())
}

async fn stop(State(app): State<App>, Path(id): Path<String>, body: Bytes) -> Answer<Response> {
    the_job(&app, &id)?;
    let mut body: wire::StopBody = parse(&body)?;
    let trigger = body.trigger_id.take();
    begin_savepoint(&app, trigger, body.request())
}

fn begin_savepoint(app: &App, trigger: Option<String>, request: SavepointRequest) -> Answer<Response> {
    begin(app, trigger, move |job| Outcome::Savepoint(job.savepoint(&request)))
}

/// Begins an operation once per trigger id and answers with it.
fn begin(
    app: &App,
    trigger: Option<String>,
    operation: impl FnOnce(&dyn JobControl) -> Outcome + Send + 'static,
) -> Answer<Response> {
    let request_id = match trigger {
        Some(id) => hex_id(&id)?,
        None => app.env.ids.next(),
    };
    if app.operations.begin(&request_id) == Begun::New {
        let (id, app) = (request_id.clone(), app.clone());
        tokio::task::spawn_blocking(move || {
            let outcome = operation(&*app.job);
            app.operations.end(&id, outcome);
        });
    }
    Ok((StatusCode::ACCEPTED, Json(wire::Triggered { request_id })).into_response())
}

async fn operation(State(app): State<App>, Path((id, trigger)): Path<(String, String)>) -> Answer<Response> {
    the_job(&app, &id)?;
    let trigger = hex_id(&trigger)?;
    let outcome = app.operations.fetch(&trigger).ok_or_else(|| {
        Refusal(
            StatusCode::NOT_FOUND,
            format!("There is no operation of this job with request id {trigger}."),
        )
    })?;
    Ok(Json(wire::status(outcome.as_ref())).into_response())
}

async fn not_found(uri: Uri) -> Refusal {
    Refusal(StatusCode::NOT_FOUND, format!("Not found: {}", uri.path()))
}

async fn method_not_allowed(uri: Uri) -> Refusal {
    Refusal(StatusCode::METHOD_NOT_ALLOWED, format!("Method not allowed: {}", uri.path()))
}

/// Reports the job when it is the one asked for.
fn the_job(app: &App, id: &str) -> Answer<JobReport> {
    let id = hex_id(id)?;
    let report = app.job.job();
    if report.id == id {
        return Ok(report);
    }
    Err(Refusal(
        StatusCode::NOT_FOUND,
        format!("Could not find Flink job ({id}); this process runs {}.", report.id),
    ))
}

fn hex_id(text: &str) -> Answer<String> {
    if text.len() == 32 && text.bytes().all(|b| b.is_ascii_hexdigit()) {
        return Ok(text.to_ascii_lowercase());
    }
    let shown: String = text.chars().take(64).collect();
    Err(Refusal(StatusCode::BAD_REQUEST, format!("{shown} is not an id of 32 hex digits")))
}

/// Reads a body whatever content type it claims; an empty one stands for `{}`.
fn parse<T: DeserializeOwned + Default>(body: &Bytes) -> Answer<T> {
    if body.is_empty() {
        return Ok(T::default());
    }
    serde_json::from_slice(body)
        .map_err(|error| Refusal(StatusCode::BAD_REQUEST, format!("Request body cannot be read: {error}")))
}
