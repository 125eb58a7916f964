use alluvium_model::source::{OperatorState, StateTable};
use alluvium_model::types::type_to_json;
use alluvium_model::{ElementType, LogicalType, OperatorUid, SnapshotSource};
use serde_json::{Map, Value as Json, json};

use crate::count::{Counts, count};
use crate::error::Result;
use crate::{Skew, Target};

/// Returns what a snapshot holds, in the shape of `inspect -o json`.
///
/// Reads metadata and headers only; what they do not hold is null. With `count_rows` the rows are
/// read instead, and `entries`, `elements` and skew are never null; then `opaque_rows` says how many
/// rows are bytes, and `unreadable` how many parts could not be read.
///
/// # Errors
/// With `count_rows`: what the source could not read.
pub fn inspect(source: &dyn SnapshotSource, count_rows: bool) -> Result<Json> {
    let snapshot = source.describe();
    let operators = snapshot.operators.iter().map(|operator| operator_json(source, operator, count_rows));
    let operators = operators.collect::<Result<Vec<_>>>()?;
    let facts: Map<String, Json> =
        snapshot.facts.iter().map(|(name, fact)| ((*name).to_owned(), fact.clone())).collect();
    Ok(json!({
        "format": snapshot.format,
        "format_version": snapshot.format_version,
        "kind": snapshot.kind,
        "layout": snapshot.layout,
        "id": snapshot.id,
        "facts": facts,
        "operators": operators,
    }))
}

fn operator_json(source: &dyn SnapshotSource, operator: &OperatorState, count_rows: bool) -> Result<Json> {
    let states = operator.states.iter().map(|table| {
        let counts = if count_rows { Some(count(source, &Target { operator, table })?) } else { None };
        Ok(state_json(operator, table, counts))
    });
    Ok(json!({
        "id": operator.id.to_string(),
        "uid": operator.uid.as_ref().map(OperatorUid::as_str),
        "name": operator.name,
        "parallelism": operator.parallelism,
        "max_parallelism": operator.max_parallelism,
        "key_group_function": operator.key_group_function.name(),
        "states": states.collect::<Result<Vec<_>>>()?,
    }))
}

fn state_json(operator: &OperatorState, table: &StateTable, counts: Option<Counts>) -> Json {
    let schema = &table.schema;
    let plain = |ty: &Option<LogicalType>| ty.clone().map(|ty| type_to_json(&ElementType::required(ty)));
    let read = counts.as_ref().map(|counts| (counts.opaque_rows, counts.unreadable));
    let (entries, elements, groups) = match counts {
        Some(counts) => (Some(counts.entries), counts.elements, counts.rows_by_key_group),
        None => (table.entries, table.elements, table.rows_by_key_group.clone()),
    };
    let skew = if schema.kind.is_keyed() { Skew::of(&groups, operator.max_parallelism) } else { None };
    let mut state = json!({
        "name": schema.name,
        "kind": schema.kind.word(),
        "key_type": plain(&schema.key),
        "namespace_type": plain(&schema.namespace),
        "map_key_type": plain(&schema.map_key),
        "value_type": schema.value.as_ref().map(type_to_json),
        "entries": entries,
        "elements": elements,
        "bytes": table.bytes,
        "ttl_ms": schema.ttl_ms,
        "opaque": table.opaque,
        "key_group_skew": skew.map(|skew| skew.to_json()),
    });
    if let (Some((opaque_rows, unreadable)), Some(members)) = (read, state.as_object_mut()) {
        members.insert("opaque_rows".into(), opaque_rows.into());
        members.insert("unreadable".into(), unreadable.into());
    }
    state
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake;

    #[test]
    fn inspect_prints_the_contract_members() {
        let source = fake::snapshot();
        let json = inspect(&source, false).unwrap();
        assert_eq!(json["format"], "alluvium");
        let state = &json["operators"][0]["states"][0];
        assert_eq!(state["name"], "visits");
        assert_eq!(state["kind"], "map");
        assert_eq!(state["key_type"], "string");
        assert_eq!(state["entries"], Json::Null);
        assert_eq!(state["namespace_type"], Json::Null);
    }

    #[test]
    fn counting_reads_what_headers_do_not_hold() {
        let json = inspect(&fake::snapshot(), true).unwrap();
        let states = &json["operators"][0]["states"];
        assert_eq!(states[0]["entries"], 3);
        assert_eq!(states[0]["key_group_skew"]["rows_max"], 2);
        assert_eq!((&states[1]["entries"], &states[1]["elements"]), (&json!(2), &json!(3)));
    }
}
