//! What a snapshot refers to: every stream, counted and added up.

use std::collections::{BTreeMap, BTreeSet};

use super::{ChannelForm, KeyedHandle, Metadata, Operator, OperatorHandle, StreamHandle, Subtask};

/// What a stream is to its operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Part {
    /// State of the coordinator.
    Coordinator,
    /// State of the interface `Checkpointed`.
    Legacy,
    /// Operator state that the backend wrote.
    ManagedOperator,
    /// Operator state that the operator wrote by itself.
    RawOperator,
    /// Keyed state that the backend wrote.
    ManagedKeyed,
    /// Keyed state that the operator wrote by itself.
    RawKeyed,
    /// Records in flight before the subtask.
    InputChannels,
    /// Records in flight behind the subtask.
    OutputChannels,
}

/// Handles and bytes of a snapshot.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Facts {
    /// Number of handles by kind, such as `incremental`, `savepoint key groups` or `operator`.
    pub handles: BTreeMap<&'static str, u64>,
    /// Number of streams by kind, as [`StreamHandle::kind`] names them.
    pub streams: BTreeMap<&'static str, u64>,
    /// Bytes of state in the metadata itself.
    pub inline_bytes: u64,
    /// Bytes of state in files, by the sizes in the handles; a file that several handles name counts
    /// once. Changelog files count uncompressed.
    pub referenced_bytes: u64,
    /// Number of different files.
    pub files: u64,
}

impl Metadata {
    /// Visits every stream that the snapshot refers to, with the operator, the subtask (none for its
    /// coordinator) and the part. Streams within handles of handles are visited too; changes of a
    /// changelog that lie in the metadata are no streams.
    pub fn for_each_stream<'m>(
        &'m self,
        mut visit: impl FnMut(&'m Operator, Option<&'m Subtask>, Part, &'m StreamHandle),
    ) {
        for operator in &self.operators {
            if let Some(stream) = &operator.coordinator {
                visit(operator, None, Part::Coordinator, stream);
            }
            for subtask in &operator.subtasks {
                subtask.for_each_stream(&mut |part, stream| visit(operator, Some(subtask), part, stream));
            }
        }
    }

    /// Counts handles and adds up bytes; opens nothing.
    pub fn facts(&self) -> Facts {
        let mut facts = Facts::default();
        for subtask in self.operators.iter().flat_map(|operator| &operator.subtasks) {
            for kind in subtask.kinds() {
                *facts.handles.entry(kind).or_default() += 1;
            }
        }
        let (mut files, mut pieces) = (BTreeSet::new(), BTreeSet::new());
        self.for_each_stream(|_, _, _, stream| {
            *facts.streams.entry(stream.kind()).or_default() += 1;
            let bytes = stream.size().unwrap_or(0);
            match (stream.path(), stream) {
                (None, _) => facts.inline_bytes = facts.inline_bytes.saturating_add(bytes),
                (Some(path), stream) => {
                    files.insert(path);
                    let start = if let StreamHandle::Segment { start, .. } = stream { *start } else { 0 };
                    if pieces.insert((path, start)) {
                        facts.referenced_bytes = facts.referenced_bytes.saturating_add(bytes);
                    }
                }
            }
        });
        facts.files = files.len() as u64;
        facts
    }
}

impl Subtask {
    /// Visits every stream of the subtask with its part.
    pub fn for_each_stream<'m>(&'m self, visit: &mut dyn FnMut(Part, &'m StreamHandle)) {
        self.legacy.iter().flatten().for_each(|stream| visit(Part::Legacy, stream));
        for (part, handles) in
            [(Part::ManagedOperator, &self.managed_operator), (Part::RawOperator, &self.raw_operator)]
        {
            handles.iter().for_each(|handle| visit(part, &handle.stream));
        }
        for (part, handle) in [(Part::ManagedKeyed, &self.managed_keyed), (Part::RawKeyed, &self.raw_keyed)] {
            if let Some(handle) = handle {
                handle.for_each_stream(&mut |stream| visit(part, stream));
            }
        }
        for (part, handles) in
            [(Part::InputChannels, &self.input_channels), (Part::OutputChannels, &self.output_channels)]
        {
            handles.iter().for_each(|handle| visit(part, &handle.stream));
        }
    }

    /// Returns what kinds of handles it has, one for each.
    fn kinds(&self) -> Vec<&'static str> {
        let mut kinds = Vec::new();
        kinds.extend(self.legacy.iter().flatten().map(|_| "legacy"));
        let operators = self.managed_operator.iter().chain(&self.raw_operator);
        kinds.extend(operators.map(OperatorHandle::kind));
        for handle in self.managed_keyed.iter().chain(&self.raw_keyed) {
            handle.kinds(&mut kinds);
        }
        let channels = self.input_channels.iter().chain(&self.output_channels);
        kinds.extend(channels.map(|handle| match handle.form {
            ChannelForm::Merged => "merged channels",
            ChannelForm::Short | ChannelForm::Single => "channel",
        }));
        kinds
    }
}

impl OperatorHandle {
    /// Returns what to call it: `operator` or `merged operator`.
    pub fn kind(&self) -> &'static str {
        if self.merged.is_some() { "merged operator" } else { "operator" }
    }
}

impl KeyedHandle {
    /// Returns what to call it: `key groups`, `savepoint key groups`, `incremental`, `changelog`,
    /// `changelog in memory` or `changelog files`.
    pub fn kind(&self) -> &'static str {
        match self {
            KeyedHandle::KeyGroups { .. } if self.is_savepoint() => "savepoint key groups",
            KeyedHandle::KeyGroups { .. } => "key groups",
            KeyedHandle::Incremental { .. } => "incremental",
            KeyedHandle::Changelog { .. } => "changelog",
            KeyedHandle::ChangelogInMemory { .. } => "changelog in memory",
            KeyedHandle::ChangelogFiles { .. } => "changelog files",
        }
    }

    /// Visits every stream of the handle and of the handles within it.
    pub fn for_each_stream<'m>(&'m self, visit: &mut dyn FnMut(&'m StreamHandle)) {
        match self {
            KeyedHandle::KeyGroups { stream, .. } => visit(stream),
            KeyedHandle::Incremental { meta, shared, private, .. } => {
                visit(meta);
                shared.iter().chain(private).for_each(|(_, stream)| visit(stream));
            }
            KeyedHandle::Changelog { materialised, increments, .. } => {
                materialised.iter().chain(increments).for_each(|handle| handle.for_each_stream(visit));
            }
            KeyedHandle::ChangelogInMemory { .. } => {}
            KeyedHandle::ChangelogFiles { streams, .. } => {
                streams.iter().for_each(|(_, stream)| visit(stream));
            }
        }
    }

    fn kinds(&self, kinds: &mut Vec<&'static str>) {
        kinds.push(self.kind());
        if let KeyedHandle::Changelog { materialised, increments, .. } = self {
            materialised.iter().chain(increments).for_each(|handle| handle.kinds(kinds));
        }
    }
}
