use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use alluvium_store::{MemoryStore, ObjectPath, Store, block_on};

use super::*;
use crate::metadata::{KeyedHandle, Metadata, Operator, Scope, Subtask};

const JOB: &str = "0123456789abcdef0123456789abcdef";
const UUID: &str = "a00e3507-47ba-4b42-9670-083e41532533";

struct Tree(tempfile::TempDir);

impl Tree {
    fn new() -> Self {
        Tree(tempfile::tempdir().unwrap())
    }

    fn put(&self, path: &str, bytes: &[u8]) -> PathBuf {
        let file = self.path(path);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(&file, bytes).unwrap();
        file
    }

    fn path(&self, path: &str) -> PathBuf {
        fs::canonicalize(self.0.path()).unwrap().join(path)
    }

    fn files(&self, base: &str) -> Files {
        let base = self.path(base);
        fs::create_dir_all(&base).unwrap();
        Files::new(Arc::new(LocalVolume), base.to_str().unwrap().trim_start_matches('/'))
    }
}

fn relative(path: &str) -> StreamHandle {
    StreamHandle::Relative { path: path.into(), size: -1 }
}

fn file(path: impl AsRef<Path>) -> StreamHandle {
    StreamHandle::File { path: path.as_ref().to_str().unwrap().into(), size: -1 }
}

fn content(files: &Files, stream: &StreamHandle) -> Result<Vec<u8>> {
    Ok(files.open(stream)?.read_from(0, 1 << 20)?.to_vec())
}

#[test]
fn a_relative_path_never_leaves_the_folder_of_the_metadata() {
    let tree = Tree::new();
    tree.put("s/a", b"inside");
    let outside = tree.put("secret", b"outside");
    let files = tree.files("s");
    symlink(&outside, tree.path("s/link")).unwrap();
    assert_eq!(content(&files, &relative("a")).unwrap(), b"inside");
    assert!(matches!(content(&files, &relative("b")), Err(Error::Missing { path }) if path == "b"));
    for path in ["../secret", "a/../../secret", "/etc/hostname", "", ".", "x\0"] {
        assert!(matches!(content(&files, &relative(path)), Err(Error::Malformed { .. })), "{path:?}");
    }
    let Err(Error::Store(alluvium_store::Error::Escapes { .. })) = content(&files, &relative("link")) else {
        panic!("the link leads out")
    };
}

#[test]
fn an_absolute_path_is_read_as_written_in_all_its_spellings() {
    let tree = Tree::new();
    let state = tree.put("elsewhere/state", b"x");
    let files = tree.files("s");
    let plain = state.to_str().unwrap();
    for path in
        [plain.to_owned(), format!("file:{plain}"), format!("file://{plain}"), format!("file:/{plain}")]
    {
        assert_eq!(content(&files, &file(path)).unwrap(), b"x");
    }
    for path in ["file:/a/../etc/passwd", "relative", "file:relative", "file:/a\n"] {
        assert!(matches!(content(&files, &file(path)), Err(Error::Malformed { .. })), "{path}");
    }
    let Err(Error::Unsupported { what, .. }) = content(&files, &file("hdfs://host:8020/a/b")) else {
        panic!("no such volume")
    };
    assert_eq!(what, "hdfs://host:8020/a/b (scheme hdfs)");
}

#[test]
fn only_regular_files_are_read() {
    let tree = Tree::new();
    let files = tree.files("s");
    let pipe = tree.path("pipe");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    for path in [pipe.as_path(), Path::new("/dev/null"), Path::new("/dev/zero")] {
        assert!(matches!(content(&files, &file(path)), Err(Error::Store(_))), "{}", path.display());
    }
    assert!(matches!(content(&files, &file(tree.path("s"))), Err(Error::Missing { .. })));
}

#[test]
fn a_remap_stands_for_a_prefix_and_comes_first() {
    let tree = Tree::new();
    tree.put("new/shared/a", b"new");
    let old = tree.put("old/shared/a", b"old");
    let only_old = tree.put("old/shared/b", b"b");
    let (from, to) = (tree.path("old"), tree.path("new"));
    let files = tree.files("s").with_remap(from.to_str().unwrap(), to.to_str().unwrap()).unwrap();
    assert_eq!(content(&files, &file(&old)).unwrap(), b"new");
    assert_eq!(content(&files, &file(&only_old)).unwrap(), b"b");
    let files = tree.files("s").with_remap("hdfs://nn/flink", to.to_str().unwrap()).unwrap();
    assert_eq!(content(&files, &file("hdfs://nn/flink/shared/a")).unwrap(), b"new");
    assert!(content(&files, &file("hdfs://nn/flinkier/shared/a")).is_err());
    assert!(tree.files("s").with_remap("nowhere", to.to_str().unwrap()).is_err());
    assert!(tree.files("s").with_remap("/a", tree.path("missing").to_str().unwrap()).is_err());
}

