mod sink;

use std::sync::Arc;

use alluvium_env::Ids;
use alluvium_format::{ObjectRef, Place, RunRef, Unknown};
use alluvium_model::{KeyGroupRange, RowBatch, StateSchema};
use alluvium_store::Store;
use alluvium_table::{RunMeta, RunOptions, RunWriter};
use bytes::Bytes;

pub(crate) use sink::ObjectSink;

use crate::{Error, Result};

/// What a run is, before it is written.
#[derive(Debug, Clone)]
pub struct RunSpec {
    /// Which table it belongs to: the caller's own number, handed back with the reference.
    pub table: usize,
    /// Schema of its rows.
    pub schema: Arc<StateSchema>,
    /// Id of that schema in the manifest.
    pub schema_id: u32,
    /// Whether nothing older lies below it: rows come without operations.
    pub base: bool,
    /// Sequences that it covers, both inclusive; `(0, 0)` without key groups.
    pub sequence: (u32, u32),
    /// Key groups that it covers; `0..1` without key groups.
    pub clip: KeyGroupRange,
    /// Subtask whose operator state it holds.
    pub subtask: Option<u32>,
}

impl RunSpec {
    /// Makes the reference to a run of this kind.
    pub fn reference(&self, place: Place, meta: &RunMeta) -> RunRef {
        RunRef {
            place,
            rows: meta.rows,
            deletes: meta.deletes,
            clears: meta.clears,
            sequence: self.sequence,
            clip: self.clip,
            schema_id: self.schema_id,
            base: self.base,
            rows_digest: meta.rows_digest,
            subtask: self.subtask,
            unknown: Unknown::default(),
        }
    }

    pub(crate) fn options(&self) -> RunOptions {
        if self.base { RunOptions::base(self.sequence) } else { RunOptions::delta(self.sequence) }
    }
}

/// A run whose bytes are at hand.
#[derive(Debug)]
pub struct EncodedRun {
    /// What it is.
    pub spec: RunSpec,
    /// Its bytes, in pieces.
    pub bytes: Vec<Bytes>,
    /// What the writer found out.
    pub meta: RunMeta,
}

/// Writes runs end to end into one object, as a subtask does at each checkpoint.
///
/// **Owns** the object, its digests and which runs go inline. **Does not own** sequences and
/// manifests. Runs under 4 KiB become inline; when the object is near 256 MiB, rows go on in
/// another, in a run of their own that begins at a key group. Nothing is visible before
/// [`RunsWriter::finish`]; dropped, it leaves nothing. A run without rows is left out.
///
/// Memory: a row group of the run being written.
///
/// Spec: RUN-1, RUN-5, MAN-7, DIGEST-1.
pub struct RunsWriter {
    store: Arc<dyn Store>,
    ids: Arc<dyn Ids>,
    object_bytes_max: u64,
    object: Option<ObjectSink>,
    names: Vec<String>,
    in_object: Vec<(u64, RunSpec, RunMeta, u64)>,
    current: Option<Current>,
    done: Vec<(u64, usize, RunRef)>,
    begun: u64,
}

/// The run being written.
struct Current {
    spec: RunSpec,
    writer: RunWriter,
    /// Bytes that may still become inline; `None` once they went to the object.
    held: Option<Vec<Bytes>>,
    offset: u64,
    last_group: Option<u16>,
}

impl RunsWriter {
    /// Starts without an object; it is created with the first run that is not inline.
    pub fn new(store: Arc<dyn Store>, ids: Arc<dyn Ids>) -> Self {
        RunsWriter {
            store,
            ids,
            object_bytes_max: ObjectRef::BYTES_MAX - ObjectRef::BYTES_MAX / 8,
            object: None,
            names: Vec::new(),
            in_object: Vec::new(),
            current: None,
            done: Vec::new(),
            begun: 0,
        }
    }

    /// Goes on in another object at a smaller size than usual.
    pub fn with_object_bytes_max(mut self, object_bytes_max: u64) -> Self {
        self.object_bytes_max = object_bytes_max;
        self
    }

