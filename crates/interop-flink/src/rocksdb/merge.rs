//! One order out of many tables: the newest version of each key, deletions and operands resolved.

use std::cmp::Ordering;

use bytes::Bytes;

use super::key::{InternalKey, Kind, sequence};
use super::run::{Reach, Run};
use super::sst::Tombstone;
use crate::{Error, Result};

const SECTION: &str = "merged entries";

/// The largest value that operands are joined to.
const VALUE_LIMIT: usize = 128 << 20;

/// What Flink's merge operator writes between two operands.
const DELIMITER: u8 = b',';

/// A live entry of a column family.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The key, as Flink composed it: key group, key, namespace, user key.
    pub key: Bytes,
    /// The value, merge operands joined.
    pub value: Bytes,
}

/// The live entries of a column family, or of a range of its keys, in order.
///
/// As an iterator it owns what it returns and ends after an error. [`Scan::advance`] with
/// [`Scan::key`] and [`Scan::value`] lends instead, which saves two allocations per entry.
#[derive(Debug)]
pub struct Scan {
    reach: Reach,
    from: Option<Bytes>,
    last_sequence: u64,
    runs: Vec<Run>,
    /// The runs that have an entry, as a heap: the smallest key first, of equal keys the newer.
    heap: Vec<usize>,
    tombstones: Vec<Tombstone>,
    state: State,
    key: Vec<u8>,
    value: Found,
    /// Operands from the newest to the oldest, each back to front; turned round when complete.
    merged: Vec<u8>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    New,
    Running,
    Done,
}

/// Where the value of the entry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Found {
    InRun(usize),
    Merged,
}

impl Scan {
    pub(super) fn new(reach: Reach, runs: Vec<Run>, from: Option<Bytes>, last_sequence: u64) -> Self {
        Scan {
            reach,
            from,
            last_sequence,
            runs,
            heap: Vec::new(),
            tombstones: Vec::new(),
            state: State::New,
            key: Vec::new(),
            value: Found::Merged,
            merged: Vec::new(),
        }
    }

    /// Goes to the next entry and returns whether there is one.
    ///
    /// # Errors
    /// [`Error::Malformed`], [`Error::Truncated`] for bytes that break the format, with the table in
    /// which they are; [`Error::Unsupported`] for entries that are not read; [`Error::TooLarge`] for
    /// a block above 64 MiB or operands above 128 MiB; faults of the store. The scan ends there.
    pub fn advance(&mut self) -> Result<bool> {
        let found = self.step();
        if !matches!(found, Ok(true)) {
            self.state = State::Done;
        }
        found
    }

    /// Returns the key of the entry.
    pub fn key(&self) -> &[u8] {
        &self.key
    }

    /// Returns the value of the entry.
    pub fn value(&self) -> &[u8] {
        match self.value {
            Found::InRun(run) => self.runs.get(run).map_or(&[], Run::value),
            Found::Merged => &self.merged,
        }
    }

    fn step(&mut self) -> Result<bool> {
        match self.state {
            State::New => self.start()?,
            State::Running => self.pass()?,
            State::Done => return Ok(false),
        }
        while let Some(run) = self.heap.first().and_then(|index| self.runs.get(*index)) {
            let key = run.key();
            if self.reach.to.as_ref().is_some_and(|to| key.user >= to.as_ref()) {
                break;
            }
            self.key.clear();
            self.key.extend_from_slice(key.user);
            if self.resolve()? {
                return Ok(true);
            }
            self.pass()?;
        }
        Ok(false)
    }

    fn start(&mut self) -> Result<()> {
        self.state = State::Running;
        for index in 0..self.runs.len() {
            let Some(run) = self.runs.get_mut(index) else { break };
            if run.seek(&self.reach, self.from.as_deref(), &mut self.tombstones)? {
                self.heap.push(index);
            }
        }
        let mut heap = std::mem::take(&mut self.heap);
        heap.sort_by(|a, b| self.order(*a, *b));
        self.heap = heap;
        Ok(())
    }

    /// Goes past the versions of the key that was resolved.
    fn pass(&mut self) -> Result<()> {
        // The run whose value was given out is still at the top, with the key.
        if let Found::InRun(index) = std::mem::replace(&mut self.value, Found::Merged)
            && self.heap.first() == Some(&index)
        {
            self.advance_top()?;
        }
        while let Some(run) = self.top() {
            match run.key().user.cmp(&self.key) {
                Ordering::Greater => break,
                Ordering::Equal => self.advance_top()?,
                Ordering::Less => return Err(run.within(out_of_order(run))),
            }
        }
        Ok(())
    }

