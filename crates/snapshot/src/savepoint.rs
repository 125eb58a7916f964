use std::collections::HashMap;
use std::sync::Arc;

use alluvium_env::Env;
use alluvium_format::{Manifest, ObjectRef, OperatorEntry, Place, Profile, RunRef, TableEntry, name};
use alluvium_model::StateSchema;
use alluvium_store::Store;
use alluvium_table::{MERGE_BYTES_MAX, ReadOptions, RunInfo, RunReader};

use crate::passes::Passes;
use crate::rows::{fetch, run_label};
use crate::runs_writer::ObjectSink;
use crate::writer::{FILE_BYTES_MAX, Summary, clip_of};
use crate::{Error, ObjectReader, OperatorSpec, Result, Rows, Snapshot, SnapshotWriter};

/// How a savepoint is made.
#[derive(Debug, Clone)]
pub struct SavepointOptions {
    /// Whether every table becomes base rows in files of its own; otherwise runs are copied as they
    /// are (`--type native`).
    pub compacted: bool,
    /// Size at which a table goes on in another file.
    pub object_bytes_max: u64,
    /// Bytes that a merge may take to hold pages; runs that need more are merged in passes.
    pub merge_bytes_max: u64,
}

impl Default for SavepointOptions {
    fn default() -> Self {
        SavepointOptions {
            compacted: true,
            object_bytes_max: FILE_BYTES_MAX,
            merge_bytes_max: MERGE_BYTES_MAX,
        }
    }
}

/// Writes a self-contained savepoint of a snapshot into the store that is to be its directory.
///
/// A merge of sorted runs in files, one table after the other, never of live memory. A table that is
/// one base run already is copied without encoding it again, and without reading its rows where it knows
/// its canonical digests; so are base runs of the subtasks that wrote them. Every table gets canonical digests.
/// The manifest comes last: before, nothing opens.
///
/// Memory: `merge_bytes_max`, a row group, and what [`ObjectReader`] keeps. Runs that need more are merged in
/// passes, in objects of the directory that are gone when it ends, in whatever way.
///
/// # Errors
/// What could not be read or written; [`Error::Published`] when the directory holds a savepoint.
///
/// Spec: MAN-8 to MAN-11, PUB-1, FILE-8.
pub async fn write_savepoint(
    source: &Snapshot,
    directory: Arc<dyn Store>,
    env: &Env,
    options: &SavepointOptions,
) -> Result<Manifest> {
    refuse_second(&*directory).await?;
    let passes = Passes::new(source.objects(), Arc::clone(&directory), Arc::clone(&env.ids));
    let merge_bytes_max = options.merge_bytes_max;
    let copied = HashMap::new();
    let mut copy = Copier { source, directory: Arc::clone(&directory), copied, passes, merge_bytes_max };
    let written = write_tables(&mut copy, directory, env, options).await;
    let cleared = copy.passes.clear().await;
    let writer = written?;
    cleared?;
    writer.finish().await
}

/// Writes everything but the manifest.
async fn write_tables(
    copy: &mut Copier<'_>,
    directory: Arc<dyn Store>,
    env: &Env,
    options: &SavepointOptions,
) -> Result<SnapshotWriter> {
    let source = copy.source;
    let from = source.manifest();
    let mut writer = SnapshotWriter::savepoint(directory, env, from.job.clone())
        .with_object_bytes_max(options.object_bytes_max);
    let to = writer.manifest_mut();
    to.profile = Profile::Savepoint { compacted: options.compacted };
    (to.attempt, to.checkpoint_id, to.as_of_ms) = (from.attempt, from.checkpoint_id, from.as_of_ms);
    to.features = from.features.clone();
    if let Some(description) = &from.job_description {
        let bytes = source.objects().read_whole(description, "job description").await?;
        let object = writer.object(bytes).await?;
        writer.manifest_mut().job_description = Some(object);
    }
    if let Some(origin) = source.read_origin().await? {
        writer.origin(&origin).await?;
    }
    for operator in &from.operators {
        writer.operator(spec_of(operator)).await?;
        for table in &operator.tables {
            match options.compacted {
                true => compact(copy, &mut writer, operator, table).await?,
                false => stack(copy, &mut writer, operator, table).await?,
            }
        }
        if let Some(entry) = writer.last_operator_mut() {
            entry.sequence_max = entry.sequence_max.max(operator.sequence_max);
        }
    }
    writer.end_table().await?;
    Ok(writer)
}

async fn refuse_second(directory: &dyn Store) -> Result<()> {
    let path = crate::objects::object_path(name::SAVEPOINT_MANIFEST)?;
    match directory.size(&path).await.map_err(|e| Error::store(&path, e))? {
        Some(_) => Err(Error::Published { place: path.to_string() }),
        None => Ok(()),
    }
}

