//! The durable runs of a task, and the work that makes frozen state durable.

mod encode;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard};

use alluvium_dataflow::Element;
use alluvium_model::evolution::Projection;
use alluvium_model::{KeyGroupRange, StateSchema};
use alluvium_snapshot::ObjectReader;
use alluvium_snapshot::format::{ObjectRef, Place, RunRef, runs};
use alluvium_state::Frozen;

use crate::Error;
use crate::channel::Barrier;
use crate::coordinator::{Event, Shared};
use crate::mailbox::Mailbox;
use crate::plan::TaskId;
use crate::scheduler::in_background;
use crate::task::Mail;

/// Keeps the run lists of one task's tables and turns frozen layers into runs, one after another.
///
/// **Owns** the lists, the queue of frozen parts and their encoding, and the merges that bound the
/// lists. **Does not own** live state (the task does) nor manifests. Runs belong to the task, not
/// to a checkpoint: what was written for one that was aborted is listed by the next.
pub(crate) struct Ledger {
    task: TaskId,
    generation: u64,
    shared: Arc<Shared>,
    objects: ObjectReader,
    mailbox: Arc<Mailbox<Mail>>,
    tables: Vec<LedgerTable>,
    state: Mutex<State>,
}

/// A table of a task.
#[derive(Debug, Clone)]
pub(crate) struct LedgerTable {
    /// Node of the job.
    pub(crate) node: usize,
    /// Position of the operator in the task's chain.
    pub(crate) position: usize,
    /// Slot of the backend, or number of the operator-state table.
    pub(crate) slot: usize,
    /// As declared, with the field ids that the table has given.
    pub(crate) schema: Arc<StateSchema>,
    /// Turns rows of the declared schema into rows of this one; none when they are the same.
    pub(crate) projection: Option<Arc<Projection>>,
    pub(crate) range: KeyGroupRange,
}

struct State {
    /// One list per table.
    runs: Vec<Vec<OwnedRun>>,
    queue: VecDeque<Freeze>,
    /// Background work is under way; it will look at the queue before it ends.
    busy: bool,
    /// The runs were restored from a snapshot that is not ours and must be copied first.
    foreign: bool,
    /// The time of the newest barrier that is settled: what had expired by then may go.
    as_of_ms: Option<i64>,
}

/// A run with the schema that it was written with.
#[derive(Debug, Clone)]
pub(crate) struct OwnedRun {
    pub(crate) run: RunRef,
    pub(crate) schema: Arc<StateSchema>,
    /// The newest checkpoint for which some of it was written; 0 for a restored one.
    pub(crate) checkpoint_id: u64,
}

/// What a barrier cut off a task.
pub(crate) struct Freeze {
    pub(crate) barrier: Arc<Barrier>,
    pub(crate) parts: Vec<Part>,
    /// Why the task cannot do its part; what it froze is kept all the same.
    pub(crate) declined: Option<String>,
}

/// Something frozen.
pub(crate) enum Part {
    Frozen { position: usize, frozen: Frozen },
    Elements { position: usize, table: usize, elements: Vec<Element> },
}

/// A table of a task as of a checkpoint.
#[derive(Debug)]
pub(crate) struct AckedTable {
    pub(crate) node: usize,
    pub(crate) schema: Arc<StateSchema>,
    pub(crate) runs: Vec<OwnedRun>,
}

impl Ledger {
    /// Starts with restored runs, which `objects` reads; `foreign` ones belong to someone else and
    /// are copied before anything else is written.
    pub(crate) fn new(
        (task, generation): (TaskId, u64),
        shared: &Arc<Shared>,
        objects: ObjectReader,
        mailbox: Arc<Mailbox<Mail>>,
        tables: Vec<(LedgerTable, Vec<OwnedRun>)>,
        foreign: bool,
    ) -> Arc<Self> {
        let (tables, runs) = tables.into_iter().unzip();
        let state = State { runs, queue: VecDeque::new(), busy: false, foreign, as_of_ms: None };
        let ledger = Ledger {
            task,
            generation,
            shared: Arc::clone(shared),
            objects,
            mailbox,
            tables,
            state: Mutex::new(state),
        };
        let ledger = Arc::new(ledger);
        if foreign {
            Ledger::work(&ledger);
        }
        ledger
    }

