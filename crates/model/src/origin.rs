//! Where a snapshot came from, when another engine wrote its state first.
//!
//! Reading never needs it. It is kept so that the way back to that engine is exact: the bytes of
//! the serializer snapshots travel along, and hold for as long as a state keeps its schema.
//!
//! Spec: ORIGIN-1 to ORIGIN-3.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value as Json, json};

use crate::job::{schema_from_json, schema_to_json};
use crate::{Error, OperatorId, Result, StateSchema};

/// What another engine said of the states of a snapshot.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Origin {
    /// Name of the engine: `flink`.
    pub engine: String,
    /// Its version, where known.
    pub version: Option<String>,
    /// What else it said of the snapshot as a whole.
    pub facts: Map<String, Json>,
    /// Its states.
    pub states: Vec<StateOrigin>,
}

/// What another engine said of a state.
#[derive(Debug, Clone, PartialEq)]
pub struct StateOrigin {
    /// The operator.
    pub operator: OperatorId,
    /// The schema that the state had when it was read; the origin holds for no other.
    pub schema: Arc<StateSchema>,
    /// Serializers by the engine's name of the part: `key`, `namespace`, `value`.
    pub serializers: Vec<SerializerOrigin>,
}

/// A serializer as an engine described it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SerializerOrigin {
    /// The engine's name of the part that it serializes.
    pub part: String,
    /// Name of the serializer or of its snapshot's class.
    pub class: String,
    /// The description of the serializer, as the engine stored it.
    pub snapshot: Vec<u8>,
}

impl Origin {
    /// Returns what holds of a state: none when its schema has changed since.
    ///
    /// Spec: ORIGIN-2.
    pub fn state(&self, operator: OperatorId, schema: &StateSchema) -> Option<&StateOrigin> {
        self.states.iter().find(|state| state.operator == operator && *state.schema == *schema)
    }

    /// Prints the origin as manifests hold it.
    ///
    /// Spec: ORIGIN-1.
    pub fn to_json(&self) -> Json {
        let mut object = Map::new();
        object.insert("engine".into(), self.engine.clone().into());
        if let Some(version) = &self.version {
            object.insert("version".into(), version.clone().into());
        }
        object.insert("facts".into(), self.facts.clone().into());
        object.insert("states".into(), self.states.iter().map(StateOrigin::to_json).collect());
        Json::Object(object)
    }

    /// Reads an origin.
    ///
    /// # Errors
    /// [`Error::Mismatch`] with the member that is missing or odd; [`Error::UnknownType`].
    ///
    /// Spec: ORIGIN-1.
    pub fn from_json(json: &Json) -> Result<Self> {
        let engine = text(json, "engine")?.to_owned();
        let version = json.get("version").and_then(Json::as_str).map(str::to_owned);
        let facts = json.get("facts").and_then(Json::as_object).cloned().unwrap_or_default();
        let states = json.get("states").and_then(Json::as_array).ok_or_else(|| odd("states", json))?;
        let states = states.iter().map(StateOrigin::from_json).collect::<Result<_>>()?;
        Ok(Origin { engine, version, facts, states })
    }
}

impl StateOrigin {
    fn to_json(&self) -> Json {
        let serializer = |serializer: &SerializerOrigin| {
            json!({
                "part": serializer.part,
                "class": serializer.class,
                "snapshot": STANDARD.encode(&serializer.snapshot),
            })
        };
        json!({
            "operator": self.operator.to_string(),
            "schema": schema_to_json(&self.schema),
            "serializers": self.serializers.iter().map(serializer).collect::<Vec<_>>(),
        })
    }

    fn from_json(json: &Json) -> Result<Self> {
        let serializers =
            json.get("serializers").and_then(Json::as_array).ok_or_else(|| odd("serializers", json))?;
        let serializer = |json: &Json| {
            Ok(SerializerOrigin {
                part: text(json, "part")?.to_owned(),
                class: text(json, "class")?.to_owned(),
                snapshot: STANDARD.decode(text(json, "snapshot")?).map_err(|_| odd("snapshot", json))?,
            })
        };
        Ok(StateOrigin {
            operator: text(json, "operator")?.parse()?,
            schema: Arc::new(schema_from_json(json.get("schema").ok_or_else(|| odd("schema", json))?)?),
            serializers: serializers.iter().map(serializer).collect::<Result<_>>()?,
        })
    }
}

fn text<'a>(json: &'a Json, name: &str) -> Result<&'a str> {
    json.get(name).and_then(Json::as_str).ok_or_else(|| odd(name, json))
}

fn odd(name: &str, json: &Json) -> Error {
    let found = json.to_string().chars().take(120).collect();
    Error::Mismatch { path: "origin".into(), wanted: format!("an origin with {name}"), found }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ElementType, LogicalType, OperatorUid, StateKind, spec};

    #[test]
    fn an_origin_holds_for_the_schema_that_it_was_given_for() {
        spec!("ORIGIN-1", "ORIGIN-2");
        let schema = StateSchema::new("count", StateKind::Value)
            .with_key(LogicalType::String)
            .with_value(ElementType::required(LogicalType::Int64));
        let operator = OperatorUid::new("counter").id();
        let serializer = SerializerOrigin {
            part: "value".into(),
            class: "LongSerializerSnapshot".into(),
            snapshot: vec![0, 1],
        };
        let origin = Origin {
            engine: "flink".into(),
            version: Some("1.20".into()),
            facts: Map::from_iter([("path".to_owned(), json!("/sp"))]),
            states: vec![StateOrigin {
                operator,
                schema: Arc::new(schema.clone()),
                serializers: vec![serializer.clone()],
            }],
        };
        let json = origin.to_json();
        assert_eq!(json["states"][0]["serializers"][0]["snapshot"], "AAE=");
        assert_eq!(Origin::from_json(&json).unwrap(), origin);
        assert_eq!(origin.state(operator, &schema).unwrap().serializers, [serializer]);
        assert!(origin.state(operator, &schema.with_ttl_ms(1)).is_none());
        for member in ["engine", "states"] {
            let mut broken = json.clone();
            broken.as_object_mut().unwrap().remove(member);
            assert!(Origin::from_json(&broken).is_err(), "{member}");
        }
    }
}
