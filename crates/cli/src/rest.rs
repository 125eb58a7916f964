//! A client of the REST API, ours or Flink's.

use std::time::{Duration, Instant};

use alluvium::failure::Told;
use alluvium_model::ErrorKind;
use anyhow::{Context, Result};
use serde_json::{Value as Json, json};

/// Asks one server.
#[derive(Debug, Clone)]
pub(crate) struct Client {
    agent: ureq::Agent,
    url: String,
}

impl Client {
    /// Makes a client of `http://host:port`, with or without `/v1` at its end.
    pub(crate) fn new(url: &str) -> Self {
        let url = url.trim_end_matches('/').trim_end_matches("/v1").to_owned();
        let url = if url.contains("://") { url } else { format!("http://{url}") };
        let agent = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .timeout_connect(Some(CONNECT))
            .timeout_global(Some(REQUEST))
            .build()
            .into();
        Client { agent, url }
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Asks for a path, for example `/jobs`.
    pub(crate) fn get(&self, path: &str) -> Result<Json> {
        self.answer(self.agent.get(format!("{}/v1{path}", self.url)).call())
    }

    /// Posts a body.
    pub(crate) fn post(&self, path: &str, body: &Json) -> Result<Json> {
        self.answer(self.agent.post(format!("{}/v1{path}", self.url)).send_json(body))
    }

    /// Cancels a job.
    pub(crate) fn cancel(&self, job: &str) -> Result<()> {
        let url = format!("{}/v1/jobs/{job}?mode=cancel", self.url);
        self.answer(self.agent.patch(url).send_empty()).map(drop)
    }

    /// Begins an asynchronous operation and waits until it is done.
    ///
    /// `under` is the collection in which it is polled: `savepoints` or `checkpoints`.
    pub(crate) fn operate(&self, path: &str, body: &Json, under: &str) -> Result<Json> {
        let answer = self.post(path, body)?;
        let trigger =
            answer.get("request-id").and_then(Json::as_str).ok_or_else(|| odd(&self.url, "request-id"))?;
        let job = path.split('/').nth(2).unwrap_or_default();
        let poll = format!("/jobs/{job}/{under}/{trigger}");
        let mut pause = Duration::from_millis(10);
        loop {
            let answer = self.get(&poll).context("the job ended before it said how the operation went")?;
            if answer.pointer("/status/id").and_then(Json::as_str) == Some("COMPLETED") {
                return operation(&answer);
            }
            std::thread::sleep(pause);
            pause = (pause * 2).min(POLL);
        }
    }

    /// Waits until a job no longer runs or its server is gone.
    pub(crate) fn wait_until_ended(&self, job: &str, most: Duration) {
        let end = Instant::now() + most;
        while Instant::now() < end {
            let status = self.get(&format!("/jobs/{job}/status"));
            let word = status.as_ref().ok().and_then(|s| s.get("status")).and_then(Json::as_str);
            if word.is_none_or(|w| matches!(w, "FINISHED" | "CANCELED" | "FAILED")) {
                return;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    fn answer(&self, response: Result<ureq::http::Response<ureq::Body>, ureq::Error>) -> Result<Json> {
        let mut response = response.map_err(|error| {
            let told = Told::new(ErrorKind::Missing, format!("no answer from {}", self.url));
            anyhow::Error::new(error).context(told.next("`alluvium list` shows the jobs that run"))
        })?;
        let status = response.status().as_u16();
        let text =
            response.body_mut().read_to_string().with_context(|| format!("reading from {}", self.url))?;
        let json: Json = serde_json::from_str(&text).unwrap_or(Json::Null);
        if (200..300).contains(&status) {
            return Ok(json);
        }
        let message = json.pointer("/errors/0").and_then(Json::as_str).unwrap_or("no reason given");
        Err(Told::new(kind_of_status(status), format!("{} answers {status}: {message}", self.url)).into())
    }
}

fn operation(answer: &Json) -> Result<Json> {
    let operation = answer.get("operation").cloned().unwrap_or(Json::Null);
    let failure = operation.get("failure-cause").or_else(|| operation.get("failureCause"));
    let Some(failure) = failure.filter(|f| !f.is_null()) else { return Ok(operation) };
    let message = failure.get("stack-trace").and_then(Json::as_str).unwrap_or("no reason given");
    Err(Told::new(ErrorKind::Internal, message.trim()).into())
}

fn kind_of_status(status: u16) -> ErrorKind {
    match status {
        400 => ErrorKind::Input,
        404 => ErrorKind::Missing,
        405 | 501 => ErrorKind::Unsupported,
        409 => ErrorKind::Conflict,
        _ => ErrorKind::Internal,
    }
}

fn odd(url: &str, member: &str) -> Told {
    Told::new(
        ErrorKind::Unsupported,
        format!("the answer of {url} has no {member}: not a REST API of Flink or ours"),
    )
}

/// Reads a member of an answer as text.
pub(crate) fn text<'a>(json: &'a Json, pointer: &str) -> &'a str {
    json.pointer(pointer).and_then(Json::as_str).unwrap_or_default()
}

/// Makes the body of a savepoint request.
pub(crate) fn savepoint_body(directory: Option<&str>, native: bool) -> Json {
    let mut body = json!({"cancel-job": false, "formatType": format_word(native)});
    if let Some(directory) = directory {
        body["target-directory"] = directory.into();
    }
    body
}

/// Makes the body of a stop request.
pub(crate) fn stop_body(directory: Option<&str>, native: bool, drain: bool) -> Json {
    let mut body = json!({"drain": drain, "formatType": format_word(native)});
    if let Some(directory) = directory {
        body["targetDirectory"] = directory.into();
    }
    body
}

fn format_word(native: bool) -> &'static str {
    if native { "NATIVE" } else { "CANONICAL" }
}

const CONNECT: Duration = Duration::from_secs(2);
const REQUEST: Duration = Duration::from_secs(30);
const POLL: Duration = Duration::from_millis(200);
