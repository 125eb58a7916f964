use std::sync::Arc;

use alluvium_dataflow::Element;
use alluvium_model::{KeyGroupRange, Op, Row, RowBatch, RowBatchBuilder, StateKind, StateSchema};
use alluvium_snapshot::format::{RunRef, runs};
use alluvium_snapshot::{MERGE_BYTES_MAX, MergeRequest, ObjectReader, RunSpec, RunsWriter, merge_runs};
use alluvium_state::Frozen;
use arrow_array::{BooleanArray, RecordBatch};
use arrow_select::filter::{filter, filter_record_batch};

use super::{Freeze, LedgerTable, OwnedRun, Part};
use crate::Error;
use crate::coordinator::Shared;
use crate::plan::TaskId;
use crate::planted::{Bug, is_planted};

/// Writes what a barrier cut off a task: its runs go end to end into one object, small ones inline.
pub(super) async fn write(
    shared: &Shared,
    task: TaskId,
    tables: &[LedgerTable],
    bases: &[bool],
    freeze: &Freeze,
) -> Result<Vec<(usize, OwnedRun)>, Error> {
    let mut writer = RunsWriter::new(Arc::clone(shared.root.store()), Arc::clone(&shared.env.ids));
    for part in &freeze.parts {
        match part {
            Part::Frozen { position, frozen } => {
                write_frozen(&mut writer, tables, bases, *position, frozen).await?;
            }
            Part::Elements { position, table, elements } => {
                let Some(table) = table_of(tables, *position, *table, false) else { continue };
                write_elements(&mut writer, task, table, &tables[table], elements).await?;
            }
        }
    }
    let written = writer.finish().await.map_err(Error::snapshot("writing runs"))?;
    let checkpoint_id = freeze.barrier.checkpoint_id;
    let owned = |(table, run): (usize, RunRef)| {
        (table, OwnedRun { run, schema: Arc::clone(&tables[table].schema), checkpoint_id })
    };
    Ok(written.into_iter().map(owned).collect())
}

async fn write_frozen(
    writer: &mut RunsWriter,
    tables: &[LedgerTable],
    bases: &[bool],
    position: usize,
    frozen: &Frozen,
) -> Result<(), Error> {
    let sequence = frozen.id.sequence();
    for part in &frozen.tables {
        let Some(table) = table_of(tables, position, part.slot(), true) else { continue };
        let described = &tables[table];
        let base = bases[table];
        let spec = RunSpec {
            table,
            schema: Arc::clone(&described.schema),
            schema_id: 0,
            base,
            sequence: (sequence, sequence),
            clip: described.range,
            subtask: None,
        };
        writer.begin(spec).await.map_err(Error::snapshot("writing runs"))?;
        for batch in part.rows(BATCH_ROWS) {
            let batch = project(described, batch?)?;
            let batch = if base { without_ops(&batch)? } else { batch };
            let batch = match is_planted(Bug::ClearForgetsOlderRuns) {
                true => without_clears(&batch)?,
                false => batch,
            };
            if !batch.is_empty() {
                writer.write(&batch).await.map_err(Error::snapshot("writing runs"))?;
            }
        }
    }
    Ok(())
}

async fn write_elements(
    writer: &mut RunsWriter,
    task: TaskId,
    table: usize,
    described: &LedgerTable,
    elements: &[Element],
) -> Result<(), Error> {
    // Broadcast state is the same everywhere.
    if described.schema.kind == StateKind::Broadcast && task.subtask != 0 {
        return Ok(());
    }
    let mut rows = RowBatchBuilder::new(Arc::clone(&described.schema), false);
    for (element, position) in elements.iter().zip(0..) {
        let (map_key, value) = (element.map_key.clone(), element.value.clone());
        rows.push(Row { subtask: task.subtask as i32, position, map_key, value, ..Row::default() })?;
    }
    let batch = rows.finish()?;
    let spec = RunSpec {
        table,
        schema: Arc::clone(&described.schema),
        schema_id: 0,
        base: true,
        sequence: (0, 0),
        clip: KeyGroupRange::new(0, 1),
        subtask: Some(task.subtask),
    };
    writer.begin(spec).await.map_err(Error::snapshot("writing runs"))?;
    if !batch.is_empty() {
        writer.write(&batch).await.map_err(Error::snapshot("writing runs"))?;
    }
    Ok(())
}

