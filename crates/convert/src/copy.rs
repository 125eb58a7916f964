//! Snapshots of any engine to savepoints of ours.

use std::path::Path;
use std::sync::Arc;

use alluvium_env::Env;
use alluvium_model::evolution::{self, Projection, assign_field_ids};
use alluvium_model::source::{OperatorState, RowStream, StateTable};
use alluvium_model::{Origin, RowBatch, Scan, SnapshotDescription, SnapshotSource, StateKind, StateSchema};
use alluvium_query::operator_text;
use alluvium_snapshot::format::JobRef;
use alluvium_snapshot::{OperatorSpec, SnapshotWriter};
use alluvium_store::{LocalStore, Store, block_on};

use crate::error::Result;
use crate::import::{copied, count_again};
use crate::layout::empty_dir;
use crate::{Error, Loss, Report, StateReport};

/// Writes a compacted savepoint with the states of a snapshot of any engine, and counts its rows
/// again.
///
/// Keys stay in their key groups; original bytes stay beside the values that do not encode back to
/// them, and what the engine said of its serializers goes along as the savepoint's origin. Records
/// in flight are left behind, as a savepoint holds none.
///
/// Holds one batch of rows.
///
/// # Errors
/// [`Error::NotEmpty`]; what could not be read or written; [`Error::Miscounted`].
pub fn copy(source: &dyn SnapshotSource, destination: &Path, env: &Env) -> Result<Report> {
    empty_dir(destination)?;
    let store: Arc<dyn Store> = Arc::new(LocalStore::create_dir(destination)?);
    let description = source.describe();
    let mut writer = SnapshotWriter::savepoint(store, env, job_of(description));
    writer.manifest_mut().checkpoint_id = description.id.unwrap_or(0);
    if let Some(origin) = source.origin()? {
        block_on(writer.origin(&with_ids_of(origin)))?;
    }
    let mut report = Report::default();
    for operator in &description.operators {
        block_on(writer.operator(spec_of(operator)))?;
        for table in &operator.states {
            report.states.push(state(source, operator, table, &mut writer)?);
        }
    }
    block_on(writer.finish())?;
    count_again(destination, &mut report)?;
    Ok(report)
}

fn state(
    source: &dyn SnapshotSource,
    operator: &OperatorState,
    table: &StateTable,
    writer: &mut SnapshotWriter,
) -> Result<StateReport> {
    let schema = &table.schema;
    let mut report = copied(operator_text(operator), schema.name.clone(), 0);
    if schema.kind == StateKind::InFlight {
        report.losses.push(Loss::InFlight);
        return Ok(report);
    }
    let mut rows = Rows::of(source, operator, schema)?;
    block_on(writer.begin_table(Arc::clone(&rows.schema)))?;
    while let Some(batch) = rows.next()? {
        report.read += batch.len() as u64;
        block_on(writer.write(&batch))?;
    }
    block_on(writer.end_table())?;
    Ok(report)
}

/// The rows of a state under a schema whose fields have ids.
pub(crate) struct Rows<'a> {
    stream: Box<dyn RowStream + Send + 'a>,
    projection: Option<Arc<Projection>>,
    pub(crate) schema: Arc<StateSchema>,
}

impl<'a> Rows<'a> {
    pub(crate) fn of(
        source: &'a dyn SnapshotSource,
        operator: &OperatorState,
        found: &Arc<StateSchema>,
    ) -> Result<Self> {
        let schema = with_ids(found);
        let projection = if schema == *found {
            None
        } else {
            let incompatible = |differences: Vec<evolution::Difference>| {
                let found = differences.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ");
                Error::Model(alluvium_model::Error::Layout {
                    state: schema.name.clone(),
                    column: "*".into(),
                    found,
                })
            };
            Some(evolution::projection(found, &schema).map_err(incompatible)?)
        };
        let stream = source.scan(&Scan::all(operator.id, &found.name))?;
        Ok(Rows { stream, projection, schema })
    }

    pub(crate) fn next(&mut self) -> Result<Option<RowBatch>> {
        let Some(batch) = self.stream.next_batch()? else { return Ok(None) };
        Ok(Some(match &self.projection {
            Some(projection) => projection.project_batch(&batch)?,
            None => batch,
        }))
    }
}

/// Gives the fields of a schema that never had ids their first ones.
pub(crate) fn with_ids(schema: &Arc<StateSchema>) -> Arc<StateSchema> {
    match schema.field_id_max {
        0 => Arc::new(assign_field_ids(schema, None)),
        _ => Arc::clone(schema),
    }
}

/// Gives the schemas of an origin the same ids.
pub(crate) fn with_ids_of(mut origin: Origin) -> Origin {
    for state in &mut origin.states {
        state.schema = with_ids(&state.schema);
    }
    origin
}

/// Returns an operator as a savepoint has it.
pub(crate) fn spec_of(operator: &OperatorState) -> OperatorSpec {
    OperatorSpec {
        id: operator.id,
        uid: operator.uid.clone(),
        name: operator.name.clone(),
        parallelism: operator.parallelism,
        max_parallelism: operator.max_parallelism,
        key_group_function: operator.key_group_function,
    }
}

fn job_of(description: &SnapshotDescription) -> JobRef {
    let fact = |wanted: &str| {
        let fact = description.facts.iter().find(|(name, _)| *name == wanted);
        fact.and_then(|(_, value)| value.as_str()).unwrap_or_default().to_owned()
    };
    JobRef { id: fact("job_id"), name: fact("job_name") }
}
