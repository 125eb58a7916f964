//! A restore without a job: every row is read as the new side would read it, and falls to its subtask.

use alluvium::failure::{Exit, Told};
use alluvium_model::job::OperatorDescription;
use alluvium_model::source::{OperatorState, StateTable};
use alluvium_model::{
    ErrorKind, JobDescription, KeyGroup, MaxParallelism, SnapshotSource, StateKind, StateSchema,
};
use alluvium_query::{Target, Trial, operator_text, trial};
use anyhow::Result;
use serde_json::{Map, Value as Json, json};

use crate::output::{self, Format, Out, escape};

/// Reads every row of a snapshot under the description of a new job and prints what each subtask would get.
///
/// A row that cannot be read, or is no row of the new schema, is a finding.
pub(crate) fn run(old: &dyn SnapshotSource, new: &JobDescription, out: &mut Out) -> Result<Exit> {
    let mut answer = Vec::new();
    let mut found = false;
    for operator in &old.describe().operators {
        let heir = new.operators.iter().find(|new| new.finds(operator.id));
        let mut plan = Plan::of(operator, heir)?;
        for table in &operator.states {
            let target = Target { operator, table };
            let schema = heir.and_then(|heir| heir.states.iter().find(|s| s.name == table.schema.name));
            let tried = trial(old, &target, schema.map(AsRef::as_ref), None)?;
            found |= tried.failed + tried.unreadable > 0;
            plan.add(table, schema.map(AsRef::as_ref), &tried);
        }
        answer.push(plan);
    }
    match out.format_or(Format::Json) {
        Format::Table => answer.iter().try_for_each(|plan| plan.print(out))?,
        _ => out.json(&json!({ "operators": answer.iter().map(Plan::to_json).collect::<Vec<_>>() }))?,
    }
    Ok(if found { Exit::Findings } else { Exit::Clean })
}

/// What becomes of the state of an operator.
struct Plan {
    operator: String,
    /// Subtasks of the new operator; none when there is no new one.
    subtasks: Option<(u32, MaxParallelism)>,
    parallelism_before: u32,
    states: Vec<StatePlan>,
}

struct StatePlan {
    name: String,
    kind: StateKind,
    tried: Trial,
    /// Whether the new operator has it.
    kept: bool,
    /// Rows that each subtask gets.
    rows: Vec<u64>,
}

impl Plan {
    fn of(old: &OperatorState, new: Option<&OperatorDescription>) -> Result<Self> {
        // The number of key groups that keys were placed by counts.
        let groups = MaxParallelism::new(old.max_parallelism)?;
        let subtasks = new.map(|new| (new.parallelism, groups));
        if let Some((subtasks, _)) = subtasks.filter(|(n, _)| *n == 0 || *n > groups.get()) {
            let told = format!("{subtasks} subtasks for {} key groups", groups.get());
            let told = format!("operator {} of the new side has {told}", operator_text(old));
            return Err(Told::new(ErrorKind::Input, told)
                .next("set a parallelism from 1 to that number")
                .into());
        }
        Ok(Plan {
            operator: operator_text(old),
            subtasks,
            parallelism_before: old.parallelism,
            states: Vec::new(),
        })
    }

    fn add(&mut self, table: &StateTable, new: Option<&StateSchema>, tried: &Trial) {
        let kind = table.schema.kind;
        let rows = match (self.subtasks, new) {
            (Some((subtasks, groups)), Some(_)) => divided(kind, tried, subtasks, groups),
            _ => Vec::new(),
        };
        let kept = new.is_some();
        self.states.push(StatePlan {
            name: table.schema.name.clone(),
            kind,
            tried: tried.clone(),
            kept,
            rows,
        });
    }

