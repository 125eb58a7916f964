//! Every golden fixture of `format/v1/valid` gives the rows that it must, and every one of
//! `format/v1/invalid` is refused by the rule that it breaks.

use std::fs;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use alluvium_model::column::{value_at, value_with_raw};
use alluvium_model::{ErrorKind, LogicalType, Role, RowBatch, Scan, SnapshotSource, StateKind, json, spec};
use alluvium_snapshot::{Snapshot, locate};
use alluvium_store::{MemoryStore, ObjectPath, Store, block_on};
use serde_json::{Map, Value as Json};

fn cases(set: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures").join(set);
    let mut cases: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    cases.sort();
    assert!(!cases.is_empty());
    cases
}

fn expected(case: &Path) -> Json {
    serde_json::from_slice(&fs::read(case.join("expected.json")).unwrap()).unwrap()
}

/// The rows of every table of a snapshot, as `expected.json` has them.
fn tables(snapshot: &dyn SnapshotSource) -> Result<Json, String> {
    let mut tables = Map::new();
    for operator in &snapshot.describe().operators {
        for state in &operator.states {
            let name = &state.schema.name;
            let mut rows = Rows::default();
            let mut stream = snapshot.scan(&Scan::all(operator.id, name)).map_err(|e| e.to_string())?;
            while let Some(batch) = stream.next_batch().map_err(|e| e.to_string())? {
                rows.add(&batch);
            }
            let uid = operator.uid.as_ref().map_or_else(|| operator.id.to_string(), ToString::to_string);
            tables.insert(format!("{uid}/{name}"), Json::Array(rows.rows));
        }
    }
    Ok(Json::Object(tables))
}

#[derive(Default)]
struct Rows {
    rows: Vec<Json>,
    list: Vec<u8>,
    rank: i64,
}

impl Rows {
    fn add(&mut self, batch: &RowBatch) {
        let schema = batch.schema();
        for row in 0..batch.len() {
            let typed = |role, raw, ty: &LogicalType| {
                let raw = batch.column(raw).map(|c| c.as_ref() as _);
                json::to_json(&value_with_raw(batch.column(role).unwrap(), raw, ty, row).unwrap(), ty)
            };
            let mut object = Map::new();
            if let Some(key) = &schema.key {
                object.insert("key_group".into(), batch.key_group(row).0.into());
                object.insert("key".into(), typed(Role::Key, Role::KeyRaw, key));
            }
            if let Some(namespace) = &schema.namespace {
                object.insert("namespace".into(), typed(Role::Namespace, Role::NamespaceRaw, namespace));
            }
            if let Some(map_key) = &schema.map_key {
                object.insert("map_key".into(), typed(Role::MapKey, Role::MapKeyRaw, map_key));
            }
            if schema.kind == StateKind::List {
                let sort_key = batch.sort_key(row);
                let list = &sort_key[..sort_key.len() - 8];
                self.rank = if self.list == list { self.rank + 1 } else { 0 };
                self.list = list.to_vec();
                object.insert("rank".into(), self.rank.into());
            }
            for role in [Role::Timestamp, Role::Index, Role::LastAccess] {
                if let Some(numbers) = batch.int64s(role) {
                    object.insert(role.name().into(), numbers[row].into());
                }
            }
            if let Some(subtasks) = batch.column(Role::Subtask) {
                let ty = LogicalType::Int32;
                object.insert("subtask".into(), json::to_json(&value_at(subtasks, &ty, row).unwrap(), &ty));
            }
            if let Some(value) = &schema.value {
                object.insert("value".into(), typed(Role::Value, Role::ValueRaw, &value.ty));
            }
            self.rows.push(Json::Object(object));
        }
    }
}

/// Opens a case from memory.
fn open(
    files: &[(ObjectPath, Vec<u8>)],
    manifest: &ObjectPath,
) -> Result<Snapshot, alluvium_snapshot::Error> {
    let store = MemoryStore::new();
    for (path, bytes) in files {
        block_on(store.create(path, bytes.clone().into())).unwrap();
    }
    block_on(Snapshot::open(Arc::new(store), manifest))
}

