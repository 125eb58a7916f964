use std::collections::HashMap;
use std::sync::Arc;

use alluvium_model::evolution::{Outcome, resolve};
use alluvium_model::{OperatorId, job};
use alluvium_snapshot::format::{Manifest, ObjectRef, OperatorEntry, Profile, Root};
use alluvium_snapshot::{Attempt, CheckpointName, ObjectReader, Snapshot};
use alluvium_store::{ObjectPath, Store};

use super::staged::{self, Named};
use super::{Coordinator, Event, Phase, Shared};
use crate::Error;
use crate::config::{ClaimMode, Restore};
use crate::plan::Plan;
use crate::scheduler::in_background;
use crate::status::JobState;

/// What a start has found: the claim, and what to restore.
pub(crate) struct Prepared {
    pub(super) attempt: Attempt,
    pub(super) source: Option<Arc<RestoreSource>>,
    pub(super) plan: Arc<Plan>,
    pub(super) next_checkpoint_id: u64,
    pub(super) description: Option<ObjectRef>,
    /// What sinks must not discard; nothing may be discarded if that is not known.
    pub(super) named: Option<Arc<Named>>,
}

/// The snapshot that a job is restored from.
pub(crate) struct RestoreSource {
    pub(super) snapshot: Snapshot,
    /// How people name it.
    pub(super) path: String,
    /// Reads its objects and those of our root.
    pub(super) objects: ObjectReader,
    /// The table of roots of the checkpoints to come.
    pub(super) roots: Vec<Root>,
    /// What is added to the root of its references; its own root may be ours.
    pub(super) root_offset: u32,
    /// Its runs must be copied before a checkpoint may be complete.
    pub(super) foreign: bool,
    /// Its job id, if it is a checkpoint of this root.
    pub(super) job_id: Option<String>,
}

impl Coordinator {
    /// Claims the root, unless that is done, and finds what to restore.
    pub(super) fn prepare(&mut self) {
        self.phase = Phase::Preparing;
        self.generation += 1;
        let (shared, generation, claimed) = (Arc::clone(&self.shared), self.generation, self.attempt);
        let first = self.restore.clone();
        let next_id = self.next_checkpoint_id;
        let known = self.description.clone();
        let events = Arc::clone(&self.shared.events);
        let work = async move { prepare(&shared, claimed, first, next_id, known).await };
        in_background(&*self.shared.scheduler, work, move |result| {
            let panicked = |message| Error::Panic { what: "starting the job".into(), message };
            let result = result.map_err(panicked).and_then(|result| result);
            events.post(Event::Prepared { generation, result });
        });
    }

    pub(super) fn prepared(&mut self, result: Result<Prepared, Error>) {
        let prepared = match result {
            Ok(prepared) => prepared,
            Err(error) => return self.failed(error),
        };
        self.attempt = Some(prepared.attempt);
        self.next_checkpoint_id = self.next_checkpoint_id.max(prepared.next_checkpoint_id);
        self.description = prepared.description;
        self.plan = Some(Arc::clone(&prepared.plan));
        let source = prepared.source;
        self.shared.board.change(|board| {
            board.status.attempt = prepared.attempt.number;
            board.status.restored_from = source.as_ref().map(|s| s.path.clone());
            if let Some(id) = source.as_ref().and_then(|s| s.job_id.clone()) {
                board.status.id = id;
            }
            board.history.restored =
                source.as_ref().map(|s| (s.snapshot.manifest().checkpoint_id, s.path.clone()));
            if board.status.state != JobState::Restarting {
                board.status.state = JobState::Initializing;
            }
        });
        if self.restore.is_none() {
            self.restore.clone_from(&source);
        }
        self.deploy(source, prepared.named);
    }
}

