//! What metadata and headers say of a snapshot.

use std::sync::Arc;

use alluvium_model::source::{OperatorState, StateTable};
use alluvium_model::{Finished, LogicalType, SnapshotDescription, StateKind};
use serde_json::{Value as Json, json};

use super::operators::OperatorSource;
use super::sources;
use super::tables::Table;
use crate::files::Files;
use crate::keyed::{Content, KeyedPart};
use crate::locate::SnapshotKind;
use crate::metadata::{KeyedHandle, Metadata, Properties, SavepointFormat, SnapshotType};

/// What is known of a snapshot before its headers.
pub(super) struct Known<'k> {
    pub(super) metadata: &'k Metadata,
    pub(super) files: &'k Files,
    pub(super) kind: SnapshotKind,
    pub(super) job_id: Option<String>,
    pub(super) path: String,
}

/// Returns the description of a snapshot.
pub(super) fn describe(known: &Known<'_>, operators: &[OperatorSource]) -> SnapshotDescription {
    SnapshotDescription {
        format: "flink",
        format_version: known.metadata.version,
        kind: match known.kind {
            SnapshotKind::Savepoint(_) => "savepoint",
            SnapshotKind::Checkpoint => "checkpoint",
        },
        layout: layout(known.kind, operators).to_owned(),
        id: Some(known.metadata.checkpoint_id),
        operators: operators.iter().map(operator_state).collect(),
        backend: operators
            .iter()
            .flat_map(|operator| &operator.keyed)
            .find_map(|part| backend(&part.content)),
        facts: facts(known, operators),
    }
}

fn operator_state(source: &OperatorSource) -> OperatorState {
    OperatorState {
        id: source.id,
        uid: source.uid.clone(),
        name: source.operator.name.clone(),
        parallelism: source.operator.parallelism,
        max_parallelism: source.max_parallelism,
        key_group_function: source.function,
        finished: source.operator.finished(),
        coordinator: source.operator.coordinator.is_some(),
        states: source.tables.iter().map(state_table).collect(),
    }
}

fn state_table(table: &Table) -> StateTable {
    let value = table.schema.value.as_ref().map(|value| &value.ty);
    StateTable {
        schema: Arc::clone(&table.schema),
        entries: table.rows,
        elements: None,
        bytes: None,
        opaque: matches!(value, Some(LogicalType::Opaque { .. })),
        rows_by_key_group: Vec::new(),
        serializers: table.serializers.clone(),
    }
}

fn keyed_handles(metadata: &Metadata) -> impl Iterator<Item = &KeyedHandle> {
    let subtasks = metadata.operators.iter().flat_map(|operator| &operator.subtasks);
    subtasks.filter_map(|subtask| subtask.managed_keyed.as_deref())
}

/// Returns the backend that wrote keyed state, which all backends write alike in canonical form.
fn backend(content: &Content) -> Option<&'static str> {
    match content {
        Content::Heap { .. } => Some("hashmap"),
        Content::Tables(_) => Some("rocksdb"),
        Content::Changelog { inner, .. } => inner.iter().find_map(|inner| backend(&inner.content)),
        Content::Canonical { .. } => None,
    }
}

/// Returns the word for the layout: the most particular one of any keyed state.
fn layout(kind: SnapshotKind, operators: &[OperatorSource]) -> &'static str {
    let parts = operators.iter().flat_map(|operator| &operator.keyed);
    let words: Vec<&str> = parts.map(|part| part.content.layout()).collect();
    for word in ["changelog", "incremental", "native", "canonical"] {
        if words.contains(&word) {
            return word;
        }
    }
    match kind {
        SnapshotKind::Savepoint(None | Some(SavepointFormat::Canonical)) => "canonical",
        _ => "native",
    }
}

