use crate::report::{code_quality, github, json, junit, markdown, sarif, text};
use crate::rules::{SCH002, STA002, UID001};
use crate::{
    Answer, Baseline, Failure, Finding, Gate, Overall, Policy, Report, Severity, Suggestion, day_of,
};

fn gate(findings: Vec<Finding>) -> Gate {
    let report = Report { findings, states: Vec::new(), overall: Overall::RestoresWithLoss };
    let today = day_of(0);
    let graded = Policy::default().grade(report, &Baseline::default(), today);
    Gate { old: "sp".into(), new: "new job.json".into(), answer: Answer::Compared(graded) }
}

fn failed() -> Gate {
    let failure = Failure { code: "missing".into(), message: "there is no sp".into(), exit: 3 };
    Gate { old: "sp".into(), new: "job.json".into(), answer: Answer::Failed(failure) }
}

fn awkward() -> Finding {
    let suggestion =
        Suggestion::RenameState { operator: "a|b".into(), from: "x".into(), to: "<!--,:%\n@you".into() };
    Finding::new(&STA002, "a|b")
        .state("<!--,:%\n@you\u{1b}]")
        .sees("50 %\r\n::error::x")
        .consequence("*lost*")
        .fix("`keep`")
        .suggest(suggestion)
}

fn many(number: usize) -> Vec<Finding> {
    (0..number)
        .flat_map(|i| {
            [
                Finding::new(&STA002, format!("o{i}")),
                Finding::new(&UID001, format!("o{i}")),
                Finding::new(&SCH002, format!("o{i}")),
            ]
        })
        .collect()
}

#[test]
fn inputs_that_failed_never_look_like_no_changes() {
    let (failed, empty) = (failed(), gate(Vec::new()));
    assert_eq!((failed.conclusion(), empty.conclusion()), ("error", "passed"));
    let report = serde_json::to_value(json::render(&failed)).unwrap();
    assert_eq!((report["conclusion"].as_str(), report.get("findings")), (Some("error"), None));
    let run = &sarif::render(&failed)["runs"][0];
    assert_eq!(run["invocations"][0]["executionSuccessful"], false);
    assert_eq!(run["invocations"][0]["toolExecutionNotifications"][0]["level"], "error");
    assert_eq!(sarif::render(&empty)["runs"][0]["invocations"][0]["executionSuccessful"], true);
    assert!(junit::render(&failed).unwrap().contains("errors=\"1\""));
    assert!(junit::render(&empty).unwrap().contains("errors=\"0\""));
    assert_eq!(junit::render(&empty).unwrap().matches("skipped=").count(), 1);
    assert!(github::render(&failed).starts_with("::error title=check%3A nothing was compared"));
    assert_eq!(github::render(&empty), "");
    assert!(markdown::comment(&failed).contains("State check: error"));
    assert!(text::render(&failed).contains("nothing was compared"));
    let issues = code_quality::render(&failed);
    assert_eq!(issues[0]["severity"], "blocker");
    assert!(issues[0]["description"].as_str().unwrap().contains("there is no sp"));
    assert_eq!(code_quality::render(&empty), serde_json::json!([]));
}

#[test]
fn issues_of_code_quality_have_what_gitlab_asks_for() {
    let issues = code_quality::render(&gate(many(2)));
    let issues = issues.as_array().unwrap();
    let severities: Vec<&str> = issues.iter().map(|issue| issue["severity"].as_str().unwrap()).collect();
    assert_eq!(severities, ["critical", "critical", "major", "major", "info", "info"]);
    for issue in issues {
        assert_eq!(issue["location"]["path"], "new job.json");
        assert_eq!(issue["location"]["lines"]["begin"], 1);
        assert_eq!(issue["fingerprint"].as_str().unwrap().len(), 32);
    }
}

