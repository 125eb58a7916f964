//! A task: one subtask of a chain of operators, as a state machine.

mod chain;
mod output;

use std::collections::VecDeque;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use alluvium_dataflow::{AnyBatch, MAX_TIME, MIN_TIME, ReadStatus};
use alluvium_env::Clock;
use alluvium_model::TimeDomain;

pub(crate) use chain::{ChainOperator, OperatorCounters};
pub(crate) use output::{OutEdge, TaskOutput};

use crate::Error;
use crate::channel::{Barrier, Cause, Element};
use crate::coordinator::Event;
use crate::gate::{Arrival, Gate};
use crate::ledger::{Freeze, Ledger, Part};
use crate::limiter::Limiter;
use crate::mailbox::Mailbox;
use crate::plan::{Route, TaskId};
use crate::scheduler::{Progress, Unit, panic_text};

/// What a task is told.
#[derive(Debug)]
pub(crate) enum Mail {
    /// Put this barrier into the stream; to sources only.
    Trigger(Arc<Barrier>),
    /// This checkpoint is complete and still ours: commit.
    Complete(u64),
    /// This checkpoint will never be complete.
    Abort(u64),
    /// The frozen layer of an operator's state is durable.
    Durable { position: usize, frozen: alluvium_state::FrozenId },
    /// Read on behind a barrier after which a stop failed.
    Resume,
}

/// Drives a chain of operators over the elements that arrive at its gate.
///
/// **Owns** its operators, their live state, its place in the stream and its unsent output.
/// **Does not own** its durable runs (the ledger does), nor whether a checkpoint counts.
pub(crate) struct Task {
    pub(crate) id: TaskId,
    pub(crate) generation: u64,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) chain: Vec<ChainOperator>,
    pub(crate) gate: Gate,
    pub(crate) output: TaskOutput,
    pub(crate) mailbox: Arc<Mailbox<Mail>>,
    pub(crate) coordinator: Arc<Mailbox<Event>>,
    pub(crate) ledger: Arc<Ledger>,
    pub(crate) source: Option<SourceState>,
    /// What must be done, in order, before anything else is read.
    pub(crate) todo: VecDeque<Todo>,
    pub(crate) watermark_ms: i64,
    pub(crate) failed: bool,
}

/// What a source task knows beside its operator.
#[derive(Debug, Default)]
pub(crate) struct SourceState {
    pub(crate) limiter: Option<Arc<Limiter>>,
    /// Nothing will ever follow.
    pub(crate) ended: bool,
    /// Nothing shall be read until told to resume.
    pub(crate) stopped: bool,
}

/// An element that is being passed through the chain.
#[derive(Debug)]
pub(crate) enum Todo {
    /// Fires timers of the operators from `position` on, then passes the watermark on.
    Advance {
        watermark_ms: i64,
        position: usize,
    },
    Barrier(Arc<Barrier>),
    End,
}

/// What a round of a task's step did.
enum Round {
    /// Some of the budget was used.
    Worked(usize),
    Blocked(Progress),
}

impl Unit for Task {
    fn step(&mut self, budget: usize) -> Progress {
        if self.failed {
            return Progress::Done;
        }
        let outcome = std::panic::catch_unwind(AssertUnwindSafe(|| self.run(budget)));
        let error = match outcome {
            Ok(Ok(progress)) => return progress,
            Ok(Err(error)) => error,
            Err(panic) => Error::Panic { what: self.name(), message: panic_text(&*panic) },
        };
        self.failed = true;
        self.coordinator.post(Event::TaskFailed { generation: self.generation, error });
        Progress::Done
    }
}

impl Task {
    fn name(&self) -> String {
        let name = self.chain.first().map_or("", |op| op.name.as_str());
        format!("task {name} ({})", self.id.subtask)
    }

    fn run(&mut self, budget: usize) -> Result<Progress, Error> {
        self.read_mail()?;
        let mut left = budget.max(1);
        let absorbing = self.absorb(budget);
        loop {
            match self.round(left)? {
                Round::Worked(used) if used < left => left -= used,
                Round::Worked(_) => return Ok(Progress::Again),
                Round::Blocked(_) if absorbing => return Ok(Progress::Again),
                Round::Blocked(progress) => return Ok(progress),
            }
        }
    }

    fn read_mail(&mut self) -> Result<(), Error> {
        while let Some(mail) = self.mailbox.take() {
            self.read(mail)?;
        }
        Ok(())
    }

