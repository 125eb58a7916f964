//! A Flink snapshot as a source of rows.

mod agree;
mod describe;
mod fill;
mod inflight;
mod lookup;
mod operators;
mod origin;
mod read;
mod rows;
mod scan;
mod sources;
mod tables;
mod verify;

use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;

use ::bytes::Bytes;
use alluvium_model::digest::TableDigest;
use alluvium_model::source::{Damage, SourceError, Verified};
use alluvium_model::{
    ErrorKind, OperatorId, OperatorUid, Origin, Role, RowBatch, RowStream, Scan, SnapshotDescription,
    SnapshotSource, Value,
};

use crate::Result;
use crate::files::Files;
use crate::locate::{Located, locate_local};
use crate::metadata::Metadata;
use crate::serializer::Context;
use operators::{Caches, OperatorSource};
use read::Reading;
use scan::{Stream, Wanted};
use tables::Table;

/// A savepoint or checkpoint of Apache Flink, opened.
///
/// Opening reads the metadata and the headers of state files; rows are read when a scan reaches them,
/// one key group of one state at a time.
#[derive(Debug)]
pub struct FlinkSnapshot {
    files: Arc<Files>,
    metadata: Metadata,
    context: Context,
    operators: Vec<OperatorSource>,
    description: SnapshotDescription,
    /// Whether rows of keyed state go straight into columns.
    columns: bool,
}

impl FlinkSnapshot {
    /// Opens the snapshot that a local path leads to.
    ///
    /// # Errors
    /// As for [`locate_local`].
    pub fn open(path: &Path) -> Result<Self> {
        Ok(Self::of(locate_local(path)?, &|_| None))
    }

    /// Opens a snapshot that was found. `uids` names operators whose metadata holds no uid, see
    /// [`crate::uids`].
    ///
    /// What cannot be opened (a missing file, a header of an unknown version) does not hide the rest:
    /// it is among the warnings of the description and in what `verify` finds.
    pub fn of(located: Located, uids: &dyn Fn(OperatorId) -> Option<OperatorUid>) -> Self {
        let Located { metadata, files, kind, job_id, path } = located;
        let files = Arc::new(files);
        let context = Context { metadata_version: metadata.version };
        let mut caches = Caches::default();
        let open = |operator| {
            let mut source = OperatorSource::open(operator, &files, context, &mut caches);
            source.uid = source.uid.or_else(|| uids(source.id));
            source
        };
        let operators: Vec<OperatorSource> = metadata.operators.iter().map(open).collect();
        let of = describe::Known { metadata: &metadata, files: &files, kind, job_id, path };
        let description = describe::describe(&of, &operators);
        FlinkSnapshot { files, metadata, context, operators, description, columns: true }
    }

    /// Returns the metadata.
    pub fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    /// Returns the original serializer snapshots of a state by the part of a row that they describe:
    /// [`Role::Key`], [`Role::Namespace`], [`Role::MapKey`] and [`Role::Value`], where it has them.
    /// They are in form V; before 1.7 as [`crate::serializer::SerializerSnapshot::origin`] says.
    pub fn origin(&self, operator: OperatorId, state: &str) -> &[(Role, Bytes)] {
        self.find(operator, state).map_or(&[], |(_, table)| &table.origin)
    }

    fn find(&self, operator: OperatorId, state: &str) -> Result<(&OperatorSource, &Table), SourceError> {
        let unknown = |what: String| SourceError::new(ErrorKind::Input, what);
        let operator = self
            .operators
            .iter()
            .find(|source| source.id == operator)
            .ok_or_else(|| unknown(format!("operator {operator} is not in this snapshot")))?;
        let table = operator.tables.iter().find(|table| table.schema.name == state);
        let label = operator.label();
        let table = table.ok_or_else(|| unknown(format!("operator {label} has no state {state}")))?;
        Ok((operator, table))
    }

    fn reading<'a>(&'a self, operator: &'a OperatorSource, table: &'a Table) -> Reading<'a> {
        Reading { operator, table, files: &self.files, context: self.context, columns: self.columns }
    }
}

impl SnapshotSource for FlinkSnapshot {
    fn describe(&self) -> &SnapshotDescription {
        &self.description
    }

    fn scan(&self, scan: &Scan) -> Result<Box<dyn RowStream + Send + '_>, SourceError> {
        let (operator, table) = self.find(scan.operator, &scan.state)?;
        let wanted = Wanted { prefix: scan.prefix.clone(), after: scan.after.clone(), key: Vec::new() };
        let reading = self.reading(operator, table);
        Ok(Box::new(Stream::new(reading, scan.key_groups, wanted, scan.batch_rows)))
    }

    fn lookup(&self, operator: OperatorId, state: &str, key: &Value) -> Result<Vec<RowBatch>, SourceError> {
        let (operator, table) = self.find(operator, state)?;
        lookup::lookup(self.reading(operator, table), key)
    }

    fn digest(&self, operator: OperatorId, state: &str) -> Result<Option<TableDigest>, SourceError> {
        self.find(operator, state).map(|_| None)
    }

    fn origin(&self) -> Result<Option<Origin>, SourceError> {
        Ok(Some(origin::origin(&self.description, &self.operators)))
    }

    fn verify(&self, report: &mut dyn FnMut(Damage) -> ControlFlow<()>) -> Result<Verified, SourceError> {
        verify::verify(self, report)
    }
}

#[cfg(test)]
mod tests;
