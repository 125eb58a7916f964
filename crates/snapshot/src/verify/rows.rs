use std::sync::Arc;

use alluvium_format::{OperatorEntry, RunRef};
use alluvium_model::digest::{Digest, RunHasher, TableDigest};
use alluvium_model::{KeyGroup, MaxParallelism, Op, RowBatch, StateSchema, canonical};
use alluvium_table::{ReadOptions, RunReader, Step};

use super::{Check, Whose};
use crate::rows::{fetch, run_label};
use crate::{Error, Result};

/// What the rows of a run add up to.
#[derive(Default)]
struct Counted {
    hasher: RunHasher,
    digest: Digest,
    /// Whether canonical digests that the run gives are not those of its rows.
    live_differs: bool,
    deletes: u64,
    clears: u64,
    misplaced: u64,
    first_misplaced: Option<(KeyGroup, KeyGroup)>,
    last: Option<(KeyGroup, Vec<u8>)>,
}

impl Check<'_> {
    /// Decodes every row of a run and compares it with its reference; returns whether it is sound.
    ///
    /// Spec: RUN-1, RUN-2, ROWHASH-9, FILE-8, TABLE-5, ORDER-1.
    pub(super) async fn run(
        &mut self,
        operator: &OperatorEntry,
        state: &str,
        run: &RunRef,
        whose: &Whose,
    ) -> Result<bool> {
        let label = run_label(&format!("operator {}, state {state}", operator.label()), run);
        let Some(schema) = self.snapshot.manifest.schema(run.schema_id).map(Arc::clone) else {
            self.found("MAN-3", label, whose, format!("schema id {}", run.schema_id));
            return Ok(false);
        };
        match self.count(operator, &schema, run, &label).await {
            Ok(counted) => Ok(self.compare(run, &counted, &label, whose)),
            Err(error) => {
                self.found_error(error, label, whose)?;
                Ok(false)
            }
        }
    }

    async fn count(
        &mut self,
        operator: &OperatorEntry,
        schema: &Arc<StateSchema>,
        run: &RunRef,
        label: &str,
    ) -> Result<Counted> {
        let places = [(run.place.clone(), label.to_owned())];
        let length = run.place.length();
        let mut reader = RunReader::new(length, Arc::clone(schema), run.base, ReadOptions::default());
        let hasher = if run.base { RunHasher::of_base(schema.kind) } else { RunHasher::new() };
        let mut counted = Counted { hasher, ..Counted::default() };
        loop {
            match reader.next().map_err(|e| Error::table(label, e))? {
                Step::Done => {
                    counted.end(reader.info().and_then(|info| info.live.as_ref()));
                    return Ok(counted);
                }
                Step::Batch(batch) => {
                    self.verified.rows += batch.len() as u64;
                    counted.add(&batch, operator, schema)?;
                }
                Step::NeedRanges(needs) => {
                    let bytes = fetch(self.snapshot.objects(), &places, &needs).await?;
                    reader.supply(bytes).map_err(|e| Error::table(label, e))?;
                }
            }
        }
    }

    fn compare(&mut self, run: &RunRef, counted: &Counted, label: &str, whose: &Whose) -> bool {
        let mut sound = true;
        let mut differs = |check: &mut Self, rule, message: String| {
            sound = false;
            check.found(rule, label.to_owned(), whose, message);
        };
        let found = (counted.digest.rows, counted.deletes, counted.clears);
        if found != (run.rows, run.deletes, run.clears) {
            let message = format!(
                "wanted {} rows, {} deletes, {} clears; found {}, {}, {}",
                run.rows, run.deletes, run.clears, found.0, found.1, found.2
            );
            differs(self, "MAN-1", message);
        } else if counted.digest != run.rows_digest {
            let (wanted, found) = (run.rows_digest.sum, counted.digest.sum);
            differs(self, "ROWHASH-9", format!("digest of rows {found:032x}, wanted {wanted:032x}"));
        }
        if counted.live_differs {
            differs(self, "FILE-8", "canonical digests that are not those of its rows".into());
        }
        if let Some((stored, wanted)) = counted.first_misplaced {
            let message = format!(
                "{} keys in another key group than theirs, the first in {stored} instead of {wanted}",
                counted.misplaced
            );
            differs(self, "TABLE-5", message);
        }
        sound
    }
}

impl Counted {
    fn end(&mut self, given: Option<&TableDigest>) {
        let (digest, live) = std::mem::take(&mut self.hasher).finish();
        self.digest = digest;
        self.live_differs = given.is_some_and(|given| live.as_ref() != Some(given));
    }

    fn add(&mut self, batch: &RowBatch, operator: &OperatorEntry, schema: &StateSchema) -> Result<()> {
        self.hasher.update(batch)?;
        for op in batch.ops().unwrap_or_default() {
            self.deletes += u64::from(*op == Op::Delete as u8);
            self.clears += u64::from(*op == Op::Clear as u8);
        }
        for row in 0..batch.len() {
            self.place(batch.key_group(row), batch.sort_key(row), operator, schema)?;
        }
        Ok(())
    }

    /// Checks the key group of a key, once for all its rows.
    fn place(
        &mut self,
        stored: KeyGroup,
        sort_key: &[u8],
        operator: &OperatorEntry,
        schema: &StateSchema,
    ) -> Result<()> {
        let Some(ty) = &schema.key else { return Ok(()) };
        let same = |(group, key): &(KeyGroup, Vec<u8>)| *group == stored && sort_key.starts_with(key);
        if self.last.as_ref().is_some_and(same) {
            return Ok(());
        }
        let (key, length) = canonical::decode(sort_key, ty)?;
        let bytes = sort_key.get(..length).unwrap_or_default();
        self.last = Some((stored, bytes.to_vec()));
        let max = MaxParallelism::new(operator.max_parallelism)?;
        // A function that cannot place this key leaves it to the column, as `stored` does.
        let wanted = operator.key_group_function.place(&key, ty, bytes, max).unwrap_or(stored);
        let beyond = u32::from(stored.0) >= operator.max_parallelism;
        if wanted != stored || beyond {
            self.misplaced += 1;
            self.first_misplaced.get_or_insert((stored, wanted));
        }
        Ok(())
    }
}
