//! Files to savepoints.

mod files;
mod jsonl;
mod order;
mod parquet;
mod place;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use alluvium_env::Env;
use alluvium_model::source::SnapshotSource;
use alluvium_model::{JobDescription, RowBatch, SnapshotDescription, StateKind, StateSchema};
use alluvium_query::{Target, count, operator_text};
use alluvium_snapshot::format::JobRef;
use alluvium_snapshot::{OperatorSpec, SavepointOptions, Snapshot, SnapshotWriter, locate, write_savepoint};
use alluvium_store::{LocalStore, Store, block_on};

use crate::copy::{Rows, spec_of, with_ids, with_ids_of};
use crate::error::Result;
use crate::layout::empty_dir;
use crate::{Error, Format, Report, StateReport};

/// Where the operators and schemas of an import come from.
pub enum Schemas {
    /// From a job description: states without a file are empty (bootstrap).
    Job(JobDescription),
    /// From a snapshot: states without a file are copied from it (patch).
    Like(Box<Snapshot>),
    /// From a snapshot of another engine, likewise.
    LikeOther(Box<dyn SnapshotSource>),
}

/// How files are imported.
pub struct ImportPlan {
    /// Operators and schemas.
    pub schemas: Schemas,
    /// OP/STATE of the one file to import, where the source is a file.
    pub state: Option<String>,
    /// Time of last access of rows that have none, in states with a time to live.
    pub last_access_ms: Option<i64>,
}

impl ImportPlan {
    /// Plans an import with the schemas of a job or a snapshot.
    pub fn new(schemas: Schemas) -> Self {
        ImportPlan { schemas, state: None, last_access_ms: None }
    }
}

/// Writes a savepoint from files as [`export`](crate::export) makes them, JSON lines or Parquet.
///
/// `source` is the directory of the files, or one file with [`ImportPlan::state`]. A file replaces
/// its state whole. Key groups are computed from the keys, and checked where a row holds one. List
/// positions and indices that are absent follow the order of the rows.
///
/// Rows in canonical order are streamed, after one pass that checks the order; others are sorted in
/// memory. The savepoint is opened again at the end and its rows are counted.
///
/// # Errors
/// [`Error::NotEmpty`], [`Error::UnknownFile`], [`Error::NothingToImport`]; [`Error::BadRow`] and
/// [`Error::BadColumn`] with the place; what could not be read or written.
pub fn import(source: &Path, destination: &Path, plan: &ImportPlan, env: &Env) -> Result<Report> {
    let operators = operators_of(&plan.schemas);
    let files = files::find(source, plan.state.as_deref(), &operators)?;
    empty_dir(destination)?;
    let store: Arc<dyn Store> = Arc::new(LocalStore::create_dir(destination)?);
    let mut writer = SnapshotWriter::savepoint(store, env, JobRef::default());
    block_on(head(&mut writer, &plan.schemas))?;
    let mut report = Report::default();
    for operator in &operators {
        block_on(writer.operator(operator.spec.clone()))?;
        for schema in &operator.states {
            let file =
                files.iter().find(|file| file.operator == operator.spec.id && file.state == schema.name);
            let state = write_state(&mut writer, operator, schema, file, plan)?;
            block_on(writer.end_table())?;
            report.states.push(state);
        }
    }
    block_on(writer.finish())?;
    count_again(destination, &mut report)?;
    Ok(report)
}

/// Writes a compacted savepoint of a snapshot, and counts its rows again.
///
/// # Errors
/// [`Error::NotEmpty`]; what could not be read or written; [`Error::Miscounted`].
pub fn to_savepoint(source: &Snapshot, destination: &Path, env: &Env) -> Result<Report> {
    empty_dir(destination)?;
    let store: Arc<dyn Store> = Arc::new(LocalStore::create_dir(destination)?);
    block_on(write_savepoint(source, store, env, &SavepointOptions::default()))?;
    let mut report = Report::default();
    for operator in &source.describe().operators {
        for table in &operator.states {
            let rows = rows_of(source, &Target { operator, table })?;
            report.states.push(copied(operator_text(operator), table.schema.name.clone(), rows));
        }
    }
    count_again(destination, &mut report)?;
    Ok(report)
}

/// An operator to write, with the states to write.
pub(crate) struct Operator {
    pub(crate) spec: OperatorSpec,
    pub(crate) label: String,
    pub(crate) states: Vec<Arc<StateSchema>>,
}

/// A file to import, and its state.
pub(crate) struct StateFile {
    pub(crate) operator: alluvium_model::OperatorId,
    pub(crate) state: String,
    pub(crate) path: PathBuf,
    pub(crate) shown: String,
    pub(crate) format: Format,
}

fn operators_of(schemas: &Schemas) -> Vec<Operator> {
    match schemas {
        Schemas::Job(job) => {
            let operators = job.operators.iter().filter(|operator| !operator.states.is_empty());
            operators.map(job_operator).collect()
        }
        Schemas::Like(snapshot) => described(snapshot.describe()),
        Schemas::LikeOther(snapshot) => described(snapshot.describe()),
    }
}

fn described(snapshot: &SnapshotDescription) -> Vec<Operator> {
    let operator = |operator| Operator {
        spec: spec_of(operator),
        label: operator_text(operator),
        states: operator
            .states
            .iter()
            .filter(|table| table.schema.kind != StateKind::InFlight)
            .map(|table| with_ids(&table.schema))
            .collect(),
    };
    snapshot.operators.iter().map(operator).collect()
}

