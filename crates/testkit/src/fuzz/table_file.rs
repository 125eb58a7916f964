use std::sync::Arc;

use alluvium_model::{KeyGroup, KeyGroupRange, RowBatch};
use alluvium_table::{
    ReadOptions, Restriction, Result, RunInfo, RunOptions, RunReader, RunWriter, drive, read_all,
};
use arrow_select::concat::concat_batches;
use bytes::Bytes;

/// Reads the input as a table file: whole, by key groups, by prefix and from a position.
///
/// # Panics
/// When a restricted read does not give those rows of the whole that it should, or the rows read
/// are not the same after they were written again.
///
/// Spec: FILE-1 to FILE-8, TABLE-3, ORDER-1.
pub fn table_file(data: &[u8]) {
    let bytes = Bytes::copy_from_slice(data);
    let whole = read_all(bytes.clone());
    let rows = whole.as_ref().map(|(_, batches)| rows(batches)).unwrap_or_default();
    for restriction in restrictions(&rows) {
        let found = read(&bytes, restriction.clone()).map(|batches| self::rows(&batches));
        // A damaged bloom filter may fail or deny a key: digests of blocks guard it, rows do not.
        let denied = restriction.prefix.is_some() && found.as_ref().map_or(true, Vec::is_empty);
        if whole.is_ok() && !denied {
            let found = found.unwrap_or_else(|e| panic!("{restriction:?} of a sound file: {e}"));
            assert_eq!(found, asked(&rows, &restriction), "{restriction:?}");
        }
    }
    if let Ok((info, batches)) = whole {
        let again = written_again(&info, &batches);
        for restriction in restrictions(&rows) {
            let found = read(&again, restriction.clone()).unwrap_or_else(|e| panic!("{restriction:?}: {e}"));
            assert_eq!(self::rows(&found), asked(&rows, &restriction), "{restriction:?}");
        }
    }
}

/// Returns reads of the key group, key and position of a row in the middle.
fn restrictions(rows: &[Position]) -> [Restriction; 4] {
    let (group, key) = rows.get(rows.len() / 2).cloned().unwrap_or((KeyGroup(1), vec![0x80, 0, 0, 1]));
    let all = Restriction::default;
    [
        Restriction { key_groups: Some(one_group(group)), ..all() },
        Restriction { prefix: Some(key[..key.len().div_ceil(2)].to_vec()), ..all() },
        Restriction { prefix: Some(key.clone()), ..all() },
        Restriction { after: Some((group, key)), ..all() },
    ]
}

fn asked(rows: &[Position], restriction: &Restriction) -> Vec<Position> {
    rows.iter().filter(|row| is_asked(row, restriction)).cloned().collect()
}

type Position = (KeyGroup, Vec<u8>);

fn rows(batches: &[RowBatch]) -> Vec<Position> {
    let of =
        |b: &RowBatch| (0..b.len()).map(|i| (b.key_group(i), b.sort_key(i).to_vec())).collect::<Vec<_>>();
    batches.iter().flat_map(of).collect()
}

fn one_group(group: KeyGroup) -> KeyGroupRange {
    KeyGroupRange::new(group.0.into(), u32::from(group.0) + 1)
}

fn is_asked((group, key): &Position, restriction: &Restriction) -> bool {
    let Restriction { key_groups, prefix, after } = restriction;
    key_groups.is_none_or(|range| (range.start..range.end).contains(&u32::from(group.0)))
        && prefix.as_ref().is_none_or(|prefix| key.starts_with(prefix))
        && after.as_ref().is_none_or(|(g, k)| (*group, key) > (*g, k))
}

fn read(bytes: &Bytes, restriction: Restriction) -> Result<Vec<RowBatch>> {
    let options = ReadOptions { restriction, batch_rows: 100, ..ReadOptions::default() };
    drive(&mut RunReader::unknown(bytes.len() as u64, options), bytes)
}

/// Writes rows that were read as a run, and reads them from it.
fn written_again(info: &RunInfo, batches: &[RowBatch]) -> Bytes {
    let options = if info.base { RunOptions::base(info.sequence) } else { RunOptions::delta(info.sequence) };
    let options = RunOptions { page_rows: 3, row_group_rows: 50, ..options };
    let mut writer = RunWriter::new(Arc::clone(&info.schema), options).unwrap_or_else(|e| panic!("{e}"));
    for batch in batches {
        writer.write(batch).unwrap_or_else(|e| panic!("rows that were read: {e}"));
    }
    let (bytes, meta) = writer.finish().unwrap_or_else(|e| panic!("{e}"));
    assert_eq!((meta.rows, &meta.key_groups), (info.rows, &info.key_groups));
    let bytes = Bytes::from(bytes.concat());
    let (again, found) = read_all(bytes.clone()).unwrap_or_else(|e| panic!("a run that was written: {e}"));
    assert_eq!(again.rows_digest, meta.rows_digest);
    let arrow = info.schema.arrow_schema(!info.base);
    let joined = |batches: &[RowBatch]| {
        concat_batches(&arrow, batches.iter().map(RowBatch::rows)).unwrap_or_else(|e| panic!("{e}"))
    };
    assert_eq!(joined(&found), joined(batches));
    bytes
}
