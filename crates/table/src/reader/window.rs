use std::ops::Range;
use std::sync::Arc;

use alluvium_model::{Role, RowBatch, StateSchema};
use arrow_array::cast::AsArray;
use arrow_array::types::UInt16Type;
use arrow_array::{BinaryArray, RecordBatch};
use bytes::Bytes;
use parquet::DecodeResult;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, RowSelection, RowSelectionPolicy};
use parquet::arrow::push_decoder::ParquetPushDecoderBuilder;
use parquet::file::metadata::ColumnChunkMetaData;
use parquet::file::page_index::offset_index::PageLocation;

use super::inbox::Inbox;
use super::page::{self, PageRule};
use super::{check, guarded, sort_key};
use crate::{Error, Result, RunInfo, rule};

/// An open file: what it holds and how its pages lie.
pub(super) struct Body {
    pub(super) info: Arc<RunInfo>,
    pub(super) schema: Arc<StateSchema>,
    pub(super) base: bool,
    pub(super) metadata: ArrowReaderMetadata,
    /// First row of each row group, and one past the last row.
    starts: Vec<u64>,
    identity: ProjectionMask,
}

/// Rows of one row group that are read at once.
pub(super) struct Window {
    pub(super) group: usize,
    /// Positions in the run.
    pub(super) rows: Range<u64>,
}

impl Body {
    pub(super) fn new(
        metadata: ArrowReaderMetadata,
        info: Arc<RunInfo>,
        schema: Arc<StateSchema>,
        base: bool,
    ) -> Self {
        let mut starts = vec![0];
        let mut next = 0;
        for group in metadata.metadata().row_groups() {
            next += u64::try_from(group.num_rows()).unwrap_or(0);
            starts.push(next);
        }
        let roles = schema.roles(!base);
        let identity = (0..roles.len()).zip(&roles).filter(|(_, role)| is_identity(**role)).map(|(i, _)| i);
        let identity = ProjectionMask::roots(metadata.parquet_schema(), identity);
        Body { info, schema, base, metadata, starts, identity }
    }

    /// Returns the rows from the start of `rows` that at most `pages` pages of each leaf hold.
    pub(super) fn window(&self, rows: Range<u64>, pages: usize) -> Result<Window> {
        let (group, first) = self.group_of(rows.start)?;
        let local = rows.start - first;
        let mut end = self.end_of(group)?;
        for leaf in self.pages(group)? {
            let page = page_of(leaf, local);
            if let Some(behind) = leaf.get(page + pages) {
                end = end.min(first + row_of(behind));
            }
        }
        Ok(Window { group, rows: rows.start..end.min(rows.end) })
    }

    /// Returns rows of one page around `row`, within `within`.
    pub(super) fn probe_window(&self, row: u64, within: &Range<u64>) -> Result<Window> {
        let (group, first) = self.group_of(row)?;
        let local = row - first;
        let (mut start, mut end) = (first, self.end_of(group)?);
        for (i, leaf) in self.pages(group)?.enumerate() {
            if !self.identity.leaf_included(i) {
                continue;
            }
            let page = page_of(leaf, local);
            start = start.max(leaf.get(page).map_or(start, |p| first + row_of(p)));
            end = end.min(leaf.get(page + 1).map_or(end, |p| first + row_of(p)));
        }
        Ok(Window { group, rows: start.max(within.start)..end.min(within.end) })
    }

