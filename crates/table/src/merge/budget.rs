use alluvium_model::StateSchema;
use arrow_schema::DataType;

use super::MergeRun;
use crate::LEAF_BYTES;

/// How much a merge holds at once.
pub(super) struct Budget {
    /// Pages of a leaf column that are read at once.
    pub(super) window_pages: usize,
    /// Batches from which rows may wait for one output batch.
    pub(super) sources_max: usize,
}

impl Budget {
    /// Divides the bytes: a quarter for the windows that are read, one for those behind them from
    /// which rows still wait, one for further such windows; the last is for what the rows become.
    pub(super) fn new(schema: &StateSchema, overlap: usize, merge_bytes_max: u64) -> Self {
        let (overlap, leaves) = (overlap.max(1) as u64, leaf_columns(schema) as u64);
        let share = merge_bytes_max / 4;
        let pages = (share / (overlap * leaves * PAGE_BYTES)).clamp(1, WINDOW_PAGES_MAX);
        let spare = share / (leaves * PAGE_BYTES * pages);
        let sources = (2 * overlap + spare).min(SOURCES_MAX.max(2 * overlap));
        let whole = |count| usize::try_from(count).unwrap_or(usize::MAX);
        Budget { window_pages: whole(pages), sources_max: whole(sources) }
    }
}

/// Returns how many runs cover one key group at most.
pub(super) fn overlap(runs: &[MergeRun]) -> usize {
    let over = |group: u32| runs.iter().filter(|run| run.clip.start <= group && group < run.clip.end).count();
    runs.iter().map(|run| over(run.clip.start)).max().unwrap_or(0)
}

/// Returns how many runs of a state may be merged at once within `merge_bytes_max`; at least two.
pub fn fan_in(schema: &StateSchema, merge_bytes_max: u64) -> usize {
    let runs = merge_bytes_max / (leaf_columns(schema) as u64 * LEAF_BYTES);
    usize::try_from(runs).unwrap_or(usize::MAX).max(2)
}

/// Bytes of a page.
const PAGE_BYTES: u64 = LEAF_BYTES / 3;
/// Most pages of a leaf column that are worth reading at once.
const WINDOW_PAGES_MAX: u64 = 16;
/// Most batches that wait for one output batch; where few rows of each survive.
const SOURCES_MAX: u64 = 64;

pub(super) fn leaf_columns(schema: &StateSchema) -> usize {
    fn leaves(ty: &DataType) -> usize {
        match ty {
            DataType::Struct(fields) => fields.iter().map(|f| leaves(f.data_type())).sum(),
            DataType::List(field) | DataType::Map(field, _) => leaves(field.data_type()),
            _ => 1,
        }
    }
    let arrow = schema.arrow_schema(true);
    arrow.fields().iter().map(|f| leaves(f.data_type())).sum::<usize>().max(1)
}
