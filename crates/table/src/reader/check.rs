use std::ops::Range;

use alluvium_model::{KeyGroup, Role, RowBatch, StateSchema, column};
use parquet::basic::Compression;
use parquet::file::metadata::{ColumnChunkMetaData, ParquetMetaData};

use arrow_array::RecordBatch;

use crate::{Error, KeyGroupIndex, Result, RunOptions, ops, rule};

/// Largest part of a file that its offset index may take.
const OFFSET_INDEX_BYTES_MAX: u64 = 32 * 1024 * 1024;

/// Checks that row groups and column chunks lie in the file, before its metadata at `end`.
///
/// Spec: FILE-1, FILE-5, FILE-7.
pub(super) fn metadata(metadata: &ParquetMetaData, end: u64) -> Result<()> {
    let odd = |found: String| Error::malformed("row groups", rule::SIZES, found);
    let mut rows = 0u64;
    for (i, group) in metadata.row_groups().iter().enumerate() {
        let count = u64::try_from(group.num_rows()).unwrap_or(u64::MAX);
        if count == 0 || count > RunOptions::ROW_GROUP_ROWS_MAX as u64 {
            return Err(odd(format!("{} rows", group.num_rows())).in_group(i));
        }
        if group.columns().len() != metadata.file_metadata().schema_descr().num_columns() {
            return Err(odd(format!("{} column chunks", group.columns().len())).in_group(i));
        }
        for column in group.columns() {
            chunk(column, end).map_err(|e| e.in_group(i))?;
        }
        rows = rows.saturating_add(count);
    }
    if i64::try_from(rows) != Ok(metadata.file_metadata().num_rows()) {
        return Err(odd(format!("{rows} rows in row groups of {}", metadata.file_metadata().num_rows())));
    }
    Ok(())
}

fn chunk(column: &ColumnChunkMetaData, end: u64) -> Result<()> {
    let odd = |found: String| Err(Error::malformed("column chunk", rule::NUMBERS, found));
    if !matches!(column.compression(), Compression::ZSTD(_) | Compression::UNCOMPRESSED) {
        return Err(Error::malformed(
            "column chunk",
            rule::FILE,
            format!("compression {}", column.compression()),
        ));
    }
    let inside = |start: i64, length: i64| {
        let (start, length) = (u64::try_from(start).ok()?, u64::try_from(length).ok()?);
        start.checked_add(length).filter(|to| start >= 4 && *to <= end)
    };
    let first = column.dictionary_page_offset().unwrap_or(column.data_page_offset());
    let fits = column.file_path().is_none()
        && first <= column.data_page_offset()
        && inside(first, column.compressed_size()).is_some();
    if !fits {
        return odd(format!("{} bytes at {first}", column.compressed_size()));
    }
    match (column.offset_index_offset(), column.offset_index_length()) {
        (Some(start), Some(length)) if inside(start, i64::from(length)).is_some() && length > 0 => Ok(()),
        _ => Err(Error::malformed("column chunk", rule::PAGES, "no offset index")),
    }
}

/// Returns where the offset indexes lie, if there are row groups.
pub(super) fn offset_index_range(metadata: &ParquetMetaData) -> Result<Option<Range<u64>>> {
    let columns = metadata.row_groups().iter().flat_map(|group| group.columns());
    let mut range: Option<Range<u64>> = None;
    for place in columns.filter_map(|c| c.offset_index_offset().zip(c.offset_index_length())) {
        let (start, length) = (u64::try_from(place.0).unwrap_or(0), u64::from(place.1.unsigned_abs()));
        let end = start + length;
        range = Some(range.map_or(start..end, |range| range.start.min(start)..range.end.max(end)));
    }
    match range {
        Some(range) if range.end - range.start > OFFSET_INDEX_BYTES_MAX => {
            Err(Error::malformed("offset index", rule::PAGES, format!("{} bytes", range.end - range.start)))
        }
        range => Ok(range),
    }
}

