//! The entries of one key through all layers, in canonical order.

use std::cmp::Ordering;
use std::collections::{BTreeMap, btree_map};
use std::iter::Peekable;
use std::ops::{ControlFlow, Range};

use alluvium_model::typed::{StateKey, StateType};

use crate::memory::ByCanon;
use crate::memory::cell::Stamp;
use crate::memory::columnar::Columnar;
use crate::memory::value::ValueCell;

type Entries<E, V, S> = BTreeMap<ByCanon<E>, ValueCell<V, S>>;
/// The columns and the rows of one key in them.
type Rows<'a, K, E, V> = (&'a Columnar<K, E, V>, Range<u32>);
type Source<'a, E, V, S> = Peekable<btree_map::Iter<'a, ByCanon<E>, ValueCell<V, S>>>;

/// Shows live entries; of equal ones the newest decides. `layers` come newest first.
pub(super) fn scan<'a, K: StateKey, E: StateKey, V: StateType, S: Stamp>(
    layers: impl Iterator<Item = &'a Entries<E, V, S>>,
    rows: Option<Rows<'_, K, E, V>>,
    ttl_ms: u64,
    now_ms: i64,
    visit: &mut dyn FnMut(&E, &V) -> ControlFlow<()>,
) -> ControlFlow<()> {
    let mut sources: Vec<Source<'a, E, V, S>> = layers.map(|entries| entries.iter().peekable()).collect();
    let mut restored = Restored { rows, next: None };
    restored.advance();
    loop {
        let newest = least(&mut sources);
        let order = match (&newest, &restored.next) {
            (None, None) => return ControlFlow::Continue(()),
            (None, Some(_)) => Ordering::Greater,
            (Some(_), None) => Ordering::Less,
            (Some((entry, _)), Some((_, row))) => entry.0.canonical_cmp(row),
        };
        match newest {
            Some((entry, cell)) if order != Ordering::Greater => {
                pass(&mut sources, entry);
                if order == Ordering::Equal {
                    restored.advance();
                }
                if let Some(value) = cell.live(ttl_ms, now_ms) {
                    visit(&entry.0, value)?;
                }
            }
            _ => restored.visit(ttl_ms, now_ms, visit)?,
        }
    }
}

/// Returns the least entry of all layers, from the newest that has it.
fn least<'a, E: StateKey, V, S>(
    sources: &mut [Source<'a, E, V, S>],
) -> Option<(&'a ByCanon<E>, &'a ValueCell<V, S>)> {
    let mut least: Option<(&'a ByCanon<E>, &'a ValueCell<V, S>)> = None;
    for source in sources {
        if let Some((entry, cell)) = source.peek()
            && least.is_none_or(|(held, _)| *entry < held)
        {
            least = Some((entry, cell));
        }
    }
    least
}

/// Moves every layer past an entry.
fn pass<E: StateKey, V, S>(sources: &mut [Source<'_, E, V, S>], entry: &ByCanon<E>) {
    for source in sources {
        source.next_if(|(next, _)| *next == entry);
    }
}

/// The rows of the columns, one ahead.
struct Restored<'a, K: StateKey, E: StateKey, V: StateType> {
    rows: Option<Rows<'a, K, E, V>>,
    next: Option<(u32, E)>,
}

impl<K: StateKey, E: StateKey, V: StateType> Restored<'_, K, E, V> {
    fn advance(&mut self) {
        let rows = self.rows.as_mut();
        self.next = rows.and_then(|(rows, range)| range.next().and_then(|row| Some((row, rows.entry(row)?))));
    }

    fn visit(
        &mut self,
        ttl_ms: u64,
        now_ms: i64,
        visit: &mut dyn FnMut(&E, &V) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        let taken = self.next.take();
        if let (Some((rows, _)), Some((row, entry))) = (&self.rows, taken)
            && rows.last_access(row).is_none_or(|stamp| stamp.live(ttl_ms, now_ms))
        {
            visit(&entry, &rows.value(row))?;
        }
        self.advance();
        ControlFlow::Continue(())
    }
}
