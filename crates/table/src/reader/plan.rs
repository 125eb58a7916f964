use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;

use alluvium_model::{KeyGroup, KeyGroupRange};
use arrow_array::{Array, BinaryArray};

use crate::{GroupRows, Restriction, RunInfo};

/// Where the rows asked for lie: by row position, from the index.
pub(super) struct Plan {
    segments: VecDeque<Segment>,
    prefix: Option<Arc<[u8]>>,
}

/// Rows of one key group that begin at a bound still to be found, or rows of any groups.
pub(super) struct Segment {
    /// The rows, as far as is known.
    pub(super) rows: Range<u64>,
    /// Where the first of them may lie.
    pub(super) search: Range<u64>,
    /// The bound, if it is still to be found.
    pub(super) bound: Option<Bound>,
    /// What sort keys must begin with.
    pub(super) prefix: Option<Arc<[u8]>>,
    /// Whether no bloom filter can exclude more rows.
    pub(super) bloom_checked: bool,
    /// Rows read of it.
    read: u64,
}

/// Rows with a prefix that are read at first: often there is one.
const PREFIX_ROWS: u64 = 256;

/// A lowest sort key.
pub(super) enum Bound {
    From(Vec<u8>),
    After(Vec<u8>),
}

impl Bound {
    fn is_below(&self, key: &[u8]) -> bool {
        match self {
            Bound::From(bound) => bound.as_slice() <= key,
            Bound::After(bound) => bound.as_slice() < key,
        }
    }
}

impl Plan {
    pub(super) fn new(info: &RunInfo, restriction: &Restriction) -> Self {
        let mut plan =
            Plan { segments: VecDeque::new(), prefix: restriction.prefix.as_deref().map(Arc::from) };
        let all = [GroupRows { group: KeyGroup(0), first_row: 0, rows: info.rows }];
        let range = restriction.key_groups.unwrap_or(KeyGroupRange::new(0, u32::MAX));
        let entries = match info.schema.kind.is_keyed() {
            true => info.key_groups.of(range),
            false if range.contains(KeyGroup(0)) => &all,
            false => &[],
        };
        for entry in entries {
            plan.add(entry, restriction);
        }
        plan
    }

    fn add(&mut self, entry: &GroupRows, restriction: &Restriction) {
        let rows = entry.first_row..entry.first_row + entry.rows;
        let after = match &restriction.after {
            Some((group, _)) if *group > entry.group => return,
            Some((group, key)) if *group == entry.group => Some(key),
            _ => None,
        };
        let bound = match (&self.prefix, after) {
            (None, None) => None,
            (Some(prefix), Some(after)) if **prefix > **after => Some(Bound::From(prefix.to_vec())),
            (_, Some(after)) => Some(Bound::After(after.clone())),
            (Some(prefix), None) => Some(Bound::From(prefix.to_vec())),
        };
        if bound.is_none()
            && let Some(last) = self.segments.back_mut()
            && last.bound.is_none()
        {
            last.rows.end = rows.end;
            return;
        }
        let prefix = self.prefix.clone();
        let bloom_checked = prefix.is_none();
        self.segments.push_back(Segment {
            search: rows.clone(),
            rows,
            bound,
            prefix,
            bloom_checked,
            read: 0,
        });
    }

    pub(super) fn current(&mut self) -> Option<&mut Segment> {
        self.segments.front_mut()
    }

    pub(super) fn finish_segment(&mut self) {
        self.segments.pop_front();
    }

    pub(super) fn prefix(&self) -> Option<&[u8]> {
        self.prefix.as_deref()
    }
}

impl Segment {
    /// Returns whether the first row is still to be found.
    pub(super) fn is_searching(&self) -> bool {
        self.bound.is_some()
    }

    /// Returns the rows to be read next at most: few where they may soon have another prefix.
    pub(super) fn ahead(&self) -> Range<u64> {
        let most = match self.prefix {
            Some(_) => PREFIX_ROWS.max(self.read * 8),
            None => u64::MAX,
        };
        self.rows.start..self.rows.end.min(self.rows.start.saturating_add(most))
    }

    /// Goes on behind rows that were read.
    pub(super) fn go_on(&mut self, rows: &Range<u64>) {
        self.read += rows.end - rows.start;
        self.rows.start = rows.end;
    }

    /// Keeps only rows that bloom filters do not exclude.
    pub(super) fn bloom_done(&mut self, rows: Range<u64>) {
        self.bloom_checked = true;
        self.search = rows.clone();
        self.rows = rows;
    }

    /// Returns the row to look at next, if the first row is not known.
    pub(super) fn probe(&self) -> Option<u64> {
        (!self.search.is_empty()).then(|| self.search.start + (self.search.end - self.search.start) / 2)
    }

    /// Narrows the search by the sort keys of some of its rows.
    pub(super) fn learn(&mut self, rows: &Range<u64>, keys: &BinaryArray) {
        let Some(bound) = &self.bound else { return };
        let (mut low, mut high) = (0, keys.len());
        while low < high {
            let middle = low + (high - low) / 2;
            if bound.is_below(keys.value(middle)) { high = middle } else { low = middle + 1 }
        }
        if low == keys.len() {
            self.search.start = rows.end;
        } else if low == 0 {
            self.search.end = rows.start;
        } else {
            let first = rows.start + low as u64;
            self.search = first..first;
        }
    }

    /// Ends the search: rows begin where it has come to.
    pub(super) fn found(&mut self) {
        self.bound = None;
        self.rows.start = self.search.start;
    }
}