    /// Finds the value of the key from its versions, newest first, and returns whether it has one.
    fn resolve(&mut self) -> Result<bool> {
        self.merged.clear();
        self.value = Found::Merged;
        let mut operands = 0usize;
        let mut newest = u64::MAX;
        while let Some(index) = self.heap.first().copied() {
            let Some(run) = self.runs.get(index) else { break };
            let key = run.key();
            if newest != u64::MAX && key.user != self.key {
                break;
            }
            if key.trailer > newest {
                return Err(run.within(out_of_order(run)));
            }
            newest = key.trailer;
            match self.kind(run)? {
                // Written after the snapshot was taken.
                _ if sequence(key.trailer) > self.last_sequence => {}
                Kind::Value if operands == 0 => {
                    self.value = Found::InRun(index);
                    return Ok(true);
                }
                Kind::Value => {
                    push_operand(&mut self.merged, operands, run)?;
                    break;
                }
                Kind::Merge => {
                    push_operand(&mut self.merged, operands, run)?;
                    operands += 1;
                }
                Kind::Delete | Kind::SingleDelete | Kind::RangeDelete => break,
            }
            self.advance_top()?;
        }
        self.merged.reverse();
        Ok(operands > 0)
    }

    /// Returns what the entry at the top does, which is to delete when a deleted range hides it.
    fn kind(&self, run: &Run) -> Result<Kind> {
        let key = run.key();
        match Kind::of(key.trailer, run.offset()).map_err(|error| run.within(error))? {
            Kind::RangeDelete => Err(run.within(Error::Malformed {
                section: SECTION,
                offset: run.offset(),
                wanted: "an entry of a key",
                found: "a deleted range".to_owned(),
            })),
            _ if !self.tombstones.is_empty() && self.is_hidden(key) => Ok(Kind::Delete),
            kind => Ok(kind),
        }
    }

    fn is_hidden(&self, key: InternalKey<'_>) -> bool {
        self.tombstones.iter().any(|range| range.sequence() <= self.last_sequence && range.hides(key))
    }

    #[inline]
    fn top(&self) -> Option<&Run> {
        self.runs.get(*self.heap.first()?)
    }

    /// Goes to the next entry of the run at the top and puts the run in its place.
    fn advance_top(&mut self) -> Result<()> {
        let Some(run) = self.heap.first().and_then(|index| self.runs.get_mut(*index)) else { return Ok(()) };
        let known = self.tombstones.len();
        if !run.advance(&self.reach, &mut self.tombstones)? {
            self.heap.swap_remove(0);
        }
        if self.tombstones.len() > known {
            self.tombstones.retain(|range| !range.is_before(&self.key));
        }
        self.sink();
        Ok(())
    }

    /// Restores the order of the heap after its first run has changed.
    #[inline]
    fn sink(&mut self) {
        let mut place = 0;
        while let Some(left) = self.heap.get(place * 2 + 1) {
            let (mut child, mut least) = (place * 2 + 1, *left);
            if let Some(right) = self.heap.get(place * 2 + 2)
                && self.order(*right, least) == Ordering::Less
            {
                (child, least) = (place * 2 + 2, *right);
            }
            let Some(index) = self.heap.get(place) else { return };
            if self.order(*index, least) != Ordering::Greater {
                return;
            }
            self.heap.swap(place, child);
            place = child;
        }
    }

    /// Orders runs by their keys; of equal keys the newer run comes first.
    fn order(&self, a: usize, b: usize) -> Ordering {
        match (self.runs.get(a), self.runs.get(b)) {
            (Some(left), Some(right)) => left.key().cmp(&right.key()).then(a.cmp(&b)),
            _ => Ordering::Equal,
        }
    }
}

impl Iterator for Scan {
    type Item = Result<Entry>;

    fn next(&mut self) -> Option<Self::Item> {
        match self.advance() {
            Ok(true) => Some(Ok(Entry {
                key: Bytes::copy_from_slice(&self.key),
                value: Bytes::copy_from_slice(self.value()),
            })),
            Ok(false) => None,
            Err(error) => Some(Err(error)),
        }
    }
}

/// Adds an operand, or the value below them, in front of what is there.
fn push_operand(merged: &mut Vec<u8>, operands: usize, run: &Run) -> Result<()> {
    let value = run.value();
    if operands == 0
        && let Some(operator) = run.merge_operator().filter(|name| !is_append(name))
    {
        let what = format!("the merge operator {operator}");
        return Err(run.within(Error::Unsupported { section: SECTION, offset: run.offset(), what }));
    }
    let size = merged.len() + value.len() + 1;
    if size > VALUE_LIMIT {
        let (size, limit) = (size as u64, VALUE_LIMIT as u64);
        return Err(run.within(Error::TooLarge { section: SECTION, offset: run.offset(), size, limit }));
    }
    if operands > 0 {
        merged.push(DELIMITER);
    }
    merged.extend(value.iter().rev());
    Ok(())
}

/// Returns whether a merge operator joins its operands with a comma: that of Flink, under the names
/// that releases of the engine have given it. Tables of a database opened without one have no name.
fn is_append(name: &str) -> bool {
    matches!(name, "StringAppendTESTOperator" | "stringappendtest" | "StringAppendOperator" | "stringappend")
        || matches!(name, "nullptr" | "")
}

fn out_of_order(run: &Run) -> Error {
    Error::Malformed {
        section: SECTION,
        offset: run.offset(),
        wanted: "a key behind the one before",
        found: format!("{:02x?}", run.key().user.get(..run.key().user.len().min(24)).unwrap_or_default()),
    }
}
