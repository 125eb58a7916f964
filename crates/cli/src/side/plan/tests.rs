use alluvium_compat::{Contract, Overall, Report, Verdict, check};
use serde_json::json;

use super::*;
use crate::open::Options;

fn place(of: &str) -> String {
    format!("{}/../../fixtures/plans/{of}", env!("CARGO_MANIFEST_DIR"))
}

fn side(of: &str) -> Contract {
    Contract::from(&super::super::open(&place(of), &Options::default()).unwrap().job())
}

/// A plan of the fixtures after a change of its text.
fn changed(query: &str, from: &str, to: &str) -> Contract {
    let text = std::fs::read_to_string(place(&format!("{query}/plan.json"))).unwrap();
    assert!(text.contains(from), "{query} has no {from}");
    Contract::from(&job(&serde_json::from_str(&text.replace(from, to)).unwrap()).unwrap())
}

fn verdicts(report: &Report) -> Vec<(&str, Verdict)> {
    report.states.iter().map(|state| (state.state.as_str(), state.verdict)).collect()
}

#[test]
fn a_plan_has_the_states_of_the_savepoint_of_its_job() {
    for (query, states) in [("groupby", 1), ("join", 2), ("left-join", 2), ("deduplicate", 2), ("top", 1)] {
        let report = check(&side(&format!("{query}/savepoint")), &side(&format!("{query}/plan.json")));
        assert_eq!(report.findings, [], "{query}");
        assert_eq!(report.overall, Overall::RestoresAsIs, "{query}");
        let as_is = verdicts(&report).into_iter().filter(|(_, verdict)| *verdict == Verdict::AsIs);
        assert_eq!((as_is.count(), report.states.len()), (states, states), "{query}");
    }
}

#[test]
fn a_changed_plan_is_judged_as_flink_restores_it() {
    let cases = [
        ("left-join", Overall::DoesNotRestore),
        ("deduplicate", Overall::RestoresSilently),
        ("top", Overall::RestoresAsIs),
    ];
    for (query, wanted) in cases {
        let report = check(&side(&format!("{query}/savepoint")), &side(&format!("{query}/changed.json")));
        assert_eq!(report.overall, wanted, "{query}: {:?}", report.findings);
    }
    let rule = |query: &str, from: &str, to: &str| {
        let report = check(&side(&format!("{query}/savepoint")), &changed(query, from, to));
        report.findings.iter().map(|finding| finding.rule.id).collect::<Vec<_>>()
    };
    assert_eq!(rule("groupby", "DECIMAL(10, 2)", "DECIMAL(10, 3)"), ["SCH001"]);
    assert_eq!(rule("groupby", "VARCHAR(2147483647)", "VARCHAR(9)"), ["KEY001"]);
    assert_eq!(rule("groupby", "\"0 ms\"", "\"90 min\""), ["TTL002"]);
    assert_eq!(rule("groupby", "$COUNT$1", "$LISTAGG$1"), [""; 0]);
    assert_eq!(
        rule("join", "\"rightUpsertKeys\" : [ [ 0 ] ]", "\"rightUpsertKeys\" : [ [ 1 ] ]"),
        ["STA003"]
    );
    assert_eq!(rule("join", "\"INNER\"", "\"LEFT\""), ["SCH001"]);
    let (left, wider) = ("`customer` VARCHAR(2147483647)>", "`customer` VARCHAR(2147483647), `new` INT>");
    assert_eq!(rule("join", left, wider), ["KEY003"]);
}

#[test]
fn what_a_plan_does_not_tell_is_not_known() {
    let plan = |node: Json| {
        let source = json!({"id": 1, "type": "stream-exec-table-source-scan_2", "outputType": "ROW<`a` BIGINT, `b` RAW('X', '')>"});
        let plan =
            json!({"flinkVersion": "2.3", "nodes": [source, node], "edges": [{"source": 1, "target": 2}]});
        job(&plan).unwrap().operators.pop().unwrap()
    };
    let grouped = |by: usize, ttl: &str, function: &str, distinct: bool| {
        plan(json!({
            "id": 2, "type": "stream-exec-group-aggregate_1", "grouping": [by], "needRetraction": false,
            "aggCalls": [{"internalName": function, "argList": [0], "filterArg": -1, "distinct": distinct}],
            "aggCallNeedRetractions": [false], "state": [{"index": 0, "ttl": ttl, "name": "groupAggregateState"}],
        }))
    };
    let known = grouped(0, "1 h", "$SUM$1", false);
    assert!(known.states_complete && known.serializers.contains_key("accState"));
    assert_eq!(known.states[0].ttl_ms, Some(3_600_000));
    for unknown in [
        grouped(1, "0 ms", "$SUM$1", false),
        grouped(0, "1 fortnight", "$SUM$1", false),
        grouped(0, "0 ms", "$SUM$2", false),
        grouped(0, "0 ms", "$SUM$1", true),
    ] {
        assert_eq!(unknown.states[0].name, "accState");
        assert!(unknown.serializers.is_empty(), "{:?}", unknown.serializers);
    }
    let sink = plan(json!({"id": 2, "type": "stream-exec-sink_2", "requireUpsertMaterialize": true}));
    assert!(!sink.states_complete);
}
