use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use alluvium_env::Ids;
use alluvium_format::{Place, RunRef, runs};
use alluvium_model::KeyGroupRange;
use alluvium_store::Store;
use alluvium_table::{MergeOutput, fan_in};

use crate::rows::Request;
use crate::{Error, ObjectReader, Result, Rows, RunSpec, RunsWriter};

/// Merges runs in passes, where more of them cover a key group than may be merged at once.
///
/// **Owns** the scratch objects that runs of one pass lie in until the next. **Does not own** the last
/// pass: the caller reads the runs left, with [`Passes::objects`], and calls [`Passes::clear`] at the end,
/// also after an error. Nothing but the caller refers to the scratch; after a crash it is an object
/// of no manifest.
///
/// Spec: MERGE-5 to MERGE-9.
pub(crate) struct Passes {
    objects: ObjectReader,
    scratch: Arc<dyn Store>,
    /// Number by which references name the scratch.
    root: u32,
    ids: Arc<dyn Ids>,
    written: BTreeSet<String>,
}

impl Passes {
    /// Reads with `objects` and keeps scratch objects in a store.
    pub(crate) fn new(objects: &ObjectReader, scratch: Arc<dyn Store>, ids: Arc<dyn Ids>) -> Self {
        let (objects, root) = objects.with_root(Arc::clone(&scratch));
        Passes { objects, scratch, root, ids, written: BTreeSet::new() }
    }

    /// Returns the reader of the runs that [`Passes::reduce`] gives.
    pub(crate) fn objects(&self) -> &ObjectReader {
        &self.objects
    }

    /// Returns runs that have the same rows, few enough to be merged at once; those given where they are.
    ///
    /// # Errors
    /// What could not be read or written.
    pub(crate) async fn reduce(&mut self, request: &mut Request, runs: &[RunRef]) -> Result<Vec<RunRef>> {
        let most = fan_in(&request.wanted, request.merge_bytes_max);
        let mut runs = runs.to_vec();
        loop {
            let stretches = stretches(request, &runs, most);
            if stretches.iter().all(|stretch| stretch.fits) {
                return Ok(runs);
            }
            let mut left = Vec::new();
            for Stretch { range, fits } in stretches {
                let part = match request.wanted.kind.is_keyed() {
                    true => runs::within(&runs, range),
                    false => runs.clone(),
                };
                match fits {
                    true => left.extend(part),
                    false => left.extend(self.pass(request, part, range, most).await?),
                }
            }
            runs = left;
            self.delete_unless(&runs).await?;
        }
    }

    /// Deletes the scratch objects.
    ///
    /// # Errors
    /// Faults of the store.
    pub(crate) async fn clear(&mut self) -> Result<()> {
        self.delete_unless(&[]).await
    }

    /// Merges neighbours among runs of one range until they may be merged at once, or all of them once.
    ///
    /// Pieces of a base are merged with one another only: a row of any of them may be hidden by any delta.
    async fn pass(
        &mut self,
        request: &mut Request,
        part: Vec<RunRef>,
        range: KeyGroupRange,
        most: usize,
    ) -> Result<Vec<RunRef>> {
        let needed = part.len() - most + 1;
        let (bases, deltas): (Vec<_>, Vec<_>) = part.into_iter().partition(|run| run.base);
        let mut left = Vec::new();
        let enough = |runs: &[RunRef]| (2..=most).contains(&needed) && needed <= runs.len();
        for (same, others) in [(&deltas, &bases), (&bases, &deltas)] {
            if enough(same) {
                let at = smallest(same, needed);
                let (before, rest) = same.split_at(at);
                let (chosen, behind) = rest.split_at(needed);
                left.extend([others.as_slice(), before, behind].concat());
                left.extend(self.merge(request, chosen, range).await?);
                return Ok(left);
            }
        }
        for chosen in bases.chunks(most).chain(deltas.chunks(most)) {
            match chosen {
                [only] => left.push(only.clone()),
                _ => left.extend(self.merge(request, chosen, range).await?),
            }
        }
        Ok(left)
    }

