//! Reading the rows of one unit of a table: of a key group, or of a subtask.

use alluvium_model::{KeyGroup, Original, Originals, Role, Row, StateSchema, TimeDomain, Value};

use super::inflight;
use super::operators::{ListPart, OperatorSource, RawKeyed, timer_shape};
use super::rows::{Part, RowMaker};
use super::tables::{Source, Table};
use crate::bytes::Input;
use crate::files::Files;
use crate::layout::channels;
use crate::layout::entry::Entry;
use crate::layout::lists::{ListFile, walk_broadcast};
use crate::layout::raw_timers::{self, Service, TimerSink};
use crate::layout::shape::Shape;
use crate::metadata::Subtask;
use crate::serializer::{Context, Serializer};
use crate::{Error, Result};

/// Most bytes of legacy state of one subtask.
const LEGACY_BYTES_MAX: u64 = 1 << 30;

/// A part of a table that is read at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unit {
    /// A key group of a keyed table.
    Group(KeyGroup),
    /// A subtask of another table.
    Subtask(u32),
}

/// Rows of a unit, and what of it could not be read.
#[derive(Debug, Default)]
pub(super) struct Rows {
    pub(super) rows: Vec<Row>,
    pub(super) damages: Vec<Error>,
}

impl Rows {
    fn push(&mut self, row: Result<Row>) {
        match row {
            Ok(row) => self.rows.push(row),
            Err(error) => self.damages.push(error),
        }
    }
}

/// What reading the tables of an operator needs.
#[derive(Clone, Copy)]
pub(super) struct Reading<'a> {
    pub(super) operator: &'a OperatorSource,
    pub(super) table: &'a Table,
    pub(super) files: &'a Files,
    pub(super) context: Context,
    /// Whether rows of keyed state go straight into columns.
    pub(super) columns: bool,
}

