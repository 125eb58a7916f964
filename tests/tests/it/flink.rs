//! What people do with snapshots of Flink and the binary.

use std::fs;
use std::path::{Path, PathBuf};

use alluvium_model::spec;
use alluvium_testkit::fixtures;
use serde_json::{Value as Json, json};

use crate::process::Sandbox;

/// A snapshot of `fixtures/flink/snapshots`.
fn snapshot(case: &str) -> String {
    fixtures::folder().join("flink/snapshots").join(case).join("snapshot").display().to_string()
}

const COLLECTIONS: &str = "2.3.0-b-pojo-localdate-hashmap-canonical";
const TIMERS: &str = "1.20.5-c-timers-rocksdb-heaptimers-chk-inc";
const TIMERS_JOB: &str = "29fceabb8050785e502cb6abdf17db2d";
const OLD: &str = "1.3.2-small-rocksdb-chk-full";
const SQL: &str = "1.20.5-f-sql-groupby-ttl-rocksdb-canonical";
const UNALIGNED: &str = "1.20.5-g-unaligned-hashmap-chk-unaligned";

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy(&path, &target);
        } else {
            fs::copy(&path, &target).unwrap();
        }
    }
}

fn rows(text: &str) -> Vec<Json> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn inspect_shows_what_metadata_and_headers_hold() {
    let sandbox = Sandbox::new();
    for case in [COLLECTIONS, TIMERS, OLD, SQL, UNALIGNED] {
        let mut answer = sandbox.alluvium(&["inspect", &snapshot(case), "-o", "json"]).exits(0).json();
        let facts = answer["facts"].as_object_mut().unwrap();
        // These are paths of this machine.
        facts.remove("metadata");
        facts.remove("moved");
        insta::with_settings!({ snapshot_path => "../snapshots", prepend_module_to_snapshot => false }, {
            insta::assert_snapshot!(format!("inspect-{case}"), format!("{answer:#}"));
        });
    }
}

#[test]
fn rows_are_printed_in_the_forms_of_the_specification() {
    spec!("JSON-13", "JSON-14", "JSON-15");
    let sandbox = Sandbox::new();
    let place = snapshot(COLLECTIONS);
    let cat = |state: &str| rows(&sandbox.alluvium(&["cat", &place, state]).exits(0).stdout);
    let either = cat("collections/value_either");
    assert!(either.iter().any(|row| row["value"].get("left").is_some()));
    assert!(either.iter().any(|row| row["value"]["right"].is_i64()));
    let people = cat("collections/value_person");
    let with_class = |there: bool| people.iter().any(|row| row["value"].get("$class").is_some() == there);
    assert!(with_class(true) && with_class(false), "subclasses alone name their class");
    let lists = cat("ttl/ttl_list");
    assert!(lists.iter().all(|row| row["last_access"].as_array().unwrap().len() == row["value"].as_array().unwrap().len()));
}

#[test]
fn a_key_is_looked_up_in_its_key_group() {
    let sandbox = Sandbox::new();
    for (case, state) in [
        (COLLECTIONS, "collections/reducing_sum"),
        (OLD, "b71731f1c0df9c3076c4a455334d0ad6/count"),
        (SQL, "337adade1e207453ed3502e01d75fd03/accState"),
    ] {
        let place = snapshot(case);
        let all = sandbox.alluvium(&["cat", &place, state]);
        let Some(first) = rows(&all.stdout).into_iter().next() else {
            panic!("{case} {state}: {}", all.stderr);
        };
        let key = first["key"].to_string();
        let found = sandbox.alluvium(&["get", &place, state, &key]).exits(0);
        assert_eq!(rows(&found.stdout), [first], "{case} {state}");
    }
    let none = sandbox.alluvium(&["get", &snapshot(COLLECTIONS), "collections/reducing_sum", "nobody"]);
    none.exits(1).says("has no row of key nobody");
}

