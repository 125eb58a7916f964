//! Every state of every snapshot of a corpus against its truth.
//!
//! `ALLUVIUM_FLINK_CORPUS` names the folder of the corpus: every folder below it with a `truth.json` is
//! a case. `ALLUVIUM_FLINK_CASE` limits the cases to those whose path contains it. Prints a table per
//! release, backend and format.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

mod case;
mod checks;
mod report;
mod states;
mod values;

use std::path::Path;

use report::Report;

#[test]
fn every_state_of_the_corpus_equals_its_truth() {
    let Some(root) = std::env::var_os("ALLUVIUM_FLINK_CORPUS") else {
        println!("ALLUVIUM_FLINK_CORPUS is not set: nothing to compare");
        return;
    };
    let only = std::env::var("ALLUVIUM_FLINK_CASE").unwrap_or_default();
    let cases: Vec<_> =
        case::find(Path::new(&root)).into_iter().filter(|path| path.contains(&only)).collect();
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
    assert_eq!((report.wrong(), report.missing()), (0, 0), "states that are wrong or missing");
}