impl Reading<'_> {
    /// Reads the rows of a unit, in no particular order. Of a key group, rows may be left out whose key
    /// is serialized to bytes that do not begin with `key`.
    pub(super) fn read(&self, unit: Unit, key: &[u8]) -> Rows {
        let mut rows = Rows::default();
        match unit {
            Unit::Group(group) => self.read_group(group, key, &mut rows),
            Unit::Subtask(subtask) => self.read_subtask(subtask, &mut rows),
        }
        rows
    }

    /// Returns the subtasks that have rows of the table, ascending.
    pub(super) fn subtasks(&self) -> Vec<u32> {
        let mut subtasks: Vec<u32> =
            self.operator.operator.subtasks.iter().map(|subtask| subtask.index).collect();
        subtasks.sort_unstable();
        subtasks.dedup();
        if let Source::Broadcast(name, chain) = &self.table.source {
            let has =
                |part: &&ListPart| part.handle.chain_index == *chain && !part.offsets(name, true).is_empty();
            return self.operator.lists.iter().find(has).map(|part| part.subtask).into_iter().collect();
        }
        subtasks
    }

    fn read_group(&self, group: KeyGroup, key: &[u8], rows: &mut Rows) {
        let schema = &self.table.schema;
        match &self.table.source {
            Source::Keyed(name) => {
                for part in self.operator.keyed.iter().filter(|part| part.range.contains(group)) {
                    let Some((state, shape)) = part
                        .state(name)
                        .and_then(|state| Some((state, part.states.shapes.get(usize::from(state))?)))
                    else {
                        continue;
                    };
                    let maker = RowMaker::new(schema, shape);
                    let read = part.read(group, state, key, &mut |entry| {
                        rows.push(entry.and_then(|entry| {
                            let at = entry.offset;
                            maker.row(group, &entry).map_err(|error| error.within(format!("offset {at}")))
                        }));
                    });
                    let damages = read.err().into_iter().chain(rows.damages.drain(..));
                    rows.damages = damages.map(|error| error.within(part.place.clone())).collect();
                }
            }
            Source::RawTimers { service, domain } => {
                for part in self.operator.raw_keyed.iter().filter(|part| part.timers) {
                    let mut timers = Timers { schema, service, domain: *domain, group, shape: None, rows };
                    if let Err(error) = read_timers(part, group, &self.context, &mut timers) {
                        rows.damages.push(error.within(part.stream.name()));
                    }
                }
            }
            _ => {}
        }
    }

    fn read_subtask(&self, index: u32, rows: &mut Rows) {
        let read = match &self.table.source {
            Source::List(name, chain) => self.read_list(index, name, *chain, rows),
            Source::Broadcast(name, chain) => self.read_broadcast(index, name, *chain, rows),
            Source::RawKeyed => self.read_raw_keyed(index, rows),
            Source::RawOperator(chain) => {
                self.each(index, &mut |subtask| self.read_raw(subtask, *chain, rows))
            }
            Source::Legacy(chain) => self.each(index, &mut |subtask| self.read_legacy(subtask, *chain, rows)),
            Source::Channels { output, gate } => {
                self.each(index, &mut |subtask| self.read_channels(subtask, *output, *gate, rows))
            }
            Source::Keyed(_) | Source::RawTimers { .. } => Ok(()),
        };
        if let Err(error) = read {
            rows.damages.push(error);
        }
    }

    fn each(&self, index: u32, read: &mut dyn FnMut(&Subtask) -> Result<()>) -> Result<()> {
        self.operator.operator.subtasks.iter().filter(|subtask| subtask.index == index).try_for_each(read)
    }

    fn parts(&self, subtask: u32, chain: u32) -> impl Iterator<Item = &ListPart> {
        let of = move |part: &&ListPart| part.subtask == subtask && part.handle.chain_index == chain;
        self.operator.lists.iter().filter(of)
    }

    fn read_list(&self, subtask: u32, name: &str, chain: u32, rows: &mut Rows) -> Result<()> {
        for part in self.parts(subtask, chain) {
            let Some(value) = part.state(name, false).and_then(|meta| meta.value.as_ref()) else { continue };
            let file = ListFile::new(part.stream.as_ref(), &part.handle, part.header.compressed);
            let cell = self.value_part(&value.serializer);
            let crowded = part.has_lists_without_offsets();
            for (offset, index) in part.offsets(name, false).iter().zip(0..) {
                let bytes = file.element(*offset);
                let decoded =
                    bytes.and_then(|b| if crowded { cell.decode_front(&b) } else { cell.decode(&b) });
                rows.push(decoded.map(|decoded| element(subtask, index, decoded)).map_err(|error| {
                    error.within(format!("{}: element {index} at offset {offset}", part.stream.name()))
                }));
            }
        }
        Ok(())
    }

    fn read_broadcast(&self, subtask: u32, name: &str, chain: u32, rows: &mut Rows) -> Result<()> {
        for part in self.parts(subtask, chain) {
            let Some((key, value)) =
                part.state(name, true).and_then(|m| m.key.as_ref().zip(m.value.as_ref()))
            else {
                continue;
            };
            let schema = &self.table.schema;
            let Some(key_type) = &schema.map_key else { continue };
            let key_part = Part::new(Role::MapKey, &key.serializer, key_type, false);
            let value_part = self.value_part(&value.serializer);
            let file = ListFile::new(part.stream.as_ref(), &part.handle, part.header.compressed);
            for offset in part.offsets(name, true) {
                let bytes = file.element(*offset)?;
                let base = u64::try_from(*offset).unwrap_or(0);
                let base = if part.header.compressed { 0 } else { base };
                let walked =
                    walk_broadcast(&bytes, base, &key.serializer, &value.serializer, &mut |key, value| {
                        rows.push(key_part.decode(key).and_then(|(map_key, key_original)| {
                            let (value, value_original) = value_part.decode(value)?;
                            let originals = originals(key_original, value_original);
                            Ok(Row { map_key, value, originals, ..Row::default() })
                        }));
                    });
                walked.map_err(|error| error.within(part.stream.name()))?;
            }
        }
        Ok(())
    }

    fn read_raw_keyed(&self, subtask: u32, rows: &mut Rows) -> Result<()> {
        let parts = self.operator.raw_keyed.iter().filter(|part| part.subtask == subtask && !part.timers);
        for part in parts {
            for group in part.offsets.groups() {
                if let Some(bytes) = part.group(group)? {
                    rows.rows.push(element(subtask, group.0.into(), (Value::Bytes(bytes), None)));
                }
            }
        }
        Ok(())
    }

    fn read_raw(&self, subtask: &Subtask, chain: u32, rows: &mut Rows) -> Result<()> {
        for handle in subtask.raw_operator.iter().filter(|handle| handle.chain_index == chain) {
            let stream = self.files.open(&handle.stream)?;
            let file = ListFile::new(stream.as_ref(), handle, false);
            let offsets = handle.states.iter().flat_map(|state| &state.offsets);
            for (offset, index) in offsets.zip(0..) {
                let bytes = file.element(*offset).map_err(|error| error.within(stream.name()));
                rows.push(bytes.map(|bytes| element(subtask.index, index, (Value::Bytes(bytes), None))));
            }
        }
        Ok(())
    }

    fn read_legacy(&self, subtask: &Subtask, chain: u32, rows: &mut Rows) -> Result<()> {
        let member = usize::try_from(chain).ok().and_then(|chain| subtask.legacy.get(chain));
        let Some(Some(handle)) = member else { return Ok(()) };
        let stream = self.files.open(handle)?;
        let bytes = stream.read_from(0, LEGACY_BYTES_MAX)?;
        let value = self.table.schema.value.as_ref().map(|value| value.ty.clone());
        let Some(alluvium_model::LogicalType::Opaque { serializer }) = value else { return Ok(()) };
        // The first byte says whether an object follows.
        let bytes = bytes.get(1..).unwrap_or_default().to_vec();
        rows.rows.push(element(subtask.index, 0, (Value::Opaque { serializer, bytes }, None)));
        Ok(())
    }

    fn read_channels(&self, subtask: &Subtask, output: bool, gate: u32, rows: &mut Rows) -> Result<()> {
        let handles = if output { &subtask.output_channels } else { &subtask.input_channels };
        let mut channels: Vec<_> = handles
            .iter()
            .flat_map(|handle| handle.channels.iter().map(move |channel| (channel, &handle.stream)))
            .filter(|(channel, _)| channel.gate == gate)
            .collect();
        channels.sort_by_key(|(channel, _)| channel.channel);
        let mut index = 0;
        for (channel, handle) in channels {
            let stream = self.files.open(handle)?;
            let bytes = channels::read_channel(stream.as_ref(), channel);
            let bytes = bytes.map_err(|error| error.within(stream.name()))?;
            channels::walk(&bytes, &mut |found| {
                let value = inflight::record(channel.channel, &found);
                rows.rows.push(element(subtask.index, index, (value, None)));
                index += 1;
            });
        }
        Ok(())
    }

    fn value_part<'s>(&self, serializer: &'s Serializer) -> Part<'s> {
        static BYTES: alluvium_model::LogicalType = alluvium_model::LogicalType::Bytes;
        let column = self.table.schema.value.as_ref();
        let ty = column.map_or(&BYTES, |value| &value.ty);
        Part::new(Role::Value, serializer, ty, column.is_some_and(|value| value.nullable))
    }
}

