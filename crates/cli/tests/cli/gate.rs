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
