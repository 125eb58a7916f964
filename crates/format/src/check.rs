//! The laws of a manifest, checked when one is written and when one is read.

use std::collections::HashSet;

use alluvium_model::{KeyGroupRange, LogicalType, MaxParallelism, StateKind, StateSchema};

use crate::preamble::check_features;
use crate::{
    Blocks, Error, Manifest, ObjectRef, OperatorEntry, Place, Profile, Result, RunRef, TableEntry, name,
    reach, runs,
};

/// Largest sequence.
const SEQUENCE_MAX: u32 = i32::MAX as u32;

/// Checks every law of a manifest that holds without reading an object.
///
/// Where the schemas are an object of their own and not yet supplied, laws that need them wait.
///
/// # Errors
/// [`Error::Broken`] with the part, the rule, what was wanted and what was found.
///
/// Spec: PRE-5, ROOT-1, MAN-3 to MAN-11, NAME-1, DIGEST-3, SCHEMA-2, RUN-2, RUN-3, RUN-6, RUN-7, SEQ-1,
/// SEQ-2, CLIP-1.
pub fn check(manifest: &Manifest) -> Result<()> {
    check_features(&manifest.features)?;
    check_roots(manifest)?;
    for object in reach::references(manifest) {
        check_object(manifest, object)?;
    }
    for (id, schema) in manifest.schemas.iter().enumerate() {
        check_schema(schema)
            .map_err(|found| broken(format!("schema {id}"), "SCHEMA-2", "field ids", found))?;
    }
    let mut ids = HashSet::new();
    for operator in &manifest.operators {
        let section = format!("operator {}", operator.label());
        if !ids.insert(operator.id) {
            return Err(broken(section, "MAN-4", "each operator id once", operator.id.to_string()));
        }
        check_operator(manifest, operator, &section)?;
    }
    if matches!(manifest.profile, Profile::Savepoint { .. }) && !manifest.aborted.is_empty() {
        return Err(broken("aborted", "MAN-8", "nothing in a savepoint", manifest.aborted.len().to_string()));
    }
    Ok(())
}

fn check_roots(manifest: &Manifest) -> Result<()> {
    let wanted = "its own root first, then claimed ones with a uri";
    let Some((own, claimed)) = manifest.roots.split_first() else {
        return Err(broken("roots", "ROOT-1", wanted, "none"));
    };
    let odd = claimed.iter().position(|r| r.own || r.uri.as_deref().unwrap_or_default().is_empty());
    if !own.own || own.uri.is_some() || odd.is_some() {
        return Err(broken(format!("root {}", odd.map_or(0, |i| i + 1)), "ROOT-1", wanted, "another"));
    }
    if matches!(manifest.profile, Profile::Savepoint { .. }) && !claimed.is_empty() {
        let found = format!("{} roots", manifest.roots.len());
        return Err(broken("roots", "MAN-8", "one root in a savepoint", found));
    }
    Ok(())
}

fn check_object(manifest: &Manifest, object: &ObjectRef) -> Result<()> {
    let section = || format!("object {}", object.name);
    let listed = match &object.blocks {
        Blocks::Listed { object_name, root, offset, length } => {
            if offset.checked_add(*length).is_none_or(|end| end > i64::MAX as u64) {
                return Err(broken(
                    section(),
                    "DIGEST-3",
                    "a byte range",
                    format!("{length} bytes at {offset}"),
                ));
            }
            Some((object_name, *root, *length / 8, length % 8 == 0))
        }
        Blocks::Held(blocks) => Some((&object.name, object.root, blocks.len() as u64, true)),
        Blocks::Computed => None,
    };
    for (path, root) in
        [(&object.name, object.root)].into_iter().chain(listed.map(|(path, root, ..)| (path, root)))
    {
        if !name::is_object_name(path) {
            return Err(broken("objects", "NAME-1", "a path inside its root", format!("{path:?}")));
        }
        if root as usize >= manifest.roots.len() {
            return Err(broken(
                section(),
                "MAN-3",
                format!("a root below {}", manifest.roots.len()),
                root.to_string(),
            ));
        }
    }
    if object.size > ObjectRef::BYTES_MAX {
        return Err(broken(section(), "MAN-6", "at most 256 MiB", format!("{} bytes", object.size)));
    }
    match listed {
        None if object.size > ObjectRef::WHOLE_BYTES_MAX => {
            let found = format!("none for {} bytes", object.size);
            Err(broken(section(), "DIGEST-3", "block digests", found))
        }
        Some((_, _, count, whole)) if count != object.block_count() || !whole => {
            let wanted = format!("{} block digests", object.block_count());
            Err(broken(section(), "DIGEST-3", wanted, count.to_string()))
        }
        _ => Ok(()),
    }
}

