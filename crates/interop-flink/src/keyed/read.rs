use alluvium_model::{KeyGroup, StateKind};

use super::{Content, KeyedPart, Sink};
use crate::bytes::Input;
use crate::layout::canonical::{self, Frame};
use crate::layout::changes::Changes;
use crate::layout::detect::Offsets;
use crate::layout::entry::Entry;
use crate::layout::feed::Feed;
use crate::layout::heap;
use crate::layout::replay::Replay;
use crate::layout::shape::Shape;
use crate::{Error, ReadAt, Result};

/// Most bytes of one heap-native key group, uncompressed.
const GROUP_BYTES_MAX: u64 = 4 << 30;

impl KeyedPart {
    /// Returns the id of a state by name.
    pub(crate) fn state(&self, name: &str) -> Option<u16> {
        self.states.metas.iter().find(|meta| meta.name == name).map(|meta| meta.id)
    }

    /// Gives out the entries of one state in one key group, in the order in which they lie there.
    ///
    /// Only entries whose key begins with `prefix` are certain to be given out: others are passed over,
    /// mostly without a look at them.
    ///
    /// # Errors
    /// What keeps the rest of the key group from being read. Damages that concern one entry go to the
    /// sink.
    pub(crate) fn read(&self, group: KeyGroup, state: u16, prefix: &[u8], sink: Sink<'_>) -> Result<()> {
        let Some(shape) = self.states.shapes.get(usize::from(state)) else { return Ok(()) };
        if !self.range.contains(group) {
            return Ok(());
        }
        match &self.content {
            Content::Heap { stream, offsets } => {
                self.walk_heap(stream.as_ref(), offsets, group, Some(state), &mut |id, entry| {
                    if id == state && (prefix.is_empty() || entry.key.starts_with(prefix)) {
                        sink(Ok(entry));
                    }
                })
            }
            Content::Canonical { stream, offsets, prefix: group_bytes } => {
                let Some((from, to)) = offsets.of(group) else { return Ok(()) };
                // The key of a timer comes behind its time.
                let prefix = if matches!(shape.kind, StateKind::Timer(_)) { &[] } else { prefix };
                let mut feed = Feed::of(stream.as_ref(), from, to, self.states.compressed);
                let states = u16::try_from(self.states.metas.len()).unwrap_or(u16::MAX);
                let frame = Frame { group, prefix: *group_bytes, states };
                canonical::walk(&mut feed, &frame, Some(state), &mut |_, raw| {
                    if !prefix.is_empty() && !raw.key.starts_with(prefix) {
                        return;
                    }
                    if let Err(error) =
                        shape.split(raw.key, raw.value, raw.offset, &mut |entry| sink(Ok(entry)))
                    {
                        sink(Err(error));
                    }
                })
            }
            Content::Tables(tables) => tables.read(group, shape, prefix, sink),
            Content::Changelog { inner, changes } => self.replay(inner, changes, group, shape, sink),
        }
    }

    /// Gives out the entries of every state, or of those up to `only` one, in one heap-native key group.
    pub(crate) fn walk_heap(
        &self,
        stream: &dyn ReadAt,
        offsets: &Offsets,
        group: KeyGroup,
        only: Option<u16>,
        visit: &mut dyn FnMut(u16, Entry<'_>),
    ) -> Result<()> {
        let Some((from, to)) = offsets.of(group) else { return Ok(()) };
        let head = stream.read_at(from, 4)?;
        heap::take_number(&mut Input::at(&head, from), group)?;
        let compressed = self.states.compressed;
        let rest = Feed::of(stream, from + 4, to, compressed).rest("key group", GROUP_BYTES_MAX)?;
        let mut input = Input::at(&rest, if compressed { 0 } else { from + 4 });
        heap::walk(&mut input, &self.states.shapes, self.states.version, only, visit)?;
        if only.is_none() && !input.is_empty() {
            let found = format!("{} more bytes", input.left());
            return Err(input.malformed("key group", "the next key group", found));
        }
        Ok(())
    }

    fn replay(
        &self,
        inner: &[KeyedPart],
        changes: &Changes,
        group: KeyGroup,
        shape: &Shape,
        sink: Sink<'_>,
    ) -> Result<()> {
        let mut replay = Replay::new(shape);
        for part in inner {
            let Some(state) = part.state(&shape.name) else { continue };
            part.read(group, state, &[], &mut |entry| match entry {
                Ok(entry) => replay.insert(&entry),
                Err(error) => sink(Err(error)),
            })?;
        }
        for change in changes.groups.get(&group).into_iter().flatten() {
            let of_state = changes.states.get(change.state).is_some_and(|meta| meta.name == shape.name);
            if of_state && let Err(error) = replay.apply(change) {
                sink(Err(Error::within(error, "change")));
            }
        }
        replay.visit(&mut |entry| sink(Ok(entry)));
        Ok(())
    }
}

impl KeyedPart {
    /// Checks the framing of a canonical key group to its end; none if there is no such key group.
    pub(crate) fn check_canonical(&self, group: KeyGroup) -> Option<Result<()>> {
        let Content::Canonical { stream, offsets, prefix } = &self.content else { return None };
        let (from, to) = offsets.of(group)?;
        let mut feed = Feed::of(stream.as_ref(), from, to, self.states.compressed);
        let states = u16::try_from(self.states.metas.len()).unwrap_or(u16::MAX);
        let frame = Frame { group, prefix: *prefix, states };
        let walked = canonical::walk(&mut feed, &frame, None, &mut |_, _| {});
        Some(walked.and_then(|()| match feed.is_empty()? {
            true => Ok(()),
            false => Err(Error::Malformed {
                section: "key group",
                offset: feed.offset(),
                wanted: "the next key group",
                found: "more bytes".into(),
            }),
        }))
    }
}
