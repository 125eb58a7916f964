//! `KafkaTopicPartition`, the key of offsets in the state of the old Kafka consumer: a hash of its own, the
//! partition, the topic.

use alluvium_model::{ElementType, LogicalType, StructType, Value};

use super::super::text;
use super::{put_signed, put_varint, signed};
use crate::Result;
use crate::bytes::Input;

pub(super) const CLASS: &str = "org.apache.flink.streaming.connectors.kafka.internals.KafkaTopicPartition";

pub(super) fn ty() -> LogicalType {
    LogicalType::Struct(StructType::of([
        ("topic", ElementType::required(LogicalType::String)),
        ("partition", ElementType::required(LogicalType::Int32)),
    ]))
}

/// Returns none for a topic that is null.
pub(super) fn decode(input: &mut Input<'_>) -> Result<Option<Value>> {
    signed(input)?;
    let partition = signed(input)?;
    if input.u8("Kryo reference")? != 1 {
        return Ok(None);
    }
    let topic = string(input)?;
    Ok(topic.map(|topic| Value::Struct(vec![topic, Value::Int(partition.into())])))
}

/// Returns whether the value is one of the type.
pub(super) fn encode(value: &Value, out: &mut Vec<u8>) -> bool {
    let Value::Struct(parts) = value else { return false };
    let [Value::String(topic), Value::Int(partition)] = parts.as_slice() else { return false };
    let Ok(partition) = i32::try_from(*partition) else { return false };
    let hash = topic.encode_utf16().fold(0i32, |h, unit| h.wrapping_mul(31).wrapping_add(unit.into()));
    put_signed(hash.wrapping_mul(31).wrapping_add(partition), out);
    put_signed(partition, out);
    out.push(1);
    put_string(topic, out);
    true
}

/// Reads a string of Kryo 2; none for null.
fn string(input: &mut Input<'_>) -> Result<Option<Value>> {
    let first = input.u8("Kryo text")?;
    if first < 0x80 {
        let mut units = vec![u16::from(first)];
        loop {
            let byte = input.u8("Kryo text")?;
            units.push(u16::from(byte & 0x7F));
            if byte >= 0x80 {
                return Ok(Some(text::from_units(units)));
            }
        }
    }
    let mut length = usize::from(first & 0x3F);
    if first & 0x40 != 0 {
        length |= usize::from(input.u8("Kryo text")? & 0x7F) << 6;
    }
    let Some(count) = length.checked_sub(1) else { return Ok(None) };
    let bytes = input.take(count, "Kryo text")?;
    // Longer names than 63 characters, all of them ASCII as topics are.
    Ok(bytes.is_ascii().then(|| text::from_units(bytes.iter().map(|byte| u16::from(*byte)))))
}

fn put_string(text: &str, out: &mut Vec<u8>) {
    let (last, before) = match text.as_bytes().split_last() {
        Some(split) if (2..64).contains(&text.len()) && text.is_ascii() => split,
        _ => {
            let length = text.len() + 1;
            match length {
                ..0x40 => out.push(0x80 | length as u8),
                _ => {
                    out.push(0xC0 | (length & 0x3F) as u8);
                    put_varint((length >> 6) as u32, out);
                }
            }
            out.extend_from_slice(text.as_bytes());
            return;
        }
    };
    out.extend_from_slice(before);
    out.push(0x80 | last);
}
