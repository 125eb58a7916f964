mod opened;
mod recent;

use std::collections::HashMap;
use std::fmt;
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use alluvium_format::{Blocks, ObjectRef, Place, digest};
use alluvium_store::{ObjectPath, Store};
use bytes::{Bytes, BytesMut};

use crate::{Error, Result};
use opened::Opened;
use recent::Recent;

/// Reads objects of one or more roots; no byte leaves that was not checked.
///
/// Objects up to 1 MiB are read whole and checked whole. Of larger ones the list of block digests
/// is read first and checked by the digest in the reference; then every block of 64 KiB that a
/// range touches is read and checked. Clones share what they have read.
///
/// Memory: whole small objects and lists that were read last, at most 16 MiB, 4 MiB of blocks, and the metadata
/// of 16 runs in which keys were looked up.
///
/// Spec: DIGEST-1 to DIGEST-5.
#[derive(Clone)]
pub struct ObjectReader {
    roots: Arc<[Arc<dyn Store>]>,
    cache: Arc<Mutex<Cache>>,
    recent: Arc<Mutex<Recent>>,
    opened: Arc<Mutex<Opened>>,
}

/// What is known of an object before its ranges are read.
#[derive(Debug, Clone)]
enum Known {
    Whole(Bytes),
    List(Arc<[u64]>),
}

#[derive(Default)]
struct Cache {
    known: HashMap<(u32, String, u128), (Known, u64)>,
    bytes: usize,
    clock: u64,
}

impl fmt::Debug for ObjectReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ObjectReader").field("roots", &self.roots).finish_non_exhaustive()
    }
}

impl ObjectReader {
    /// Reads objects of one root.
    pub fn new(root: Arc<dyn Store>) -> Self {
        ObjectReader::of_roots(vec![root])
    }

    /// Reads objects of the roots of a manifest, in the order of its table of roots.
    pub fn of_roots(roots: Vec<Arc<dyn Store>>) -> Self {
        let (cache, recent, opened) = Default::default();
        ObjectReader { roots: roots.into(), cache, recent, opened }
    }

    /// Returns a reader of one more root, and the number of that.
    pub(crate) fn with_root(&self, root: Arc<dyn Store>) -> (Self, u32) {
        let roots = self.roots.iter().cloned().chain([root]).collect();
        let number = u32::try_from(self.roots.len()).unwrap_or(u32::MAX);
        (ObjectReader { roots, ..self.clone() }, number)
    }

    /// Returns the runs that were opened for look-ups.
    pub(crate) fn opened(&self) -> MutexGuard<'_, Opened> {
        self.opened.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the store of a root.
    ///
    /// # Errors
    /// [`Error::Broken`] when there is no such root.
    pub fn root(&self, root: u32) -> Result<&Arc<dyn Store>> {
        self.roots.get(root as usize).ok_or_else(|| Error::Broken {
            place: format!("root {root}"),
            found: format!("{} roots", self.roots.len()),
            rule: "ROOT-1",
        })
    }

    /// Reads ranges of an object, one answer per range. `section` says in errors what lies there.
    ///
    /// # Errors
    /// [`Error::Damaged`] with the first block that is not what was written;
    /// [`Error::MissingObject`]; faults of the store.
    pub async fn read(&self, object: &ObjectRef, ranges: &[Range<u64>], section: &str) -> Result<Vec<Bytes>> {
        if let Some(range) = ranges.iter().find(|r| r.start > r.end || r.end > object.size) {
            return Err(Error::Broken {
                place: object.name.clone(),
                found: format!("bytes {}..{} of {} ({section})", range.start, range.end, object.size),
                rule: "MAN-6",
            });
        }
        match self.know(object, section).await? {
            Known::Whole(bytes) => {
                Ok(ranges.iter().map(|r| bytes.slice(r.start as usize..r.end as usize)).collect())
            }
            Known::List(list) => self.read_blocks(object, &list, ranges, section).await,
        }
    }

    /// Reads a whole object.
    ///
    /// # Errors
    /// As for [`ObjectReader::read`].
    pub async fn read_whole(&self, object: &ObjectRef, section: &str) -> Result<Bytes> {
        let all = self.read(object, std::slice::from_ref(&(0..object.size)), section).await?;
        Ok(all.into_iter().next().unwrap_or_default())
    }

