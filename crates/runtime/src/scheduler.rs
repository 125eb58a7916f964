//! Who runs what, and when: tasks, the coordinator and background work.

mod seeded;
mod stepped;
mod threads;

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

pub use seeded::SeededScheduler;
pub use stepped::SteppedStore;
pub use threads::ThreadScheduler;

/// Something that a scheduler drives in steps: a task, or the coordinator.
pub trait Unit: Send {
    /// Does a bounded amount of work. Never blocks, sleeps or spawns.
    fn step(&mut self, budget: usize) -> Progress;
}

/// What a unit wants after a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// More can be done at once.
    Again,
    /// Nothing can be done until it is woken.
    Wait,
    /// Nothing can be done until it is woken or this monotonic time, in nanoseconds, has come.
    WaitUntil(u64),
    /// Nothing will ever be done: the unit is dropped.
    Done,
}

/// Names a unit within its scheduler.
pub type UnitId = u64;

/// Work beside the units: encoding, storage calls, merges. It may wait.
pub type Work = Pin<Box<dyn Future<Output = ()> + Send + 'static>>;

/// Decides what runs next. One implementation uses threads, the other a seed.
pub trait Scheduler: Send + Sync {
    /// Names a unit that is yet to be started.
    fn reserve(&self) -> UnitId;

    /// Starts a unit: it will be stepped.
    fn start(&self, id: UnitId, unit: Box<dyn Unit>);

    /// Has a unit stepped again. Waking one that is not there does nothing.
    fn wake(&self, id: UnitId);

    /// Drops a unit, at once or after the step that it is in.
    fn remove(&self, id: UnitId);

    /// Drives work to its end.
    fn background(&self, work: Work);
}

/// Drives a future in the background and hands over its result, or the text of its panic.
pub(crate) fn in_background<T: Send + 'static>(
    scheduler: &dyn Scheduler,
    future: impl Future<Output = T> + Send + 'static,
    then: impl FnOnce(Result<T, String>) + Send + 'static,
) {
    let guarded = CatchPanic(Box::pin(future));
    scheduler.background(Box::pin(async move { then(guarded.await) }));
}

struct CatchPanic<T>(Pin<Box<dyn Future<Output = T> + Send>>);

impl<T> Future for CatchPanic<T> {
    type Output = Result<T, String>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match std::panic::catch_unwind(AssertUnwindSafe(|| self.0.as_mut().poll(cx))) {
            Ok(Poll::Pending) => Poll::Pending,
            Ok(Poll::Ready(value)) => Poll::Ready(Ok(value)),
            Err(panic) => Poll::Ready(Err(panic_text(&*panic))),
        }
    }
}

/// Returns the message of a panic.
pub(crate) fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|s| (*s).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "a panic without a message".to_owned())
}

/// Wakes one unit.
#[derive(Clone)]
pub(crate) struct Bell {
    scheduler: Arc<dyn Scheduler>,
    unit: UnitId,
}

impl Bell {
    pub(crate) fn new(scheduler: &Arc<dyn Scheduler>, unit: UnitId) -> Self {
        Bell { scheduler: Arc::clone(scheduler), unit }
    }

    pub(crate) fn ring(&self) {
        self.scheduler.wake(self.unit);
    }
}
