use bytes::Bytes;

use super::decoder::too_deep;
use super::known;
use super::{Codec, DEPTH_MAX, Serializer};
use crate::bytes::Input;
use crate::{Error, Result};

/// What a serializer snapshot is wrapped in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// With a proxy version in front (form P): in state descriptions and for the key serializer.
    Proxy,
    /// The class, its version and its own bytes (form V): nested, and in raw keyed timers.
    Versioned,
}

/// What a reader of serializer snapshots must know and the snapshots do not say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Context {
    /// Version of the metadata of the whole snapshot: up to 4 Kryo is Kryo 2, from 5 it is Kryo 5.
    pub metadata_version: u32,
}

impl Default for Context {
    /// The newest version.
    fn default() -> Self {
        Context { metadata_version: 6 }
    }
}

/// A serializer and the bytes that describe it.
#[derive(Debug, Clone)]
pub struct SerializerSnapshot {
    /// The serializer.
    pub serializer: Serializer,
    /// The original bytes in form V, which is enough to write the description again; for releases
    /// before 1.7 the serializer's Java object stream and its configuration as they stand.
    pub origin: Bytes,
}

/// Reads a serializer snapshot and leaves the input behind it.
///
/// # Errors
/// [`Error::Truncated`] and [`Error::Malformed`]; [`Error::Unsupported`] for a snapshot class that is not
/// known, with its offset: nothing behind it can be read.
pub fn read_snapshot(input: &mut Input<'_>, form: Form, context: &Context) -> Result<SerializerSnapshot> {
    let mut reader = Reader { input, context: *context, depth: 0 };
    if form == Form::Proxy {
        reader.proxy()?;
    }
    let start = reader.input.consumed();
    let serializer = reader.versioned()?;
    Ok(SerializerSnapshot { serializer, origin: Bytes::copy_from_slice(reader.input.since(start)) })
}

/// A serializer snapshot being read.
pub(super) struct Reader<'r, 'a> {
    pub(super) input: &'r mut Input<'a>,
    pub(super) context: Context,
    depth: usize,
}

/// An entry of an optional map: its key's name, and the frames of key and value that are there.
pub(super) struct Entry<'a> {
    pub(super) name: String,
    pub(super) key: Option<Input<'a>>,
    pub(super) value: Option<Input<'a>>,
}

const COMPOSITE_MAGIC: i32 = 911_108;
const NESTED_MAGIC: i32 = 1_333_245;
const MAP_MAGIC: i64 = 0x0000_04F2_C69A_3D70;

impl<'a> Reader<'_, 'a> {
    fn proxy(&mut self) -> Result<()> {
        match self.input.i32("serializer snapshot")? {
            2 => Ok(()),
            version => Err(self.input.malformed("serializer snapshot", "proxy version 2", version)),
        }
    }

    /// Reads a snapshot in form V.
    pub(super) fn versioned(&mut self) -> Result<Serializer> {
        if self.depth >= DEPTH_MAX {
            return Err(too_deep(self.input));
        }
        self.depth += 1;
        let offset = self.input.offset();
        let class = self.input.utf("serializer snapshot class")?;
        let version = self.input.i32("serializer snapshot version")?;
        let serializer = known::read(self, &class, version)?;
        self.depth -= 1;
        serializer.ok_or_else(|| Error::Unsupported {
            section: "serializer snapshot",
            offset,
            what: format!("{class} version {version}"),
        })
    }

    /// Reads a snapshot in form V that fills a frame; one that is not known becomes opaque.
    pub(super) fn framed(&mut self, mut frame: Input<'_>) -> Result<Serializer> {
        let mut peek = frame.clone();
        let mut inner = Reader { input: &mut frame, context: self.context, depth: self.depth };
        match inner.versioned() {
            Err(Error::Unsupported { .. }) => {
                let class = serializer_class(&peek.utf("serializer snapshot class")?);
                Ok(Serializer::new(class, Codec::Opaque))
            }
            Ok(_) if !frame.is_empty() => {
                Err(frame.malformed("serializer snapshot", "the end of its frame", frame.left()))
            }
            other => other,
        }
    }

    /// Reads the head of a composite snapshot and returns its outer version.
    pub(super) fn composite(&mut self, version: i32) -> Result<i32> {
        if version < 3 {
            return Ok(version);
        }
        self.magic(COMPOSITE_MAGIC, "composite serializer snapshot")?;
        self.input.i32("composite serializer snapshot")
    }

    fn magic(&mut self, wanted: i32, section: &'static str) -> Result<()> {
        match self.input.i32(section)? {
            magic if magic == wanted => Ok(()),
            other => Err(self.input.malformed(section, "its magic number", other)),
        }
    }

    /// Reads nested serializers.
    pub(super) fn nested(&mut self) -> Result<Vec<Serializer>> {
        self.magic(NESTED_MAGIC, "nested serializers")?;
        match self.input.i32("nested serializers")? {
            1 => {}
            version => return Err(self.input.malformed("nested serializers", "version 1", version)),
        }
        let count = self.input.count(6, "nested serializers")?;
        (0..count).map(|_| self.versioned()).collect()
    }

    /// Reads nested serializers that must be so many.
    pub(super) fn exactly<const N: usize>(&mut self) -> Result<[Serializer; N]> {
        let nested = self.nested()?;
        let found = nested.len();
        nested
            .try_into()
            .map_err(|_| self.input.malformed("nested serializers", "another number of them", found))
    }

    /// Reads the only nested serializer.
    pub(super) fn only(&mut self) -> Result<Serializer> {
        let [nested] = self.exactly()?;
        Ok(nested)
    }

    /// Reads an optional map.
    pub(super) fn optional_map(&mut self) -> Result<Vec<Entry<'a>>> {
        match self.input.i64("optional map")? {
            MAP_MAGIC => {}
            other => return Err(self.input.malformed("optional map", "its magic number", other)),
        }
        let count = self.input.count(4, "optional map")?;
        let mut entries = Vec::with_capacity(count);
        for _ in 0..count {
            let name = self.input.utf("optional map key")?;
            entries.push(Entry { name, key: self.frame()?, value: self.frame()? });
        }
        Ok(entries)
    }

    fn frame(&mut self) -> Result<Option<Input<'a>>> {
        if !self.input.bool("optional map frame")? {
            return Ok(None);
        }
        let base = self.input.offset().saturating_add(4);
        let bytes = self.input.bytes32("optional map frame")?;
        Ok(Some(Input::at(bytes, base)))
    }

    /// Reads an optional map whose values are serializer snapshots.
    pub(super) fn named_serializers(&mut self) -> Result<Vec<(String, Serializer)>> {
        let mut named = Vec::new();
        for entry in self.optional_map()? {
            let serializer = match entry.value {
                Some(frame) => self.framed(frame)?,
                None => Serializer::new("a serializer that the snapshot lacks", Codec::Opaque),
            };
            named.push((entry.name, serializer));
        }
        Ok(named)
    }
}

/// Returns the serializer's class of a snapshot's class.
pub(super) fn serializer_class(snapshot: &str) -> String {
    let stem = snapshot.strip_suffix("Snapshot").unwrap_or(snapshot);
    match stem.rsplit_once('$') {
        Some((outer, _)) if outer.ends_with("Serializer") => outer.to_owned(),
        _ => stem.to_owned(),
    }
}
