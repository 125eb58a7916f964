//! Splits of sources and what their coordinators keep, read from the bytes that connectors write.
//!
//! State of FLIP-27 sources is bytes to Flink: a version and a length in front
//! (`SimpleVersionedSerialization`), behind them what the connector's own serializer wrote, whose class is
//! nowhere. What is here is recognised by its shape alone, and only if not a byte is left over; it is
//! something to show, never what a value is made of.
//!
//! ```
//! use alluvium_interop_flink::serializer::connector::Split;
//!
//! let bytes = b"\0\0\0\x01\0\0\0\x13\0\x01a\0\0\0\0\0\0\0\x03\0\0\0\0\0\0\0\x0A";
//! let split = Split::recognise(bytes);
//! assert_eq!(split, Some(Split::NumberSequence { id: "a".into(), from: 3, to: 10 }));
//! ```

use serde_json::{Value as Json, json};

use crate::Result;
use crate::bytes::Input;

/// A split of a source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Split {
    /// Of a sequence of numbers, which the data generator uses too
    /// (`NumberSequenceSource.NumberSequenceSplit`).
    NumberSequence {
        /// Its id.
        id: String,
        /// The next number.
        from: i64,
        /// The last number, inclusive.
        to: i64,
    },
    /// Of a Kafka topic (`KafkaPartitionSplit`).
    Kafka {
        /// The topic.
        topic: String,
        /// Number of the partition.
        partition: i32,
        /// Offset of the next record; −1 latest, −2 earliest, −3 what the group committed.
        starting_offset: i64,
        /// Offset at which to stop, exclusive; none for a stream without end.
        stopping_offset: Option<i64>,
    },
}

/// State of a source's coordinator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Enumerator {
    /// Splits that no reader has yet.
    Splits(Vec<Split>),
    /// Partitions of Kafka topics (`KafkaSourceEnumState`).
    Kafka {
        /// Topic and number of each partition, and whether a reader has it.
        partitions: Vec<(String, i32, bool)>,
    },
}

/// Stopping offset of a Kafka split that has none.
const WITHOUT_END: i64 = i64::MIN;

impl Split {
    /// Recognises a split in an element of a source reader's state; none for other bytes.
    pub fn recognise(bytes: &[u8]) -> Option<Split> {
        let (version, payload) = versioned(bytes)?;
        whole(payload, |input| Ok(Some(split(version, input)?)))
    }

    /// Returns its members for people and scripts, with the kind of the split as `split`.
    pub fn to_json(&self) -> Json {
        match self {
            Split::NumberSequence { id, from, to } => {
                json!({ "split": "number-sequence", "id": id, "from": from, "to": to })
            }
            Split::Kafka { topic, partition, starting_offset, stopping_offset } => json!({
                "split": "kafka",
                "topic": topic,
                "partition": partition,
                "starting_offset": starting_offset,
                "stopping_offset": stopping_offset,
            }),
        }
    }
}

impl Enumerator {
    /// Recognises the state of a source's coordinator; none for other bytes.
    pub fn recognise(bytes: &[u8]) -> Option<Enumerator> {
        let mut input = Input::new(bytes);
        // Version of the coordinator's own form.
        if input.i32("coordinator").ok()? != 1 {
            return None;
        }
        let (version, payload) = versioned(input.rest())?;
        match version {
            0 => None,
            version => whole(payload, |input| splits(version, input)).or_else(|| {
                let partitions = whole(payload, |input| Ok(Some(kafka_partitions(version, input)?)))?;
                Some(Enumerator::Kafka { partitions })
            }),
        }
    }

    /// Returns its members for people and scripts.
    pub fn to_json(&self) -> Json {
        match self {
            Enumerator::Splits(splits) => {
                json!({ "splits": splits.iter().map(Split::to_json).collect::<Vec<_>>() })
            }
            Enumerator::Kafka { partitions } => {
                let partition = |(topic, partition, assigned): &(String, i32, bool)| json!({ "topic": topic, "partition": partition, "assigned": assigned });
                json!({ "partitions": partitions.iter().map(partition).collect::<Vec<_>>() })
            }
        }
    }
}

/// Splits a blob into its version and its payload; none for other bytes.
pub fn versioned(bytes: &[u8]) -> Option<(i32, &[u8])> {
    let mut input = Input::new(bytes);
    let version = input.i32("version").ok()?;
    let payload = input.bytes32("payload").ok()?;
    (version >= 0 && input.is_empty()).then_some((version, payload))
}

fn whole<T>(bytes: &[u8], read: impl FnOnce(&mut Input<'_>) -> Result<Option<T>>) -> Option<T> {
    let mut input = Input::new(bytes);
    let found = read(&mut input).ok()??;
    input.is_empty().then_some(found)
}

fn split(version: i32, input: &mut Input<'_>) -> Result<Split> {
    let name = input.utf("split")?;
    match version {
        0 => {
            let (partition, starting_offset) = (input.i32("partition")?, input.i64("offset")?);
            let stopping_offset = Some(input.i64("offset")?).filter(|offset| *offset != WITHOUT_END);
            Ok(Split::Kafka { topic: name, partition, starting_offset, stopping_offset })
        }
        1 => Ok(Split::NumberSequence { id: name, from: input.i64("number")?, to: input.i64("number")? }),
        other => Err(input.malformed("split", "version 0 or 1", other)),
    }
}

fn splits(version: i32, input: &mut Input<'_>) -> Result<Option<Enumerator>> {
    let count = input.count(18, "splits")?;
    let splits = (0..count).map(|_| split(version, input)).collect::<Result<_>>()?;
    Ok(Some(Enumerator::Splits(splits)))
}

/// Reads partitions; since version 2 each says whether it is assigned, and a flag follows all.
fn kafka_partitions(version: i32, input: &mut Input<'_>) -> Result<Vec<(String, i32, bool)>> {
    let count = input.count(6, "partitions")?;
    let mut partitions = Vec::with_capacity(count);
    for _ in 0..count {
        let (topic, partition) = (input.utf("topic")?, input.i32("partition")?);
        let assigned = version < 2 || input.i32("assignment")? == 0;
        partitions.push((topic, partition, assigned));
    }
    if version >= 2 {
        input.bool("initial discovery")?;
    }
    Ok(partitions)
}
