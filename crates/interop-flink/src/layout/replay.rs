//! Applying changes to what was materialised before them, for one state of one key group.

use std::collections::{BTreeMap, BTreeSet};

use alluvium_model::StateKind;

use super::changes::{Change, Operation};
use super::entry::{Entry, Visit};
use super::shape::{Shape, next};
use crate::bytes::Input;
use crate::{Error, Result};

/// The rows of one state in one key group, by the bytes of their keys.
#[derive(Debug)]
pub(crate) struct Replay<'s> {
    shape: &'s Shape,
    values: BTreeMap<Place, Vec<u8>>,
    lists: BTreeMap<Place, Vec<Element>>,
    maps: BTreeMap<Place, BTreeMap<Vec<u8>, Option<Vec<u8>>>>,
    timers: BTreeSet<(i64, Place)>,
}

/// Key and namespace.
type Place = (Vec<u8>, Vec<u8>);

/// An element of a list, or several that could not be told apart.
#[derive(Debug)]
struct Element {
    bytes: Vec<u8>,
    several: bool,
}

impl<'s> Replay<'s> {
    /// Starts without rows.
    pub(crate) fn new(shape: &'s Shape) -> Self {
        let (values, lists, maps) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        Replay { shape, values, lists, maps, timers: BTreeSet::new() }
    }

    /// Takes a row that was materialised.
    pub(crate) fn insert(&mut self, entry: &Entry<'_>) {
        let place = (entry.key.to_vec(), entry.namespace.to_vec());
        let value = entry.value.map(<[u8]>::to_vec);
        match self.shape.kind {
            StateKind::Timer(_) => {
                self.timers.insert((entry.position, place));
            }
            StateKind::Map => {
                self.maps.entry(place).or_default().insert(entry.map_key.to_vec(), value);
            }
            StateKind::List => {
                let element = Element { bytes: value.unwrap_or_default(), several: entry.whole_list };
                self.lists.entry(place).or_default().push(element);
            }
            _ => {
                self.values.insert(place, value.unwrap_or_default());
            }
        }
    }

    /// Applies a change.
    ///
    /// # Errors
    /// [`Error::Undecodable`] for a change whose parts cannot be told apart; [`Error::Unsupported`] for
    /// merged namespaces of state that only the job's own function can merge.
    pub(crate) fn apply(&mut self, change: &Change) -> Result<()> {
        let mut input = Input::new(&change.body);
        if let StateKind::Timer(_) = self.shape.kind {
            return self.apply_timer(change.operation, &mut input);
        }
        let key = next(&self.shape.key, &mut input)?.to_vec();
        let namespace = next(&self.shape.namespace, &mut input)?.to_vec();
        let place = (key, namespace);
        match change.operation {
            Operation::Clear => self.clear(&place),
            Operation::Set => {
                self.clear(&place);
                self.add(place, &mut input)?;
            }
            Operation::Add => self.add(place, &mut input)?,
            Operation::AddElement => {
                let element = Element { bytes: input.rest().to_vec(), several: false };
                self.lists.entry(place).or_default().push(element);
            }
            Operation::PutElement => {
                let map_key = self.shape.next_map_key(&mut input)?.to_vec();
                let value = Some(input.rest().to_vec()).filter(|value| !value.is_empty());
                self.maps.entry(place).or_default().insert(map_key, value);
            }
            Operation::RemoveElement => self.remove(&place, &mut input)?,
            Operation::MergeNamespaces => self.merge(place, &mut input)?,
        }
        Ok(())
    }

    fn apply_timer(&mut self, operation: Operation, input: &mut Input<'_>) -> Result<()> {
        let count = match operation {
            Operation::AddElement => input.count(8, "number of timers")?,
            _ => 1,
        };
        let mut timers = Vec::with_capacity(count);
        for _ in 0..count {
            self.shape.read_heap(input, &mut |entry| {
                timers.push((entry.position, (entry.key.to_vec(), entry.namespace.to_vec())));
            })?;
        }
        match operation {
            Operation::RemoveElement => timers.iter().for_each(|timer| {
                self.timers.remove(timer);
            }),
            _ => self.timers.extend(timers),
        }
        Ok(())
    }