async fn prepare(
    shared: &Shared,
    claimed: Option<Attempt>,
    first: Option<Arc<RestoreSource>>,
    next_id: u64,
    known: Option<ObjectRef>,
) -> Result<Prepared, Error> {
    let root = &shared.root;
    let failed = |what: &str| Error::snapshot(format!("{what} of root {}", shared.root_location));
    let (attempt, source) = match claimed {
        Some(attempt) => {
            root.check_claim(attempt.number).await.map_err(fenced)?;
            let newest = root.latest().await.map_err(failed("checkpoints"))?;
            let own = match newest {
                Some(name) => Some(Arc::new(open_own(shared, name).await?)),
                None => first,
            };
            (attempt, own)
        }
        None => start(shared).await?,
    };
    let manifest = source.as_ref().map(|s| Arc::clone(s.snapshot.manifest()));
    if let Some(manifest) = &manifest {
        check_fit(shared, manifest)?;
    }
    let groups = manifest.iter().flat_map(|m| &m.operators).map(|o| (o.id, o.max_parallelism));
    let groups: HashMap<OperatorId, u32> = groups.collect();
    let plan = Arc::new(Plan::new(&shared.job, shared.config.parallelism, &groups)?);
    let restored_id = manifest.as_ref().map_or(0, |m| m.checkpoint_id);
    let description = match known {
        Some(known) => known,
        None => write_description(shared).await?,
    };
    let next_checkpoint_id = next_id.max(attempt.next_checkpoint_id).max(restored_id + 1);
    let named = staged::named(shared, source.as_ref().map(|s| &s.snapshot)).await.map(Arc::new);
    Ok(Prepared { attempt, source, plan, next_checkpoint_id, description: Some(description), named })
}

/// Claims the root for a new attempt.
async fn start(shared: &Shared) -> Result<(Attempt, Option<Arc<RestoreSource>>), Error> {
    let root = &shared.root;
    let failed = |what: &str| Error::snapshot(format!("{what} of root {}", shared.root_location));
    if shared.config.restore == Restore::None
        && let Some(newest) = root.latest().await.map_err(failed("checkpoints"))?
    {
        return Err(Error::RootInUse { newest: newest.to_string() });
    }
    // What is named must open before the claim takes the root from anyone.
    let named = match &shared.config.restore {
        Restore::From(location) => Some(open_named(shared, location).await?),
        _ => None,
    };
    if let Some(named) = &named {
        check_fit(shared, named.snapshot.manifest())?;
    }
    let attempt = root.claim().await.map_err(failed("claim"))?;
    let source = match (named, attempt.start) {
        (Some(named), _) => Some(Arc::new(named)),
        (None, Some(name)) if shared.config.restore == Restore::Latest => {
            Some(Arc::new(open_own(shared, name).await?))
        }
        _ => None,
    };
    Ok((attempt, source))
}

async fn open_own(shared: &Shared, name: CheckpointName) -> Result<RestoreSource, Error> {
    let snapshot = shared.root.open(name).await.map_err(Error::snapshot(format!("checkpoint {name}")))?;
    let manifest = Arc::clone(snapshot.manifest());
    Ok(RestoreSource {
        path: format!("{}/checkpoints/{name}.manifest", shared.root_location),
        objects: snapshot.objects().clone(),
        roots: manifest.roots.clone(),
        root_offset: 0,
        foreign: false,
        job_id: Some(manifest.job.id.clone()),
        snapshot,
    })
}

async fn open_named(shared: &Shared, location: &str) -> Result<RestoreSource, Error> {
    let (store, manifest, uri) = shared.places.locate(location)?;
    let snapshot = open_at(store, &manifest, location).await?;
    let found = Arc::clone(snapshot.manifest());
    if found.profile == Profile::Checkpoint {
        let name = CheckpointName { attempt: found.attempt, checkpoint_id: found.checkpoint_id };
        let path = name.path().map_err(Error::snapshot(location))?;
        // The same manifest in our root: it is ours.
        if let Ok(own) = shared.root.store().get(&path).await
            && let Ok(decoded) = alluvium_snapshot::format::decode(&own, MANIFEST_BYTES_MAX)
            && decoded.job == found.job
            && decoded.created_ms == found.created_ms
        {
            return open_own(shared, name).await;
        }
    }
    let claimed = shared.config.claim == ClaimMode::Claim;
    let mut stores: Vec<Arc<dyn Store>> = vec![Arc::clone(shared.root.store())];
    let mut roots = vec![Root::own()];
    for (i, root) in found.roots.iter().enumerate() {
        let store = snapshot.objects().root(i as u32).map_err(Error::snapshot(location))?;
        stores.push(Arc::clone(store));
        if claimed {
            roots.push(if i == 0 { Root::claimed(&uri) } else { root.clone() });
        }
    }
    Ok(RestoreSource {
        snapshot,
        path: location.to_owned(),
        objects: ObjectReader::of_roots(stores),
        roots,
        root_offset: 1,
        foreign: !claimed,
        job_id: None,
    })
}

