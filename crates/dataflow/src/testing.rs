//! A source and a sink without an outside world, for tests and examples.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

use crate::{Batch, Data, OperatorResult, ReadStatus, Sink, Source, Split, SubtaskInfo};

/// Reads records that are given, split by split; a position is (split, records read).
#[derive(Debug, Clone)]
pub struct VecSource<T> {
    splits: Arc<Vec<Vec<(T, i64)>>>,
}

impl<T> VecSource<T> {
    /// Takes the records of each split with their event times in milliseconds.
    pub fn of_splits(splits: Vec<Vec<(T, i64)>>) -> Self {
        VecSource { splits: Arc::new(splits) }
    }
}

impl<T: Data + Sync> Source for VecSource<T> {
    type Out = T;
    type Position = (u32, u64);

    fn splits(&self) -> OperatorResult<Vec<(u32, u64)>> {
        Ok((0..).zip(self.splits.iter()).map(|(split, _)| (split, 0)).collect())
    }

    fn open(&self, (split, read): (u32, u64)) -> OperatorResult<Box<dyn Split<T, (u32, u64)>>> {
        Ok(Box::new(VecSplit { splits: Arc::clone(&self.splits), split, read }))
    }
}

struct VecSplit<T> {
    splits: Arc<Vec<Vec<(T, i64)>>>,
    split: u32,
    read: u64,
}

impl<T: Data + Sync> Split<T, (u32, u64)> for VecSplit<T> {
    fn read(&mut self, budget: usize, records: &mut Batch<T>) -> OperatorResult<ReadStatus> {
        let Some(all) = self.splits.get(self.split as usize) else { return Ok(ReadStatus::End) };
        let rest = all.iter().skip(self.read as usize).take(budget).cloned();
        records.extend(rest);
        self.read += records.len() as u64;
        Ok(if self.read >= all.len() as u64 { ReadStatus::End } else { ReadStatus::More })
    }

    fn position(&self) -> (u32, u64) {
        (self.split, self.read)
    }
}

/// What sinks have written, in a world of its own that outlives tasks and crashes.
#[derive(Debug)]
pub struct Collected<T> {
    world: Arc<Mutex<World<T>>>,
}

#[derive(Debug)]
struct World<T> {
    staged: BTreeMap<String, Vec<T>>,
    committed: BTreeMap<String, Vec<T>>,
    commits: u64,
}

impl<T> Clone for Collected<T> {
    fn clone(&self) -> Self {
        Collected { world: Arc::clone(&self.world) }
    }
}

impl<T> Default for Collected<T> {
    fn default() -> Self {
        let world = World { staged: BTreeMap::new(), committed: BTreeMap::new(), commits: 0 };
        Collected { world: Arc::new(Mutex::new(world)) }
    }
}

impl<T: Data> Collected<T> {
    /// Starts with nothing written.
    pub fn new() -> Self {
        Collected::default()
    }

    /// Returns the factory of sinks that write here, for [`crate::Stream::sink`].
    pub fn sink(&self) -> impl Fn(&SubtaskInfo) -> OperatorResult<CollectSink<T>> + Send + Sync + 'static {
        let world = Arc::clone(&self.world);
        move |info| {
            let (world, info) = (Arc::clone(&world), info.clone());
            Ok(CollectSink { world, info, open: Vec::new() })
        }
    }

    /// Returns every committed record, by transaction.
    pub fn committed(&self) -> Vec<T> {
        lock(&self.world).committed.values().flatten().cloned().collect()
    }

    /// Returns how many records are staged and not committed.
    pub fn staged(&self) -> usize {
        lock(&self.world).staged.values().map(Vec::len).sum()
    }

    /// Returns how many commits were asked for, repeated ones too.
    pub fn commits(&self) -> u64 {
        lock(&self.world).commits
    }
}

/// Writes to a [`Collected`]; a transaction is its token.
#[derive(Debug)]
pub struct CollectSink<T> {
    world: Arc<Mutex<World<T>>>,
    info: SubtaskInfo,
    open: Vec<T>,
}

impl<T: Data> Sink for CollectSink<T> {
    type In = T;
    type Transaction = String;

    fn write(&mut self, batch: Batch<T>) -> OperatorResult {
        self.open.extend(batch.into_iter().map(|(record, _)| record));
        Ok(())
    }

    fn pre_commit(&mut self, checkpoint_id: u64) -> OperatorResult<Vec<String>> {
        if self.open.is_empty() {
            return Ok(Vec::new());
        }
        let token = format!("{checkpoint_id:010}-{}-{}", self.info.subtask, self.info.ids.next());
        let records = std::mem::take(&mut self.open);
        lock(&self.world).staged.insert(token.clone(), records);
        Ok(vec![token])
    }

    fn commit(&mut self, token: &String) -> OperatorResult {
        let mut world = lock(&self.world);
        world.commits += 1;
        if let Some(records) = world.staged.remove(token) {
            world.committed.insert(token.clone(), records);
        }
        Ok(())
    }

    fn abort(&mut self, token: &String) -> OperatorResult {
        lock(&self.world).staged.remove(token);
        Ok(())
    }

    fn discard_orphans(&mut self, named: &[String]) -> OperatorResult<usize> {
        let mut world = lock(&self.world);
        let before = world.staged.len();
        world.staged.retain(|token, _| named.contains(token));
        Ok(before - world.staged.len())
    }
}

fn lock<T>(world: &Mutex<World<T>>) -> MutexGuard<'_, World<T>> {
    world.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}
