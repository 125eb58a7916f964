use std::io::Read;
use std::sync::Arc;

use alluvium_model::digest::{Digest, TableDigest};
use alluvium_model::job::schema_from_json;
use alluvium_model::{KeyGroup, KeyGroupFunction, KeyGroupRange, OperatorUid, StateSchema};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde_json::Value as Json;
use xxhash_rust::xxh3::xxh3_128;

use crate::wire::v1;
use crate::{
    Blocks, Error, JobRef, Manifest, ObjectRef, OperatorEntry, Place, Preamble, Profile, Result, Root,
    RunRef, TableEntry, Unknown, check,
};

/// Most bytes of the inflated body of a manifest.
///
/// Spec: PRE-9.
pub const BODY_BYTES_MAX: u64 = 256 << 20;

/// Required features that this release has.
const FEATURES: [&str; 0] = [];

/// Reads a manifest from all bytes of its file and checks its laws.
///
/// `budget` bounds the inflated body, in bytes; memory is a small multiple of that body. Where the
/// schemas are an object of their own ([`Manifest::schemas_object`]), [`supply_schemas`] must follow.
///
/// # Errors
/// [`Error::NotAManifest`], [`Error::NewerVersion`], [`Error::UnknownFeature`],
/// [`Error::OverBudget`]; [`Error::Broken`] with part and rule for bytes that break one.
///
/// Spec: PRE-1 to PRE-9, FEAT-1, FEAT-2, MAN-1 to MAN-11.
pub fn decode(bytes: &[u8], budget: u64) -> Result<Manifest> {
    let preamble = Preamble::parse(bytes)?;
    if let Some(unknown) = preamble.features.iter().find(|f| !FEATURES.contains(&f.as_str())) {
        return Err(Error::UnknownFeature { feature: unknown.clone() });
    }
    let json = inflate(&preamble, bytes.get(preamble.length..).unwrap_or_default(), budget)?;
    let body: v1::Body = serde_json::from_slice(&json)
        .map_err(|e| broken("body", "MAN-1", "the members of version 1", e.to_string()))?;
    let manifest = from_wire(body, preamble.features)?;
    check(&manifest)?;
    Ok(manifest)
}

/// Gives a manifest the schemas that lie in an object of their own, and checks its laws again.
///
/// # Errors
/// [`Error::Broken`] when the bytes are no array of schemas, or a law does not hold.
///
/// Spec: MAN-1, SCHEMA-1.
pub fn supply_schemas(manifest: &mut Manifest, object: &[u8]) -> Result<()> {
    let array: Vec<Json> = serde_json::from_slice(object)
        .map_err(|e| broken("schemas object", "MAN-1", "an array of schemas", e.to_string()))?;
    manifest.schemas = schemas(&array)?;
    let place = manifest.schemas_object.take();
    let checked = check(manifest);
    manifest.schemas_object = place;
    checked
}

fn inflate(preamble: &Preamble, body: &[u8], budget: u64) -> Result<Vec<u8>> {
    if body.len() as u64 != preamble.body_length {
        let wanted = format!("{} bytes", preamble.body_length);
        return Err(broken("body", "PRE-6", wanted, format!("{} bytes", body.len())));
    }
    let inflated = preamble.inflated_length;
    if inflated > BODY_BYTES_MAX {
        return Err(broken("body", "PRE-9", format!("at most {BODY_BYTES_MAX} bytes"), inflated.to_string()));
    }
    if inflated > budget {
        return Err(Error::OverBudget { size: inflated, budget });
    }
    let digest = xxh3_128(body);
    if digest != preamble.body_digest {
        return Err(broken(
            "body",
            "PRE-7",
            format!("{:032x}", preamble.body_digest),
            format!("{digest:032x}"),
        ));
    }
    let frame = |found: String| broken("body", "PRE-8", format!("one zstd frame of {inflated} bytes"), found);
    let mut decoder = zstd::Decoder::with_buffer(body).map_err(|e| frame(e.to_string()))?.single_frame();
    let mut json = Vec::new();
    decoder.by_ref().take(inflated + 1).read_to_end(&mut json).map_err(|e| frame(e.to_string()))?;
    if json.len() as u64 != inflated {
        return Err(frame(format!("{} bytes or more", json.len())));
    }
    match decoder.finish() {
        [] => Ok(json),
        rest => Err(frame(format!("{} bytes behind it", rest.len()))),
    }
}