#[test]
fn annotations_are_escaped() {
    let text = github::render(&gate(vec![awkward()]));
    assert_eq!(text.lines().count(), 1, "{text}");
    assert!(text.starts_with("::error title=STA002 a state is gone::a|b/<!--,:%25%0A@you"), "{text}");
    assert!(text.contains("50 %25%0D%0A::error::x%0Athen: *lost*"), "{text}");
}

#[test]
fn annotations_are_capped_and_the_rest_is_counted() {
    let text = github::render(&gate(many(12)));
    let lines = |begin: &str| text.lines().filter(|line| line.starts_with(begin)).count();
    assert_eq!((lines("::error"), lines("::warning"), lines("::notice")), (10, 10, 9));
    assert!(text.ends_with("::notice title=check::8 more findings are left out here\n"), "{text}");
    assert!(!github::render(&gate(many(8))).contains("left out"));
}

#[test]
fn markdown_is_escaped_and_fits() {
    let text = markdown::comment(&gate(vec![awkward()]));
    assert!(text.starts_with(markdown::MARKER));
    assert!(!text.contains("@you") && !text[markdown::MARKER.len()..].contains("<!--"), "{text}");
    assert!(text.contains("a\\|b/&lt;!--,:%\\\\n&#64;you"), "{text}");
    let gate = gate(many(2000));
    for bytes in [500, 5000, 100_000] {
        let text = markdown::summary(&gate, bytes);
        assert!(text.len() <= bytes && text.ends_with("more are left out here.\n"), "{bytes} {}", text.len());
    }
    assert!(markdown::comment(&gate).len() <= markdown::COMMENT_BYTES);
    assert!(!markdown::summary(&gate, markdown::SUMMARY_BYTES).contains("left out"));
}

#[test]
fn sarif_has_rules_levels_and_fingerprints() {
    let gate = gate(vec![awkward(), Finding::new(&UID001, "b")]);
    let log = sarif::render(&gate);
    let run = &log["runs"][0];
    let result = &run["results"][0];
    let index = usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap();
    assert_eq!(run["tool"]["driver"]["rules"][index]["id"], "STA002");
    assert_eq!(result["level"], "error");
    assert_eq!(run["results"][1]["level"], "warning");
    assert_eq!(result["partialFingerprints"]["alluviumFinding/v1"], awkward().fingerprint().as_str());
    let location = &result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"];
    assert_eq!(location, "new%20job.json");
}

#[test]
fn waived_findings_are_listed_in_every_format() {
    let findings = vec![awkward()];
    let baseline = Baseline::parse(&Baseline::print(&findings)).unwrap();
    let report = Report { findings, states: Vec::new(), overall: Overall::RestoresWithLoss };
    let graded = Policy::default().grade(report, &baseline, day_of(0));
    let gate = Gate { old: "a".into(), new: "b".into(), answer: Answer::Compared(graded) };
    assert_eq!(gate.conclusion(), "passed");
    let report = serde_json::to_value(json::render(&gate)).unwrap();
    assert_eq!(report["waived"][0]["finding"]["rule"], "STA002");
    assert_eq!(sarif::render(&gate)["runs"][0]["results"][0]["suppressions"][0]["kind"], "external");
    assert!(junit::render(&gate).unwrap().contains("<skipped message=\"waived: in the baseline\""));
    assert!(markdown::comment(&gate).contains("- waived: `STA002`"));
    assert!(text::render(&gate).contains("waived[STA002]: a|b/"));
    assert!(text::render(&gate).contains("1 waived"));
}

#[test]
fn junit_fails_only_where_the_gate_does() {
    let gate = gate(vec![awkward(), Finding::new(&SCH002, "b").sees("less")]);
    let text = junit::render(&gate).unwrap();
    assert!(text.contains("tests=\"3\" failures=\"1\" errors=\"0\">"), "{text}");
    assert!(!text.contains('\u{1b}'), "{text}");
    let Answer::Compared(graded) = &gate.answer else { panic!("compared") };
    assert_eq!(graded.count(Severity::Info), 1);
}
