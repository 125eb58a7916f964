use std::sync::Arc;

use alluvium_env::Ids;
use alluvium_format::RunRef;
use alluvium_format::runs::Merged;
use alluvium_model::StateSchema;
use alluvium_table::MergeOutput;

use crate::passes::Passes;
use crate::rows::Request;
use crate::{ObjectReader, Result, Rows, RunSpec, RunsWriter};

/// Which runs of a table are to become one.
#[derive(Debug, Clone)]
pub struct MergeRequest {
    /// Uid or id of the operator, for errors.
    pub operator: String,
    /// Newest schema of the table: that of the new run.
    pub schema: Arc<StateSchema>,
    /// Its id.
    pub schema_id: u32,
    /// All schemas of the manifest, by id.
    pub schemas: Vec<Arc<StateSchema>>,
    /// The runs; adjacent for every key group.
    pub runs: Vec<RunRef>,
    /// What they become: see [`alluvium_format::runs::merged`].
    pub merged: Merged,
    /// The time by which rows have expired; only used when the result is a base run.
    pub as_of_ms: Option<i64>,
    /// Bytes that it may take to hold pages; runs that need more are merged in passes.
    pub merge_bytes_max: u64,
}

/// Merges adjacent runs of a keyed table in the background: into a base run when nothing older lies
/// below them, else into a delta run that keeps deletes and clears.
///
/// Returns one reference, or more when the result passes 256 MiB, or none when nothing is left.
/// The new object lies in root 0, and so do those of runs that are merged in passes, for as long as it takes.
/// Memory: `merge_bytes_max`, a row group, and what [`ObjectReader`] keeps.
///
/// # Errors
/// What could not be read or written; the runs are untouched then.
///
/// Spec: MERGE-1 to MERGE-9.
pub async fn merge_runs(
    objects: &ObjectReader,
    ids: &Arc<dyn Ids>,
    request: MergeRequest,
) -> Result<Vec<RunRef>> {
    let mut passes = Passes::new(objects, Arc::clone(objects.root(0)?), Arc::clone(ids));
    let merged = merge_in(&mut passes, objects, ids, request).await;
    // What cannot be deleted now is collected with other objects that no manifest names.
    let _ = passes.clear().await;
    merged
}

async fn merge_in(
    passes: &mut Passes,
    objects: &ObjectReader,
    ids: &Arc<dyn Ids>,
    request: MergeRequest,
) -> Result<Vec<RunRef>> {
    let MergeRequest { operator, schema, schema_id, schemas, runs, merged, as_of_ms, merge_bytes_max } =
        request;
    let mut rows_of = Request {
        operator,
        wanted: Arc::clone(&schema),
        schemas,
        key_groups: merged.clip,
        prefix: None,
        after: None,
        batch_rows: 8192,
        sort_keys: true,
        output: if merged.base { MergeOutput::Live { as_of_ms } } else { MergeOutput::Delta },
        merge_bytes_max,
    };
    let runs = passes.reduce(&mut rows_of, &runs).await?;
    let mut rows = Rows::new(passes.objects().clone(), rows_of, &runs)?;
    let mut writer = RunsWriter::new(Arc::clone(objects.root(0)?), Arc::clone(ids));
    let (base, sequence, clip) = (merged.base, merged.sequence, merged.clip);
    writer.begin(RunSpec { table: 0, schema, schema_id, base, sequence, clip, subtask: None }).await?;
    while let Some(batch) = rows.next().await? {
        writer.write(&batch).await?;
    }
    Ok(writer.finish().await?.into_iter().map(|(_, run)| run).collect())
}
