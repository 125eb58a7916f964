//! Rows of keyed state straight into columns.

use alluvium_model::{KeyGroup, Row, StateSchema};

use super::read::Reading;
use super::rows::RowMaker;
use super::tables::Source;
use crate::columns::{Pending, Staged};
use crate::layout::entry::Entry;
use crate::serializer::Plan;
use crate::{Error, Result};

/// Puts entries of one state of one file into columns, and those that columns cannot hold exactly into
/// single rows.
struct Filler<'a> {
    schema: &'a StateSchema,
    maker: RowMaker<'a>,
    /// None if every row goes the slow way.
    plans: Option<Plans<'a>>,
    ttl: bool,
}

/// The plans of the parts of a row that the table has.
struct Plans<'a> {
    key: Plan<'a>,
    namespace: Option<Plan<'a>>,
    map_key: Option<Plan<'a>>,
    /// And whether a value may be null.
    value: Option<(Plan<'a>, bool)>,
}

/// What could not be read of a key group.
#[derive(Debug, Default)]
pub(super) struct Lost {
    /// Entries, or the rest of the key group.
    pub(super) damages: Vec<Error>,
    /// Rows without an order.
    pub(super) refused: Vec<Error>,
}

impl Reading<'_> {
    /// Reads the rows of a key group as [`Reading::read`] does.
    pub(super) fn fill(&self, group: KeyGroup, key: &[u8], pending: &mut Pending) -> Lost {
        let mut lost = Lost::default();
        let Source::Keyed(name) = &self.table.source else { return lost };
        for part in self.operator.keyed.iter().filter(|part| part.range.contains(group)) {
            let Some((state, shape)) =
                part.state(name).and_then(|state| Some((state, part.states.shapes.get(usize::from(state))?)))
            else {
                continue;
            };
            let schema: &StateSchema = &self.table.schema;
            let maker = RowMaker::new(schema, shape);
            let filler = Filler { schema, plans: maker.plans(), maker, ttl: shape.ttl };
            let read = part.read(group, state, key, &mut |entry| {
                let filled = entry.and_then(|entry| filler.push(group, &entry, pending, &mut lost.refused));
                lost.damages.extend(filled.err());
            });
            let damages = read.err().into_iter().chain(lost.damages.drain(..));
            lost.damages = damages.map(|error| error.within(part.place.clone())).collect();
        }
        lost
    }
}

impl<'a> RowMaker<'a> {
    /// Compiles the serializers of the parts; none if a part has another type than its column.
    fn plans(&self) -> Option<Plans<'a>> {
        let value = match &self.value {
            Some(value) => Some((value.plan()?, value.is_nullable())),
            None => None,
        };
        let plan = |part: &Option<super::rows::Part<'a>>| match part {
            Some(part) => part.plan().map(Some),
            None => Some(None),
        };
        Some(Plans {
            key: self.key.plan()?,
            namespace: plan(&self.namespace)?,
            map_key: plan(&self.map_key)?,
            value,
        })
    }
}

impl Filler<'_> {
    #[inline]
    fn push(
        &self,
        group: KeyGroup,
        entry: &Entry<'_>,
        pending: &mut Pending,
        refused: &mut Vec<Error>,
    ) -> Result<()> {
        if let Some(plans) = &self.plans
            && let Some(last_access) = self.stage(plans, entry, &mut pending.staged)
            && pending.commit(group, entry.position, last_access).is_some()
        {
            return Ok(());
        }
        pending.undo();
        let row = self.maker.row(group, entry);
        let row = row.map_err(|error| error.within(format!("offset {}", entry.offset)))?;
        self.push_single(row, pending, refused);
        Ok(())
    }

    fn push_single(&self, row: Row, pending: &mut Pending, refused: &mut Vec<Error>) {
        match row.sort_key(self.schema) {
            Ok(sort_key) => pending.push_single(&sort_key, row),
            Err(error) => refused.push(error.into()),
        }
    }

    /// Appends the parts of an entry and returns its time of last access; none for one that goes the
    /// slow way.
    #[inline]
    fn stage(&self, plans: &Plans<'_>, entry: &Entry<'_>, staged: &mut Staged) -> Option<i64> {
        if entry.undivided || entry.whole_list {
            return None;
        }
        plans.key.append(entry.key, false, &mut staged.key)?;
        if let (Some(plan), Some(buffer)) = (&plans.namespace, &mut staged.namespace) {
            plan.append(entry.namespace, false, buffer)?;
        }
        if let (Some(plan), Some(buffer)) = (&plans.map_key, &mut staged.map_key) {
            plan.append(entry.map_key, false, buffer)?;
        }
        let Some(bytes) = entry.value else {
            if let Some(buffer) = &mut staged.value {
                plans.value.as_ref().filter(|(_, nullable)| *nullable)?;
                buffer.push_null();
            }
            return Some(0);
        };
        let (last_access, bytes) = match self.ttl {
            true => bytes.split_first_chunk().map(|(at, rest)| (i64::from_be_bytes(*at), rest))?,
            false => (0, bytes),
        };
        if let (Some((plan, nullable)), Some(buffer)) = (&plans.value, &mut staged.value) {
            plan.append(bytes, *nullable, buffer)?;
        }
        Some(last_access)
    }
}
