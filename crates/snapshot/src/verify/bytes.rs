use std::ops::Range;

use alluvium_format::{Blocks, ObjectRef, digest};

use super::{Check, Whose};
use crate::objects::object_path;
use crate::{Error, Result};

const BLOCK: u64 = digest::BLOCK as u64;
/// Bytes read at once.
const PIECE: u64 = 64 * BLOCK;

impl Check<'_> {
    /// Reads an object block by block and reports those that are not what was written.
    ///
    /// Spec: DIGEST-1 to DIGEST-5.
    pub(super) async fn object(&mut self, object: &ObjectRef) -> Result<()> {
        let (section, whose) = self.section(object, &(0..object.size));
        let store = self.snapshot.objects().root(object.root)?.clone();
        let path = object_path(&object.name)?;
        let size = store.size(&path).await.map_err(|e| Error::store(&path, e))?;
        self.verified.objects += 1;
        if size != Some(object.size) {
            let found = size.map_or_else(|| "nothing".to_owned(), |size| format!("{size} bytes"));
            let message = format!("wanted {} bytes, found {found} ({section})", object.size);
            let rule = if size.is_none() { "PUB-1" } else { "DIGEST-5" };
            self.found(rule, object.name.clone(), &whose, message);
            self.mark(object, 0..object.size.max(1));
            return Ok(());
        }
        self.verified.bytes += object.size;
        let list = match self.snapshot.objects().block_list(object, &section).await {
            Ok(list) => list,
            Err(error) => {
                self.mark(object, 0..object.size.max(1));
                let place = match &object.blocks {
                    Blocks::Listed { object_name, offset, length, .. } => {
                        format!("{object_name}, bytes {offset}..{}", offset.saturating_add(*length))
                    }
                    _ => block_place(object, 0..object.block_count()),
                };
                return self.found_error(error, place, &whose);
            }
        };
        if matches!(object.blocks, Blocks::Computed) {
            return Ok(());
        }
        let mut at = 0;
        while at < object.size && !self.stopped {
            let end = (at + PIECE).min(object.size);
            let bytes = store.get_ranges(&path, std::slice::from_ref(&(at..end))).await;
            let bytes = bytes.map_err(|e| Error::store(&path, e))?.pop().unwrap_or_default();
            self.blocks(object, &list, at / BLOCK, &bytes);
            at = end;
        }
        Ok(())
    }

    /// Reports the damaged blocks of a piece that begins at block `first`, neighbours as one.
    fn blocks(&mut self, object: &ObjectRef, list: &[u64], first: u64, bytes: &[u8]) {
        let found = digest::block_digests(bytes);
        let bad = |at: &u64| list.get((first + at) as usize) != found.get(*at as usize);
        let count = found.len() as u64;
        let mut at = 0;
        while at < count {
            let Some(start) = (at..count).find(bad) else { break };
            let end = (start..count).find(|at| !bad(at)).unwrap_or(count);
            let range = first + start..first + end;
            let span = range.start * BLOCK..(range.end * BLOCK).min(object.size);
            let (section, whose) = self.section(object, &span);
            let digest_of = |d: Option<&u64>| d.map_or_else(|| "none".to_owned(), |d| format!("{d:016x}"));
            let message = format!(
                "digest {}, wanted {} ({section})",
                digest_of(found.get(start as usize)),
                digest_of(list.get(range.start as usize))
            );
            self.found("DIGEST-5", block_place(object, range), &whose, message);
            self.mark(object, span);
            at = end;
        }
    }

    pub(super) fn mark(&mut self, object: &ObjectRef, bytes: Range<u64>) {
        self.damaged.entry((object.root, object.name.clone())).or_default().push(bytes);
    }
}

fn block_place(object: &ObjectRef, blocks: Range<u64>) -> String {
    let end = (blocks.end * BLOCK).min(object.size);
    format!(
        "{}, blocks {}..{} (bytes {}..{end})",
        object.name,
        blocks.start,
        blocks.end,
        blocks.start * BLOCK
    )
}

impl Whose {
    pub(super) fn place(&self) -> String {
        format!(
            "operator {}, state {}",
            self.operator.as_deref().unwrap_or_default(),
            self.state.as_deref().unwrap_or_default()
        )
    }
}