    /// Takes what a barrier cut off; it will be encoded in the background, in order.
    pub(crate) fn enqueue(ledger: &Arc<Self>, freeze: Freeze) {
        ledger.lock().queue.push_back(freeze);
        Ledger::work(ledger);
    }

    /// Takes over references as a published manifest has them: their block lists now lie in the
    /// root and need not be held.
    pub(crate) fn published(&self, objects: &BTreeMap<String, Arc<ObjectRef>>) {
        for owned in self.lock().runs.iter_mut().flatten() {
            if let Place::Object { object, .. } = &mut owned.run.place
                && object.root == 0
                && let Some(published) = objects.get(&object.name)
            {
                *object = Arc::clone(published);
            }
        }
    }

    /// Returns the names of the root's objects that the lists refer to.
    pub(crate) fn object_names(&self) -> Vec<String> {
        let state = self.lock();
        let objects = state.runs.iter().flatten().filter_map(|owned| owned.run.object());
        objects.filter(|object| object.root == 0).map(|object| object.name.clone()).collect()
    }

    /// Returns the root's objects that hold what was written for some checkpoints.
    pub(crate) fn objects_of(&self, checkpoints: &BTreeSet<u64>) -> Vec<Arc<ObjectRef>> {
        let state = self.lock();
        let runs = state.runs.iter().flatten().filter(|owned| checkpoints.contains(&owned.checkpoint_id));
        runs.filter_map(|owned| owned.run.object()).filter(|object| object.root == 0).cloned().collect()
    }

    /// Drops memory in the background that may take long to free.
    pub(crate) fn discard(&self, garbage: alluvium_state::Garbage) {
        in_background(&*self.shared.scheduler, async move { drop(garbage) }, |_| {});
    }

    fn work(ledger: &Arc<Self>) {
        if std::mem::replace(&mut ledger.lock().busy, true) {
            return;
        }
        let (worker, failed) = (Arc::clone(ledger), Arc::clone(ledger));
        in_background(&*ledger.shared.scheduler, worker.run(), move |result| {
            if let Err(message) = result {
                let error = Error::Panic { what: "encoding of a checkpoint".into(), message };
                failed.post(Event::TaskFailed { generation: failed.generation, error });
            }
        });
    }

    async fn run(self: Arc<Self>) {
        if let Err(error) = self.adopt().await {
            let mut state = self.lock();
            state.busy = false;
            drop(state);
            self.decline_queued(&format!("copying restored state: {}", error.chain()));
            return;
        }
        while let Some(mut freeze) = self.next_freeze() {
            match self.settle(&mut freeze).await {
                Ok(()) => {}
                Err(error) => {
                    let mut state = self.lock();
                    state.queue.push_front(freeze);
                    state.busy = false;
                    drop(state);
                    self.decline_queued(&error.chain());
                    return;
                }
            }
        }
    }

    /// Takes the next freeze, or ends the work under the same lock.
    fn next_freeze(&self) -> Option<Freeze> {
        let mut state = self.lock();
        let freeze = state.queue.pop_front();
        state.busy = freeze.is_some();
        freeze
    }

    /// Makes a freeze durable and tells everyone who waits for it. What became durable is taken
    /// out of the freeze, so that its layer can be absorbed.
    async fn settle(&self, freeze: &mut Freeze) -> Result<(), Error> {
        // The first run of a table has nothing older below: it is a base run.
        let bases: Vec<bool> = self.lock().runs.iter().map(Vec::is_empty).collect();
        let written = encode::write(&self.shared, self.task, &self.tables, &bases, freeze).await?;
        let bytes_written = self.list(&freeze.parts, written);
        for part in std::mem::take(&mut freeze.parts) {
            if let Part::Frozen { position, frozen } = part {
                let id = frozen.id;
                drop(frozen);
                self.mailbox.post(Mail::Durable { position, frozen: id });
            }
        }
        self.lock().as_of_ms = Some(freeze.barrier.as_of_ms);
        self.merge(runs::FAN_IN_MAX).await?;
        let checkpoint_id = freeze.barrier.checkpoint_id;
        match &freeze.declined {
            Some(reason) => self.decline(checkpoint_id, reason.clone()),
            None => {
                let (task, generation, tables) = (self.task, self.generation, self.tables());
                self.post(Event::Acked { task, generation, checkpoint_id, tables, bytes_written });
            }
        }
        // Ahead of need, so that the next checkpoint does not wait for it; failing is no harm now.
        let _ = self.merge(runs::FAN_IN_MAX / 2).await;
        Ok(())
    }

