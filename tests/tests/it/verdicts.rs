//! Our verdict on job changes against that of real Flink, which restored each of them.
//!
//! `fixtures/verdicts/verdicts.json` says of every change what Flink did; `descriptions.jsonl` beside it
//! describes both sides. Where `ALLUVIUM_FLINK_CORPUS` names the unpacked corpus, both sides are the real
//! snapshots as well; with `ALLUVIUM_FLINK_VERDICTS`, the list of Flink's verdicts, and `UPDATE_FIXTURES`
//! the fixtures are written from it. Prints the confusion table.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use alluvium_compat::{Contract, Overall, check};
use alluvium_interop_flink::locate;
use alluvium_interop_flink::snapshot::FlinkSnapshot;
use alluvium_model::job::{JobDescription, job_from_json, job_to_json};
use alluvium_model::{OperatorUid, SnapshotSource};
use alluvium_testkit::fixtures;
use serde_json::{Value as Json, json};

/// Changes on which Flink and we differ: what we say, and why.
const EXPLAINED: [(&str, &str, &str); 3] = [
    (
        "state-name-renamed",
        OURS[1],
        "keyed state under the old name stays in the backend, out of reach of the job",
    ),
    (
        "state-removed",
        OURS[1],
        "keyed state that is not declared stays in the backend, out of reach of the job",
    ),
    (
        "uid-renamed-with-uidhash",
        OURS[2],
        "setUidHash acts at a restore only: a snapshot of the new job does not show it",
    ),
];

const OURS: [&str; 4] = ["restores", "silently loses", "only with -n", "does not restore"];

fn folder() -> PathBuf {
    fixtures::folder().join("verdicts")
}

#[test]
fn every_verdict_equals_flinks_from_descriptions() {
    if let Some(list) = std::env::var_os("ALLUVIUM_FLINK_VERDICTS").filter(|_| updating()) {
        write_fixtures(Path::new(&list));
    }
    let lines = fs::read_to_string(folder().join("descriptions.jsonl")).unwrap();
    let described: BTreeMap<String, JobDescription> = lines
        .lines()
        .map(|line| {
            let line: Json = serde_json::from_str(line).unwrap();
            (line["side"].as_str().unwrap().to_owned(), job_from_json(&line["job"]).unwrap())
        })
        .collect();
    compare("descriptions", true, &|side| described[side].clone());
}

#[test]
fn every_verdict_equals_flinks_from_snapshots() {
    let Some(root) = corpus() else {
        return println!("ALLUVIUM_FLINK_CORPUS is not set");
    };
    compare("snapshots", false, &|side| snapshot(&root, side));
}

#[test]
fn descriptions_of_flink_against_themselves_find_nothing() {
    for line in fs::read_to_string(folder().join("descriptions.jsonl")).unwrap().lines() {
        let line: Json = serde_json::from_str(line).unwrap();
        let job = job_from_json(&line["job"]).unwrap();
        let report = check(&Contract::from(&job), &Contract::from(&job));
        assert_eq!(report.findings, [], "{}", line["side"]);
        assert_eq!(report.overall, Overall::RestoresAsIs, "{}", line["side"]);
    }
}

fn updating() -> bool {
    std::env::var_os("UPDATE_FIXTURES").is_some()
}

fn corpus() -> Option<PathBuf> {
    std::env::var_os("ALLUVIUM_FLINK_CORPUS").map(PathBuf::from)
}

fn snapshot(root: &Path, side: &str) -> JobDescription {
    let folder = root.join(side).join("snapshot");
    let located = locate::locate_local(&folder).unwrap_or_else(|error| panic!("{side}: {error}"));
    let source = FlinkSnapshot::of(located, &|_| None);
    JobDescription::of_snapshot(source.describe())
}