#[test]
fn verify_names_the_damage_and_cat_goes_on_behind_it() {
    let sandbox = Sandbox::new();
    copy(Path::new(&snapshot(COLLECTIONS)), &sandbox.path("sp"));
    sandbox.alluvium(&["verify", "sp"]).exits(0).says("sound: ");
    let largest = fs::read_dir(sandbox.path("sp")).unwrap().map(|entry| entry.unwrap().path());
    let largest = largest
        .filter(|path| !path.ends_with("_metadata"))
        .max_by_key(|path| fs::metadata(path).unwrap().len());
    let largest = largest.unwrap();
    let mut bytes = fs::read(&largest).unwrap();
    let cut = bytes.len() * 3 / 4;
    bytes.truncate(cut);
    fs::write(&largest, &bytes).unwrap();
    let report = sandbox.alluvium(&["verify", "sp", "-o", "json"]).exits(1).json();
    assert_eq!(report["clean"], false);
    let name = largest.file_name().unwrap().to_str().unwrap();
    let told = |damage: &Json| {
        damage["place"].as_str().is_some_and(|place| place.contains(name))
            || damage["message"].as_str().is_some_and(|text| text.contains(name))
    };
    assert!(report["damages"].as_array().unwrap().iter().any(told), "{report:#}");
    let cat =
        sandbox.alluvium(&["cat", "sp", "collections/value_person"]).exits(1).says("alluvium verify sp");
    assert!(!cat.stdout.is_empty() && cat.stderr.contains("error[corrupt]"), "{}", cat.stderr);
    sandbox
        .alluvium(&["convert", "sp", "out", "--to", "savepoint"])
        .exits(3)
        .says("--keep-going leaves them out");
    let report = sandbox.alluvium(&["convert", "sp", "kept", "--to", "savepoint", "--keep-going"]).exits(1);
    assert!(
        report.stdout.contains("unreadable") && report.stderr.contains("left out: "),
        "{}",
        report.stderr
    );
    sandbox.alluvium(&["verify", "kept"]).exits(0);
}

#[test]
fn a_flipped_byte_never_gives_other_rows_silently() {
    let sandbox = Sandbox::new();
    copy(Path::new(&snapshot(TIMERS)), &sandbox.path("cp"));
    let shared = sandbox.path("cp").join(TIMERS_JOB).join("shared");
    let table = fs::read_dir(&shared)
        .unwrap()
        .map(|e| e.unwrap().path())
        .max_by_key(|path| fs::metadata(path).unwrap().len());
    let table = table.unwrap();
    let mut bytes = fs::read(&table).unwrap();
    bytes[40] ^= 0x10;
    fs::write(&table, &bytes).unwrap();
    let report = sandbox.alluvium(&["verify", "cp", "-o", "json"]);
    // RocksDB's files carry checksums; a file that no state of the newest checkpoint reads may be sound.
    if report.code == 1 {
        assert!(report.stdout.contains("checksum"), "{}", report.stdout);
    } else {
        report.exits(0);
    }
    fs::write(sandbox.path("cp").join(TIMERS_JOB).join("chk-3/_metadata"), b"no metadata").unwrap();
    sandbox.alluvium(&["inspect", &format!("cp/{TIMERS_JOB}/chk-3")]).exits(3);
}

#[test]
fn a_moved_checkpoint_is_opened_by_itself_or_by_remaps() {
    let sandbox = Sandbox::new();
    let job = PathBuf::from(snapshot(TIMERS)).join(TIMERS_JOB);
    copy(&job, &sandbox.path("whole").join(TIMERS_JOB));
    sandbox.alluvium(&["verify", "whole"]).exits(0);
    copy(&job.join("chk-3"), &sandbox.path("apart/chk-3"));
    copy(&job.join("shared"), &sandbox.path("elsewhere/shared"));
    sandbox.alluvium(&["verify", "apart/chk-3"]).exits(1);
    let old = format!("file:/tmp/fixtures/tmp/w8498298698718320016/checkpoints/{TIMERS_JOB}/shared");
    let remap = format!("{old}={}", sandbox.path("elsewhere/shared").display());
    sandbox.alluvium(&["verify", "apart/chk-3", "--remap", &remap]).exits(0);
    let cat = |args: &[&str]| sandbox.alluvium(&[&["cat"][..], args].concat()).exits(0).stdout;
    let state = "21c8179f46ef788a136bf0c232d4e5e8/fired";
    let whole = cat(&["whole", state]);
    assert_eq!(whole, cat(&["apart/chk-3", state, "--remap", &remap]));
    fs::write(sandbox.path("uids.txt"), "source\ntimers\nsession-reduce\n").unwrap();
    assert_eq!(whole, cat(&["whole", "timers/fired", "--uids", "uids.txt"]));
    let odd = sandbox.alluvium(&["inspect", "whole", "--remap", "nothing"]);
    assert_eq!(odd.code, 2, "{}", odd.stderr);
    let absent = sandbox.alluvium(&["inspect", "whole", "--uids", "nowhere"]);
    assert_eq!(absent.code, 3, "{}", absent.stderr);
}