#[test]
fn a_moved_checkpoint_is_found_by_the_names_that_are_left() {
    let tree = Tree::new();
    tree.put(&format!("m/{JOB}/shared/{UUID}"), b"shared");
    tree.put(&format!("m/{JOB}/taskowned/job_x/{UUID}"), b"merged");
    tree.put(&format!("m/{JOB}/chk-2/{UUID}"), b"of 1.4");
    tree.put(&format!("m/dstl/{JOB}/dstl/{UUID}"), b"changelog");
    let files = tree.files(&format!("m/{JOB}/chk-7"));
    let at = |path: &str| content(&files, &file(format!("hdfs://nn/a/{path}/{UUID}")));
    assert_eq!(at(&format!("ck/{JOB}/shared")).unwrap(), b"shared");
    assert_eq!(at(&format!("ck/{JOB}/taskowned/job_x")).unwrap(), b"merged");
    assert_eq!(at(&format!("ck/{JOB}/chk-2")).unwrap(), b"of 1.4");
    assert_eq!(at(&format!("dstl/{JOB}/dstl")).unwrap(), b"changelog");
    assert!(matches!(at(&format!("ck/{JOB}/chk-3")), Err(Error::Unsupported { .. })));
}

#[test]
fn a_renamed_savepoint_of_old_releases_and_one_of_a_single_file_are_found() {
    let tree = Tree::new();
    tree.put(&format!("renamed/{UUID}"), b"beside");
    tree.put(&format!("one/checkpoints/{JOB}/chk-1/{UUID}"), b"in a base");
    let files = tree.files("renamed");
    assert_eq!(content(&files, &file(format!("file:/x/savepoint-1/{UUID}"))).unwrap(), b"beside");
    tree.put("renamed/a", b"no uuid");
    let fresh = tree.files("renamed");
    assert!(matches!(content(&fresh, &file("file:/x/savepoint-1/a")), Err(Error::Missing { .. })));
    let files = tree.files("one/sp");
    let recorded = format!("file:/x/checkpoints/{JOB}/chk-1/{UUID}");
    assert_eq!(content(&files, &file(recorded)).unwrap(), b"in a base");
}

#[test]
fn several_files_that_may_be_meant_are_an_error_that_names_them() {
    let tree = Tree::new();
    tree.put(&format!("m/shared/{UUID}"), b"one");
    tree.put(&format!("m/{JOB}/shared/{UUID}"), b"other");
    let files = tree.files(&format!("m/{JOB}/chk-1"));
    let Err(Error::Ambiguous { candidates, .. }) = content(&files, &file(format!("file:/x/shared/{UUID}")))
    else {
        panic!("two files")
    };
    assert_eq!(candidates.len(), 2);
}

#[test]
fn a_segment_is_a_piece_of_its_file_and_files_are_opened_once() {
    let tree = Tree::new();
    let large: Vec<u8> = (0..100_000_u32).map(|at| (at % 251) as u8).collect();
    let path = tree.put("shared/x", &large);
    let files = tree.files("s");
    let segment = |start, size| {
        let path = path.to_str().unwrap().into();
        StreamHandle::Segment { start, size, scope: Scope::Shared, path, file_id: "id".into() }
    };
    let piece = files.open(&segment(70_000, 100)).unwrap();
    assert_eq!(piece.len(), 100);
    assert_eq!(piece.read_at(10, 5).unwrap(), large[70_010..70_015]);
    assert!(matches!(piece.read_at(96, 5), Err(Error::Truncated { left: 4, .. })));
    for (start, size) in [(99_999, 2), (-1, 1), (0, -1), (i64::MAX, i64::MAX)] {
        assert!(files.open(&segment(start, size)).is_err());
    }
    let (one, other) = (files.open(&file(&path)).unwrap(), files.open(&file(&path)).unwrap());
    assert!(Arc::ptr_eq(&one, &other));
    assert!(matches!(one.read_at(99_999, 2), Err(Error::Truncated { left: 1, .. })));
}

#[test]
fn state_in_the_metadata_needs_no_file() {
    let files = Tree::new().files("s");
    let memory = StreamHandle::InMemory { name: "n".into(), data: Bytes::from_static(b"abc") };
    assert_eq!(content(&files, &memory).unwrap(), b"abc");
    assert!(content(&files, &StreamHandle::EmptySegment).unwrap().is_empty());
    let range = alluvium_model::KeyGroupRange::new(0, 0);
    let nested = StreamHandle::KeyGroups { range, offsets: Vec::new(), stream: Box::new(memory) };
    assert_eq!(content(&files, &nested).unwrap(), b"abc");
}