fn element(subtask: u32, index: i64, (value, original): (Value, Option<Original>)) -> Row {
    let subtask = i32::try_from(subtask).unwrap_or(i32::MAX);
    Row { subtask, position: index, value, originals: originals(None, original), ..Row::default() }
}

fn originals(map_key: Option<Original>, value: Option<Original>) -> Option<Box<Originals>> {
    let any = map_key.is_some() || value.is_some();
    any.then(|| Box::new(Originals { map_key, value, ..Originals::default() }))
}

/// Takes the timers of one service and domain.
struct Timers<'t> {
    schema: &'t StateSchema,
    service: &'t str,
    domain: TimeDomain,
    group: KeyGroup,
    shape: Option<Shape>,
    rows: &'t mut Rows,
}

impl TimerSink for Timers<'_> {
    fn service(&mut self, service: &Service) {
        let wanted = service.name == self.service;
        let shape = || timer_shape(&service.name, &service.key, &service.namespace, self.domain);
        self.shape = wanted.then(shape);
    }

    fn timer(&mut self, domain: TimeDomain, entry: Entry<'_>) {
        if let Some(shape) = self.shape.as_ref().filter(|_| domain == self.domain) {
            let row = RowMaker::new(self.schema, shape).row(self.group, &entry);
            self.rows.push(row);
        }
    }
}

fn read_timers(part: &RawKeyed, group: KeyGroup, context: &Context, timers: &mut Timers<'_>) -> Result<()> {
    match part.group(group)? {
        Some(bytes) => raw_timers::walk(&mut Input::new(&bytes), context, timers),
        None => Ok(()),
    }
}