#[test]
fn a_converted_snapshot_is_equal_and_keeps_its_origin() {
    spec!("ORIGIN-1", "ORIGIN-3", "KEYGROUP-5", "TABLE-5");
    let sandbox = Sandbox::new();
    for (i, case) in [COLLECTIONS, TIMERS, OLD, SQL].into_iter().enumerate() {
        let (from, to) = (snapshot(case), format!("sp{i}"));
        let report =
            sandbox.alluvium(&["convert", &from, &to, "--to", "savepoint", "-o", "json"]).exits(0).json();
        assert_eq!(report["lossless"], true, "{case}");
        sandbox.alluvium(&["verify", &to]).exits(0);
        let diff = sandbox.alluvium(&["diff", &from, &to]).exits(0);
        let summary = rows(&diff.stdout);
        assert_eq!((summary.len(), &summary[0]["equal"]), (1, &json!(true)), "{case}");
        assert!(summary[0]["entries_equal"].as_u64().unwrap() > 20, "{case}");
        let ours = alluvium_snapshot::locate(sandbox.path(&to)).unwrap().open().unwrap();
        let origin = alluvium_model::SnapshotSource::origin(&ours).unwrap().unwrap();
        assert_eq!(origin.engine, "flink");
        assert!(origin.states.iter().any(|state| state.serializers.iter().any(|s| s.snapshot.len() > 10)));
    }
    let report =
        sandbox.alluvium(&["convert", &snapshot(UNALIGNED), "aligned", "--to", "savepoint"]).exits(1);
    assert!(report.stdout.contains("in-flight"), "{}", report.stdout);
}

#[test]
fn other_tools_get_files() {
    let sandbox = Sandbox::new();
    let place = snapshot(COLLECTIONS);
    for form in ["parquet", "jsonl", "csv", "arrow"] {
        let report = sandbox.alluvium(&["convert", &place, form, "--to", form, "-o", "json"]);
        assert!(report.code == 0 || (form == "csv" && report.code == 1), "{form}: {}", report.stderr);
        let state = report.json()["states"].as_array().unwrap()[0].clone();
        assert_eq!(state["read"], state["written"], "{form}");
    }
    let cat = sandbox.alluvium(&["cat", &place, "collections/value_either"]).exits(0).stdout;
    assert_eq!(cat, fs::read_to_string(sandbox.path("jsonl/collections/value_either.jsonl")).unwrap());
    sandbox.alluvium(&["convert", "jsonl", "again"]).exits(0);
    // An operator without state has no file.
    let diff = rows(&sandbox.alluvium(&["diff", &place, "again"]).exits(1).stdout);
    assert_eq!(diff[0], json!({"what": "operator", "change": "removed", "operator": "source"}));
    assert_eq!((&diff[1]["structure"], &diff[1]["entries_equal"]), (&json!(1), &json!(385)));
}

#[test]
fn a_new_job_is_checked_against_flinks_state() {
    let sandbox = Sandbox::new();
    let place = snapshot(COLLECTIONS);
    sandbox.alluvium(&["convert", &place, "files", "--to", "jsonl"]).exits(0);
    let job = sandbox.path("files/job.json");
    let report = sandbox.alluvium(&["check", "files/job.json", "--against", &place]).exits(0).json();
    assert_eq!(report["findings"], json!([]));
    let text = fs::read_to_string(&job).unwrap();
    fs::write(&job, text.replace("\"reducing_sum\"", "\"reduced_sum\"")).unwrap();
    let report = sandbox.alluvium(&["check", "files/job.json", "--against", &place]).exits(1).stdout;
    assert!(report.contains("reducing_sum") && report.contains("STA"), "{report}");
}

#[test]
fn snapshots_of_both_engines_are_listed() {
    let sandbox = Sandbox::new();
    copy(Path::new(&snapshot(SQL)), &sandbox.path("snapshots/flink"));
    sandbox.alluvium(&["convert", "snapshots/flink", "snapshots/ours", "--to", "savepoint"]).exits(0);
    let listed = rows(&sandbox.alluvium(&["ls", "snapshots"]).exits(0).stdout);
    let formats: Vec<_> = listed.iter().map(|row| row["format"].as_str().unwrap()).collect();
    assert_eq!(formats, ["flink", "alluvium"]);
    let browsed = sandbox.alluvium(&["browse", "snapshots/flink", "-o", "json"]).exits(0).json();
    assert_eq!(browsed["format"], "flink");
}
