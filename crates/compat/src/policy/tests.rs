use super::*;
use crate::rules::{OPR002, STA002, UID001};
use crate::{Overall, Report, parse_day};

fn report() -> Report {
    let findings = vec![
        Finding::new(&STA002, "counter").state("count").fact("kind", "value"),
        Finding::new(&UID001, "map (0da08f51eaa85fc298e176a139b3649a)"),
        Finding::new(&OPR002, "extra"),
    ];
    Report { findings, states: Vec::new(), overall: Overall::RestoresWithLoss }
}

fn day(text: &str) -> NaiveDate {
    parse_day(text).unwrap()
}

fn policy(text: &str) -> Policy {
    let mut policy = Policy::default();
    policy.read_file(text, "c.toml").unwrap();
    policy
}

fn weights(policy: &Policy) -> String {
    let graded = policy.grade(report(), &Baseline::default(), day("2026-01-01"));
    let words = graded.findings.iter().map(|f| format!("{}={}", f.rule.id, f.severity.name()));
    words.collect::<Vec<_>>().join(" ")
}

#[test]
fn profiles_weigh_differently() {
    let of = |profile: &str| weights(&policy(&format!("profile = {profile:?}")));
    assert_eq!(of("rolling"), "STA002=deny UID001=warn OPR002=info");
    assert_eq!(of("strict"), "STA002=deny UID001=deny OPR002=warn");
    assert_eq!(of("rescale"), "STA002=deny OPR002=deny UID001=warn");
    assert_eq!(of("backend-switch"), "STA002=deny OPR002=deny UID001=warn");
}

#[test]
fn flags_win_over_operators_over_rules() {
    let mut policy = policy(
        "[rules]\nstate_removed = 'warn'\nOPR002 = 'allow'\nuid_missing = 'info'\n[operators.counter]\nSTA002 = 'info'\n",
    );
    assert_eq!(weights(&policy), "STA002=info UID001=info");
    policy.set_rule("STA002", "deny", Origin::Flag("--severity")).unwrap();
    assert_eq!(weights(&policy), "STA002=deny UID001=info");
    let shown = policy.effective();
    let origin = |name: &str| shown.iter().find(|(n, ..)| n == name).unwrap().2.to_string();
    assert_eq!(origin("rules.state_removed"), "--severity");
    assert_eq!(origin("rules.operator_added"), "c.toml:3");
    assert_eq!(origin("rules.ttl_changed"), "default");
}

const WAIVER: &str = "[[waiver]]\nrule = 'STA002'\nuid = 'counter'\nreason = 'moved'\nuntil = 2026-03-01\n";

#[test]
fn waivers_hold_until_their_day_and_are_told_after_it() {
    let policy = policy(WAIVER);
    let graded = policy.grade(report(), &Baseline::default(), day("2026-03-01"));
    assert_eq!((graded.waived.len(), graded.findings.len(), graded.expired.len()), (1, 2, 0));
    assert_eq!(graded.waived[0].reason, "moved");
    let graded = policy.grade(report(), &Baseline::default(), day("2026-03-02"));
    assert_eq!((graded.waived.len(), graded.findings.len(), graded.expired.len()), (0, 3, 1));
}

#[test]
fn waivers_fit_by_rule_uid_and_state() {
    let waived = |lines: &str| {
        let text = format!("[[waiver]]\n{lines}\nreason = 'r'\nuntil = '2026-03-01'");
        policy(&text).grade(report(), &Baseline::default(), day("2026-01-01")).waived.len()
    };
    assert_eq!(waived("rule = '*'"), 3);
    assert_eq!(waived("rule = 'UID001'\nuid = '0da08f51eaa85fc298e176a139b3649a'"), 1);
    assert_eq!(waived("rule = '*'\nstate = 'count'"), 1);
    assert_eq!(waived("rule = 'state_removed'\nuid = 'other'"), 0);
    assert_eq!(waived("rule = '*'\nuid = 'counter'\nstate = 'other'"), 0);
}

#[test]
fn baseline_accepts_what_it_was_written_from_and_nothing_else() {
    let report = report();
    let text = Baseline::print(&report.findings);
    let baseline = Baseline::parse(&text).unwrap();
    let graded = Policy::default().grade(report.clone(), &baseline, day("2026-01-01"));
    assert_eq!((graded.waived.len(), graded.findings.len()), (3, 0));
    let mut other = report;
    other.findings[0].facts[0].1 = "list".to_owned();
    assert_eq!(Policy::default().grade(other, &baseline, day("2026-01-01")).findings.len(), 1);
    for broken in ["", "{}", "[]", "{\"baseline_version\": 2, \"findings\": []}"] {
        assert_eq!(Baseline::parse(broken), None, "{broken}");
    }
}

#[test]
fn mistakes_are_named_with_their_line_and_the_nearest_word() {
    for (text, line, next) in [
        ("profle = 'strict'", 1, "\"profile\""),
        ("\nprofile = 'stricter'", 2, "\"strict\""),
        ("fail-on = 'denied'", 1, "\"deny\""),
        ("[rules]\n\nstate_remove = 'deny'", 3, "\"state_removed\""),
        ("[rules]\nSTA002 = 'denny'", 2, "\"deny\""),
        ("[rules]\nSTA002 = 1", 2, "quotes"),
        ("[operators.a]\nSTA002 = 'no'", 2, "did you mean"),
        ("[[waiver]]\nrule = 'STA002'\nuntil = '2026-01-01'", 1, "why"),
        ("[[waiver]]\nrule = 'STA002'\nreason = 'x'", 1, "YYYY-MM-DD"),
        ("[[waiver]]\nrule = 'STA002'\nreason = 'x'\nuntil = '2026-02-30'", 4, "YYYY-MM-DD"),
        ("[[waiver]]\nrules = 'STA002'", 2, "\"rule\""),
    ] {
        let error = Policy::default().read_file(text, "c.toml").unwrap_err();
        assert_eq!(error.origin, Origin::File { file: "c.toml".into(), line }, "{text}: {error}");
        assert!(error.next.as_deref().is_some_and(|said| said.contains(next)), "{text}: {error:?}");
    }
    let error = Policy::default().read_file("a = \n", "c.toml").unwrap_err();
    assert_eq!(error.origin, Origin::File { file: "c.toml".into(), line: 1 });
}
