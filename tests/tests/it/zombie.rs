//! A worker is stopped while another attempt takes over, then goes on.

use std::time::Duration;

use alluvium_model::spec;
use alluvium_testkit::mutate::Numbers;

use crate::process::{Flights, Sandbox, until};

const BLOCKS: usize = 30;
const ROUNDS: u64 = 4;

#[test]
fn a_stopped_worker_that_wakes_after_a_takeover_commits_nothing() {
    spec!("FENCE-2", "FENCE-3", "FENCE-4");
    let expected = Sandbox::new().undisturbed(BLOCKS);
    let mut superseded = 0;
    for round in 0..ROUNDS {
        let (sandbox, mut numbers) = (Sandbox::new(), Numbers::new(round));
        let mut job = Flights {
            root: "root",
            out: "out",
            flags: &["-s", "latest", "-p", "2", "--checkpoint-interval", "60ms", "--retain", "50"],
            blocks: BLOCKS,
            rate: Some(15_000),
            ..Flights::default()
        };
        let mut zombie = sandbox.flights("zombie", &job);
        until("the first attempt has two checkpoints", || {
            (sandbox.manifests("root").len() >= 2).then_some(())
        });
        std::thread::sleep(Duration::from_micros(numbers.below(120_000) as u64));
        zombie.signal("-STOP");
        let stopped_at = of_attempt(&sandbox.manifests("root"), 1);

        job.rate = Some(10_000);
        let mut heir = sandbox.flights("heir", &job);
        until("the second attempt has a checkpoint", || {
            (!of_attempt(&sandbox.manifests("root"), 2).is_empty()).then_some(())
        });
        // The heir has committed what the checkpoint that it started from left pending.
        let committed = of_attempt(&sandbox.committed("out"), 1);

        zombie.signal("-CONT");
        let status = zombie.ends();
        let told = zombie.log();
        assert_eq!(status.code(), Some(5), "{status}\n{told}");
        assert!(told.contains("error[conflict]: "), "{told}");
        assert!(told.contains("attempt 1 was superseded by attempt 2"), "{told}");
        assert!(!told.contains("-s latest"), "{told}");

        heir.finish();
        let new = of_attempt(&sandbox.manifests("root"), 1).len() - stopped_at.len();
        assert!(new <= 1, "{new} manifests of a superseded attempt");
        superseded += new;
        assert_eq!(of_attempt(&sandbox.committed("out"), 1), committed, "the superseded attempt committed");
        assert!(sandbox.output("out") == expected, "round {round}: the output differs");
        let latest = sandbox.alluvium(&["inspect", "root", "-o", "json"]).exits(0).json();
        assert!(latest["id"].as_u64().is_some(), "{latest}");
    }
    println!("{ROUNDS} takeovers of a stopped worker, {superseded} superseded manifests");
}

/// The manifests or committed files of an attempt: both have its number in eight digits.
fn of_attempt(names: &[String], attempt: u64) -> Vec<String> {
    let of = |name: &&String| {
        let attempts =
            name.split('-').find(|part| part.len() == 8 && part.bytes().all(|b| b.is_ascii_digit()));
        attempts.and_then(|digits| digits.parse().ok()) == Some(attempt)
    };
    names.iter().filter(of).cloned().collect()
}