fn from_wire(body: v1::Body, features: Vec<String>) -> Result<Manifest> {
    let objects = objects(body.objects)?;
    let one = |index: Option<u32>, section: &str| {
        index.map(|i| object(&objects, i, section).map(|o| ObjectRef::clone(o))).transpose()
    };
    let (schemas, schemas_object) = match (body.schemas, body.schemas_object) {
        (Some(array), None) => (schemas(&array)?, None),
        (None, index @ Some(_)) => (Vec::new(), one(index, "schemas_object")?),
        _ => return Err(broken("body", "MAN-1", "one of schemas and schemas_object", "both or none")),
    };
    let profile = match (body.profile, body.layout) {
        (v1::Profile::Checkpoint, None) => Profile::Checkpoint,
        (v1::Profile::Savepoint, Some(layout)) => {
            Profile::Savepoint { compacted: layout == v1::Layout::Compacted }
        }
        _ => {
            return Err(broken(
                "body",
                "MAN-1",
                "layout exactly in savepoints",
                format!("{:?}", body.layout),
            ));
        }
    };
    let operators = body.operators.into_iter().map(|o| operator(o, &schemas, &objects));
    Ok(Manifest {
        profile,
        job: JobRef { id: body.job.id, name: body.job.name },
        attempt: body.attempt,
        checkpoint_id: body.checkpoint_id,
        created_ms: body.created_ms,
        as_of_ms: body.as_of_ms,
        features,
        roots: body.roots.into_iter().map(|r| Root { own: r.own, uri: r.uri }).collect(),
        job_description: one(body.job_description, "job_description")?,
        origin: one(body.origin, "origin")?,
        operators: operators.collect::<Result<_>>()?,
        aborted: body
            .aborted
            .into_iter()
            .map(|i| Ok(object(&objects, i, "aborted")?.as_ref().clone()))
            .collect::<Result<_>>()?,
        schemas,
        schemas_object,
    })
}

fn schemas(array: &[Json]) -> Result<Vec<Arc<StateSchema>>> {
    let one = |(i, json): (usize, &Json)| match schema_from_json(json) {
        Ok(schema) => Ok(Arc::new(schema)),
        Err(source) => Err(Error::Model { section: format!("schema {i}"), source }),
    };
    array.iter().enumerate().map(one).collect()
}

fn objects(wire: Vec<v1::Object>) -> Result<Vec<Arc<ObjectRef>>> {
    let mut seen = std::collections::HashSet::new();
    let mut objects = Vec::new();
    for object in wire {
        if !seen.insert((object.root, object.name.clone())) {
            let section = format!("object {}", object.name);
            return Err(broken(section, "MAN-6", "each object once", "the same root and name twice"));
        }
        let blocks = object.blocks.map_or(Blocks::Computed, |b| Blocks::Listed {
            object_name: b.name,
            root: b.root,
            offset: b.offset,
            length: b.length,
        });
        objects.push(Arc::new(ObjectRef {
            root: object.root,
            name: object.name,
            size: object.size,
            digest: object.digest.0,
            blocks,
            unknown: Unknown::new(object.unknown),
        }));
    }
    Ok(objects)
}

fn object<'a>(objects: &'a [Arc<ObjectRef>], index: u32, section: &str) -> Result<&'a Arc<ObjectRef>> {
    let found = usize::try_from(index).ok().and_then(|i| objects.get(i));
    found.ok_or_else(|| {
        broken(section, "MAN-3", format!("an object below {}", objects.len()), index.to_string())
    })
}

