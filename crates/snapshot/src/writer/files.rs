use std::sync::Arc;

use alluvium_format::{Place, RunRef, TableEntry, name};
use alluvium_model::{KeyGroupRange, RowBatch, StateKind, StateSchema};
use alluvium_store::Store;
use alluvium_table::{KeyGroupIndex, RunWriter};

use super::Summary;
use crate::runs_writer::{ObjectSink, failed};
use crate::{Result, RunSpec};

/// The files of one table of a compacted savepoint.
///
/// Spec: MAN-9, NAME-4.
pub(crate) struct TableFiles {
    store: Arc<dyn Store>,
    operator: String,
    schema: Arc<StateSchema>,
    schema_id: u32,
    object_bytes_max: u64,
    piece: Option<(ObjectSink, RunWriter, RunSpec)>,
    runs: Vec<RunRef>,
    summary: Summary,
}

impl TableFiles {
    pub(crate) fn new(
        store: Arc<dyn Store>,
        operator: String,
        schema: Arc<StateSchema>,
        schema_id: u32,
        object_bytes_max: u64,
    ) -> Self {
        let summary = Summary::new(schema.kind);
        TableFiles {
            store,
            operator,
            schema,
            schema_id,
            object_bytes_max,
            piece: None,
            runs: Vec::new(),
            summary,
        }
    }

    pub(crate) async fn write(&mut self, batch: &RowBatch) -> Result<()> {
        if batch.is_empty() {
            return Ok(());
        }
        if !self.hashed_by_runs() {
            self.summary.update(batch)?;
        }
        if self.piece.as_ref().is_some_and(|(_, writer, _)| writer.should_split()) {
            self.end_piece().await?;
        }
        let (sink, writer, spec) = match &mut self.piece {
            Some(piece) => piece,
            None => self.begin_piece().await?,
        };
        writer.write(batch).map_err(|e| failed(spec, e))?;
        for bytes in writer.take_bytes().map_err(|e| failed(spec, e))? {
            sink.append(bytes).await?;
        }
        Ok(())
    }

    pub(crate) async fn finish(mut self) -> Result<TableEntry> {
        self.end_piece().await?;
        let (digest, entries) = self.summary.finish();
        Ok(TableEntry {
            schema_id: self.schema_id,
            runs: self.runs,
            digest: Some(digest),
            entries: Some(entries),
        })
    }

    /// Returns whether the digests of the table are the sums of those of its runs: a list may go on in
    /// another run.
    fn hashed_by_runs(&self) -> bool {
        self.schema.kind.is_keyed() && self.schema.kind != StateKind::List
    }

    async fn begin_piece(&mut self) -> Result<&mut (ObjectSink, RunWriter, RunSpec)> {
        let piece = self.runs.len() as u32;
        let keyed = self.schema.kind.is_keyed();
        let sequence = if keyed { (piece + 1, piece + 1) } else { (0, 0) };
        let spec = RunSpec {
            table: 0,
            schema: Arc::clone(&self.schema),
            schema_id: self.schema_id,
            base: true,
            sequence,
            clip: KeyGroupRange::new(0, 1),
            subtask: None,
        };
        let mut options = spec.options();
        options.object_bytes_max = self.object_bytes_max;
        let writer = RunWriter::new(Arc::clone(&self.schema), options).map_err(|e| failed(&spec, e))?;
        let name = name::table_file(&self.operator, &self.schema.name, piece);
        let sink = ObjectSink::start(&*self.store, name).await?;
        Ok(self.piece.insert((sink, writer, spec)))
    }

    async fn end_piece(&mut self) -> Result<()> {
        let Some((mut sink, writer, mut spec)) = self.piece.take() else { return Ok(()) };
        let (rest, meta) = writer.finish().map_err(|e| failed(&spec, e))?;
        for bytes in rest {
            sink.append(bytes).await?;
        }
        if let Some(live) = meta.live.as_ref().filter(|_| self.hashed_by_runs()) {
            self.summary.add_run(live);
        }
        if self.schema.kind.is_keyed() {
            spec.clip = clip_of(&meta.key_groups);
        }
        let object = Arc::new(sink.finish().await?);
        let place = Place::Object { length: object.size, object, offset: 0 };
        self.runs.push(spec.reference(place, &meta));
        Ok(())
    }
}

/// Returns the key groups from the first to the last that has rows.
pub(crate) fn clip_of(index: &KeyGroupIndex) -> KeyGroupRange {
    match index.entries() {
        [] => KeyGroupRange::new(0, 0),
        [only] => KeyGroupRange::new(only.group.0.into(), u32::from(only.group.0) + 1),
        [first, .., last] => KeyGroupRange::new(first.group.0.into(), u32::from(last.group.0) + 1),
    }
}
