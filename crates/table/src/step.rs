use std::ops::Range;

use alluvium_model::RowBatch;

/// A byte range that a reader needs before it can go on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Need {
    /// Position of the run among those merged; 0 for a single reader.
    pub run: usize,
    /// Offsets in the bytes of that run, end exclusive.
    pub range: Range<u64>,
}

/// What a reader or a merge answers.
#[derive(Debug)]
pub enum Step {
    /// It needs these ranges, never none; resume it with their bytes in this order.
    NeedRanges(Vec<Need>),
    /// The next rows, never none.
    Batch(RowBatch),
    /// There are no more rows.
    Done,
}