    /// Reads ranges of a run.
    ///
    /// # Errors
    /// As for [`ObjectReader::read`].
    pub async fn read_run(&self, place: &Place, ranges: &[Range<u64>], section: &str) -> Result<Vec<Bytes>> {
        let outside = |range: &Range<u64>, length: u64| Error::Broken {
            place: section.to_owned(),
            found: format!("bytes {}..{} of a run of {length}", range.start, range.end),
            rule: "MAN-6",
        };
        let length = place.length();
        if let Some(range) = ranges.iter().find(|r| r.start > r.end || r.end > length) {
            return Err(outside(range, length));
        }
        match place {
            Place::Inline(bytes) => {
                Ok(ranges.iter().map(|r| bytes.slice(r.start as usize..r.end as usize)).collect())
            }
            Place::Object { object, offset, .. } => {
                let shifted: Vec<_> = ranges.iter().map(|r| r.start + offset..r.end + offset).collect();
                self.read(object, &shifted, section).await
            }
        }
    }

    /// Returns the block digests of an object, checked by its digest.
    ///
    /// # Errors
    /// [`Error::Damaged`] with the list as its section; as for [`ObjectReader::read`].
    pub async fn block_list(&self, object: &ObjectRef, section: &str) -> Result<Arc<[u64]>> {
        match self.know(object, section).await? {
            Known::Whole(bytes) => Ok(digest::block_digests(&bytes).into()),
            Known::List(list) => Ok(list),
        }
    }

    async fn know(&self, object: &ObjectRef, section: &str) -> Result<Known> {
        if let Blocks::Held(list) = &object.blocks {
            return Ok(Known::List(Arc::clone(list)));
        }
        let key = (object.root, object.name.clone(), object.digest);
        if let Some(known) = self.cached(&key) {
            return Ok(known);
        }
        let known = match &object.blocks {
            Blocks::Listed { object_name, root, offset, length } => {
                let at = (object_name.as_str(), *root, *offset, *length);
                Known::List(self.fetch_list(object, at, section).await?)
            }
            _ => Known::Whole(self.fetch_whole(object, section).await?),
        };
        self.remember(key, known.clone());
        Ok(known)
    }

    async fn fetch_whole(&self, object: &ObjectRef, section: &str) -> Result<Bytes> {
        if object.size > ObjectRef::WHOLE_BYTES_MAX {
            let found = format!("{} bytes without a list of block digests", object.size);
            return Err(Error::Broken { place: object.name.clone(), found, rule: "DIGEST-3" });
        }
        let path = object_path(&object.name)?;
        let store = self.root(object.root)?;
        let size = store.size(&path).await.map_err(|e| lost(object, section, e))?;
        check_size(object, size, section)?;
        let bytes = store.get(&path).await.map_err(|e| lost(object, section, e))?;
        check_size(object, Some(bytes.len() as u64), section)?;
        check_list(object, &digest::block_digests(&bytes), section)?;
        Ok(bytes)
    }

    async fn fetch_list(
        &self,
        object: &ObjectRef,
        (name, root, offset, length): (&str, u32, u64, u64),
        section: &str,
    ) -> Result<Arc<[u64]>> {
        let section = format!("list of block digests of {}, {section}", object.name);
        if length != object.block_count() * 8 {
            let found = format!("{length} bytes of block digests for {} blocks", object.block_count());
            return Err(Error::Broken { place: object.name.clone(), found, rule: "DIGEST-3" });
        }
        let path = object_path(name)?;
        let range = offset..offset.saturating_add(length);
        let lists = ObjectRef { name: name.to_owned(), root, ..object.clone() };
        let found = self.root(root)?.get_ranges(&path, std::slice::from_ref(&range)).await;
        let bytes = found.map_err(|e| lost(&lists, &section, e))?.pop().unwrap_or_default();
        let list = digest::list_from_bytes(&bytes).unwrap_or_default();
        let found = digest::object_digest(&list);
        if found != object.digest || list.len() as u64 != object.block_count() {
            return Err(Error::Damaged {
                object: name.to_owned(),
                first_block: offset / BLOCK,
                end_block: offset.saturating_add(length).div_ceil(BLOCK),
                section,
                wanted: format!("{:032x}", object.digest).into(),
                found: format!("{found:032x}").into(),
                rule: "DIGEST-3",
            });
        }
        Ok(list.into())
    }

