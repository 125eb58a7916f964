use alluvium_format::{Manifest, OperatorEntry, Profile, TableEntry};
use alluvium_model::source::{OperatorState, StateTable};
use alluvium_model::{Finished, KeyGroup, LogicalType, SnapshotDescription, StateKind, StateSchema};
use serde_json::json;

/// Says everything that the manifest says, without reading an object.
pub(crate) fn describe(manifest: &Manifest, place: &str, manifest_bytes: u64) -> SnapshotDescription {
    let (kind, layout) = match manifest.profile {
        Profile::Savepoint { compacted: true } => ("savepoint", "compacted"),
        Profile::Savepoint { compacted: false } => ("savepoint", "stacked"),
        Profile::Checkpoint => ("checkpoint", "incremental"),
    };
    SnapshotDescription {
        format: "alluvium",
        format_version: 1,
        kind,
        layout: layout.to_owned(),
        id: Some(manifest.checkpoint_id),
        operators: manifest.operators.iter().map(|operator| operator_state(manifest, operator)).collect(),
        backend: None,
        facts: facts(manifest, place, manifest_bytes),
    }
}

fn facts(manifest: &Manifest, place: &str, manifest_bytes: u64) -> Vec<(&'static str, serde_json::Value)> {
    let runs = || manifest.operators.iter().flat_map(|o| &o.tables).flat_map(|t| &t.runs);
    let stored: u64 = runs().map(|run| run.bytes()).sum();
    let mut facts = vec![
        ("manifest", json!(place)),
        ("job_id", json!(manifest.job.id)),
        ("job_name", json!(manifest.job.name)),
        ("attempt", json!(manifest.attempt)),
        ("created_ms", json!(manifest.created_ms)),
        ("as_of_ms", json!(manifest.as_of_ms)),
        ("features", json!(manifest.features)),
        ("manifest_bytes", json!(manifest_bytes)),
        ("state_bytes", json!(stored)),
        ("runs", json!(runs().count())),
    ];
    if manifest.is_borrowing() {
        facts.push(("borrowing", json!(true)));
    }
    facts
}

fn operator_state(manifest: &Manifest, operator: &OperatorEntry) -> OperatorState {
    let table = |table: &TableEntry| {
        let schema = manifest.schema(table.schema_id)?;
        let rows_by_key_group = match &table.digest {
            Some(digest) if schema.kind.is_keyed() => {
                digest.groups.iter().map(|(g, d)| (*g, d.rows)).collect()
            }
            _ => Vec::new(),
        };
        let rows = live_rows(schema.kind, table, &rows_by_key_group);
        let is_list = schema.kind == StateKind::List;
        Some(StateTable {
            schema: schema.clone(),
            entries: table.entries.or(rows.filter(|_| !is_list)),
            elements: rows.filter(|_| is_list),
            bytes: Some(table.runs.iter().map(|run| run.bytes()).sum()),
            opaque: is_opaque(schema),
            rows_by_key_group,
            serializers: Default::default(),
        })
    };
    OperatorState {
        id: operator.id,
        uid: operator.uid.clone(),
        name: operator.name.clone(),
        parallelism: operator.parallelism,
        max_parallelism: operator.max_parallelism,
        key_group_function: operator.key_group_function,
        finished: Finished::No,
        coordinator: false,
        states: operator.tables.iter().filter_map(table).collect(),
    }
}

/// Returns the number of live rows where the manifest holds it: with digests, or where no run can
/// hide rows of another.
fn live_rows(kind: StateKind, table: &TableEntry, by_key_group: &[(KeyGroup, u64)]) -> Option<u64> {
    match &table.digest {
        Some(_) if kind.is_keyed() => Some(by_key_group.iter().map(|(_, rows)| rows).sum()),
        Some(digest) => Some(digest.groups.values().map(|digest| digest.rows).sum()),
        None if !kind.is_keyed() || table.runs.is_empty() => {
            Some(table.runs.iter().map(|run| run.rows).sum())
        }
        None => None,
    }
}

fn is_opaque(schema: &StateSchema) -> bool {
    let opaque = |ty: &LogicalType| matches!(ty, LogicalType::Opaque { .. });
    let keys = [&schema.key, &schema.namespace, &schema.map_key];
    keys.into_iter().flatten().any(opaque) || schema.value.as_ref().is_some_and(|value| opaque(&value.ty))
}
