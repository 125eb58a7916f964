use std::sync::Arc;

use alluvium_format::{Profile, decode, name, reach};
use alluvium_store::Store;

use crate::{Error, Result};

/// What disposal removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Disposed {
    /// Objects deleted, the manifest among them.
    pub objects: u64,
}

/// Deletes the savepoint whose directory a store is: first its manifest, so that no half of it
/// opens, then exactly the objects that the manifest names.
///
/// # Errors
/// [`Error::NotASnapshot`] without a savepoint's manifest; [`Error::Refused`] when the manifest is
/// not a savepoint's; [`Error::Manifest`] when it cannot be read: then nothing is deleted.
///
/// Spec: COLLECT-3.
pub async fn dispose(directory: &Arc<dyn Store>) -> Result<Disposed> {
    let path = crate::objects::object_path(name::SAVEPOINT_MANIFEST)?;
    let bytes = match directory.get(&path).await {
        Ok(bytes) => bytes,
        Err(alluvium_store::Error::Missing { .. }) => {
            return Err(Error::NotASnapshot {
                place: "the directory".into(),
                found: "a directory without a savepoint's manifest",
                looked_for: name::SAVEPOINT_MANIFEST,
            });
        }
        Err(e) => return Err(Error::store(&path, e)),
    };
    let manifest = decode(&bytes, crate::snapshot::MANIFEST_BUDGET).map_err(|e| Error::manifest(&path, e))?;
    if !matches!(manifest.profile, Profile::Savepoint { .. }) {
        return Err(Error::Refused {
            place: path.to_string(),
            reason: "a checkpoint belongs to its job and is removed by retention",
        });
    }
    let mut disposed = Disposed::default();
    let own = reach::objects(&manifest).into_iter().filter(|object| object.root == 0);
    let objects = own.map(|object| crate::objects::object_path(&object.name)).collect::<Result<Vec<_>>>()?;
    for object in std::iter::once(path).chain(objects) {
        directory.delete(&object).await.map_err(|e| Error::store(&object, e))?;
        disposed.objects += 1;
    }
    Ok(disposed)
}