#[test]
fn a_bucket_answers_under_every_name_of_its_scheme() {
    let store = MemoryStore::new();
    let large = vec![7_u8; (1 << 20) + 1];
    for (path, bytes) in [("ck/chk-1/a", b"small".to_vec()), ("ck/shared/b", large.clone())] {
        block_on(store.create(&ObjectPath::new(path).unwrap(), bytes.into())).unwrap();
    }
    let volume = Arc::new(StoreVolume::new(Arc::new(store), "s3://bucket/").unwrap());
    let files = Files::new(Arc::clone(&volume) as Arc<dyn Volume>, "ck/chk-1");
    assert_eq!(content(&files, &relative("a")).unwrap(), b"small");
    assert!(content(&files, &relative("../shared/b")).is_err());
    for path in ["s3://bucket/ck/shared/b", "s3a://bucket/ck/shared/b", "s3://gone/x/ck/shared/b"] {
        let file = files.open(&file(path)).unwrap();
        assert_eq!(
            (file.len(), file.read_at(1 << 20, 1).unwrap()),
            (large.len() as u64, Bytes::from_static(&[7]))
        );
        assert!(file.read_at(1 << 20, 2).is_err() && file.read_at(5, 0).unwrap().is_empty());
    }
    let local = Tree::new().files("s").with_volume(volume);
    assert_eq!(local.open(&file("s3p://bucket/ck/shared/b")).unwrap().len(), large.len() as u64);
}

/// A snapshot with one subtask for each keyed handle.
fn snapshot(handles: Vec<KeyedHandle>) -> Metadata {
    let subtask = |keyed| Subtask { managed_keyed: Some(Box::new(keyed)), ..Subtask::default() };
    let operator = Operator {
        id: alluvium_model::OperatorUid::new("o").id(),
        uid: None,
        name: None,
        parallelism: 1,
        max_parallelism: 128,
        chain_length: 1,
        coordinator: None,
        finished: false,
        subtasks: handles.into_iter().map(subtask).collect(),
    };
    let (master_states, operators) = (Vec::new(), vec![operator]);
    Metadata { version: 3, checkpoint_id: 1, master_states, operators, properties: None }
}

#[test]
fn a_survey_names_what_is_missing_too_short_or_cannot_be_followed() {
    let tree = Tree::new();
    let shared = tree.put("shared/x", &[0; 100]);
    let changes = tree.put("shared/changes", &[0; 7]);
    tree.put("s/whole", b"12345");
    tree.put("s/short", b"1234");
    let files = tree.files("s");
    let range = alluvium_model::KeyGroupRange::new(0, 0);
    let groups = |stream| KeyedHandle::KeyGroups { tag: 3, range, offsets: Vec::new(), stream, id: None };
    let beside = |path: &str| groups(StreamHandle::Relative { path: path.into(), size: 5 });
    let segment = |start, size| {
        let path = shared.to_str().unwrap().into();
        groups(StreamHandle::Segment { start, size, scope: Scope::Shared, path, file_id: "id".into() })
    };
    let changelog = KeyedHandle::ChangelogFiles {
        tag: 13,
        range,
        streams: vec![(0, StreamHandle::File { size: 6, path: changes.to_str().unwrap().into() })],
        state_size: 6,
        checkpointed_size: 6,
        id: "id".into(),
        storage: Some("filesystem".into()),
    };
    let mut handles = vec![beside("whole"), changelog, segment(60, 40), segment(0, 60)];
    let survey = files.survey(&snapshot(handles.clone())).unwrap();
    assert!(survey.is_whole(), "{survey:?}");
    assert_eq!((survey.present, survey.present_bytes), (3, 112));

    handles.extend([segment(61, 40), segment(0, 1), beside("short"), beside("gone"), beside("../x")]);
    handles.push(groups(file("hdfs://nn/x")));
    let survey = files.survey(&snapshot(handles)).unwrap();
    assert_eq!(survey.missing, ["gone"]);
    let wrong: Vec<_> = survey.wrong_length.iter().map(|wrong| (wrong.found, wrong.recorded)).collect();
    assert_eq!(wrong, [(100, 101), (4, 5)]);
    let refused: Vec<_> = survey.refused.iter().map(|(path, _)| path.as_str()).collect();
    assert_eq!(refused, ["../x", "hdfs://nn/x"]);
    assert!(!survey.is_whole());
}
