use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use alluvium_snapshot::format::Manifest;

use super::Command;
use crate::channel::{Barrier, Cause};
use crate::ledger::AckedTable;
use crate::plan::TaskId;
use crate::status::{SavepointFormat, SnapshotKind};

/// A snapshot that is being taken.
pub(super) struct InFlight {
    pub(super) barrier: Arc<Barrier>,
    pub(super) purpose: Purpose,
    pub(super) triggered_ns: u64,
    pub(super) triggered_ms: i64,
    pub(super) waiting: BTreeSet<TaskId>,
    pub(super) acked: BTreeMap<TaskId, Vec<AckedTable>>,
    pub(super) stage: Stage,
    /// What must not be collected while it is being copied.
    pub(super) manifest: Option<Arc<Manifest>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// Tasks do their parts.
    Collecting,
    /// All parts are there; the manifest of an older one is still on its way.
    Cut,
    /// The manifest is on its way.
    Publishing,
    /// A savepoint is being written from the cut.
    Writing,
}

/// What a snapshot is taken for.
#[derive(Debug, Clone)]
pub(super) enum Purpose {
    Periodic,
    Asked {
        trigger: u64,
    },
    /// The last one, behind the end of input: sinks commit everything.
    Final,
    Savepoint {
        trigger: u64,
        directory: Option<String>,
        format: SavepointFormat,
    },
    Stop {
        trigger: u64,
        directory: Option<String>,
        format: SavepointFormat,
        drain: bool,
    },
}

impl InFlight {
    pub(super) fn id(&self) -> u64 {
        self.barrier.checkpoint_id
    }

    /// Returns the names of the root's objects that its manifest will refer to.
    pub(super) fn object_names(&self) -> impl Iterator<Item = String> {
        let runs = self.acked.values().flatten().flat_map(|table| &table.runs);
        let objects = runs.filter_map(|owned| owned.run.object()).filter(|object| object.root == 0);
        objects.map(|object| object.name.clone())
    }
}

impl Purpose {
    /// Returns what is to be done for a command; nothing for one that no snapshot answers.
    pub(super) fn of(command: Command) -> Option<Self> {
        match command {
            Command::Checkpoint { trigger } => Some(Purpose::Asked { trigger }),
            Command::Savepoint { trigger, directory, format } => {
                Some(Purpose::Savepoint { trigger, directory, format })
            }
            Command::Stop { trigger, directory, drain, format } => {
                Some(Purpose::Stop { trigger, directory, format, drain })
            }
            Command::Cancel => None,
        }
    }

    /// Returns what asks for the same once more; nothing where nobody asked, or where the watermark
    /// is at its end already.
    pub(super) fn again(&self) -> Option<Command> {
        match self.clone() {
            Purpose::Asked { trigger } => Some(Command::Checkpoint { trigger }),
            Purpose::Savepoint { trigger, directory, format } => {
                Some(Command::Savepoint { trigger, directory, format })
            }
            Purpose::Stop { trigger, directory, format, drain: false } => {
                Some(Command::Stop { trigger, directory, drain: false, format })
            }
            Purpose::Stop { .. } | Purpose::Periodic | Purpose::Final => None,
        }
    }

    pub(super) fn trigger(&self) -> Option<u64> {
        match self {
            Purpose::Periodic | Purpose::Final => None,
            Purpose::Asked { trigger }
            | Purpose::Savepoint { trigger, .. }
            | Purpose::Stop { trigger, .. } => Some(*trigger),
        }
    }

    pub(super) fn cause(&self) -> Cause {
        match self {
            Purpose::Periodic | Purpose::Asked { .. } | Purpose::Final => Cause::Checkpoint,
            Purpose::Savepoint { .. } => Cause::Savepoint,
            Purpose::Stop { drain, .. } => Cause::Stop { drain: *drain },
        }
    }

    pub(super) fn kind(&self) -> SnapshotKind {
        match self {
            Purpose::Periodic | Purpose::Asked { .. } | Purpose::Final => SnapshotKind::Checkpoint,
            Purpose::Savepoint { .. } => SnapshotKind::Savepoint,
            Purpose::Stop { .. } => SnapshotKind::StopSavepoint,
        }
    }

    pub(super) fn format(&self) -> Option<SavepointFormat> {
        match self {
            Purpose::Savepoint { format, .. } | Purpose::Stop { format, .. } => Some(*format),
            Purpose::Periodic | Purpose::Asked { .. } | Purpose::Final => None,
        }
    }

    /// Returns whether no other snapshot may be in flight beside it.
    pub(super) fn is_alone(&self) -> bool {
        !matches!(self, Purpose::Periodic | Purpose::Asked { .. })
    }
}
