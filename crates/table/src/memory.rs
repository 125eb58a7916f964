use alluvium_model::RowBatch;
use bytes::Bytes;

use std::sync::Arc;

use alluvium_model::StateSchema;

use crate::{
    Error, Merge, MergeOptions, MergeRun, Need, ReadOptions, Result, RunInfo, RunReader, Step, rule,
};

/// Reads every row of a run whose bytes are at hand, and what the run says about itself.
///
/// # Errors
/// As for [`RunReader::next`].
pub fn read_all(bytes: impl Into<Bytes>) -> Result<(Arc<RunInfo>, Vec<RowBatch>)> {
    let bytes = bytes.into();
    let mut reader = RunReader::unknown(bytes.len() as u64, ReadOptions::default());
    let batches = drive(&mut reader, &bytes)?;
    let info = reader.info().cloned();
    let info = info.ok_or_else(|| Error::malformed("footer", rule::FILE, "a file that did not open"))?;
    Ok((info, batches))
}

/// Drives a reader to its end with bytes at hand.
///
/// # Errors
/// As for [`RunReader::next`].
pub fn drive(reader: &mut RunReader, bytes: &Bytes) -> Result<Vec<RowBatch>> {
    let mut batches = Vec::new();
    loop {
        match reader.next()? {
            Step::NeedRanges(needs) => reader.supply(answer(&needs, std::slice::from_ref(bytes))?)?,
            Step::Batch(batch) => batches.push(batch),
            Step::Done => return Ok(batches),
        }
    }
}

/// Merges runs whose bytes are at hand, given with what their references say.
///
/// # Errors
/// As for [`Merge::new`] and [`Merge::next`].
pub fn merge_in_memory(
    schema: Arc<StateSchema>,
    runs: Vec<(MergeRun, Bytes)>,
    options: MergeOptions,
) -> Result<Vec<RowBatch>> {
    let (runs, bytes): (Vec<MergeRun>, Vec<Bytes>) = runs.into_iter().unzip();
    drive_merge(&mut Merge::new(schema, runs, options)?, &bytes)
}

/// Drives a merge to its end with the bytes of its runs at hand.
///
/// # Errors
/// As for [`Merge::next`].
pub fn drive_merge(merge: &mut Merge, runs: &[Bytes]) -> Result<Vec<RowBatch>> {
    let mut batches = Vec::new();
    loop {
        match merge.next()? {
            Step::NeedRanges(needs) => merge.supply(answer(&needs, runs)?)?,
            Step::Batch(batch) => batches.push(batch),
            Step::Done => return Ok(batches),
        }
    }
}

fn answer(needs: &[Need], runs: &[Bytes]) -> Result<Vec<Bytes>> {
    needs
        .iter()
        .map(|need| {
            let bytes = runs.get(need.run);
            let from = usize::try_from(need.range.start).ok();
            let to = usize::try_from(need.range.end).ok();
            match (bytes, from, to) {
                (Some(bytes), Some(from), Some(to)) if from <= to && to <= bytes.len() => {
                    Ok(bytes.slice(from..to))
                }
                _ => Err(Error::Supplied { wanted: need.range.end - need.range.start, found: 0 }),
            }
        })
        .collect()
}
