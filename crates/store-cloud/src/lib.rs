//! Buckets of the S3 protocol as a [`Store`].
//!
//! Its own room, and not a part of `store`, because an HTTP client and an async runtime come with
//! it: only programs that are given a URL open this door, and nothing waits for it in the build.
//!
//! ```no_run
//! use alluvium_store::{ObjectPath, Store, block_on};
//! use alluvium_store_cloud::CloudStore;
//!
//! let store = CloudStore::open("s3://bucket/jobs/flights")?;
//! let manifest = block_on(store.get(&ObjectPath::new("savepoint.manifest")?))?;
//! # Ok::<(), alluvium_store::Error>(())
//! ```
#![deny(missing_docs)]
#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic))]

mod error;
mod writer;

use std::future::Future;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use alluvium_store::{Entry, Error, ObjectPath, ObjectWriter, Pending, Result, Store};
use bytes::Bytes;
use futures_util::TryStreamExt;
use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey};
use object_store::path::Path;
use object_store::{
    ClientOptions, ObjectMeta, ObjectStore, ObjectStoreExt, PutMode, PutPayload, RetryConfig,
};
use tokio::runtime::{Builder, Runtime};

use error::{bad_place, fault};
use writer::CloudWriter;

/// A bucket, or a prefix in it, as a store.
///
/// Reads are ranged; `create` asks the server to refuse if the object exists (`If-None-Match: *`).
/// Requests run on two threads of the store's own and are repeated a few times for at most half a
/// minute. Objects written in pieces are held in memory until they are finished, because only a
/// single request can be conditional.
#[derive(Debug, Clone)]
pub struct CloudStore {
    bucket: Arc<dyn ObjectStore>,
    prefix: Path,
    place: String,
    runtime: Arc<Runtime>,
}

/// Returns whether a place is one that [`CloudStore::open`] takes.
pub fn is_cloud(place: &str) -> bool {
    SCHEMES.iter().any(|scheme| place.starts_with(scheme))
}

const SCHEMES: [&str; 2] = ["s3://", "s3a://"];

impl CloudStore {
    /// Opens `s3://BUCKET/PREFIX`. Credentials, region and endpoint come from the environment, in
    /// the variables that the AWS tools read (`AWS_ACCESS_KEY_ID`, `AWS_ENDPOINT_URL`, …).
    ///
    /// # Errors
    /// Of kind `Input` for a place that is no such URL and for settings that do not make sense. The
    /// server is not asked.
    pub fn open(place: &str) -> Result<Self> {
        CloudStore::with(place, AmazonS3Builder::from_env())
    }

    /// Opens `s3://BUCKET/PREFIX` at an endpoint with credentials, whatever the environment says.
    ///
    /// # Errors
    /// As for [`CloudStore::open`].
    pub fn open_at(place: &str, endpoint: &str, key: &str, secret: &str) -> Result<Self> {
        let settings = AmazonS3Builder::new()
            .with_endpoint(endpoint)
            .with_region("us-east-1")
            .with_access_key_id(key)
            .with_secret_access_key(secret);
        CloudStore::with(place, settings)
    }

    fn with(place: &str, settings: AmazonS3Builder) -> Result<Self> {
        let rest = SCHEMES.iter().find_map(|scheme| place.strip_prefix(scheme));
        let (bucket, prefix) =
            rest.map(|rest| rest.split_once('/').unwrap_or((rest, ""))).unwrap_or_default();
        if bucket.is_empty() {
            return Err(bad_place(place, "wanted s3://BUCKET/PREFIX"));
        }
        let endpoint = settings.get_config_value(&AmazonS3ConfigKey::Endpoint).unwrap_or_default();
        let retry =
            RetryConfig { max_retries: 3, retry_timeout: Duration::from_secs(30), ..Default::default() };
        let client = ClientOptions::new()
            .with_allow_http(endpoint.starts_with("http://"))
            .with_connect_timeout(Duration::from_secs(5));
        let bucket = settings
            .with_bucket_name(bucket)
            .with_client_options(client)
            .with_retry(retry)
            .build()
            .map_err(|e| fault("open", place, e))?;
        let prefix = Path::parse(prefix.trim_end_matches('/')).map_err(|e| bad_place(place, e))?;
        CloudStore::over(Arc::new(bucket), prefix, place)
    }

    fn over(bucket: Arc<dyn ObjectStore>, prefix: Path, place: &str) -> Result<Self> {
        let runtime = Builder::new_multi_thread().worker_threads(2).thread_name("store").enable_all().build();
        let runtime =
            runtime.map_err(|source| Error::Io { operation: "open", path: place.into(), source })?;
        Ok(CloudStore { bucket, prefix, place: place.into(), runtime: Arc::new(runtime) })
    }

    /// Returns the URL it was opened with.
    pub fn place(&self) -> &str {
        &self.place
    }

    fn locate(&self, path: &ObjectPath) -> Result<Path> {
        let whole = match self.prefix.as_ref() {
            "" => path.as_str().to_owned(),
            prefix => format!("{prefix}/{}", path.as_str()),
        };
        Path::parse(whole).map_err(|e| bad_place(path.as_str(), e))
    }

