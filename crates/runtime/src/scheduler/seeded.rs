use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Waker};

use alluvium_env::{Clock, Random, SeededRandom, SimulatedClock};

use super::{Progress, Scheduler, Unit, UnitId, Work};

/// Runs units and background work one step at a time on the caller's thread; a seed decides what
/// runs next and how time passes.
///
/// **Owns** the choice of the next step, the simulated clock and the trace of choices. **Does not
/// own** what units do. A seed replays exactly: equal seeds on equal units give equal traces.
pub struct SeededScheduler {
    clock: Arc<SimulatedClock>,
    random: SeededRandom,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    units: BTreeMap<UnitId, Slot>,
    works: Vec<(u64, Work)>,
    reserved: UnitId,
    works_started: u64,
    steps: u64,
    trace: u64,
}

struct Slot {
    /// None while it is being stepped.
    unit: Option<Box<dyn Unit>>,
    ready: bool,
    due_ns: Option<u64>,
}

impl SeededScheduler {
    /// Makes a scheduler whose choices follow from a seed; it moves the clock.
    pub fn new(seed: u64, clock: Arc<SimulatedClock>) -> Arc<Self> {
        let state = Mutex::new(State { trace: FNV_OFFSET, ..State::default() });
        Arc::new(SeededScheduler { clock, random: SeededRandom::new(seed), state })
    }

    /// Takes one step: of a ready unit, of background work, or of the clock. Returns whether there
    /// was anything to do or to wait for.
    pub fn step(&self) -> bool {
        self.clock.advance_ns(self.random.below(MOST_NS_PER_STEP));
        let now_ns = self.clock.monotonic_ns();
        let mut state = self.lock();
        state.steps += 1;
        for slot in state.units.values_mut() {
            if slot.due_ns.is_some_and(|due| due <= now_ns) {
                slot.due_ns = None;
                slot.ready = true;
            }
        }
        let ready: Vec<UnitId> = state.units.iter().filter(|(_, s)| s.ready).map(|(id, _)| *id).collect();
        let choices = ready.len() + state.works.len();
        if choices == 0 {
            return self.advance_to_next(&mut state, now_ns);
        }
        let choice = usize::try_from(self.random.below(choices as u64)).unwrap_or(0);
        match ready.get(choice) {
            Some(id) => self.step_unit(state, *id),
            None => self.poll_work(state, choice - ready.len()),
        }
        true
    }

    /// Steps until the condition holds; returns whether it came to hold before nothing was left to
    /// do or `most` steps were taken.
    pub fn run_until(&self, most: u64, mut done: impl FnMut() -> bool) -> bool {
        for _ in 0..most {
            if done() {
                return true;
            }
            if !self.step() {
                return done();
            }
        }
        done()
    }

    /// Returns whether nothing can be done now: no unit is ready and no background work is left.
    pub fn is_quiet(&self) -> bool {
        let state = self.lock();
        state.works.is_empty() && state.units.values().all(|slot| !slot.ready)
    }

    /// Drops every unit and all background work at once, as a crash of the process does.
    pub fn crash(&self) {
        let (units, works) = {
            let mut state = self.lock();
            (std::mem::take(&mut state.units), std::mem::take(&mut state.works))
        };
        drop((units, works));
    }

    /// Returns how many steps were taken.
    pub fn steps(&self) -> u64 {
        self.lock().steps
    }

    /// Returns a hash of every choice made so far.
    pub fn trace(&self) -> u64 {
        self.lock().trace
    }

    fn advance_to_next(&self, state: &mut State, now_ns: u64) -> bool {
        let Some(due) = state.units.values().filter_map(|s| s.due_ns).min() else { return false };
        self.clock.advance_ns(due.saturating_sub(now_ns));
        state.note(2, due);
        true
    }

    fn step_unit(&self, mut state: MutexGuard<'_, State>, id: UnitId) {
        let Some(slot) = state.units.get_mut(&id) else { return };
        slot.ready = false;
        slot.due_ns = None;
        let Some(mut unit) = slot.unit.take() else { return };
        state.note(0, id);
        drop(state);
        let budget = 1 + usize::try_from(self.random.below(MOST_BUDGET)).unwrap_or(0);
        let progress = unit.step(budget);
        let mut state = self.lock();
        state.note(3, budget as u64);
        let Some(slot) = state.units.get_mut(&id) else { return };
        match progress {
            Progress::Again => slot.ready = true,
            Progress::Wait => {}
            Progress::WaitUntil(due) => slot.due_ns = Some(due),
            Progress::Done => {
                state.units.remove(&id);
                drop(state);
                drop(unit);
                return;
            }
        }
        slot.unit = Some(unit);
    }

    fn poll_work(&self, mut state: MutexGuard<'_, State>, choice: usize) {
        let (id, mut work) = state.works.remove(choice);
        state.note(1, id);
        drop(state);
        let pending = work.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending();
        if pending {
            let mut state = self.lock();
            let at = state.works.partition_point(|(other, _)| *other < id);
            state.works.insert(at, (id, work));
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

impl State {
    fn note(&mut self, kind: u8, what: u64) {
        for byte in [kind].into_iter().chain(what.to_le_bytes()) {
            self.trace = (self.trace ^ u64::from(byte)).wrapping_mul(FNV_PRIME);
        }
    }
}

impl Scheduler for SeededScheduler {
    fn reserve(&self) -> UnitId {
        let mut state = self.lock();
        state.reserved += 1;
        state.reserved
    }

    fn start(&self, id: UnitId, unit: Box<dyn Unit>) {
        self.lock().units.insert(id, Slot { unit: Some(unit), ready: true, due_ns: None });
    }

    fn wake(&self, id: UnitId) {
        if let Some(slot) = self.lock().units.get_mut(&id) {
            slot.ready = true;
        }
    }

    fn remove(&self, id: UnitId) {
        let removed = self.lock().units.remove(&id);
        drop(removed);
    }

    fn background(&self, work: Work) {
        let mut state = self.lock();
        state.works_started += 1;
        let id = state.works_started;
        state.works.push((id, work));
    }
}

/// Most records in a step, so that barriers fall everywhere between records.
const MOST_BUDGET: u64 = 64;
/// Most time that a step takes.
const MOST_NS_PER_STEP: u64 = 2_000_000;
const FNV_OFFSET: u64 = 0xCBF2_9CE4_8422_2325;
const FNV_PRIME: u64 = 0x0000_0100_0000_01B3;
