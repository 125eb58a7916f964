use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, VecDeque};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread::JoinHandle;
use std::time::Duration;

use alluvium_env::Clock;
use alluvium_store::block_on;

use super::{Progress, Scheduler, Unit, UnitId, Work};

/// Runs units on worker threads, parked while nothing is ready, and background work on a few more.
///
/// **Owns** its threads, the units handed to it and the order in which they run. **Does not own**
/// what units are or mean. Dropping it stops and joins the threads.
pub struct ThreadScheduler {
    shared: Arc<Shared>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

struct Shared {
    clock: Arc<dyn Clock>,
    units: Mutex<Units>,
    ready: Condvar,
    works: Mutex<VecDeque<Work>>,
    work_ready: Condvar,
}

#[derive(Default)]
struct Units {
    slots: HashMap<UnitId, Slot>,
    ready: VecDeque<UnitId>,
    timers: BinaryHeap<Reverse<(u64, UnitId)>>,
    reserved: UnitId,
    stopped: bool,
}

struct Slot {
    /// None while a worker steps it.
    unit: Option<Box<dyn Unit>>,
    queued: bool,
    /// Woken while it was being stepped.
    woken: bool,
    /// The earliest timer that waits for it: there are no others.
    due_ns: Option<u64>,
}

impl ThreadScheduler {
    /// Starts threads for units and for background work.
    pub fn start(clock: Arc<dyn Clock>, workers: usize, background: usize) -> Arc<Self> {
        let shared = Arc::new(Shared {
            clock,
            units: Mutex::default(),
            ready: Condvar::new(),
            works: Mutex::default(),
            work_ready: Condvar::new(),
        });
        let mut threads = Vec::new();
        for i in 0..workers.max(1) {
            let shared = Arc::clone(&shared);
            threads.push(spawn(format!("task-{i}"), move || shared.run_units()));
        }
        for i in 0..background.max(1) {
            let shared = Arc::clone(&shared);
            threads.push(spawn(format!("background-{i}"), move || shared.run_works()));
        }
        Arc::new(ThreadScheduler { shared, threads: Mutex::new(threads) })
    }
}

fn spawn(name: String, body: impl FnOnce() + Send + 'static) -> JoinHandle<()> {
    std::thread::Builder::new().name(name).spawn(body).expect("the system has a thread left")
}

impl Scheduler for ThreadScheduler {
    fn reserve(&self) -> UnitId {
        let mut units = self.shared.lock();
        units.reserved += 1;
        units.reserved
    }

    fn start(&self, id: UnitId, unit: Box<dyn Unit>) {
        let mut units = self.shared.lock();
        if units.stopped {
            return;
        }
        units.slots.insert(id, Slot { unit: Some(unit), queued: true, woken: false, due_ns: None });
        units.ready.push_back(id);
        self.shared.ready.notify_one();
    }

    fn wake(&self, id: UnitId) {
        let mut units = self.shared.lock();
        if units.wake(id) {
            self.shared.ready.notify_one();
        }
    }

    fn remove(&self, id: UnitId) {
        let removed = self.shared.lock().slots.remove(&id);
        drop(removed);
    }

    fn background(&self, work: Work) {
        lock(&self.shared.works).push_back(work);
        self.shared.work_ready.notify_one();
    }
}

impl Drop for ThreadScheduler {
    fn drop(&mut self) {
        let units = {
            let mut units = self.shared.lock();
            units.stopped = true;
            std::mem::take(&mut units.slots)
        };
        self.shared.ready.notify_all();
        drop(lock(&self.shared.works));
        self.shared.work_ready.notify_all();
        let threads = std::mem::take(&mut *lock(&self.threads));
        for thread in threads {
            if thread.thread().id() != std::thread::current().id() {
                // A worker that panicked has nothing more to say here.
                let _ = thread.join();
            }
        }
        drop(units);
    }
}

impl Units {
    /// Queues a unit; returns whether a worker has something new to do.
    fn wake(&mut self, id: UnitId) -> bool {
        let Some(slot) = self.slots.get_mut(&id) else { return false };
        if slot.unit.is_none() {
            slot.woken = true;
            return false;
        }
        if slot.queued {
            return false;
        }
        slot.queued = true;
        self.ready.push_back(id);
        true
    }

    fn wake_due(&mut self, now_ns: u64) {
        while let Some(Reverse((due, id))) = self.timers.peek().copied() {
            if due > now_ns {
                break;
            }
            self.timers.pop();
            if let Some(slot) = self.slots.get_mut(&id)
                && slot.due_ns == Some(due)
            {
                slot.due_ns = None;
                self.wake(id);
            }
        }
    }

    fn take_ready(&mut self) -> Option<(UnitId, Box<dyn Unit>)> {
        while let Some(id) = self.ready.pop_front() {
            let Some(slot) = self.slots.get_mut(&id) else { continue };
            slot.queued = false;
            if let Some(unit) = slot.unit.take() {
                return Some((id, unit));
            }
        }
        None
    }

    /// Puts a stepped unit back; returns it when it is to be dropped.
    fn put_back(&mut self, id: UnitId, unit: Box<dyn Unit>, progress: Progress) -> Option<Box<dyn Unit>> {
        if progress == Progress::Done {
            self.slots.remove(&id);
            return Some(unit);
        }
        let Some(slot) = self.slots.get_mut(&id) else { return Some(unit) };
        slot.unit = Some(unit);
        let woken = std::mem::take(&mut slot.woken);
        if woken || progress == Progress::Again {
            self.wake(id);
        } else if let Progress::WaitUntil(due) = progress
            && slot.due_ns.is_none_or(|earlier| due < earlier)
        {
            slot.due_ns = Some(due);
            self.timers.push(Reverse((due, id)));
        }
        None
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Units> {
        lock(&self.units)
    }

    fn run_units(&self) {
        let mut units = self.lock();
        while !units.stopped {
            let now_ns = self.clock.monotonic_ns();
            units.wake_due(now_ns);
            let Some((id, mut unit)) = units.take_ready() else {
                units = self.park(units, now_ns);
                continue;
            };
            if !units.ready.is_empty() {
                self.ready.notify_one();
            }
            drop(units);
            let progress = unit.step(STEP_BUDGET);
            units = self.lock();
            if let Some(dropped) = units.put_back(id, unit, progress) {
                drop(units);
                drop(dropped);
                units = self.lock();
            }
        }
    }

    fn park<'a>(&self, units: MutexGuard<'a, Units>, now_ns: u64) -> MutexGuard<'a, Units> {
        match units.timers.peek() {
            Some(Reverse((due, _))) => {
                let wait = Duration::from_nanos(due.saturating_sub(now_ns).max(10_000));
                match self.ready.wait_timeout(units, wait) {
                    Ok((units, _)) => units,
                    Err(poisoned) => poisoned.into_inner().0,
                }
            }
            None => self.ready.wait(units).unwrap_or_else(|poisoned| poisoned.into_inner()),
        }
    }

    fn run_works(&self) {
        loop {
            let mut works = lock(&self.works);
            let work = loop {
                if self.lock().stopped {
                    return;
                }
                if let Some(work) = works.pop_front() {
                    break work;
                }
                works = self.work_ready.wait(works).unwrap_or_else(|poisoned| poisoned.into_inner());
            };
            drop(works);
            block_on(work);
        }
    }
}

/// Locks a mutex that a panicking thread may have held: every holder leaves it consistent.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

/// Records that a unit may handle in a step.
const STEP_BUDGET: usize = 1024;