    async fn read_blocks(
        &self,
        object: &ObjectRef,
        list: &[u64],
        ranges: &[Range<u64>],
        section: &str,
    ) -> Result<Vec<Bytes>> {
        let path = object_path(&object.name)?;
        let mut spans: Vec<Span> = block_spans(ranges, object.size)
            .into_iter()
            .map(|range| self.begin_span(object, range))
            .collect();
        let missing: Vec<_> =
            spans.iter().map(|span| span.start..span.end).filter(|r| !r.is_empty()).collect();
        if !missing.is_empty() {
            let found = self.root(object.root)?.get_ranges(&path, &missing).await;
            let mut found = found.map_err(|e| lost(object, section, e))?.into_iter();
            for span in spans.iter_mut().filter(|span| span.start < span.end) {
                span.body = found.next().unwrap_or_default();
                check_blocks(object, list, span.start / BLOCK, &span.body, section)?;
                self.end_span(object, span);
            }
        }
        ranges.iter().map(|range| cut(range, &spans, object)).collect()
    }

    /// Takes the first block of a span from those read lately.
    fn begin_span(&self, object: &ObjectRef, range: Range<u64>) -> Span {
        let recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        match recent.get(object.digest, range.start / BLOCK) {
            Some(head) => {
                let start = range.start + head.len() as u64;
                Span { start: start.min(range.end), end: range.end, head, body: Bytes::new() }
            }
            None => Span { start: range.start, end: range.end, head: Bytes::new(), body: Bytes::new() },
        }
    }

    /// Keeps the last block of a span for the next read.
    fn end_span(&self, object: &ObjectRef, span: &Span) {
        let at = (span.end - 1) / BLOCK * BLOCK;
        let Some(last) = at.checked_sub(span.start).and_then(|at| span.body.get(at as usize..)) else {
            return;
        };
        let mut recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        recent.keep(object.digest, at / BLOCK, Bytes::copy_from_slice(last));
    }

    fn cached(&self, key: &(u32, String, u128)) -> Option<Known> {
        let mut cache = self.cache.lock().unwrap_or_else(PoisonError::into_inner);
        cache.clock += 1;
        let now = cache.clock;
        let (known, used) = cache.known.get_mut(key)?;
        *used = now;
        Some(known.clone())
    }

    fn remember(&self, key: (u32, String, u128), known: Known) {
        let mut cache = self.cache.lock().unwrap_or_else(PoisonError::into_inner);
        cache.clock += 1;
        let now = cache.clock;
        cache.bytes += known.bytes();
        cache.known.insert(key, (known, now));
        while cache.bytes > CACHE_BYTES_MAX && cache.known.len() > 1 {
            let oldest = cache.known.iter().min_by_key(|(_, (_, used))| *used).map(|(key, _)| key.clone());
            let Some((dropped, _)) = oldest.and_then(|key| cache.known.remove(&key)) else { break };
            cache.bytes = cache.bytes.saturating_sub(dropped.bytes());
        }
    }
}

impl Known {
    fn bytes(&self) -> usize {
        match self {
            Known::Whole(bytes) => bytes.len(),
            Known::List(list) => list.len() * 8,
        }
    }
}

const BLOCK: u64 = digest::BLOCK as u64;
const CACHE_BYTES_MAX: usize = 16 << 20;

pub(crate) fn object_path(name: &str) -> Result<ObjectPath> {
    ObjectPath::new(name).map_err(|e| Error::store(name, e))
}

fn lost(object: &ObjectRef, section: &str, error: alluvium_store::Error) -> Error {
    use alluvium_store::Error as E;
    match error {
        E::Missing { .. } => {
            Error::MissingObject { object: object.name.clone(), section: section.to_owned() }
        }
        E::OutOfRange { size, range, .. } => Error::Damaged {
            object: object.name.clone(),
            first_block: size / BLOCK,
            end_block: range.end.div_ceil(BLOCK),
            section: section.to_owned(),
            wanted: format!("{} bytes", range.end).into(),
            found: format!("{size} bytes").into(),
            rule: "DIGEST-1",
        },
        other => Error::store(format!("reading {} ({section})", object.name), other),
    }
}

