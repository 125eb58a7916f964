use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use alluvium_dataflow::{Element, Exchange, Outputs, SubtaskInfo};
use alluvium_model::evolution::{assign_field_ids, projection};
use alluvium_model::{
    KeyGroupRange, OperatorId, OperatorUid, Role, RowBatch, StateKind, StateSchema, column,
};
use alluvium_snapshot::ObjectReader;
use alluvium_snapshot::format::{Place, Root, RunRef, runs};
use alluvium_state::{BackendOptions, EncodingSizes};
use arrow_array::cast::AsArray;
use arrow_array::types::Int32Type;
use arrow_array::{Array, ArrayRef};

use super::prepare::RestoreSource;
use super::staged::Named;
use super::{Coordinator, Event, Phase, Shared, TaskEntry};
use crate::Error;
use crate::channel::Channel;
use crate::config::PendingMode;
use crate::gate::Gate;
use crate::ledger::{Ledger, LedgerTable, OwnedRun};
use crate::limiter::Limiter;
use crate::mailbox::Mailbox;
use crate::plan::{Plan, TaskId};
use crate::scheduler::{Bell, UnitId, in_background};
use crate::status::JobState;
use crate::task::{ChainOperator, OperatorCounters, OutEdge, SourceState, Task, TaskOutput};
use crate::vertices::Vertices;

/// A task's operators with their state, and the runs that it begins with.
pub(crate) struct Restored {
    chain: Vec<ChainOperator>,
    tables: Vec<(LedgerTable, Vec<OwnedRun>)>,
    objects: ObjectReader,
    foreign: bool,
}

impl Coordinator {
    /// Restores every task in the background; they start when all of them are ready.
    pub(super) fn deploy(&mut self, source: Option<Arc<RestoreSource>>, named: Option<Arc<Named>>) {
        let Some(plan) = self.plan.clone() else { return };
        self.phase = Phase::Restoring;
        // The tasks to come know nothing of what earlier ones wrote.
        self.aborted.clear();
        self.listed.clear();
        self.roots = source.as_ref().map_or_else(|| vec![Root::own()], |s| s.roots.clone());
        let vertices = Vertices::new(Arc::clone(&plan));
        for task in plan.tasks() {
            let counters: Vec<_> =
                plan.vertices[task.vertex].chain.iter().map(|n| Arc::clone(vertices.counters(*n))).collect();
            let restore = RestoreTask {
                shared: Arc::clone(&self.shared),
                plan: Arc::clone(&plan),
                source: source.clone(),
                named: named.clone(),
                task,
                counters,
                attempt: self.attempt.map_or(0, |a| a.number),
            };
            let (events, generation) = (Arc::clone(&self.shared.events), self.generation);
            in_background(&*self.shared.scheduler, restore.run(), move |result| {
                let panicked = |message| Error::Panic { what: "restoring".into(), message };
                let result = result.map_err(panicked).and_then(|result| result);
                events.post(Event::TaskRestored { generation, task, result });
            });
        }
        self.shared.board.change(|board| board.vertices = vertices);
    }

    pub(super) fn task_restored(&mut self, task: TaskId, result: Result<Restored, Error>) {
        match result {
            Ok(restored) => self.restored.insert(task, restored),
            Err(error) => return self.failed(error),
        };
        let Some(plan) = self.plan.clone() else { return };
        if self.restored.len() == plan.tasks().len() {
            self.start_tasks(&plan);
        }
    }

    fn start_tasks(&mut self, plan: &Arc<Plan>) {
        let restored = std::mem::take(&mut self.restored);
        let scheduler = &self.shared.scheduler;
        let units: BTreeMap<TaskId, UnitId> =
            restored.keys().map(|task| (*task, scheduler.reserve())).collect();
        let wiring = Wiring::new(&self.shared, plan, &units);
        let now_ns = self.shared.env.clock.monotonic_ns();
        let rate = |vertex: usize| self.shared.job.nodes()[plan.vertices[vertex].chain[0]].rate;
        let limiters: HashMap<usize, Arc<Limiter>> = (0..plan.vertices.len())
            .filter_map(|v| rate(v).map(|rate| (v, Arc::new(Limiter::new(rate, now_ns)))))
            .collect();
        let mut tasks = Vec::new();
        for (id, restored) in restored {
            let unit = units[&id];
            let mailbox = Mailbox::new(Bell::new(scheduler, unit));
            let ledger = Ledger::new(
                (id, self.generation),
                &self.shared,
                restored.objects,
                Arc::clone(&mailbox),
                restored.tables,
                restored.foreign,
            );
            let source = plan.is_source(id.vertex).then(|| SourceState {
                limiter: limiters.get(&id.vertex).cloned(),
                ..SourceState::default()
            });
            let task = Task {
                id,
                generation: self.generation,
                clock: Arc::clone(&self.shared.env.clock),
                chain: restored.chain,
                gate: Gate::new(wiring.inputs(id)),
                output: TaskOutput::new(wiring.outputs(id)),
                mailbox: Arc::clone(&mailbox),
                coordinator: Arc::clone(&self.shared.events),
                ledger: Arc::clone(&ledger),
                source,
                todo: std::collections::VecDeque::new(),
                watermark_ms: alluvium_dataflow::MIN_TIME,
                failed: false,
            };
            self.tasks.insert(id, TaskEntry { unit, mailbox, ledger, ended: false });
            tasks.push((unit, task));
        }
        for (unit, task) in tasks {
            self.shared.scheduler.start(unit, Box::new(task));
        }
        self.phase = Phase::Running;
        self.last_triggered_ns = now_ns;
        self.last_ended_ns = now_ns;
        self.set_state(JobState::Running);
    }
}