    /// Decodes the rows of a window; returns nothing while bytes are missing.
    pub(super) fn read(
        &self,
        window: &Window,
        identity: bool,
        inbox: &mut Inbox,
    ) -> Result<Option<RecordBatch>> {
        let (_, first) = self.group_of(window.rows.start)?;
        let local = window.rows.start - first..window.rows.end - first;
        let mask = if identity { self.identity.clone() } else { ProjectionMask::all() };
        let pieces = self.pieces(window.group, &local, &mask)?;
        let ranges = coalesce(&pieces);
        let Some(bytes) = inbox.take(&ranges)? else { return Ok(None) };
        for piece in &pieces {
            let bytes = slice_of(&ranges, &bytes, &piece.range)
                .ok_or_else(|| Error::malformed("page", rule::PAGES, "a page outside of its range"))?;
            page::check(&bytes, &piece.rule).map_err(|e| e.in_group(window.group).at(piece.range.start))?;
        }
        let rows = guarded("pages", rule::PAGES, || self.decode(window.group, &local, mask, ranges, bytes))
            .map_err(|e| e.in_group(window.group))?;
        match rows {
            DecodeResult::Data(rows) if rows.num_rows() as u64 == local.end - local.start => Ok(Some(rows)),
            _ => Err(Error::malformed("pages", rule::PAGES, "fewer rows than their row group has")
                .in_group(window.group)),
        }
    }

    fn decode(
        &self,
        group: usize,
        rows: &Range<u64>,
        mask: ProjectionMask,
        ranges: Vec<Range<u64>>,
        bytes: Vec<Bytes>,
    ) -> Result<DecodeResult<RecordBatch>, parquet::errors::ParquetError> {
        let local = rows.start as usize..rows.end as usize;
        let total = self.metadata.metadata().row_group(group).num_rows() as usize;
        let mut decoder = ParquetPushDecoderBuilder::new_with_metadata(self.metadata.clone())
            .with_row_groups(vec![group])
            .with_batch_size(local.len())
            .with_row_selection(RowSelection::from_consecutive_ranges(std::iter::once(local), total))
            .with_row_selection_policy(RowSelectionPolicy::Selectors)
            .with_projection(mask)
            .build()?;
        decoder.push_ranges(ranges, bytes)?;
        decoder.try_decode()
    }

    /// Returns the sort keys of rows that have at least the identity columns.
    pub(super) fn sort_keys(&self, rows: &RecordBatch) -> Result<BinaryArray> {
        sort_key::compute(&self.schema, rows)
    }

    /// Checks decoded rows and makes a batch of them.
    pub(super) fn finish_batch(
        &self,
        window: &Window,
        rows: RecordBatch,
        sort_keys: bool,
    ) -> Result<RowBatch> {
        if let Some(groups) = rows.column_by_name(Role::KeyGroup.name()) {
            let groups =
                groups.as_primitive_opt::<UInt16Type>().map(|g| g.values().as_ref()).unwrap_or_default();
            check::key_groups(&self.info.key_groups, &window.rows, groups)
                .map_err(|e| e.in_group(window.group))?;
        }
        if !self.base {
            check::ops(&rows).map_err(|e| e.in_group(window.group))?;
        }
        check::values(&self.schema, &rows)?;
        let keys = match sort_keys {
            true => self.sort_keys(&rows).map_err(|e| e.in_group(window.group))?,
            false => sort_key::none(rows.num_rows()),
        };
        Ok(RowBatch::new(Arc::clone(&self.schema), !self.base, rows, keys)?)
    }

    /// Returns the row group of a row and the first row of that group.
    pub(super) fn group_of(&self, row: u64) -> Result<(usize, u64)> {
        let group = self.starts.partition_point(|start| *start <= row).saturating_sub(1);
        match self.starts.get(group) {
            Some(first) if group + 1 < self.starts.len() => Ok((group, *first)),
            _ => Err(Error::malformed("row groups", rule::SIZES, format!("no row {row}"))),
        }
    }

    pub(super) fn end_of(&self, group: usize) -> Result<u64> {
        let end = self.starts.get(group + 1).copied();
        end.ok_or_else(|| Error::malformed("row groups", rule::SIZES, "no such row group").in_group(group))
    }

    pub(super) fn group_start(&self, group: usize) -> Result<u64> {
        let start = self.starts.get(group).copied();
        start.ok_or_else(|| Error::malformed("row groups", rule::SIZES, "no such row group").in_group(group))
    }

