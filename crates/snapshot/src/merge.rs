use std::sync::Arc;

use alluvium_env::Ids;
use alluvium_format::RunRef;
use alluvium_format::runs::Merged;
use alluvium_model::StateSchema;

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
}

/// Merges adjacent runs of a keyed table in the background: into a base run when nothing older lies
/// below them, else into a delta run that keeps deletes and clears.
///
/// Returns one reference, or more when the result passes 256 MiB, or none when nothing is left.
/// The new object lies in root 0. Memory: a few pages per leaf column and run, and a row group.
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
    let MergeRequest { operator, schema, schema_id, schemas, runs, merged, as_of_ms } = request;
    let rows_of = Request {
        operator,
        wanted: Arc::clone(&schema),
        schemas,
        key_groups: merged.clip,
        prefix: None,
        after: None,
        batch_rows: 8192,
        as_of_ms: as_of_ms.filter(|_| merged.base),
        sort_keys: true,
        live: merged.base,
    };
    let mut rows = Rows::new(objects.clone(), rows_of, &runs)?;
    let mut writer = RunsWriter::new(Arc::clone(objects.root(0)?), Arc::clone(ids));
    let (base, sequence, clip) = (merged.base, merged.sequence, merged.clip);
    writer.begin(RunSpec { table: 0, schema, schema_id, base, sequence, clip, subtask: None }).await?;
    while let Some(batch) = rows.next().await? {
        writer.write(&batch).await?;
    }
    Ok(writer.finish().await?.into_iter().map(|(_, run)| run).collect())
}
