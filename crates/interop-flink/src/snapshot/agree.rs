//! Making the serializers of one state agree across subtasks, each of which describes the subclasses
//! that it has met.

use std::collections::HashMap;
use std::sync::Arc;

use super::operators::ListPart;
use crate::header::{OperatorHeader, StateMeta};
use crate::keyed::{KeyedPart, States};
use crate::layout::shape::Shape;
use crate::serializer::{Serializer, SerializerSnapshot};

/// Makes the states of keyed parts agree.
pub(super) fn keyed(parts: &mut [KeyedPart]) {
    if same(parts.iter().map(|part| &part.states)) {
        return;
    }
    let mut united: HashMap<String, Shape> = HashMap::new();
    for shape in parts.iter().flat_map(|part| &part.states.shapes) {
        match united.get_mut(&shape.name) {
            Some(known) if known.kind == shape.kind => unite_shape(known, shape),
            Some(_) => {}
            None => {
                united.insert(shape.name.clone(), shape.clone());
            }
        }
    }
    for part in parts {
        for shape in &mut Arc::<States>::make_mut(&mut part.states).shapes {
            if let Some(known) = united.get(&shape.name).filter(|known| known.kind == shape.kind) {
                unite_shape(shape, known);
            }
        }
    }
}

/// Makes the states of parts of operator state agree.
pub(super) fn lists(parts: &mut [ListPart]) {
    if same(parts.iter().map(|part| &part.header)) {
        return;
    }
    let mut united: HashMap<(String, bool), StateMeta> = HashMap::new();
    for part in parts.iter() {
        let header = &part.header;
        let states = header.lists.iter().map(|meta| (meta, false));
        for (meta, broadcast) in states.chain(header.broadcasts.iter().map(|meta| (meta, true))) {
            let place = (meta.name.clone(), broadcast);
            united.entry(place).and_modify(|known| unite_meta(known, meta)).or_insert_with(|| meta.clone());
        }
    }
    for part in parts {
        let header = Arc::<OperatorHeader>::make_mut(&mut part.header);
        for (states, broadcast) in [(&mut header.lists, false), (&mut header.broadcasts, true)] {
            for meta in states {
                if let Some(known) = united.get(&(meta.name.clone(), broadcast)) {
                    unite_meta(meta, known);
                }
            }
        }
    }
}

/// Returns whether all are one and the same header.
fn same<'a, T: 'a>(mut headers: impl Iterator<Item = &'a Arc<T>>) -> bool {
    let Some(first) = headers.next() else { return true };
    headers.all(|header| Arc::ptr_eq(first, header))
}

fn unite_shape(shape: &mut Shape, other: &Shape) {
    shape.key.unite(&other.key);
    shape.namespace.unite(&other.namespace);
    unite(shape.map_key.as_mut(), other.map_key.as_ref());
    unite(shape.value.as_mut(), other.value.as_ref());
}

fn unite_meta(meta: &mut StateMeta, other: &StateMeta) {
    let inner = |snapshot: &mut SerializerSnapshot, other: &SerializerSnapshot| {
        snapshot.serializer.unite(&other.serializer);
    };
    for (mine, theirs) in [(&mut meta.key, &other.key), (&mut meta.value, &other.value)] {
        if let (Some(mine), Some(theirs)) = (mine, theirs) {
            inner(mine, theirs);
        }
    }
}

fn unite(serializer: Option<&mut Serializer>, other: Option<&Serializer>) {
    if let (Some(serializer), Some(other)) = (serializer, other) {
        serializer.unite(other);
    }
}
