//! Every state of every snapshot of a corpus of real Flink, as `cat` prints it, against the truth that
//! Flink itself gave.
//!
//! The corpus is `fixtures/flink/snapshots`, or the folder that `ALLUVIUM_FLINK_CORPUS` names: every
//! folder below it with a `truth.json`, plain or compressed, is a case. `ALLUVIUM_FLINK_CASE` limits the
//! cases to those whose path contains it. Prints a table per release, backend and format, and one per
//! serializer.

mod case;
mod checks;
mod report;
mod states;
mod values;

use std::path::{Path, PathBuf};

use alluvium_testkit::fixtures;

use report::Report;

#[test]
fn every_state_of_the_corpus_equals_its_truth() {
    let fixtures = || fixtures::folder().join("flink/snapshots");
    let root = std::env::var_os("ALLUVIUM_FLINK_CORPUS").map_or_else(fixtures, PathBuf::from);
    let only = std::env::var("ALLUVIUM_FLINK_CASE").unwrap_or_default();
    let cases: Vec<_> = case::find(&root).into_iter().filter(|path| path.contains(&only)).collect();
    let mut report = Report::default();
    std::thread::scope(|scope| {
        let halves = cases.chunks(cases.len().div_ceil(2).max(1));
        let threads: Vec<_> = halves
            .map(|half| {
                scope.spawn(move || {
                    let mut report = Report::default();
                    half.iter().for_each(|path| case::compare(Path::new(path), &mut report));
                    report
                })
            })
            .collect();
        threads.into_iter().for_each(|thread| report.merge(thread.join().unwrap()));
    });
    report.print();
    assert!(!cases.is_empty(), "no case under the corpus");
    assert!(report.typed() > cases.len() as u64, "hardly a state is typed");
    assert_eq!((report.wrong(), report.missing()), (0, 0), "states that are wrong or missing");
}
