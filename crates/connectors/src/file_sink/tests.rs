use std::sync::Arc;

use alluvium_env::Env;
use alluvium_env::{RandomIds, SystemRandom};

use super::*;

fn info(attempt: u64, subtask: u32) -> SubtaskInfo {
    let ids = Arc::new(RandomIds::new(Arc::new(SystemRandom::new())));
    SubtaskInfo { subtask, parallelism: 2, attempt, owner: "0123456789abcdef".into(), ids }
}

fn sink(directory: &Path, attempt: u64) -> FileSink<i64, impl TextFormat<i64>> {
    let format = Csv::new(["n", "text"], |n: &i64| vec![n.to_string(), format!("a,\"{n}\"\n")]);
    FileSink::new(directory, "numbers", format, &info(attempt, 0)).unwrap()
}

fn batch(numbers: std::ops::Range<i64>) -> Batch<i64> {
    let mut batch = Batch::new();
    numbers.for_each(|n| batch.push(n, 0));
    batch
}

fn visible(directory: &Path) -> Vec<String> {
    let mut seen = names(directory).unwrap();
    seen.retain(|name| !name.starts_with('.'));
    seen
}

fn lines(directory: &Path) -> Vec<String> {
    committed_lines(directory, "numbers", Some("n,text")).unwrap()
}

#[test]
fn file_appears_only_with_its_commit() {
    let dir = tempfile::tempdir().unwrap();
    let mut sink = sink(dir.path(), 1);
    sink.write(batch(0..3)).unwrap();
    assert_eq!(visible(dir.path()), [] as [&str; 0]);
    let staged = sink.pre_commit(7).unwrap();
    assert_eq!(staged.len(), 1);
    assert_eq!((visible(dir.path()).len(), staged[0].1), (0, 3));
    sink.commit(&staged[0]).unwrap();
    assert_eq!(visible(dir.path()), [staged[0].0.clone()]);
    assert_eq!(lines(dir.path()), ["0,\"a,\"\"0\"\" \"", "1,\"a,\"\"1\"\" \"", "2,\"a,\"\"2\"\" \""]);
    assert_eq!(names(dir.path()).unwrap().len(), 1);
}

#[test]
fn epoch_without_rows_has_no_transaction() {
    let dir = tempfile::tempdir().unwrap();
    assert_eq!(sink(dir.path(), 1).pre_commit(1).unwrap(), []);
}

#[test]
fn commit_is_repeated_without_effect_also_by_another_process() {
    let dir = tempfile::tempdir().unwrap();
    let mut first = sink(dir.path(), 1);
    first.write(batch(0..2)).unwrap();
    let staged = first.pre_commit(1).unwrap().remove(0);
    let mut second = sink(dir.path(), 2);
    second.commit(&staged).unwrap();
    first.commit(&staged).unwrap();
    second.commit(&staged).unwrap();
    second.abort(&staged).unwrap();
    assert_eq!(lines(dir.path()).len(), 2);
}

#[test]
fn aborted_rows_never_appear() {
    let dir = tempfile::tempdir().unwrap();
    let mut sink = sink(dir.path(), 1);
    sink.write(batch(0..2)).unwrap();
    let staged = sink.pre_commit(1).unwrap().remove(0);
    sink.abort(&staged).unwrap();
    sink.abort(&staged).unwrap();
    assert_eq!(names(dir.path()).unwrap(), [] as [&str; 0]);
    let error = sink.commit(&staged).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Missing);
}

#[test]
fn new_attempt_removes_what_an_older_one_was_writing_and_nothing_that_is_staged() {
    let dir = tempfile::tempdir().unwrap();
    let mut old = sink(dir.path(), 1);
    old.write(batch(0..2)).unwrap();
    let staged = old.pre_commit(1).unwrap().remove(0);
    old.write(batch(2..4)).unwrap();
    assert_eq!(names(dir.path()).unwrap().len(), 2);
    let mut new = sink(dir.path(), 2);
    assert_eq!(names(dir.path()).unwrap(), [staged_name(&staged.0)]);
    // The old attempt was only asleep: it cannot stage what it had written.
    assert!(old.pre_commit(2).is_err());
    new.commit(&staged).unwrap();
    assert_eq!(lines(dir.path()).len(), 2);
}

#[test]
fn staged_files_that_a_snapshot_names_and_those_of_others_survive_cleaning() {
    let dir = tempfile::tempdir().unwrap();
    fn stage<F: TextFormat<i64>>(sink: &mut FileSink<i64, F>, checkpoint: u64) -> StagedFile {
        sink.write(batch(0..1)).unwrap();
        sink.pre_commit(checkpoint).unwrap().remove(0)
    }
    let mut old = sink(dir.path(), 1);
    let (named, orphan) = (stage(&mut old, 1), stage(&mut old, 2));
    let format = Csv::new(["n"], |n: &i64| vec![n.to_string()]);
    let stranger = SubtaskInfo { owner: "fedcba9876543210".into(), ..info(1, 0) };
    let mut stranger = FileSink::new(dir.path(), "numbers", format, &stranger).unwrap();
    let foreign = stage(&mut stranger, 1);
    let newer = stage(&mut sink(dir.path(), 3), 9);
    fs::write(dir.path().join(".other-00000001-0000000001-0000-0123456789abcdefa.csv.staged"), "").unwrap();
    assert_eq!(sink(dir.path(), 2).discard_orphans(std::slice::from_ref(&named)).unwrap(), 1);
    let left = names(dir.path()).unwrap();
    assert!(!left.contains(&staged_name(&orphan.0)));
    for kept in [named, foreign, newer] {
        assert!(left.contains(&staged_name(&kept.0)), "{kept:?}");
    }
    assert_eq!(left.len(), 4);
}

#[test]
fn names_that_escape_the_directory_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let mut sink = sink(&dir.path().join("out"), 1);
    for name in ["../evil.csv", "/etc/passwd", "a/b", "", ".hidden", "a\0b", "..", "näme"] {
        let staged = (name.to_owned(), 1);
        assert_eq!(sink.commit(&staged).unwrap_err().kind(), ErrorKind::Corrupt, "{name}");
        assert_eq!(sink.abort(&staged).unwrap_err().kind(), ErrorKind::Corrupt, "{name}");
    }
}

#[test]
fn sinks_of_two_runs_never_share_a_name() {
    let dir = tempfile::tempdir().unwrap();
    for _ in 0..2 {
        let mut sink = sink(dir.path(), 1);
        sink.write(batch(0..2)).unwrap();
        let staged = sink.pre_commit(1).unwrap().remove(0);
        sink.commit(&staged).unwrap();
    }
    assert_eq!(lines(dir.path()).len(), 4);
}

#[test]
fn simulated_runs_name_their_files_by_their_seed() {
    let dir = tempfile::tempdir().unwrap();
    let name = |folder: &str| {
        let ids = Env::simulated(9).ids;
        let info = SubtaskInfo { subtask: 3, parallelism: 4, attempt: 5, owner: "ab".into(), ids };
        let format = JsonLines::new(|n: &i64| serde_json::json!({ "n": n }));
        let mut sink = FileSink::new(dir.path().join(folder), "p", format, &info).unwrap();
        sink.write(batch(1..2)).unwrap();
        sink.pre_commit(6).unwrap().remove(0).0
    };
    assert!(name("a").starts_with("p-00000005-0000000006-0003-"));
    assert_eq!(name("b"), name("c"));
}
