//! The REST API of a job that is not one: what Flink's clients would see.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use alluvium_env::Env;
use alluvium_model::ErrorKind;
use alluvium_server::*;
use serde_json::{Value as Json, json};

const ID: &str = "0123456789abcdef0123456789abcdef";

#[derive(Default)]
struct Fake {
    cancelled: AtomicBool,
    savepoints: Mutex<Vec<SavepointRequest>>,
}

impl JobControl for Fake {
    fn job(&self) -> JobReport {
        JobReport {
            id: ID.into(),
            name: "flights".into(),
            state: JobState::Running,
            start_ms: 1000,
            end_ms: None,
            state_times: vec![(JobState::Created, 1000), (JobState::Running, 1200)],
            vertices: vec![VertexReport {
                id: "f".repeat(32),
                name: "aircraft".into(),
                parallelism: 2,
                max_parallelism: 128,
                records_in: 10,
                records_out: 4,
            }],
            attempt: 1,
            last_failure: None,
        }
    }

    fn checkpoints(&self) -> CheckpointsReport {
        let report = |id, outcome| CheckpointReport {
            id,
            kind: SnapshotType::Checkpoint,
            outcome,
            trigger_ms: 2000,
            latest_ack_ms: Some(2005),
            duration_ms: Some(9),
            bytes_written: 100,
            bytes_referenced: 1000,
            subtasks: 4,
            acknowledged: 4,
        };
        CheckpointsReport {
            counts: Counts { restored: 0, total: 2, in_progress: 0, completed: 1, failed: 1 },
            history: vec![
                report(2, CheckpointOutcome::Failed { at_ms: 2010, message: "frozen queue is full".into() }),
                report(1, CheckpointOutcome::Completed { path: "/jobs/1".into(), discarded: false }),
            ],
            restored: None,
            settings: CheckpointSettings::default(),
        }
    }

    fn checkpoint(&self) -> Result<u64, ControlError> {
        Ok(3)
    }

    fn savepoint(&self, request: &SavepointRequest) -> Result<String, ControlError> {
        self.savepoints.lock().unwrap().push(request.clone());
        match request.directory.as_deref() {
            Some("/full") => Err(ControlError { kind: ErrorKind::Internal, message: "no space left".into() }),
            directory => Ok(format!("{}/savepoint-1", directory.unwrap_or("/jobs"))),
        }
    }

    fn cancel(&self) -> Result<(), ControlError> {
        self.cancelled.store(true, Ordering::SeqCst);
        Ok(())
    }
}

struct Client {
    agent: ureq::Agent,
    server: Server,
    fake: Arc<Fake>,
}

impl Client {
    fn new() -> Self {
        let fake = Arc::new(Fake::default());
        let server = Server::start(fake.clone(), Env::system(), Some(0)).unwrap();
        let agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
        Client { agent, server, fake }
    }

    fn get(&self, path: &str) -> (u16, Json) {
        let mut response = self.agent.get(format!("{}{path}", self.server.url())).call().unwrap();
        (response.status().as_u16(), response.body_mut().read_json().unwrap())
    }

    fn post(&self, path: &str, body: &str) -> (u16, Json) {
        let mut response = self.agent.post(format!("{}{path}", self.server.url())).send(body).unwrap();
        (response.status().as_u16(), response.body_mut().read_json().unwrap())
    }

    fn outcome(&self, what: &str, body: &str) -> Json {
        let (status, answer) = self.post(&format!("/v1/jobs/{ID}/{what}"), body);
        assert_eq!(status, 202);
        let trigger = answer["request-id"].as_str().unwrap().to_owned();
        let under = if what == "stop" { "savepoints" } else { what };
        loop {
            let (status, answer) = self.get(&format!("/jobs/{ID}/{under}/{trigger}"));
            assert_eq!(status, 200);
            if answer["status"]["id"] == "COMPLETED" {
                return answer["operation"].clone();
            }
            std::thread::sleep(Duration::from_millis(2));
        }
    }
}

#[test]
fn jobs_are_listed_with_and_without_the_version_prefix() {
    let client = Client::new();
    assert_eq!(client.get("/jobs"), (200, json!({"jobs": [{"id": ID, "status": "RUNNING"}]})));
    assert_eq!(client.get("/jobs"), client.get("/v1/jobs"));
    let (_, overview) = client.get("/v1/jobs/overview");
    let job = &overview["jobs"][0];
    assert_eq!((&job["jid"], &job["state"], &job["end-time"]), (&json!(ID), &json!("RUNNING"), &json!(-1)));
    assert_eq!((&job["start-time"], &job["last-modification"]), (&json!(1000), &json!(1200)));
    assert_eq!(job["tasks"]["running"], 2);
    assert_eq!(client.get("/overview").1["jobs-running"], 1);
}

#[test]
fn job_details_have_vertices_and_timestamps() {
    let (status, job) = Client::new().get(&format!("/jobs/{ID}"));
    assert_eq!(status, 200);
    assert_eq!((&job["timestamps"]["RUNNING"], &job["timestamps"]["FAILED"]), (&json!(1200), &json!(0)));
    let vertex = &job["vertices"][0];
    assert_eq!((&vertex["name"], &vertex["parallelism"]), (&json!("aircraft"), &json!(2)));
    assert_eq!(vertex["metrics"]["read-records"], 10);
}

