//! An open table: its footer, metaindex, properties and deleted ranges.

use std::sync::Arc;

use bytes::Bytes;

use super::super::checksum::{Checksum, context};
use super::super::coding::Cursor;
use super::super::key::SEQUENCE_MAX;
use super::super::manifest::TableFile;
use super::block::{Block, Entries, Framing};
use super::codec::{Codec, Means};
use super::footer::{FOOTER, Footer, Handle, TRAILER};
use super::properties::{Properties, without_global_sequence};
use super::source::Source;
use super::tombstone::Tombstone;
use super::{BLOCK_LIMIT, IndexCursor};
use crate::{Error, ReadAt, Result};

const SECTION: &str = "table";

/// What is read at once from the end of a table, to have all of its small blocks.
const TAIL: u64 = 16 * 1024;

/// The blocks of the metaindex that matter to a reader.
const PROPERTIES: &[u8] = b"rocksdb.properties";
const RANGE_DELETIONS: &[u8] = b"rocksdb.range_del";
const DICTIONARY: &[u8] = b"rocksdb.compression_dict";
const INDEX: &[u8] = b"rocksdb.index";

/// A table whose footer, metaindex, properties and deleted ranges have been read and verified.
#[derive(Debug)]
pub(crate) struct Table {
    file: Arc<dyn ReadAt>,
    description: TableFile,
    footer: Footer,
    index: Handle,
    properties: Properties,
    tombstones: Vec<Tombstone>,
    dictionary: Option<Bytes>,
    /// The sequence number of all entries of an ingested table.
    global_sequence: Option<u64>,
    /// Where the properties are, and what else the metaindex names.
    properties_at: Handle,
    meta: Vec<Handle>,
    deleted_ranges: u64,
}

/// The handles that a metaindex names.
#[derive(Debug, Default)]
struct Metaindex {
    properties: Option<Handle>,
    range_deletions: Option<Handle>,
    dictionary: Option<Handle>,
    index: Option<Handle>,
    all: Vec<Handle>,
}

impl Table {
    /// Opens a table. Reads its last 16 KiB and whatever of the small blocks lies before.
    ///
    /// # Errors
    /// [`Error::Malformed`] when the length differs from the one that the `MANIFEST` has, and for
    /// wrong checksums; [`Error::Unsupported`].
    pub(crate) fn open(file: Arc<dyn ReadAt>, description: TableFile) -> Result<Self> {
        if file.len() != description.size {
            return Err(Error::Malformed {
                section: SECTION,
                offset: 0,
                wanted: "as many bytes as the MANIFEST has",
                found: format!("{} for {}", file.len(), description.size),
            });
        }
        let mut source = Source::tail(Arc::clone(&file), TAIL)?;
        let window = source.window();
        let tail = window.get(window.len().saturating_sub(FOOTER as usize)..).unwrap_or_default();
        let footer = Footer::decode(tail, file.len())?;
        let mut table = Table {
            file,
            description,
            footer,
            index: Handle::default(),
            properties: Properties::default(),
            tombstones: Vec::new(),
            dictionary: None,
            global_sequence: None,
            properties_at: Handle::default(),
            meta: Vec::new(),
            deleted_ranges: 0,
        };
        table.read_meta(&mut source)?;
        Ok(table)
    }

    fn read_meta(&mut self, source: &mut Source) -> Result<()> {
        let mut codec = Codec::default();
        let metaindex = self.metaindex(source, &mut codec)?;
        let Some(properties) = metaindex.properties else {
            return Err(self.malformed(self.footer.metaindex, "properties", "none"));
        };
        self.properties_at = properties;
        self.properties = self.read_properties(source, &mut codec, properties)?;
        self.global_sequence = self.find_global_sequence(properties)?;
        self.index = match self.footer.index.or(metaindex.index) {
            Some(handle) => handle,
            None => return Err(self.malformed(self.footer.metaindex, "an index", "none")),
        };
        if let Some(handle) = metaindex.range_deletions {
            let block = self.block(source, &mut codec, handle)?;
            let (count, ranges) =
                Tombstone::decode(block, handle.offset, &self.description, self.global_sequence)?;
            self.deleted_ranges = count;
            self.tombstones = ranges;
        }
        if let Some(handle) = metaindex.dictionary {
            self.dictionary = Some(self.bytes(source, &mut codec, handle)?);
        }
        self.meta = metaindex.all;
        Ok(())
    }

    fn metaindex(&self, source: &mut Source, codec: &mut Codec) -> Result<Metaindex> {
        let block = self.block(source, codec, self.footer.metaindex)?;
        let mut metaindex = Metaindex::default();
        let mut entries = Entries::new(block, Framing::Sized);
        while entries.advance()? {
            let mut cursor = Cursor::new(entries.value(), entries.value_offset(), "metaindex");
            let handle = Handle::read(&mut cursor)?;
            match entries.key() {
                PROPERTIES => metaindex.properties = Some(handle),
                RANGE_DELETIONS => metaindex.range_deletions = Some(handle),
                DICTIONARY => metaindex.dictionary = Some(handle),
                INDEX => metaindex.index = Some(handle),
                _ => {}
            }
            metaindex.all.push(handle);
        }
        Ok(metaindex)
    }

    /// Reads the properties, with the checksum of the block as it was before a sequence number was
    /// written into it.
    fn read_properties(&self, source: &mut Source, codec: &mut Codec, handle: Handle) -> Result<Properties> {
        let raw = self.raw(source, handle)?;
        let (bytes, stored) = split_trailer(&raw);
        if !self.is_intact(&bytes, stored, handle) {
            let restored = without_global_sequence(&bytes, handle.offset).ok().flatten();
            if !restored.is_some_and(|restored| self.is_intact(&restored, stored, handle)) {
                return Err(self.malformed(handle, "a block that matches its checksum", "another"));
            }
        }
        let block = Block::new(self.decompress(codec, bytes, handle)?, handle.offset)?;
        Properties::decode(block, handle.offset)
    }