    fn read(&mut self, mail: Mail) -> Result<(), Error> {
        match mail {
            Mail::Trigger(barrier) => self.trigger(barrier),
            Mail::Complete(checkpoint_id) => {
                for op in &mut self.chain {
                    op.commit(checkpoint_id)?;
                }
                let (task, generation) = (self.id, self.generation);
                self.coordinator.post(Event::Committed { task, generation, checkpoint_id });
            }
            Mail::Abort(checkpoint_id) => self.gate.abort(checkpoint_id),
            Mail::Durable { position, frozen } => self.chain[position].durable(frozen),
            Mail::Resume => {
                if let Some(source) = &mut self.source {
                    source.stopped = false;
                }
            }
        }
        Ok(())
    }

    fn trigger(&mut self, barrier: Arc<Barrier>) {
        let Some(source) = &mut self.source else { return };
        if let Cause::Stop { drain } = barrier.cause {
            source.stopped = true;
            if drain && !source.ended {
                self.todo.push_back(Todo::Advance { watermark_ms: MAX_TIME, position: 0 });
            }
        }
        self.todo.push_back(Todo::Barrier(barrier));
    }

    /// Moves a slice of durable frozen state into the base; returns whether more is left.
    fn absorb(&mut self, budget: usize) -> bool {
        let mut more = false;
        for op in &mut self.chain {
            more |= op.absorb(budget);
            let garbage = op.take_garbage();
            if !garbage.is_empty() {
                self.ledger.discard(garbage);
            }
        }
        more
    }

    fn round(&mut self, budget: usize) -> Result<Round, Error> {
        if !self.output.flush() {
            return Ok(Round::Blocked(Progress::Wait));
        }
        if let Some(todo) = self.todo.pop_front() {
            return self.pass(todo, budget).map(Round::Worked);
        }
        let now_ms = self.clock.now_ms();
        for position in 0..self.chain.len() {
            if self.chain[position].next_timer(TimeDomain::Processing).is_some_and(|due| due <= now_ms) {
                self.fire(position, TimeDomain::Processing, now_ms, budget)?;
                return Ok(Round::Worked(1));
            }
        }
        if self.source.is_some() {
            return self.read_source(budget);
        }
        match self.gate.next() {
            Some(Arrival::Records { input, batch }) => {
                let records = batch.len();
                self.deliver(0, input, batch)?;
                return Ok(Round::Worked(records.max(1)));
            }
            Some(Arrival::Watermark(watermark_ms)) => {
                self.todo.push_back(Todo::Advance { watermark_ms, position: 0 });
            }
            Some(Arrival::Aligned(barrier)) => self.todo.push_back(Todo::Barrier(barrier)),
            Some(Arrival::Ended) => self.todo.push_back(Todo::End),
            None => return Ok(Round::Blocked(self.idle())),
        }
        Ok(Round::Worked(1))
    }

    /// Returns until when there is nothing to do.
    fn idle(&mut self) -> Progress {
        let due = self.chain.iter_mut().filter_map(|op| op.next_timer(TimeDomain::Processing)).min();
        match due {
            Some(due) => Progress::WaitUntil(self.monotonic_of(due)),
            None => Progress::Wait,
        }
    }

    fn monotonic_of(&self, time_ms: i64) -> u64 {
        let wait_ms = u64::try_from(time_ms.saturating_sub(self.clock.now_ms())).unwrap_or(0);
        self.clock.monotonic_ns().saturating_add(wait_ms.saturating_mul(1_000_000))
    }

    /// Passes an element on; returns how much of the budget it used.
    fn pass(&mut self, todo: Todo, budget: usize) -> Result<usize, Error> {
        match todo {
            Todo::Advance { watermark_ms, position } => {
                self.watermark_ms = self.watermark_ms.max(watermark_ms);
                if position == self.chain.len() {
                    self.output.send_all(&Element::Watermark(watermark_ms));
                    return Ok(1);
                }
                let done = self.fire(position, TimeDomain::Event, watermark_ms, budget)?;
                let next = if done { position + 1 } else { position };
                self.todo.push_front(Todo::Advance { watermark_ms, position: next });
                Ok(if done { 1 } else { budget })
            }
            Todo::Barrier(barrier) => {
                self.cut(&barrier)?;
                Ok(1)
            }
            Todo::End => {
                self.output.send_all(&Element::End);
                self.coordinator.post(Event::TaskEnded { task: self.id, generation: self.generation });
                Ok(1)
            }
        }
    }