#[test]
fn checkpoints_tell_bytes_and_why_one_was_aborted() {
    let client = Client::new();
    let (status, answer) = client.get(&format!("/jobs/{ID}/checkpoints"));
    assert_eq!(status, 200);
    assert_eq!(
        answer["counts"],
        json!({"restored": 0, "total": 2, "in_progress": 0, "completed": 1, "failed": 1})
    );
    assert_eq!(answer["latest"]["failed"]["failure_message"], "frozen queue is full");
    assert_eq!(answer["latest"]["completed"]["external_path"], "/jobs/1");
    let newest = &answer["history"][0];
    assert_eq!((&newest["checkpointed_size"], &newest["state_size"]), (&json!(100), &json!(1000)));
    assert_eq!(answer["summary"]["end_to_end_duration"]["max"], 9);
    let (_, one) = client.get(&format!("/jobs/{ID}/checkpoints/details/1"));
    assert_eq!((&one["className"], &one["checkpoint_type"]), (&json!("completed"), &json!("CHECKPOINT")));
    assert_eq!(client.get(&format!("/jobs/{ID}/checkpoints/details/9")).0, 404);
}

#[test]
fn savepoints_are_polled_by_their_request_id() {
    let client = Client::new();
    let operation = client.outcome("savepoints", r#"{"target-directory":"/sp","formatType":"NATIVE"}"#);
    assert_eq!(operation, json!({"location": "/sp/savepoint-1"}));
    let asked = client.fake.savepoints.lock().unwrap()[0].clone();
    assert_eq!(
        asked,
        SavepointRequest { directory: Some("/sp".into()), native: true, stop: false, drain: false }
    );
    let failed = client.outcome("savepoints", r#"{"target-directory":"/full"}"#);
    assert_eq!(failed["failure-cause"]["stack-trace"], "no space left");
    assert_eq!(client.outcome("checkpoints", ""), json!({"checkpointId": 3}));
}

#[test]
fn one_trigger_id_is_one_operation() {
    let client = Client::new();
    let body = format!(r#"{{"triggerId":"{}"}}"#, "a".repeat(32));
    for _ in 0..2 {
        client.outcome("savepoints", &body);
    }
    assert_eq!(client.fake.savepoints.lock().unwrap().len(), 1);
}

#[test]
fn stop_asks_for_a_final_savepoint() {
    let client = Client::new();
    client.outcome("stop", r#"{"targetDirectory":"/sp","drain":true}"#);
    let asked = client.fake.savepoints.lock().unwrap()[0].clone();
    assert!(asked.stop && asked.drain && !asked.native);
}

#[test]
fn patch_cancels() {
    let client = Client::new();
    let url = format!("{}/v1/jobs/{ID}?mode=cancel", client.server.url());
    let response = client.agent.patch(url).send("").unwrap();
    assert_eq!(response.status(), 202);
    assert!(client.fake.cancelled.load(Ordering::SeqCst));
}

#[test]
fn errors_have_flinks_shape() {
    let client = Client::new();
    let other = "f".repeat(32);
    for (path, status) in [
        (format!("/jobs/{other}"), 404),
        ("/jobs/nonsense".into(), 400),
        ("/no/such/path".into(), 404),
        (format!("/jobs/{ID}/savepoints/{other}"), 404),
        (format!("/jobs/{ID}/stop"), 405),
    ] {
        let (found, answer) = client.get(&path);
        assert_eq!(found, status, "{path}");
        assert!(answer["errors"][0].is_string(), "{path}: {answer}");
    }
    let (status, answer) = client.post(&format!("/jobs/{ID}/savepoints"), "{");
    assert_eq!(status, 400);
    assert!(answer["errors"][0].is_string());
}

#[test]
fn the_next_free_port_is_taken() {
    let (one, two) = (Client::new(), Client::new());
    assert!(one.server.address().ip().is_loopback());
    assert_ne!(one.server.address(), two.server.address());
    let first = Server::start(one.fake.clone(), Env::system(), None).unwrap();
    let second = Server::start(one.fake.clone(), Env::system(), None).unwrap();
    assert!(first.address().port() >= DEFAULT_PORT);
    assert!(second.address().port() > first.address().port());
    let taken = Server::start(one.fake.clone(), Env::system(), Some(first.address().port()));
    assert!(matches!(taken, Err(Error::Listen { .. })));
}

#[test]
fn shutdown_waits_for_the_client_of_a_stop() {
    let Client { agent, server, fake: _ } = Client::new();
    let url = server.url();
    let trigger = "b".repeat(32);
    agent.post(format!("{url}/jobs/{ID}/stop")).send(format!(r#"{{"triggerId":"{trigger}"}}"#)).unwrap();
    let ending = std::thread::spawn(move || server.shutdown(Duration::from_secs(20)));
    std::thread::sleep(Duration::from_millis(100));
    let mut answer = agent.get(format!("{url}/jobs/{ID}/savepoints/{trigger}")).call().unwrap();
    assert_eq!(answer.body_mut().read_json::<Json>().unwrap()["operation"]["location"], "/jobs/savepoint-1");
    ending.join().unwrap();
    assert!(agent.get(format!("{url}/jobs")).call().is_err());
}