/// The channels between the tasks of a plan.
struct Wiring<'a> {
    plan: &'a Plan,
    /// By edge: by writer's subtask, the channels to readers.
    channels: Vec<Vec<ToReaders>>,
}

/// The channels of one writer with the subtasks that read them.
type ToReaders = Vec<(u32, Arc<Channel>)>;

impl<'a> Wiring<'a> {
    fn new(shared: &Shared, plan: &'a Plan, units: &BTreeMap<TaskId, UnitId>) -> Self {
        let capacity = shared.config.channel_capacity.max(1);
        let mut channels = Vec::with_capacity(plan.edges.len());
        for edge in &plan.edges {
            let from = plan.nodes[edge.from_node].vertex;
            let bell = |vertex, subtask| Bell::new(&shared.scheduler, units[&TaskId { vertex, subtask }]);
            let mut by_writer = Vec::new();
            for writer in 0..plan.vertices[from].parallelism {
                let readers = match edge.exchange {
                    Exchange::Forward => writer..writer + 1,
                    _ => 0..plan.vertices[edge.to_vertex].parallelism,
                };
                let open = |reader| {
                    (reader, Channel::new(capacity, bell(from, writer), bell(edge.to_vertex, reader)))
                };
                by_writer.push(readers.map(open).collect::<Vec<_>>());
            }
            channels.push(by_writer);
        }
        Wiring { plan, channels }
    }

    /// Returns the channels that a task reads, each with the number of its input.
    fn inputs(&self, task: TaskId) -> Vec<(usize, Arc<Channel>)> {
        let edges = self.plan.edges.iter().zip(&self.channels).filter(|(e, _)| e.to_vertex == task.vertex);
        let channels = edges.flat_map(|(edge, by_writer)| {
            by_writer.iter().flatten().map(|(reader, channel)| (edge.input, *reader, channel))
        });
        let mine = channels.filter(|(_, reader, _)| *reader == task.subtask);
        mine.map(|(input, _, channel)| (input, Arc::clone(channel))).collect()
    }

    fn outputs(&self, task: TaskId) -> Vec<OutEdge> {
        let mut edges = Vec::new();
        for (position, edge) in self.plan.edges.iter().enumerate() {
            if self.plan.nodes[edge.from_node].vertex != task.vertex {
                continue;
            }
            let channels = &self.channels[position][task.subtask as usize];
            edges.push(OutEdge {
                edge: position,
                exchange: edge.exchange.clone(),
                max_parallelism: edge.max_parallelism,
                channels: channels.iter().map(|(_, channel)| Arc::clone(channel)).collect(),
                next: task.subtask as usize,
            });
        }
        edges
    }
}

/// Makes the operators of one task and gives them their state.
struct RestoreTask {
    shared: Arc<Shared>,
    plan: Arc<Plan>,
    source: Option<Arc<RestoreSource>>,
    named: Option<Arc<Named>>,
    task: TaskId,
    counters: Vec<Arc<OperatorCounters>>,
    attempt: u64,
}

impl RestoreTask {
    async fn run(self) -> Result<Restored, Error> {
        let objects = match &self.source {
            Some(source) => source.objects.clone(),
            None => ObjectReader::new(Arc::clone(self.shared.root.store())),
        };
        let foreign = self.source.as_ref().is_some_and(|s| s.foreign);
        let mut restored = Restored { chain: Vec::new(), tables: Vec::new(), objects, foreign };
        for (position, node) in self.plan.vertices[self.task.vertex].chain.iter().enumerate() {
            let operator = self.operator(position, *node, &mut restored.tables).await?;
            restored.chain.push(operator);
        }
        Ok(restored)
    }