    /// Takes this task's part of a snapshot: freezes, passes the barrier on and leaves the rest to
    /// the background. The cost does not depend on the size of the state.
    ///
    /// Mail is read first: one step may outlast whole checkpoints, and a layer whose being durable nobody has read of
    /// would stand in the way.
    fn cut(&mut self, barrier: &Arc<Barrier>) -> Result<(), Error> {
        self.read_mail()?;
        let mut parts = Vec::new();
        let mut declined = None;
        for (position, op) in self.chain.iter_mut().enumerate() {
            op.pre_commit(barrier.checkpoint_id)?;
            for (table, elements) in op.operator_state()? {
                parts.push(Part::Elements { position, table, elements });
            }
            match op.freeze() {
                Ok(Some(frozen)) => parts.push(Part::Frozen { position, frozen }),
                Ok(None) => {}
                Err(reason) => declined = Some(reason),
            }
        }
        self.output.send_all(&Element::Barrier(Arc::clone(barrier)));
        let freeze = Freeze { barrier: Arc::clone(barrier), parts, declined };
        Ledger::enqueue(&self.ledger, freeze);
        Ok(())
    }

    fn read_source(&mut self, budget: usize) -> Result<Round, Error> {
        let now_ns = self.clock.monotonic_ns();
        let Some(state) = self.source.as_ref().filter(|s| !s.ended && !s.stopped) else {
            return Ok(Round::Blocked(self.idle()));
        };
        let limiter = state.limiter.clone();
        let permits = match limiter.as_ref().map(|l| l.take(budget.min(BATCH_MAX), now_ns)) {
            Some(Err(until_ns)) => return Ok(Round::Blocked(Progress::WaitUntil(until_ns))),
            Some(Ok(permits)) => permits,
            None => budget.min(BATCH_MAX),
        };
        let (status, written, watermark_ms) = {
            let (watermark_ms, now_ms) = (self.watermark_ms, self.clock.now_ms());
            self.chain[0].read(permits, watermark_ms, now_ms)?
        };
        let records: usize =
            written.iter().map(|(output, batch)| if *output == 0 { batch.len() } else { 0 }).sum();
        if let Some(limiter) = limiter {
            limiter.give_back(permits.saturating_sub(records));
        }
        self.forward(0, written)?;
        if watermark_ms > self.watermark_ms && watermark_ms != MIN_TIME {
            self.todo.push_back(Todo::Advance { watermark_ms, position: 0 });
        }
        match status {
            ReadStatus::More => {}
            ReadStatus::Idle => return Ok(Round::Blocked(Progress::WaitUntil(now_ns + IDLE_NS))),
            ReadStatus::End => {
                if let Some(state) = &mut self.source {
                    state.ended = true;
                }
                self.todo.push_back(Todo::End);
            }
        }
        Ok(Round::Worked(records.max(1)))
    }

    /// Fires due timers of an operator; returns whether none is left.
    fn fire(
        &mut self,
        position: usize,
        domain: TimeDomain,
        until_ms: i64,
        budget: usize,
    ) -> Result<bool, Error> {
        let (watermark_ms, now_ms) = (self.watermark_ms, self.clock.now_ms());
        let (done, written) = self.chain[position].fire(domain, until_ms, budget, watermark_ms, now_ms)?;
        self.forward(position, written)?;
        Ok(done)
    }

    /// Gives records of an input to an operator of the chain and what it writes to those behind it.
    fn deliver(&mut self, position: usize, input: usize, batch: AnyBatch) -> Result<(), Error> {
        let (watermark_ms, now_ms) = (self.watermark_ms, self.clock.now_ms());
        let written = self.chain[position].process(input, batch, watermark_ms, now_ms)?;
        self.forward(position, written)
    }

    fn forward(&mut self, position: usize, written: Vec<(usize, AnyBatch)>) -> Result<(), Error> {
        for (output, batch) in written {
            let routes = Arc::clone(&self.chain[position].routes);
            let Some(routes) = routes.get(output) else { continue };
            let Some((last, others)) = routes.split_last() else { continue };
            for route in others {
                self.send(*route, batch.clone())?;
            }
            self.send(*last, batch)?;
        }
        Ok(())
    }

    fn send(&mut self, route: Route, batch: AnyBatch) -> Result<(), Error> {
        match route {
            // What is chained has no other input.
            Route::Chained(next) => self.deliver(next, 0, batch)?,
            Route::Edge(edge) => self.output.write(edge, batch),
        }
        Ok(())
    }
}

/// Most records that a source reads at once.
const BATCH_MAX: usize = 1024;
/// How long a source that found nothing waits.
const IDLE_NS: u64 = 5_000_000;
