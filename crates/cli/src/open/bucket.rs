use std::sync::Arc;

use alluvium_env::Env;
use alluvium_format::name::SAVEPOINT_MANIFEST;
use alluvium_interop_flink::files::StoreVolume;
use alluvium_snapshot::{JobRoot, Snapshot};
use alluvium_store::{ObjectPath, Store, block_on};
use alluvium_store_cloud::CloudStore;
use anyhow::{Context, Result};

/// Opens a snapshot of ours in a bucket: a savepoint's folder, its manifest, or a job's root. None when
/// the folder holds neither.
pub(super) fn ours(location: &str) -> Result<Option<Snapshot>> {
    let folder = location.trim_end_matches('/').trim_end_matches(SAVEPOINT_MANIFEST).trim_end_matches('/');
    let store: Arc<dyn Store> = Arc::new(CloudStore::open(folder)?);
    let manifest = ObjectPath::new(SAVEPOINT_MANIFEST)?;
    if block_on(store.size(&manifest))?.is_some() {
        return Ok(Some(block_on(Snapshot::open(store, &manifest))?));
    }
    if block_on(store.list("checkpoints/"))?.is_empty() {
        return Ok(None);
    }
    let root = JobRoot::new(store, Env::system());
    let latest = block_on(root.latest())?;
    latest.map(|name| block_on(root.open(name)).context("the newest checkpoint")).transpose()
}

/// Returns the bucket of a place as a volume of Flink's files.
pub(super) fn volume(location: &str) -> Result<StoreVolume> {
    let (scheme, rest) = location.split_once("://").unwrap_or_default();
    let bucket = rest.split('/').next().unwrap_or_default();
    let root = format!("{scheme}://{bucket}");
    Ok(StoreVolume::new(Arc::new(CloudStore::open(&root)?), &root)?)
}
