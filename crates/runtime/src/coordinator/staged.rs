use std::collections::BTreeMap;
use std::sync::Arc;

use alluvium_dataflow::{Element, Node, PENDING_TRANSACTIONS};
use alluvium_model::{KeyGroupRange, OperatorId};
use alluvium_snapshot::format::{Manifest, RunRef};
use alluvium_snapshot::{CheckpointName, Snapshot};
use alluvium_store::{ObjectPath, SubStore};

use super::Shared;
use super::deploy::read_elements;
use crate::Error;

/// The pending transactions of every snapshot that may still be restored, by sink.
pub(super) type Named = BTreeMap<OperatorId, Vec<Element>>;

/// Reads what the checkpoints and savepoints of the root, and savepoints elsewhere that it has on
/// its list, name as staged. Nothing at all if one of them cannot be read: then nothing may be
/// discarded.
pub(super) async fn named(shared: &Shared, restored: Option<&Snapshot>) -> Option<Named> {
    if !shared.job.nodes().iter().any(is_sink) {
        return Some(Named::new());
    }
    let mut named = Named::new();
    read_all(shared, restored, &mut named).await.ok().map(|()| named)
}

async fn read_all(shared: &Shared, restored: Option<&Snapshot>, named: &mut Named) -> Result<(), Error> {
    let failed = || Error::snapshot("reading what snapshots name as staged");
    let store = shared.root.store();
    let place = |source| Error::Place { place: shared.root_location.clone(), source };
    if let Some(restored) = restored {
        read(shared, restored, named).await?;
    }
    for entry in shared.root.checkpoints().await.map_err(failed())? {
        if let Err(error) = read_checkpoint(shared, entry.name, named).await {
            // One that retention has removed meanwhile is restored by nobody.
            let path = entry.name.path().map_err(failed())?;
            if store.size(&path).await.map_err(place)?.is_some() {
                return Err(error);
            }
        }
    }
    for entry in store.list("savepoints/").await.map_err(place)? {
        if let Some((directory, MANIFEST)) = entry.path.as_str().rsplit_once('/') {
            let directory = ObjectPath::new(directory).map_err(place)?;
            let store = Arc::new(SubStore::new(Arc::clone(store), directory));
            let manifest = ObjectPath::new(MANIFEST).map_err(place)?;
            let snapshot = Snapshot::open(store, &manifest).await.map_err(failed())?;
            read(shared, &snapshot, named).await?;
        }
    }
    for (pin, location) in shared.root.pinned_places().await.map_err(failed())? {
        match open_elsewhere(shared, &location).await {
            Ok(snapshot) => read(shared, &snapshot, named).await?,
            // Its owner has disposed of it.
            Err(error) if error.kind() == alluvium_model::ErrorKind::Missing => {
                shared.root.unpin(&pin).await.map_err(failed())?;
            }
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

async fn read_checkpoint(shared: &Shared, name: CheckpointName, named: &mut Named) -> Result<(), Error> {
    let snapshot = shared.root.open(name).await.map_err(Error::snapshot(format!("checkpoint {name}")))?;
    read(shared, &snapshot, named).await
}

async fn open_elsewhere(shared: &Shared, location: &str) -> Result<Snapshot, Error> {
    let (store, manifest, _) = shared.places.locate(location)?;
    Snapshot::open(store, &manifest).await.map_err(Error::snapshot(location))
}

async fn read(shared: &Shared, snapshot: &Snapshot, named: &mut Named) -> Result<(), Error> {
    for node in shared.job.nodes().iter().filter(|node| is_sink(node)) {
        let declared = node.declared.operator.iter().find(|schema| schema.name == PENDING_TRANSACTIONS);
        let (Some(declared), Ok(_)) = (declared, snapshot.table(node.id, PENDING_TRANSACTIONS)) else {
            continue;
        };
        let failed = || Error::snapshot("reading pending transactions");
        let all = KeyGroupRange::new(0, 1);
        let rows = snapshot.merged(node.id, PENDING_TRANSACTIONS, all, declared);
        let mut rows = rows.map_err(failed())?;
        let mut elements = Vec::new();
        while let Some(batch) = rows.next().await.map_err(failed())? {
            read_elements(&batch, declared, &mut elements)
                .map_err(|source| Error::State { operator: node.name.clone(), source: Box::new(source) })?;
        }
        named.entry(node.id).or_default().extend(elements.into_iter().map(|(_, element)| element));
    }
    Ok(())
}

fn is_sink(node: &Node) -> bool {
    node.declared.operator.iter().any(|schema| schema.name == PENDING_TRANSACTIONS)
}

/// Returns whether transactions wait in a snapshot.
pub(super) fn has_pending(manifest: &Manifest) -> bool {
    let tables = manifest.operators.iter().flat_map(|operator| &operator.tables);
    let pending = tables.filter(|table| {
        manifest.schema(table.schema_id).is_some_and(|schema| schema.name == PENDING_TRANSACTIONS)
    });
    pending.flat_map(|table| &table.runs).map(|run: &RunRef| run.rows).sum::<u64>() > 0
}

const MANIFEST: &str = "savepoint.manifest";
