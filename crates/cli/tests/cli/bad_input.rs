use crate::sandbox::Sandbox;

/// Each bad input has a clear error with its code's name, what to do next, and its exit code.
#[track_caller]
fn refused(sandbox: &Sandbox, args: &[&str], code: i32, name: &str) {
    let outcome = sandbox.alluvium(args).exits(code).says(&format!("error[{name}]: "));
    assert_eq!(outcome.stdout, "", "{args:?}");
    assert!(!outcome.stderr.contains("panicked"), "{}", outcome.stderr);
}

#[test]
fn places_without_a_snapshot_are_missing() {
    let sandbox = Sandbox::new();
    std::fs::create_dir(sandbox.path("empty")).unwrap();
    sandbox.write("other/readme.txt", "nothing");
    for place in ["nowhere", "empty", "other"] {
        for verb in
            [&["inspect", place][..], &["verify", place], &["cat", place, "a/b"], &["get", place, "a/b", "k"]]
        {
            refused(&sandbox, verb, 3, "missing");
        }
    }
    sandbox.alluvium(&["inspect", "nowhere"]).says("alluvium ls");
}

#[test]
fn damaged_manifests_are_corrupt() {
    let sandbox = Sandbox::new();
    sandbox.two_aircraft();
    let manifest = sandbox.path("sp/savepoint.manifest");
    let whole = std::fs::read(&manifest).unwrap();
    std::fs::write(&manifest, &whole[..whole.len() - 1]).unwrap();
    refused(&sandbox, &["inspect", "sp"], 3, "corrupt");
    std::fs::write(&manifest, &whole[..4]).unwrap();
    refused(&sandbox, &["inspect", "sp"], 3, "corrupt");
    let mut flipped = whole.clone();
    *flipped.last_mut().unwrap() ^= 1;
    std::fs::write(&manifest, flipped).unwrap();
    refused(&sandbox, &["inspect", "sp"], 3, "corrupt");
}

#[test]
fn names_that_are_not_there_come_with_the_nearest() {
    let sandbox = Sandbox::new();
    sandbox.two_aircraft();
    refused(&sandbox, &["cat", "sp", "aircraft/flight"], 2, "input");
    sandbox.alluvium(&["cat", "sp", "aircraft/flight"]).says("flights");
    refused(&sandbox, &["get", "sp", "aircaft/flights", "N1"], 2, "input");
    sandbox.alluvium(&["get", "sp", "aircaft/flights", "N1"]).says("aircraft");
    refused(&sandbox, &["cat", "sp", "aircraft"], 2, "input");
    refused(&sandbox, &["cat", "sp", "aircraft/flights", "--key-group", "9-3"], 2, "input");
    refused(&sandbox, &["get", "sp", "aircraft/flights", "\"unclosed"], 2, "input");
}

#[test]
fn sides_of_a_check_must_be_readable() {
    let sandbox = Sandbox::new();
    sandbox.two_aircraft();
    sandbox.write("broken.json", "{\"description_version\": 1");
    sandbox.write("other.json", "{\"description_version\": 9}");
    sandbox.write("program", "#!/bin/sh\nexit 0\n");
    refused(&sandbox, &["check", "broken.json", "--against", "sp"], 3, "corrupt");
    refused(&sandbox, &["check", "other.json", "--against", "sp"], 3, "corrupt");
    refused(&sandbox, &["check", "nowhere.json", "--against", "sp"], 3, "missing");
    refused(&sandbox, &["check", "program", "--against", "sp"], 2, "input");
    sandbox.alluvium(&["check", "program", "--against", "sp"]).says("describe");
}

#[test]
fn jobs_that_do_not_run_are_missing() {
    let sandbox = Sandbox::new();
    for verb in ["savepoint", "stop", "cancel", "checkpoint"] {
        refused(&sandbox, &[verb], 3, "missing");
        refused(&sandbox, &[verb, &"0".repeat(32)], 3, "missing");
        refused(&sandbox, &[verb, "--rest", "http://127.0.0.1:1"], 3, "missing");
    }
    refused(&sandbox, &["run", "no-such-program"], 3, "missing");
    refused(&sandbox, &["inspect", "hdfs://cluster/sp"], 4, "unsupported");
}

#[test]
fn flags_that_do_not_fit_are_usage() {
    let sandbox = Sandbox::new();
    for args in
        [&["inspect"][..], &["frobnicate"], &["inspect", "sp", "--no-such"], &["run", "flights", "-p", "0"]]
    {
        sandbox.alluvium(args).exits(2);
    }
    let help = sandbox.alluvium(&["--help"]).exits(0).stdout;
    assert!(help.contains("Exit codes:"), "{help}");
}

#[test]
fn what_a_newer_release_wrote_is_unsupported_and_a_path_that_escapes_corrupt() {
    let sandbox = Sandbox::new();
    let invalid =
        |name: &str| format!("{}/../../fixtures/format/v1/invalid/{name}", env!("CARGO_MANIFEST_DIR"));
    for (name, code, kind) in [
        ("FEAT-1-unknown-feature", 4, "unsupported"),
        ("PRE-4-newer-version", 4, "unsupported"),
        ("NAME-1-escape", 3, "corrupt"),
        ("NAME-1-absolute", 3, "corrupt"),
        ("PRE-3-cut", 3, "corrupt"),
    ] {
        refused(&sandbox, &["inspect", &invalid(name)], code, kind);
        refused(&sandbox, &["verify", &invalid(name)], code, kind);
    }
    sandbox.alluvium(&["inspect", &invalid("NAME-1-escape")]).says("NAME-1");
}
