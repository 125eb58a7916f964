//! What people do with the binary from end to end, and what they do wrong.

use std::fs;

use alluvium_model::spec;
use alluvium_testkit::fixtures;

use crate::process::{Flights, Sandbox, Worker, until};

const BLOCKS: usize = 12;

/// A command that cannot be done ends with this code, prints no data, and says what is wrong, where
/// and what to do.
#[track_caller]
fn refused(sandbox: &Sandbox, args: &[&str], code: i32, kind: &str, parts: &[&str]) {
    let outcome = sandbox.alluvium(args).exits(code).says(&format!("error[{kind}]: "));
    assert_eq!(outcome.stdout, "", "{args:?}");
    for part in parts {
        assert!(outcome.stderr.contains(part), "{args:?}: {part:?} is not in:\n{}", outcome.stderr);
    }
    let lines = outcome.stderr.lines().count();
    assert!(lines <= 5 && !outcome.stderr.contains("panicked"), "{args:?}:\n{}", outcome.stderr);
}

fn fixture(name: &str) -> String {
    fixtures::folder().join("format/v1").join(name).display().to_string()
}

#[test]
fn places_that_hold_no_snapshot_are_told_apart() {
    let sandbox = Sandbox::new();
    fs::create_dir(sandbox.path("empty")).unwrap();
    fs::create_dir(sandbox.path("photos")).unwrap();
    fs::write(sandbox.path("photos/cat.jpg"), "meow").unwrap();
    for (place, parts) in [
        ("nowhere", &["nowhere does not exist", "next: `alluvium ls`"][..]),
        ("photos/nowhere", &["does not exist", "next: `alluvium ls photos`"]),
        ("empty", &["an empty directory", "savepoint.manifest", "next: "]),
        ("photos", &["looked for savepoint.manifest", "next: "]),
        ("photos/cat.jpg", &["photos/cat.jpg", "next: "]),
    ] {
        for verb in [&["inspect", place][..], &["verify", place], &["cat", place, "a/b"]] {
            let outcome = sandbox.alluvium(verb).exits(3).says("error[");
            for part in parts {
                assert!(outcome.stderr.contains(part), "{part:?} is not in:\n{}", outcome.stderr);
            }
        }
        let run = ["run", "flights", "--root", "new-root", "-s", place];
        assert_eq!(sandbox.alluvium(&run).code, 3, "{place}");
        assert_eq!(sandbox.alluvium(&["diff", place, place]).code, 3, "{place}");
        assert_eq!(sandbox.alluvium(&["convert", place, "out", "--to", "jsonl"]).code, 3, "{place}");
    }
}

#[test]
fn snapshots_that_cannot_be_trusted_are_refused_by_rule() {
    spec!("PRE-3", "PRE-4", "FEAT-1", "NAME-1");
    let sandbox = Sandbox::new();
    for (name, code, kind, parts) in [
        ("PRE-3-cut", 3, "corrupt", &["checkpoints/00000001-0000000003.manifest", "PRE-3", "next: "][..]),
        ("PRE-2-empty-file", 3, "corrupt", &["PRE-2", "next: "]),
        ("FEAT-1-unknown-feature", 4, "unsupported", &["requires the feature \"encryption\"", "next: "]),
        ("PRE-4-newer-version", 4, "unsupported", &["version 2 is newer than 1", "next: "]),
        ("NAME-1-escape", 3, "corrupt", &["\"../runs\"", "NAME-1", "next: "]),
        ("NAME-1-absolute", 3, "corrupt", &["NAME-1", "next: "]),
    ] {
        let snapshot = fixture(&format!("invalid/{name}"));
        for verb in [&["inspect", &*snapshot][..], &["verify", &snapshot], &["cat", &snapshot, "a/b"]] {
            refused(&sandbox, verb, code, kind, &[parts, &[&*snapshot]].concat());
        }
        let run = sandbox.alluvium(&["run", "flights", "--root", "root", "-s", &snapshot]);
        assert_eq!(run.code, code, "{}", run.stderr);
    }
}

