//! JUnit XML: a case per finding, and one for the whole.

use quick_junit::{NonSuccessKind, Report, SerializeError, TestCase, TestCaseStatus, TestSuite};

use super::text::escape;
use crate::{Answer, Finding, Gate, Graded};

/// Renders the document.
///
/// # Errors
/// When the document cannot be written.
pub fn render(gate: &Gate) -> Result<String, SerializeError> {
    let mut suite = TestSuite::new("alluvium check");
    match &gate.answer {
        Answer::Compared(graded) => suite.add_test_cases(compared(graded)),
        Answer::Failed(failure) => {
            let status = not(NonSuccessKind::Error, &failure.message, &failure.code);
            suite.add_test_case(case("check", "both sides are read", status))
        }
    };
    let mut report = Report::new("alluvium check");
    report.add_test_suite(suite);
    Ok(without_skipped_of_all(report.to_string()?))
}

/// Takes the number of skipped cases from the outermost element: Jenkins' schema has it in suites alone.
fn without_skipped_of_all(document: String) -> String {
    let Some((head, rest)) = document.split_once("<testsuites ") else { return document };
    let Some((attributes, rest)) = rest.split_once('>') else { return document };
    let kept: Vec<&str> = attributes.split(" skipped=").collect();
    let [before, skipped] = kept.as_slice() else { return document };
    let behind = skipped.trim_start_matches('"').split_once('"').map_or("", |(_, behind)| behind);
    format!("{head}<testsuites {before}{behind}>{rest}")
}

fn compared(graded: &Graded) -> Vec<TestCase> {
    let mut whole = case("check", "the new job restores", TestCaseStatus::success());
    whole.set_system_out(format!("{}; the new job {}", graded.counts(), graded.sentence()));
    let mut cases = vec![whole];
    for finding in &graded.findings {
        let fails = finding.severity >= graded.fail_on;
        let mut status = TestCaseStatus::success();
        if fails {
            status = not(NonSuccessKind::Failure, &finding.sees, finding.rule.name);
            status.set_description(told(finding));
        }
        let mut case = case(&finding.operator, &name(finding), status);
        if !fails {
            case.set_system_out(told(finding));
        }
        cases.push(case);
    }
    for waived in &graded.waived {
        let mut status = TestCaseStatus::skipped();
        status.set_message(format!("waived: {}", waived.reason));
        cases.push(case(&waived.finding.operator, &name(&waived.finding), status));
    }
    cases
}

fn case(class: &str, name: &str, status: TestCaseStatus) -> TestCase {
    let mut case = TestCase::new(escape(name), status);
    case.set_classname(escape(class));
    case
}

fn not(kind: NonSuccessKind, message: &str, of: &str) -> TestCaseStatus {
    let mut status = TestCaseStatus::non_success(kind);
    status.set_message(escape(message)).set_type(of);
    status
}

fn name(finding: &Finding) -> String {
    format!("{} {} {}", finding.rule.id, finding.rule.name, finding.place())
}

fn told(finding: &Finding) -> String {
    let severity = finding.severity.name();
    let Finding { sees, consequence, fix, .. } = finding;
    format!("{severity}: {}\nsees: {sees}\nthen: {consequence}\nfix: {fix}", finding.rule.title)
}
