//! The operators of a snapshot: their parts are opened, their states joined into tables.

use std::collections::HashMap;
use std::sync::Arc;

use alluvium_model::serializer::StateSerializers;
use alluvium_model::{
    KeyGroupFunction, KeyGroupRange, LogicalType, OperatorId, OperatorUid, StateKind, TimeDomain,
};
use bytes::Bytes;

use super::agree;
use super::inflight;
use super::tables::{
    Source, Table, Tables, bytes_schema, key_group_function, keyed_schema, operator_schema, origin, with_ids,
};
use crate::bytes::Input;
use crate::files::Files;
use crate::header::{EVENT_TIMERS, OperatorHeader, PROCESSING_TIMERS, StateMeta};
use crate::keyed::{KeyedPart, Opening, States};
use crate::layout::detect::Offsets;
use crate::layout::entry::Entry;
use crate::layout::feed::{Feed, SNAPPY_IDENTIFIER};
use crate::layout::raw_timers::{self, Service, TimerSink};
use crate::layout::shape::Shape;
use crate::metadata::{KeyedHandle, Operator, OperatorHandle, Subtask};
use crate::serializer::{Context, Serializer};
use crate::{Error, ReadAt, Result};

/// Most bytes of a header of operator state.
const HEADER_BYTES_MAX: u64 = 256 << 20;
/// Most bytes of one key group of raw keyed state.
const GROUP_BYTES_MAX: u64 = 1 << 30;
/// Most key groups of one file in which timer services are looked for.
const TIMER_GROUPS: usize = 64;
/// Last version of the metadata whose raw timers may be without an identifier.
const UNMARKED_TIMERS: u32 = 2;

/// An operator, its states and where they lie.
#[derive(Debug)]
pub(super) struct OperatorSource {
    pub(super) id: OperatorId,
    pub(super) uid: Option<OperatorUid>,
    pub(super) max_parallelism: u32,
    pub(super) function: KeyGroupFunction,
    pub(super) tables: Vec<Table>,
    pub(super) keyed: Vec<KeyedPart>,
    pub(super) raw_keyed: Vec<RawKeyed>,
    pub(super) lists: Vec<ListPart>,
    /// What could not be opened.
    pub(super) faults: Vec<Fault>,
    /// What subtasks disagree on.
    pub(super) conflicts: Vec<String>,
    /// The operator as the metadata has it.
    pub(super) operator: Operator,
}

/// Something that could not be opened.
#[derive(Debug)]
pub(super) struct Fault {
    pub(super) place: String,
    pub(super) error: Error,
    /// Which rows are missing because of it.
    pub(super) lost: Lost,
}

/// Rows that cannot be read at all, because what describes them cannot be opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lost {
    /// Of keyed states, in these key groups.
    Keyed(KeyGroupRange),
    /// Of raw keyed state, in these key groups.
    RawKeyed(KeyGroupRange),
    /// Of lists and broadcast states.
    Operator,
}

impl Lost {
    /// Returns whether rows of a table in a range of key groups may be among them.
    pub(super) fn concerns(self, source: &Source, range: KeyGroupRange) -> bool {
        match (self, source) {
            (Lost::Keyed(lost), Source::Keyed(_)) | (Lost::RawKeyed(lost), Source::RawTimers { .. }) => {
                !lost.intersect(range).is_empty()
            }
            (Lost::RawKeyed(_), Source::RawKeyed)
            | (Lost::Operator, Source::List(..) | Source::Broadcast(..)) => !range.is_empty(),
            _ => false,
        }
    }
}

/// Raw keyed state of a subtask.
#[derive(Debug)]
pub(super) struct RawKeyed {
    pub(super) subtask: u32,
    pub(super) stream: Arc<dyn ReadAt>,
    pub(super) offsets: Offsets,
    pub(super) timers: bool,
}

/// Operator state of a subtask.
#[derive(Debug)]
pub(super) struct ListPart {
    pub(super) subtask: u32,
    pub(super) stream: Arc<dyn ReadAt>,
    pub(super) handle: OperatorHandle,
    pub(super) header: Arc<OperatorHeader>,
}

impl ListPart {
    /// Returns the state of a name among lists or broadcast states.
    pub(super) fn state(&self, name: &str, broadcast: bool) -> Option<&StateMeta> {
        let states = if broadcast { &self.header.broadcasts } else { &self.header.lists };
        states.iter().find(|meta| meta.name == name)
    }

