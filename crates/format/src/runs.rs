//! Which runs cover a key group, in which order, and which of them may become one.
//!
//! Spec: SEQ-1 to SEQ-4, RUN-6, MERGE-8 to MERGE-10.

use std::collections::BTreeMap;

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

/// A broken law of the runs of a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Clash {
    /// Sequences overlap.
    Overlap(Overlap),
    /// A base run with an older delta run below it.
    DeltaBelowBase {
        /// The key group where it is so.
        group: u32,
    },
}

/// Returns the first two runs that break the law of sequences, if any do.
///
/// Spec: SEQ-2.
pub fn overlap(runs: &[RunRef]) -> Option<Overlap> {
    match clash(runs) {
        Some(Clash::Overlap(overlap)) => Some(overlap),
        _ => None,
    }
}

/// Sweeps over the key groups and looks for runs that must not meet: n log n for n runs.
///
/// Spec: SEQ-2, RUN-3.
pub(crate) fn clash(runs: &[RunRef]) -> Option<Clash> {
    // First sequence of each run that covers the current group, with its last one and its index.
    let mut bases: BTreeMap<u32, (u32, usize)> = BTreeMap::new();
    let mut deltas: BTreeMap<u32, (u32, usize)> = BTreeMap::new();
    for (group, starts, index) in edges(runs) {
        let Some(run) = runs.get(index) else { continue };
        let (first, last) = run.sequence;
        let own = if run.base { &mut bases } else { &mut deltas };
        if !starts {
            own.remove(&first);
            continue;
        }
        for active in [&bases, &deltas] {
            let below = active.range(..=first).next_back().filter(|(_, (end, _))| *end >= first);
            let above = active.range(first..).next().filter(|(start, _)| **start <= last);
            if let Some((_, (_, other))) = below.or(above) {
                let (a, b) = (index.min(*other), index.max(*other));
                return Some(Clash::Overlap(Overlap { first: a, second: b, group }));
            }
        }
        if run.base { &mut bases } else { &mut deltas }.insert(first, (last, index));
        let newest_base = bases.last_key_value().map(|(first, _)| *first);
        let oldest_delta = deltas.first_key_value().map(|(first, _)| *first);
        if newest_base.zip(oldest_delta).is_some_and(|(base, delta)| delta < base) {
            return Some(Clash::DeltaBelowBase { group });
        }
    }
    None
}

/// The borders of all clips, ascending, an end before a start at the same group.
fn edges(runs: &[RunRef]) -> Vec<(u32, bool, usize)> {
    let covered = runs.iter().enumerate().filter(|(_, run)| !run.clip.is_empty());
    let mut edges: Vec<_> =
        covered.flat_map(|(i, run)| [(run.clip.start, true, i), (run.clip.end, false, i)]).collect();
    edges.sort_unstable();
    edges
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

/// Returns the largest number of runs that cover one key group, pieces of one base counting as one.
///
/// Spec: MERGE-10.
pub fn fan_in(runs: &[RunRef]) -> usize {
    let (mut bases, mut deltas, mut most) = (0usize, 0usize, 0usize);
    for (_, starts, index) in edges(runs) {
        let base = runs.get(index).is_some_and(|run| run.base);
        let count = if base { &mut bases } else { &mut deltas };
        *count = if starts { *count + 1 } else { count.saturating_sub(1) };
        most = most.max(bases.min(1) + deltas);
    }
    most
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
