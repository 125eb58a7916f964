use std::path::Path;
use std::sync::Arc;

use alluvium_format::{Manifest, ObjectRef, OperatorEntry, Profile, TableEntry, decode};
use alluvium_model::source::Scan;
use alluvium_model::{
    JobDescription, KeyGroupRange, OperatorId, Origin, SnapshotDescription, StateKind, StateSchema, job,
};
use alluvium_store::{LocalStore, ObjectPath, Store};
use alluvium_table::{MERGE_BYTES_MAX, MergeOutput};

use crate::rows::Request;
use crate::{Error, ObjectReader, Result, Rows, describe};

/// An open snapshot: its manifest, and its objects to be read and checked.
///
/// **Owns** the manifest and what was read of small objects. **Does not own** the objects: a
/// checkpoint may be collected while it is open, unless it is pinned.
///
/// Clones share everything. Implements [`alluvium_model::SnapshotSource`], blocking.
#[derive(Debug, Clone)]
pub struct Snapshot {
    pub(crate) manifest: Arc<Manifest>,
    pub(crate) objects: ObjectReader,
    pub(crate) description: Arc<SnapshotDescription>,
    pub(crate) place: String,
}

/// Most bytes that a manifest may inflate to.
pub(crate) const MANIFEST_BUDGET: u64 = alluvium_format::BODY_BYTES_MAX;

impl Snapshot {
    /// Opens the manifest at a path of the store that is its root.
    ///
    /// One or two reads. Claimed roots of a checkpoint are opened as local directories.
    ///
    /// # Errors
    /// [`Error::Missing`]; [`Error::Manifest`] for one that is cut, damaged, newer or needs an
    /// unknown feature; [`Error::Damaged`] for its schemas.
    ///
    /// Spec: PRE-1 to PRE-9, FEAT-1.
    pub async fn open(root: Arc<dyn Store>, path: &ObjectPath) -> Result<Snapshot> {
        let bytes = root.get(path).await.map_err(|e| match e {
            alluvium_store::Error::Missing { path } => Error::Missing { place: path },
            other => Error::store(path, other),
        })?;
        let manifest = decode(&bytes, MANIFEST_BUDGET).map_err(|e| Error::manifest(path, e))?;
        Snapshot::of_manifest(root, manifest, path.as_str(), bytes.len() as u64).await
    }

    /// Wraps a manifest at hand, for example one that was just published.
    ///
    /// # Errors
    /// As for [`Snapshot::open`], without those of the manifest itself.
    pub async fn of(root: Arc<dyn Store>, manifest: Manifest) -> Result<Snapshot> {
        Snapshot::of_manifest(root, manifest, "manifest", 0).await
    }

    async fn of_manifest(
        root: Arc<dyn Store>,
        mut manifest: Manifest,
        place: &str,
        manifest_bytes: u64,
    ) -> Result<Snapshot> {
        let mut roots = vec![root];
        for claimed in manifest.roots.iter().skip(1) {
            roots.push(claimed_root(claimed.uri.as_deref().unwrap_or_default())?);
        }
        let objects = ObjectReader::of_roots(roots);
        if let Some(object) = manifest.schemas_object.clone().filter(|_| manifest.schemas.is_empty()) {
            supply_schemas(&objects, &mut manifest, &object).await?;
        }
        let description = Arc::new(describe::describe(&manifest, place, manifest_bytes));
        Ok(Snapshot { manifest: Arc::new(manifest), objects, description, place: place.to_owned() })
    }

    /// Returns the manifest.
    pub fn manifest(&self) -> &Arc<Manifest> {
        &self.manifest
    }

    /// Returns the reader of its objects.
    pub fn objects(&self) -> &ObjectReader {
        &self.objects
    }

    /// Returns the description of the job that it holds, if any.
    ///
    /// # Errors
    /// [`Error::Damaged`], [`Error::Model`].
    ///
    /// Spec: JOB-1.
    pub async fn job_description(&self) -> Result<Option<JobDescription>> {
        let Some(object) = &self.manifest.job_description else { return Ok(None) };
        let bytes = self.objects.read_whole(object, "job description").await?;
        let broken = |found: String| Error::Broken { place: object.name.clone(), found, rule: "JOB-1" };
        let json = serde_json::from_slice(&bytes).map_err(|e| broken(e.to_string()))?;
        job::job_from_json(&json).map(Some).map_err(|e| broken(e.to_string()))
    }

    /// Returns what another engine said of the states that still have the schemas it said it of, if
    /// the snapshot holds anything.
    ///
    /// # Errors
    /// [`Error::Damaged`], [`Error::Broken`].
    ///
    /// Spec: ORIGIN-1, ORIGIN-2.
    pub async fn read_origin(&self) -> Result<Option<Origin>> {
        let Some(object) = &self.manifest.origin else { return Ok(None) };
        let bytes = self.objects.read_whole(object, "origin").await?;
        let broken = |found: String| Error::Broken { place: object.name.clone(), found, rule: "ORIGIN-1" };
        let json = serde_json::from_slice(&bytes).map_err(|e| broken(e.to_string()))?;
        let mut origin = Origin::from_json(&json).map_err(|e| broken(e.to_string()))?;
        origin.states.retain(|state| {
            let table = self.table(state.operator, &state.schema.name);
            table.and_then(|(_, table)| self.schema(table)).is_ok_and(|schema| *schema == state.schema)
        });
        Ok(Some(origin))
    }

