//! Coordinators and sources as facts: the splits that enumerators have not given out, and those that
//! readers work on.

use serde_json::{Value as Json, json};

use super::operators::{ListPart, OperatorSource};
use crate::bytes::Input;
use crate::files::Files;
use crate::layout::lists::ListFile;
use crate::{ReadAt, Result};

/// Name of the list in which source readers keep their splits (`SourceOperator`).
const READERS: &str = "SourceReaderState";
/// Most bytes of a coordinator's state that are looked into.
const COORDINATOR_BYTES_MAX: u64 = 16 << 20;
/// Most splits of one subtask that are shown.
const SPLITS_MAX: usize = 1000;

/// Returns what a coordinator wrote: its bytes, and of a source the version and size of its
/// enumerator's state.
pub(super) fn coordinator(operator: &OperatorSource, files: &Files) -> Option<Json> {
    let bytes = match read_coordinator(operator, files)? {
        Ok(bytes) => bytes,
        Err(error) => return Some(json!({"operator": operator.id.to_string(), "error": error.to_string()})),
    };
    let mut fact = json!({"operator": operator.id.to_string(), "bytes": bytes.len()});
    if let (Some((version, state)), Some(object)) = (enumerator(&bytes), fact.as_object_mut()) {
        object.insert("enumerator_version".into(), version.into());
        object.insert("enumerator_bytes".into(), state.len().into());
    }
    Some(fact)
}

/// Returns the splits of a source whose form is known: those that its enumerator has not given out,
/// and those of its readers.
pub(super) fn source(operator: &OperatorSource, files: &Files) -> Option<Json> {
    let coordinator = read_coordinator(operator, files).and_then(Result::ok);
    let unassigned = coordinator
        .as_deref()
        .and_then(enumerator)
        .and_then(|(version, state)| number_sequences(state).or_else(|| kafka_enumerator(version, state)));
    let readers: Vec<Json> = operator.lists.iter().filter_map(reader).collect();
    if unassigned.is_none() && readers.is_empty() {
        return None;
    }
    let mut fact = json!({"operator": operator.id.to_string(), "readers": readers});
    if let (Some(unassigned), Some(object)) = (unassigned, fact.as_object_mut()) {
        object.insert("unassigned".into(), unassigned);
    }
    Some(fact)
}

fn read_coordinator(operator: &OperatorSource, files: &Files) -> Option<Result<bytes::Bytes>> {
    let handle = operator.operator.coordinator.as_ref()?;
    Some(files.open(handle).and_then(|stream| stream.read_from(0, COORDINATOR_BYTES_MAX)))
}

/// Returns version and bytes of the enumerator's state (`SourceCoordinatorSerdeUtils`).
fn enumerator(bytes: &[u8]) -> Option<(i32, &[u8])> {
    let mut input = Input::new(bytes);
    let format = input.i32("coordinator format").ok()?;
    let version = input.i32("enumerator version").ok()?;
    let state = input.bytes32("enumerator").ok()?;
    ((0..=1).contains(&format) && input.is_empty()).then_some((version, state))
}

/// Returns the splits of a reader, where all have a form that is known.
fn reader(part: &ListPart) -> Option<Json> {
    part.state(READERS, false)?;
    let file = ListFile::new(part.stream.as_ref() as &dyn ReadAt, &part.handle, part.header.compressed);
    let mut splits = Vec::new();
    for offset in part.offsets(READERS, false).iter().take(SPLITS_MAX) {
        let bytes = file.element(*offset).ok()?;
        splits.push(split(&bytes)?);
    }
    (!splits.is_empty()).then(|| json!({"subtask": part.subtask, "splits": splits}))
}

