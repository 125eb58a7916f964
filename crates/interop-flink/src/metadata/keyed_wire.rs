//! Reading and writing handles of keyed state.

use alluvium_model::{KeyGroup, KeyGroupRange};

use super::keyed::{KeyedHandle, SAVEPOINT_KEY_GROUPS, StateChange};
use super::stream::StreamHandle;
use super::wire::{Source, mismatch, put_bytes32, put_count, put_key_groups, put_range};
use crate::bytes::put_utf;
use crate::{Error, Result};

const NONE: u8 = 0;
const KEY_GROUPS_OLD: u8 = 3;
const INCREMENTAL_OLD: u8 = 5;
const CHANGELOG_OLD: u8 = 8;
const CHANGELOG_IN_MEMORY: u8 = 9;
const CHANGELOG_FILES_OLD: u8 = 10;
const INCREMENTAL: u8 = 11;
const KEY_GROUPS: u8 = 12;
const CHANGELOG_FILES: u8 = 13;
const CHANGELOG: u8 = 14;

const SECTION: &str = "keyed state handle";
const ID: &str = "id of a keyed state handle";

/// Fewest bytes of a handle that is not absent.
const HANDLE_MIN: usize = 9;

impl KeyedHandle {
    /// Reads a handle or none.
    pub(super) fn read_optional(source: &mut Source<'_>) -> Result<Option<Self>> {
        let tag = source.input.u8(SECTION)?;
        if tag == NONE {
            return Ok(None);
        }
        source.nested(|source| Self::read_tagged(source, tag)).map(Some)
    }

    fn read(source: &mut Source<'_>) -> Result<Self> {
        let found = Self::read_optional(source)?;
        found.ok_or_else(|| source.wrong_tag(SECTION, "a handle", NONE))
    }

    fn read_tagged(source: &mut Source<'_>, tag: u8) -> Result<Self> {
        match tag {
            KEY_GROUPS_OLD | KEY_GROUPS | SAVEPOINT_KEY_GROUPS => {
                let (range, offsets) = source.key_groups()?;
                let stream = StreamHandle::read(source)?;
                let id = present(tag == KEY_GROUPS, || source.input.utf(ID))?;
                Ok(KeyedHandle::KeyGroups { tag, range, offsets, stream, id })
            }
            INCREMENTAL_OLD | INCREMENTAL => incremental(source, tag),
            CHANGELOG_OLD | CHANGELOG => changelog(source, tag),
            CHANGELOG_IN_MEMORY => changelog_in_memory(source),
            CHANGELOG_FILES_OLD | CHANGELOG_FILES => changelog_files(source, tag),
            other => Err(source.wrong_tag(SECTION, "tag 0, 3, 5 or 7 to 14", other)),
        }
    }

    /// Appends a handle or none.
    pub(super) fn write_optional(handle: Option<&Self>, out: &mut Vec<u8>) -> Result<()> {
        match handle {
            Some(handle) => handle.write(out),
            None => {
                out.push(NONE);
                Ok(())
            }
        }
    }

    fn write(&self, out: &mut Vec<u8>) -> Result<()> {
        match self {
            KeyedHandle::KeyGroups { tag, range, offsets, stream, id } => {
                put_tag(*tag, &[KEY_GROUPS_OLD, KEY_GROUPS, SAVEPOINT_KEY_GROUPS], out)?;
                put_key_groups(*range, offsets, out)?;
                stream.write(out)?;
                put_present(*tag == KEY_GROUPS, id.as_ref(), out, |id, out| put_utf(id, ID, out))
            }
            KeyedHandle::Incremental { .. } => self.write_incremental(out),
            KeyedHandle::Changelog { .. } => self.write_changelog(out),
            KeyedHandle::ChangelogInMemory { range, from, to, changes, id } => {
                out.push(CHANGELOG_IN_MEMORY);
                put_range(*range, out)?;
                put_longs(&[*from, *to], out);
                put_count(changes.len(), SECTION, out)?;
                for change in changes {
                    let group = change.key_group.map_or(-1, |group| i32::from(group.0));
                    out.extend(group.to_be_bytes());
                    put_bytes32(&change.change, SECTION, out)?;
                }
                put_utf(id, ID, out)
            }
            KeyedHandle::ChangelogFiles { .. } => self.write_changelog_files(out),
        }
    }

    fn write_incremental(&self, out: &mut Vec<u8>) -> Result<()> {
        let KeyedHandle::Incremental {
            tag,
            checkpoint_id,
            backend,
            range,
            checkpointed_size,
            meta,
            shared,
            private,
            id,
        } = self
        else {
            return Ok(());
        };
        put_tag(*tag, &[INCREMENTAL_OLD, INCREMENTAL], out)?;
        out.extend(checkpoint_id.to_be_bytes());
        put_utf(backend, SECTION, out)?;
        put_range(*range, out)?;
        let new = *tag == INCREMENTAL;
        put_present(new, checkpointed_size.as_ref(), out, |size, out| {
            put_longs(&[*size], out);
            Ok(())
        })?;
        meta.write(out)?;
        for files in [shared, private] {
            put_count(files.len(), SECTION, out)?;
            for (name, stream) in files {
                put_utf(name, SECTION, out)?;
                stream.write(out)?;
            }
        }
        put_present(new, id.as_ref(), out, |id, out| put_utf(id, ID, out))
    }