    /// Begins a run; ends the one before.
    ///
    /// # Errors
    /// [`Error::Table`]; faults of the store.
    pub async fn begin(&mut self, spec: RunSpec) -> Result<()> {
        self.end().await?;
        if self.object.as_ref().is_some_and(|object| object.size() >= self.object_bytes_max) {
            self.end_object().await?;
        }
        let used = self.object.as_ref().map_or(0, ObjectSink::size);
        let mut options = spec.options();
        options.object_bytes_max = self.object_bytes_max.saturating_sub(used);
        let writer = RunWriter::new(Arc::clone(&spec.schema), options).map_err(|e| failed(&spec, e))?;
        self.current = Some(Current { spec, writer, held: Some(Vec::new()), offset: 0, last_group: None });
        Ok(())
    }

    /// Adds rows to the run begun last; they ascend strictly.
    ///
    /// # Errors
    /// [`Error::Table`] for rows out of order; faults of the store.
    pub async fn write(&mut self, batch: &RowBatch) -> Result<()> {
        let mut rest = batch.clone();
        while !rest.is_empty() {
            let Some(current) = &mut self.current else {
                return Err(Error::Refused { place: "run".into(), reason: "rows before a run has begun" });
            };
            let cut = match current.writer.should_split() {
                true => end_of_group(&rest, current.last_group),
                false => rest.len(),
            };
            if cut > 0 {
                let part = rest.slice(0, cut);
                current.writer.write(&part).map_err(|e| failed(&current.spec, e))?;
                current.last_group = last_group(&part);
                rest = rest.slice(cut, rest.len() - cut);
                self.drain().await?;
            } else {
                self.split(&rest).await?;
            }
        }
        Ok(())
    }

    /// Writes a whole run from batches.
    ///
    /// # Errors
    /// As for [`RunsWriter::write`], and those of the batches.
    pub async fn write_run<E>(
        &mut self,
        spec: RunSpec,
        batches: impl Iterator<Item = Result<RowBatch, E>>,
    ) -> Result<()>
    where
        Error: From<E>,
    {
        self.begin(spec).await?;
        for batch in batches {
            self.write(&batch?).await?;
        }
        self.end().await
    }

    /// Adds a run that was encoded elsewhere.
    ///
    /// # Errors
    /// Faults of the store.
    pub async fn add(&mut self, run: EncodedRun) -> Result<()> {
        self.end().await?;
        if run.meta.rows == 0 {
            return Ok(());
        }
        let length: usize = run.bytes.iter().map(Bytes::len).sum();
        if length < RunRef::INLINE_BYTES_MAX {
            self.push_inline(&run.spec, &run.meta, &run.bytes);
            return Ok(());
        }
        if self.object.as_ref().is_some_and(|o| o.size() + length as u64 > self.object_bytes_max) {
            self.end_object().await?;
        }
        let offset = self.append(run.bytes).await?;
        self.begun += 1;
        self.in_object.push((self.begun, run.spec, run.meta, offset));
        Ok(())
    }

    /// Ends the run begun last, if there is one.
    ///
    /// # Errors
    /// [`Error::Table`]; faults of the store.
    pub async fn end(&mut self) -> Result<()> {
        let Some(Current { spec, writer, held, mut offset, .. }) = self.current.take() else { return Ok(()) };
        let (rest, meta) = writer.finish().map_err(|e| failed(&spec, e))?;
        if meta.rows == 0 {
            return Ok(());
        }
        let bytes = match held {
            Some(mut held) => {
                held.extend(rest);
                if meta.bytes < RunRef::INLINE_BYTES_MAX as u64 {
                    self.push_inline(&spec, &meta, &held);
                    return Ok(());
                }
                offset = self.object.as_ref().map_or(0, ObjectSink::size);
                held
            }
            None => rest,
        };
        self.append(bytes).await?;
        self.begun += 1;
        self.in_object.push((self.begun, spec, meta, offset));
        Ok(())
    }

    /// Makes everything durable and returns the references with the numbers of their tables, in
    /// the order in which the runs ended.
    ///
    /// # Errors
    /// Faults of the store.
    pub async fn finish(mut self) -> Result<Vec<(usize, RunRef)>> {
        self.end_all().await?;
        self.done.sort_by_key(|(order, ..)| *order);
        Ok(self.done.into_iter().map(|(_, table, run)| (table, run)).collect())
    }

