//! Metadata with every kind of handle that a version has, real files lack some.

use alluvium_model::{KeyGroup, KeyGroupRange, OperatorId, OperatorUid};
use bytes::Bytes;

use super::*;

pub(super) fn metadata(version: u32) -> Metadata {
    let master = MasterState { name: "hook".into(), version: 3, payload: Bytes::from_static(b"state") };
    let mut operators = vec![full(version)];
    if version >= 3 {
        operators.push(finished(version));
    }
    let action = PostCheckpointAction::Terminate;
    Metadata {
        version,
        checkpoint_id: 42,
        master_states: if version == 1 { Vec::new() } else { vec![master] },
        operators,
        properties: (version >= 4).then(|| Properties::savepoint(SavepointFormat::Native, action)),
    }
}

fn full(version: u32) -> Operator {
    let uid = OperatorUid::new("counts");
    Operator {
        id: uid.id(),
        uid: (version >= 5).then_some(uid),
        name: (version >= 5).then(|| "Counts".into()),
        parallelism: 3,
        max_parallelism: 128,
        chain_length: if version == 1 { 2 } else { 1 },
        coordinator: (version >= 3).then(|| memory(b"coordinator")),
        finished: false,
        subtasks: keyed(version).into_iter().map(|handle| subtask(version, handle)).collect(),
    }
}

fn finished(version: u32) -> Operator {
    let mut operator = full(version);
    operator.id = OperatorId::from_bytes([7; 16]);
    operator.uid = None;
    operator.coordinator = None;
    operator.finished = true;
    operator.subtasks.clear();
    operator
}

fn subtask(version: u32, keyed: KeyedHandle) -> Subtask {
    if version >= 3 && matches!(keyed, KeyedHandle::KeyGroups { tag: 3, .. }) {
        return Subtask { index: 2, finished: true, ..Subtask::default() };
    }
    let operators: Vec<_> = match version {
        1 => vec![operator(1, None)],
        4.. => vec![operator(0, Some(segment(100, 20)))],
        _ => vec![operator(0, None)],
    };
    let channels = |form| vec![channel(form)];
    let form = match version {
        3 => ChannelForm::Short,
        4 | 5 => ChannelForm::Single,
        _ => ChannelForm::Merged,
    };
    Subtask {
        index: 1,
        finished: false,
        managed_operator: operators,
        raw_operator: if version == 1 { Vec::new() } else { vec![operator(0, None)] },
        managed_keyed: Some(Box::new(keyed)),
        raw_keyed: None,
        input_channels: if version >= 3 { channels(form) } else { Vec::new() },
        output_channels: if version >= 4 { channels(ChannelForm::Single) } else { Vec::new() },
        legacy: match version {
            1 => vec![None, Some(memory(b"legacy"))],
            2 => vec![Some(memory(b"legacy"))],
            _ => Vec::new(),
        },
        legacy_duration: if version < 3 { -1 } else { 0 },
    }
}

fn operator(chain_index: u32, segment: Option<StreamHandle>) -> OperatorHandle {
    let state = |name: &str, mode, offsets: &[i64]| OperatorState {
        name: name.into(),
        mode,
        offsets: offsets.into(),
    };
    let merged = segment.is_some().then(|| MergedDirectories {
        task_owned: "file:/base/job/taskowned".into(),
        shared: "file:/base/job/shared".into(),
        empty: false,
    });
    OperatorHandle {
        chain_index,
        states: vec![
            state("split", DistributionMode::Split, &[4, 12]),
            state("union", DistributionMode::Union, &[20]),
            state("broadcast", DistributionMode::Broadcast, &[]),
        ],
        stream: segment.unwrap_or_else(|| memory(b"operator state")),
        merged,
    }
}

fn channel(form: ChannelForm) -> ChannelHandle {
    let one = |channel| Channel { gate: 0, channel, offsets: vec![4, 1 << 33], size: 100 };
    let merged = form == ChannelForm::Merged;
    ChannelHandle {
        form,
        subtask: (form != ChannelForm::Short).then_some(1),
        channels: if merged { vec![one(0), one(1)] } else { vec![one(5)] },
        size: if merged { 200 } else { 100 },
        stream: file(204),
    }
}

/// One of every kind of keyed state.
fn keyed(version: u32) -> Vec<KeyedHandle> {
    let range = KeyGroupRange::new(64, 66);
    let groups = |tag, id: Option<&str>| KeyedHandle::KeyGroups {
        tag,
        range,
        offsets: vec![-1, 77],
        stream: file(99),
        id: id.map(Into::into),
    };
    let mut handles = vec![groups(3, None)];
    if version == 1 {
        return handles;
    }
    handles.push(incremental(5));
    if version == 2 {
        return handles;
    }
    handles.extend([groups(7, None), groups(12, Some("id")), incremental(11)]);
    handles.extend([changelog(8), changelog(14)]);
    handles.push(KeyedHandle::KeyGroups {
        tag: 7,
        range: KeyGroupRange::new(0, 0),
        offsets: Vec::new(),
        stream: StreamHandle::KeyGroups { range, offsets: vec![1, 2], stream: Box::new(memory(b"")) },
        id: None,
    });
    handles
}

fn incremental(tag: u8) -> KeyedHandle {
    KeyedHandle::Incremental {
        tag,
        checkpoint_id: 41,
        backend: "6b1e2d0c-0000-4000-8000-000000000000".into(),
        range: KeyGroupRange::new(0, 128),
        checkpointed_size: (tag == 11).then_some(1234),
        meta: memory(b"header"),
        shared: vec![("000015.sst".into(), segment(0, 9)), ("000016.sst".into(), file(-1))],
        private: vec![("CURRENT".into(), StreamHandle::Relative { path: "a-b".into(), size: 16 })],
        id: (tag == 11).then(|| "id".into()),
    }
}

fn changelog(tag: u8) -> KeyedHandle {
    let range = KeyGroupRange::new(0, 2);
    let change =
        |key_group, change: &'static [u8]| StateChange { key_group, change: Bytes::from_static(change) };
    let in_memory = KeyedHandle::ChangelogInMemory {
        range,
        from: 5,
        to: 7,
        changes: vec![change(None, b"meta"), change(Some(KeyGroup(1)), b"put")],
        id: "id".into(),
    };
    let files = KeyedHandle::ChangelogFiles {
        tag: if tag == 8 { 10 } else { 13 },
        range,
        streams: vec![(0, file(50)), (50, file(50))],
        state_size: 100,
        checkpointed_size: 50,
        id: "id".into(),
        storage: (tag == 14).then(|| "filesystem".into()),
    };
    KeyedHandle::Changelog {
        tag,
        range,
        checkpointed_size: 50,
        materialised: vec![incremental(11)],
        increments: vec![in_memory, files],
        materialisation_id: 3,
        checkpoint_id: (tag == 14).then_some(42),
        id: "id".into(),
    }
}

fn memory(data: &'static [u8]) -> StreamHandle {
    StreamHandle::InMemory { name: "name".into(), data: Bytes::from_static(data) }
}

fn file(size: i64) -> StreamHandle {
    StreamHandle::File { size, path: "file:/base/job/chk-42/f".into() }
}

fn segment(start: i64, size: i64) -> StreamHandle {
    let path = "file:/base/job/shared/s".into();
    StreamHandle::Segment { start, size, scope: Scope::Shared, path, file_id: "piece".into() }
}