#[test]
fn a_job_is_saved_stopped_looked_into_and_goes_on_at_another_parallelism() {
    spec!("COLLECT-3", "ROWHASH-1");
    let sandbox = Sandbox::new();
    let expected = sandbox.undisturbed(BLOCKS);
    let mut job = Flights {
        root: "root",
        out: "out",
        flags: &["-p", "2", "--checkpoint-interval", "100ms"],
        blocks: BLOCKS,
        rate: Some(4000),
        ..Flights::default()
    };
    let mut worker = sandbox.flights("worker", &job);
    has_checkpoints(&sandbox, "root", &mut worker);
    let savepoint = sandbox.alluvium(&["savepoint", "root", "kept"]).exits(0).json();
    let kept = savepoint["location"].as_str().unwrap().to_owned();
    second_job_on_the_root_is_refused(&sandbox);

    let stopped = sandbox.alluvium(&["stop", "root"]).exits(0).json();
    worker.finish();
    let stopped = stopped["location"].as_str().unwrap().to_owned();
    assert!(sandbox.output("out") != expected, "it was stopped in the middle");

    names_that_are_not_there(&sandbox, &stopped);
    what_people_see_fits(&sandbox, &stopped);
    conversions_come_back_equal(&sandbox, &stopped);
    only_savepoints_are_disposed_of(&sandbox, &kept);

    let flags = ["-p", "3", "-s", &*stopped];
    job.flags = &flags;
    job.root = "another-root";
    job.rate = None;
    sandbox.flights("rescaled", &job).finish();
    assert!(sandbox.output("out") == expected, "the output differs after restore at parallelism 3");
    sandbox.alluvium(&["verify", &stopped]).exits(0);
}

fn has_checkpoints(sandbox: &Sandbox, root: &str, worker: &mut Worker) {
    until("two checkpoints complete", || {
        assert!(worker.ended().is_none(), "{}", worker.log());
        (sandbox.manifests(root).len() >= 2).then_some(())
    });
}

fn second_job_on_the_root_is_refused(sandbox: &Sandbox) {
    let run = ["run", "flights", "--root", "root", "--", "--out", "out"];
    refused(sandbox, &run, 2, "input", &["has checkpoints of an earlier run", "next: -s latest", "--root"]);
    assert_eq!(fs::read_dir(sandbox.path("root/attempts")).unwrap().count(), 2, "it claimed the root");
}

fn names_that_are_not_there(sandbox: &Sandbox, snapshot: &str) {
    refused(
        sandbox,
        &["cat", snapshot, "aircraft/positon"],
        2,
        "input",
        &["\"positon\"", "nearest: position"],
    );
    refused(
        sandbox,
        &["cat", snapshot, "aircaft/position"],
        2,
        "input",
        &["\"aircaft\"", "nearest: aircraft"],
    );
    refused(sandbox, &["get", snapshot, "aircraft/visit", "N1"], 2, "input", &["nearest: visits"]);
    refused(sandbox, &["get", snapshot, "monthly-totals/totals", "UA"], 2, "input", &["UA"]);
    let none = sandbox.alluvium(&["get", snapshot, "aircraft/position", "N0"]).exits(1).says("N0");
    assert_eq!(none.stdout, "");
}

fn what_people_see_fits(sandbox: &Sandbox, snapshot: &str) {
    let shown = sandbox.alluvium(&["inspect", snapshot, "-o", "table"]).exits(0).stdout;
    for line in shown.lines().filter(|line| !line.contains("savepoint")) {
        assert!(line.chars().count() <= 120, "{} columns: {line}", line.chars().count());
    }
    assert!(shown.contains("1 empty: pending-transactions"), "{shown}");
    let sound = sandbox.alluvium(&["verify", snapshot, "-o", "table"]).exits(0);
    assert!(sound.stdout.starts_with("sound: ") && sound.stdout.lines().count() == 1, "{}", sound.stdout);
    assert_eq!(sound.stderr, "");
}

