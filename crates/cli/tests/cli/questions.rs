use serde_json::json;

use crate::sandbox::{DESCRIPTION, Sandbox, find};

#[test]
fn inspect_shows_operators_and_states() {
    let sandbox = Sandbox::new();
    sandbox.two_aircraft();
    let answer = sandbox.alluvium(&["inspect", "sp"]).exits(0).json();
    assert_eq!((&answer["format"], &answer["kind"]), (&json!("alluvium"), &json!("savepoint")));
    let operator = &answer["operators"][0];
    assert_eq!((&operator["uid"], &operator["max_parallelism"]), (&json!("aircraft"), &json!(128)));
    let names: Vec<&str> =
        operator["states"].as_array().unwrap().iter().map(|s| s["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["flights", "visits", "last"]);
    let counted = sandbox.alluvium(&["inspect", "sp", "--count"]).exits(0).json();
    let last = &counted["operators"][0]["states"][2];
    assert_eq!((&last["entries"], &last["elements"]), (&json!(1), &json!(3)));
}

#[test]
fn tables_are_for_people() {
    let sandbox = Sandbox::new();
    sandbox.two_aircraft();
    let shown = sandbox.alluvium(&["inspect", "sp", "-o", "table", "--count"]).exits(0).stdout;
    assert!(shown.starts_with("savepoint"), "{shown}");
    for part in ["aircraft", "STATE", "flights", "value", "string → string", "int32"] {
        assert!(shown.contains(part), "{part} is not in:\n{shown}");
    }
    let rows = sandbox.alluvium(&["cat", "sp", "aircraft/flights", "-o", "table"]).exits(0).stdout;
    let lines: Vec<&str> = rows.lines().collect();
    assert_eq!(lines.len(), 3, "{rows}");
    assert!(lines[0].contains("KEY GROUP") && lines[0].contains("VALUE"), "{rows}");
    assert!(!shown.contains('\u{1b}') && !rows.contains('\u{1b}'));
}

#[test]
fn cat_prints_lines_and_filters_them() {
    let sandbox = Sandbox::new();
    sandbox.two_aircraft();
    let lines = sandbox.alluvium(&["cat", "sp", "aircraft/last"]).exits(0).lines();
    assert_eq!(lines.len(), 1);
    assert_eq!(lines[0]["value"], json!([3, 1, 2]));
    let count = |args: &[&str]| {
        let all = [&["cat", "sp", "aircraft/flights"], args].concat();
        sandbox.alluvium(&all).exits(0).lines().len()
    };
    assert_eq!(count(&[]), 2);
    assert_eq!(count(&["--key", "N2"]), 1);
    assert_eq!(count(&["--key", "\"N2\""]), 1);
    assert_eq!(count(&["--prefix", "N"]), 2);
    assert_eq!(count(&["--limit", "1"]), 1);
    assert_eq!(count(&["--key-group", "0-127"]), 2);
    let csv = sandbox.alluvium(&["cat", "sp", "aircraft/flights", "-o", "csv"]).exits(0).stdout;
    assert!(csv.starts_with("key_group,key,value\n"), "{csv}");
    let array = sandbox.alluvium(&["cat", "sp", "aircraft/flights", "-o", "json"]).exits(0).json();
    assert_eq!(array.as_array().unwrap().len(), 2);
}

#[test]
fn get_finds_a_row_or_says_that_there_is_none() {
    let sandbox = Sandbox::new();
    sandbox.two_aircraft();
    let lines = sandbox.alluvium(&["get", "sp", "aircraft/flights", "N2"]).exits(0).lines();
    assert_eq!(lines[0]["value"], 7);
    let visits = sandbox.alluvium(&["get", "sp", "aircraft/visits", "N1"]).exits(0).lines();
    assert_eq!(visits.len(), 2);
    let none = sandbox.alluvium(&["get", "sp", "aircraft/flights", "N9"]).exits(1).says("no row of key N9");
    assert_eq!(none.stdout, "");
}

#[test]
fn verify_finds_a_flipped_byte() {
    let sandbox = Sandbox::new();
    sandbox.two_aircraft();
    let sound = sandbox.alluvium(&["verify", "sp"]).exits(0).says("sound").json();
    assert_eq!(sound["clean"], true);
    let table = find(&sandbox.path("sp"), ".parquet").unwrap();
    let mut bytes = std::fs::read(&table).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&table, bytes).unwrap();
    let damaged = sandbox.alluvium(&["verify", "sp"]).exits(1).json();
    assert_eq!(damaged["clean"], false);
    let damage = &damaged["damages"][0];
    assert!(damage["rule"].as_str().is_some_and(|rule| rule.contains('-')), "{damage}");
}

#[test]
fn diff_tells_entries_apart() {
    let sandbox = Sandbox::new();
    sandbox.two_aircraft();
    sandbox.savepoint("later", &[("N1", 5), ("N3", 1)]);
    sandbox.alluvium(&["diff", "sp", "sp"]).exits(0);
    let lines = sandbox.alluvium(&["diff", "sp", "later"]).exits(1).lines();
    let changes: Vec<&str> =
        lines.iter().filter(|l| l["what"] == "entry").map(|l| l["change"].as_str().unwrap()).collect();
    assert_eq!(changes.len(), 3);
    for change in ["added", "removed", "changed"] {
        assert!(changes.contains(&change), "{change}");
    }
    let summary = lines.last().unwrap();
    assert_eq!((&summary["what"], &summary["added"]), (&json!("summary"), &json!(1)));
    let shown = sandbox.alluvium(&["diff", "sp", "later", "-o", "table"]).exits(1).says("1 added");
    assert!(shown.stdout.contains("~ aircraft/flights key=N1  4 → 5"), "{}", shown.stdout);
}

#[test]
fn check_compares_descriptions_and_snapshots() {
    let sandbox = Sandbox::new();
    sandbox.two_aircraft();
    sandbox.write("same.json", DESCRIPTION);
    sandbox.write("narrow.json", &DESCRIPTION.replacen("\"int64\"", "\"int16\"", 1));
    sandbox.alluvium(&["check", "same.json", "--against", "sp"]).exits(0);
    sandbox.alluvium(&["check", "same.json", "--against", "same.json"]).exits(0);
    let report = sandbox.alluvium(&["check", "narrow.json", "--against", "sp"]).exits(1).json();
    assert_eq!(report["findings"][0]["rule"], "SCH001");
    let shown = sandbox.alluvium(&["check", "narrow.json", "--against", "sp", "-o", "table"]).exits(1).stdout;
    assert!(shown.contains("deny[SCH001]") && shown.contains("--> aircraft/flights"), "{shown}");
    let unlike = sandbox.alluvium(&["check", "sp", "--against", "narrow.json"]);
    assert_ne!(unlike.code, 3, "{}", unlike.stderr);
}

#[test]
fn rules_and_codes_are_explained() {
    let sandbox = Sandbox::new();
    let rules = sandbox.alluvium(&["rules"]).exits(0).lines();
    assert!(rules.iter().any(|rule| rule["id"] == "SCH001"));
    for id in ["SCH001", "sch001", "corrupt"] {
        assert!(sandbox.alluvium(&["explain", id]).exits(0).stdout.len() > 100, "{id}");
    }
    sandbox.alluvium(&["explain", "SCH901"]).exits(2).says("did you mean SCH");
}

#[test]
fn snapshots_are_listed_and_disposed_of() {
    let sandbox = Sandbox::new();
    sandbox.two_aircraft();
    let listed = sandbox.alluvium(&["ls"]).exits(0).lines();
    assert_eq!(listed.len(), 1);
    assert!(listed[0]["path"].as_str().unwrap().ends_with("sp"));
    sandbox.alluvium(&["dispose", "sp"]).exits(2).says("--yes");
    assert!(sandbox.path("sp").exists());
    sandbox.alluvium(&["dispose", "sp", "--yes"]).exits(0);
    assert!(!sandbox.path("sp").exists());
    sandbox.alluvium(&["inspect", "sp"]).exits(3);
}

#[test]
fn conversions_go_there_and_back() {
    let sandbox = Sandbox::new();
    sandbox.two_aircraft();
    for form in ["jsonl", "parquet"] {
        sandbox.alluvium(&["convert", "sp", form, "--to", form]).exits(0);
        let back = format!("back-{form}");
        sandbox.alluvium(&["convert", form, &back]).exits(0);
        sandbox.alluvium(&["diff", "sp", &back]).exits(0);
    }
    sandbox.alluvium(&["convert", "sp", "csv", "--to", "csv"]).exits(1);
    sandbox.alluvium(&["convert", "sp", "copy", "--to", "savepoint"]).exits(0);
    sandbox.alluvium(&["diff", "sp", "copy"]).exits(0);
    sandbox.write("patch.jsonl", "{\"key\":\"N1\",\"value\":100}\n");
    sandbox
        .alluvium(&["convert", "patch.jsonl", "patched", "--like", "sp", "--state", "aircraft/flights"])
        .exits(0);
    assert_eq!(
        sandbox.alluvium(&["get", "patched", "aircraft/flights", "N1"]).exits(0).lines()[0]["value"],
        100
    );
    assert_eq!(sandbox.alluvium(&["cat", "patched", "aircraft/visits"]).exits(0).lines().len(), 2);
    sandbox.alluvium(&["convert", "sp", "copy"]).exits(2).says("not empty");
}

#[test]
fn browse_prints_inspect_where_no_terminal_is() {
    let sandbox = Sandbox::new();
    sandbox.two_aircraft();
    let browsed = sandbox.alluvium(&["browse", "sp"]).exits(0).stdout;
    assert_eq!(browsed, sandbox.alluvium(&["inspect", "sp"]).exits(0).stdout);
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let sandbox = Sandbox::new();
    let many: Vec<String> = (0..20_000).map(|i| format!("N{i}")).collect();
    let many: Vec<(&str, i64)> = many.iter().map(|key| (key.as_str(), 1)).collect();
    sandbox.savepoint("many", &many);
    let mut command = sandbox.command(&["cat", "many", "aircraft/flights"]);
    let mut child =
        command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
}