/// Reads a split: a byte array of `SimpleVersionedSerialization`.
fn split(element: &[u8]) -> Option<Json> {
    let mut outer = Input::new(element);
    let bytes = outer.bytes32("split").ok()?;
    let mut input = Input::new(bytes);
    let version = input.i32("split version").ok()?;
    let split = input.bytes32("split").ok()?;
    if !outer.is_empty() || !input.is_empty() {
        return None;
    }
    let whole = |read: fn(&mut Input<'_>) -> Option<Json>| {
        let mut input = Input::new(split);
        read(&mut input).filter(|_| input.is_empty())
    };
    whole(number_sequence).or_else(|| whole(kafka_split).filter(|_| version == 0))
}

/// Reads a range of numbers (`NumberSequenceSource.SplitSerializer`).
fn number_sequence(input: &mut Input<'_>) -> Option<Json> {
    let id = input.utf("split").ok()?;
    let (from, to) = (input.i64("from").ok()?, input.i64("to").ok()?);
    Some(json!({"id": id, "from": from, "to": to}))
}

/// Reads the ranges that a number sequence source has not given out.
fn number_sequences(state: &[u8]) -> Option<Json> {
    let mut input = Input::new(state);
    let count = input.count(18, "splits").ok()?;
    let splits: Vec<Json> = (0..count).map(|_| number_sequence(&mut input)).collect::<Option<_>>()?;
    input.is_empty().then(|| splits.into())
}

/// Reads a partition of a Kafka topic (`KafkaPartitionSplitSerializer`). Offsets below 0 are markers:
/// −1 latest, −2 earliest, −3 committed; a stopping offset of −2^63 is none.
fn kafka_split(input: &mut Input<'_>) -> Option<Json> {
    let topic = input.utf("topic").ok()?;
    let partition = input.i32("partition").ok()?;
    let (starting, stopping) = (input.i64("offset").ok()?, input.i64("offset").ok()?);
    let stopping = (stopping != i64::MIN).then_some(stopping);
    let known = !topic.is_empty() && partition >= 0 && starting >= -3;
    known.then(|| json!({"topic": topic, "partition": partition, "offset": starting, "until": stopping}))
}

/// Reads the partitions that the enumerator of a Kafka source knows (`KafkaSourceEnumStateSerializer`,
/// versions 1 to 3): topic and partition, and whether a reader has it.
fn kafka_enumerator(version: i32, state: &[u8]) -> Option<Json> {
    let mut input = Input::new(state);
    let count = input.count(6, "partitions").ok()?;
    let mut partitions = Vec::with_capacity(count);
    for _ in 0..count {
        let topic = input.utf("topic").ok()?;
        let partition = input.i32("partition").ok()?;
        if version >= 3 {
            input.i64("starting offset").ok()?;
            input.i64("stopping offset").ok()?;
        }
        let mut fact = json!({"topic": topic, "partition": partition});
        if version >= 2 {
            let assigned = input.i32("assignment status").ok()? == 0;
            fact.as_object_mut()?.insert("assigned".into(), assigned.into());
        }
        partitions.push(fact);
    }
    if version >= 2 {
        input.bool("initial discovery").ok()?;
    }
    ((1..=3).contains(&version) && input.is_empty()).then(|| partitions.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn element(version: i32, split: &[u8]) -> Vec<u8> {
        let len = |bytes: &[u8]| (bytes.len() as u32).to_be_bytes();
        let inner = [&version.to_be_bytes()[..], &len(split), split].concat();
        [&len(&inner)[..], &inner].concat()
    }

    #[test]
    fn splits_of_known_sources_are_read() {
        let sequence = [&[0, 1, b'2'][..], &7i64.to_be_bytes(), &9i64.to_be_bytes()].concat();
        assert_eq!(split(&element(1, &sequence)), Some(json!({"id": "2", "from": 7, "to": 9})));
        let head = [0, 2, b't', b'1', 0, 0, 0, 3];
        let kafka = [&head[..], &42i64.to_be_bytes(), &i64::MIN.to_be_bytes()].concat();
        let want = json!({"topic": "t1", "partition": 3, "offset": 42, "until": null});
        assert_eq!(split(&element(0, &kafka)), Some(want));
        assert_eq!(split(&element(1, b"free form")), None);
    }
}