    async fn operator(
        &self,
        position: usize,
        node: usize,
        tables: &mut Vec<(LedgerTable, Vec<OwnedRun>)>,
    ) -> Result<ChainOperator, Error> {
        let (described, planned) = (&self.plan.job.nodes()[node], &self.plan.nodes[node]);
        let range = planned.range_of(self.task.subtask);
        let sequence_max = self.entry(described.id).map_or(0, |entry| entry.sequence_max);
        let options = BackendOptions {
            max_parallelism: planned.max_parallelism,
            key_groups: range,
            first_sequence: sequence_max + 1,
            hash_seed: self.shared.env.random.next_u64(),
            encoding: EncodingSizes::default(),
        };
        let instance = (described.factory)(options);
        let mut operator = ChainOperator {
            name: described.name.clone(),
            operator: instance.operator,
            keyed: instance.keyed,
            outputs: Outputs::new(described.declared.outputs.iter().cloned()),
            routes: self.plan.routes(node).into(),
            counters: Arc::clone(&self.counters[position]),
        };
        let info = SubtaskInfo {
            subtask: self.task.subtask,
            parallelism: planned.parallelism,
            attempt: self.attempt,
            owner: OperatorUid::new(self.shared.root_location.as_str()).id().to_string().into(),
            ids: Arc::clone(&self.shared.env.ids),
        };
        let failed = |source| Error::Operator { operator: described.name.clone(), source };
        operator.operator.open(&info).map_err(failed)?;
        for (slot, declared) in described.declared.keyed.iter().enumerate() {
            self.restore_keyed(&mut operator, described.id, slot, declared, range).await?;
            tables.push(self.table(node, position, slot, declared, range)?);
        }
        if let Some(keyed) = &mut operator.keyed {
            let failed = |source| Error::State { operator: described.name.clone(), source: Box::new(source) };
            keyed.finish_restore().map_err(failed)?;
        }
        for (slot, declared) in described.declared.operator.iter().enumerate() {
            if let Some(elements) =
                self.elements((&described.name, described.id), declared, planned.parallelism).await?
            {
                operator.operator.restore(slot, elements).map_err(failed)?;
            }
            tables.push(self.table(node, position, slot, declared, KeyGroupRange::new(0, 1))?);
        }
        operator.settle(self.shared.config.pending == PendingMode::Commit)?;
        if let Some(named) = self.named.as_ref().filter(|_| self.task.subtask == 0) {
            operator.discard_orphans(named.get(&described.id).map_or(&[], Vec::as_slice))?;
        }
        if let Some(source) = operator.operator.as_source() {
            source.start().map_err(failed)?;
        }
        Ok(operator)
    }

    fn entry(&self, id: OperatorId) -> Option<&alluvium_snapshot::format::OperatorEntry> {
        self.source.as_ref()?.snapshot.manifest().operator(id)
    }

    /// Returns the source when it holds rows of a state.
    fn holding(&self, id: OperatorId, state: &str) -> Option<&RestoreSource> {
        let source = self.source.as_deref()?;
        source.snapshot.table(id, state).ok().map(|_| source)
    }

    async fn restore_keyed(
        &self,
        operator: &mut ChainOperator,
        id: OperatorId,
        slot: usize,
        declared: &Arc<StateSchema>,
        range: KeyGroupRange,
    ) -> Result<(), Error> {
        let Some(source) = self.holding(id, &declared.name) else { return Ok(()) };
        let what = format!("restoring state {} of operator {}", declared.name, operator.name);
        let rows = source.snapshot.merged(id, &declared.name, range, declared);
        let mut rows = rows.map_err(Error::snapshot(&what))?;
        let keyed = operator.keyed.as_mut();
        let Some(keyed) = keyed else { return Ok(()) };
        while let Some(batch) = rows.next().await.map_err(Error::snapshot(&what))? {
            let name = operator.name.clone();
            keyed
                .restore(slot, batch)
                .map_err(|source| Error::State { operator: name, source: Box::new(source) })?;
        }
        Ok(())
    }