fn spec_of(operator: &OperatorEntry) -> OperatorSpec {
    OperatorSpec {
        id: operator.id,
        uid: operator.uid.clone(),
        name: operator.name.clone(),
        parallelism: operator.parallelism,
        max_parallelism: operator.max_parallelism,
        key_group_function: operator.key_group_function,
    }
}

/// Writes the live rows of a table into files of its own.
async fn compact(
    copy: &mut Copier<'_>,
    writer: &mut SnapshotWriter,
    operator: &OperatorEntry,
    table: &TableEntry,
) -> Result<()> {
    let schema = Arc::clone(copy.source.schema(table)?);
    if let Some(runs) = copy.digested(table).await? {
        return copy_runs(copy, writer, operator, table, runs).await;
    }
    if let Some((run, summary)) = copy.unchanged(operator, table).await? {
        let schema_id = writer.manifest_mut().intern_schema(&schema);
        let name = name::table_file(&operator.label(), &schema.name, 0);
        let object = Arc::new(copy.part(&run.place, name).await?);
        let place = Place::Object { length: object.size, object, offset: 0 };
        let sequence = if schema.kind.is_keyed() { (1, 1) } else { (0, 0) };
        let (digest, entries) = summary.finish();
        let clip = match (digest.groups.first_key_value(), digest.groups.last_key_value()) {
            (Some((first, _)), Some((last, _))) if schema.kind.is_keyed() => {
                alluvium_model::KeyGroupRange::new(first.0.into(), u32::from(last.0) + 1)
            }
            _ => run.clip,
        };
        let run = RunRef { place, sequence, clip, schema_id, subtask: None, ..run };
        let (digest, entries) = (Some(digest), Some(entries));
        return writer.push_table(TableEntry { schema_id, runs: vec![run], digest, entries });
    }
    let mut rows = copy.live(operator, table).await?;
    writer.begin_table(schema).await?;
    while let Some(batch) = rows.next().await? {
        writer.write(&batch).await?;
    }
    writer.end_table().await
}

/// Copies base runs that know their own canonical digests, one after the other into a file of its own.
///
/// Spec: MAN-9, FILE-8.
async fn copy_runs(
    copy: &mut Copier<'_>,
    writer: &mut SnapshotWriter,
    operator: &OperatorEntry,
    table: &TableEntry,
    runs: Vec<(RunRef, Arc<RunInfo>)>,
) -> Result<()> {
    let schema = copy.source.schema(table)?;
    let schema_id = writer.manifest_mut().intern_schema(schema);
    let mut summary = Summary::new(schema.kind);
    let mut copied = Vec::with_capacity(runs.len());
    for ((run, info), piece) in runs.into_iter().zip(0..) {
        let name = name::table_file(&operator.label(), &schema.name, piece);
        let object = Arc::new(copy.part(&run.place, name).await?);
        let place = Place::Object { length: object.size, object, offset: 0 };
        let (sequence, clip) = ((piece + 1, piece + 1), clip_of(&info.key_groups));
        copied.push(RunRef { place, sequence, clip, schema_id, subtask: None, ..run });
        info.live.iter().for_each(|live| summary.add_run(live));
    }
    let (digest, entries) = summary.finish();
    writer.push_table(TableEntry { schema_id, runs: copied, digest: Some(digest), entries: Some(entries) })
}

/// Copies the runs of a table as they are.
async fn stack(
    copy: &mut Copier<'_>,
    writer: &mut SnapshotWriter,
    operator: &OperatorEntry,
    table: &TableEntry,
) -> Result<()> {
    let schema = copy.source.schema(table)?;
    let mut entry = table.clone();
    entry.schema_id = writer.manifest_mut().intern_schema(schema);
    for run in &mut entry.runs {
        if let Some(schema) = copy.source.manifest().schema(run.schema_id) {
            run.schema_id = writer.manifest_mut().intern_schema(schema);
        }
        if let Place::Object { object, .. } = &mut run.place {
            *object = copy.object(object).await?;
        }
    }
    if entry.digest.is_none() {
        let summary = copy.summarize(operator, table).await?;
        let (digest, entries) = summary.finish();
        (entry.digest, entry.entries) = (Some(digest), Some(entries));
    }
    writer.push_table(entry)
}

/// Copies bytes of a snapshot, each object once.
struct Copier<'a> {
    source: &'a Snapshot,
    directory: Arc<dyn Store>,
    copied: HashMap<(u32, String), Arc<ObjectRef>>,
    passes: Passes,
    merge_bytes_max: u64,
}