/// Checks that the pages of every column chunk lie in it and cover its rows.
///
/// Spec: FILE-6, FILE-7.
pub(super) fn pages(metadata: &ParquetMetaData) -> Result<()> {
    let indexes = metadata.offset_index().map(Vec::as_slice).unwrap_or_default();
    if indexes.len() != metadata.num_row_groups() {
        return Err(Error::malformed("offset index", rule::PAGES, "an index for some row groups only"));
    }
    for (i, (group, leaves)) in metadata.row_groups().iter().zip(indexes).enumerate() {
        let odd = |found: String| Err(Error::malformed("offset index", rule::PAGES, found).in_group(i));
        if leaves.len() != group.columns().len() {
            return odd("an index for some columns only".into());
        }
        for (column, leaf) in group.columns().iter().zip(leaves) {
            let (start, length) = column.byte_range();
            let (mut at, mut next_row) = (start, 0i64);
            for (p, page) in leaf.page_locations().iter().enumerate() {
                let offset = u64::try_from(page.offset).unwrap_or(0);
                let size = u64::try_from(page.compressed_page_size).unwrap_or(0);
                let first = p == 0;
                let row_fits =
                    if first { page.first_row_index == 0 } else { page.first_row_index > next_row };
                // A dictionary may lie before the first page; nothing lies between two pages.
                let place_fits = if first { offset >= at } else { offset == at };
                let inside = offset.checked_add(size).is_some_and(|to| to <= start + length);
                if !row_fits
                    || !place_fits
                    || !inside
                    || size == 0
                    || page.first_row_index >= group.num_rows()
                {
                    return odd(format!("page {p} at {offset}, {size} bytes, row {}", page.first_row_index));
                }
                (at, next_row) = (offset + size, page.first_row_index);
            }
            if leaf.page_locations().is_empty() || at != start + length {
                return odd(format!("pages up to {at} of {}", start + length));
            }
        }
    }
    Ok(())
}

/// Checks that rows lie in the key groups that the index says.
///
/// Spec: FILE-4.
pub(super) fn key_groups(index: &KeyGroupIndex, rows: &Range<u64>, found: &[u16]) -> Result<()> {
    let entries = index.entries();
    let start = entries.partition_point(|e| e.first_row + e.rows <= rows.start);
    let mut rest = found;
    let mut at = rows.start;
    for entry in entries.get(start..).unwrap_or_default() {
        let count = usize::try_from((entry.first_row + entry.rows).min(rows.end) - at).unwrap_or(0);
        let Some((here, behind)) = rest.split_at_checked(count) else { break };
        if let Some(other) = here.iter().find(|group| **group != entry.group.0) {
            let found = format!("key group {other} instead of {} from row {at}", entry.group);
            return Err(Error::malformed("rows", rule::INDEX, found));
        }
        (rest, at) = (behind, at + count as u64);
        if rest.is_empty() {
            return Ok(());
        }
    }
    Err(Error::malformed("rows", rule::INDEX, format!("rows behind the index from row {at}")))
}

/// Checks that operations are known ones, and that deletes and clears hold nothing.
///
/// Spec: RUN-4, RUN-5.
pub(super) fn ops(rows: &RecordBatch) -> Result<()> {
    match ops::broken(rows) {
        Some(broken) => {
            Err(Error::malformed("rows", broken.rule, format!("column {}: {}", broken.column, broken.found)))
        }
        None => Ok(()),
    }
}

/// Checks that every cell holds a value of its type.
///
/// Spec: TYPE-21, TYPE-25 to TYPE-28.
pub(super) fn values(schema: &StateSchema, rows: &RecordBatch) -> Result<()> {
    let raw = |role: Role| role.raw().and_then(|raw| rows.column_by_name(raw.name()));
    let types = [
        (Role::Key, schema.key.as_ref()),
        (Role::Namespace, schema.namespace.as_ref()),
        (Role::MapKey, schema.map_key.as_ref()),
        (Role::Value, schema.value.as_ref().map(|value| &value.ty)),
    ];
    for (role, ty) in types {
        if let Some((ty, column)) = ty.zip(rows.column_by_name(role.name())) {
            column::check(column, raw(role).map(|raw| raw.as_ref()), ty)?;
        }
    }
    Ok(())
}

/// Checks that rows ascend from the last row read, which it then replaces.
///
/// Spec: ORDER-1, ORDER-5.
pub(super) fn order(batch: &RowBatch, last: &mut Option<(KeyGroup, Vec<u8>)>) -> Result<()> {
    let before = last.as_ref().map(|(group, key)| (*group, key.as_slice()));
    let at = |row: usize| (batch.key_group(row), batch.sort_key(row));
    if let Some(row) = batch.first_unordered(before) {
        let (here, before) = (at(row), row.checked_sub(1).map(at).or(before));
        let (rule, what) =
            if before == Some(here) { (rule::UNIQUE, "twice") } else { (rule::ORDER, "out of order") };
        return Err(Error::malformed("rows", rule, format!("a row of key group {} {what}", here.0)));
    }
    if let Some(end) = batch.len().checked_sub(1) {
        let (group, key) = at(end);
        *last = Some((group, key.to_vec()));
    }
    Ok(())
}