fn conversions_come_back_equal(sandbox: &Sandbox, snapshot: &str) {
    for (form, lossless) in [("jsonl", true), ("parquet", true), ("arrow", true), ("csv", false)] {
        let code = i32::from(!lossless);
        let report = sandbox.alluvium(&["convert", snapshot, form, "--to", form]).exits(code).json();
        assert_eq!(report["lossless"], lossless, "{form}");
        let back = format!("back-{form}");
        let returned = sandbox.alluvium(&["convert", form, &back]);
        if ["jsonl", "parquet"].contains(&form) {
            returned.exits(0);
            sandbox.alluvium(&["diff", snapshot, &back]).exits(0);
            sandbox.alluvium(&["verify", &back]).exits(0);
        } else {
            // These are for others to read; what can come back is said.
            returned.exits(2).says(".jsonl or .parquet");
        }
    }
    sandbox.alluvium(&["convert", snapshot, "copy", "--to", "savepoint"]).exits(0);
    sandbox.alluvium(&["diff", snapshot, "copy"]).exits(0);
}

fn only_savepoints_are_disposed_of(sandbox: &Sandbox, savepoint: &str) {
    let checkpoint = format!("root/checkpoints/{}", sandbox.manifests("root").pop().unwrap());
    for place in ["root", &checkpoint] {
        refused(sandbox, &["dispose", place, "--yes"], 2, "input", &[place, "not a savepoint", "next: "]);
    }
    refused(sandbox, &["dispose", "jsonl", "--yes"], 3, "missing", &["jsonl", "savepoint.manifest"]);
    refused(sandbox, &["dispose", savepoint], 2, "input", &["next: add --yes"]);
    sandbox.alluvium(&["verify", savepoint]).exits(0);
    sandbox.alluvium(&["dispose", savepoint, "--yes"]).exits(0);
    assert!(!std::path::Path::new(savepoint).exists());
    sandbox.alluvium(&["verify", "root"]).exits(0);
}

#[test]
fn state_that_the_job_does_not_take_is_left_behind_only_when_told() {
    let sandbox = Sandbox::new();
    let mut job = Flights {
        root: "newer",
        out: "newer-out",
        flags: &["--checkpoint-interval", "100ms"],
        blocks: BLOCKS,
        rate: Some(4000),
        variant: Some("compatible"),
        ..Flights::default()
    };
    let mut worker = sandbox.flights("newer", &job);
    has_checkpoints(&sandbox, "newer", &mut worker);
    let stopped = sandbox.alluvium(&["stop", "newer"]).exits(0).json();
    worker.finish();
    let snapshot = stopped["location"].as_str().unwrap().to_owned();

    (job.variant, job.rate, job.root, job.out) = (None, None, "older", "older-out");
    let flags = ["-s", &*snapshot, "--restart", "none"];
    job.flags = &flags;
    let mut refused = sandbox.flights("refused", &job);
    assert_eq!(refused.ends().code(), Some(5), "{}", refused.log());
    let check = format!("alluvium check new.json --against {snapshot}");
    for part in ["longest-delay", "aircraft", "-n starts the job", &check] {
        assert!(refused.log().contains(part), "{part:?} is not in:\n{}", refused.log());
    }
    assert_eq!(sandbox.manifests("older"), [""; 0]);
    // Elsewhere, what the savepoint's sinks have staged is not there, and is not theirs to commit.
    let flags = ["-s", &*snapshot, "-n", "--pending", "abort"];
    job.flags = &flags;
    sandbox.flights("left", &job).finish();
    assert!(!sandbox.output("older-out").totals.is_empty());

    // And what does not fit at all is refused with and without -n.
    (job.variant, job.root) = (Some("incompatible"), "unlike");
    let mut unlike = sandbox.flights("unlike", &job);
    assert_eq!(unlike.ends().code(), Some(5), "{}", unlike.log());
    assert!(unlike.log().contains("cannot be restored"), "{}", unlike.log());
    assert!(unlike.log().contains(&check) && !unlike.log().contains("-n starts"), "{}", unlike.log());
}