fn files(case: &Path) -> (Vec<(ObjectPath, Vec<u8>)>, ObjectPath) {
    let mut found = Vec::new();
    let mut folders = vec![case.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.strip_prefix(case).unwrap().to_str().unwrap().to_owned();
            match path.is_dir() {
                true => folders.push(path),
                false if name != "expected.json" => {
                    found.push((ObjectPath::new(name).unwrap(), fs::read(path).unwrap()));
                }
                false => {}
            }
        }
    }
    found.sort();
    let manifest = found.iter().map(|(path, _)| path).find(|path| path.as_str().ends_with(".manifest"));
    let manifest = manifest.unwrap().clone();
    (found, manifest)
}

fn damages(snapshot: &dyn SnapshotSource) -> Vec<(&'static str, String)> {
    let mut found = Vec::new();
    let done = snapshot.verify(&mut |damage| {
        found.push((damage.rule, format!("{}: {}", damage.place, damage.message)));
        ControlFlow::Continue(())
    });
    if let Err(error) = done {
        found.push(("error", error.to_string()));
    }
    found
}

#[test]
fn valid_fixtures_give_their_rows() {
    spec!(
        "MAN-1", "RUN-1", "RUN-4", "RUN-5", "MERGE-1", "MERGE-2", "MERGE-3", "MERGE-4", "CLIP-2", "LIST-1",
        "TTL-1", "TTL-4", "EVOL-2", "EVOL-12", "TABLE-1", "TABLE-2", "TABLE-3", "TABLE-4", "FILE-1",
        "FILE-2", "FILE-3", "FILE-4"
    );
    for case in cases("format/v1/valid") {
        let snapshot =
            locate(&case).and_then(|l| l.open()).unwrap_or_else(|e| panic!("{}: {e}", case.display()));
        let expected = expected(&case);
        assert_eq!(Json::from(snapshot.describe().kind), expected["profile"], "{}", case.display());
        let found = tables(&snapshot).unwrap_or_else(|e| panic!("{}: {e}", case.display()));
        assert_eq!(found, expected["tables"], "{}", case.display());
        assert_eq!(damages(&snapshot), [], "{}", case.display());
    }
}

#[test]
fn invalid_fixtures_are_refused_by_their_rule() {
    spec!(
        "PRE-2",
        "PRE-3",
        "PRE-4",
        "PRE-6",
        "PRE-7",
        "PRE-8",
        "PRE-9",
        "FEAT-1",
        "DIGEST-4",
        "DIGEST-5",
        "FILE-1",
        "FILE-3",
        "FILE-4",
        "FILE-7",
        "ORDER-1",
        "ORDER-5",
        "TABLE-3",
        "ROWHASH-1",
        "ROWHASH-9"
    );
    let mut wrong = Vec::new();
    for case in cases("format/v1/invalid") {
        let (files, manifest) = files(&case);
        let expected = expected(&case);
        let rule = expected["rule"].as_str().unwrap();
        let kind = expected["kind"].as_str().unwrap();
        match open(&files, &manifest) {
            Err(error) => {
                let found = match error.kind() {
                    ErrorKind::Unsupported => "unsupported",
                    ErrorKind::Corrupt => "corrupt",
                    _ => "another",
                };
                if error.rule() != Some(rule) || found != kind {
                    wrong.push(format!("{}: {error} ({:?}, {found})", case.display(), error.rule()));
                }
            }
            Ok(snapshot) => {
                let damages = damages(&snapshot);
                if !damages.iter().any(|(found, _)| *found == rule) || kind != "corrupt" {
                    wrong.push(format!("{}: {damages:?}", case.display()));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_flip_is_found_and_none_gives_other_rows() {
    spec!("DIGEST-1", "DIGEST-2", "DIGEST-4", "PRE-7");
    for case in cases("format/v1/valid") {
        let (files, manifest) = files(&case);
        let rows = expected(&case)["tables"].clone();
        for (i, (path, bytes)) in files.iter().enumerate() {
            // Bytes beside a packed list belong to other lists.
            let unused = if path.as_str() == "objects/lists" { 3 } else { 0 };
            for at in (unused..bytes.len()).step_by(7) {
                let mut damaged = files.clone();
                damaged[i].1[at] ^= 1 << (at % 8);
                let Ok(snapshot) = open(&damaged, &manifest) else { continue };
                assert!(!damages(&snapshot).is_empty(), "{}: {path} byte {at}", case.display());
                if let Ok(found) = tables(&snapshot) {
                    assert_eq!(found, rows, "{}: {path} byte {at}", case.display());
                }
            }
        }
    }
}
