use std::collections::BTreeMap;

use alluvium_model::KeyGroupFunction;
use alluvium_snapshot::format::{JobRef, Manifest, OperatorEntry, Profile, RunRef, TableEntry};

use super::Coordinator;
use crate::ledger::AckedTable;
use crate::plan::{Plan, TaskId};

impl Coordinator {
    /// Makes the manifest of a cut from the parts of all tasks.
    pub(super) fn compose(
        &self,
        checkpoint_id: u64,
        created_ms: i64,
        as_of_ms: i64,
        acked: BTreeMap<TaskId, Vec<AckedTable>>,
    ) -> Manifest {
        let id = self.shared.board.lock().status.id.clone();
        let job = JobRef { id, name: self.shared.job.name().to_owned() };
        let mut manifest = Manifest::new(Profile::Checkpoint, job);
        manifest.attempt = self.attempt.map_or(0, |a| a.number);
        manifest.checkpoint_id = checkpoint_id;
        manifest.created_ms = created_ms;
        manifest.as_of_ms = Some(as_of_ms);
        manifest.roots.clone_from(&self.roots);
        manifest.job_description.clone_from(&self.description);
        let Some(plan) = &self.plan else { return manifest };
        let mut by_node: BTreeMap<usize, Vec<AckedTable>> = BTreeMap::new();
        for table in acked.into_values().flatten() {
            by_node.entry(table.node).or_default().push(table);
        }
        for (node, tables) in by_node {
            let entry = operator_entry(plan, node, tables, &mut manifest);
            manifest.operators.push(entry);
        }
        manifest
    }
}

fn operator_entry(
    plan: &Plan,
    node: usize,
    acked: Vec<AckedTable>,
    manifest: &mut Manifest,
) -> OperatorEntry {
    let (described, planned) = (&plan.job.nodes()[node], &plan.nodes[node]);
    let mut tables: Vec<(String, TableEntry)> = Vec::new();
    for table in acked {
        let schema_id = manifest.intern_schema(&table.schema);
        let runs: Vec<RunRef> = table
            .runs
            .into_iter()
            .map(|owned| RunRef { schema_id: manifest.intern_schema(&owned.schema), ..owned.run })
            .collect();
        match tables.iter_mut().find(|(name, _)| *name == table.schema.name) {
            Some((_, entry)) => entry.runs.extend(runs),
            None => {
                let entry = TableEntry { schema_id, runs, digest: None, entries: None };
                tables.push((table.schema.name.clone(), entry));
            }
        }
    }
    let mut tables: Vec<TableEntry> = tables.into_iter().map(|(_, entry)| entry).collect();
    for table in &mut tables {
        table.runs.sort_by_key(|run| (run.sequence, run.clip, run.subtask));
    }
    let sequence_max = tables.iter().flat_map(|t| &t.runs).map(|r| r.sequence.1).max().unwrap_or(0);
    OperatorEntry {
        id: described.id,
        uid: described.uid.clone(),
        name: Some(described.name.clone()),
        parallelism: planned.parallelism,
        max_parallelism: planned.max_parallelism.get(),
        key_group_function: described.declared.key_group_function.unwrap_or(KeyGroupFunction::Stored),
        sequence_max,
        tables,
    }
}