    /// Streams the live rows of a state in a range of key groups, as rows of the wanted schema:
    /// what a restore reads. Operator state comes whole, whatever the range.
    ///
    /// Rows of a single base run come without sort keys, which a restore does not need.
    ///
    /// # Errors
    /// [`Error::Unknown`]; while reading, [`Error::Table`] for a schema that the rows cannot be
    /// read through.
    pub fn merged(
        &self,
        operator: OperatorId,
        state: &str,
        key_groups: KeyGroupRange,
        wanted: &Arc<StateSchema>,
    ) -> Result<Rows> {
        let (entry, table) = self.table(operator, state)?;
        let mut request = self.request(entry, table)?;
        request.wanted = Arc::clone(wanted);
        request.key_groups = key_groups;
        request.sort_keys = false;
        Rows::new(self.objects.clone(), request, &table.runs)
    }

    /// Streams the live rows that a scan asks for, in the newest schema of the table.
    ///
    /// # Errors
    /// [`Error::Unknown`].
    pub fn rows(&self, scan: &Scan) -> Result<Rows> {
        let (entry, table) = self.table(scan.operator, &scan.state)?;
        let mut request = self.request(entry, table)?;
        if let Some(range) = scan.key_groups {
            request.key_groups = range;
        }
        request.prefix = scan.prefix.clone();
        request.after = scan.after.clone();
        request.batch_rows = scan.batch_rows.max(1);
        Rows::new(self.objects.clone(), request, &table.runs)
    }

    /// Returns an operator and one of its tables.
    ///
    /// # Errors
    /// [`Error::Unknown`].
    pub fn table(&self, operator: OperatorId, state: &str) -> Result<(&OperatorEntry, &TableEntry)> {
        let entry = self.manifest.operator(operator).ok_or_else(|| Error::unknown("operator", operator))?;
        let named =
            |table: &&TableEntry| self.manifest.schema(table.schema_id).is_some_and(|s| s.name == state);
        let table = entry.tables.iter().find(named).ok_or_else(|| Error::unknown("state", state))?;
        Ok((entry, table))
    }

    /// Returns the schema of a table.
    ///
    /// # Errors
    /// [`Error::Broken`] for an id that the manifest does not have.
    pub fn schema(&self, table: &TableEntry) -> Result<&Arc<StateSchema>> {
        self.manifest.schema(table.schema_id).ok_or_else(|| Error::Broken {
            place: self.place.clone(),
            found: format!("schema id {}", table.schema_id),
            rule: "MAN-3",
        })
    }

    /// Returns the request for all live rows of a table.
    pub(crate) fn request(&self, entry: &OperatorEntry, table: &TableEntry) -> Result<Request> {
        let schema = self.schema(table)?;
        Ok(Request {
            operator: entry.label(),
            wanted: Arc::clone(schema),
            schemas: self.manifest.schemas.clone(),
            key_groups: key_groups_of(schema.kind, entry.max_parallelism),
            prefix: None,
            after: None,
            batch_rows: 8192,
            sort_keys: true,
            output: MergeOutput::Live { as_of_ms: self.manifest.as_of_ms },
            merge_bytes_max: MERGE_BYTES_MAX,
        })
    }

    /// Returns whether it is a savepoint.
    pub fn is_savepoint(&self) -> bool {
        matches!(self.manifest.profile, Profile::Savepoint { .. })
    }
}

/// Returns every key group that rows of a kind may have.
pub(crate) fn key_groups_of(kind: StateKind, max_parallelism: u32) -> KeyGroupRange {
    KeyGroupRange::new(0, if kind.is_keyed() { max_parallelism } else { 1 })
}

async fn supply_schemas(objects: &ObjectReader, manifest: &mut Manifest, object: &ObjectRef) -> Result<()> {
    let bytes = objects.read_whole(object, "schemas").await?;
    alluvium_format::supply_schemas(manifest, &bytes).map_err(|e| Error::manifest(&object.name, e))
}

/// Opens the directory that a claimed root names.
///
/// Spec: ROOT-1.
fn claimed_root(uri: &str) -> Result<Arc<dyn Store>> {
    let path = uri.strip_prefix("file://").unwrap_or(uri);
    if !Path::new(path).is_absolute() {
        return Err(Error::Unsupported { place: uri.to_owned(), what: "a claimed root of this kind" });
    }
    let store = LocalStore::open(path).map_err(|e| Error::store(format!("claimed root {uri}"), e))?;
    Ok(Arc::new(store))
}
