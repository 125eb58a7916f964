use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Map, Value as Json, json};

use super::{EdgeDescription, EngineDescription, JobDescription, OperatorDescription};
use crate::document::Node;
use crate::serializer::{StateSerializers, fill};
use crate::types::{type_from, type_to_json};
use crate::{
    ElementType, Error, Finished, KeyGroupFunction, LogicalType, MaxParallelism, OperatorUid, Result, Role,
    StateKind, StateSchema,
};

/// Prints a job description: the output of `describe`.
///
/// Spec: JOB-1.
pub fn job_to_json(job: &JobDescription) -> Json {
    let mut json = json!({
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
    });
    let engine = job.engine.as_ref().map(|engine| {
        let version = engine.version.as_ref().map(|version| ("version".to_owned(), version.clone().into()));
        let name = ("name".to_owned(), engine.name.clone().into());
        Json::Object(std::iter::once(name).chain(version).collect())
    });
    let text = |text: &Option<String>| text.clone().map(Json::from);
    add(&mut json, [("engine", engine), ("backend", text(&job.backend)), ("layout", text(&job.layout))]);
    json
}

/// Adds the members that are there.
fn add<const N: usize>(json: &mut Json, members: [(&str, Option<Json>); N]) {
    if let Some(object) = json.as_object_mut() {
        object.extend(members.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))));
    }
}

fn operator_to_json(operator: &OperatorDescription) -> Json {
    let state = |schema: &Arc<StateSchema>| {
        let mut json = schema_to_json(schema);
        let serializers = operator.serializers.get(&schema.name).and_then(StateSerializers::to_json);
        add(&mut json, [("serializers", serializers)]);
        json
    };
    let mut json = json!({
        "id": operator.id.to_string(),
        "uid": operator.uid.as_ref().map(OperatorUid::as_str),
        "name": operator.name,
        "role": operator.role,
        "parallelism": operator.parallelism,
        "max_parallelism": operator.max_parallelism,
        "key_type": operator.key.as_ref().map(required),
        "key_group_function": operator.key_group_function.map(KeyGroupFunction::name),
        "states": operator.states.iter().map(state).collect::<Vec<_>>(),
    });
    let uid_hash = operator.uid_hash.map(|id| Json::from(id.to_string()));
    let partial = (!operator.states_complete).then_some(Json::Bool(false));
    let set = operator.max_parallelism_set.map(Json::from);
    let chain = operator.chain.map(|id| Json::from(id.to_string()));
    let finished = operator.finished.name().map(Json::from);
    let coordinator = operator.coordinator.then_some(Json::Bool(true));
    add(
        &mut json,
        [
            ("max_parallelism_set", set),
            ("uid_hash", uid_hash),
            ("states_complete", partial),
            ("chain", chain),
            ("finished", finished),
            ("coordinator", coordinator),
        ],
    );
    json
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
    read_schema(json, &StateSerializers::default())
}