    /// Runs a request on the store's own threads; any executor may wait for it.
    fn run<T: Send + 'static>(
        &self,
        operation: &'static str,
        path: &ObjectPath,
        request: impl FnOnce(Arc<dyn ObjectStore>, Path) -> BoxedRequest<T> + Send + 'static,
    ) -> Pending<'static, T> {
        let place = self.locate(path);
        let (bucket, text) = (Arc::clone(&self.bucket), path.to_string());
        let task = self.runtime.spawn(async move {
            let place = place?;
            request(bucket, place).await.map_err(|e| fault(operation, &text, e))
        });
        let path = path.to_string();
        Box::pin(async move {
            task.await.unwrap_or_else(|e| {
                Err(Error::Io { operation, path, source: std::io::Error::other(e.to_string()) })
            })
        })
    }

    fn entry(&self, meta: ObjectMeta) -> Option<Entry> {
        let whole = meta.location.as_ref();
        let below = match self.prefix.as_ref() {
            "" => whole,
            prefix => whole.strip_prefix(prefix)?.strip_prefix('/')?,
        };
        let path = ObjectPath::new(below).ok()?;
        Some(Entry { path, size: meta.size, modified_ms: meta.last_modified.timestamp_millis() })
    }
}

type BoxedRequest<T> = std::pin::Pin<Box<dyn Future<Output = object_store::Result<T>> + Send>>;

impl Store for CloudStore {
    fn get<'a>(&'a self, path: &'a ObjectPath) -> Pending<'a, Bytes> {
        self.run("read", path, |bucket, place| {
            Box::pin(async move { bucket.get(&place).await?.bytes().await })
        })
    }

    fn get_ranges<'a>(&'a self, path: &'a ObjectPath, ranges: &'a [Range<u64>]) -> Pending<'a, Vec<Bytes>> {
        let wanted = ranges.to_vec();
        let answer = self.run("read", path, |bucket, place| {
            Box::pin(async move {
                let size = bucket.head(&place).await?.size;
                if let Some(range) = wanted.iter().find(|range| range.end > size || range.start > range.end) {
                    return Ok(Err((range.clone(), size)));
                }
                let full: Vec<_> = wanted.iter().filter(|range| !range.is_empty()).cloned().collect();
                let mut read = bucket.get_ranges(&place, &full).await?.into_iter();
                let empty = |range: &Range<u64>| range.is_empty().then(Bytes::new);
                Ok(Ok(wanted.iter().filter_map(|range| empty(range).or_else(|| read.next())).collect()))
            })
        });
        Box::pin(async move {
            answer.await?.map_err(|(range, size)| Error::OutOfRange { path: path.to_string(), range, size })
        })
    }

    fn size<'a>(&'a self, path: &'a ObjectPath) -> Pending<'a, Option<u64>> {
        let answer = self.run("look up", path, |bucket, place| {
            Box::pin(async move { bucket.head(&place).await.map(|meta| meta.size) })
        });
        Box::pin(async move {
            match answer.await {
                Ok(size) => Ok(Some(size)),
                Err(Error::Missing { .. }) => Ok(None),
                Err(error) => Err(error),
            }
        })
    }

    fn create<'a>(&'a self, path: &'a ObjectPath, bytes: Bytes) -> Pending<'a, ()> {
        self.run("create", path, move |bucket, place| {
            Box::pin(async move {
                let options = PutMode::Create.into();
                bucket.put_opts(&place, PutPayload::from_bytes(bytes), options).await.map(drop)
            })
        })
    }

    fn writer<'a>(&'a self, path: &'a ObjectPath) -> Pending<'a, Box<dyn ObjectWriter>> {
        let writer: Box<dyn ObjectWriter> = Box::new(CloudWriter::new(self.clone(), path.clone()));
        Box::pin(std::future::ready(self.locate(path).map(|_| writer)))
    }

    fn list<'a>(&'a self, prefix: &'a str) -> Pending<'a, Vec<Entry>> {
        // The protocol lists by text, its client by whole segments: ask for the folder, then filter.
        let folder = prefix.rsplit_once('/').map_or("", |(folder, _)| folder);
        let whole = [self.prefix.as_ref(), folder].map(str::to_owned).join("/");
        let bucket = Arc::clone(&self.bucket);
        let (store, text) = (self.clone(), self.place.clone());
        let task = self.runtime.spawn(async move {
            let whole = Path::parse(whole.trim_matches('/')).map_err(|e| bad_place(&text, e))?;
            let all: Vec<_> =
                bucket.list(Some(&whole)).try_collect().await.map_err(|e| fault("list", &text, e))?;
            let mut entries: Vec<_> = all.into_iter().filter_map(|meta| store.entry(meta)).collect();
            entries.sort_by(|a, b| a.path.cmp(&b.path));
            Ok(entries)
        });
        Box::pin(async move {
            let entries: Result<Vec<Entry>> = task.await.unwrap_or_else(|e| {
                let source = std::io::Error::other(e.to_string());
                Err(Error::Io { operation: "list", path: self.place.clone(), source })
            });
            Ok(entries?.into_iter().filter(|entry| entry.path.as_str().starts_with(prefix)).collect())
        })
    }

    fn delete<'a>(&'a self, path: &'a ObjectPath) -> Pending<'a, ()> {
        self.run("delete", path, |bucket, place| {
            Box::pin(async move {
                match bucket.delete(&place).await {
                    Err(object_store::Error::NotFound { .. }) => Ok(()),
                    answer => answer,
                }
            })
        })
    }
}
