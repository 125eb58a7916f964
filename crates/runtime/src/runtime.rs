use std::sync::Arc;

use alluvium_dataflow::Job;
use alluvium_env::Env;
use alluvium_snapshot::JobRoot;
use alluvium_store::Store;

use crate::config::{LocalPlaces, Places, RunConfig};
use crate::coordinator::{Coordinator, Shared};
use crate::handle::{Board, JobHandle};
use crate::mailbox::Mailbox;
use crate::scheduler::{Bell, Scheduler, ThreadScheduler};
use crate::status::{JobState, JobStatus};

/// Where jobs run: a scheduler, an environment, and the places that people name.
#[derive(Clone)]
pub struct Runtime {
    scheduler: Arc<dyn Scheduler>,
    env: Env,
    places: Arc<dyn Places>,
}

impl Runtime {
    /// Runs on threads of this process, with its clock and the local file system.
    pub fn with_threads(workers: usize) -> Self {
        let env = Env::system();
        let scheduler = ThreadScheduler::start(Arc::clone(&env.clock), workers, workers.clamp(1, 4));
        Runtime { scheduler, env, places: Arc::new(LocalPlaces) }
    }

    /// Runs under a scheduler and an environment that are given: the seeded ones, for example.
    pub fn new(scheduler: Arc<dyn Scheduler>, env: Env, places: Arc<dyn Places>) -> Self {
        Runtime { scheduler, env, places }
    }

    /// Starts a job whose checkpoints lie in a store; `location` is how people name that store.
    ///
    /// Returns at once: whether it could be claimed and restored shows in the status.
    pub fn start(&self, job: &Job, config: RunConfig, root: Arc<dyn Store>, location: &str) -> JobHandle {
        let id = config.job_id.clone().unwrap_or_else(|| self.env.ids.next());
        let board = Board::new(JobStatus {
            id,
            name: job.name().to_owned(),
            state: JobState::Initializing,
            started_ms: self.env.clock.now_ms(),
            ended_ms: None,
            attempt: 0,
            restarts: 0,
            failure: None,
            failure_kind: None,
            refusal: None,
            restored_from: None,
            vertices: Vec::new(),
        });
        let unit = self.scheduler.reserve();
        let events = Mailbox::new(Bell::new(&self.scheduler, unit));
        let shared = Arc::new(Shared {
            job: job.clone(),
            config,
            env: self.env.clone(),
            scheduler: Arc::clone(&self.scheduler),
            root: JobRoot::new(root, self.env.clone()),
            root_location: location.trim_end_matches('/').to_owned(),
            places: Arc::clone(&self.places),
            board: Arc::clone(&board),
            events: Arc::clone(&events),
        });
        self.scheduler.start(unit, Box::new(Coordinator::new(shared)));
        JobHandle::new(board, events, Arc::clone(&self.scheduler))
    }
}
