use std::sync::Arc;

use serde_json::{Map, Value as Json, json};

use super::{EdgeDescription, JobDescription, OperatorDescription};
use crate::types::{type_from_json, type_to_json};
use crate::{
    ElementType, Error, KeyGroupFunction, LogicalType, OperatorUid, Result, Role, StateKind, StateSchema,
};

/// Prints a job description: the output of `describe`.
///
/// Spec: JOB-1.
pub fn job_to_json(job: &JobDescription) -> Json {
    json!({
        "description_version": 1,
        "name": job.name,
        "operators": job.operators.iter().map(operator_to_json).collect::<Vec<_>>(),
        "edges": job.edges.iter().map(|edge| json!({
            "from": edge.from.to_string(),
            "to": edge.to.to_string(),
            "input": edge.input,
            "tag": edge.tag,
            "exchange": edge.exchange,
        })).collect::<Vec<_>>(),
    })
}

fn operator_to_json(operator: &OperatorDescription) -> Json {
    json!({
        "id": operator.id.to_string(),
        "uid": operator.uid.as_ref().map(OperatorUid::as_str),
        "name": operator.name,
        "role": operator.role,
        "parallelism": operator.parallelism,
        "max_parallelism": operator.max_parallelism,
        "key_type": operator.key.as_ref().map(required),
        "key_group_function": operator.key_group_function.map(KeyGroupFunction::name),
        "states": operator.states.iter().map(|s| schema_to_json(s)).collect::<Vec<_>>(),
    })
}

fn required(ty: &LogicalType) -> Json {
    type_to_json(&ElementType::required(ty.clone()))
}

/// Prints a state schema; members that do not apply are absent.
///
/// Spec: SCHEMA-1.
pub fn schema_to_json(schema: &StateSchema) -> Json {
    let mut object = Map::new();
    object.insert("name".into(), schema.name.clone().into());
    object.insert("kind".into(), schema.kind.name().into());
    for (name, ty) in
        [("key_type", &schema.key), ("namespace_type", &schema.namespace), ("map_key_type", &schema.map_key)]
    {
        if let Some(ty) = ty {
            object.insert(name.into(), required(ty));
        }
    }
    if let Some(value) = &schema.value {
        object.insert("value_type".into(), type_to_json(value));
    }
    if let Some(ttl) = schema.ttl_ms {
        object.insert("ttl_ms".into(), ttl.into());
    }
    if schema.ttl_unknown {
        object.insert("ttl_unknown".into(), true.into());
    }
    if !schema.raw.is_empty() {
        object.insert("raw".into(), schema.raw.iter().map(|role| role.name()).collect::<Vec<_>>().into());
    }
    if schema.field_id_max != 0 {
        object.insert("field_id_max".into(), schema.field_id_max.into());
    }
    Json::Object(object)
}

/// Reads a state schema.
///
/// # Errors
/// [`Error::Mismatch`] with the member that is missing or odd; [`Error::UnknownType`].
///
/// Spec: SCHEMA-1.
pub fn schema_from_json(json: &Json) -> Result<StateSchema> {
    let kind_name = text(json, "kind")?;
    let kind =
        StateKind::from_name(kind_name).ok_or_else(|| odd("kind", "a kind of state", json.get("kind")))?;
    let mut schema = StateSchema::new(text(json, "name")?, kind);
    schema.key = optional_type(json, "key_type")?;
    schema.namespace = optional_type(json, "namespace_type")?;
    schema.map_key = optional_type(json, "map_key_type")?;
    schema.value = member(json, "value_type").map(type_from_json).transpose()?;
    schema.ttl_ms = optional_number(json, "ttl_ms")?;
    schema.ttl_unknown = match member(json, "ttl_unknown") {
        None | Some(Json::Bool(false)) => false,
        Some(Json::Bool(true)) if schema.ttl_ms.is_none() => true,
        other => return Err(odd("ttl_unknown", "true, and no ttl_ms", other)),
    };
    schema.field_id_max = optional_number(json, "field_id_max")?
        .map_or(Ok(0), u32::try_from)
        .map_err(|_| odd("field_id_max", "a 32-bit number", json.get("field_id_max")))?;
    if let Some(raw) = member(json, "raw") {
        let names = raw.as_array().ok_or_else(|| odd("raw", "an array", Some(raw)))?;
        for name in names {
            let role = [Role::KeyRaw, Role::NamespaceRaw, Role::MapKeyRaw, Role::ValueRaw]
                .into_iter()
                .find(|role| Some(role.name()) == name.as_str())
                .ok_or_else(|| odd("raw", "a raw column", Some(name)))?;
            schema.raw.push(role);
        }
        schema.raw.sort();
        schema.raw.dedup();
    }
    let fits = schema.key.is_some() == kind.is_keyed()
        && schema.map_key.is_some() == matches!(kind, StateKind::Map | StateKind::Broadcast)
        && schema.value.is_some() != matches!(kind, StateKind::Timer(_))
        && (kind.is_keyed() || (schema.namespace.is_none() && !schema.has_last_access()));
    if !fits {
        return Err(odd(&schema.name, "the types that its kind needs", Some(json)));
    }
    Ok(schema)
}