    /// Merges runs until at most `fan_in_max` cover a key group.
    async fn merge(&self, fan_in_max: usize) -> Result<(), Error> {
        for table in 0..self.tables.len() {
            while let Some(chosen) = self.chosen(table, fan_in_max) {
                self.merge_chosen(table, &chosen).await?;
            }
        }
        Ok(())
    }

    fn chosen(&self, table: usize, fan_in_max: usize) -> Option<Vec<usize>> {
        if !self.tables[table].schema.kind.is_keyed() {
            return None;
        }
        let list: Vec<RunRef> = self.lock().runs[table].iter().map(|owned| owned.run.clone()).collect();
        runs::select(&list, fan_in_max).filter(|chosen| chosen.len() > 1)
    }

    async fn merge_chosen(&self, table: usize, chosen: &[usize]) -> Result<(), Error> {
        let described = &self.tables[table];
        let (list, as_of_ms) = {
            let state = self.lock();
            (state.runs[table].clone(), state.as_of_ms)
        };
        let merged = encode::merge(&self.shared, &self.objects, described, &list, chosen, as_of_ms).await?;
        let kept = list.into_iter().enumerate().filter(|(i, _)| !chosen.contains(i)).map(|(_, owned)| owned);
        let mut kept: Vec<OwnedRun> = kept.collect();
        kept.extend(merged);
        kept.sort_by_key(|owned| (owned.run.sequence, owned.run.clip));
        self.lock().runs[table] = kept;
        Ok(())
    }

    /// Copies restored runs of someone else into our root, so that no checkpoint refers to them.
    async fn adopt(&self) -> Result<(), Error> {
        if !self.lock().foreign {
            return Ok(());
        }
        for table in 0..self.tables.len() {
            let count = self.lock().runs[table].len();
            let keyed = self.tables[table].schema.kind.is_keyed();
            if keyed && count > 0 {
                let all: Vec<usize> = (0..count).collect();
                self.merge_chosen(table, &all).await?;
            }
        }
        self.lock().foreign = false;
        Ok(())
    }

    /// Adds new runs to the lists; returns their bytes. Operator state is replaced as a whole.
    fn list(&self, parts: &[Part], written: Vec<(usize, OwnedRun)>) -> u64 {
        let bytes = written.iter().map(|(_, owned)| owned.run.bytes()).sum();
        let mut state = self.lock();
        for part in parts {
            if let Part::Elements { position, table, .. } = part
                && let Some(table) = encode::table_of(&self.tables, *position, *table, false)
            {
                state.runs[table].clear();
            }
        }
        for (table, owned) in written {
            state.runs[table].push(owned);
        }
        bytes
    }

    fn tables(&self) -> Vec<AckedTable> {
        let state = self.lock();
        let acked = |(table, runs): (&LedgerTable, &Vec<OwnedRun>)| AckedTable {
            node: table.node,
            schema: Arc::clone(&table.schema),
            runs: runs.clone(),
        };
        self.tables.iter().zip(&state.runs).map(acked).collect()
    }

    /// Declines every checkpoint whose part waits; what was frozen is tried again with the next one.
    fn decline_queued(&self, reason: &str) {
        let ids: Vec<u64> = self.lock().queue.iter().map(|f| f.barrier.checkpoint_id).collect();
        for checkpoint_id in ids {
            self.decline(checkpoint_id, reason.to_owned());
        }
    }

    fn decline(&self, checkpoint_id: u64, reason: String) {
        let (task, generation) = (self.task, self.generation);
        self.post(Event::Declined { task, generation, checkpoint_id, reason });
    }

    fn post(&self, event: Event) {
        self.shared.events.post(event);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}
