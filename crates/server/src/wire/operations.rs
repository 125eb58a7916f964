use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};

use crate::operations::Outcome;
use crate::{ControlError, SavepointRequest};

#[derive(Debug, Default, Deserialize)]
pub(crate) struct SavepointBody {
    #[serde(rename = "target-directory")]
    target_directory: Option<String>,
    #[serde(rename = "cancel-job")]
    cancel_job: Option<bool>,
    #[serde(rename = "formatType")]
    format: Option<Format>,
    #[serde(rename = "triggerId")]
    pub(crate) trigger_id: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
pub(crate) struct StopBody {
    #[serde(rename = "targetDirectory")]
    target_directory: Option<String>,
    drain: Option<bool>,
    #[serde(rename = "formatType")]
    format: Option<Format>,
    #[serde(rename = "triggerId")]
    pub(crate) trigger_id: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
pub(crate) struct CheckpointBody {
    #[serde(rename = "triggerId")]
    pub(crate) trigger_id: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
enum Format {
    Canonical,
    Native,
}

impl SavepointBody {
    pub(crate) fn request(self) -> SavepointRequest {
        SavepointRequest {
            directory: self.target_directory,
            native: self.format == Some(Format::Native),
            stop: self.cancel_job.unwrap_or(false),
            drain: false,
        }
    }
}

impl StopBody {
    pub(crate) fn request(self) -> SavepointRequest {
        SavepointRequest {
            directory: self.target_directory,
            native: self.format == Some(Format::Native),
            stop: true,
            drain: self.drain.unwrap_or(false),
        }
    }
}

/// Answer to a trigger.
#[derive(Debug, Serialize)]
pub(crate) struct Triggered {
    #[serde(rename = "request-id")]
    pub(crate) request_id: String,
}

/// The state of an asynchronous operation.
pub(crate) fn status(outcome: Option<&Outcome>) -> Json {
    let Some(outcome) = outcome else {
        return json!({"status": {"id": "IN_PROGRESS"}, "operation": null});
    };
    let operation = match outcome {
        Outcome::Savepoint(Ok(location)) => json!({"location": location}),
        Outcome::Savepoint(Err(error)) => json!({"failure-cause": cause(error)}),
        Outcome::Checkpoint(Ok(id)) => json!({"checkpointId": id}),
        Outcome::Checkpoint(Err(error)) => json!({"failureCause": cause(error)}),
    };
    json!({"status": {"id": "COMPLETED"}, "operation": operation})
}

/// A failure in the shape of Flink's `SerializedThrowable`, whose text is the `stack-trace`.
fn cause(error: &ControlError) -> Json {
    json!({"class": format!("alluvium.{:?}", error.kind), "stack-trace": error.message, "serialized-throwable": ""})
}