fn operator(
    wire: v1::Operator,
    schemas: &[Arc<StateSchema>],
    objects: &[Arc<ObjectRef>],
) -> Result<OperatorEntry> {
    let section = || format!("operator {}", wire.uid.as_deref().unwrap_or(&wire.id));
    let lower = !wire.id.bytes().any(|b| b.is_ascii_uppercase());
    let id = wire.id.parse().ok().filter(|_| lower);
    let id = id.ok_or_else(|| broken(section(), "OPER-1", "32 lower-case hex digits", wire.id.clone()))?;
    let function = KeyGroupFunction::from_name(&wire.key_group_function).ok_or_else(|| {
        broken(section(), "KEYGROUP-4", "a key-group function", wire.key_group_function.clone())
    })?;
    let table = |(i, table): (usize, v1::Table)| {
        let schema = schemas.get(table.schema as usize);
        let name = schema.map_or_else(|| i.to_string(), |s| s.name.clone());
        let keyed = schema.map(|s| s.kind.is_keyed());
        from_table(table, keyed, &format!("{}, state {name}", section()), objects)
    };
    let tables: Result<Vec<TableEntry>> = wire.tables.into_iter().enumerate().map(table).collect();
    Ok(OperatorEntry {
        id,
        tables: tables?,
        uid: wire.uid.map(OperatorUid::new),
        name: wire.name,
        parallelism: wire.parallelism,
        max_parallelism: wire.max_parallelism,
        key_group_function: function,
        sequence_max: wire.sequence_max,
    })
}

fn from_table(
    wire: v1::Table,
    keyed: Option<bool>,
    section: &str,
    objects: &[Arc<ObjectRef>],
) -> Result<TableEntry> {
    let runs = wire.runs.into_iter().enumerate();
    let runs = runs.map(|(i, run)| from_run(run, keyed, &format!("{section}, run {i}"), objects));
    let digest = wire.digest.map(|groups| table_digest(&groups, section)).transpose()?;
    Ok(TableEntry {
        schema_id: wire.schema,
        runs: runs.collect::<Result<_>>()?,
        digest,
        entries: wire.entries,
    })
}

fn table_digest(wire: &[(u16, u64, v1::Hex)], section: &str) -> Result<TableDigest> {
    if !wire.is_sorted_by(|a, b| a.0 < b.0) {
        return Err(broken(section, "MAN-1", "digests ascending by key group", "another order"));
    }
    let groups = wire.iter().map(|(group, rows, sum)| (KeyGroup(*group), Digest { rows: *rows, sum: sum.0 }));
    Ok(TableDigest { groups: groups.collect() })
}

fn from_run(wire: v1::Run, keyed: Option<bool>, section: &str, objects: &[Arc<ObjectRef>]) -> Result<RunRef> {
    let place = match (wire.object, wire.offset, wire.length, wire.inline) {
        (Some(index), Some(offset), Some(length), None) => {
            Place::Object { object: Arc::clone(object(objects, index, section)?), offset, length }
        }
        (None, None, None, Some(text)) => match STANDARD.decode(&text) {
            Ok(bytes) => Place::Inline(Bytes::from(bytes)),
            Err(e) => return Err(broken(section, "MAN-2", "base64", e.to_string())),
        },
        _ => return Err(broken(section, "MAN-1", "object, offset and length, or inline", "neither or both")),
    };
    let ordered = (wire.sequence.is_some(), wire.clip.is_some());
    if keyed.is_some_and(|keyed| ordered != (keyed, keyed)) {
        return Err(broken(
            section,
            "MAN-1",
            "sequence and clip exactly in keyed tables",
            format!("{ordered:?}"),
        ));
    }
    let (start, end) = wire.clip.unwrap_or((0, 1));
    Ok(RunRef {
        place,
        rows: wire.rows,
        deletes: wire.deletes,
        clears: wire.clears,
        sequence: wire.sequence.unwrap_or_default(),
        clip: KeyGroupRange { start, end },
        schema_id: wire.schema,
        base: wire.base,
        rows_digest: Digest { rows: wire.rows, sum: wire.digest.0 },
        subtask: wire.subtask,
        unknown: Unknown::new(wire.unknown),
    })
}

fn broken(
    section: impl Into<String>,
    rule: &'static str,
    wanted: impl Into<String>,
    found: impl Into<String>,
) -> Error {
    Error::Broken { section: section.into(), rule, wanted: wanted.into(), found: found.into() }
}

#[cfg(test)]
mod tests;
