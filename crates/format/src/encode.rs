use std::collections::HashMap;
use std::sync::Arc;

use alluvium_model::OperatorUid;
use alluvium_model::StateSchema;
use alluvium_model::job::schema_to_json;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value as Json;

use crate::wire::v1;
use crate::{
    BODY_BYTES_MAX, Blocks, Error, Manifest, ObjectRef, OperatorEntry, Place, Preamble, Profile, Result,
    RunRef, TableEntry, check, reach,
};

/// Level of compression of the body.
const ZSTD_LEVEL: i32 = 3;

/// Writes a manifest: all bytes of its file.
///
/// Equal manifests give equal bytes.
///
/// # Errors
/// [`Error::Broken`] when a law does not hold; [`Error::Unwritable`] when block digests of an
/// object above 1 MiB are still in memory ([`Blocks::Held`]), two references disagree about an
/// object, or the body is larger than 256 MiB.
///
/// Spec: PRE-1 to PRE-9, MAN-1, MAN-2, FEAT-4.
pub fn encode(manifest: &Manifest) -> Result<Vec<u8>> {
    check(manifest)?;
    let body = to_wire(manifest)?;
    let json = serde_json::to_vec(&body).map_err(|e| unwritable(e.to_string()))?;
    if json.len() as u64 > BODY_BYTES_MAX {
        return Err(unwritable(format!("a body of {} bytes (PRE-9)", json.len())));
    }
    let packed = zstd::bulk::compress(&json, ZSTD_LEVEL).map_err(|e| unwritable(e.to_string()))?;
    let mut out = Preamble::write(&manifest.features, &packed, json.len() as u64)?;
    out.extend(packed);
    Ok(out)
}

/// Writes the schemas of a manifest as the object that [`Manifest::schemas_object`] names.
///
/// Spec: MAN-1.
pub fn encode_schemas(schemas: &[Arc<StateSchema>]) -> Vec<u8> {
    let array: Vec<Json> = schemas.iter().map(|s| schema_to_json(s)).collect();
    Json::Array(array).to_string().into_bytes()
}

/// The objects of a manifest, each once, with its index.
struct Objects<'a> {
    index: HashMap<(u32, &'a str), u32>,
    list: Vec<v1::Object>,
}

impl<'a> Objects<'a> {
    fn of(manifest: &'a Manifest) -> Result<Self> {
        let mut objects = Objects { index: HashMap::new(), list: Vec::new() };
        let mut seen: Vec<&ObjectRef> = Vec::new();
        for object in reach::references(manifest) {
            match objects.index.get(&(object.root, object.name.as_str())) {
                None => {
                    let index =
                        u32::try_from(seen.len()).map_err(|_| unwritable("too many objects".into()))?;
                    objects.index.insert((object.root, &object.name), index);
                    objects.list.push(to_object(object)?);
                    seen.push(object);
                }
                Some(index) => {
                    let first = seen.get(*index as usize);
                    if first.is_none_or(|f| f.size != object.size || f.digest != object.digest) {
                        return Err(unwritable(format!("two references disagree about {}", object.name)));
                    }
                }
            }
        }
        Ok(objects)
    }

    fn index_of(&self, object: &ObjectRef) -> Result<u32> {
        let found = self.index.get(&(object.root, object.name.as_str()));
        found.copied().ok_or_else(|| unwritable(format!("{} is not among the objects", object.name)))
    }
}

fn to_object(object: &ObjectRef) -> Result<v1::Object> {
    let blocks = match &object.blocks {
        Blocks::Computed => None,
        Blocks::Held(_) if object.size <= ObjectRef::WHOLE_BYTES_MAX => None,
        Blocks::Held(_) => {
            return Err(unwritable(format!("block digests of {} are not stored (DIGEST-3)", object.name)));
        }
        Blocks::Listed { object_name, root, offset, length } => {
            Some(v1::Blocks { root: *root, name: object_name.clone(), offset: *offset, length: *length })
        }
    };
    Ok(v1::Object {
        root: object.root,
        name: object.name.clone(),
        size: object.size,
        digest: v1::Hex(object.digest),
        blocks,
        unknown: object.unknown.to_members(),
    })
}

