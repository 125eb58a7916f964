use bytes::Bytes;

use super::decoder::too_deep;
use super::describe::Notes;
use super::{Codec, DEPTH_MAX, Serializer, known, legacy};
use crate::bytes::Input;
use crate::{Error, Result};

/// What a serializer snapshot is wrapped in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// With a proxy version in front (form P): in state descriptions and for the key serializer.
    Proxy,
    /// The class, its version and its own bytes (form V): nested, and in raw keyed timers.
    Versioned,
    /// A version, a length and a Java object (form J): keyed state of Flink 1.2.
    FramedObject,
    /// A Java object alone: operator state of Flink 1.2, raw keyed timers of 1.2 and 1.3.
    Object,
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
    /// before 1.7 the serializer's Java object and its configuration as they stand.
    pub origin: Bytes,
}

/// Reads a serializer snapshot and leaves the input behind it.
///
/// # Errors
/// [`Error::Truncated`] and [`Error::Malformed`]; [`Error::Unsupported`] for a snapshot class that is not
/// known, with its offset: nothing behind it can be read.
pub fn read_snapshot(input: &mut Input<'_>, form: Form, context: &Context) -> Result<SerializerSnapshot> {
    let mut reader = Reader::new(input, context);
    if form == Form::Proxy {
        reader.proxy()?;
    }
    let start = reader.input.consumed();
    let serializer = match form {
        Form::Proxy | Form::Versioned => reader.versioned()?,
        Form::FramedObject => {
            let mut stream = legacy::framed_stream(reader.input)?;
            legacy::from_input(&mut reader, &mut stream)?
        }
        Form::Object => {
            let mut stream = reader.input.clone();
            let serializer = legacy::from_input(&mut reader, &mut stream)?;
            *reader.input = stream;
            serializer
        }
    };
    Ok(SerializerSnapshot { serializer, origin: Bytes::copy_from_slice(reader.input.since(start)) })
}

/// Reads a block of serializers as Flink 1.3 to 1.7 writes them (block Z): a Java object and a
/// configuration snapshot for each. Leaves the input behind the block.
///
/// A class that is not known becomes an opaque serializer. The origin of each is its object in form J and
/// its configuration behind it.
///
/// # Errors
/// [`Error::Truncated`] and [`Error::Malformed`].
pub fn read_block(input: &mut Input<'_>, context: &Context) -> Result<Vec<SerializerSnapshot>> {
    let mut reader = Reader::new(input, context);
    let pairs = legacy::pairs(reader.input)?;
    let read = |pair: &legacy::Pair<'_>| {
        let serializer = legacy::pair(&mut reader, pair)?;
        Ok(SerializerSnapshot { serializer, origin: Bytes::copy_from_slice(pair.bytes) })
    };
    pairs.iter().map(read).collect()
}

/// A serializer snapshot being read.
pub(super) struct Reader<'r, 'a> {
    pub(super) input: &'r mut Input<'a>,
    pub(super) context: Context,
    depth: usize,
    /// Serializers that may still be made.
    left: usize,
    /// What the snapshot being read says and values do not need.
    pub(super) notes: Notes,
}

/// Serializers that one snapshot may hold. Java objects may share parts, which are made for each.
const SERIALIZERS_MAX: usize = 1 << 16;

/// An entry of an optional map: its key's name, and the frame of the value if there is one. The key's own
/// frame says nothing more.
pub(super) struct Entry<'a> {
    pub(super) name: String,
    pub(super) value: Option<Input<'a>>,
}

const COMPOSITE_MAGIC: i32 = 911_108;
const NESTED_MAGIC: i32 = 1_333_245;
/// Version of a snapshot that adapts an object and a configuration of the old framework.
const ADAPTER: i32 = 0x7A53_C4F0;
const MAP_MAGIC: i64 = 0x0000_04F2_C69A_3D70;

impl<'r, 'a> Reader<'r, 'a> {
    fn new(input: &'r mut Input<'a>, context: &Context) -> Self {
        Reader { input, context: *context, depth: 0, left: SERIALIZERS_MAX, notes: Notes::default() }
    }

    /// Reads something that may hold itself.
    pub(super) fn deeper<T>(&mut self, read: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        if self.depth >= DEPTH_MAX || self.left == 0 {
            return Err(too_deep(self.input));
        }
        self.depth += 1;
        self.left -= 1;
        let result = read(self);
        self.depth -= 1;
        result
    }

    /// Reads from another input.
    pub(super) fn within<'i, T>(
        &mut self,
        input: &mut Input<'i>,
        read: impl FnOnce(&mut Reader<'_, 'i>) -> Result<T>,
    ) -> Result<T> {
        let (depth, left, notes) = (self.depth, self.left, Notes::default());
        let mut reader = Reader { input, context: self.context, depth, left, notes };
        let result = read(&mut reader);
        self.left = reader.left;
        result
    }

    /// Reads one serializer with notes of its own.
    pub(super) fn noted(&mut self, read: impl FnOnce(&mut Self) -> Result<Serializer>) -> Result<Serializer> {
        let outer = std::mem::take(&mut self.notes);
        let result = read(self);
        let notes = std::mem::replace(&mut self.notes, outer);
        Ok(result?.with_notes(notes))
    }

    /// Reads the name of the values' class.
    pub(super) fn type_class(&mut self, section: &'static str) -> Result<()> {
        self.notes.type_class = Some(self.input.utf(section)?);
        Ok(())
    }

    fn proxy(&mut self) -> Result<()> {
        match self.input.i32("serializer snapshot")? {
            2 => Ok(()),
            version => Err(self.input.malformed("serializer snapshot", "proxy version 2", version)),
        }
    }

    /// Reads a snapshot in form V.
    pub(super) fn versioned(&mut self) -> Result<Serializer> {
        self.deeper(|r| {
            let offset = r.input.offset();
            let class = r.input.utf("serializer snapshot class")?;
            let version = r.input.i32("serializer snapshot version")?;
            if version == ADAPTER {
                return legacy::adapter(r, &class);
            }
            r.noted(|r| {
                r.notes.version = Some(version);
                known::read(r, &class, version)?.ok_or_else(|| Error::Unsupported {
                    section: "serializer snapshot",
                    offset,
                    what: format!("{class} version {version}"),
                })
            })
        })
    }

    /// Reads a snapshot in form V that fills a frame; one that is not known becomes opaque.
    pub(super) fn framed(&mut self, mut frame: Input<'_>) -> Result<Serializer> {
        let mut peek = frame.clone();
        match self.within(&mut frame, |r| r.versioned()) {
            Err(Error::Unsupported { .. }) => {
                let class = serializer_class(&peek.utf("serializer snapshot class")?);
                let version = Some(peek.i32("serializer snapshot version")?);
                Ok(Serializer::new(class, Codec::Opaque).with_notes(Notes { version, ..Notes::default() }))
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

    /// Reads nested serializers that values do not need.
    pub(super) fn nested_notes(&mut self) -> Result<()> {
        self.notes.parts = self.nested()?;
        Ok(())
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
            self.frame()?;
            entries.push(Entry { name, value: self.frame()? });
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
    let stem = snapshot.strip_suffix("ConfigSnapshot").or_else(|| snapshot.strip_suffix("Snapshot"));
    let stem = stem.unwrap_or(snapshot);
    match stem.rsplit_once('$') {
        Some((outer, _)) if outer.ends_with("Serializer") => outer.to_owned(),
        _ => stem.to_owned(),
    }
}