    /// Adds a whole value as the value serializer writes it, which is all that is left of the change.
    fn add(&mut self, place: Place, input: &mut Input<'_>) -> Result<()> {
        match self.shape.kind {
            StateKind::List => {
                let (elements, left) = self.elements(input)?;
                let list = self.lists.entry(place).or_default();
                list.extend(elements);
                list.extend(left);
            }
            StateKind::Map => {
                let mut entries = Vec::new();
                self.shape.read_value(input, &mut |part| {
                    entries.push((part.map_key.to_vec(), part.value.map(<[u8]>::to_vec)));
                })?;
                if !entries.is_empty() {
                    self.maps.entry(place).or_default().extend(entries);
                }
            }
            _ => {
                self.values.insert(place, input.rest().to_vec());
            }
        }
        Ok(())
    }

    /// Reads the elements of a list, and what of them only a class that is not here could tell apart.
    fn elements(&self, input: &mut Input<'_>) -> Result<(Vec<Element>, Option<Element>)> {
        let mut elements = Vec::new();
        let mut taken = 4;
        let whole = input.rest();
        let read = self.shape.read_value(input, &mut |part| {
            let bytes = part.value.unwrap_or_default().to_vec();
            taken += bytes.len();
            elements.push(Element { bytes, several: false });
        });
        match read {
            Ok(()) => Ok((elements, None)),
            Err(Error::Unsupported { .. }) => {
                let bytes = whole.get(taken..).unwrap_or_default().to_vec();
                Ok((elements, Some(Element { bytes, several: true })))
            }
            Err(error) => Err(error),
        }
    }

    fn clear(&mut self, place: &Place) {
        self.values.remove(place);
        self.lists.remove(place);
        self.maps.remove(place);
    }

    fn remove(&mut self, place: &Place, input: &mut Input<'_>) -> Result<()> {
        let map_key = self.shape.next_map_key(input)?;
        if let Some(map) = self.maps.get_mut(place) {
            map.remove(map_key);
        }
        Ok(())
    }

    /// Appends the lists of other namespaces to one.
    fn merge(&mut self, place: Place, input: &mut Input<'_>) -> Result<()> {
        next(&self.shape.namespace, input)?;
        let count = input.count(1, "number of namespaces")?;
        let mut merged = Vec::new();
        let mut by_function = false;
        for _ in 0..count {
            let source = (place.0.clone(), next(&self.shape.namespace, input)?.to_vec());
            merged.extend(self.lists.remove(&source).unwrap_or_default());
            by_function |= self.values.remove(&source).is_some();
        }
        if by_function {
            self.clear(&place);
            return Err(Error::Unsupported {
                section: "change",
                offset: input.offset(),
                what: "merging namespaces by the job's own function".into(),
            });
        }
        if !merged.is_empty() {
            self.lists.entry(place).or_default().extend(merged);
        }
        Ok(())
    }

    /// Gives out the rows.
    pub(crate) fn visit(&self, visit: Visit<'_>) {
        for ((key, namespace), value) in &self.values {
            visit(Entry { key, namespace, value: Some(value), ..Entry::default() });
        }
        for ((key, namespace), elements) in &self.lists {
            for (element, position) in elements.iter().zip(0..) {
                let (value, whole_list) = (Some(element.bytes.as_slice()), element.several);
                visit(Entry { key, namespace, position, value, whole_list, ..Entry::default() });
            }
        }
        for ((key, namespace), map) in &self.maps {
            for (map_key, value) in map {
                visit(Entry { key, namespace, map_key, value: value.as_deref(), ..Entry::default() });
            }
        }
        for (position, (key, namespace)) in &self.timers {
            visit(Entry { key, namespace, position: *position, ..Entry::default() });
        }
    }
}
