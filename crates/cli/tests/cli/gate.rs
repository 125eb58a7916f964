//! Policy and reports of `check`.

use alluvium_testkit::outcome::Outcome;
use serde_json::Value as Json;

use crate::sandbox::Sandbox;

fn fixture(sandbox: &Sandbox, rule: &str) {
    let root = std::path::PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/compat").join(rule);
    for side in ["old.json", "new.json"] {
        std::fs::copy(root.join(side), sandbox.path(side)).unwrap();
    }
}

const CHECK: [&str; 4] = ["check", "new.json", "--against", "old.json"];

fn check(more: &[&str]) -> Vec<String> {
    CHECK.iter().chain(more).map(|arg| (*arg).to_owned()).collect()
}

fn run(sandbox: &Sandbox, more: &[&str]) -> Outcome {
    let args = check(more);
    sandbox.alluvium(&args.iter().map(String::as_str).collect::<Vec<_>>())
}

#[test]
fn one_run_writes_every_report() {
    let sandbox = Sandbox::new();
    fixture(&sandbox, "STA002");
    let more = [
        "--report",
        "json=r.json",
        "--report",
        "sarif=r.sarif",
        "--report",
        "junit=r.xml",
        "--report",
        "code-quality=r.quality.json",
        "--report",
        "summary=r.md",
        "--report",
        "markdown=c.md",
        "--report",
        "github",
    ];
    let output = run(&sandbox, &more).exits(1);
    assert!(output.stdout.starts_with("::error title=STA002"), "{}", output.stdout);
    let read = |file: &str| std::fs::read_to_string(sandbox.path(file)).unwrap();
    let json: Json = serde_json::from_str(&read("r.json")).unwrap();
    assert_eq!(
        (json["conclusion"].as_str(), json["inputs"]["old"].as_str()),
        (Some("failed"), Some("old.json"))
    );
    let sarif: Json = serde_json::from_str(&read("r.sarif")).unwrap();
    assert_eq!(sarif["runs"][0]["results"][0]["ruleId"], "STA002");
    let issues: Json = serde_json::from_str(&read("r.quality.json")).unwrap();
    assert_eq!(
        (issues[0]["check_name"].as_str(), issues[0]["severity"].as_str()),
        (Some("STA002"), Some("critical"))
    );
    assert!(read("r.xml").contains("failures=\"1\"") && read("c.md").starts_with("<!-- alluvium-check -->"));
    run(&sandbox, &["--report", "summary=r.md"]).exits(1);
    assert_eq!(read("r.md").matches("State check: failed").count(), 2);
}

#[test]
fn reports_of_an_input_that_is_not_there_say_so() {
    let sandbox = Sandbox::new();
    fixture(&sandbox, "STA002");
    std::fs::remove_file(sandbox.path("old.json")).unwrap();
    run(&sandbox, &["--report", "json=r.json", "--report", "sarif=r.sarif"]).exits(3);
    let read = |file: &str| -> Json {
        serde_json::from_str(&std::fs::read_to_string(sandbox.path(file)).unwrap()).unwrap()
    };
    assert_eq!(read("r.json")["conclusion"], "error");
    assert_eq!(read("r.sarif")["runs"][0]["invocations"][0]["executionSuccessful"], false);
}

#[test]
fn reports_of_a_policy_that_cannot_be_read_say_so() {
    let sandbox = Sandbox::new();
    fixture(&sandbox, "STA002");
    let read = |file: &str| -> Json {
        serde_json::from_str(&std::fs::read_to_string(sandbox.path(file)).unwrap()).unwrap()
    };
    sandbox.write("alluvium.check.toml", "profil = 'strict'\n");
    run(&sandbox, &["--report", "json=policy.json"]).exits(2);
    assert_eq!(read("policy.json")["conclusion"], "error");
    let more = ["--no-config", "--baseline", "not-there.json", "--report", "code-quality=baseline.json"];
    run(&sandbox, &more).exits(3);
    assert_eq!(read("baseline.json")[0]["severity"], "blocker");
    run(&sandbox, &["--no-config", "--target", "flink", "--report", "json=target.json"]).exits(2);
    assert_eq!(read("target.json")["error"]["exit"], 2);
}