/// Merges some of a table's runs; returns what replaces them.
pub(super) async fn merge(
    shared: &Shared,
    objects: &ObjectReader,
    table: &LedgerTable,
    list: &[OwnedRun],
    chosen: &[usize],
    as_of_ms: Option<i64>,
) -> Result<Vec<OwnedRun>, Error> {
    let mut schemas = vec![Arc::clone(&table.schema)];
    let mut all: Vec<RunRef> = Vec::with_capacity(list.len());
    for owned in list {
        all.push(RunRef { schema_id: intern(&mut schemas, &owned.schema), ..owned.run.clone() });
    }
    let Some(merged) = runs::merged(&all, chosen) else {
        return Ok(chosen.iter().filter_map(|i| list.get(*i)).cloned().collect());
    };
    let node = &shared.job.nodes()[table.node];
    let request = MergeRequest {
        operator: node.uid.as_ref().map_or_else(|| node.id.to_string(), ToString::to_string),
        schema: Arc::clone(&table.schema),
        schema_id: 0,
        schemas,
        runs: chosen.iter().filter_map(|i| all.get(*i)).cloned().collect(),
        merged,
        as_of_ms,
        merge_bytes_max: MERGE_BYTES_MAX,
    };
    let written =
        merge_runs(objects, &shared.env.ids, request).await.map_err(Error::snapshot("merging runs"))?;
    let newest = chosen.iter().filter_map(|i| list.get(*i)).map(|owned| owned.checkpoint_id).max();
    let owned = |run| OwnedRun { run, schema: Arc::clone(&table.schema), checkpoint_id: newest.unwrap_or(0) };
    Ok(written.into_iter().map(owned).collect())
}

fn intern(schemas: &mut Vec<Arc<StateSchema>>, schema: &Arc<StateSchema>) -> u32 {
    let found = schemas.iter().position(|s| s == schema);
    let id = found.unwrap_or_else(|| {
        schemas.push(Arc::clone(schema));
        schemas.len() - 1
    });
    id as u32
}

pub(super) fn table_of(tables: &[LedgerTable], position: usize, slot: usize, keyed: bool) -> Option<usize> {
    tables.iter().position(|t| t.position == position && t.slot == slot && t.schema.kind.is_keyed() == keyed)
}

fn project(table: &LedgerTable, batch: RowBatch) -> Result<RowBatch, Error> {
    match &table.projection {
        Some(projection) => Ok(projection.project_batch(&batch)?),
        None => Ok(batch),
    }
}

/// Returns the puts of a batch as rows of a base run: nothing older lies below that a delete or a
/// clear could hide.
fn without_ops(batch: &RowBatch) -> Result<RowBatch, Error> {
    let schema = batch.schema();
    let puts: BooleanArray = (0..batch.len()).map(|row| Some(batch.op(row) == Op::Put)).collect();
    let columns = batch.rows().columns().get(1..).unwrap_or_default().to_vec();
    let deltas = RecordBatch::try_from_iter(
        schema.roles(false).iter().zip(columns).map(|(role, column)| (role.name(), column)),
    );
    let deltas = deltas.map_err(alluvium_model::Error::from)?;
    let kept = filter_record_batch(&deltas, &puts).map_err(alluvium_model::Error::from)?;
    let rows = RecordBatch::try_new(schema.arrow_schema(false), kept.columns().to_vec());
    let rows = rows.map_err(alluvium_model::Error::from)?;
    let keys = filter(batch.sort_keys(), &puts).map_err(alluvium_model::Error::from)?;
    let keys = arrow_array::cast::AsArray::as_binary::<i32>(&*keys).clone();
    Ok(RowBatch::new(Arc::clone(schema), false, rows, keys)?)
}

/// Leaves the clears out of a delta: a planted bug.
fn without_clears(batch: &RowBatch) -> Result<RowBatch, Error> {
    let others: BooleanArray = (0..batch.len()).map(|row| Some(batch.op(row) != Op::Clear)).collect();
    let rows = filter_record_batch(batch.rows(), &others).map_err(alluvium_model::Error::from)?;
    let keys = filter(batch.sort_keys(), &others).map_err(alluvium_model::Error::from)?;
    let keys = arrow_array::cast::AsArray::as_binary::<i32>(&*keys).clone();
    Ok(RowBatch::new(Arc::clone(batch.schema()), batch.has_ops(), rows, keys)?)
}

const BATCH_ROWS: usize = 8192;
