//! The golden fixtures of the format, in memory.

use std::fs;
use std::path::{Path, PathBuf};

use alluvium_format::{BODY_BYTES_MAX, Place, decode};
use alluvium_store::{MemoryStore, ObjectPath, Store, block_on};
use bytes::Bytes;

use crate::fuzz::Files;

/// A fixture of a snapshot.
#[derive(Debug, Clone)]
pub struct Case {
    /// Name of its folder.
    pub name: String,
    /// Its objects, manifest included, ascending by path.
    pub files: Vec<(ObjectPath, Bytes)>,
    /// Path of its manifest.
    pub manifest: ObjectPath,
}

/// Returns the folder of all fixtures.
pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures")
}

/// Returns the valid snapshots of `fixtures/format/v1`.
pub fn valid() -> Vec<Case> {
    cases("format/v1/valid")
}

/// Returns the invalid snapshots of `fixtures/format/v1`.
pub fn invalid() -> Vec<Case> {
    cases("format/v1/invalid")
}

/// Returns the snapshots of `fixtures/flink/snapshots`: each with its name, files named from a folder
/// `snapshot` that holds its metadata.
pub fn flink_snapshots() -> Vec<(String, Files)> {
    folders("flink/snapshots").iter().map(|folder| (name_of(folder), files(folder, "snapshot"))).collect()
}

/// Returns the databases of `fixtures/flink/rocksdb`, without what their engine lists of them.
pub fn flink_databases() -> Vec<(String, Files)> {
    let database = |folder: &PathBuf| {
        let mut files = files(folder, "");
        files.retain(|(name, _)| name != "expected.txt");
        (name_of(folder), files)
    };
    folders("flink/rocksdb").iter().map(database).collect()
}

/// Returns the files of `fixtures/flink/metadata`.
pub fn flink_metadata() -> Files {
    let mut files = files(&folder().join("flink"), "metadata");
    files.retain(|(name, _)| name.ends_with(".metadata"));
    files
}

/// Reads all files below `folder`/`within`, ascending by path from `folder`.
fn files(folder: &Path, within: &str) -> Files {
    let mut files = Files::new();
    let mut folders = vec![folder.join(within)];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(next).expect("a readable folder") {
            let path = entry.expect("a readable folder").path();
            let name = path.strip_prefix(folder).expect("a path below").to_string_lossy().into_owned();
            if path.is_dir() {
                folders.push(path);
            } else {
                files.push((name, Bytes::from(fs::read(&path).expect("a readable file"))));
            }
        }
    }
    files.sort();
    files
}

fn name_of(folder: &Path) -> String {
    folder.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

fn folders(set: &str) -> Vec<PathBuf> {
    let folders = fs::read_dir(folder().join(set)).expect("the fixtures are part of the repository");
    let mut folders: Vec<_> = folders.map(|entry| entry.expect("a readable folder").path()).collect();
    folders.retain(|path| path.is_dir());
    folders.sort();
    folders
}

fn cases(set: &str) -> Vec<Case> {
    folders(set).iter().map(|folder| Case::read(folder)).collect()
}

impl Case {
    fn read(folder: &Path) -> Case {
        let mut found = files(folder, "");
        found.retain(|(name, _)| name != "expected.json");
        let path = |name: &str| ObjectPath::new(name).expect("a relative path");
        let mut files: Vec<_> = found.into_iter().map(|(name, bytes)| (path(&name), bytes)).collect();
        files.sort();
        let manifest = files.iter().map(|(path, _)| path).find(|path| path.as_str().ends_with(".manifest"));
        let manifest = manifest.expect("every case has a manifest").clone();
        let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
        Case { name, files, manifest }
    }

    /// Returns the bytes of a file.
    pub fn bytes(&self, path: &ObjectPath) -> Option<&Bytes> {
        self.files.iter().find(|(other, _)| other == path).map(|(_, bytes)| bytes)
    }

    /// Returns the bytes of the manifest.
    pub fn manifest_bytes(&self) -> Bytes {
        self.bytes(&self.manifest).cloned().unwrap_or_default()
    }

    /// Returns a store that holds the files.
    pub fn store(&self) -> MemoryStore {
        let store = MemoryStore::new();
        for (path, bytes) in &self.files {
            block_on(store.create(path, bytes.clone())).expect("an empty store takes every object");
        }
        store
    }

    /// Returns the bytes of every run that the manifest names, as far as it can be read.
    pub fn runs(&self) -> Vec<Bytes> {
        let Ok(manifest) = decode(&self.manifest_bytes(), BODY_BYTES_MAX) else { return Vec::new() };
        let tables = manifest.operators.iter().flat_map(|operator| &operator.tables);
        tables.flat_map(|table| &table.runs).filter_map(|run| self.run(&run.place)).collect()
    }

    fn run(&self, place: &Place) -> Option<Bytes> {
        match place {
            Place::Inline(bytes) => Some(bytes.clone()),
            Place::Object { object, offset, length } => {
                let bytes = self.bytes(&ObjectPath::new(&object.name).ok()?)?;
                let (from, to) = (*offset as usize, offset.checked_add(*length)? as usize);
                (to <= bytes.len()).then(|| bytes.slice(from..to))
            }
        }
    }
}