fn job_operator(operator: &alluvium_model::OperatorDescription) -> Operator {
    use alluvium_model::KeyGroupFunction;
    let function = operator.key.as_ref().map(KeyGroupFunction::default_for);
    let label = match &operator.uid {
        Some(uid) => uid.as_str().replace('%', "%25").replace('/', "%2F"),
        None => operator.id.to_string(),
    };
    Operator {
        spec: OperatorSpec {
            id: operator.id,
            uid: operator.uid.clone(),
            name: Some(operator.name.clone()).filter(|name| !name.is_empty()),
            parallelism: operator.parallelism,
            max_parallelism: operator.max_parallelism,
            key_group_function: operator
                .key_group_function
                .or(function)
                .unwrap_or(KeyGroupFunction::JavaHash),
        },
        label,
        states: operator.states.iter().map(with_ids).collect(),
    }
}

/// Writes what belongs to the savepoint as a whole.
async fn head(writer: &mut SnapshotWriter, schemas: &Schemas) -> Result<()> {
    match schemas {
        Schemas::Job(job) => {
            writer.manifest_mut().job.name = job.name.clone();
            if !job.edges.is_empty() {
                writer.job_description(job).await?;
            }
        }
        Schemas::LikeOther(snapshot) => {
            if let Some(origin) = snapshot.origin()? {
                writer.origin(&with_ids_of(origin)).await?;
            }
        }
        Schemas::Like(snapshot) => {
            let from = snapshot.manifest();
            let to = writer.manifest_mut();
            to.job = from.job.clone();
            (to.attempt, to.checkpoint_id, to.as_of_ms) = (from.attempt, from.checkpoint_id, from.as_of_ms);
            if let Some(origin) = snapshot.read_origin().await? {
                writer.origin(&origin).await?;
            }
            if let Some(description) = snapshot.job_description().await? {
                writer.job_description(&description).await?;
            }
        }
    }
    Ok(())
}

fn write_state(
    writer: &mut SnapshotWriter,
    operator: &Operator,
    schema: &Arc<StateSchema>,
    file: Option<&StateFile>,
    plan: &ImportPlan,
) -> Result<StateReport> {
    block_on(writer.begin_table(Arc::clone(schema)))?;
    let mut rows = 0;
    let mut write = |batch: &RowBatch| -> Result<()> {
        rows += batch.len() as u64;
        Ok(block_on(writer.write(batch))?)
    };
    match (file, &plan.schemas) {
        (Some(file), _) => order::in_order(&|| chunks(operator, schema, file, plan), &mut write)?,
        (None, Schemas::Like(snapshot)) => each_batch(&**snapshot, operator, schema, &mut write)?,
        (None, Schemas::LikeOther(snapshot)) => each_batch(&**snapshot, operator, schema, &mut write)?,
        (None, Schemas::Job(_)) => {}
    }
    let mut state = copied(operator.label.clone(), schema.name.clone(), rows);
    state.file = file.map(|file| file.shown.clone());
    Ok(state)
}

/// Reads a state of the snapshot that an import is laid over.
fn each_batch(
    snapshot: &dyn SnapshotSource,
    operator: &Operator,
    schema: &Arc<StateSchema>,
    write: &mut dyn FnMut(&RowBatch) -> Result<()>,
) -> Result<()> {
    let there = snapshot.describe().operators.iter().find(|o| o.id == operator.spec.id);
    let Some(there) = there else { return Ok(()) };
    let Some(table) = there.states.iter().find(|table| table.schema.name == schema.name) else {
        return Ok(());
    };
    let mut rows = Rows::of(snapshot, there, &table.schema)?;
    while let Some(batch) = rows.next()? {
        write(&batch)?;
    }
    Ok(())
}

/// Batches of a file, each in canonical order.
type Chunks<'a> = Box<dyn Iterator<Item = Result<RowBatch>> + 'a>;

fn chunks<'a>(
    operator: &'a Operator,
    schema: &'a Arc<StateSchema>,
    file: &'a StateFile,
    plan: &ImportPlan,
) -> Result<Chunks<'a>> {
    let placer = place::Placer::new(&operator.spec, schema)?;
    Ok(match file.format {
        Format::Parquet => Box::new(parquet::Chunks::open(file, schema, placer, plan.last_access_ms)?),
        _ => Box::new(jsonl::Chunks::open(file, schema, placer, plan.last_access_ms)?),
    })
}

pub(crate) fn copied(operator: String, state: String, rows: u64) -> StateReport {
    StateReport { operator, state, file: None, read: rows, written: 0, losses: Vec::new() }
}

fn rows_of(source: &dyn SnapshotSource, target: &Target<'_>) -> Result<u64> {
    let counts = count(source, target)?;
    Ok(counts.elements.unwrap_or(counts.entries))
}

/// Opens what was written and counts its rows.
pub(crate) fn count_again(destination: &Path, report: &mut Report) -> Result<()> {
    let snapshot = locate(destination)?.open()?;
    let operators = snapshot.describe().operators.iter();
    let targets =
        operators.flat_map(|operator| operator.states.iter().map(move |table| Target { operator, table }));
    for target in targets {
        let label = operator_text(target.operator);
        let name = &target.table.schema.name;
        let Some(state) = report.states.iter_mut().find(|s| s.operator == label && s.state == *name) else {
            continue;
        };
        state.written = rows_of(&snapshot, &target)?;
    }
    match report.states.iter().find(|state| state.read != state.written) {
        None => Ok(()),
        Some(state) => {
            let path = destination.join(&state.operator).join(&state.state);
            Err(Error::Miscounted { path, wanted: state.read, found: state.written })
        }
    }
}
