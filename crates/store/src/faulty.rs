use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;

use crate::{Entry, Error, ObjectPath, ObjectWriter, Pending, Result, Store};

/// What happens at a chosen operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FaultKind {
    /// The operation does nothing and fails; later ones work.
    Fail,
    /// The operation works, its answer is lost; later ones work.
    LoseAnswer,
    /// The process dies before the operation: it and all later ones fail.
    CrashBefore,
    /// The process dies behind the operation: its answer is lost and all later ones fail.
    CrashAfter,
    /// As [`FaultKind::CrashBefore`], but a create leaves half of its bytes under the object's
    /// name: a medium that breaks its promise. What reads them must notice.
    Tear,
}

/// A fault and its place in the order of operations, counted from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fault {
    /// Number of the operation.
    pub at: u64,
    /// What happens there.
    pub kind: FaultKind,
}

/// A store that misbehaves once, at a chosen operation. Clones share the count.
///
/// Every call counts as one operation, and so do each write and the finish of a writer. Writers
/// that were not finished when it crashed leave nothing.
#[derive(Debug, Clone)]
pub struct FaultyStore {
    store: Arc<dyn Store>,
    plan: Arc<Mutex<Plan>>,
}

#[derive(Debug, Default)]
struct Plan {
    count: u64,
    fault: Option<Fault>,
    crashed: Option<u64>,
}

/// What the next operation is to do.
#[derive(Debug, Clone, Copy)]
enum Verdict {
    Work,
    LoseAnswer(Cause),
    Refuse(Cause),
    Tear(u64),
}

#[derive(Debug, Clone, Copy)]
enum Cause {
    Injected(u64),
    Crashed(u64),
}

impl From<Cause> for Error {
    fn from(error: Cause) -> Self {
        match error {
            Cause::Injected(at) => Error::Injected { at },
            Cause::Crashed(at) => Error::Crashed { at },
        }
    }
}

impl FaultyStore {
    /// Wraps a store that works.
    pub fn new(store: Arc<dyn Store>) -> Self {
        FaultyStore { store, plan: Arc::default() }
    }

    /// Wraps a store and plans a fault.
    pub fn with_fault(store: Arc<dyn Store>, fault: Fault) -> Self {
        let faulty = FaultyStore::new(store);
        faulty.lock().fault = Some(fault);
        faulty
    }

    /// Returns how many operations have begun.
    pub fn operations(&self) -> u64 {
        self.lock().count
    }

    /// Returns whether it has crashed.
    pub fn has_crashed(&self) -> bool {
        self.lock().crashed.is_some()
    }

    fn lock(&self) -> MutexGuard<'_, Plan> {
        self.plan.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn next(&self) -> Verdict {
        let mut plan = self.lock();
        let at = plan.count;
        plan.count += 1;
        if let Some(crashed) = plan.crashed {
            return Verdict::Refuse(Cause::Crashed(crashed));
        }
        let Some(kind) = plan.fault.filter(|fault| fault.at == at).map(|fault| fault.kind) else {
            return Verdict::Work;
        };
        if matches!(kind, FaultKind::CrashBefore | FaultKind::CrashAfter | FaultKind::Tear) {
            plan.crashed = Some(at);
        }
        match kind {
            FaultKind::Fail => Verdict::Refuse(Cause::Injected(at)),
            FaultKind::LoseAnswer => Verdict::LoseAnswer(Cause::Injected(at)),
            FaultKind::CrashBefore => Verdict::Refuse(Cause::Crashed(at)),
            FaultKind::CrashAfter => Verdict::LoseAnswer(Cause::Crashed(at)),
            FaultKind::Tear => Verdict::Tear(at),
        }
    }

    /// Performs an operation as the plan wants it; `tear` stands in for it when torn.
    async fn perform<T>(&self, work: Pending<'_, T>, tear: Option<Pending<'_, ()>>) -> Result<T> {
        match self.next() {
            Verdict::Work => work.await,
            Verdict::Refuse(error) => Err(error.into()),
            Verdict::LoseAnswer(error) => {
                work.await?;
                Err(error.into())
            }
            Verdict::Tear(at) => {
                if let Some(tear) = tear {
                    tear.await?;
                }
                Err(Error::Crashed { at })
            }
        }
    }
}

impl Store for FaultyStore {
    fn get<'a>(&'a self, path: &'a ObjectPath) -> Pending<'a, Bytes> {
        Box::pin(self.perform(self.store.get(path), None))
    }

    fn get_ranges<'a>(&'a self, path: &'a ObjectPath, ranges: &'a [Range<u64>]) -> Pending<'a, Vec<Bytes>> {
        Box::pin(self.perform(self.store.get_ranges(path, ranges), None))
    }

    fn size<'a>(&'a self, path: &'a ObjectPath) -> Pending<'a, Option<u64>> {
        Box::pin(self.perform(self.store.size(path), None))
    }

    fn create<'a>(&'a self, path: &'a ObjectPath, bytes: Bytes) -> Pending<'a, ()> {
        let half = bytes.slice(..bytes.len() / 2);
        Box::pin(self.perform(self.store.create(path, bytes), Some(self.store.create(path, half))))
    }

    fn writer<'a>(&'a self, path: &'a ObjectPath) -> Pending<'a, Box<dyn ObjectWriter>> {
        Box::pin(async move {
            let writer = self.perform(self.store.writer(path), None).await?;
            Ok(Box::new(FaultyWriter { store: self.clone(), writer }) as Box<dyn ObjectWriter>)
        })
    }

    fn list<'a>(&'a self, prefix: &'a str) -> Pending<'a, Vec<Entry>> {
        Box::pin(self.perform(self.store.list(prefix), None))
    }

    fn delete<'a>(&'a self, path: &'a ObjectPath) -> Pending<'a, ()> {
        Box::pin(self.perform(self.store.delete(path), None))
    }

    fn sweep<'a>(&'a self, before_ms: i64) -> Pending<'a, u64> {
        Box::pin(self.perform(self.store.sweep(before_ms), None))
    }
}

struct FaultyWriter {
    store: FaultyStore,
    writer: Box<dyn ObjectWriter>,
}

impl ObjectWriter for FaultyWriter {
    fn write(&mut self, bytes: Bytes) -> Pending<'_, ()> {
        Box::pin(self.store.perform(self.writer.write(bytes), None))
    }

    fn finish(self: Box<Self>) -> Pending<'static, ()> {
        let FaultyWriter { store, writer } = *self;
        Box::pin(async move { store.perform(writer.finish(), None).await })
    }
}
