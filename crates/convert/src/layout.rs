use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use alluvium_model::source::OperatorState;
use alluvium_model::{JobDescription, OperatorDescription, OperatorUid, SnapshotDescription, StateKind};
use alluvium_snapshot::format::name;

use crate::Error;
use crate::error::Result;

/// A kind of file that states are exported to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    /// Apache Parquet with the columns of the table.
    Parquet,
    /// The lines of `cat`.
    Jsonl,
    /// The lines of `cat` as comma-separated values; nested values are JSON text.
    Csv,
    /// An Arrow IPC file with the columns of the table.
    ArrowIpc,
}

impl Format {
    /// Every format.
    pub const ALL: [Format; 4] = [Format::Parquet, Format::Jsonl, Format::Csv, Format::ArrowIpc];

    /// Returns the name that the command line takes.
    pub fn name(self) -> &'static str {
        match self {
            Format::Parquet => "parquet",
            Format::Jsonl => "jsonl",
            Format::Csv => "csv",
            Format::ArrowIpc => "arrow",
        }
    }

    /// Returns the format of a name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|format| format.name() == name)
    }

    /// Returns the format of a file's extension, which is its name.
    pub(crate) fn of_path(path: &Path) -> Option<Self> {
        Self::from_name(path.extension()?.to_str()?)
    }
}

/// Name of the file beside exported ones that holds the operators and schemas: a job description.
pub const SCHEMA_FILE: &str = "job.json";

/// Returns where the file of a state lies, without its extension.
pub(crate) fn stem(uid: Option<&OperatorUid>, id: &str, state: &str) -> String {
    let operator = uid.map_or(id, OperatorUid::as_str);
    format!("{}/{}", name::encode(operator), name::encode(state))
}

/// Describes a snapshot as a job: what `import` and `check` take.
pub fn description_of(snapshot: &SnapshotDescription) -> JobDescription {
    let name = snapshot.facts.iter().find(|(name, _)| *name == "job_name");
    JobDescription {
        name: name.and_then(|(_, value)| value.as_str()).unwrap_or("snapshot").to_owned(),
        operators: snapshot.operators.iter().map(operator_of).collect(),
        ..JobDescription::default()
    }
}

fn operator_of(operator: &OperatorState) -> OperatorDescription {
    let keyed = operator.states.iter().find_map(|table| table.schema.key.clone());
    let has = |kind| operator.states.iter().any(|table| table.schema.kind == kind);
    let role = if has(StateKind::PendingTransactions) { "sink" } else { "process" };
    OperatorDescription {
        id: operator.id,
        uid: operator.uid.clone(),
        name: operator.name.clone().unwrap_or_default(),
        role: role.to_owned(),
        parallelism: operator.parallelism,
        max_parallelism: operator.max_parallelism,
        key: keyed,
        key_group_function: Some(operator.key_group_function),
        states: operator.states.iter().map(|table| Arc::clone(&table.schema)).collect(),
        max_parallelism_set: None,
        states_complete: true,
        uid_hash: None,
        chain: None,
        finished: operator.finished,
        coordinator: operator.coordinator,
        serializers: BTreeMap::new(),
    }
}

/// Makes a directory, or takes one that is empty.
pub(crate) fn empty_dir(path: &Path) -> Result<()> {
    fs::create_dir_all(path).map_err(Error::io(path))?;
    match fs::read_dir(path).map_err(Error::io(path))?.next() {
        None => Ok(()),
        Some(_) => Err(Error::NotEmpty { path: path.to_owned() }),
    }
}