    /// Merges runs into one in the scratch, without dropping what older runs or the time may hide.
    async fn merge(
        &mut self,
        request: &mut Request,
        chosen: &[RunRef],
        range: KeyGroupRange,
    ) -> Result<Vec<RunRef>> {
        let spec = self.spec(request, chosen, range);
        let mut rows = Rows::new(
            self.objects.clone(),
            Request {
                key_groups: range,
                sort_keys: true,
                output: if spec.base { MergeOutput::Pieces } else { MergeOutput::Delta },
                ..request.clone()
            },
            chosen,
        )?;
        let mut writer = RunsWriter::new(Arc::clone(&self.scratch), Arc::clone(&self.ids));
        let written = async {
            writer.begin(spec).await?;
            while let Some(batch) = rows.next().await? {
                writer.write(&batch).await?;
            }
            writer.end_all().await
        };
        let result = written.await;
        self.written.extend(writer.object_names().iter().cloned());
        result?;
        let mut merged: Vec<RunRef> = writer.finish().await?.into_iter().map(|(_, run)| run).collect();
        for run in &mut merged {
            if let Place::Object { object, .. } = &mut run.place {
                Arc::make_mut(object).root = self.root;
            }
        }
        Ok(merged)
    }

    /// Says what runs become: of all that they cover, in the newest schema.
    fn spec(&self, request: &mut Request, chosen: &[RunRef], range: KeyGroupRange) -> RunSpec {
        let schema = Arc::clone(&request.wanted);
        let known = request.schemas.iter().position(|stored| *stored == schema);
        let at = known.unwrap_or_else(|| {
            request.schemas.push(Arc::clone(&schema));
            request.schemas.len() - 1
        });
        let first = chosen.iter().map(|run| run.sequence.0).min().unwrap_or(0);
        let last = chosen.iter().map(|run| run.sequence.1).max().unwrap_or(0);
        RunSpec {
            table: 0,
            schema,
            schema_id: u32::try_from(at).unwrap_or(u32::MAX),
            base: chosen.iter().all(|run| run.base),
            sequence: (first, last),
            clip: range,
            subtask: None,
        }
    }

    /// Deletes the scratch objects to which none of the runs refers.
    async fn delete_unless(&mut self, runs: &[RunRef]) -> Result<()> {
        let own = runs.iter().filter_map(RunRef::object).filter(|object| object.root == self.root);
        let needed: BTreeSet<&str> = own.map(|object| object.name.as_str()).collect();
        let old: Vec<String> =
            self.written.iter().filter(|name| !needed.contains(name.as_str())).cloned().collect();
        let mut result = Ok(());
        for name in old {
            let path = crate::objects::object_path(&name)?;
            let deleted = self.scratch.delete(&path).await.map_err(|e| Error::store(&path, e));
            if deleted.is_ok() {
                self.written.remove(&name);
            }
            result = result.and(deleted);
        }
        result
    }
}

/// Key groups that the same number of runs cover, or that few enough do.
struct Stretch {
    range: KeyGroupRange,
    fits: bool,
}

/// Divides the key groups asked for where too many runs begin or end to cover them.
fn stretches(request: &Request, runs: &[RunRef], most: usize) -> Vec<Stretch> {
    if !request.wanted.kind.is_keyed() {
        return vec![Stretch { range: KeyGroupRange::new(0, 1), fits: runs.len() <= most }];
    }
    let mut changes: BTreeMap<u32, i64> = BTreeMap::new();
    for clip in runs.iter().map(|run| run.clip.intersect(request.key_groups)) {
        if !clip.is_empty() {
            *changes.entry(clip.start).or_default() += 1;
            *changes.entry(clip.end).or_default() -= 1;
        }
    }
    let (mut found, mut count): (Vec<Stretch>, i64) = (Vec::new(), 0);
    let ends = changes.keys().skip(1).copied();
    for ((start, change), end) in changes.iter().zip(ends) {
        count += change;
        let fits = usize::try_from(count).unwrap_or(0) <= most;
        match found.last_mut() {
            Some(last) if last.fits && fits => last.range.end = end,
            _ => found.push(Stretch { range: KeyGroupRange::new(*start, end), fits }),
        }
    }
    found
}

/// Returns where `count` neighbours begin that have the fewest bytes.
fn smallest(runs: &[RunRef], count: usize) -> usize {
    let bytes = |neighbours: &[RunRef]| neighbours.iter().map(RunRef::bytes).sum::<u64>();
    let all = runs.windows(count).enumerate();
    all.min_by_key(|(_, neighbours)| bytes(neighbours)).map_or(0, |(at, _)| at)
}
