use alluvium_format::ObjectRef;
use alluvium_format::digest::BlockDigester;
use alluvium_store::{ObjectPath, ObjectWriter, Store};
use bytes::Bytes;

use crate::{Error, Result};

/// An object being written, with the digests of its blocks.
pub(crate) struct ObjectSink {
    path: ObjectPath,
    writer: Box<dyn ObjectWriter>,
    digester: BlockDigester,
    size: u64,
}

impl ObjectSink {
    pub(crate) async fn start(store: &dyn Store, name: String) -> Result<Self> {
        let path = crate::objects::object_path(&name)?;
        let writer = store.writer(&path).await.map_err(|e| Error::store(&path, e))?;
        Ok(ObjectSink { path, writer, digester: BlockDigester::default(), size: 0 })
    }

    pub(crate) fn size(&self) -> u64 {
        self.size
    }

    pub(crate) async fn append(&mut self, bytes: Bytes) -> Result<()> {
        self.size += bytes.len() as u64;
        self.digester.update(&bytes);
        self.writer.write(bytes).await.map_err(|e| Error::store(&self.path, e))
    }

    pub(crate) async fn finish(self) -> Result<ObjectRef> {
        self.writer.finish().await.map_err(|e| Error::store(&self.path, e))?;
        let (size, blocks) = self.digester.finish();
        Ok(ObjectRef::written(self.path.as_str(), size, blocks))
    }
}