/// Returns what is wrong with the field ids of a schema.
fn check_schema(schema: &StateSchema) -> std::result::Result<(), String> {
    let value = schema.value.as_ref().map(|v| &v.ty);
    let types = [schema.key.as_ref(), schema.namespace.as_ref(), schema.map_key.as_ref(), value];
    types.into_iter().flatten().try_for_each(|ty| {
        check_fields(ty, schema.field_id_max).map_err(|found| format!("{}: {found}", schema.name))
    })
}

fn check_fields(ty: &LogicalType, id_max: u32) -> std::result::Result<(), String> {
    use LogicalType as T;
    match ty {
        T::List(element) => check_fields(&element.ty, id_max),
        T::Set(element) => check_fields(element, id_max),
        T::Map(key, value) => check_fields(key, id_max).and_then(|()| check_fields(&value.ty, id_max)),
        T::Tuple(types) => types.iter().try_for_each(|t| check_fields(&t.ty, id_max)),
        T::Struct(fields) => {
            let mut last = 0;
            for field in &fields.fields {
                if field.id <= last || field.id > id_max {
                    return Err(format!(
                        "field {} has id {} after {last}, at most {id_max}",
                        field.name, field.id
                    ));
                }
                last = field.id;
                check_fields(&field.ty.ty, id_max)?;
            }
            Ok(())
        }
        _ => Ok(()),
    }
}

fn check_operator(manifest: &Manifest, operator: &OperatorEntry, section: &str) -> Result<()> {
    let groups = operator.max_parallelism;
    if MaxParallelism::new(groups).is_err() || !(1..=groups).contains(&operator.parallelism) {
        let found = format!("parallelism {} of {groups}", operator.parallelism);
        return Err(broken(section, "MAN-4", "1 to max parallelism, at most 32768", found));
    }
    if operator.sequence_max > SEQUENCE_MAX {
        return Err(broken(
            section,
            "SEQ-1",
            format!("at most {SEQUENCE_MAX}"),
            operator.sequence_max.to_string(),
        ));
    }
    let mut names = HashSet::new();
    for table in &operator.tables {
        let schema = schema_of(manifest, table.schema_id, section)?;
        let section = format!("{section}, state {}", schema.map_or("?", |s| &s.name));
        if schema.is_some_and(|s| !names.insert(s.name.as_str())) {
            return Err(broken(section, "MAN-5", "each state name once", "it twice"));
        }
        check_table(manifest, operator, table, schema, &section)?;
    }
    Ok(())
}

fn schema_of<'a>(manifest: &'a Manifest, id: u32, section: &str) -> Result<Option<&'a StateSchema>> {
    match manifest.schema(id) {
        Some(schema) => Ok(Some(schema)),
        None if manifest.schemas.is_empty() && manifest.schemas_object.is_some() => Ok(None),
        None => Err(broken(
            section,
            "MAN-3",
            format!("a schema below {}", manifest.schemas.len()),
            id.to_string(),
        )),
    }
}

fn check_table(
    manifest: &Manifest,
    operator: &OperatorEntry,
    table: &TableEntry,
    schema: Option<&StateSchema>,
    section: &str,
) -> Result<()> {
    for (i, run) in table.runs.iter().enumerate() {
        let section = format!("{section}, run {i}");
        check_run(run, &section)?;
        if let (Some(own), Some(newest)) = (schema_of(manifest, run.schema_id, &section)?, schema)
            && (own.name != newest.name || own.kind != newest.kind)
        {
            let found = format!("{} {}", own.kind.name(), own.name);
            return Err(broken(section, "MAN-3", "a schema of the same state", found));
        }
        if manifest.profile == (Profile::Savepoint { compacted: true }) {
            check_compacted(run, &section)?;
        }
    }
    match schema {
        Some(schema) if schema.kind.is_keyed() => check_keyed(operator, table, section)?,
        Some(_) => check_unkeyed(operator, table, section)?,
        None => {}
    }
    check_profile(manifest, operator, table, schema, section)
}

