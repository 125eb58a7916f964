use alluvium_store::{ObjectPath, ObjectWriter, Pending, Result, Store};
use bytes::{Bytes, BytesMut};

use crate::CloudStore;

/// An object that is held in memory until it is finished.
pub(crate) struct CloudWriter {
    store: CloudStore,
    path: ObjectPath,
    bytes: BytesMut,
}

impl CloudWriter {
    pub(crate) fn new(store: CloudStore, path: ObjectPath) -> Self {
        CloudWriter { store, path, bytes: BytesMut::new() }
    }

    async fn publish(self) -> Result<()> {
        self.store.create(&self.path, self.bytes.freeze()).await
    }
}

impl ObjectWriter for CloudWriter {
    fn write(&mut self, bytes: Bytes) -> Pending<'_, ()> {
        self.bytes.extend_from_slice(&bytes);
        Box::pin(std::future::ready(Ok(())))
    }

    fn finish(self: Box<Self>) -> Pending<'static, ()> {
        Box::pin(self.publish())
    }
}