fn check_size(object: &ObjectRef, size: Option<u64>, section: &str) -> Result<()> {
    match size {
        None => Err(Error::MissingObject { object: object.name.clone(), section: section.to_owned() }),
        Some(size) if size == object.size => Ok(()),
        Some(size) => Err(Error::Damaged {
            object: object.name.clone(),
            first_block: size.min(object.size) / BLOCK,
            end_block: object.block_count().max(1),
            section: section.to_owned(),
            wanted: format!("{} bytes", object.size).into(),
            found: format!("{size} bytes").into(),
            rule: "DIGEST-1",
        }),
    }
}

fn check_list(object: &ObjectRef, list: &[u64], section: &str) -> Result<()> {
    let found = digest::object_digest(list);
    if found == object.digest && list.len() as u64 == object.block_count() {
        return Ok(());
    }
    Err(Error::Damaged {
        object: object.name.clone(),
        first_block: 0,
        end_block: object.block_count(),
        section: section.to_owned(),
        wanted: format!("{:032x}", object.digest).into(),
        found: format!("{found:032x}").into(),
        rule: "DIGEST-2",
    })
}

/// Checks the blocks of a span that starts at block `first`.
pub(crate) fn check_blocks(
    object: &ObjectRef,
    list: &[u64],
    first: u64,
    bytes: &[u8],
    section: &str,
) -> Result<()> {
    for (at, found) in (first..).zip(digest::block_digests(bytes)) {
        let wanted = list.get(at as usize).copied();
        if wanted != Some(found) {
            return Err(Error::Damaged {
                object: object.name.clone(),
                first_block: at,
                end_block: at + 1,
                section: section.to_owned(),
                wanted: wanted.map_or_else(|| "none".to_owned(), |d| format!("{d:016x}")).into(),
                found: format!("{found:016x}").into(),
                rule: "DIGEST-5",
            });
        }
    }
    Ok(())
}

/// Returns the spans of whole blocks that hold all ranges, ascending, apart from one another.
fn block_spans(ranges: &[Range<u64>], size: u64) -> Vec<Range<u64>> {
    let whole = |r: &Range<u64>| r.start / BLOCK * BLOCK..(r.end.div_ceil(BLOCK) * BLOCK).min(size);
    let mut sorted: Vec<_> = ranges.iter().filter(|r| !r.is_empty()).map(whole).collect();
    sorted.sort_by_key(|span| span.start);
    let mut spans: Vec<Range<u64>> = Vec::new();
    for span in sorted {
        match spans.last_mut() {
            Some(last) if span.start <= last.end => last.end = last.end.max(span.end),
            _ => spans.push(span),
        }
    }
    spans
}

/// Returns the bytes of a range, which lies in one span.
fn cut(range: &Range<u64>, spans: &[Span], object: &ObjectRef) -> Result<Bytes> {
    if range.is_empty() {
        return Ok(Bytes::new());
    }
    let span = spans.iter().find(|span| span.first() <= range.start && range.end <= span.end);
    let found = span.and_then(|span| span.cut(range));
    found.ok_or_else(|| Error::Broken {
        place: object.name.clone(),
        found: "a store that answered with fewer bytes than asked for".into(),
        rule: "STORE-5",
    })
}

/// Neighbouring blocks, checked: perhaps a first one that was read before, then the rest.
struct Span {
    /// Where the rest begins in the object.
    start: u64,
    /// Where it ends.
    end: u64,
    head: Bytes,
    body: Bytes,
}

impl Span {
    fn first(&self) -> u64 {
        self.start - self.head.len() as u64
    }

    fn cut(&self, range: &Range<u64>) -> Option<Bytes> {
        let length = (range.end - range.start) as usize;
        let from = (range.start - self.first()) as usize;
        let Some(in_body) = from.checked_sub(self.head.len()) else {
            let in_head = self.head.get(from..(from + length).min(self.head.len()))?;
            let rest = self.body.get(..length - in_head.len())?;
            let mut joined = BytesMut::with_capacity(length);
            joined.extend_from_slice(in_head);
            joined.extend_from_slice(rest);
            return Some(joined.freeze());
        };
        let found = self.body.get(in_body..in_body.checked_add(length)?)?;
        // A small part of a large span must not keep all of it alive.
        let small = self.body.len() > 4 * length;
        Some(if small { Bytes::copy_from_slice(found) } else { self.body.slice(in_body..in_body + length) })
    }
}
