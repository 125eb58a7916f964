//! What a snapshot says of its serializers, for who keeps its states in another format.

use std::sync::Arc;

use alluvium_model::origin::{Origin, SerializerOrigin, StateOrigin};
use alluvium_model::{Role, SnapshotDescription};

use super::operators::OperatorSource;
use crate::bytes::Input;

/// Returns the origin of the states of a snapshot.
pub(super) fn origin(description: &SnapshotDescription, operators: &[OperatorSource]) -> Origin {
    let facts = description.facts.iter().map(|(name, fact)| ((*name).to_owned(), fact.clone()));
    let version = description.facts.iter().find(|(name, _)| *name == "flink_version");
    let states = operators.iter().flat_map(|operator| {
        operator.tables.iter().map(|table| StateOrigin {
            operator: operator.id,
            schema: Arc::clone(&table.schema),
            serializers: table.origin.iter().map(|(role, bytes)| serializer(*role, bytes)).collect(),
        })
    });
    Origin {
        engine: "flink".into(),
        version: version.and_then(|(_, version)| version.as_str()).map(Into::into),
        facts: facts.collect(),
        states: states.filter(|state| !state.serializers.is_empty()).collect(),
    }
}

/// The class stands in front of form V; before 1.7 the bytes are Java objects and name it themselves.
fn serializer(role: Role, bytes: &[u8]) -> SerializerOrigin {
    let class = Input::new(bytes).utf("serializer snapshot class").unwrap_or_default();
    let named = !class.is_empty() && class.chars().all(|c| c.is_alphanumeric() || "._$".contains(c));
    SerializerOrigin {
        part: role.name().into(),
        class: if named { class } else { String::new() },
        snapshot: bytes.to_vec(),
    }
}
