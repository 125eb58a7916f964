//! Which runs cover a key group, in which order, and which of them may become one.
//!
//! Spec: SEQ-1 to SEQ-4, RUN-6, MERGE-8 to MERGE-10.

use alluvium_model::{KeyGroup, KeyGroupRange};

use crate::RunRef;

/// Most runs of a table that may cover one key group in a published manifest.
///
/// Spec: MERGE-10.
pub const FAN_IN_MAX: usize = 8;

/// Two runs that claim the same sequence of the same key group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Overlap {
    /// Index of one run.
    pub first: usize,
    /// Index of the other.
    pub second: usize,
    /// The lowest key group that both cover.
    pub group: u32,
}

/// What a merge of runs will be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Merged {
    /// Hull of their sequences.
    pub sequence: (u32, u32),
    /// Union of their clips.
    pub clip: KeyGroupRange,
    /// Whether nothing older lies below, so that deletes and clears end here.
    pub base: bool,
}

/// Returns the first two runs that break the law of sequences, if any do.
///
/// Spec: SEQ-2.
pub fn overlap(runs: &[RunRef]) -> Option<Overlap> {
    let mut order: Vec<usize> = (0..runs.len()).collect();
    order.sort_by_key(|i| runs.get(*i).map(|run| run.sequence));
    for (at, first) in order.iter().enumerate() {
        for second in order.iter().skip(at + 1) {
            let (Some(a), Some(b)) = (runs.get(*first), runs.get(*second)) else { continue };
            if b.sequence.0 > a.sequence.1 {
                break;
            }
            let shared = a.clip.intersect(b.clip);
            if !shared.is_empty() {
                return Some(Overlap { first: *first, second: *second, group: shared.start });
            }
        }
    }
    None
}

/// Returns the runs that cover a key group, newest first.
///
/// Spec: SEQ-3.
pub fn covering(runs: &[RunRef], group: KeyGroup) -> Vec<&RunRef> {
    let mut found: Vec<&RunRef> = runs.iter().filter(|run| run.covers(group)).collect();
    found.sort_by_key(|run| std::cmp::Reverse(run.sequence));
    found
}

/// Returns the runs that meet a range, clipped to it, oldest first.
pub fn within(runs: &[RunRef], range: KeyGroupRange) -> Vec<RunRef> {
    let mut found: Vec<RunRef> =
        runs.iter().map(|run| run.clipped(range)).filter(|run| !run.clip.is_empty()).collect();
    found.sort_by_key(|run| (run.sequence, run.clip));
    found
}

/// Returns the largest number of runs that cover one key group.
///
/// Spec: MERGE-10.
pub fn fan_in(runs: &[RunRef]) -> usize {
    let covered_at = |group: u32| runs.iter().filter(|r| (r.clip.start..r.clip.end).contains(&group)).count();
    runs.iter().map(|run| covered_at(run.clip.start)).max().unwrap_or(0)
}

/// Returns what merging some runs of a table gives, or `None` when they are not adjacent for every
/// key group of their clips.
///
/// Spec: MERGE-8, MERGE-9.
pub fn merged(runs: &[RunRef], chosen: &[usize]) -> Option<Merged> {
    let parts: Vec<&RunRef> = chosen.iter().filter_map(|i| runs.get(*i)).collect();
    let sequence = (parts.iter().map(|r| r.sequence.0).min()?, parts.iter().map(|r| r.sequence.1).max()?);
    let clip = KeyGroupRange::new(
        parts.iter().map(|r| r.clip.start).min()?,
        parts.iter().map(|r| r.clip.end).max()?,
    );
    let mut base = true;
    for (i, other) in runs.iter().enumerate() {
        if chosen.contains(&i) || other.clip.intersect(clip).is_empty() {
            continue;
        }
        if other.sequence.0 <= sequence.1 && sequence.0 <= other.sequence.1 {
            return None;
        }
        base &= other.sequence.0 > sequence.1 || (other.base && parts.iter().all(|part| part.base));
    }
    Some(Merged { sequence, clip, base })
}

/// Chooses runs of one subtask's table to merge, or `None` while there is no need.
///
/// There is need when more than `fan_in_max` runs cover a key group. The newest runs go first;
/// an older one joins while it is not more than twice as large as those before it, so that a row
/// is rewritten a logarithmic number of times, and until the number left is below the bound.
///
/// The answer is ascending by sequence and always adjacent; see [`merged`].
///
/// Spec: MERGE-10.
pub fn select(runs: &[RunRef], fan_in_max: usize) -> Option<Vec<usize>> {
    let fan_in = fan_in(runs);
    if fan_in <= fan_in_max.max(1) {
        return None;
    }
    let mut newest: Vec<usize> = (0..runs.len()).collect();
    newest.sort_by_key(|i| std::cmp::Reverse(runs.get(*i).map(|run| run.sequence)));
    let needed = fan_in - fan_in_max.max(1) + 1;
    let mut chosen: Vec<usize> = Vec::new();
    let mut bytes = 0u64;
    for index in newest {
        let size = runs.get(index).map_or(0, RunRef::bytes);
        if chosen.len() >= needed.max(2) && size > bytes.saturating_mul(2) {
            break;
        }
        chosen.push(index);
        bytes = bytes.saturating_add(size);
    }
    close(runs, &mut chosen);
    chosen.sort_by_key(|i| runs.get(*i).map(|run| run.sequence));
    Some(chosen)
}

/// Adds the runs that lie between the chosen ones for some key group.
fn close(runs: &[RunRef], chosen: &mut Vec<usize>) {
    while merged(runs, chosen).is_none() {
        let hull = |pick: fn(&RunRef) -> (u32, u32)| {
            let parts = chosen.iter().filter_map(|i| runs.get(*i)).map(pick);
            parts.reduce(|a, b| (a.0.min(b.0), a.1.max(b.1))).unwrap_or_default()
        };
        let (first, last) = hull(|run| run.sequence);
        let (start, end) = hull(|run| (run.clip.start, run.clip.end));
        let clip = KeyGroupRange::new(start, end);
        let between = runs.iter().enumerate().find(|(i, run)| {
            !chosen.contains(i)
                && !run.clip.intersect(clip).is_empty()
                && run.sequence.0 <= last
                && first <= run.sequence.1
        });
        match between {
            Some((index, _)) => chosen.push(index),
            None => return,
        }
    }
}

#[cfg(test)]
mod tests;
