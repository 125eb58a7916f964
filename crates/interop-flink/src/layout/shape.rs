use alluvium_model::StateKind;

use super::entry::{Entry, Visit};
use crate::bytes::Input;
use crate::header::StateMeta;
use crate::serializer::Serializer;
use crate::{Error, Result};

/// Most elements of a list whose elements take no bytes.
const EMPTY_ELEMENTS_MAX: usize = 1 << 20;

/// The serializers of one state of one file, as its rows need them.
#[derive(Debug, Clone)]
pub(crate) struct Shape {
    /// Name of the state.
    pub(crate) name: String,
    /// Kind of state.
    pub(crate) kind: StateKind,
    /// Serializer of keys.
    pub(crate) key: Serializer,
    /// Serializer of namespaces, the void one too.
    pub(crate) namespace: Serializer,
    /// Serializer of map keys.
    pub(crate) map_key: Option<Serializer>,
    /// Serializer of a value, an element or a map's value, without its time of last access; none for
    /// timers.
    pub(crate) value: Option<Serializer>,
    /// Whether values begin with their time of last access.
    pub(crate) ttl: bool,
}

impl Shape {
    /// Takes the serializers of a state apart. `elements` says that a list's serializer is that of its
    /// elements, as in RocksDB files of 1.2.
    pub(crate) fn new(meta: &StateMeta, key: &Serializer, elements: bool) -> Self {
        let given = |snapshot: &Option<crate::serializer::SerializerSnapshot>| {
            snapshot.as_ref().map_or_else(|| Serializer::unknown("unknown"), |s| s.serializer.clone())
        };
        let value = given(&meta.value);
        let mut shape = Shape {
            name: meta.name.clone(),
            kind: meta.kind,
            key: key.clone().for_key(),
            namespace: given(&meta.namespace),
            map_key: None,
            value: None,
            ttl: false,
        };
        match meta.kind {
            StateKind::Timer(_) => match value.as_timer() {
                Some((key, namespace)) => {
                    shape.key = key.clone().for_key();
                    shape.namespace = namespace.clone();
                }
                None => shape.namespace = Serializer::unknown(value.class()),
            },
            StateKind::Map if meta.v2 => {
                shape.map_key = Some(given(&meta.user_key));
                shape.value = Some(value);
            }
            StateKind::Map => match value.as_map() {
                Some((key, value)) => {
                    shape.map_key = Some(key.clone());
                    shape.value = Some(value.clone());
                }
                None => {
                    shape.map_key = Some(Serializer::unknown(value.class()));
                    shape.value = Some(Serializer::unknown(value.class()));
                }
            },
            StateKind::List => {
                let element = value.as_list().filter(|_| !meta.v2 && !elements);
                shape.value = Some(element.unwrap_or(&value).clone());
            }
            _ => shape.value = Some(value),
        }
        if let Some(inner) = shape.value.as_ref().and_then(Serializer::as_ttl) {
            shape.value = Some(inner.clone());
            shape.ttl = true;
        }
        shape
    }

    /// Reads one entry of a heap-native file: an element of a priority queue, or namespace, key and
    /// value.
    pub(crate) fn read_heap(&self, input: &mut Input<'_>, visit: Visit<'_>) -> Result<()> {
        let offset = input.offset();
        if let StateKind::Timer(_) = self.kind {
            let timer = self.timer(input)?;
            visit(Entry { offset, ..timer });
            return Ok(());
        }
        let namespace = next(&self.namespace, input)?;
        let key = next(&self.key, input)?;
        self.read_whole(input, &mut |part| visit(Entry { key, namespace, offset, ..part }))
    }

    /// Reads a whole value as [`Shape::read_value`] does, and gives out its parts only if all of it can be
    /// read: half a list is no list.
    pub(crate) fn read_whole(&self, input: &mut Input<'_>, visit: Visit<'_>) -> Result<()> {
        if matches!(self.kind, StateKind::List | StateKind::Map) {
            self.read_value(&mut input.clone(), &mut |_| {})?;
        }
        self.read_value(input, visit)
    }