    /// Makes everything durable.
    pub(crate) async fn end_all(&mut self) -> Result<()> {
        self.end().await?;
        self.end_object().await
    }

    /// Returns the names of the objects that were begun, whatever became of them.
    pub(crate) fn object_names(&self) -> &[String] {
        &self.names
    }

    fn push_inline(&mut self, spec: &RunSpec, meta: &RunMeta, bytes: &[Bytes]) {
        self.begun += 1;
        let place = Place::Inline(bytes.concat().into());
        self.done.push((self.begun, spec.table, spec.reference(place, meta)));
    }

    /// Ends the run where the next row has another key group, and begins another in a new object.
    async fn split(&mut self, rest: &RowBatch) -> Result<()> {
        let Some(current) = &mut self.current else { return Ok(()) };
        let mut next = current.spec.clone();
        let border = u32::from(rest.key_group(0).0);
        next.clip = KeyGroupRange::new(border, current.spec.clip.end);
        current.spec.clip = KeyGroupRange::new(current.spec.clip.start, border);
        self.end().await?;
        self.end_object().await?;
        self.begin(next).await
    }

    /// Moves bytes that are ready to the object, once the run is too large to be inline.
    async fn drain(&mut self) -> Result<()> {
        let Some(current) = &mut self.current else { return Ok(()) };
        let ready = current.writer.take_bytes().map_err(|e| failed(&current.spec, e))?;
        let bytes = match &mut current.held {
            None => ready,
            Some(held) => {
                held.extend(ready);
                if current.writer.bytes_written() < RunRef::INLINE_BYTES_MAX as u64 {
                    return Ok(());
                }
                current.offset = self.object.as_ref().map_or(0, ObjectSink::size);
                current.held.take().unwrap_or_default()
            }
        };
        self.append(bytes).await?;
        Ok(())
    }

    /// Appends bytes to the object and returns where they begin.
    async fn append(&mut self, bytes: Vec<Bytes>) -> Result<u64> {
        let object = match &mut self.object {
            Some(object) => object,
            none => {
                let name = format!("objects/{}", self.ids.next());
                self.names.push(name.clone());
                none.insert(ObjectSink::start(&*self.store, name).await?)
            }
        };
        let offset = object.size();
        for piece in bytes {
            object.append(piece).await?;
        }
        Ok(offset)
    }

    async fn end_object(&mut self) -> Result<()> {
        let Some(object) = self.object.take() else { return Ok(()) };
        let object = Arc::new(object.finish().await?);
        for (order, spec, meta, offset) in self.in_object.drain(..) {
            let place = Place::Object { object: Arc::clone(&object), offset, length: meta.bytes };
            self.done.push((order, spec.table, spec.reference(place, &meta)));
        }
        Ok(())
    }
}

/// Writes encoded runs as one object, or inline, and returns their references.
///
/// # Errors
/// Faults of the store.
pub async fn write_runs(
    store: &Arc<dyn Store>,
    ids: &Arc<dyn Ids>,
    runs: Vec<EncodedRun>,
) -> Result<Vec<(usize, RunRef)>> {
    let mut writer = RunsWriter::new(Arc::clone(store), Arc::clone(ids));
    for run in runs {
        writer.add(run).await?;
    }
    writer.finish().await
}

/// Returns how many leading rows still belong to a key group; all rows without key groups.
pub(crate) fn end_of_group(batch: &RowBatch, group: Option<u16>) -> usize {
    let (Some(groups), Some(group)) = (batch.key_groups(), group) else { return batch.len() };
    groups.iter().position(|g| *g != group).unwrap_or(batch.len())
}

pub(crate) fn last_group(batch: &RowBatch) -> Option<u16> {
    batch.key_groups()?.last().copied()
}

pub(crate) fn failed(spec: &RunSpec, error: alluvium_table::Error) -> Error {
    Error::table(format!("writing a run of state {}", spec.schema.name), error)
}
