use std::sync::Arc;

use alluvium_format::{Place, RunRef};
use alluvium_model::{KeyGroup, KeyGroupRange, RowBatch, StateSchema};
use alluvium_table::{Merge, MergeOptions, MergeOutput, MergeRun, Need, Restriction, Step};
use bytes::Bytes;

use crate::{Error, ObjectReader, Result};

/// Rows of one state in canonical order, merged from its runs while they are read.
///
/// Asked batch by batch; every byte is checked before it is decoded. A run is opened when the merge
/// comes to its clip.
///
/// Memory: a few pages per leaf column and run that covers a key group, at most 64 MiB, and the batch. A
/// reader writes nothing and so merges in one pass: where runs and columns are too many for that, a page of
/// each is held, twice while rows of it wait.
///
/// Spec: SEQ-3, CLIP-2, MERGE-1 to MERGE-4.
pub struct Rows {
    objects: ObjectReader,
    schema: Arc<StateSchema>,
    label: String,
    places: Vec<(Place, String)>,
    merge: Option<Box<Merge>>,
    /// Whether runs are opened for few rows, so that the next look-up should find them open.
    keeps_open: bool,
}

/// Which rows of which runs are read, and how.
#[derive(Clone)]
pub(crate) struct Request {
    /// Uid or id of the operator, for errors.
    pub(crate) operator: String,
    /// The schema that rows get.
    pub(crate) wanted: Arc<StateSchema>,
    /// All schemas by id.
    pub(crate) schemas: Vec<Arc<StateSchema>>,
    /// Only these key groups.
    pub(crate) key_groups: KeyGroupRange,
    /// Only rows whose sort key begins so.
    pub(crate) prefix: Option<Vec<u8>>,
    /// Only rows behind this position.
    pub(crate) after: Option<(KeyGroup, Vec<u8>)>,
    /// Most rows of a batch.
    pub(crate) batch_rows: usize,
    /// Whether rows need sort keys where they are not compared.
    pub(crate) sort_keys: bool,
    /// What comes out.
    pub(crate) output: MergeOutput,
    /// Bytes that a merge may take.
    pub(crate) merge_bytes_max: u64,
}

impl Rows {
    /// Starts to read; no byte is read before the first batch is asked for.
    pub(crate) fn new(objects: ObjectReader, request: Request, runs: &[RunRef]) -> Result<Self> {
        let schema = Arc::clone(&request.wanted);
        let label = format!("operator {}, state {}", request.operator, schema.name);
        let keyed = schema.kind.is_keyed();
        let (mut places, mut parts) = (Vec::new(), Vec::new());
        for run in runs {
            if keyed && run.clip.intersect(request.key_groups).is_empty() {
                continue;
            }
            let stored = request.schemas.get(run.schema_id as usize).ok_or_else(|| Error::Broken {
                place: label.clone(),
                found: format!("schema id {}", run.schema_id),
                rule: "MAN-3",
            })?;
            places.push((run.place.clone(), run_label(&label, run)));
            parts.push(MergeRun {
                length: run.place.length(),
                schema: Arc::clone(stored),
                base: run.base,
                clip: run.clip,
                sequence: run.sequence,
            });
        }
        let keeps_open = request.prefix.is_some();
        let merge = Merge::new(Arc::clone(&schema), parts, options(request, keyed));
        let mut merge = merge.map_err(|e| Error::table(&label, e))?;
        if keeps_open {
            let opened = objects.opened();
            for (run, (place, _)) in places.iter().enumerate() {
                if let Some(open) = opened.get(place) {
                    merge.set_opened(run, open);
                }
            }
        }
        Ok(Rows { objects, schema, label, places, merge: Some(Box::new(merge)), keeps_open })
    }

    /// Returns the schema of the rows.
    pub fn schema(&self) -> &Arc<StateSchema> {
        &self.schema
    }

    /// Returns the next rows, never an empty batch; `None` at the end and after an error.
    ///
    /// # Errors
    /// What could not be read and where.
    pub async fn next(&mut self) -> Result<Option<RowBatch>> {
        let Some(mut merge) = self.merge.take() else { return Ok(None) };
        loop {
            let step = merge.next().map_err(|e| Error::table(self.place(), e))?;
            if self.keeps_open {
                self.keep_open(&merge);
            }
            match step {
                Step::Done => return Ok(None),
                Step::Batch(batch) => {
                    self.merge = Some(merge);
                    return Ok(Some(batch));
                }
                Step::NeedRanges(needs) => {
                    let bytes = fetch(&self.objects, &self.places, &needs).await?;
                    merge.supply(bytes).map_err(|e| Error::table(self.place(), e))?;
                }
            }
        }
    }

    fn keep_open(&self, merge: &Merge) {
        let mut opened = self.objects.opened();
        for (run, (place, _)) in self.places.iter().enumerate() {
            if let Some(open) = merge.opened(run) {
                opened.keep(place, open);
            }
        }
    }

    fn place(&self) -> &str {
        match self.places.as_slice() {
            [(_, only)] => only,
            _ => &self.label,
        }
    }
}

fn options(request: Request, keyed: bool) -> MergeOptions {
    let restriction = Restriction {
        key_groups: keyed.then_some(request.key_groups),
        prefix: request.prefix,
        after: request.after,
    };
    MergeOptions {
        output: request.output,
        restriction,
        batch_rows: request.batch_rows,
        merge_bytes_max: request.merge_bytes_max,
        sort_keys: request.sort_keys,
        ..MergeOptions::default()
    }
}

/// Reads what is needed, run by run, and returns it in the order asked.
pub(crate) async fn fetch(
    objects: &ObjectReader,
    places: &[(Place, String)],
    needs: &[Need],
) -> Result<Vec<Bytes>> {
    let mut answers = vec![Bytes::new(); needs.len()];
    for (run, (place, label)) in places.iter().enumerate() {
        let (asked, ranges): (Vec<_>, Vec<_>) = needs
            .iter()
            .enumerate()
            .filter(|(_, need)| need.run == run)
            .map(|(at, need)| (at, need.range.clone()))
            .unzip();
        if asked.is_empty() {
            continue;
        }
        let found = objects.read_run(place, &ranges, label).await?;
        for (at, bytes) in asked.into_iter().zip(found) {
            if let Some(answer) = answers.get_mut(at) {
                *answer = bytes;
            }
        }
    }
    Ok(answers)
}

/// Says which run of which state this is, and where it lies.
pub(crate) fn run_label(label: &str, run: &RunRef) -> String {
    let which = match run.subtask {
        Some(subtask) => format!("run of subtask {subtask}"),
        None => format!("run {}..={} of key groups {}", run.sequence.0, run.sequence.1, run.clip),
    };
    match &run.place {
        Place::Inline(_) => format!("{label}, inline {which}"),
        Place::Object { object, offset, length } => {
            format!("{label}, {which} in {} at {offset}..{}", object.name, offset.saturating_add(*length))
        }
    }
}