    fn write_changelog(&self, out: &mut Vec<u8>) -> Result<()> {
        let KeyedHandle::Changelog {
            tag,
            range,
            checkpointed_size,
            materialised,
            increments,
            materialisation_id,
            checkpoint_id,
            id,
        } = self
        else {
            return Ok(());
        };
        put_tag(*tag, &[CHANGELOG_OLD, CHANGELOG], out)?;
        put_range(*range, out)?;
        put_longs(&[*checkpointed_size], out);
        for handles in [materialised, increments] {
            put_count(handles.len(), SECTION, out)?;
            handles.iter().try_for_each(|handle| handle.write(out))?;
        }
        put_longs(&[*materialisation_id], out);
        put_present(*tag == CHANGELOG, checkpoint_id.as_ref(), out, |id, out| {
            put_longs(&[*id], out);
            Ok(())
        })?;
        put_utf(id, ID, out)
    }

    fn write_changelog_files(&self, out: &mut Vec<u8>) -> Result<()> {
        let KeyedHandle::ChangelogFiles { tag, range, streams, state_size, checkpointed_size, id, storage } =
            self
        else {
            return Ok(());
        };
        put_tag(*tag, &[CHANGELOG_FILES_OLD, CHANGELOG_FILES], out)?;
        put_range(*range, out)?;
        put_count(streams.len(), SECTION, out)?;
        for (offset, stream) in streams {
            put_longs(&[*offset], out);
            stream.write(out)?;
        }
        put_longs(&[*state_size, *checkpointed_size], out);
        put_utf(id, ID, out)?;
        put_present(*tag == CHANGELOG_FILES, storage.as_ref(), out, |id, out| put_utf(id, SECTION, out))
    }
}

fn incremental(source: &mut Source<'_>, tag: u8) -> Result<KeyedHandle> {
    let new = tag == INCREMENTAL;
    Ok(KeyedHandle::Incremental {
        tag,
        checkpoint_id: source.input.i64(SECTION)?,
        backend: source.input.utf("backend of a keyed state handle")?,
        range: source.range()?,
        checkpointed_size: present(new, || source.input.i64(SECTION))?,
        meta: StreamHandle::read(source)?,
        shared: named_files(source)?,
        private: named_files(source)?,
        id: present(new, || source.input.utf(ID))?,
    })
}

fn named_files(source: &mut Source<'_>) -> Result<Vec<(String, StreamHandle)>> {
    source.list(3, "files of a keyed state handle", |source| {
        let name = source.input.utf("file name in a keyed state handle")?;
        Ok((name, StreamHandle::read(source)?))
    })
}

fn changelog(source: &mut Source<'_>, tag: u8) -> Result<KeyedHandle> {
    let range = source.range()?;
    let checkpointed_size = source.input.i64(SECTION)?;
    let materialised = source.list(HANDLE_MIN, SECTION, KeyedHandle::read)?;
    let increments = source.list(HANDLE_MIN, SECTION, KeyedHandle::read)?;
    Ok(KeyedHandle::Changelog {
        tag,
        range,
        checkpointed_size,
        materialised,
        increments,
        materialisation_id: source.input.i64(SECTION)?,
        checkpoint_id: present(tag == CHANGELOG, || source.input.i64(SECTION))?,
        id: source.input.utf(ID)?,
    })
}

fn changelog_in_memory(source: &mut Source<'_>) -> Result<KeyedHandle> {
    let range: KeyGroupRange = source.range()?;
    let (from, to) = (source.input.i64(SECTION)?, source.input.i64(SECTION)?);
    let changes = source.list(8, SECTION, |source| {
        let key_group =
            match source.input.i32("key group of a change")? {
                -1 => None,
                group => Some(KeyGroup(u16::try_from(group).map_err(|_| {
                    source.input.malformed("key group of a change", "-1 or a key group", group)
                })?)),
            };
        Ok(StateChange { key_group, change: source.bytes32("change")? })
    })?;
    Ok(KeyedHandle::ChangelogInMemory { range, from, to, changes, id: source.input.utf(ID)? })
}

fn changelog_files(source: &mut Source<'_>, tag: u8) -> Result<KeyedHandle> {
    Ok(KeyedHandle::ChangelogFiles {
        tag,
        range: source.range()?,
        streams: source.list(HANDLE_MIN, SECTION, |source| {
            let offset = source.input.i64(SECTION)?;
            Ok((offset, StreamHandle::read(source)?))
        })?,
        state_size: source.input.i64(SECTION)?,
        checkpointed_size: source.input.i64(SECTION)?,
        id: source.input.utf(ID)?,
        storage: present(tag == CHANGELOG_FILES, || source.input.utf("changelog storage"))?,
    })
}

fn present<T>(present: bool, read: impl FnOnce() -> Result<T>) -> Result<Option<T>> {
    if present { read().map(Some) } else { Ok(None) }
}

fn put_tag(tag: u8, known: &[u8], out: &mut Vec<u8>) -> Result<()> {
    if !known.contains(&tag) {
        return Err(mismatch(SECTION, "a tag of this kind of handle", tag, out));
    }
    out.push(tag);
    Ok(())
}

/// Appends what handles of some tags have and those of others lack.
fn put_present<T>(
    wanted: bool,
    value: Option<&T>,
    out: &mut Vec<u8>,
    put: impl FnOnce(&T, &mut Vec<u8>) -> Result<()>,
) -> Result<()> {
    match (wanted, value) {
        (true, Some(value)) => put(value, out),
        (false, None) => Ok(()),
        (true, None) => Err(mismatch(SECTION, "a value for this tag", "none", out)),
        (false, Some(_)) => Err::<(), Error>(mismatch(SECTION, "nothing for this tag", "a value", out)),
    }
}

fn put_longs(numbers: &[i64], out: &mut Vec<u8>) {
    out.extend(numbers.iter().flat_map(|number| number.to_be_bytes()));
}