    fn to_json(&self) -> Json {
        let state = |state: &StatePlan| {
            json!({
                "name": state.name,
                "kind": state.kind.word(),
                "rows": state.tried.rows,
                "keys": state.tried.keys,
                "failed": state.tried.failed,
                "unreadable": state.tried.unreadable,
                "first_failure": state.tried.first_failure,
                "restored": state.kept,
            })
        };
        json!({
            "operator": self.operator,
            "parallelism_before": self.parallelism_before,
            "states": self.states.iter().map(state).collect::<Vec<_>>(),
            "subtasks": self.subtasks().map(|(subtask, groups)| {
                let kept = self.states.iter().filter(|state| state.kept);
                let rows: Map<String, Json> = kept
                    .map(|state| (state.name.clone(), state.rows.get(subtask).copied().unwrap_or(0).into()))
                    .collect();
                json!({ "subtask": subtask, "key_groups": [groups.0, groups.1], "rows": rows })
            }).collect::<Vec<_>>(),
        })
    }

    /// Numbers of the subtasks, and the half-open range of key groups of each.
    fn subtasks(&self) -> impl Iterator<Item = (usize, (u32, u32))> {
        let (subtasks, groups) = self.subtasks.map_or((0, None), |(n, groups)| (n, Some(groups)));
        (0..subtasks).filter_map(move |subtask| {
            let range = groups?.range_of(subtask, subtasks);
            Some((subtask as usize, (range.start, range.end)))
        })
    }

    fn print(&self, out: &mut Out) -> Result<()> {
        let fate = match self.subtasks {
            None => "has no place in the new job".to_owned(),
            Some((now, _)) if now == self.parallelism_before => format!("{now} subtasks"),
            Some((now, _)) => format!("{now} subtasks, were {}", self.parallelism_before),
        };
        out.line(&format!("{}: {fate}", escape(&self.operator)))?;
        if self.states.is_empty() {
            return Ok(());
        }
        let mut header = vec!["STATE".to_owned(), "ROWS".into(), "KEYS".into(), "FAILED".into()];
        header.extend(self.subtasks().map(|(subtask, (start, end))| format!("{subtask}: {start}..{end}")));
        let mut table = output::plain_table(header);
        for state in &self.states {
            let mut row =
                vec![escape(&state.name), output::count(state.tried.rows), output::count(state.tried.keys)];
            row.push(output::count(state.tried.failed + state.tried.unreadable));
            row.extend(self.subtasks().map(|(subtask, _)| match state.rows.get(subtask) {
                Some(rows) => output::count(*rows),
                None => "left behind".into(),
            }));
            table.add_row(row);
        }
        output::write_table(out, &table)?;
        for state in &self.states {
            if let Some(failure) = &state.tried.first_failure {
                out.line(&format!("  {}: {}", escape(&state.name), escape(failure)))?;
            }
        }
        out.line("")?;
        Ok(())
    }
}

/// Divides the rows of a state among subtasks: keyed state by key group, lists evenly; union lists and broadcast
/// state go to all.
fn divided(kind: StateKind, tried: &Trial, subtasks: u32, groups: MaxParallelism) -> Vec<u64> {
    let mut rows = vec![0; subtasks as usize];
    match kind {
        kind if kind.is_keyed() => {
            for (group, n) in &tried.rows_by_key_group {
                add(&mut rows, groups.subtask_of(KeyGroup(group.0), subtasks), *n);
            }
        }
        StateKind::OperatorUnion | StateKind::Broadcast => rows.fill(tried.rows),
        _ => {
            let (each, more) = (tried.rows / u64::from(subtasks), tried.rows % u64::from(subtasks));
            for (subtask, n) in (0u64..).zip(&mut rows) {
                *n = each + u64::from(subtask < more);
            }
        }
    }
    rows
}

fn add(rows: &mut [u64], subtask: u32, n: u64) {
    if let Some(place) = rows.get_mut(subtask as usize) {
        *place += n;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_fall_to_the_subtask_of_their_key_group() {
        let groups = MaxParallelism::new(128).unwrap();
        let tried = Trial {
            rows: 10,
            rows_by_key_group: vec![(KeyGroup(0), 3), (KeyGroup(63), 1), (KeyGroup(64), 6)],
            ..Trial::default()
        };
        assert_eq!(divided(StateKind::Value, &tried, 2, groups), [4, 6]);
        assert_eq!(divided(StateKind::OperatorList, &tried, 3, groups), [4, 3, 3]);
        assert_eq!(divided(StateKind::OperatorUnion, &tried, 2, groups), [10, 10]);
    }
}