#[test]
fn policy_file_is_found_above_and_flags_win() {
    let sandbox = Sandbox::new();
    fixture(&sandbox, "STA002");
    let waiver = "[[waiver]]\nrule = 'state_removed'\nreason = 'moved away'\nuntil = '2026-03-01'\n";
    sandbox.write("alluvium.check.toml", waiver);
    let report = run(&sandbox, &["--today", "2026-03-01"]).exits(0).json();
    assert_eq!(report["waived"][0]["reason"], "moved away");
    let report = run(&sandbox, &["--today", "2026-03-02"]).exits(1).json();
    assert_eq!(report["expired_waivers"][0]["until"], "2026-03-01");
    run(&sandbox, &["--today", "2026-03-01", "--no-config"]).exits(1);
    sandbox.write("alluvium.check.toml", "[rules]\nSTA002 = 'info'\n");
    run(&sandbox, &[]).exits(0);
    run(&sandbox, &["--severity", "state_removed=deny"]).exits(1);
    run(&sandbox, &["--fail-on", "info"]).exits(1);
    let shown = sandbox.alluvium(&["check", "--show-config", "--profile", "strict"]).exits(0).stdout;
    assert!(
        shown.contains("\"rules.state_removed\",\"value\":\"info\",\"origin\":\"alluvium.check.toml:2\""),
        "{shown}"
    );
    assert!(shown.contains("\"profile\",\"value\":\"strict\",\"origin\":\"--profile\""), "{shown}");
    sandbox.write("alluvium.check.toml", "[rules]\nSTA02 = 'info'\n");
    run(&sandbox, &[]).exits(2).says("did you mean \"STA002\"");
    run(&sandbox, &["--no-config", "--report", "sarf=x"]).exits(2).says("did you mean sarif");
}

#[test]
fn baseline_accepts_what_was_there() {
    let sandbox = Sandbox::new();
    fixture(&sandbox, "STA002");
    run(&sandbox, &["--write-baseline", "b.json"]).exits(0);
    let report = run(&sandbox, &["--baseline", "b.json"]).exits(0).json();
    assert_eq!(report["counts"]["waived"], 2);
    sandbox.write("b.json", "{}");
    run(&sandbox, &["--baseline", "b.json"]).exits(3);
}

/// A source that has ended with what is chained to it, and one that only its coordinator has state of.
#[test]
fn graphs_that_flink_refuses_are_seen_in_its_own_savepoint() {
    let sandbox = Sandbox::new();
    let root = std::path::PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/flink/metadata");
    let savepoint = root.join("v6-2.3.0-finished-hashmap-canonical.metadata");
    let found = |operators: &str| -> (String, Vec<(String, String)>) {
        let job = format!(
            "description_version: 1\nengine: {{name: flink, version: 2.3.0}}\noperators:\n{operators}edges:\n\
             - {{from: be3846e6427a8682b73c48b7e7f542c4, to: a0bcbe636c3291fd3f45c25deb2b0823, input: 0, exchange: hash}}\n"
        );
        std::fs::write(sandbox.path("new.yaml"), job).unwrap();
        let args = ["check", "new.yaml", "--against", savepoint.to_str().unwrap(), "--output", "json"];
        let report: Json = serde_json::from_str(&sandbox.alluvium(&args).stdout).unwrap();
        let text = |json: &Json| json.as_str().unwrap().to_owned();
        let findings = report["findings"].as_array().unwrap().iter();
        let findings = findings.map(|finding| (text(&finding["rule"]), text(&finding["sees"])));
        let of_graph = findings.filter(|(rule, sees)| rule == "CHK002" || sees.contains("coordinator"));
        (text(&report["overall"]), of_graph.collect())
    };
    let few = "- {uid: few, max_parallelism: 8, chain: be3846e6427a8682b73c48b7e7f542c4}\n";
    let again = few.replace("few", "again");
    let rest = "- {uid: parse, max_parallelism: 8, chain: be3846e6427a8682b73c48b7e7f542c4}\n\
                - {uid: commits, max_parallelism: 8, chain: 97d2fc45b10b2a95f5e5f451b056b0bc}\n";
    assert_eq!(found(&format!("{few}{rest}")).1, []);
    let (overall, findings) = found(&format!("{few}{}", rest.replace("commits", "committer")));
    assert_eq!(overall, "restores-with-loss");
    assert_eq!(findings, [("OPR001".to_owned(), "is gone, with the state of its coordinator".to_owned())]);
    let (overall, findings) = found(&format!("{again}{rest}"));
    assert_eq!(overall, "does-not-restore");
    let text = "operators that had finished; again, which had not, is in the chain of parse";
    assert!(findings.contains(&("CHK002".to_owned(), text.to_owned())), "{findings:?}");
}