async fn open_at(store: Arc<dyn Store>, manifest: &ObjectPath, location: &str) -> Result<Snapshot, Error> {
    Snapshot::open(store, manifest).await.map_err(Error::snapshot(location))
}

/// Checks that every state of a snapshot has an operator that can take it.
fn check_fit(shared: &Shared, manifest: &Manifest) -> Result<(), Error> {
    let mut left = Vec::new();
    for operator in &manifest.operators {
        let node = shared.job.nodes().iter().find(|node| node.id == operator.id);
        match node {
            None if operator.tables.is_empty() => {}
            None => left.push(format!("operator {}", operator.label())),
            Some(node) => check_operator(node, operator, manifest, &mut left)?,
        }
    }
    if left.is_empty() || shared.config.allow_non_restored_state {
        return Ok(());
    }
    Err(Error::NotRestored { what: left.join(", ") })
}

fn check_operator(
    node: &alluvium_dataflow::Node,
    operator: &OperatorEntry,
    manifest: &Manifest,
    left: &mut Vec<String>,
) -> Result<(), Error> {
    let refuse = |state: &str, reason: String| {
        Err(Error::DoesNotFit { operator: operator.label(), state: state.to_owned(), reason })
    };
    if let Some(wanted) = node.max_parallelism.filter(|n| *n != operator.max_parallelism)
        && node.declared.key.is_some()
    {
        return refuse("*", format!("max parallelism {wanted} instead of {}", operator.max_parallelism));
    }
    for table in &operator.tables {
        let Some(stored) = manifest.schema(table.schema_id) else { continue };
        let Some(declared) = node.declared.states().find(|s| s.name == stored.name) else {
            if !table.runs.is_empty() {
                left.push(format!("state {} of operator {}", stored.name, operator.label()));
            }
            continue;
        };
        if stored.kind.is_keyed()
            && node.declared.key_group_function.is_some_and(|f| f != operator.key_group_function)
        {
            return refuse(
                &stored.name,
                format!("keys are placed by {}", operator.key_group_function.name()),
            );
        }
        let resolution = resolve(stored, declared);
        if resolution.outcome == Outcome::Incompatible {
            let reasons: Vec<String> = resolution.reasons().map(ToString::to_string).collect();
            return refuse(&stored.name, reasons.join(", "));
        }
    }
    Ok(())
}

/// Writes the description of the job, to which every checkpoint of this run refers.
async fn write_description(shared: &Shared) -> Result<ObjectRef, Error> {
    let text = job::job_to_json(&shared.job.describe(shared.config.parallelism)).to_string();
    let name = format!("objects/{}", shared.env.ids.next());
    let failed = |source| Error::Place { place: name.clone(), source };
    let path = ObjectPath::new(&name).map_err(failed)?;
    let object = ObjectRef::of_bytes(&name, text.as_bytes());
    shared.root.store().create(&path, text.into()).await.map_err(failed)?;
    Ok(object)
}

pub(super) fn fenced(error: alluvium_snapshot::Error) -> Error {
    match error {
        alluvium_snapshot::Error::Fenced { attempt, newer } => Error::Fenced { attempt, newer },
        other => Error::snapshot("reading claims")(other),
    }
}

const MANIFEST_BYTES_MAX: u64 = 256 << 20;