impl Copier<'_> {
    async fn live(&mut self, operator: &OperatorEntry, table: &TableEntry) -> Result<Rows> {
        let mut request = self.source.request(operator, table)?;
        request.merge_bytes_max = self.merge_bytes_max;
        let runs = self.passes.reduce(&mut request, &table.runs).await?;
        Rows::new(self.passes.objects().clone(), request, &runs)
    }

    async fn summarize(&mut self, operator: &OperatorEntry, table: &TableEntry) -> Result<Summary> {
        let mut summary = Summary::new(self.source.schema(table)?.kind);
        let mut rows = self.live(operator, table).await?;
        while let Some(batch) = rows.next().await? {
            summary.update(&batch)?;
        }
        Ok(summary)
    }

    /// Returns the runs of a table when their bytes can serve as they are and need not be read for it:
    /// base runs of the newest schema with canonical digests, of which nothing is hidden by a clip, by the
    /// time or by one another. More than one only where none is small.
    ///
    /// Spec: FILE-8.
    async fn digested(&self, table: &TableEntry) -> Result<Option<Vec<(RunRef, Arc<RunInfo>)>>> {
        let fits = |run: &RunRef| {
            let small = table.runs.len() > 1 && run.bytes() < PIECE_BYTES_MIN;
            run.base && run.schema_id == table.schema_id && !small && run.bytes() <= FILE_BYTES_MAX
        };
        let schema = self.source.schema(table)?;
        let expires = schema.ttl_ms.is_some() && self.source.manifest().as_of_ms.is_some();
        if expires || table.runs.is_empty() || !table.runs.iter().all(fits) {
            return Ok(None);
        }
        let mut runs = table.runs.clone();
        runs.sort_by_key(|run| run.clip.start);
        let (mut found, mut free) = (Vec::with_capacity(runs.len()), 0);
        for run in runs {
            let info = open_run(self.source.objects(), &run, schema).await?;
            let groups = clip_of(&info.key_groups);
            if info.live.is_none() || groups.start < free || !run.clip.covers(groups) {
                return Ok(None);
            }
            free = groups.end;
            found.push((run, info));
        }
        Ok(Some(found))
    }

    /// Returns the only run of a table when its bytes can serve as they are: a base run of the
    /// newest schema without a row that its clip or the time hides.
    async fn unchanged(
        &mut self,
        operator: &OperatorEntry,
        table: &TableEntry,
    ) -> Result<Option<(RunRef, Summary)>> {
        let [run] = table.runs.as_slice() else { return Ok(None) };
        let schema = self.source.schema(table)?;
        let expires = schema.ttl_ms.is_some() && self.source.manifest().as_of_ms.is_some();
        if !run.base || run.schema_id != table.schema_id || expires || run.bytes() > FILE_BYTES_MAX {
            return Ok(None);
        }
        let summary = self.summarize(operator, table).await?;
        Ok((summary.rows() == run.rows).then(|| (run.clone(), summary)))
    }

    /// Copies the bytes of a run into an object of its own.
    async fn part(&self, place: &Place, name: String) -> Result<ObjectRef> {
        let mut sink = ObjectSink::start(&*self.directory, name).await?;
        let length = place.length();
        let mut at = 0;
        while at < length {
            let end = (at + PIECE).min(length);
            let bytes =
                self.source.objects().read_run(place, std::slice::from_ref(&(at..end)), "copy").await?;
            for piece in bytes {
                sink.append(piece).await?;
            }
            at = end;
        }
        sink.finish().await
    }

    /// Copies a whole object under its name.
    async fn object(&mut self, object: &Arc<ObjectRef>) -> Result<Arc<ObjectRef>> {
        let key = (object.root, object.name.clone());
        if let Some(copied) = self.copied.get(&key) {
            return Ok(Arc::clone(copied));
        }
        let whole = Place::Object { object: Arc::clone(object), offset: 0, length: object.size };
        let copied = Arc::new(self.part(&whole, object.name.clone()).await?);
        self.copied.insert(key, Arc::clone(&copied));
        Ok(copied)
    }
}

/// Reads what a run says about itself.
async fn open_run(objects: &ObjectReader, run: &RunRef, schema: &Arc<StateSchema>) -> Result<Arc<RunInfo>> {
    let label = run_label(&schema.name, run);
    let places = [(run.place.clone(), label.clone())];
    let options = ReadOptions::default();
    let mut reader = RunReader::new(run.place.length(), Arc::clone(schema), run.base, options);
    loop {
        match reader.open().map_err(|e| Error::table(&label, e))? {
            Some(needs) => {
                let bytes = fetch(objects, &places, &needs).await?;
                reader.supply(bytes).map_err(|e| Error::table(&label, e))?;
            }
            None => {
                let info = reader.info().cloned();
                return info.ok_or(Error::Refused { place: label, reason: "a run that does not open" });
            }
        }
    }
}

/// Size from which one of several runs is copied into a file of its own.
const PIECE_BYTES_MIN: u64 = 1 << 20;
/// Bytes copied at once.
const PIECE: u64 = 4 << 20;
