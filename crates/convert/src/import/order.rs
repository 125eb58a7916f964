use alluvium_model::{Error as ModelError, KeyGroup, RowBatch};
use arrow_array::{Array, BinaryArray, RecordBatch};
use arrow_select::interleave::{interleave, interleave_record_batch};

use super::Chunks;
use crate::error::Result;

/// Hands out the rows of chunks in canonical order.
///
/// `open` starts the chunks anew; each of them is in order in itself. One pass looks whether they
/// are in order among each other: then a second pass streams them, else they are sorted in memory.
pub(super) fn in_order<'a>(
    open: &dyn Fn() -> Result<Chunks<'a>>,
    write: &mut dyn FnMut(&RowBatch) -> Result<()>,
) -> Result<()> {
    if ascending(open()?)? {
        for chunk in open()? {
            write(&chunk?)?;
        }
        return Ok(());
    }
    let chunks = open()?.collect::<Result<Vec<_>>>()?;
    sorted(&chunks, write)
}

fn ascending(chunks: Chunks<'_>) -> Result<bool> {
    let mut last: Option<(KeyGroup, Vec<u8>)> = None;
    for chunk in chunks {
        let chunk = chunk?;
        let Some(end) = chunk.len().checked_sub(1) else { continue };
        let first = (chunk.key_group(0), chunk.sort_key(0).to_vec());
        if last.is_some_and(|last| last >= first) {
            return Ok(false);
        }
        last = Some((chunk.key_group(end), chunk.sort_key(end).to_vec()));
    }
    Ok(true)
}

fn sorted(chunks: &[RowBatch], write: &mut dyn FnMut(&RowBatch) -> Result<()>) -> Result<()> {
    let Some(first) = chunks.first() else { return Ok(()) };
    let mut places: Vec<(usize, usize)> =
        chunks.iter().enumerate().flat_map(|(i, chunk)| (0..chunk.len()).map(move |row| (i, row))).collect();
    let key = |(chunk, row): (usize, usize)| (chunks[chunk].key_group(row), chunks[chunk].sort_key(row));
    places.sort_unstable_by(|a, b| key(*a).cmp(&key(*b)));
    if let Some(twice) = places.windows(2).find(|pair| key(pair[0]) == key(pair[1])) {
        return Err(ModelError::Layout {
            state: first.schema().name.clone(),
            column: "*".into(),
            found: format!("two rows of one entry in key group {}", key(twice[0]).0),
        }
        .into());
    }
    let rows: Vec<&RecordBatch> = chunks.iter().map(RowBatch::rows).collect();
    let keys: Vec<&dyn Array> = chunks.iter().map(|chunk| chunk.sort_keys() as &dyn Array).collect();
    for places in places.chunks(BATCH_ROWS) {
        let batch = interleave_record_batch(&rows, places).map_err(ModelError::from)?;
        let sort_keys = interleave(&keys, places).map_err(ModelError::from)?;
        let sort_keys = BinaryArray::from(sort_keys.to_data());
        write(&RowBatch::new(first.schema().clone(), false, batch, sort_keys)?)?;
    }
    Ok(())
}

const BATCH_ROWS: usize = 8192;