/// Reads a job description.
///
/// # Errors
/// [`Error::Mismatch`] with the member that is missing or odd; [`Error::UnknownType`].
///
/// Spec: JOB-1.
pub fn job_from_json(json: &Json) -> Result<JobDescription> {
    match json.get("description_version").and_then(Json::as_u64) {
        Some(1) => {}
        _ => return Err(odd("description_version", "1", json.get("description_version"))),
    }
    let operators = array(json, "operators")?.iter().map(operator_from_json).collect::<Result<_>>()?;
    let edges = array(json, "edges")?.iter().map(edge_from_json).collect::<Result<_>>()?;
    Ok(JobDescription { name: text(json, "name")?.to_owned(), operators, edges })
}

fn operator_from_json(json: &Json) -> Result<OperatorDescription> {
    let function = match member(json, "key_group_function") {
        None => None,
        Some(name) => Some(
            name.as_str()
                .and_then(KeyGroupFunction::from_name)
                .ok_or_else(|| odd("key_group_function", "a key-group function", Some(name)))?,
        ),
    };
    let states = array(json, "states")?.iter().map(|s| schema_from_json(s).map(Arc::new));
    Ok(OperatorDescription {
        id: text(json, "id")?.parse()?,
        uid: member(json, "uid").and_then(Json::as_str).map(OperatorUid::new),
        name: text(json, "name")?.to_owned(),
        role: text(json, "role")?.to_owned(),
        parallelism: number(json, "parallelism")?,
        max_parallelism: number(json, "max_parallelism")?,
        key: optional_type(json, "key_type")?,
        key_group_function: function,
        states: states.collect::<Result<_>>()?,
    })
}

fn edge_from_json(json: &Json) -> Result<EdgeDescription> {
    Ok(EdgeDescription {
        from: text(json, "from")?.parse()?,
        to: text(json, "to")?.parse()?,
        input: number(json, "input")?,
        tag: member(json, "tag").and_then(Json::as_str).map(str::to_owned),
        exchange: text(json, "exchange")?.to_owned(),
    })
}

fn odd(path: &str, wanted: &str, found: Option<&Json>) -> Error {
    let found =
        found.map_or_else(|| "nothing".to_owned(), |json| json.to_string().chars().take(120).collect());
    Error::Mismatch { path: path.to_owned(), wanted: wanted.to_owned(), found }
}

fn member<'a>(json: &'a Json, name: &str) -> Option<&'a Json> {
    json.get(name).filter(|value| !value.is_null())
}

fn text<'a>(json: &'a Json, name: &str) -> Result<&'a str> {
    json.get(name).and_then(Json::as_str).ok_or_else(|| odd(name, "a string", json.get(name)))
}

fn array<'a>(json: &'a Json, name: &str) -> Result<&'a Vec<Json>> {
    json.get(name).and_then(Json::as_array).ok_or_else(|| odd(name, "an array", json.get(name)))
}

fn number(json: &Json, name: &str) -> Result<u32> {
    optional_number(json, name)?
        .and_then(|n| u32::try_from(n).ok())
        .ok_or_else(|| odd(name, "a 32-bit number", json.get(name)))
}

fn optional_number(json: &Json, name: &str) -> Result<Option<u64>> {
    member(json, name).map(|n| n.as_u64().ok_or_else(|| odd(name, "a number", Some(n)))).transpose()
}

fn optional_type(json: &Json, name: &str) -> Result<Option<LogicalType>> {
    let Some(ty) = member(json, name) else { return Ok(None) };
    let element = type_from_json(ty)?;
    if element.nullable {
        return Err(odd(name, "a type that is never null", Some(ty)));
    }
    Ok(Some(element.ty))
}
