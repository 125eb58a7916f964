use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;

use alluvium_model::evolution::{self, Projection, What};
use alluvium_model::{KeyGroup, KeyGroupRange, StateKind, StateSchema};
use serde_json::{Map, Value as Json};

use super::{Difference, EntryChange, Pair, Run};
use crate::error::Result;
use crate::line::line_key;
use crate::{Line, Lines};

impl<'a> Run<'a> {
    pub(super) fn entries(&mut self, pair: &Pair<'a>) -> Result<ControlFlow<()>> {
        let kind = pair.left.table.schema.kind;
        if unordered(kind) {
            return if self.digests_equal(pair)? {
                Ok(ControlFlow::Continue(()))
            } else {
                self.multiset(pair)
            };
        }
        if !pair.same_placement && kind.is_keyed() {
            return self.in_memory(pair);
        }
        for range in self.ranges_to_read(pair)? {
            let flow = self.merge(pair, range)?;
            if flow.is_break() {
                return Ok(flow);
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    /// Returns the ranges of key groups whose digests differ; one range of all without digests.
    fn ranges_to_read(&mut self, pair: &Pair<'a>) -> Result<Vec<Option<KeyGroupRange>>> {
        let Some((left, right)) = self.digests(pair)? else { return Ok(vec![None]) };
        let groups: BTreeSet<KeyGroup> = left.groups.keys().chain(right.groups.keys()).copied().collect();
        let mut ranges: Vec<KeyGroupRange> = Vec::new();
        for group in groups {
            if left.groups.get(&group) == right.groups.get(&group) {
                self.summary.key_groups_skipped += 1;
                continue;
            }
            let number = u32::from(group.0);
            match ranges.last_mut() {
                Some(range) if range.end == number => range.end += 1,
                _ => ranges.push(KeyGroupRange::new(number, number + 1)),
            }
        }
        Ok(ranges.into_iter().map(Some).collect())
    }

    fn digests_equal(&mut self, pair: &Pair<'a>) -> Result<bool> {
        let equal = self.digests(pair)?.is_some_and(|(left, right)| left == right);
        if equal {
            self.summary.key_groups_skipped += 1;
        }
        Ok(equal)
    }

    fn digests(&self, pair: &Pair<'a>) -> Result<Option<(Digests, Digests)>> {
        let (left, right) = (&pair.left, &pair.right);
        if !evolution::same_field_names(&left.table.schema, &right.table.schema) {
            return Ok(None);
        }
        let left = self.left.digest(left.operator.id, &left.table.schema.name)?;
        let right = self.right.digest(right.operator.id, &right.table.schema.name)?;
        Ok(left.zip(right))
    }

    fn both(&self, pair: &Pair<'a>, range: Option<KeyGroupRange>) -> Result<(Lines<'a>, Lines<'a>)> {
        let (left, right) = (&pair.left.table.schema, &pair.right.table.schema);
        let forward = lossless(left, right);
        let backward = if forward.is_none() { lossless(right, left) } else { None };
        Ok((
            Lines::projected(self.left, &pair.left, range, forward)?,
            Lines::projected(self.right, &pair.right, range, backward)?,
        ))
    }

    /// Walks both sides in canonical order.
    fn merge(&mut self, pair: &Pair<'a>, range: Option<KeyGroupRange>) -> Result<ControlFlow<()>> {
        let kind = pair.left.table.schema.kind;
        let (mut left, mut right) = self.both(pair, range)?;
        let mut before = left.next().transpose()?;
        let mut after = right.next().transpose()?;
        loop {
            let order = match (&before, &after) {
                (None, None) => return Ok(ControlFlow::Continue(())),
                (Some(_), None) => Ordering::Less,
                (None, Some(_)) => Ordering::Greater,
                (Some(l), Some(r)) => place(kind, l).cmp(&place(kind, r)),
            };
            let take_left = order != Ordering::Greater;
            let take_right = order != Ordering::Less;
            let taken =
                (take_left.then(|| before.take()).flatten(), take_right.then(|| after.take()).flatten());
            if self.compare(pair, taken.0.as_ref(), taken.1.as_ref()).is_break() {
                return Ok(ControlFlow::Break(()));
            }
            if take_left {
                before = left.next().transpose()?;
            }
            if take_right {
                after = right.next().transpose()?;
            }
        }
    }

    /// Pairs entries by key where equal keys lie in different key groups.
    fn in_memory(&mut self, pair: &Pair<'a>) -> Result<ControlFlow<()>> {
        let kind = pair.left.table.schema.kind;
        let (left, right) = self.both(pair, None)?;
        let mut before: BTreeMap<Vec<u8>, Line> = BTreeMap::new();
        for line in left {
            let line = line?;
            before.insert(line_key(kind, &line.position.1).to_vec(), line);
        }
        for line in right {
            let line = line?;
            let other = before.remove(line_key(kind, &line.position.1));
            if self.compare(pair, other.as_ref(), Some(&line)).is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
        for line in before.values() {
            if self.compare(pair, Some(line), None).is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    /// Compares operator lists as multisets: which subtask holds an element means nothing.
    fn multiset(&mut self, pair: &Pair<'a>) -> Result<ControlFlow<()>> {
        let (left, right) = self.both(pair, None)?;
        let mut before: BTreeMap<String, Vec<Line>> = BTreeMap::new();
        for line in left {
            let line = line?;
            before.entry(Json::Object(line.payload()).to_string()).or_default().push(line);
        }
        for line in right {
            let line = line?;
            let other = before.get_mut(&Json::Object(line.payload()).to_string()).and_then(Vec::pop);
            if other.is_some() {
                self.summary.equal += 1;
            } else if self.compare(pair, None, Some(&line)).is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
        for line in before.values().flatten() {
            if self.compare(pair, Some(line), None).is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    fn compare(&mut self, pair: &Pair<'a>, before: Option<&Line>, after: Option<&Line>) -> ControlFlow<()> {
        let payload = |line: Option<&Line>| -> Option<Map<String, Json>> { line.map(Line::payload) };
        let (old, new) = (payload(before), payload(after));
        let change = match (&old, &new) {
            (Some(old), Some(new)) if old == new => {
                self.summary.equal += 1;
                return ControlFlow::Continue(());
            }
            (Some(_), Some(_)) => EntryChange::Changed,
            (None, _) => EntryChange::Added,
            (_, None) => EntryChange::Removed,
        };
        *match change {
            EntryChange::Added => &mut self.summary.added,
            EntryChange::Removed => &mut self.summary.removed,
            EntryChange::Changed => &mut self.summary.changed,
        } += 1;
        (self.report)(Difference::Entry {
            operator: pair.operator.clone(),
            state: pair.left.table.schema.name.clone(),
            change,
            identity: after.or(before).map(Line::identity).unwrap_or_default(),
            before: old,
            after: new,
        })
    }
}

type Digests = alluvium_model::digest::TableDigest;

fn unordered(kind: StateKind) -> bool {
    !kind.is_keyed() && kind != StateKind::Broadcast
}

fn place(kind: StateKind, line: &Line) -> (KeyGroup, &[u8]) {
    (line.position.0, line_key(kind, &line.position.1))
}

/// Returns the projection to a schema that shows everything that the old one does.
fn lossless(old: &StateSchema, new: &StateSchema) -> Option<Projection> {
    let resolution = evolution::resolve(old, new);
    let loses = |what: &What| {
        matches!(what, What::FieldRemoved { .. } | What::TtlRemoved { .. } | What::TtlAdded { .. })
    };
    if resolution.differences.iter().any(|d| loses(&d.what)) { None } else { resolution.projection }
}