    /// Returns this subtask's share of operator state; nothing when the snapshot lacks it.
    async fn elements(
        &self,
        (operator, id): (&str, OperatorId),
        declared: &Arc<StateSchema>,
        parallelism: u32,
    ) -> Result<Option<Vec<Element>>, Error> {
        let Some(source) = self.holding(id, &declared.name) else { return Ok(None) };
        let what = format!("restoring state {} of operator {operator}", declared.name);
        let rows = source.snapshot.merged(id, &declared.name, KeyGroupRange::new(0, 1), declared);
        let mut rows = rows.map_err(Error::snapshot(&what))?;
        let mut all = Vec::new();
        while let Some(batch) = rows.next().await.map_err(Error::snapshot(&what))? {
            read_elements(&batch, declared, &mut all)
                .map_err(|source| Error::State { operator: operator.to_owned(), source: Box::new(source) })?;
        }
        all.sort_by_key(|(place, _)| *place);
        let elements = all.into_iter().map(|(_, element)| element);
        let (skip, step) = match declared.kind {
            StateKind::OperatorUnion | StateKind::Broadcast => (0, 1),
            _ => (self.task.subtask as usize, parallelism as usize),
        };
        Ok(Some(elements.skip(skip).step_by(step).collect()))
    }

    /// Returns a table of the ledger with the runs that are this task's after the restore.
    fn table(
        &self,
        node: usize,
        position: usize,
        slot: usize,
        declared: &Arc<StateSchema>,
        range: KeyGroupRange,
    ) -> Result<(LedgerTable, Vec<OwnedRun>), Error> {
        let described = &self.plan.job.nodes()[node];
        let held = self.holding(described.id, &declared.name);
        let stored = match held {
            Some(source) => {
                let (_, table) = source
                    .snapshot
                    .table(described.id, &declared.name)
                    .map_err(Error::snapshot("manifest"))?;
                Some((source, table, source.snapshot.schema(table).map_err(Error::snapshot("manifest"))?))
            }
            None => None,
        };
        let assigned = Arc::new(assign_field_ids(declared, stored.map(|(_, _, schema)| &**schema)));
        let projection = if assigned == *declared { None } else { projection(declared, &assigned).ok() };
        let mut runs = Vec::new();
        if let Some((source, table, _)) = stored.filter(|_| declared.kind.is_keyed()) {
            let manifest = source.snapshot.manifest();
            for run in runs::within(&table.runs, range) {
                let schema = manifest.schema(run.schema_id).cloned().unwrap_or_else(|| Arc::clone(&assigned));
                runs.push(OwnedRun { run: moved(run, source.root_offset), schema, checkpoint_id: 0 });
            }
        }
        let schema = assigned;
        Ok((LedgerTable { node, position, slot, schema, projection, range }, runs))
    }
}

/// Returns a reference as our table of roots numbers its root.
fn moved(mut run: RunRef, root_offset: u32) -> RunRef {
    if root_offset > 0
        && let Place::Object { object, .. } = &mut run.place
    {
        let mut other = (**object).clone();
        other.root += root_offset;
        if let alluvium_snapshot::format::Blocks::Listed { root, .. } = &mut other.blocks {
            *root += root_offset;
        }
        *object = Arc::new(other);
    }
    run
}

/// Reads elements of operator state with their places (subtask, index).
pub(super) fn read_elements(
    batch: &RowBatch,
    schema: &StateSchema,
    into: &mut Vec<((i32, i64), Element)>,
) -> Result<(), alluvium_state::Error> {
    let opaque = || alluvium_state::Error::Opaque { state: schema.name.clone() };
    let model = |cause| alluvium_state::Error::Model { state: schema.name.clone(), cause };
    let unread = |raw: Role, typed: Option<&ArrayRef>, row: usize| {
        batch.column(raw).is_some_and(|raw| raw.is_valid(row)) && typed.is_none_or(|c| c.is_null(row))
    };
    let subtasks = batch.column(Role::Subtask).and_then(|c| c.as_primitive_opt::<Int32Type>());
    let indexes = batch.int64s(Role::Index);
    let (values, map_keys) = (batch.column(Role::Value), batch.column(Role::MapKey));
    for row in 0..batch.len() {
        if unread(Role::ValueRaw, values, row) || unread(Role::MapKeyRaw, map_keys, row) {
            return Err(opaque());
        }
        let value = match (values, &schema.value) {
            (Some(values), Some(ty)) if values.is_valid(row) => {
                column::value_at(values, &ty.ty, row).map_err(model)?
            }
            _ => alluvium_model::Value::Null,
        };
        let map_key = match (map_keys, &schema.map_key) {
            (Some(keys), Some(ty)) => column::value_at(keys, ty, row).map_err(model)?,
            _ => alluvium_model::Value::Null,
        };
        let place = (subtasks.map_or(0, |s| s.value(row)), indexes.map_or(row as i64, |i| i[row]));
        into.push((place, Element { map_key, value }));
    }
    Ok(())
}
