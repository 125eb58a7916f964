//! All serializer snapshots of a corpus of real Flink snapshots, and the values behind them as far as
//! they can be reached without an engine: canonical files, heap-native files, operator state.
//!
//! Runs when `ALLUVIUM_FLINK_CORPUS` names a directory with snapshots in it, and prints what it found
//! per serializer.

mod headers;
mod releases;
mod tally;
mod values;
mod vectors;

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use alluvium_interop_flink::metadata::{self, KeyedHandle, Metadata, StreamHandle};
use alluvium_interop_flink::serializer::Context;
use headers::Header;
use tally::Tally;

#[test]
fn every_snapshot_of_the_corpus_parses_and_every_value_encodes_back() {
    let Some(corpus) = std::env::var_os("ALLUVIUM_FLINK_CORPUS") else { return };
    let mut files = Vec::new();
    collect(Path::new(&corpus), &mut files);
    let mut tally = Tally::default();
    for path in &files {
        let Ok(bytes) = fs::read(path) else { continue };
        if metadata::is_metadata(&bytes) {
            let metadata = metadata::read(&bytes).unwrap();
            Snapshot { metadata, path, files: siblings(path, &files) }.read(&mut tally);
        }
    }
    tally.print();
    assert_eq!(tally.failures, Vec::<String>::new());
}

fn collect(directory: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => collect(&path, files),
            false => files.push(path),
        }
    }
}

/// Returns the files of the same case by name: names of state files are unique there.
fn siblings<'a>(path: &Path, files: &'a [PathBuf]) -> HashMap<&'a str, &'a Path> {
    let case = path.ancestors().find(|path| path.join("truth.json").exists()).unwrap_or(path);
    let named = files.iter().filter(|file| file.starts_with(case));
    named.filter_map(|file| Some((file.file_name()?.to_str()?, file.as_path()))).collect()
}

struct Snapshot<'a> {
    metadata: Metadata,
    path: &'a Path,
    files: HashMap<&'a str, &'a Path>,
}

impl Snapshot<'_> {
    fn read(&self, tally: &mut Tally) {
        let context = Context { metadata_version: self.metadata.version };
        for operator in &self.metadata.operators {
            for subtask in &operator.subtasks {
                let place = format!("{} operator {}", self.path.display(), operator.id);
                if let Some(handle) = &subtask.managed_keyed {
                    self.keyed(handle, operator.max_parallelism, &context, &place, tally);
                }
                for handle in &subtask.managed_operator {
                    let Some(bytes) = self.bytes(&handle.stream) else { continue };
                    match headers::operator(&bytes, &context) {
                        Ok(header) => {
                            tally.header(&header);
                            values::operator(&bytes, &header, handle, &place, tally);
                        }
                        Err(error) => tally.failures.push(format!("{place}: {error:?}")),
                    }
                }
            }
        }
    }

    fn keyed(&self, handle: &KeyedHandle, groups: u32, context: &Context, place: &str, tally: &mut Tally) {
        let (stream, offsets) = match handle {
            KeyedHandle::KeyGroups { stream, offsets, .. } => (stream, Some(offsets)),
            KeyedHandle::Incremental { meta, .. } => (meta, None),
            KeyedHandle::Changelog { materialised, .. } => {
                materialised.iter().for_each(|inner| self.keyed(inner, groups, context, place, tally));
                return;
            }
            _ => return,
        };
        let Some(bytes) = self.bytes(stream) else { return };
        let header: Header = match headers::keyed(&bytes, context) {
            Ok(header) => header,
            Err(error) => return tally.failures.push(format!("{place}: {error:?}")),
        };
        tally.header(&header);
        if let Some(offsets) = offsets {
            values::keyed(&bytes, &header, offsets, groups, place, tally);
        }
    }

    fn bytes(&self, stream: &StreamHandle) -> Option<Vec<u8>> {
        let (path, range) = match stream {
            StreamHandle::InMemory { data, .. } => return Some(data.to_vec()),
            StreamHandle::Segment { path, start, size, .. } => (path, Some((*start, *size))),
            StreamHandle::File { path, .. } | StreamHandle::Relative { path, .. } => (path, None),
            _ => return None,
        };
        let bytes = fs::read(self.files.get(path.rsplit('/').next()?)?).ok()?;
        match range {
            Some((start, size)) => Some(bytes[start as usize..(start + size) as usize].to_vec()),
            None => Some(bytes),
        }
    }
}