    /// Returns whether elements that no offset leads to may lie between others: those of a list whose
    /// name is that of a broadcast state too.
    pub(super) fn has_lists_without_offsets(&self) -> bool {
        self.header.lists.iter().any(|meta| self.state(&meta.name, true).is_some())
    }

    /// Returns the offsets of a list or broadcast state. Where both have one name, the offsets are
    /// those of the broadcast state.
    pub(super) fn offsets(&self, name: &str, broadcast: bool) -> &[i64] {
        if !broadcast && self.state(name, true).is_some() {
            return &[];
        }
        self.handle.states.iter().find(|state| state.name == name).map_or(&[], |state| &state.offsets)
    }
}

impl OperatorSource {
    /// Returns what to call the operator: its uid, else its id.
    pub(super) fn label(&self) -> String {
        self.uid.as_ref().map_or_else(|| self.id.to_string(), ToString::to_string)
    }

    /// Opens an operator: reads headers, and of raw timers the first key groups.
    pub(super) fn open(
        operator: &Operator,
        files: &Arc<Files>,
        context: Context,
        caches: &mut Caches,
    ) -> Self {
        let mut source = OperatorSource {
            id: operator.id,
            uid: operator.uid.clone(),
            max_parallelism: operator.max_parallelism,
            function: KeyGroupFunction::Stored,
            tables: Vec::new(),
            keyed: Vec::new(),
            raw_keyed: Vec::new(),
            lists: Vec::new(),
            faults: Vec::new(),
            conflicts: Vec::new(),
            operator: operator.clone(),
        };
        let mut tables = Tables::default();
        let mut subtasks: Vec<&Subtask> = operator.subtasks.iter().collect();
        subtasks.sort_by_key(|subtask| subtask.index);
        for subtask in &subtasks {
            source.open_keyed(subtask, files, context, caches);
        }
        agree::keyed(&mut source.keyed);
        source.add_keyed(&mut tables);
        for subtask in &subtasks {
            source.open_raw_keyed(subtask, files, context, &mut tables);
        }
        for subtask in &subtasks {
            source.open_lists(subtask, files, context, caches);
        }
        agree::lists(&mut source.lists);
        source.add_lists(&mut tables);
        for subtask in &subtasks {
            add_unmanaged(operator, subtask, &mut tables);
        }
        source.conflicts = tables.conflicts;
        source.tables = tables.tables;
        source
    }

    fn open_keyed(&mut self, subtask: &Subtask, files: &Arc<Files>, context: Context, caches: &mut Caches) {
        let Some(handle) = &subtask.managed_keyed else { return };
        let headers = &mut caches.keyed;
        let max_parallelism = self.max_parallelism;
        let mut opening = Opening { files, context, max_parallelism, headers };
        match opening.part(subtask.index, handle) {
            Ok(part) => self.keyed.push(part),
            Err(error) => {
                let place = format!("keyed state of subtask {}", subtask.index);
                self.faults.push(Fault { place, error, lost: Lost::Keyed(handle.range()) });
            }
        }
    }

    fn add_keyed(&mut self, tables: &mut Tables) {
        for part in &self.keyed {
            self.function = key_group_function(&part.states.key.serializer);
            for (meta, shape) in part.states.metas.iter().zip(&part.states.shapes) {
                let (key, source) = (Some(&part.states.key), Source::Keyed(meta.name.clone()));
                tables.add(Table {
                    schema: Arc::new(keyed_schema(shape)),
                    origin: origin(meta, key),
                    serializers: tables.serializers(&source, meta, key),
                    rows: None,
                    source,
                });
            }
        }
    }

    fn open_raw_keyed(&mut self, subtask: &Subtask, files: &Files, context: Context, tables: &mut Tables) {
        let Some(KeyedHandle::KeyGroups { range, offsets, stream, .. }) = subtask.raw_keyed.as_deref() else {
            return;
        };
        let opened = files.open(stream).and_then(|stream| {
            let offsets = Offsets::new(*range, shifted(offsets), stream.len());
            let mut part = RawKeyed { subtask: subtask.index, stream, offsets, timers: true };
            let mut services = Services { tables, function: &mut self.function };
            part.find_services(context, &mut services)?;
            Ok(part)
        });
        match opened {
            Ok(part) => {
                if !part.timers {
                    let schema =
                        bytes_schema("$raw-keyed".into(), StateKind::OperatorList, LogicalType::Bytes);
                    let source = Source::RawKeyed;
                    tables.add(Table::plain(schema, source));
                }
                self.raw_keyed.push(part);
            }
            Err(error) => {
                let place = format!("raw keyed state of subtask {}", subtask.index);
                self.faults.push(Fault { place, error, lost: Lost::RawKeyed(*range) });
            }
        }
    }