fn to_wire(manifest: &Manifest) -> Result<v1::Body> {
    let objects = Objects::of(manifest)?;
    let (profile, layout) = match manifest.profile {
        Profile::Checkpoint => (v1::Profile::Checkpoint, None),
        Profile::Savepoint { compacted: true } => (v1::Profile::Savepoint, Some(v1::Layout::Compacted)),
        Profile::Savepoint { compacted: false } => (v1::Profile::Savepoint, Some(v1::Layout::Stacked)),
    };
    let index = |object: &Option<ObjectRef>| object.as_ref().map(|o| objects.index_of(o)).transpose();
    let own_schemas = || manifest.schemas.iter().map(|s| schema_to_json(s)).collect();
    Ok(v1::Body {
        profile,
        layout,
        job: v1::Job { id: manifest.job.id.clone(), name: manifest.job.name.clone() },
        attempt: manifest.attempt,
        checkpoint_id: manifest.checkpoint_id,
        created_ms: manifest.created_ms,
        as_of_ms: manifest.as_of_ms,
        roots: manifest.roots.iter().map(|r| v1::Root { own: r.own, uri: r.uri.clone() }).collect(),
        schemas: manifest.schemas_object.is_none().then(own_schemas),
        schemas_object: index(&manifest.schemas_object)?,
        job_description: index(&manifest.job_description)?,
        origin: index(&manifest.origin)?,
        operators: manifest
            .operators
            .iter()
            .map(|o| to_operator(o, manifest, &objects))
            .collect::<Result<_>>()?,
        aborted: manifest.aborted.iter().map(|o| objects.index_of(o)).collect::<Result<_>>()?,
        objects: objects.list,
    })
}

fn to_operator(operator: &OperatorEntry, manifest: &Manifest, objects: &Objects<'_>) -> Result<v1::Operator> {
    let tables = operator.tables.iter().map(|t| to_table(t, manifest, objects));
    Ok(v1::Operator {
        id: operator.id.to_string(),
        uid: operator.uid.as_ref().map(OperatorUid::to_string),
        name: operator.name.clone(),
        parallelism: operator.parallelism,
        max_parallelism: operator.max_parallelism,
        key_group_function: operator.key_group_function.name().to_owned(),
        sequence_max: operator.sequence_max,
        tables: tables.collect::<Result<_>>()?,
    })
}

fn to_table(table: &TableEntry, manifest: &Manifest, objects: &Objects<'_>) -> Result<v1::Table> {
    let keyed = match manifest.schema(table.schema_id) {
        Some(schema) => schema.kind.is_keyed(),
        // Schemas still lie in their object: only keyed runs have a sequence.
        None => table.runs.iter().any(|run| run.sequence.0 > 0),
    };
    let groups = |digest: &alluvium_model::digest::TableDigest| {
        digest.groups.iter().map(|(group, d)| (group.0, d.rows, v1::Hex(d.sum))).collect()
    };
    Ok(v1::Table {
        schema: table.schema_id,
        runs: table.runs.iter().map(|run| to_run(run, keyed, objects)).collect::<Result<_>>()?,
        digest: table.digest.as_ref().map(groups),
        entries: table.entries,
    })
}

fn to_run(run: &RunRef, keyed: bool, objects: &Objects<'_>) -> Result<v1::Run> {
    let (object, offset, length, inline) = match &run.place {
        Place::Object { object, offset, length } => {
            (Some(objects.index_of(object)?), Some(*offset), Some(*length), None)
        }
        Place::Inline(bytes) => (None, None, None, Some(STANDARD.encode(bytes))),
    };
    Ok(v1::Run {
        object,
        offset,
        length,
        inline,
        schema: run.schema_id,
        base: run.base,
        rows: run.rows,
        deletes: run.deletes,
        clears: run.clears,
        digest: v1::Hex(run.rows_digest.sum),
        sequence: keyed.then_some(run.sequence),
        clip: keyed.then_some((run.clip.start, run.clip.end)),
        subtask: run.subtask,
        unknown: run.unknown.to_members(),
    })
}

fn unwritable(what: String) -> Error {
    Error::Unwritable { what }
}