fn facts(known: &Known<'_>, operators: &[OperatorSource]) -> Vec<(&'static str, Json)> {
    let Known { metadata, files, .. } = known;
    let mut facts = vec![("flink_version", Json::from(release(metadata, operators)))];
    facts.push(("metadata", known.path.clone().into()));
    facts.extend(known.job_id.clone().map(|id| ("job_id", id.into())));
    if let Some(properties) = &metadata.properties {
        facts.push(("properties", properties_fact(properties)));
    }
    let found = metadata.facts();
    facts.push(("files", found.files.into()));
    facts.push(("bytes", found.referenced_bytes.into()));
    facts.push(("inline_bytes", found.inline_bytes.into()));
    let moved = files.moved();
    if !moved.is_empty() {
        facts.push(("moved", moved.into_iter().map(|(from, to)| json!({"from": from, "to": to})).collect()));
    }
    let all = [(Finished::Fully, "finished_operators"), (Finished::Partially, "partly_finished_operators")];
    for (finished, fact) in all {
        let labels = operators.iter().filter(|o| o.operator.finished() == finished).map(|o| o.label());
        let labels: Vec<String> = labels.collect();
        if !labels.is_empty() {
            facts.push((fact, labels.into()));
        }
    }
    let masters: Vec<Json> = metadata
        .master_states
        .iter()
        .map(|state| json!({"name": state.name, "version": state.version, "bytes": state.payload.len()}))
        .collect();
    if !masters.is_empty() {
        facts.push(("master_states", masters.into()));
    }
    let coordinators: Vec<Json> = operators.iter().filter_map(|o| sources::coordinator(o, files)).collect();
    if !coordinators.is_empty() {
        facts.push(("coordinators", coordinators.into()));
    }
    let sources: Vec<Json> = operators.iter().filter_map(|o| sources::source(o, files)).collect();
    if !sources.is_empty() {
        facts.push(("sources", sources.into()));
    }
    let warnings = warnings(known.kind, operators);
    if !warnings.is_empty() {
        facts.push(("warnings", warnings.into()));
    }
    facts
}

/// Returns the releases that write such a snapshot.
fn release(metadata: &Metadata, operators: &[OperatorSource]) -> &'static str {
    let tag = keyed_handles(metadata)
        .filter_map(|handle| match handle {
            KeyedHandle::KeyGroups { tag, .. } | KeyedHandle::Incremental { tag, .. } => Some(*tag),
            _ => None,
        })
        .max();
    let header = operators.iter().flat_map(|operator| &operator.lists).map(|part| part.header.version).max();
    let keyed = operators.iter().flat_map(|operator| &operator.keyed).map(|part| part.states.version).max();
    match metadata.version {
        1 => "1.2",
        2 => match keyed {
            Some(3) => "1.3",
            Some(4) => "1.4 or 1.5",
            Some(5) => "1.6",
            _ => "1.7 to 1.10",
        },
        3 => match tag {
            Some(11 | 12) => "1.15",
            Some(7) => "1.13 to 1.15",
            _ => "1.11 to 1.15",
        },
        4 => match header {
            Some(6) => "1.18 to 1.20",
            Some(_) => "1.16 or 1.17",
            None => "1.16 to 1.20",
        },
        5 => "2.0",
        6 => "2.1 or later",
        _ => "unknown",
    }
}

fn properties_fact(properties: &Properties) -> Json {
    let kind = match &properties.snapshot_type {
        SnapshotType::Savepoint { format, action } => json!({
            "type": "savepoint",
            "format": format!("{format:?}").to_lowercase(),
            "then": format!("{action:?}").to_lowercase(),
        }),
        SnapshotType::Checkpoint { sharing } => {
            json!({"type": "checkpoint", "sharing": format!("{sharing:?}").to_lowercase()})
        }
        SnapshotType::Other { class } => json!({"type": class}),
    };
    let retained = !properties.discard_cancelled;
    let mut fact = kind;
    if let Some(object) = fact.as_object_mut() {
        object.insert("kept_when_cancelled".into(), retained.into());
        object.insert("unclaimed".into(), properties.unclaimed.into());
    }
    fact
}

fn warnings(kind: SnapshotKind, operators: &[OperatorSource]) -> Vec<String> {
    let mut warnings = Vec::new();
    for operator in operators {
        let label = operator.label();
        for fault in &operator.faults {
            warnings.push(format!("operator {label}, {}: {}", fault.place, chain(&fault.error)));
        }
        warnings.extend(operator.conflicts.iter().map(|what| format!("operator {label}, {what}")));
        if may_lack_timers(kind, operator) {
            warnings.push(format!(
                "operator {label} has no timers: Flink leaves timers that it keeps on the heap out of native \
                 savepoints of RocksDB, and of what the changelog materialises from it"
            ));
        }
    }
    warnings
}

/// Returns whether Flink may have left out timers: there are none beside state of RocksDB in a native
/// savepoint or a changelog.
fn may_lack_timers(kind: SnapshotKind, operator: &OperatorSource) -> bool {
    let savepoint = matches!(kind, SnapshotKind::Savepoint(_));
    let tables = |part: &KeyedPart| match &part.content {
        Content::Tables(_) => savepoint,
        Content::Changelog { inner, .. } => {
            inner.iter().any(|inner| matches!(inner.content, Content::Tables(_)))
        }
        _ => false,
    };
    let timers = operator.tables.iter().any(|table| matches!(table.schema.kind, StateKind::Timer(_)));
    !timers && operator.keyed.iter().any(tables)
}

/// Prints an error and its causes.
pub(super) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text.push_str(": ");
        text.push_str(&inner.to_string());
        cause = inner.source();
    }
    text
}