    fn open_lists(&mut self, subtask: &Subtask, files: &Files, context: Context, caches: &mut Caches) {
        for handle in &subtask.managed_operator {
            if handle.merged.as_ref().is_some_and(|merged| merged.empty) {
                continue;
            }
            let opened = files.open(&handle.stream).and_then(|stream| {
                let place = stream.name().to_owned();
                let header = operator_header(stream.as_ref(), handle, context, caches);
                let header = header.map_err(|error| error.within(place))?;
                Ok(ListPart { subtask: subtask.index, stream, handle: handle.clone(), header })
            });
            match opened {
                Ok(part) => self.lists.push(part),
                Err(error) => {
                    let place = format!("operator state of subtask {}", subtask.index);
                    self.faults.push(Fault { place, error, lost: Lost::Operator });
                }
            }
        }
    }

    /// Adds broadcast states before lists, so that a name of both is that of the one with data.
    fn add_lists(&self, tables: &mut Tables) {
        for broadcast in [true, false] {
            for part in &self.lists {
                let states = if broadcast { &part.header.broadcasts } else { &part.header.lists };
                for meta in states {
                    self.add_list(part, meta, broadcast, tables);
                }
            }
        }
    }

    fn add_list(&self, part: &ListPart, meta: &StateMeta, broadcast: bool, tables: &mut Tables) {
        let chain = part.handle.chain_index;
        let mut schema = operator_schema(meta);
        schema.name = in_chain(schema.name, &self.operator, chain);
        let source = if broadcast { Source::Broadcast } else { Source::List };
        let source = source(meta.name.clone(), chain);
        tables.add(Table {
            schema: Arc::new(schema),
            origin: origin(meta, None),
            serializers: tables.serializers(&source, meta, None),
            rows: (!broadcast).then(|| part.offsets(&meta.name, false).len() as u64),
            source,
        });
    }
}

/// Headers already read, by their bytes.
#[derive(Default)]
pub(super) struct Caches {
    keyed: HashMap<(Bytes, bool), Arc<States>>,
    operator: HashMap<Bytes, Arc<OperatorHeader>>,
}

fn operator_header(
    stream: &dyn ReadAt,
    handle: &OperatorHandle,
    context: Context,
    caches: &mut Caches,
) -> Result<Arc<OperatorHeader>> {
    let offsets = handle.states.iter().flat_map(|state| &state.offsets);
    let first = offsets.filter_map(|offset| usize::try_from(*offset).ok()).min();
    let bytes = match first {
        Some(first) if first as u64 <= HEADER_BYTES_MAX => stream.read_at(0, first)?,
        _ => stream.read_from(0, HEADER_BYTES_MAX)?,
    };
    // In front of compressed data stands its stream identifier, which is no part of the header.
    let length = bytes.strip_suffix(&SNAPPY_IDENTIFIER).map_or(bytes.len(), <[u8]>::len);
    let bytes = bytes.slice(..length);
    if let Some(header) = caches.operator.get(&bytes) {
        return Ok(Arc::clone(header));
    }
    let header = Arc::new(OperatorHeader::read(&bytes, &context)?);
    caches.operator.insert(bytes, Arc::clone(&header));
    Ok(header)
}

/// Raw keyed state marks key groups without data by −1 and may begin at 0, where managed state has its
/// header: offsets are counted from 1, see [`RawKeyed::group`].
fn shifted(offsets: &[i64]) -> Vec<i64> {
    offsets.iter().map(|offset| if *offset < 0 { 0 } else { offset.saturating_add(1) }).collect()
}