    /// Returns the sequence number that an ingested table was given: the one in its properties, or,
    /// where that is zero, the one in the `MANIFEST`.
    fn find_global_sequence(&self, at: Handle) -> Result<Option<u64>> {
        let wrong =
            |found: String| Err(self.malformed(at, "the sequence number of an ingested table", found));
        let stored = self.properties.global_sequence;
        match self.properties.external_version {
            None | Some(1) => match stored {
                None => Ok(None),
                Some(stored) => wrong(stored.to_string()),
            },
            Some(0) => wrong("a table of version 0".to_owned()),
            Some(_) => {
                let expected = self.description.largest_sequence;
                match stored.unwrap_or_default() {
                    0 if expected <= SEQUENCE_MAX => Ok(Some(expected)),
                    stored if stored == expected && stored <= SEQUENCE_MAX => Ok(Some(stored)),
                    stored => wrong(format!("{stored} for {expected}")),
                }
            }
        }
    }

    /// Returns the file.
    pub(crate) fn file(&self) -> &Arc<dyn ReadAt> {
        &self.file
    }

    pub(crate) fn description(&self) -> &TableFile {
        &self.description
    }

    pub(crate) fn properties(&self) -> &Properties {
        &self.properties
    }

    pub(crate) fn tombstones(&self) -> &[Tombstone] {
        &self.tombstones
    }

    pub(crate) fn global_sequence(&self) -> Option<u64> {
        self.global_sequence
    }

    /// Returns where the upper block of the index is.
    pub(crate) fn index(&self) -> Handle {
        self.index
    }

    /// Returns where the blocks are that the metaindex names.
    pub(crate) fn meta(&self) -> &[Handle] {
        &self.meta
    }

    /// Returns whether a block is the one of the properties.
    pub(crate) fn is_properties(&self, handle: Handle) -> bool {
        self.properties_at == handle
    }

    /// Returns how many deleted ranges the table has, those outside of its bounds included.
    pub(crate) fn deleted_ranges(&self) -> u64 {
        self.deleted_ranges
    }

    /// Stands before the first entry of a data block.
    pub(crate) fn entries(&self, block: Block) -> Entries {
        Entries::new(block, Framing::Sized)
    }

    /// Stands before the first entry of the index whose upper block is `top`.
    pub(crate) fn index_cursor(&self, top: Block) -> IndexCursor {
        IndexCursor::new(top, &self.properties)
    }

    /// Reads and verifies a block of entries.
    pub(crate) fn block(&self, source: &mut Source, codec: &mut Codec, handle: Handle) -> Result<Block> {
        Block::new(self.bytes(source, codec, handle)?, handle.offset)
    }

    /// Reads, verifies and decompresses a block of any kind.
    fn bytes(&self, source: &mut Source, codec: &mut Codec, handle: Handle) -> Result<Bytes> {
        let raw = self.raw(source, handle)?;
        let (bytes, stored) = split_trailer(&raw);
        if !self.is_intact(&bytes, stored, handle) {
            return Err(self.malformed(handle, "a block that matches its checksum", "another"));
        }
        self.decompress(codec, bytes, handle)
    }

    /// Reads and verifies a block without looking into it, and returns its length.
    pub(crate) fn check(&self, source: &mut Source, handle: Handle) -> Result<u64> {
        let raw = self.raw(source, handle)?;
        let (bytes, stored) = split_trailer(&raw);
        match self.is_intact(&bytes, stored, handle) {
            true => Ok(raw.len() as u64),
            false => Err(self.malformed(handle, "a block that matches its checksum", "another")),
        }
    }

    fn raw(&self, source: &mut Source, handle: Handle) -> Result<Bytes> {
        let Handle { offset, size } = handle;
        let end = offset.checked_add(size).and_then(|end| end.checked_add(TRAILER));
        if end.is_none_or(|end| end > self.file.len()) {
            return Err(self.malformed(handle, "a block within the file", format!("{size} bytes")));
        }
        if size > BLOCK_LIMIT {
            return Err(Error::TooLarge { section: "block", offset, size, limit: BLOCK_LIMIT });
        }
        source.read(offset, usize::try_from(size + TRAILER).unwrap_or(usize::MAX))
    }

    /// Checks bytes that end in the byte that names the compression.
    fn is_intact(&self, bytes: &[u8], stored: u32, handle: Handle) -> bool {
        let checksum = self.footer.checksum;
        let computed = checksum.of(bytes).wrapping_add(context(self.footer.context, handle.offset));
        checksum == Checksum::None || computed == stored
    }

    fn decompress(&self, codec: &mut Codec, bytes: Bytes, handle: Handle) -> Result<Bytes> {
        let kind = bytes.last().copied().unwrap_or_default();
        let means = Means { version: self.footer.version, dictionary: self.dictionary.as_deref() };
        codec.decompress(kind, bytes.slice(..bytes.len().saturating_sub(1)), handle.offset, means)
    }

    fn malformed(&self, at: Handle, wanted: &'static str, found: impl ToString) -> Error {
        Error::Malformed { section: SECTION, offset: at.offset, wanted, found: found.to_string() }
    }
}

/// Splits the checksum off; what is left ends in the byte that names the compression.
fn split_trailer(raw: &Bytes) -> (Bytes, u32) {
    match raw.split_last_chunk::<4>() {
        Some((rest, checksum)) => (raw.slice(..rest.len()), u32::from_le_bytes(*checksum)),
        None => (Bytes::new(), 0),
    }
}
