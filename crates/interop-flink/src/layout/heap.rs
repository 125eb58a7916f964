use alluvium_model::KeyGroup;

use super::entry::{Entry, Visit, VisitStates};
use super::shape::{Shape, next};
use crate::bytes::Input;
use crate::{Error, Result};

/// Gives out the entries of one heap-native key group (`HeapSnapshotStrategy`), whose bytes behind its
/// number are `rest`, out of their Snappy frames.
///
/// Entries have no lengths: every value must be decoded to find the next, and one that cannot be ends
/// the key group. With `only`, reading ends behind that state.
///
/// # Errors
/// [`Error::Undecodable`] behind the last entry that could be read.
pub(crate) fn walk(
    rest: &mut Input<'_>,
    shapes: &[Shape],
    version: i32,
    only: Option<u16>,
    visit: VisitStates<'_>,
) -> Result<()> {
    for done in 0..shapes.len() {
        let offset = rest.offset();
        let id = rest.u16("state id")?;
        let Some(shape) = shapes.get(usize::from(id)) else {
            return Err(Error::Malformed {
                section: "state id",
                offset,
                wanted: "the id of a state in the header",
                found: format!("{id} behind {done} of {} states", shapes.len()),
            });
        };
        let visit = &mut |entry: Entry<'_>| visit(id, entry);
        let walked = if version == 1 { walk_1_2(rest, shape, visit) } else { walk_state(rest, shape, visit) };
        walked.map_err(|error| error.within(format!("state {}", shape.name)))?;
        if only == Some(id) {
            return Ok(());
        }
    }
    Ok(())
}

fn walk_state(rest: &mut Input<'_>, shape: &Shape, visit: Visit<'_>) -> Result<()> {
    let count = rest.count(1, "number of entries")?;
    for entry in 0..count {
        let offset = rest.offset();
        let read = shape.read_heap(rest, visit);
        read.map_err(|cause| undecodable(cause, rest, offset, entry, count))?;
    }
    Ok(())
}

/// Walks a state as 1.2 writes it: its entries by namespace.
fn walk_1_2(rest: &mut Input<'_>, shape: &Shape, visit: Visit<'_>) -> Result<()> {
    if !rest.bool("state presence")? {
        return Ok(());
    }
    let namespaces = rest.count(1, "number of namespaces")?;
    for _ in 0..namespaces {
        let offset = rest.offset();
        let namespace = next(&shape.namespace, rest);
        let namespace = namespace.map_err(|cause| undecodable(cause, rest, offset, 0, namespaces))?;
        let count = rest.count(1, "number of entries")?;
        for entry in 0..count {
            let offset = rest.offset();
            let read = next(&shape.key, rest).and_then(|key| {
                shape.read_whole(rest, &mut |part| visit(Entry { key, namespace, offset, ..part }))
            });
            read.map_err(|cause| undecodable(cause, rest, offset, entry, count))?;
        }
    }
    Ok(())
}

/// Reads the number in front of a heap key group.
pub(crate) fn take_number(input: &mut Input<'_>, group: KeyGroup) -> Result<()> {
    let offset = input.offset();
    let found = input.i32("key group")?;
    if found != i32::from(group.0) {
        return Err(Error::Malformed {
            section: "key group",
            offset,
            wanted: "the key group of its offset",
            found: format!("{found} in the place of {group}"),
        });
    }
    Ok(())
}

fn undecodable(cause: Error, rest: &Input<'_>, offset: u64, entry: usize, entries: usize) -> Error {
    let left = (rest.offset() + rest.left() as u64).saturating_sub(offset);
    let (entry, entries) = (entry as u64, entries as u64);
    Error::Undecodable { entry, entries, offset, left, cause: Box::new(cause) }
}