impl RawKeyed {
    /// Reads a key group, none if it is not there.
    pub(super) fn group(&self, group: alluvium_model::KeyGroup) -> Result<Option<Vec<u8>>> {
        let Some((from, to)) = self.offsets.of(group) else { return Ok(None) };
        let to = if to >= self.stream.len() { self.stream.len() } else { to - 1 };
        let feed = Feed::plain(self.stream.as_ref(), from - 1, to);
        feed.rest("raw keyed state", GROUP_BYTES_MAX).map(Some)
    }

    fn find_services(&mut self, context: Context, services: &mut Services<'_>) -> Result<()> {
        let unmarked = context.metadata_version <= UNMARKED_TIMERS;
        let groups: Vec<_> = self.offsets.groups().collect();
        let stride = groups.len().div_ceil(TIMER_GROUPS).max(1);
        for group in groups.into_iter().step_by(stride) {
            let bytes = self.group(group)?.unwrap_or_default();
            if !raw_timers::is_timers(&bytes, unmarked, &context) {
                self.timers = false;
                return Ok(());
            }
            let walked = raw_timers::walk(&mut Input::new(&bytes), &context, services);
            walked.map_err(|error| error.within(self.stream.name()))?;
        }
        Ok(())
    }
}

/// Adds a table for each time domain of every timer service.
struct Services<'t> {
    tables: &'t mut Tables,
    function: &'t mut KeyGroupFunction,
}

impl TimerSink for Services<'_> {
    fn service(&mut self, service: &Service) {
        *self.function = key_group_function(&service.key);
        for domain in [TimeDomain::Event, TimeDomain::Processing] {
            let shape = timer_shape(&service.name, &service.key, &service.namespace, domain);
            let serializers = StateSerializers {
                key: Some(Box::new(service.key.tree())),
                namespace: Some(Box::new(service.namespace.tree())),
                ..StateSerializers::default()
            };
            let source = Source::RawTimers { service: service.name.clone(), domain };
            let table = Table::plain(with_ids(keyed_schema(&shape)), source);
            self.tables.add(Table { serializers, ..table });
        }
    }

    fn timer(&mut self, _: TimeDomain, _: Entry<'_>) {}
}

/// Returns the shape of the timers of a service in raw keyed state.
pub(super) fn timer_shape(
    service: &str,
    key: &Serializer,
    namespace: &Serializer,
    domain: TimeDomain,
) -> Shape {
    let prefix = match domain {
        TimeDomain::Event => EVENT_TIMERS,
        TimeDomain::Processing => PROCESSING_TIMERS,
    };
    Shape {
        name: format!("{prefix}{service}"),
        kind: StateKind::Timer(domain),
        key: key.clone(),
        namespace: namespace.clone(),
        map_key: None,
        value: None,
        ttl: false,
    }
}

/// Adds what an operator wrote by itself, and its records in flight.
fn add_unmanaged(operator: &Operator, subtask: &Subtask, tables: &mut Tables) {
    let mut add = |name: &str, kind, value, rows, source| {
        let schema = with_ids(bytes_schema(name.to_owned(), kind, value));
        tables.add(Table { rows, ..Table::plain(schema, source) });
    };
    for handle in &subtask.raw_operator {
        let rows = handle.states.iter().map(|state| state.offsets.len() as u64).sum();
        let name = in_chain("$raw".into(), operator, handle.chain_index);
        let source = Source::RawOperator(handle.chain_index);
        add(&name, StateKind::OperatorList, LogicalType::Bytes, Some(rows), source);
    }
    for (chain, legacy) in (0..).zip(&subtask.legacy) {
        if legacy.is_some() {
            let name = in_chain("$legacy".into(), operator, chain);
            let java = LogicalType::Opaque { serializer: "java.io.ObjectOutputStream".into() };
            add(&name, StateKind::OperatorList, java, Some(1), Source::Legacy(chain));
        }
    }
    for (output, handles) in [(false, &subtask.input_channels), (true, &subtask.output_channels)] {
        for channel in handles.iter().flat_map(|handle| &handle.channels) {
            let name = format!("{}{}", if output { "$output-" } else { "$input-" }, channel.gate);
            let source = Source::Channels { output, gate: channel.gate };
            add(&name, StateKind::InFlight, inflight::record_type(), None, source);
        }
    }
}

/// In version 1 of the metadata a chain of operators shares one id: its members are told by number.
fn in_chain(name: String, operator: &Operator, chain: u32) -> String {
    if operator.chain_length > 1 { format!("{name}#{chain}") } else { name }
}
