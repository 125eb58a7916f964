use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use alluvium_model::KeyGroupFunction;
use alluvium_snapshot::format::{
    JobRef, Manifest, ObjectRef, OperatorEntry, Place, Profile, RunRef, TableEntry, reach,
};

use super::Coordinator;
use super::savepoint::manifest_bytes;
use crate::ledger::AckedTable;
use crate::plan::{Plan, TaskId};

impl Coordinator {
    /// Makes the manifest of a cut from the parts of all tasks, and notes what it refers to.
    pub(super) fn compose(&mut self, checkpoint_id: u64) -> Manifest {
        let cut = self.in_flight.get_mut(&checkpoint_id);
        let (created_ms, as_of_ms, acked) = cut.map_or_else(Default::default, |cut| {
            (cut.triggered_ms, cut.barrier.as_of_ms, std::mem::take(&mut cut.acked))
        });
        let mut manifest = self.manifest_of(checkpoint_id, acked);
        manifest.created_ms = created_ms;
        manifest.as_of_ms = Some(as_of_ms);
        self.take_over_lists(&mut manifest);
        self.list_aborted(&mut manifest);
        let referenced = manifest_bytes(&manifest);
        self.note(checkpoint_id, |status| status.bytes_referenced = referenced);
        manifest
    }

    fn manifest_of(&self, checkpoint_id: u64, acked: BTreeMap<TaskId, Vec<AckedTable>>) -> Manifest {
        let id = self.shared.board.lock().status.id.clone();
        let job = JobRef { id, name: self.shared.job.name().to_owned() };
        let mut manifest = Manifest::new(Profile::Checkpoint, job);
        manifest.attempt = self.attempt.map_or(0, |a| a.number);
        manifest.checkpoint_id = checkpoint_id;
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

    /// Refers to objects of the manifest before as that one does: a task may have done its part before
    /// their block lists were written.
    ///
    /// Spec: PUB-4.
    fn take_over_lists(&self, manifest: &mut Manifest) {
        let tables = manifest.operators.iter_mut().flat_map(|operator| &mut operator.tables);
        for run in tables.flat_map(|table| &mut table.runs) {
            if let Place::Object { object, .. } = &mut run.place
                && object.root == 0
                && let Some(listed) = self.listed.get(&object.name)
            {
                *object = Arc::clone(listed);
            }
        }
    }

    /// Lists what aborted checkpoints wrote behind this cut: no table has it yet, but the tasks do,
    /// and the next cut will.
    ///
    /// Spec: COLLECT-4.
    fn list_aborted(&self, manifest: &mut Manifest) {
        let named: BTreeSet<String> = reach::objects(manifest).into_iter().map(|o| o.name).collect();
        let mut left: BTreeMap<String, ObjectRef> = BTreeMap::new();
        for task in self.tasks.values() {
            for object in task.ledger.objects_of(&self.aborted) {
                if !named.contains(&object.name) {
                    left.insert(object.name.clone(), (*object).clone());
                }
            }
        }
        manifest.aborted = left.into_values().collect();
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
