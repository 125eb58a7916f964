use std::sync::Arc;

use alluvium_interop_flink::bytes::Input;
use alluvium_interop_flink::files::StoreVolume;
use alluvium_interop_flink::header::{KeyedHeader, OperatorHeader};
use alluvium_interop_flink::rocksdb::Database;
use alluvium_interop_flink::serializer::{Context, read_block};
use alluvium_interop_flink::snapshot::FlinkSnapshot;
use alluvium_interop_flink::{InMemory, ReadAt, Result, locate, metadata};
use alluvium_model::source::Scan;
use alluvium_model::{RowBatch, SnapshotSource};
use alluvium_store::{MemoryStore, ObjectPath};
use bytes::Bytes;

/// Names and bytes of the files of a Flink snapshot or of a database.
pub type Files = Vec<(String, Bytes)>;

/// Where files of [`flink_files`] lie.
const ROOT: &str = "s3://fixtures";
/// Faults of one stream after which no more is asked of it.
const FAULTS_MAX: usize = 50;

/// Reads the input as a metadata file.
///
/// A flag may be any byte but 0 and is written as 1: what was read is written as bytes that stay the same
/// when they are read and written again.
///
/// # Panics
/// When they do not.
///
/// Source: `MetadataV1Serializer` to `MetadataV6Serializer`.
pub fn flink_metadata(data: &[u8]) {
    if let Ok(read) = metadata::read(data) {
        let written = |read| metadata::write(read).unwrap_or_else(|e| panic!("metadata that was read: {e}"));
        let first = written(&read);
        let second = metadata::read(&first).unwrap_or_else(|e| panic!("metadata that was written: {e}"));
        assert!(written(&second) == first, "metadata that was written");
    }
}

/// Reads the input as the headers of keyed and operator state and as a block of serializer snapshots.
///
/// Source: `KeyedBackendSerializationProxy`, `OperatorBackendSerializationProxy`,
/// `NestedSerializersSnapshotDelegate`.
pub fn flink_serializer(data: &[u8]) {
    for metadata_version in [3, 6] {
        let context = Context { metadata_version };
        let _ = KeyedHeader::read(data, &context);
        let _ = OperatorHeader::read(data, &context);
        let _ = read_block(&mut Input::new(data), &context);
    }
}

/// Reads the files that the input packs ([`pack`]) as a database of RocksDB and lists what it holds.
pub fn flink_database(data: &[u8]) {
    let reader = |(name, bytes): (String, Bytes)| -> (String, Arc<dyn ReadAt>) {
        (name.clone(), Arc::new(InMemory::new(&name, bytes)))
    };
    let Ok(database) = Database::open(unpack(data).into_iter().map(reader).collect()) else { return };
    for family in database.column_families() {
        let _ = listed(&database, &family.name);
    }
}

fn listed(database: &Database, family: &str) -> Result<usize> {
    let mut scan = database.scan(family, None, None)?;
    let mut bytes = 0;
    while scan.advance()? {
        bytes += scan.key().len() + scan.value().len();
    }
    Ok(bytes)
}

/// Reads the files that the input packs ([`pack`]) as a snapshot of Flink, to the last row.
pub fn flink_snapshot(data: &[u8]) {
    flink_files(&unpack(data));
}

/// Reads every row of every state of a Flink snapshot of these files; returns how many rows there are,
/// none when it does not open.
///
/// # Panics
/// When a batch that was read is not one of its state.
pub fn flink_files(files: &Files) -> Option<usize> {
    let store = MemoryStore::new();
    for (name, bytes) in files {
        store.overwrite(&ObjectPath::new(name).ok()?, bytes.clone());
    }
    let volume = StoreVolume::new(Arc::new(store), ROOT).ok()?;
    let folder = files.iter().find_map(|(name, _)| name.split('/').next())?;
    let located = locate::locate(Arc::new(volume), &format!("{ROOT}/{folder}")).ok()?;
    let snapshot = FlinkSnapshot::of(located, &|_| None);
    let operators = &snapshot.describe().operators;
    let states = operators.iter().flat_map(|o| o.states.iter().map(|s| Scan::all(o.id, &s.schema.name)));
    Some(states.map(|scan| rows(&snapshot, &scan)).sum())
}

fn rows(snapshot: &FlinkSnapshot, scan: &Scan) -> usize {
    let Ok(mut stream) = snapshot.scan(scan) else { return 0 };
    let (mut rows, mut faults) = (0, 0);
    while faults < FAULTS_MAX {
        match stream.next_batch() {
            Ok(Some(batch)) => {
                assert_eq!(&**batch.schema(), &**stream.schema(), "schema of a batch");
                rows += RowBatch::len(&batch);
            }
            Ok(None) => break,
            Err(_) => faults += 1,
        }
    }
    rows
}

/// Packs files into one input: for each a byte with the length of its name, the name, four bytes with its
/// length, and its bytes.
pub fn pack(files: &Files) -> Vec<u8> {
    let mut out = Vec::new();
    for (name, bytes) in files {
        let length = |length: usize| u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes();
        out.push(name.len() as u8);
        out.extend(&name.as_bytes()[..usize::from(name.len() as u8)]);
        out.extend(length(bytes.len()));
        out.extend(&bytes[..]);
    }
    out
}

fn unpack(mut data: &[u8]) -> Files {
    let mut files = Files::new();
    while let Some((name, bytes, rest)) = first_file(data) {
        files.push((String::from_utf8_lossy(name).into_owned(), Bytes::copy_from_slice(bytes)));
        data = rest;
    }
    files
}

/// Splits the first file off; one that is cut ends where the input ends.
fn first_file(data: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let (length, rest) = data.split_first()?;
    let (name, rest) = rest.split_at_checked(usize::from(*length))?;
    let (length, rest) = rest.split_first_chunk::<4>()?;
    let (bytes, rest) = rest.split_at(rest.len().min(u32::from_be_bytes(*length) as usize));
    Some((name, bytes, rest))
}