fn verdicts() -> Vec<Json> {
    let text = fs::read_to_string(folder().join("verdicts.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

/// Prints the table of Flink's verdicts and ours, and fails for one that differs and is not explained.
///
/// Descriptions tell what a snapshot does not show: `setUidHash`.
fn compare(from: &str, tells_uid_hash: bool, side: &dyn Fn(&str) -> JobDescription) {
    let (mut table, mut wrong) = (BTreeMap::new(), Vec::new());
    let verdicts = verdicts();
    for verdict in &verdicts {
        let text = |name: &str| verdict[name].as_str().unwrap_or_default();
        let mut new = side(text("new"));
        new.backend = Some(text("backend").to_owned());
        if let Some(hash) = verdict.get("uid_hash").filter(|_| tells_uid_hash) {
            let on = OperatorUid::new(hash["on"].as_str().unwrap()).id();
            let operator = new.operators.iter_mut().find(|operator| operator.id == on).unwrap();
            operator.uid_hash = Some(hash["is"].as_str().unwrap().parse().unwrap());
        }
        let report = check(&Contract::from(&side(text("old"))), &Contract::from(&new));
        let ours = match report.overall {
            Overall::RestoresAsIs | Overall::RestoresAfterMigration => OURS[0],
            Overall::RestoresSilently => OURS[1],
            Overall::RestoresWithLoss => OURS[2],
            Overall::DoesNotRestore => OURS[3],
        };
        *table.entry((text("flink").to_owned(), ours)).or_insert(0) += 1;
        let explained = EXPLAINED.iter().any(|(change, says, _)| *change == text("change") && *says == ours)
            && !(tells_uid_hash && verdict.get("uid_hash").is_some());
        if ours != text("flink") && !explained {
            let findings: Vec<String> = report
                .findings
                .iter()
                .map(|finding| format!("{} {}: {}", finding.rule.id, finding.place(), finding.sees))
                .collect();
            wrong.push(format!("{verdict}: {ours}\n    {}", findings.join("\n    ")));
        }
    }
    println!("{} verdicts from {from}; Flink's down, ours across", verdicts.len());
    println!("{:18}{}", "", OURS.map(|name| format!("{name:>18}")).concat());
    for flink in OURS {
        let cell = |ours: &str| table.get(&(flink.to_owned(), ours)).copied().unwrap_or(0);
        println!("{flink:18}{}", OURS.map(|ours| format!("{:>18}", cell(ours))).concat());
    }
    for (change, _, why) in EXPLAINED {
        println!("{change}: {why}");
    }
    assert!(verdicts.len() > 300);
    assert!(wrong.is_empty(), "{} differ:\n{}", wrong.len(), wrong.join("\n"));
}

/// Writes the fixtures from the list of verdicts and the corpus.
fn write_fixtures(list: &Path) {
    let root = corpus().expect("ALLUVIUM_FLINK_CORPUS");
    let list: Vec<Json> = serde_json::from_str(&fs::read_to_string(list).unwrap()).unwrap();
    let key = |verdict: &Json| format!("{} {}", verdict["variant"], verdict["flink_version"]);
    let lost =
        |verdict: &&Json| verdict["state_lost_after_restore"].as_array().is_some_and(|lost| !lost.is_empty());
    let losing: Vec<String> = list.iter().filter(lost).map(key).collect();
    let (mut rows, mut sides) = (Vec::new(), BTreeMap::new());
    for verdict in &list {
        let text = |name: &str| verdict[name].as_str().unwrap_or_default();
        let went = |name: &str| {
            let attempt = &verdict[name];
            attempt["restored"] == true && attempt["processing_ok"] != false
        };
        let flink = match (went("strict"), went("allow_non_restored")) {
            (true, _) if losing.contains(&key(verdict)) => OURS[1],
            (true, _) => OURS[0],
            (false, true) => OURS[2],
            (false, false) => OURS[3],
        };
        let (variant, version) = (text("variant"), text("flink_version"));
        let (old, new) = match text("v1").strip_prefix("../") {
            Some(old) => {
                let case = variant.rsplit(' ').next().unwrap();
                (old.to_owned(), format!("flink-{version}/{case}-hashmap-canonical"))
            }
            None => (
                format!("flink-{version}/{}", text("v1")),
                format!("flink-{version}/h-evolution-hashmap-canonical/{variant}/v2-fresh"),
            ),
        };
        if let Some(side) = [&old, &new].into_iter().find(|side| !root.join(side).join("snapshot").exists()) {
            println!("{variant} is left out: the corpus has no {side}");
            continue;
        }
        for side in [&old, &new] {
            sides.entry(side.clone()).or_insert_with(|| job_to_json(&snapshot(&root, side)));
        }
        let backend = verdict["v2_backend"].as_str().unwrap_or(text("v1_backend"));
        let mut row = json!({"change": variant, "old": old, "new": new, "backend": backend, "flink": flink});
        if variant == "uid-renamed-with-uidhash" {
            row["uid_hash"] = json!({"on": "counter2", "is": OperatorUid::new("counter").id().to_string()});
        }
        rows.push(row);
    }
    let lines = |json: Vec<Json>| json.iter().map(ToString::to_string).collect::<Vec<_>>();
    fs::create_dir_all(folder()).unwrap();
    fs::write(folder().join("verdicts.json"), format!("[\n{}\n]\n", lines(rows).join(",\n"))).unwrap();
    let sides = sides.into_iter().map(|(side, job)| json!({"side": side, "job": job}));
    fs::write(folder().join("descriptions.jsonl"), format!("{}\n", lines(sides.collect()).join("\n")))
        .unwrap();
}