/// Reads a state schema; types that it lacks follow from the serializers, if there are some.
fn read_schema(json: &impl Node, serializers: &StateSerializers) -> Result<StateSchema> {
    let kind_name = text(json, "kind")?;
    let kind =
        StateKind::from_name(kind_name).ok_or_else(|| odd("kind", "a kind of state", json.get("kind")))?;
    let mut schema = StateSchema::new(text(json, "name")?, kind);
    schema.key = optional_type(json, "key_type")?;
    schema.namespace = optional_type(json, "namespace_type")?;
    schema.map_key = optional_type(json, "map_key_type")?;
    schema.value = member(json, "value_type").map(type_from).transpose()?;
    schema.ttl_ms = optional_number(json, "ttl_ms")?;
    schema.ttl_unknown = match member(json, "ttl_unknown") {
        None => false,
        Some(flag) => match flag.flag() {
            Some(true) if schema.ttl_ms.is_some() => None,
            flag => flag,
        }
        .ok_or_else(|| odd("ttl_unknown", "true, and no ttl_ms", Some(flag)))?,
    };
    schema.field_id_max = optional_number(json, "field_id_max")?
        .map_or(Ok(0), u32::try_from)
        .map_err(|_| odd("field_id_max", "a 32-bit number", json.get("field_id_max")))?;
    if let Some(raw) = member(json, "raw") {
        let names = raw.list().ok_or_else(|| odd("raw", "an array", Some(raw)))?;
        for name in names {
            let role = [Role::KeyRaw, Role::NamespaceRaw, Role::MapKeyRaw, Role::ValueRaw]
                .into_iter()
                .find(|role| Some(role.name()) == name.text())
                .ok_or_else(|| odd("raw", "a raw column", Some(name)))?;
            schema.raw.push(role);
        }
        schema.raw.sort();
        schema.raw.dedup();
    }
    if !serializers.is_empty() {
        fill(&mut schema, serializers);
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

/// Reads a job description. Members that a person need not write may be absent: see the rule.
///
/// # Errors
/// [`Error::Mismatch`] with the member that is missing or odd; [`Error::UnknownType`].
///
/// Spec: JOB-1, JOB-2.
pub fn job_from_json(json: &Json) -> Result<JobDescription> {
    job_from(json)
}

/// Reads a job description in any document; as [`job_from_json`].
///
/// # Errors
/// As for [`job_from_json`].
pub fn job_from(json: &impl Node) -> Result<JobDescription> {
    match json.get("description_version").and_then(Node::number) {
        Some(1) => {}
        _ => return Err(odd("description_version", "1", json.get("description_version"))),
    }
    let operators = array(json, "operators")?.iter().map(operator_from_json).collect::<Result<_>>()?;
    let edges = member(json, "edges").map_or(Ok(&[][..]), |_| array(json, "edges"))?;
    let engine = member(json, "engine").map(|engine| -> Result<_> {
        Ok(EngineDescription {
            name: text(engine, "name")?.to_owned(),
            version: optional_text(engine, "version")?,
        })
    });
    Ok(JobDescription {
        name: optional_text(json, "name")?.unwrap_or_default(),
        operators,
        edges: edges.iter().map(edge_from_json).collect::<Result<_>>()?,
        engine: engine.transpose()?,
        backend: optional_text(json, "backend")?,
        layout: optional_text(json, "layout")?,
    })
}

fn operator_from_json(json: &impl Node) -> Result<OperatorDescription> {
    let function = match member(json, "key_group_function") {
        None => None,
        Some(name) => Some(
            name.text()
                .and_then(KeyGroupFunction::from_name)
                .ok_or_else(|| odd("key_group_function", "a key-group function", Some(name)))?,
        ),
    };
    let uid = optional_text(json, "uid")?.map(OperatorUid::new);
    let id = match (&uid, member(json, "id")) {
        (Some(uid), None) => uid.id(),
        _ => text(json, "id")?.parse()?,
    };
    let parallelism = member(json, "parallelism").map_or(Ok(1), |_| number(json, "parallelism"))?;
    let (max_parallelism, set) = match member(json, "max_parallelism") {
        Some(_) => (number(json, "max_parallelism")?, None),
        None => (MaxParallelism::default_for(parallelism).get(), Some(false)),
    };
    let set = flag(json, "max_parallelism_set")?.or(set);
    let complete = flag(json, "states_complete")?.unwrap_or(true);
    let finished = match member(json, "finished") {
        None => Finished::No,
        Some(word) => {
            let known = word.text().and_then(Finished::from_name);
            known.ok_or_else(|| odd("finished", "fully or partially", Some(word)))?
        }
    };
    let mut states = Vec::new();
    let mut serializers = BTreeMap::new();
    for state in member(json, "states").map_or(Ok(&[][..]), |_| array(json, "states"))? {
        let known = member(state, "serializers").map(StateSerializers::from_json).transpose()?;
        let schema = read_schema(state, known.as_ref().unwrap_or(&StateSerializers::default()))?;
        serializers.extend(known.map(|known| (schema.name.clone(), known)));
        states.push(Arc::new(schema));
    }
    Ok(OperatorDescription {
        id,
        name: optional_text(json, "name")?.unwrap_or_default(),
        role: optional_text(json, "role")?.unwrap_or_default(),
        uid,
        parallelism,
        max_parallelism,
        key: optional_type(json, "key_type")?,
        key_group_function: function,
        states,
        max_parallelism_set: set,
        states_complete: complete,
        uid_hash: optional_text(json, "uid_hash")?.map(|id| id.parse()).transpose()?,
        chain: optional_text(json, "chain")?.map(|id| id.parse()).transpose()?,
        finished,
        coordinator: flag(json, "coordinator")?.unwrap_or(false),
        serializers,
    })
}

fn edge_from_json(json: &impl Node) -> Result<EdgeDescription> {
    Ok(EdgeDescription {
        from: text(json, "from")?.parse()?,
        to: text(json, "to")?.parse()?,
        input: number(json, "input")?,
        tag: member(json, "tag").and_then(Node::text).map(str::to_owned),
        exchange: text(json, "exchange")?.to_owned(),
    })
}

fn odd<N: Node>(path: &str, wanted: &str, found: Option<&N>) -> Error {
    let found = found
        .map_or_else(|| "nothing".to_owned(), |json| json.to_json().to_string().chars().take(120).collect());
    Error::Mismatch { path: path.to_owned(), wanted: wanted.to_owned(), found }
}

fn member<'a, N: Node>(json: &'a N, name: &str) -> Option<&'a N> {
    json.get(name).filter(|value| !value.is_null())
}

fn text<'a, N: Node>(json: &'a N, name: &str) -> Result<&'a str> {
    json.get(name).and_then(Node::text).ok_or_else(|| odd(name, "a string", json.get(name)))
}

fn optional_text(json: &impl Node, name: &str) -> Result<Option<String>> {
    member(json, name).map(|_| text(json, name).map(str::to_owned)).transpose()
}

fn flag(json: &impl Node, name: &str) -> Result<Option<bool>> {
    member(json, name).map(|f| f.flag().ok_or_else(|| odd(name, "true or false", Some(f)))).transpose()
}

fn array<'a, N: Node>(json: &'a N, name: &str) -> Result<&'a [N]> {
    json.get(name).and_then(Node::list).ok_or_else(|| odd(name, "an array", json.get(name)))
}

fn number(json: &impl Node, name: &str) -> Result<u32> {
    optional_number(json, name)?
        .and_then(|n| u32::try_from(n).ok())
        .ok_or_else(|| odd(name, "a 32-bit number", json.get(name)))
}

fn optional_number(json: &impl Node, name: &str) -> Result<Option<u64>> {
    member(json, name).map(|n| n.number().ok_or_else(|| odd(name, "a number", Some(n)))).transpose()
}

fn optional_type(json: &impl Node, name: &str) -> Result<Option<LogicalType>> {
    let Some(ty) = member(json, name) else { return Ok(None) };
    let element = type_from(ty)?;
    if element.nullable {
        return Err(odd(name, "a type that is never null", Some(ty)));
    }
    Ok(Some(element.ty))
}