    /// Reads a whole value as the heap backend and the changelog write it: lists and maps with their
    /// sizes.
    pub(crate) fn read_value(&self, input: &mut Input<'_>, visit: Visit<'_>) -> Result<()> {
        match self.kind {
            StateKind::List => {
                let count = self.list_size(input)?;
                for position in 0..count {
                    let value = Some(self.next_value(input)?);
                    visit(Entry { position: rank(position), value, ..Entry::default() });
                }
                Ok(())
            }
            StateKind::Map => {
                let count = input.count(1, "map size")?;
                for _ in 0..count {
                    let map_key = self.next_map_key(input)?;
                    let null = input.bool("map value")?;
                    let value = if null { None } else { Some(self.next_value(input)?) };
                    visit(Entry { map_key, value, ..Entry::default() });
                }
                Ok(())
            }
            _ => {
                let value = Some(self.next_value(input)?);
                visit(Entry { value, ..Entry::default() });
                Ok(())
            }
        }
    }

    /// Splits the key and value of a canonical entry, without the bytes of its key group.
    pub(crate) fn split<'a>(
        &self,
        key: &'a [u8],
        value: &'a [u8],
        offset: u64,
        visit: Visit<'_>,
    ) -> Result<()> {
        let head = match self.kind {
            StateKind::Timer(_) => {
                let timer = self.timer(&mut Input::at(key, offset))?;
                visit(Entry { offset, ..timer });
                return Ok(());
            }
            _ => Entry { offset, ..self.composite(key, offset)? },
        };
        match self.kind {
            StateKind::List => self.split_list(value, offset, &mut |part| {
                visit(Entry {
                    position: part.position,
                    value: part.value,
                    whole_list: part.whole_list,
                    ..head
                });
            }),
            StateKind::Map => {
                let mut input = Input::at(value, offset);
                let null = input.bool("map value")?;
                visit(Entry { value: (!null).then_some(input.rest()), ..head });
                Ok(())
            }
            _ => {
                visit(Entry { value: Some(value), ..head });
                Ok(())
            }
        }
    }

    /// Splits elements that stand one after the other with a byte between them. An element that only
    /// a class that is not here could delimit takes the rest.
    fn split_list(&self, value: &[u8], offset: u64, visit: Visit<'_>) -> Result<()> {
        if self.value.as_ref().is_none_or(|element| !element.is_self_delimiting()) {
            visit(Entry { value: Some(value), whole_list: true, ..Entry::default() });
            return Ok(());
        }
        let mut input = Input::at(value, offset);
        let mut position = 0;
        while !input.is_empty() {
            if position > 0 {
                input.u8("list delimiter")?;
            }
            let rest = input.rest();
            match self.next_value(&mut input) {
                Ok(value) => visit(Entry { position, value: Some(value), ..Entry::default() }),
                Err(Error::Unsupported { .. }) => {
                    visit(Entry { position, value: Some(rest), whole_list: true, ..Entry::default() });
                    return Ok(());
                }
                Err(error) => return Err(error),
            }
            position += 1;
        }
        Ok(())
    }

    /// Reads a timer: flipped timestamp, key, namespace (`TimerSerializer`).
    fn timer<'a>(&self, input: &mut Input<'a>) -> Result<Entry<'a>> {
        let position = input.i64("timer timestamp")? ^ i64::MIN;
        let key = next(&self.key, input)?;
        let namespace = next(&self.namespace, input)?;
        Ok(Entry { key, namespace, position, ..Entry::default() })
    }

    /// Splits a composite key: key, namespace and map key, with the lengths of the first two where
    /// neither has a fixed one (`CompositeKeySerializationUtils`).
    fn composite<'a>(&self, bytes: &'a [u8], offset: u64) -> Result<Entry<'a>> {
        if !self.key.is_self_delimiting() || !self.namespace.is_self_delimiting() {
            return Ok(self.composite_from_behind(bytes));
        }
        let ambiguous = self.is_ambiguous();
        let mut input = Input::at(bytes, offset);
        let key = next(&self.key, &mut input)?;
        if ambiguous {
            take_length(key.len(), &mut input)?;
        }
        let namespace = next(&self.namespace, &mut input)?;
        if ambiguous {
            take_length(namespace.len(), &mut input)?;
        }
        if self.map_key.is_none() && !input.is_empty() {
            return Err(input.malformed("key", "the end", format!("{} more bytes", input.left())));
        }
        Ok(Entry { key, namespace, map_key: input.rest(), ..Entry::default() })
    }

    /// Splits a composite key whose key has no end of its own, if what follows it has a fixed length.
    fn composite_from_behind<'a>(&self, bytes: &'a [u8]) -> Entry<'a> {
        let undivided = Entry { key: bytes, undivided: true, ..Entry::default() };
        let width = |serializer: &Serializer| {
            if serializer.is_void_namespace() { Some(1) } else { serializer.fixed_length() }
        };
        let map_key = self.map_key.as_ref().map_or(Some(0), width);
        let Some((namespace, map_key)) = width(&self.namespace).zip(map_key) else { return undivided };
        let parts = bytes.len().checked_sub(map_key).and_then(|at| bytes.split_at_checked(at));
        let Some((head, map_key)) = parts else { return undivided };
        let parts = head.len().checked_sub(namespace).and_then(|at| head.split_at_checked(at));
        let Some((key, namespace)) = parts else { return undivided };
        Entry { key, namespace, map_key, ..Entry::default() }
    }

    /// Returns whether key and namespace carry their lengths in composite keys.
    pub(crate) fn is_ambiguous(&self) -> bool {
        self.key.fixed_length().is_none() && self.namespace.fixed_length().is_none()
    }

    /// Reads the number of elements of a list, each of which takes a byte at least unless its
    /// serializer says otherwise.
    fn list_size(&self, input: &mut Input<'_>) -> Result<usize> {
        let empty = self.value.as_ref().is_some_and(|value| value.fixed_length() == Some(0));
        if !empty || self.ttl {
            return input.count(1, "list size");
        }
        let offset = input.offset();
        let size = input.length("list size")?;
        if size > EMPTY_ELEMENTS_MAX {
            let (size, limit) = (size as u64, EMPTY_ELEMENTS_MAX as u64);
            return Err(Error::TooLarge { section: "list size", offset, size, limit });
        }
        Ok(size)
    }

    /// Takes a value with its time of last access.
    pub(crate) fn next_value<'a>(&self, input: &mut Input<'a>) -> Result<&'a [u8]> {
        let start = input.consumed();
        if self.ttl {
            input.i64("time of last access")?;
        }
        if let Some(value) = &self.value {
            next(value, input)?;
        }
        Ok(input.since(start))
    }

    /// Takes a map key.
    pub(crate) fn next_map_key<'a>(&self, input: &mut Input<'a>) -> Result<&'a [u8]> {
        self.map_key.as_ref().map_or(Ok(&[]), |map_key| next(map_key, input))
    }
}

/// Takes the bytes of the next value.
pub(crate) fn next<'a>(serializer: &Serializer, input: &mut Input<'a>) -> Result<&'a [u8]> {
    let start = input.consumed();
    serializer.skip(input)?;
    Ok(input.since(start))
}

fn rank(position: usize) -> i64 {
    i64::try_from(position).unwrap_or(i64::MAX)
}

/// Takes a length behind what it counts: low byte first, as many bytes as it needs, at least one.
fn take_length(wanted: usize, input: &mut Input<'_>) -> Result<()> {
    let mut left = wanted;
    loop {
        let offset = input.offset();
        let byte = usize::from(input.u8("length behind a key")?);
        if byte != left & 0xFF {
            return Err(Error::Malformed {
                section: "length behind a key",
                offset,
                wanted: "the length of what stands before it",
                found: format!("byte {byte:#04x} of the length {wanted}"),
            });
        }
        left >>= 8;
        if left == 0 {
            return Ok(());
        }
    }
}

#[cfg(test)]
mod tests;