fn check_run(run: &RunRef, section: &str) -> Result<()> {
    if run.deletes.checked_add(run.clears).is_none_or(|n| n > run.rows) {
        let found = format!("{} deletes and {} clears", run.deletes, run.clears);
        return Err(broken(section, "MAN-7", format!("at most {} rows", run.rows), found));
    }
    if run.base && run.deletes + run.clears > 0 {
        let found = format!("{} deletes and {} clears", run.deletes, run.clears);
        return Err(broken(section, "RUN-2", "only puts in a base run", found));
    }
    if run.rows_digest.rows != run.rows {
        let found = run.rows_digest.rows.to_string();
        return Err(broken(section, "ROWHASH-9", format!("a digest of {} rows", run.rows), found));
    }
    match &run.place {
        Place::Inline(bytes) if bytes.len() > RunRef::INLINE_BYTES_MAX => {
            let wanted = format!("at most {} bytes inline", RunRef::INLINE_BYTES_MAX);
            Err(broken(section, "RUN-7", wanted, bytes.len().to_string()))
        }
        Place::Object { object, offset, length }
            if offset.checked_add(*length).is_none_or(|end| end > object.size) =>
        {
            let found = format!("{length} bytes at {offset}");
            Err(broken(section, "MAN-6", format!("a part of {} bytes", object.size), found))
        }
        _ => Ok(()),
    }
}

fn check_compacted(run: &RunRef, section: &str) -> Result<()> {
    let whole = match &run.place {
        Place::Object { object, offset, length } => *offset == 0 && *length == object.size,
        Place::Inline(_) => false,
    };
    if run.base && whole {
        return Ok(());
    }
    let found = match (&run.place, run.base) {
        (_, false) => "a delta run",
        (Place::Inline(_), _) => "an inline run",
        (Place::Object { .. }, _) => "a part of an object",
    };
    Err(broken(section, "MAN-9", "a base run that is a whole object", found))
}

fn check_keyed(operator: &OperatorEntry, table: &TableEntry, section: &str) -> Result<()> {
    let all = KeyGroupRange::new(0, operator.max_parallelism);
    for (i, run) in table.runs.iter().enumerate() {
        let (first, last) = run.sequence;
        if first == 0 || first > last || last > operator.sequence_max {
            let wanted = format!("sequences within 1 to {}", operator.sequence_max);
            return Err(broken(format!("{section}, run {i}"), "SEQ-1", wanted, format!("{first} to {last}")));
        }
        if run.clip.is_empty() || !all.covers(run.clip) {
            let wanted = format!("key groups within {all}");
            return Err(broken(format!("{section}, run {i}"), "CLIP-1", wanted, run.clip.to_string()));
        }
    }
    match runs::clash(&table.runs) {
        None => Ok(()),
        Some(runs::Clash::Overlap(o)) => {
            let found = format!("runs {} and {} share one in key group {}", o.first, o.second, o.group);
            Err(broken(section, "SEQ-2", "disjoint sequences in every key group", found))
        }
        Some(runs::Clash::DeltaBelowBase { group }) => {
            let found = format!("a delta run below one in key group {group}");
            Err(broken(section, "RUN-3", "base runs lowest", found))
        }
    }
}

fn check_unkeyed(operator: &OperatorEntry, table: &TableEntry, section: &str) -> Result<()> {
    let wrong = |found: String| broken(section, "RUN-6", "base runs, one for each subtask or for all", found);
    let mut subtasks = HashSet::new();
    for (i, run) in table.runs.iter().enumerate() {
        if !run.base {
            return Err(wrong(format!("run {i} is a delta")));
        }
        let mixed = run.subtask.is_none() != table.runs.first().is_none_or(|first| first.subtask.is_none());
        let twice = run.subtask.is_some_and(|subtask| !subtasks.insert(subtask));
        let outside = run.subtask.is_some_and(|subtask| subtask >= operator.parallelism);
        if mixed || twice || outside {
            return Err(wrong(format!("run {i} of subtask {:?}", run.subtask)));
        }
    }
    Ok(())
}

fn check_profile(
    manifest: &Manifest,
    operator: &OperatorEntry,
    table: &TableEntry,
    schema: Option<&StateSchema>,
    section: &str,
) -> Result<()> {
    if let Some(digest) = &table.digest {
        let keyed = schema.is_none_or(|s| s.kind.is_keyed());
        let limit = if keyed { operator.max_parallelism } else { 1 };
        if let Some((group, _)) = digest.groups.iter().find(|(g, d)| u32::from(g.0) >= limit || d.rows == 0) {
            let wanted = format!("digests of key groups below {limit} with rows");
            return Err(broken(section, "MAN-10", wanted, format!("key group {group}")));
        }
    }
    if manifest.profile == Profile::Checkpoint {
        return Ok(());
    }
    if table.digest.is_none() {
        return Err(broken(section, "MAN-10", "a canonical digest in a savepoint", "none"));
    }
    if schema.is_some_and(|s| s.kind == StateKind::InFlight) {
        return Err(broken(section, "MAN-11", "no records in flight in a savepoint", "some"));
    }
    Ok(())
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
pub(crate) mod tests;
