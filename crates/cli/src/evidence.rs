//! How much state findings concern: from what metadata say, or from the rows themselves.

use std::collections::BTreeMap;
use std::str::FromStr;

use alluvium_compat::{Contract, Impact, OperatorContract, Report};
use alluvium_model::source::{OperatorState, StateTable};
use alluvium_model::{JobDescription, OperatorId, SnapshotSource, StateSchema};
use alluvium_query::{Target, Trial, operator_text, trial};
use anyhow::Result;

/// How much of the old side's rows is read for evidence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Evidence {
    /// None: counts and sizes are those that metadata hold.
    #[default]
    Metadata,
    /// At least so many rows of each state, or all that it has.
    Sample(u64),
    /// All rows.
    Full,
}

impl FromStr for Evidence {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "metadata" => Ok(Evidence::Metadata),
            "full" => Ok(Evidence::Full),
            _ => text
                .strip_prefix("sample:")
                .and_then(|rows| rows.parse().ok())
                .filter(|rows| *rows > 0)
                .map(Evidence::Sample)
                .ok_or_else(|| "metadata, sample:N or full".into()),
        }
    }
}

/// Sets the impact of every finding about state that the old side holds; returns the rows that failed.
///
/// Beyond metadata, rows of every state are read under the schema of the new side. Standard error tells how many, and
/// of each state the first that is no row of that schema.
pub(crate) fn gather(
    report: &mut Report,
    old: &dyn SnapshotSource,
    new: Option<&JobDescription>,
    evidence: Evidence,
) -> Result<u64> {
    let trials = match (evidence, new) {
        (Evidence::Sample(rows), Some(new)) => read(old, new, Some(rows))?,
        (Evidence::Full, Some(new)) => read(old, new, None)?,
        _ => BTreeMap::new(),
    };
    let description = old.describe();
    let contract = Contract::from(description);
    let label = |id| contract.operators.iter().find(|o| o.id == id).map(OperatorContract::label);
    let total = sum(description.operators.iter().flat_map(|o| &o.states).map(|table| table.bytes));
    for finding in &mut report.findings {
        let named = |o: &&OperatorState| label(o.id).as_ref() == Some(&finding.operator);
        let Some(operator) = description.operators.iter().find(named) else { continue };
        let concerned = |table: &&StateTable| finding.state.as_ref().is_none_or(|s| *s == table.schema.name);
        let tables: Vec<&StateTable> = operator.states.iter().filter(concerned).collect();
        if tables.is_empty() {
            continue;
        }
        let tried = |table: &&StateTable| trials.get(&(operator.id, table.schema.name.clone()));
        let whole = |table: &&StateTable| tried(table).filter(|trial| trial.complete);
        let counted =
            |table: &&StateTable| whole(table).map(|trial| trial.rows).or(table.elements).or(table.entries);
        let bytes = sum(tables.iter().map(|table| table.bytes));
        let impact = Impact {
            rows: sum(tables.iter().map(counted)),
            keys: sum(tables.iter().map(|table| whole(table).map(|trial| trial.keys))),
            bytes,
            share: share(bytes, total),
        };
        finding.set_impact(impact);
    }
    Ok(trials.values().map(|trial| trial.failed + trial.unreadable).sum())
}

type Trials = BTreeMap<(OperatorId, String), Trial>;

/// Reads at most so many rows of every state.
fn read(old: &dyn SnapshotSource, new: &JobDescription, most: Option<u64>) -> Result<Trials> {
    let mut trials = Trials::new();
    for operator in &old.describe().operators {
        let heir = new.operators.iter().find(|new| new.finds(operator.id));
        for table in &operator.states {
            let name = &table.schema.name;
            let schema = heir.and_then(|heir| heir.states.iter().find(|state| state.name == *name));
            let tried =
                trial(old, &Target { operator, table }, schema.map(AsRef::<StateSchema>::as_ref), most)?;
            if let Some(failure) = &tried.first_failure {
                let bad = tried.failed + tried.unreadable;
                let of = tried.rows;
                eprintln!("evidence: {}/{name}: {bad} of {of} rows fail: {failure}", operator_text(operator));
            }
            trials.insert((operator.id, name.clone()), tried);
        }
    }
    let rows: u64 = trials.values().map(|trial| trial.rows).sum();
    let failed: u64 = trials.values().map(|trial| trial.failed + trial.unreadable).sum();
    eprintln!(
        "evidence: {rows} rows of {} states read as the new side reads them, {failed} fail",
        trials.len()
    );
    Ok(trials)
}

/// Returns the sum if every part is known.
fn sum(mut parts: impl Iterator<Item = Option<u64>>) -> Option<u64> {
    parts.try_fold(0_u64, |sum, part| Some(sum.saturating_add(part?)))
}

fn share(part: Option<u64>, total: Option<u64>) -> Option<f64> {
    let (part, total) = (part?, total.filter(|total| *total > 0)?);
    Some(part as f64 / total as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn evidence_is_a_word_or_a_sample() {
        assert_eq!("full".parse(), Ok(Evidence::Full));
        assert_eq!("sample:100".parse(), Ok(Evidence::Sample(100)));
        assert!("sample:0".parse::<Evidence>().is_err() && "some".parse::<Evidence>().is_err());
    }

    #[test]
    fn a_sum_with_an_unknown_part_is_unknown() {
        assert_eq!(sum([Some(1), Some(2)].into_iter()), Some(3));
        assert_eq!(sum([Some(1), None].into_iter()), None);
        assert_eq!(share(Some(1), Some(4)), Some(0.25));
        assert_eq!(share(Some(0), Some(0)), None);
    }
}
