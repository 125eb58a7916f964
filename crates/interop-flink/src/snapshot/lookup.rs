use alluvium_model::source::SourceError;
use alluvium_model::{
    ErrorKind, KeyGroup, KeyGroupFunction, KeyGroupRange, MaxParallelism, RowBatch, RowStream, Value,
    canonical,
};

use super::read::Reading;
use super::scan::{Stream, Wanted};
use super::tables::Source;
use crate::binary_row;
use crate::serializer::Serializer;

/// Most rows of a batch that a look-up answers with.
const BATCH_ROWS: usize = 8192;

/// Returns the rows of one key. Reads its key group alone where the key says which that is, and of
/// table files its rows alone.
pub(super) fn lookup(reading: Reading<'_>, key: &Value) -> Result<Vec<RowBatch>, SourceError> {
    let schema = &reading.table.schema;
    let Some(ty) = &schema.key else {
        let message = format!("state {} has no keys", schema.name);
        return Err(SourceError::new(ErrorKind::Input, message));
    };
    let prefix = canonical::to_bytes(key, ty).map_err(|error| {
        SourceError::because(ErrorKind::Input, format!("key of state {}", schema.name), error)
    })?;
    let serialized = serialized(&reading, key);
    let group = place(&reading, key, serialized.as_deref(), &prefix);
    let range = group.map(|group| KeyGroupRange::new(group.0.into(), u32::from(group.0) + 1));
    let wanted = Wanted { prefix: Some(prefix), after: None, key: serialized.unwrap_or_default() };
    let mut stream = Stream::new(reading, range, wanted, BATCH_ROWS);
    let mut batches = Vec::new();
    while let Some(batch) = stream.next_batch()? {
        batches.push(batch);
    }
    Ok(batches)
}

/// Returns the bytes of the key, where all files serialize it alike and in one way.
fn serialized(reading: &Reading<'_>, key: &Value) -> Option<Vec<u8>> {
    let serializer = key_serializer(reading)?;
    let mut bytes = Vec::new();
    serializer.encode(key, &mut bytes).ok()?;
    let exact = serializer.decode_whole(&bytes).ok()?;
    (exact.raw.is_none() && exact.value == *key).then_some(bytes)
}

fn key_serializer<'a>(reading: &Reading<'a>) -> Option<&'a Serializer> {
    match &reading.table.source {
        Source::Keyed(_) => Some(&reading.operator.keyed.first()?.states.key.serializer),
        _ => None,
    }
}

fn place(
    reading: &Reading<'_>,
    key: &Value,
    serialized: Option<&[u8]>,
    canonical: &[u8],
) -> Option<KeyGroup> {
    let max = MaxParallelism::new(reading.operator.max_parallelism).ok()?;
    let function = reading.operator.function;
    match function {
        KeyGroupFunction::FlinkBinaryRow => {
            Some(max.key_group_of_hash(binary_row::hash(serialized?.get(4..)?)))
        }
        KeyGroupFunction::JavaHash => {
            function.place(key, reading.table.schema.key.as_ref()?, canonical, max).ok()
        }
        _ => None,
    }
}
