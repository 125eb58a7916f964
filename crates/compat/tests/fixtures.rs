//! Every rule over every pair of descriptions in `fixtures/compat`.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use alluvium_compat::{Contract, Overall, RULES, Report, check};
use alluvium_model::evolution::assign_field_ids;
use alluvium_model::job::job_from_json;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/compat")
}

fn read(rule: &str, side: &str) -> Contract {
    let path = root().join(rule).join(side).with_extension("json");
    let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    Contract::from(&job_from_json(&serde_json::from_str(&text).unwrap()).unwrap())
}

fn printed(report: &Report) -> String {
    let mut text = format!("{}\n", report.overall.name());
    for finding in &report.findings {
        text += &format!(
            "{}[{}] {}: {}\n  => {}\n  fix: {}\n",
            finding.severity.name(),
            finding.rule.id,
            finding.place(),
            finding.sees,
            finding.consequence,
            finding.fix
        );
    }
    text
}

#[test]
fn every_rule_answers_as_expected() {
    for rule in RULES.iter() {
        let report = check(&read(rule.id, "old"), &read(rule.id, "new"));
        assert!(report.findings.iter().any(|f| f.rule.id == rule.id), "{} does not fire", rule.id);
        let path = root().join(rule.id).join("expected.txt");
        if std::env::var_os("UPDATE_FIXTURES").is_some() {
            fs::write(&path, printed(&report)).unwrap();
        }
        assert_eq!(printed(&report), fs::read_to_string(&path).unwrap(), "{}", rule.id);
    }
}

#[test]
fn every_folder_belongs_to_a_rule() {
    let folders = fs::read_dir(root()).unwrap().map(Result::unwrap).filter(|entry| entry.path().is_dir());
    for folder in folders {
        let name = folder.file_name().into_string().unwrap();
        assert!(RULES.iter().any(|rule| rule.id == name), "{name}");
    }
}

#[test]
fn description_against_itself_finds_nothing() {
    for rule in RULES.iter() {
        for side in ["old", "new"] {
            let contract = read(rule.id, side);
            let report = check(&contract, &contract);
            assert_eq!(report.findings, [], "{} {side}", rule.id);
            assert_eq!(report.overall, Overall::RestoresAsIs);
        }
    }
}

#[test]
fn assigned_field_ids_change_no_answer() {
    for rule in RULES.iter() {
        let (mut old, new) = (read(rule.id, "old"), read(rule.id, "new"));
        let before = check(&old, &new);
        for state in old.operators.iter_mut().flat_map(|o| &mut o.states) {
            state.schema = assign_field_ids(&state.schema, None).into();
        }
        assert_eq!(check(&old, &new), before, "{}", rule.id);
    }
}

#[test]
fn refused_restores_always_carry_a_denial() {
    let contracts: BTreeMap<_, _> = RULES.iter().map(|rule| (rule.id, read(rule.id, "new"))).collect();
    for (left, old) in &contracts {
        for (right, new) in &contracts {
            let report = check(old, new);
            let denied = report.count(alluvium_compat::Severity::Deny) > 0;
            assert_eq!(
                denied,
                report.overall >= Overall::RestoresSilently,
                "{left} {right}\n{}",
                printed(&report)
            );
            assert_eq!(report.states.is_empty(), old.operators.is_empty() && new.operators.is_empty());
        }
    }
}

#[test]
fn an_operator_of_flink_without_state_is_not_missed_by_a_job_of_ours() {
    let job = |engine: &str| {
        let text = format!(r#"{{"description_version": 1, {engine} "operators": [{{"uid": "source"}}]}}"#);
        Contract::from(&job_from_json(&serde_json::from_str(&text).unwrap()).unwrap())
    };
    let flink = job(r#""engine": {"name": "flink", "version": "2.3.0"},"#);
    assert_eq!(flink.operators.len(), 1);
    assert_eq!(check(&flink, &Contract::default()).findings, []);
}