    fn pages(&self, group: usize) -> Result<impl Iterator<Item = &[PageLocation]>> {
        let leaves = self.metadata.metadata().offset_index().and_then(|index| index.get(group));
        let leaves =
            leaves.ok_or_else(|| Error::malformed("offset index", rule::PAGES, "none").in_group(group))?;
        Ok(leaves.iter().map(|leaf| leaf.page_locations().as_slice()))
    }

    /// Returns every page that rows of a row group need, dictionaries first.
    fn pieces(&self, group: usize, local: &Range<u64>, mask: &ProjectionMask) -> Result<Vec<Piece>> {
        let columns =
            self.metadata.metadata().row_groups().get(group).map(|g| g.columns()).unwrap_or_default();
        let group_rows = self.end_of(group)? - self.starts.get(group).copied().unwrap_or(0);
        let mut pieces = Vec::new();
        for (i, (leaf, column)) in self.pages(group)?.zip(columns).enumerate() {
            if !mask.leaf_included(i) {
                continue;
            }
            pieces.extend(dictionary(leaf, column));
            let flat = column.column_descr().max_rep_level() == 0;
            let (from, to) = (page_of(leaf, local.start), page_of(leaf, local.end.saturating_sub(1)));
            for p in from..=to {
                let Some(page) = leaf.get(p) else { break };
                let next = leaf.get(p + 1).map_or(group_rows, row_of);
                let values = flat.then(|| next - row_of(page));
                pieces.push(Piece { range: place_of(page), rule: PageRule::Data { values } });
            }
        }
        Ok(pieces)
    }
}

/// A page to be read.
struct Piece {
    range: Range<u64>,
    rule: PageRule,
}

fn dictionary(leaf: &[PageLocation], column: &ColumnChunkMetaData) -> Option<Piece> {
    let (start, _) = column.byte_range();
    let first = place_of(leaf.first()?).start;
    (first > start).then_some(Piece { range: start..first, rule: PageRule::Dictionary })
}

fn is_identity(role: Role) -> bool {
    !matches!(role, Role::Value | Role::ValueRaw | Role::LastAccess)
}

fn row_of(page: &PageLocation) -> u64 {
    u64::try_from(page.first_row_index).unwrap_or(0)
}

fn place_of(page: &PageLocation) -> Range<u64> {
    let start = u64::try_from(page.offset).unwrap_or(0);
    start..start + u64::try_from(page.compressed_page_size).unwrap_or(0)
}

fn page_of(leaf: &[PageLocation], row: u64) -> usize {
    leaf.partition_point(|page| row_of(page) <= row).saturating_sub(1)
}

/// Joins pages that touch, so that fewer ranges are asked for.
fn coalesce(pieces: &[Piece]) -> Vec<Range<u64>> {
    let mut sorted: Vec<Range<u64>> = pieces.iter().map(|piece| piece.range.clone()).collect();
    sorted.sort_unstable_by_key(|range| (range.start, range.end));
    let mut joined: Vec<Range<u64>> = Vec::with_capacity(sorted.len());
    for range in sorted {
        match joined.last_mut() {
            Some(last) if range.start <= last.end => last.end = last.end.max(range.end),
            _ => joined.push(range),
        }
    }
    joined
}

fn slice_of(ranges: &[Range<u64>], bytes: &[Bytes], wanted: &Range<u64>) -> Option<Bytes> {
    let at = ranges.partition_point(|range| range.start <= wanted.start).checked_sub(1)?;
    let (range, bytes) = (ranges.get(at)?, bytes.get(at)?);
    let from = usize::try_from(wanted.start - range.start).ok()?;
    let to = usize::try_from(wanted.end.checked_sub(range.start)?).ok()?;
    (to <= bytes.len()).then(|| bytes.slice(from..to))
}
