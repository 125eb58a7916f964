use std::collections::HashMap;
use std::sync::Arc;

use alluvium_env::Ids;
use alluvium_format::{Blocks, Manifest, ObjectRef, Place, digest, encode};
use alluvium_store::{ObjectPath, Store};
use bytes::Bytes;

use crate::{CheckpointName, Error, JobRoot, Result, step};

/// A checkpoint that is now visible.
#[derive(Debug, Clone)]
pub struct Published {
    /// Its manifest as written, without block lists in memory: the next one builds on it.
    pub manifest: Arc<Manifest>,
    /// Its name.
    pub name: CheckpointName,
    /// Bytes of the manifest and of the object with block lists.
    pub bytes: u64,
    /// A newer attempt that has claimed the job: nothing may be committed then.
    pub fenced_by: Option<u64>,
}

impl JobRoot {
    /// Publishes a checkpoint: block lists into one object, the manifest last, if there is none of
    /// that name; then reads the claims again.
    ///
    /// All data objects of the manifest must be written. Publishing the same manifest twice is no
    /// error, so that a lost answer can be asked for again.
    ///
    /// # Errors
    /// [`Error::Published`] when another manifest of that name exists; [`Error::Manifest`] when
    /// this one breaks a law; faults of the store. After any error nothing half-written opens.
    ///
    /// Spec: PUB-1 to PUB-4, FENCE-4.
    pub async fn publish(&self, manifest: Manifest) -> Result<Published> {
        let name = CheckpointName { attempt: manifest.attempt, checkpoint_id: manifest.checkpoint_id };
        let (manifest, bytes) = write_manifest(&*self.store, &*self.env.ids, manifest, &name.path()?).await?;
        let newest = self.newest_claim().await?;
        step("claims-read");
        let fenced_by = newest.filter(|newest| *newest > name.attempt);
        Ok(Published { manifest: Arc::new(manifest), name, bytes, fenced_by })
    }
}

/// Writes block lists and then the manifest; returns it as written and the bytes of both.
pub(crate) async fn write_manifest(
    store: &dyn Store,
    ids: &dyn Ids,
    mut manifest: Manifest,
    path: &ObjectPath,
) -> Result<(Manifest, u64)> {
    step("data-written");
    let lists_bytes = write_lists(store, ids, &mut manifest).await?;
    step("lists-written");
    let encoded = Bytes::from(encode(&manifest).map_err(|e| Error::manifest(path, e))?);
    let written = encoded.len() as u64;
    if let Err(error) = store.create(path, encoded.clone()).await.map_err(|e| Error::store(path, e)) {
        // The answer may be all that was lost, or this manifest was published before.
        match store.get(path).await {
            Ok(there) if there == encoded => {}
            Ok(_) if error.is_conflict() => return Err(Error::Published { place: path.to_string() }),
            _ => return Err(error),
        }
    }
    step("manifest-written");
    Ok((manifest, lists_bytes + written))
}

/// Packs the block lists that are still in memory into one object.
///
/// Spec: DIGEST-3, PUB-4.
async fn write_lists(store: &dyn Store, ids: &dyn Ids, manifest: &mut Manifest) -> Result<u64> {
    let mut packed = Vec::new();
    let mut placed: HashMap<(u32, String), (u64, u64)> = HashMap::new();
    for object in alluvium_format::reach::references(manifest) {
        let Blocks::Held(list) = &object.blocks else { continue };
        let key = (object.root, object.name.clone());
        placed.entry(key).or_insert_with(|| {
            let (offset, list) = (packed.len() as u64, digest::list_bytes(list));
            packed.extend_from_slice(&list);
            (offset, list.len() as u64)
        });
    }
    if packed.is_empty() {
        return Ok(0);
    }
    let (name, bytes) = (format!("objects/{}", ids.next()), packed.len() as u64);
    let path = crate::objects::object_path(&name)?;
    store.create(&path, packed.into()).await.map_err(|e| Error::store(&path, e))?;
    replace_lists(manifest, &name, &placed);
    Ok(bytes)
}

fn replace_lists(manifest: &mut Manifest, name: &str, placed: &HashMap<(u32, String), (u64, u64)>) {
    let listed = |object: &ObjectRef| -> Option<ObjectRef> {
        let Blocks::Held(_) = object.blocks else { return None };
        let (offset, length) = *placed.get(&(object.root, object.name.clone()))?;
        let blocks = Blocks::Listed { object_name: name.to_owned(), root: 0, offset, length };
        Some(ObjectRef { blocks, ..object.clone() })
    };
    let mut shared: HashMap<(u32, String), Arc<ObjectRef>> = HashMap::new();
    for run in manifest.operators.iter_mut().flat_map(|o| &mut o.tables).flat_map(|t| &mut t.runs) {
        let Place::Object { object, .. } = &mut run.place else { continue };
        let Some(new) = listed(object) else { continue };
        let key = (new.root, new.name.clone());
        *object = Arc::clone(shared.entry(key).or_insert_with(|| Arc::new(new)));
    }
    let named = [&mut manifest.job_description, &mut manifest.schemas_object, &mut manifest.origin];
    let others = manifest.aborted.iter_mut().chain(named.into_iter().flatten());
    for object in others {
        if let Some(new) = listed(object) {
            *object = new;
        }
    }
}
