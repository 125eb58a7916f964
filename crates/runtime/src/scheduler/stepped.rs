use std::future::Future;
use std::ops::Range;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use alluvium_env::Random;
use alluvium_store::{Entry, Error, ObjectPath, ObjectWriter, Pending, Store};
use bytes::Bytes;

/// A store whose calls take their time under a [`SeededScheduler`](super::SeededScheduler): each
/// waits once before and once after it is done, so that other steps, and crashes, fall between
/// them. Some may fail, before or after they had their effect.
#[derive(Debug, Clone)]
pub struct SteppedStore {
    store: Arc<dyn Store>,
    random: Arc<dyn Random>,
    /// One call in so many fails; none when 0.
    fails_one_in: u64,
}

impl SteppedStore {
    /// Wraps a store; no call fails.
    pub fn new(store: Arc<dyn Store>, random: Arc<dyn Random>) -> Self {
        SteppedStore { store, random, fails_one_in: 0 }
    }

    /// Lets one call in so many fail.
    pub fn failing_one_in(mut self, calls: u64) -> Self {
        self.fails_one_in = calls;
        self
    }

    async fn step<T>(&self, path: &str, call: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
        PendOnce(false).await;
        if self.fails() {
            return Err(fault("before", path));
        }
        let result = call.await;
        PendOnce(false).await;
        if self.fails() {
            return Err(fault("after", path));
        }
        result
    }

    fn fails(&self) -> bool {
        self.fails_one_in > 0 && self.random.below(2 * self.fails_one_in) == 0
    }
}

fn fault(operation: &'static str, path: &str) -> Error {
    let source = std::io::Error::from(std::io::ErrorKind::TimedOut);
    Error::Io { operation, path: path.to_owned(), source }
}

/// Is pending once.
struct PendOnce(bool);

impl Future for PendOnce {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if std::mem::replace(&mut self.0, true) {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

impl Store for SteppedStore {
    fn get<'a>(&'a self, path: &'a ObjectPath) -> Pending<'a, Bytes> {
        Box::pin(self.step(path.as_str(), self.store.get(path)))
    }

    fn get_ranges<'a>(&'a self, path: &'a ObjectPath, ranges: &'a [Range<u64>]) -> Pending<'a, Vec<Bytes>> {
        Box::pin(self.step(path.as_str(), self.store.get_ranges(path, ranges)))
    }

    fn size<'a>(&'a self, path: &'a ObjectPath) -> Pending<'a, Option<u64>> {
        Box::pin(self.step(path.as_str(), self.store.size(path)))
    }

    fn create<'a>(&'a self, path: &'a ObjectPath, bytes: Bytes) -> Pending<'a, ()> {
        Box::pin(self.step(path.as_str(), self.store.create(path, bytes)))
    }

    fn writer<'a>(&'a self, path: &'a ObjectPath) -> Pending<'a, Box<dyn ObjectWriter>> {
        let open = async move {
            let writer = self.store.writer(path).await?;
            let writer: Box<dyn ObjectWriter> =
                Box::new(SteppedWriter { writer, store: self.clone(), path: path.clone() });
            Ok(writer)
        };
        Box::pin(self.step(path.as_str(), open))
    }

    fn list<'a>(&'a self, prefix: &'a str) -> Pending<'a, Vec<Entry>> {
        Box::pin(self.step(prefix, self.store.list(prefix)))
    }

    fn delete<'a>(&'a self, path: &'a ObjectPath) -> Pending<'a, ()> {
        Box::pin(self.step(path.as_str(), self.store.delete(path)))
    }
}

struct SteppedWriter {
    writer: Box<dyn ObjectWriter>,
    store: SteppedStore,
    path: ObjectPath,
}

impl ObjectWriter for SteppedWriter {
    fn write(&mut self, bytes: Bytes) -> Pending<'_, ()> {
        self.writer.write(bytes)
    }

    fn finish(self: Box<Self>) -> Pending<'static, ()> {
        let SteppedWriter { writer, store, path } = *self;
        Box::pin(async move { store.step(path.as_str(), writer.finish()).await })
    }
}
